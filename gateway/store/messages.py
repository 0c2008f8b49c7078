"""Owns messages as the API sees them: admission in one transaction, single reads, lists, local decisions.

Knows no HTTP. The cost of a page, a count and an admission does not grow with the rows that are final.
Source: W1; rules API-8 (idempotency record in the transaction of its effect), API-10 (keyset pages).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from gateway.lifecycle import Happening
from gateway.message import Message, MessageState, NewMessage, PartDetail, TimelineEntry
from gateway.store.convert import load_message, load_part, load_timeline_entry
from gateway.store.decisions import decide_locally
from gateway.store.events import event_of
from gateway.store.protocol import IdempotencyKeyReused, NotFound, QueueFull
from gateway.store.record import count
from gateway.store.rows import Admitted, IdempotencyKey, MessageFilter, Page, StoredAnswer, View
from gateway.store.transaction import Row, Tx


def admit(tx: Tx, new: NewMessage, idempotency: IdempotencyKey | None, max_queued: int) -> Admitted:
    """Store a message, its first event and the idempotency record, or find what the key made before.

    Raises:
        QueueFull, IdempotencyKeyReused.
    """
    if idempotency is not None:
        known = _known(tx, idempotency)
        if known is not None and known["message_id"] is not None:
            return Admitted(_as_admitted(load_message(tx, _row(tx, known["message_id"]))), replayed=True)
    if tx.waiting(new.tenant) >= max_queued:
        raise QueueFull
    state = MessageState.HELD if new.held_reason else MessageState.QUEUED
    waits = new.send_at_ms is not None and new.send_at_ms > tx.now_ms
    ready = state is MessageState.QUEUED and not waits
    tx.run("message_insert", **_columns(tx, new, state, ready=ready))
    count(tx, new.tenant, state, 1)
    message = _admitted(new, state, None if ready else new.send_at_ms)
    event_of(tx, message, f"message.{state.value}")
    tx.touched.add("queue")
    if idempotency is not None:
        _remember(tx, idempotency, message_id=new.id)
    return Admitted(message, replayed=False)


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
        line=new.line,
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
    )


def _columns(tx: Tx, new: NewMessage, state: MessageState, *, ready: bool) -> dict[str, Any]:
    return {
        "id": new.id,
        "tenant": new.tenant,
        "key_id": new.key_id,
        "state": state.value,
        "ready": int(ready),
        "to_number": new.to,
        "text": tx.seal(f"message|text|{new.id}", new.text),
        "octets": tx.seal(f"message|octets|{new.id}", new.octets),
        "port": new.port,
        "encoding": new.encoding,
        "coding": new.coding,
        "parts": new.parts,
        "route": new.route,
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
        "due_at": None if ready or state is MessageState.HELD else new.send_at_ms,
        "expires_at": new.expires_at_ms,
    }


def _as_admitted(message: Message) -> Message:
    """The message as the first answer showed it, whatever has become of it since."""
    return replace(
        message,
        state=MessageState.HELD if message.held_reason else MessageState.QUEUED,
        parts_sent=0,
        parts_delivered=0,
        parts_in_doubt=0,
        line=message.route.removeprefix("line:") if message.route.startswith("line:") else None,
        sender=None,
        attempts=0,
        error=None,
        sent_at_ms=None,
        delivered_at_ms=None,
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
    answer: StoredAnswer | None = None,
) -> None:
    where = f"idempotency|body|{idempotency.scope}|{idempotency.key}"
    tx.run(
        "idempotency_put",
        scope=idempotency.scope,
        key=idempotency.key,
        fingerprint=idempotency.fingerprint,
        message_id=message_id,
        status=answer.status if answer else None,
        body=tx.seal(where, answer.body) if answer else None,
        created_at=tx.now_ms,
    )


def answered(tx: Tx, idempotency: IdempotencyKey) -> StoredAnswer | None:
    """Find the answer of an earlier POST. Raises IdempotencyKeyReused."""
    known = _known(tx, idempotency)
    if known is None or known["body"] is None:
        return None
    where = f"idempotency|body|{idempotency.scope}|{idempotency.key}"
    return StoredAnswer(known["status"], tx.unseal(where, known["body"]) or b"")


def keep_answer(tx: Tx, idempotency: IdempotencyKey, answer: StoredAnswer) -> None:
    """Remember the answer of a POST that makes no message."""
    if _known(tx, idempotency) is None:
        _remember(tx, idempotency, answer=answer)


# ------------------------------------------------------------------ reads


def _row(tx: Tx, message_id: str) -> Row:
    row = tx.one("message_by_id", id=message_id)
    if row is None:
        raise NotFound
    return row


def _viewed(tx: Tx, view: View, message_id: str) -> Row:
    row = tx.one("message_for_viewer", id=message_id, tenant=view.tenant, sandbox_only=int(view.sandbox_only))
    if row is None:
        raise NotFound
    return row


def message(tx: Tx, view: View, message_id: str) -> Message:
    return load_message(tx, _viewed(tx, view, message_id))


def messages(tx: Tx, view: View, where: MessageFilter, page: tuple[int, str | None]) -> Page[Message]:
    """List messages newest first; ``page`` is (limit, id to continue after)."""
    limit, after = page
    conditions: list[str] = []
    values: dict[str, Any] = {"tenant": view.tenant, "limit": limit + 1}
    if view.sandbox_only:
        conditions.append("where_sandbox")
    if after is not None:
        conditions.append("where_after")
        values["after"] = after
    if where.scheduled is not None:
        conditions.append("where_scheduled" if where.scheduled else "where_not_scheduled")
        values["now"] = tx.now_ms
    for name, value in (
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
        rows += tx.composed("messages_select", one_state, "messages_order", values | {"state": state})
    rows.sort(key=lambda row: str(row["id"]), reverse=True)
    items = tuple(load_message(tx, row) for row in rows[:limit])
    return Page(items, items[-1].id if len(rows) > limit else None)


def parts(tx: Tx, message_id: str) -> tuple[PartDetail, ...]:
    return tuple(load_part(tx, row) for row in tx.rows("parts_of_message", message_id=message_id))


def timeline(tx: Tx, message_id: str) -> tuple[TimelineEntry, ...]:
    return tuple(load_timeline_entry(tx, row) for row in tx.rows("events_of_subject", subject=message_id))


def counts(tx: Tx, tenant: str) -> dict[MessageState, int]:
    return {MessageState(row["state"]): row["n"] for row in tx.rows("state_counts", tenant=tenant)}


def change(tx: Tx, view: View, decision: tuple[str, Happening, str]) -> Message:
    """Carry out a person's decision: (message id, happening, actor). Raises NotFound, Conflict."""
    message_id, happening, actor = decision
    row = _viewed(tx, view, message_id)
    return load_message(tx, decide_locally(tx, row, happening, actor))
