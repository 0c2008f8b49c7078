"""Owns schedules as they are stored: what recurs, when it is next due, what came of each occurrence.

Knows no calendar: the next time is computed elsewhere and given as a value. An occurrence is carried out at most once
because its time moves by compare-and-set, and its messages carry idempotency keys of their own.
Source: RFC 5545 (what recurs); rules API-8, DAT-1, TEN-1.
"""

from __future__ import annotations

import json
from typing import Any

from gateway.message import Message, Notify
from gateway.representation import Json, rfc3339
from gateway.store.convert import DAMAGED, load_key, load_message
from gateway.store.crypto import DamagedRow
from gateway.store.events import Happened, append
from gateway.store.plan_rows import (
    Calendar,
    DueSchedule,
    PausedReason,
    PlannedMessage,
    Rescheduling,
    RunRefusal,
    ScheduleRow,
    ScheduleRun,
)
from gateway.store.protocol import NotFound, StoreError
from gateway.store.rows import Page, View
from gateway.store.templates import Superseded
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units
from gateway.store.viewing import page_of, viewed

RUNS_SHOWN = 20
"""How many runs are shown: half a year of a weekly reminder."""


class TooLate(StoreError):
    """The message is not waiting for a time that is ahead: it is due, on its way, or final."""


def scope_of(schedule_id: str) -> str:
    """Name the idempotency scope of a schedule's messages; their keys begin with the occurrence and a colon."""
    return f"schedule:{schedule_id}"


class Schedules:
    """Schedules of every tenant. All verbs may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def add(self, row: ScheduleRow) -> ScheduleRow:
        """Store a new schedule; its times of creation and change are the store's."""
        return await self._units.write(lambda tx: add(tx, row))

    async def get(self, view: View, schedule_id: str) -> ScheduleRow:
        """Raises NotFound."""
        return await self._units.read(lambda tx: get(tx, view, schedule_id))

    async def page(self, view: View, limit: int, after: str | None) -> Page[ScheduleRow]:
        """List schedules, youngest first."""
        return await self._units.read(lambda tx: page(tx, view, limit, after))

    async def change(self, row: ScheduleRow) -> ScheduleRow:
        """Write a schedule as it is to be. Raises NotFound; Superseded: it was changed since ``row.revision``."""
        return await self._units.write(lambda tx: change(tx, row))

    async def pause(self, view: View, schedule_id: str, reason: PausedReason) -> ScheduleRow:
        """Let nothing more fall due until it is changed back; a paused one keeps its first reason.

        Emits ``policy.alert`` unless a person asked for it. Raises NotFound.
        """
        return await self._units.write(lambda tx: pause(tx, view, schedule_id, reason))

    async def delete(self, view: View, schedule_id: str) -> None:
        """Remove a schedule and its runs; messages that it made go on. Raises NotFound."""
        await self._units.write(lambda tx: delete(tx, view, schedule_id))

    async def runs(self, view: View, schedule_id: str) -> tuple[ScheduleRun, ...]:
        """List the last runs, newest first. Raises NotFound."""
        return await self._units.read(lambda tx: runs(tx, view, schedule_id))

    async def due(self, limit: int) -> tuple[DueSchedule, ...]:
        """List schedules of all tenants whose time has come, oldest first."""
        return await self._units.read(lambda tx: due(tx, limit))

    async def next_at_ms(self) -> int | None:
        """Say when the next schedule falls due."""
        return await self._units.read(next_at_ms)

    async def ran(self, due: DueSchedule, run: ScheduleRun, next_at_ms: int | None) -> None:
        """Write what came of an occurrence and move on to the next; None ends the schedule.

        An occurrence that was written before stays as it was. A ``missed`` one whose messages had been made before
        the gateway stopped is written as ``sent``. One that was missed or refused as a whole emits ``policy.alert``.
        """
        await self._units.write(lambda tx: ran(tx, due, run, next_at_ms))

    async def follow_key(self, tenant: str, old_key_id: str, new_key_id: str) -> None:
        """Let schedules go on with the successor of a rotated key."""
        await self._units.write(
            lambda tx: tx.run(
                "schedules_follow_key", tenant=tenant, old_key_id=old_key_id, new_key_id=new_key_id
            )
        )

    async def reschedule(self, view: View, message_id: str, to: Rescheduling, actor: str) -> Message:
        """Move a single message that is not due yet.

        Raises:
            NotFound; TooLate: it is due, on its way or final, or was tried before.
        """
        return await self._units.write(lambda tx: reschedule(tx, view, message_id, (to, actor)))


# ------------------------------------------------------------------ what people do


def add(tx: Tx, row: ScheduleRow) -> ScheduleRow:
    tx.run("schedule_insert", **_columns(tx, row))
    _put_recipients(tx, row)
    tx.touched.add("schedules")
    return get(tx, View(row.tenant), row.id)


def change(tx: Tx, row: ScheduleRow) -> ScheduleRow:
    if not tx.run("schedule_update", **_columns(tx, row), revision=row.revision):
        get(tx, View(row.tenant), row.id)
        raise Superseded
    tx.run("schedule_recipients_delete", tenant=row.tenant, schedule_id=row.id)
    _put_recipients(tx, row)
    tx.touched.add("schedules")
    return get(tx, View(row.tenant), row.id)


def _put_recipients(tx: Tx, row: ScheduleRow) -> None:
    tx.many(
        "schedule_recipient_insert",
        [
            {"tenant": row.tenant, "schedule_id": row.id, "position": position, "number": number}
            for position, number in enumerate(row.message.to)
        ],
    )


def _columns(tx: Tx, row: ScheduleRow) -> dict[str, Any]:
    message = row.message
    values = json.dumps(dict(message.values)) if message.values else None
    return {
        "id": row.id,
        "tenant": row.tenant,
        "sandbox": int(row.sandbox),
        "key_id": row.key_id,
        "state": row.state,
        "paused_reason": row.paused_reason,
        "rrule": row.calendar.rrule,
        "start_local": row.calendar.start,
        "timezone": row.calendar.timezone,
        "exdates": json.dumps(row.calendar.exdates),
        "recipients_group": message.group,
        "text": tx.seal(f"schedule|text|{row.id}", message.text),
        "template_id": message.template_id,
        "template_version": message.template_version,
        "language": message.language,
        "template_values": tx.seal(f"schedule|template_values|{row.id}", values),
        "purpose": message.purpose,
        "line": message.line,
        "pool": message.pool,
        "priority": message.priority,
        "valid_for_s": message.valid_for_s,
        "reference": message.reference,
        "tags": json.dumps(dict(message.tags)),
        "next_at": row.next_at_ms,
        "now": tx.now_ms,
    }


def pause(tx: Tx, view: View, schedule_id: str, reason: PausedReason) -> ScheduleRow:
    row = _viewed(tx, view, schedule_id)
    paused = tx.run("schedule_pause", id=schedule_id, tenant=row["tenant"], reason=reason, now=tx.now_ms)
    if paused and reason != "asked":
        _alert(tx, row, {"kind": "schedule_paused", "reason": reason})
    return get(tx, view, schedule_id)


def key_revoked(tx: Tx, tenant: str, key_id: str) -> None:
    """Let all schedules of a key rest, and tell so now: the next time of a reminder may be weeks away."""
    for row in tx.rows("schedules_of_key", tenant=tenant, key_id=key_id):
        pause(tx, View(tenant), row["id"], "key_revoked")


def _alert(tx: Tx, schedule: Row, what: Json) -> None:
    """Tell that a reminder is not sent any more, or was not sent: nobody looks at what does not come."""
    append(
        tx,
        Happened(
            type="policy.alert",
            tenant=schedule["tenant"],
            sandbox=bool(schedule["sandbox"]),
            subject=schedule["id"],
            public=True,
            snapshot={**what, "schedule_id": schedule["id"]},
        ),
    )


def delete(tx: Tx, view: View, schedule_id: str) -> None:
    tenant = _viewed(tx, view, schedule_id)["tenant"]
    tx.run("schedule_recipients_delete", tenant=tenant, schedule_id=schedule_id)
    tx.run("schedule_runs_delete", tenant=tenant, schedule_id=schedule_id)
    tx.run("schedule_delete", tenant=tenant, id=schedule_id)


# ------------------------------------------------------------------ reads


def _viewed(tx: Tx, view: View, schedule_id: str) -> Row:
    return viewed(tx, view, "schedule_for_viewer", schedule_id)


def get(tx: Tx, view: View, schedule_id: str) -> ScheduleRow:
    return _shown(tx, _viewed(tx, view, schedule_id))


def page(tx: Tx, view: View, limit: int, after: str | None) -> Page[ScheduleRow]:
    rows = tx.rows(
        "schedule_page",
        tenant=view.tenant,
        sandbox_only=int(view.sandbox_only),
        after=after or "",
        limit=limit + 1,
    )
    return page_of(rows, limit, lambda row: _shown(tx, row))


def runs(tx: Tx, view: View, schedule_id: str) -> tuple[ScheduleRun, ...]:
    row = _viewed(tx, view, schedule_id)
    found = tx.rows("schedule_runs_of", tenant=row["tenant"], schedule_id=schedule_id, limit=RUNS_SHOWN)
    return tuple(_load_run(tx, run) for run in found)


def _load(tx: Tx, row: Row) -> ScheduleRow:
    """Read a schedule. Raises DamagedRow: a text that was changed must never be sent."""
    text = tx.unseal_text(f"schedule|text|{row['id']}", row["text"])
    values = tx.unseal_text(f"schedule|template_values|{row['id']}", row["template_values"])
    return _row(tx, row, text, json.loads(values) if values is not None else {})


def _shown(tx: Tx, row: Row) -> ScheduleRow:
    """Read a schedule for people: a damaged one is shown as such, and the rest of it is served."""
    try:
        return _load(tx, row)
    except DamagedRow:
        return _row(tx, row, DAMAGED, {})


def _row(tx: Tx, row: Row, text: str | None, values: dict[str, str]) -> ScheduleRow:
    to = tx.rows("schedule_recipients_of", tenant=row["tenant"], schedule_id=row["id"])
    message = PlannedMessage(
        to=tuple(recipient["number"] for recipient in to),
        group=row["recipients_group"],
        text=text,
        template_id=row["template_id"],
        template_version=row["template_version"],
        language=row["language"],
        values=values,
        purpose=row["purpose"],
        line=row["line"],
        pool=row["pool"],
        priority=row["priority"],
        valid_for_s=row["valid_for_s"],
        reference=row["reference"],
        tags=json.loads(row["tags"]),
    )
    return ScheduleRow(
        id=row["id"],
        tenant=row["tenant"],
        sandbox=bool(row["sandbox"]),
        key_id=row["key_id"],
        state=row["state"],
        paused_reason=row["paused_reason"],
        calendar=Calendar(
            row["rrule"], row["start_local"], row["timezone"], tuple(json.loads(row["exdates"]))
        ),
        message=message,
        next_at_ms=row["next_at"],
        created_at_ms=row["created_at"],
        updated_at_ms=row["updated_at"],
        revision=row["revision"],
        not_before_ms=row["not_before"],
    )


def _load_run(tx: Tx, row: Row) -> ScheduleRun:
    """Read a run; why single recipients were refused is left out where it is damaged, and the rest served."""
    try:
        refusals = tx.unseal_text(
            f"schedule_run|refusals|{row['schedule_id']}|{row['occurrence_at']}", row["refusals"]
        )
    except DamagedRow:
        refusals = None
    return ScheduleRun(
        occurrence_ms=row["occurrence_at"],
        state=row["state"],
        accepted=row["accepted"],
        refused=row["refused"],
        refusals=tuple(RunRefusal(*each) for each in json.loads(refusals or "[]")),
        message_id=row["message_id"],
        missed_until_ms=row["missed_until"],
        at_ms=row["at"],
    )


# ------------------------------------------------------------------ what the loop does


def due(tx: Tx, limit: int) -> tuple[DueSchedule, ...]:
    return tuple(_due(tx, row) for row in tx.rows("schedules_due", now=tx.now_ms, limit=limit))


def _due(tx: Tx, row: Row) -> DueSchedule:
    key = tx.one("credential_by_id", id=row["key_id"], tenant=row["tenant"])
    try:
        schedule = _load(tx, _viewed(tx, View(row["tenant"]), row["id"]))
    except DamagedRow:
        schedule = None
    return DueSchedule(
        row["id"], row["tenant"], row["next_at"], schedule, load_key(key) if key is not None else None
    )


def next_at_ms(tx: Tx) -> int | None:
    row = tx.one("schedule_next_at")
    return row["at"] if row else None


def ran(tx: Tx, due: DueSchedule, run: ScheduleRun, next_at_ms: int | None) -> None:
    try:
        schedule = _viewed(tx, View(due.tenant), due.id)
    except NotFound:
        # Deleted while its messages were being made: those go on, there is nothing to write about.
        return
    _put_run(tx, schedule, run)
    tx.run(
        "schedule_advance",
        id=due.id,
        tenant=due.tenant,
        occurrence=due.occurrence_ms,
        next_at=next_at_ms,
        ended=int(next_at_ms is None),
    )


def _put_run(tx: Tx, schedule: Row, run: ScheduleRun) -> None:
    state, accepted, message_id = run.state, run.accepted, run.message_id
    if state == "missed":
        made = tx.one("schedule_admitted", scope=scope_of(schedule["id"]), keys=f"{run.occurrence_ms}:%")
        if made is not None and made["n"]:
            state, accepted = "sent", made["n"]
            message_id = made["message_id"] if accepted == 1 else None
    where = f"schedule_run|refusals|{schedule['id']}|{run.occurrence_ms}"
    refusals = json.dumps([(each.index, each.code, each.detail) for each in run.refusals])
    written = tx.run(
        "schedule_run_insert",
        tenant=schedule["tenant"],
        schedule_id=schedule["id"],
        occurrence_at=run.occurrence_ms,
        state=state,
        accepted=accepted,
        refused=run.refused,
        refusals=tx.seal(where, refusals if run.refusals else None),
        message_id=message_id,
        missed_until=run.missed_until_ms,
        at=tx.now_ms,
    )
    if written and state != "sent":
        code = run.refusals[0].code if run.refusals else None
        occurrence = rfc3339(run.occurrence_ms)
        _alert(tx, schedule, {"kind": f"schedule_{state}", "reason": code, "occurrence": occurrence})


def hold_restored(tx: Tx) -> None:
    """Let every schedule rest after a restore: an old backup must not send again."""
    tx.run("schedules_hold_restored")


def release_restored(tx: Tx, tenant: str) -> None:
    """Let schedules go on that a restore holds; what fell due until now is not caught up."""
    tx.run("schedules_release_restored", tenant=tenant, now=tx.now_ms)
    tx.touched.add("schedules")


# ------------------------------------------------------------------ a single message before it is due


def reschedule(tx: Tx, view: View, message_id: str, change: tuple[Rescheduling, str]) -> Message:
    to, actor = change
    row = viewed(tx, view, "message_for_viewer", message_id)
    times = _moved_times(row, to, tx.now_ms)
    moved = tx.one("message_reschedule", id=message_id, tenant=row["tenant"], now=tx.now_ms, **times)
    if moved is None:
        raise TooLate
    tx.touched.add("queue")
    append(
        tx,
        Happened(
            type="message.rescheduled",
            tenant=row["tenant"],
            sandbox=bool(row["sandbox"]),
            subject=message_id,
            witness="person",
            detail={"by": actor, "send_at_ms": times["send_at"], "expires_at_ms": times["expires_at"]},
        ),
    )
    return load_message(tx, moved)


def _moved_times(row: Row, to: Rescheduling, now_ms: int) -> dict[str, Any]:
    start_ms = row["created_at"] if row["send_at"] is None else row["send_at"]
    valid_ms = row["expires_at"] - start_ms if to.valid_for_s is None else to.valid_for_s * 1000
    if to.send_at_ms is None:
        kept = {name: row[name] for name in ("send_at", "due_at", "held_reason", "late_at")}
        return {**kept, "expires_at": start_ms + valid_ms}
    # A time that is past means now: the tick makes it ready, with everything that belongs to becoming ready.
    start_ms = max(to.send_at_ms, now_ms)
    return {
        "send_at": start_ms,
        "due_at": start_ms,
        "held_reason": None,
        "expires_at": start_ms + valid_ms,
        "late_at": None
        if row["notify"] is None
        else Notify(**json.loads(row["notify"])).late_at_ms(start_ms),
    }
