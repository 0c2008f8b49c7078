"""Owns notifications as the API and the loop see them: accepted once, listed, due on a channel.

Knows no channel's protocol; what a verdict leads to stands in :mod:`gateway.store.notification_fate`.
Source: W1, W4; rules API-8 (the record of an Idempotency-Key in the transaction of its effect), TEN-1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.ids import new_id
from gateway.notification_flow import Channel, NotificationState, Verdict
from gateway.store import notification_fate as fate
from gateway.store.crypto import DamagedRow
from gateway.store.messages import answered, keep_answer
from gateway.store.notification_load import (
    columns,
    dump_remarks,
    load_bulk,
    load_due,
    load_notification,
    load_subject,
)
from gateway.store.notification_rows import Bulk, Due, NewNotification, Notification, Tried
from gateway.store.rows import IdempotencyKey, Page, StoredAnswer, View
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units
from gateway.store.viewing import page_of, viewed


@dataclass(frozen=True, slots=True)
class DueNow:
    """What a channel has to do; ``unreadable`` are ids whose stored words are damaged."""

    work: tuple[Due, ...]
    unreadable: tuple[str, ...]
    next_at_ms: int | None
    """When the earliest row of the channel falls due, those in ``work`` included (UTC ms)."""


@dataclass(frozen=True, slots=True)
class NotificationFilter:
    """Filters of the list; None = any."""

    bulk_id: str | None = None
    state: NotificationState | None = None


def accept(
    tx: Tx, new: NewNotification, idempotency: IdempotencyKey | None, answer: StoredAnswer
) -> StoredAnswer | None:
    """Store a notification and the answer of its request; gives the first answer of a repeated one instead.

    Raises:
        IdempotencyKeyReused.
    """
    known = answered(tx, idempotency) if idempotency is not None else None
    if known is not None:
        return known
    tx.run("notification_insert", **columns(tx, new))
    if idempotency is not None:
        keep_answer(tx, idempotency, answer)
    tx.touched.add("notifications")
    return None


def attach(tx: Tx, new: NewNotification, message_id: str) -> None:
    """Store a notification whose text is a message of a batch: what follows when it does not arrive."""
    due_at_ms = None if new.fallback_after_s is None else new.created_at_ms + new.fallback_after_s * 1000
    tx.run("notification_insert", **(columns(tx, new) | {"due_at": due_at_ms}))
    tx.run(
        "notification_attempt_put",
        id=new_id(),
        tenant=new.sender.tenant,
        notification_id=new.id,
        step=0,
        channel="sms",
        status="queued",
        tries=1,
        message_id=message_id,
        error=None,
        detail=None,
        at=tx.now_ms,
    )


def begin_bulk(tx: Tx, bulk: Bulk, run: str) -> None:
    """Open a bulk that nobody sees until :func:`finish_bulk`; ``run`` is the run of the gateway that stores it."""
    tx.run(
        "notification_bulk_insert",
        id=bulk.id,
        tenant=bulk.tenant,
        key_id=bulk.key_id,
        sandbox=int(bulk.sandbox),
        run=run,
        total=bulk.total,
        accepted=bulk.accepted,
        remarks=dump_remarks(tx, bulk),
        created_at=bulk.created_at_ms,
    )


def add_to_bulk(tx: Tx, rows: Sequence[NewNotification]) -> None:
    tx.many("notification_insert", [columns(tx, row) for row in rows])


def finish_bulk(
    tx: Tx, bulk: Bulk, idempotency: IdempotencyKey | None, answer: StoredAnswer
) -> StoredAnswer | None:
    """Let a stored bulk go; a request that was answered meanwhile is answered the same, and this bulk dropped.

    Raises:
        IdempotencyKeyReused.
    """
    known = answered(tx, idempotency) if idempotency is not None else None
    if known is not None:
        drop_bulk(tx, bulk)
        return known
    tx.run("notification_bulk_ready", id=bulk.id)
    if idempotency is not None:
        keep_answer(tx, idempotency, answer)
    tx.touched.add("notifications")
    return None


def drop_bulk(tx: Tx, bulk: Bulk) -> None:
    """Forget a bulk that was not finished."""
    if tx.run("notification_bulk_delete", id=bulk.id):
        tx.run("notifications_of_bulk_delete", tenant=bulk.tenant, bulk_id=bulk.id)


# ------------------------------------------------------------------ reads


def notification(tx: Tx, view: View, notification_id: str) -> Notification:
    """Raises NotFound."""
    row = viewed(tx, view, "notification_for_viewer", notification_id)
    return load_notification(tx, row)


def untold(tx: Tx, message_id: str) -> str | None:
    """Find the e-mail address behind a text where no letter went out, will, or may have; None: there is none."""
    for carried in tx.rows("notification_attempts_of_message", message_id=message_id):
        row = tx.one("notification_by_id", id=carried["notification_id"])
        if row is None or row["state"] != "failed":
            continue
        attempts = tx.rows("attempts_of_notification", id=row["id"], tenant=row["tenant"])
        if any(attempt["status"] == "in_doubt" for attempt in attempts):
            continue
        try:
            return load_due(tx, row, None).recipient.email
        except DamagedRow:
            continue
    return None


def subject_of_bulk(tx: Tx, tenant: str, bulk_id: str) -> str | None:
    """Read the subject of what goes by mail behind the texts of a batch: the same for all."""
    row = tx.one("notification_of_bulk", tenant=tenant, bulk_id=bulk_id)
    return None if row is None else load_subject(tx, row)


def page(tx: Tx, view: View, where: NotificationFilter, page: tuple[int, str | None]) -> Page[Notification]:
    """List notifications newest first; ``page`` is (limit, id to continue after)."""
    limit, after = page
    values: dict[str, Any] = {
        "tenant": view.tenant,
        "sandbox_only": int(view.sandbox_only),
        "limit": limit + 1,
    }
    conditions = []
    for name, value in (("after", after), ("bulk", where.bulk_id), ("state", where.state)):
        if value is not None:
            conditions.append(f"notifications_where_{name}")
            values["bulk_id" if name == "bulk" else name] = value
    rows = tx.composed("notifications_select", conditions, "notifications_order", values)
    return page_of(rows, limit, lambda row: load_notification(tx, row))


def bulk(tx: Tx, view: View, bulk_id: str) -> Bulk:
    """Raises NotFound."""
    row = viewed(tx, view, "notification_bulk_for_viewer", bulk_id)
    return load_bulk(tx, row, tx.rows("notification_bulk_counts", tenant=view.tenant, id=bulk_id))


def due(tx: Tx, channel: Channel, limit: int) -> DueNow:
    """List what a channel has to do now: single ones before those of bulks, each in the order of their time."""
    rows = tx.rows("notifications_due_alone", channel=channel, now=tx.now_ms, limit=limit)
    if len(rows) < limit:
        rows += tx.rows("notifications_due_bulk", channel=channel, now=tx.now_ms, limit=limit - len(rows))
    earliest = tx.one("notifications_next_due", channel=channel)
    work: list[Due] = []
    unreadable: list[str] = []
    for row in rows:
        try:
            work.append(load_due(tx, row, _attempt_of(tx, row)))
        except DamagedRow:
            unreadable.append(row["id"])
    return DueNow(tuple(work), tuple(unreadable), earliest["at"] if earliest else None)


def _attempt_of(tx: Tx, row: Row) -> Row | None:
    return tx.one("notification_attempt", id=row["id"], step=row["step"])


class Notifications:
    """The verbs of notifications; each is one transaction. All may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self.run = new_id()
        """The run of the gateway that stores bulks now."""

    async def accept(
        self, new: NewNotification, idempotency: IdempotencyKey | None, answer: StoredAnswer
    ) -> StoredAnswer | None:
        """Commit a notification with the answer of its request (W1); gives an earlier answer instead.

        Raises:
            IdempotencyKeyReused.
        """
        return await self._units.write(lambda tx: accept(tx, new, idempotency, answer), crowd=True)

    async def begin_bulk(self, bulk: Bulk) -> None:
        await self._units.write(lambda tx: begin_bulk(tx, bulk, self.run), crowd=True)

    async def add_to_bulk(self, rows: Sequence[NewNotification]) -> None:
        await self._units.write(lambda tx: add_to_bulk(tx, rows), crowd=True)

    async def finish_bulk(
        self, bulk: Bulk, idempotency: IdempotencyKey | None, answer: StoredAnswer
    ) -> StoredAnswer | None:
        """Commit a bulk with the answer of its request (W1); gives an earlier answer instead, and drops the bulk.

        Raises:
            IdempotencyKeyReused.
        """
        return await self._units.write(lambda tx: finish_bulk(tx, bulk, idempotency, answer), crowd=True)

    async def get(self, view: View, notification_id: str) -> Notification:
        """Raises NotFound."""
        return await self._units.read(lambda tx: notification(tx, view, notification_id))

    async def page(
        self, view: View, where: NotificationFilter, limit: int, after: str | None
    ) -> Page[Notification]:
        return await self._units.read(lambda tx: page(tx, view, where, (limit, after)))

    async def bulk(self, view: View, bulk_id: str) -> Bulk:
        """Raises NotFound."""
        return await self._units.read(lambda tx: bulk(tx, view, bulk_id))

    # ---- the loop's
    async def due(self, channel: Channel, limit: int) -> DueNow:
        return await self._units.read(lambda tx: due(tx, channel, limit))

    async def begin(self, due: Due, attempt_id: str) -> bool:
        """Commit that a try may be out from now on; False: it must not be made any more."""
        return await self._units.write(lambda tx: fate.begin(tx, due, attempt_id))

    async def carried(self, due: Due, attempt_id: str, message_id: str) -> None:
        """Commit which text carries the channel ``sms``."""
        await self._units.write(lambda tx: fate.carried(tx, due, attempt_id, message_id), linger=True)

    async def settle(self, due: Due, attempt_id: str, verdict: Verdict, tried: Tried) -> None:
        """Commit what came of a try, what follows from it, and the event that tells of it."""
        await self._units.write(lambda tx: fate.settle(tx, due, attempt_id, verdict, tried), linger=True)

    async def damaged(self, notification_id: str) -> None:
        await self._units.write(lambda tx: fate.damaged(tx, notification_id))

    async def admitted_before(self, scope: str, key: str) -> str | None:
        """Find the text that a run which ended admitted and could not write down any more."""
        return await self._units.read(lambda tx: fate.admitted_before(tx, scope, key))

    async def follow_messages(self, after: int | None, limit: int) -> fate.Moved:
        """Take over what became of texts since an event (None: since the last one that was followed)."""
        moved = await self._units.read(lambda tx: fate.moved_since(tx, after, limit))
        if moved.message_ids or moved.far:
            await self._units.write(lambda tx: fate.follow_messages(tx, moved), linger=True)
        return moved

    async def recover(self) -> int:
        """Put away what the last run left half done; returns how many tries are in doubt."""
        return await self._units.write(lambda tx: fate.recover(tx, self.run))
