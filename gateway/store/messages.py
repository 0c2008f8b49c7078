"""Owns messages as the API sees them: admission in one transaction, single reads, lists, local decisions.

Knows no HTTP. The cost of a page, a count and an admission does not grow with the rows that are final.
Source: W1; rules API-8 (idempotency record in the transaction of its effect), API-10 (keyset pages).
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

from gateway.ids import lowest_id
from gateway.lifecycle import Happening
from gateway.message import (
    QUIET_HOURS,
    Message,
    MessageState,
    NewMessage,
    PartDetail,
    TimelineEntry,
    bound_line,
)
from gateway.policy.eta import Estimate
from gateway.store import audit, eta, gate, noted, questions
from gateway.store.convert import load_message, load_part, load_timeline_entry
from gateway.store.decisions import decide_locally
from gateway.store.events import event_of
from gateway.store.protocol import IdempotencyKeyReused, NotFound, QueueFull
from gateway.store.queue import enter, lane_of
from gateway.store.rows import Admitted, IdempotencyKey, MessageFilter, Page, StoredAnswer, View
from gateway.store.transaction import Row, Tx
from gateway.store.viewing import page_of, viewed

SLACK_MS = 31 * 86_400_000
"""How far an id's time may be from its row's: a clock that steps moves one before the other, by weeks on a board that
was off."""

ADMITTED = 202
"""Status of a record whose body is the ``held_reason`` that a message was admitted with; records that are older have
none."""


def admit(tx: Tx, new: NewMessage, idempotency: IdempotencyKey | None, max_queued: int) -> Admitted:
    """Store a message, its first event and the idempotency record, or find what the key made before.

    Raises:
        QueueFull, IdempotencyKeyReused, NotAdmitted.
    """
    if idempotency is not None:
        known = _known(tx, idempotency)
        if known is not None and known["message_id"] is not None:
            return Admitted(_as_admitted(tx, known), replayed=True)
    if tx.waiting(new.tenant) >= max_queued:
        raise QueueFull
    new = judged(tx, new)
    message = store(tx, new)
    event_of(tx, message, f"message.{message.state.value}")
    if new.held_reason is not None and message.state is MessageState.HELD:
        questions.ask(tx, questions.of_message(new))
    if idempotency is not None:
        _remember(tx, idempotency, message_id=new.id, status=ADMITTED, body=new.held_reason)
    return Admitted(message, replayed=False)


def judged(tx: Tx, new: NewMessage) -> NewMessage:
    """Ask the rules; returns the message as it is to be stored. Raises NotAdmitted."""
    return gate.admit(tx, new)


def store(tx: Tx, new: NewMessage) -> Message:
    """Write the row of an admitted message and let it into the queue; its event is the caller's to write."""
    columns = columns_of(tx, new)
    tx.run("message_insert", **columns)
    tx.count(columns, columns["state"], 1)
    noted.entered(tx, columns)
    if columns["ready"]:
        enter(tx, columns)
    tx.touched.add("queue")
    return _admitted(new, MessageState(columns["state"]), columns["due_at"])


def columns_of(tx: Tx, new: NewMessage) -> dict[str, Any]:
    """The row of a new message: held for a person, waiting for its time, or ready."""
    state = MessageState.QUEUED if new.held_reason in (None, QUIET_HOURS) else MessageState.HELD
    due_at_ms = max(new.send_at_ms or 0, new.due_at_ms or 0)
    ready = state is MessageState.QUEUED and due_at_ms <= tx.now_ms
    return _columns(tx, new, state, due_at_ms=None if ready else due_at_ms or None)


def _admitted(new: NewMessage, state: MessageState, due_at_ms: int | None) -> Message:
    """The message as a read would give it now; reading it back would cost a third of the admission."""
    return Message(
        id=new.id,
        tenant=new.tenant,
        key_id=new.key_id,
        state=state,
        to=new.to,
        text=new.text,
        octets=new.octets,
        port=new.port,
        encoding=new.encoding,
        coding=new.coding,
        parts=new.parts,
        parts_sent=0,
        parts_delivered=0,
        parts_in_doubt=0,
        route=new.route,
        line=bound_line(new.route),
        pool=new.pool,
        sender=None,
        sandbox=new.sandbox,
        priority=new.priority,
        purpose=new.purpose,
        reference=new.reference,
        batch_id=new.batch_id,
        tags=new.tags,
        delivery_report=new.delivery_report,
        flash=new.flash,
        on_doubt=new.on_doubt,
        warnings=new.warnings,
        held_reason=new.held_reason,
        attempts=0,
        error=None,
        created_at_ms=new.created_at_ms,
        send_at_ms=new.send_at_ms,
        due_at_ms=due_at_ms,
        expires_at_ms=new.expires_at_ms,
        sent_at_ms=None,
        delivered_at_ms=None,
        country=new.country,
        template_id=new.template_id,
        template_version=new.template_version,
        passes=new.passes,
        line_asked=new.line,
    )


def _columns(tx: Tx, new: NewMessage, state: MessageState, *, due_at_ms: int | None) -> dict[str, Any]:
    queued = state is MessageState.QUEUED
    return {
        "id": new.id,
        "tenant": new.tenant,
        "key_id": new.key_id,
        "state": state.value,
        "ready": int(queued and due_at_ms is None),
        "to_number": new.to,
        "text": tx.seal(f"message|text|{new.id}", new.text),
        "octets": tx.seal(f"message|octets|{new.id}", new.octets),
        "port": new.port,
        "encoding": new.encoding,
        "coding": new.coding,
        "parts": new.parts,
        "route": f"line:{new.sticky_line}" if new.sticky_line else new.route,
        "home_route": new.route,
        "pinned_until": new.pinned_until_ms,
        "line_asked": new.line,
        "pool": new.pool,
        "sandbox": int(new.sandbox),
        "priority": new.priority,
        "purpose": new.purpose,
        "reference": new.reference,
        "batch_id": new.batch_id,
        "tags": json.dumps(new.tags),
        "delivery_report": int(new.delivery_report),
        "flash": int(new.flash),
        "on_doubt": new.on_doubt,
        "warnings": json.dumps(new.warnings),
        "held_reason": new.held_reason,
        "created_at": new.created_at_ms,
        "send_at": new.send_at_ms,
        "due_at": due_at_ms if queued else None,
        "expires_at": new.expires_at_ms,
        "lane": lane_of(new.key_id, new.batch_id, urgent=new.purpose == "urgent"),
        "country": new.country,
        "template_id": new.template_id,
        "template_version": new.template_version,
        "passes": new.passes,
        "notify": None if new.notify is None else json.dumps(asdict(new.notify)),
        "late_at": None if new.notify is None else new.notify.late_at_ms(_start_ms(new)),
    }


def _start_ms(new: NewMessage) -> int:
    return max(new.created_at_ms, new.send_at_ms or 0)


def _as_admitted(tx: Tx, known: Row) -> Message:
    """The message of a record as the first answer showed it, whatever has become of it since."""
    row = _row(tx, known["message_id"])
    held_reason = row["held_reason"]
    if known["status"] is not None:
        held_reason = tx.unseal_text(_body_of(known["scope"], known["key"]), known["body"])
    return replace(
        load_message(tx, row),
        state=MessageState.QUEUED if held_reason in (None, QUIET_HOURS) else MessageState.HELD,
        held_reason=held_reason,
        # When its hours began, which the tick has moved once they have.
        due_at_ms=(row["due_at"] or row["ready_at"]) if held_reason == QUIET_HOURS else row["send_at"],
        parts_sent=0,
        parts_delivered=0,
        parts_in_doubt=0,
        route=row["home_route"],
        line=bound_line(row["home_route"]),
        sender=None,
        attempts=0,
        error=None,
        sent_at_ms=None,
        delivered_at_ms=None,
        cost_micro=0,
        currency=None,
    )


# ------------------------------------------------------------------ idempotency


def _known(tx: Tx, idempotency: IdempotencyKey) -> Row | None:
    known = tx.one("idempotency_get", scope=idempotency.scope, key=idempotency.key)
    if known is not None and known["fingerprint"] != idempotency.fingerprint:
        raise IdempotencyKeyReused
    return known


def _remember(
    tx: Tx,
    idempotency: IdempotencyKey,
    *,
    message_id: str | None = None,
    status: int,
    body: str | bytes | None,
) -> None:
    tx.run(
        "idempotency_put",
        scope=idempotency.scope,
        key=idempotency.key,
        fingerprint=idempotency.fingerprint,
        message_id=message_id,
        status=status,
        body=tx.seal(_body_of(idempotency.scope, idempotency.key), body),
        created_at=tx.now_ms,
    )


def _body_of(scope: str, key: str) -> str:
    return f"idempotency|body|{scope}|{key}"


def answered(tx: Tx, idempotency: IdempotencyKey) -> StoredAnswer | None:
    """Find the answer of an earlier POST. Raises IdempotencyKeyReused."""
    known = _known(tx, idempotency)
    if known is None or known["body"] is None:
        return None
    where = _body_of(idempotency.scope, idempotency.key)
    return StoredAnswer(known["status"], tx.unseal(where, known["body"]) or b"")


def keep_answer(tx: Tx, idempotency: IdempotencyKey, answer: StoredAnswer) -> None:
    """Remember the answer of a POST that makes no message."""
    if _known(tx, idempotency) is None:
        _remember(tx, idempotency, status=answer.status, body=answer.body)


# ------------------------------------------------------------------ reads


def _row(tx: Tx, message_id: str) -> Row:
    row = tx.one("message_by_id", id=message_id)
    if row is None:
        raise NotFound
    return row


def _viewed(tx: Tx, view: View, message_id: str) -> Row:
    return viewed(tx, view, "message_for_viewer", message_id)


def message(tx: Tx, view: View, message_id: str) -> Message:
    return load_message(tx, _viewed(tx, view, message_id))


def messages(tx: Tx, view: View, where: MessageFilter, page: tuple[int, str | None]) -> Page[Message]:
    """List messages newest first; ``page`` is (limit, id to continue after)."""
    limit, after = page
    rows = listed(tx, "messages_select", (view, where), (limit + 1, after))
    return page_of(rows, limit, lambda row: load_message(tx, row))


def listed(
    tx: Tx,
    select: str,
    shown: tuple[View, MessageFilter],
    page: tuple[int, str | None],
    ends: tuple[str | None, str | None] = (None, None),
) -> list[Row]:
    """Read rows that a filter lets through, newest first, by a SELECT that ends at the tenant.

    ``page`` is (rows at most, id to continue after); ``ends`` are the id that all are above, and the greatest.
    """
    (view, where), (most, after), (above, upto) = shown, page, ends
    conditions: list[str] = []
    values: dict[str, Any] = {"tenant": view.tenant, "limit": most, **around(where)}
    if view.sandbox_only:
        conditions.append("where_sandbox")
    if where.scheduled is not None:
        conditions.append("where_scheduled" if where.scheduled else "where_not_scheduled")
        values["now"] = tx.now_ms
    for name, value in (
        ("after", after),
        ("above", above),
        ("upto", upto),
        ("to", where.to),
        ("line", where.line),
        ("reference", where.reference),
        ("batch_id", where.batch_id),
        ("since", where.since_ms),
        ("until", where.until_ms),
    ):
        if value is not None:
            conditions.append(f"where_{name.removesuffix('_id')}")
            values[name] = value
    rows: list[Row] = []
    # One query for each state: together they would be a scan past all other rows to keep the order.
    for state in where.states or (None,):
        one_state = [*conditions, "where_one_state"] if state else conditions
        rows += tx.composed(select, one_state, "messages_order", values | {"state": state})
    rows.sort(key=lambda row: str(row["id"]), reverse=True)
    return rows[:most]


def around(where: MessageFilter) -> dict[str, str]:
    """Bound ids by the times of a filter, so that rows far before and far after them are not read."""
    bounds = {}
    if where.since_ms is not None:
        bounds["since_id"] = lowest_id(where.since_ms - SLACK_MS)
    if where.until_ms is not None:
        bounds["until_id"] = lowest_id(where.until_ms + SLACK_MS)
    return bounds


def parts(tx: Tx, message_id: str) -> tuple[PartDetail, ...]:
    return tuple(load_part(tx, row) for row in tx.rows("parts_of_message", message_id=message_id))


def timeline(tx: Tx, message_id: str) -> tuple[TimelineEntry, ...]:
    return tuple(load_timeline_entry(tx, row) for row in tx.rows("events_of_subject", subject=message_id))


def message_eta(tx: Tx, view: View, message_id: str) -> Estimate | None:
    """Guess when it will be sent. Raises NotFound."""
    return eta.of_message(tx, _viewed(tx, view, message_id))


def counts(tx: Tx, tenant: str) -> dict[MessageState, int]:
    return {MessageState(row["state"]): row["n"] for row in tx.rows("state_counts", tenant=tenant)}


def change(tx: Tx, view: View, decision: tuple[str, Happening, str]) -> Message:
    """Carry out a person's decision: (message id, happening, actor). Raises NotFound, Conflict."""
    message_id, happening, actor = decision
    row = _viewed(tx, view, message_id)
    decided = load_message(tx, decide_locally(tx, row, happening, actor))
    if row["state"] == MessageState.IN_DOUBT:
        said = {"as": happening.value, "state": decided.state.value}
        audit.append(
            tx,
            audit.Deed(
                "message.resolved", actor, view.tenant, f"message:{message_id}", said, bool(row["sandbox"])
            ),
        )
    return decided
