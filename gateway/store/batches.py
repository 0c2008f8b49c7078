"""Owns batches: one text for many, received in pieces, let go as a whole, paused and ended as one.

Knows no file format and no HTTP. While a batch is received, held or paused its lanes are closed: no line sees them, so
what is half received is never half sent, whatever ends the process.
Source: the HTTP interface; design, *Lifecycle* (messages keep their own states).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.ids import new_id
from gateway.lifecycle import Conflict, Happening
from gateway.message import QUIET_HOURS, MessageState, NewMessage
from gateway.representation import Json
from gateway.store import eta, guards, messages, noted, notification_fate, notifications, questions, viewing
from gateway.store.batch_rows import (
    BatchRow,
    FailedText,
    Fallback,
    Incoming,
    NewBatch,
    Rejection,
    batch_json,
    load_batch,
)
from gateway.store.convert import load_message
from gateway.store.decisions import decide_locally
from gateway.store.events import Happened, append
from gateway.store.notification_rows import (
    NewNotification,
    NotificationContent,
    NotificationRecipient,
    SmsChoices,
)
from gateway.store.protocol import NotAdmitted, NotFound, QueueFull
from gateway.store.queue import enter
from gateway.store.rows import IdempotencyKey, Page, StoredAnswer, View
from gateway.store.transaction import Row, Tx

DISCARD_ROWS = 100
END_ROWS = 100
"""Messages that end in one tick: each is a move with its event, and a claim waits behind all of them."""
ENDINGS = {
    "cancelled": (Happening.CANCEL, None),
    "expired": (Happening.EXPIRE, None),
    "rejected": (Happening.REFUSE, "approval_rejected"),
}
"""How the messages of a batch end that ended as a whole."""


def create(tx: Tx, new: NewBatch) -> None:
    """Begin to receive a batch.

    Raises:
        NotAdmitted: ``conflict``: it would send a second time what is, or was, being sent again.
    """
    if new.resend_of is not None:
        again = tx.one("batch_sent_again", tenant=new.tenant, batch_id=new.resend_of)
        if again is not None:
            raise NotAdmitted(
                "conflict",
                f"What failed of this batch was sent again already, as batch {again['id']}."
                " Send what failed of that one again.",
            )
    tx.run(
        "batch_insert",
        id=new.id,
        tenant=new.tenant,
        key_id=new.key_id,
        sandbox=int(new.sandbox),
        name=new.name,
        reference=new.reference,
        purpose=new.purpose,
        tags=json.dumps(new.tags),
        text=tx.seal(f"batch|text|{new.id}", new.text),
        template_id=new.template_id,
        template_version=new.template_version,
        fallback=None if new.fallback is None else json.dumps(new.fallback),
        resend_of=new.resend_of,
        created_at=new.created_at_ms,
        send_at=new.send_at_ms,
        expires_at=new.expires_at_ms,
    )


def add(
    tx: Tx, batch_id: str, incoming: Sequence[Incoming], rejections: Sequence[Rejection], max_queued: int
) -> None:
    """Store the next rows of a batch that is being received; what the rules refuse becomes a rejection.

    Raises:
        QueueFull: the whole batch is to be discarded.
        NotFound: it is not being received (any more).
    """
    batch = tx.one("batch_by_id", id=batch_id)
    if batch is None or batch["state"] != "receiving":
        raise NotFound
    if tx.waiting(batch["tenant"]) + len(incoming) > max_queued:
        raise QueueFull
    rejected = list(rejections)
    accepted: list[tuple[NewMessage, Fallback | None]] = []
    holds: str | None = None
    for one in incoming:
        try:
            new = messages.judged(tx, one.new)
        except NotAdmitted as refused:
            rejected.append(Rejection(one.number, refused.code, refused.detail, one.row, one.first))
            continue
        if one.new.held_reason in one.batch_holds:
            holds = one.new.held_reason
        if new.held_reason in one.batch_holds:
            # One question about the whole batch, not one for each of its messages.
            new = replace(new, held_reason=None if new.due_at_ms is None else QUIET_HOURS)
        accepted.append((new, one.fallback))
    _store(tx, batch, accepted)
    _reject(tx, batch, rejected)
    tx.run(
        "batch_added",
        id=batch_id,
        total=len(accepted) + len(rejected),
        accepted=len(accepted),
        rejected=len(rejected),
        parts=sum(new.parts for new, _ in accepted),
        digest=_digest(batch["digest"], [new for new, _ in accepted]),
        held_reason=holds,
    )


def _digest(before: str, accepted: list[NewMessage]) -> str:
    so_far = hashlib.sha256(before.encode())
    for new in accepted:
        so_far.update(questions.digest_of(new.to, new.text, new.octets).encode())
    return so_far.hexdigest()


def _store(tx: Tx, batch: Row, accepted: list[tuple[NewMessage, Fallback | None]]) -> None:
    """Write the messages of a batch; each has "queued" in its history, programs hear of the batch."""
    columns = [messages.columns_of(tx, new) for new, _ in accepted]
    tx.many("message_insert", columns)
    for row in columns:
        tx.count(row, row["state"], 1)
        noted.entered(tx, row)
        if row["ready"]:
            enter(tx, row)
    tx.many("event_insert", [_history(tx, batch, row) for row in columns])
    for (new, fallback), row in zip(accepted, columns, strict=True):
        if row["state"] == MessageState.HELD:
            questions.ask(tx, questions.of_message(new))
        if fallback is not None:
            notifications.attach(tx, _notification(new, fallback), new.id)
    tx.touched.add("queue")


def _notification(new: NewMessage, fallback: Fallback) -> NewNotification:
    """What follows a text of a batch that does not arrive."""
    return NewNotification(
        id=new_id(),
        sender=fallback.sender,
        sandbox=new.sandbox,
        bulk_id=new.batch_id,
        recipient=NotificationRecipient(phone=new.to, email=fallback.email),
        content=NotificationContent(fallback.subject, new.text or "", None),
        channels=("sms", *fallback.channels),
        fallback_after_s=None,
        sms=SmsChoices(purpose=new.purpose, reference=new.reference, tags=dict(new.tags)),
        created_at_ms=new.created_at_ms,
    )


def _history(tx: Tx, batch: Row, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": new_id(), "tenant": row["tenant"], "at": tx.now_ms, "type": f"message.{row['state']}", "public": 0,
        "sandbox": row["sandbox"], "subject": row["id"], "witness": "gateway", "attempt": None, "part": None,
        "line": None, "detail": _IN_BATCH % batch["id"], "tpdu": None, "snapshot": None,
    }  # fmt: skip


_IN_BATCH = '{"batch_id": "%s"}'


def _reject(tx: Tx, batch: Row, rejected: list[Rejection]) -> None:
    tx.many(
        "batch_rejected_add",
        [
            {
                "batch_id": batch["id"],
                "tenant": batch["tenant"],
                "number": one.number,
                "row": tx.seal(
                    f"batch_rejected|row|{batch['id']}-{one.number}",
                    one.dump_row(),
                ),
                "code": one.code,
                "detail": one.detail,
            }
            for one in rejected
        ],
    )


def finish(
    tx: Tx, batch_id: str, hold: str | None, idempotency: IdempotencyKey | None, shown: int
) -> tuple[BatchRow, StoredAnswer]:
    """Let a batch go that has been received whole, or hold it for a second person; remembers its answer.

    Args:
        tx: The unit.
        batch_id: A batch that is being received.
        hold: Why it is held whatever is in it, or None.
        idempotency: Kept in the same transaction (rules API-8).
        shown: How many rejections the answer names.

    Raises:
        NotFound: it is not being received (any more).
    """
    batch = tx.one("batch_by_id", id=batch_id)
    if batch is None or batch["state"] != "receiving":
        raise NotFound
    over = tx.rules.approval_over
    reason = hold or batch["held_reason"] or ("approval" if over and batch["accepted"] > over else None)
    moved = _move(tx, batch, "held" if reason else "running", reason)
    if moved is None:
        raise NotFound
    if reason:
        _ask(tx, moved, reason)
    tell(tx, moved, "batch.held" if reason else "batch.started")
    row = load(tx, moved, rejections=shown)
    outlook = eta.when_done(tx, moved, row.counts)
    shape = {**batch_json(row), "eta_s": eta.left_s(tx, outlook), "eta_reason": outlook.reason}
    answer = StoredAnswer(202, json.dumps(shape, ensure_ascii=False).encode())
    if idempotency is not None:
        _keep_answer(tx, batch_id, idempotency, answer)
    return row, answer


def _ask(tx: Tx, batch: Row, reason: str) -> None:
    """Ask a second person about a batch as a whole."""
    asked = questions.NewApproval(
        batch["tenant"],
        "batch",
        batch["id"],
        bool(batch["sandbox"]),
        reason,
        batch["key_id"],
        batch["digest"],
    )
    questions.ask(tx, asked)


def _keep_answer(tx: Tx, batch_id: str, idempotency: IdempotencyKey, answer: StoredAnswer) -> None:
    where = f"idempotency|body|{idempotency.scope}|{idempotency.key}"
    tx.run(
        "idempotency_put_batch",
        scope=idempotency.scope,
        key=idempotency.key,
        fingerprint=idempotency.fingerprint,
        batch_id=batch_id,
        status=answer.status,
        body=tx.seal(where, answer.body),
        created_at=tx.now_ms,
    )


def _move(tx: Tx, batch: Row, state: str, held_reason: str | None = None) -> Row | None:
    ended = state in ("completed", "cancelled")
    tx.touched.add("queue")
    return tx.one(
        "batch_move",
        id=batch["id"],
        old_state=batch["state"],
        new_state=state,
        held_reason=held_reason,
        started_at=tx.now_ms if state == "running" else None,
        completed_at=tx.now_ms if ended else None,
    )


def tell(tx: Tx, batch: Row, event_type: str) -> None:
    """Write an event about a batch, with its progress."""
    snapshot: Json = batch_json(load(tx, batch))
    append(
        tx,
        Happened(
            type=event_type,
            tenant=batch["tenant"],
            sandbox=bool(batch["sandbox"]),
            subject=batch["id"],
            public=True,
            snapshot=snapshot,
        ),
    )


# ------------------------------------------------------------------ while it runs


_CHANGES = {
    "pause": (("running",), "paused"),
    "resume": (("paused",), "running"),
    "cancel": (("running", "paused", "held"), "cancelled"),
}


def change(tx: Tx, view: View, batch_id: str, verb: str) -> BatchRow:
    """Pause, resume or cancel the rest of a batch; what is on air is let go.

    Raises:
        NotFound.
        NotAdmitted: ``conflict``: it does not fit the state.
    """
    batch = viewed(tx, view, batch_id)
    old_states, new_state = _CHANGES[verb]
    if batch["state"] == new_state:
        return load(tx, batch)
    if batch["state"] not in old_states:
        raise NotAdmitted(
            "conflict",
            f"A batch that is {batch['state']} cannot be changed by {verb};"
            f" one that is {' or '.join(old_states)} can. Read it again and decide by its state.",
        )
    moved = _move(tx, batch, new_state)
    if moved is None:
        raise NotFound
    if batch["state"] == "held":
        questions.drop(tx, batch_id)
    tell(tx, moved, f"batch.{_PAST[verb]}")
    return load(tx, moved)


_PAST = {"pause": "paused", "resume": "started", "cancel": "cancelled"}


def tick(tx: Tx, limit: int) -> None:
    """Complete what is done, and end the messages of batches that ended, a hundred at a time."""
    for done in tx.rows("batches_done"):
        moved = _move(tx, done, "completed")
        if moved is not None:
            tell(tx, moved, "batch.completed")
    left = min(limit, END_ROWS)
    for ended in tx.rows("batches_ended"):
        if ended["fallback"] is not None and ended["started_at"] is None:
            left -= notification_fate.never_begun(tx, ended, left)
        happening, code = ENDINGS[ended["state"]]
        waiting = tx.rows("batch_waiting", batch_id=ended["id"], limit=left)
        for row in waiting:
            if ended["fallback"] is not None:
                notification_fate.call_off(tx, row["id"])
            _end(tx, row, happening, code)
        tx.touched.add("queue")
        left -= len(waiting)
        if left == 0:
            break


def _end(tx: Tx, row: Row, happening: Happening, code: str | None) -> None:
    try:
        decide_locally(tx, row, happening, "gateway", code)
    except Conflict:
        decide_locally(tx, row, Happening.CANCEL, "gateway")


def discard(tx: Tx, batch_id: str, tenant: str, limit: int = DISCARD_ROWS) -> bool:
    """Drop some rows of a batch that is not to be; says whether more is left.

    One that was let go meanwhile is left alone: the commit of its end may have come through though nobody heard of it.
    """
    batch = tx.one("batch_by_id", id=batch_id)
    if batch is None or batch["state"] != "receiving":
        return False
    gone = tx.rows("batch_messages_discard", batch_id=batch_id, tenant=tenant, limit=limit)
    for row in gone:
        tx.count(row, row["state"], -1)
        if row["state"] == MessageState.HELD:
            questions.drop(tx, row["id"])
        guards.forget(tx, row)
        if batch["fallback"] is not None:
            _detach(tx, row["id"])
    tx.many("batch_events_discard", [{"id": row["id"]} for row in gone])
    if len(gone) == limit:
        return True
    tx.run("batch_lanes_discard", batch_id=batch_id)
    tx.run("batch_rejected_discard", batch_id=batch_id)
    tx.run("batch_discard", batch_id=batch_id)
    return False


def _detach(tx: Tx, message_id: str) -> None:
    for attempt in tx.rows("notification_attempts_of_message", message_id=message_id):
        tx.run("batch_attempts_discard", notification_id=attempt["notification_id"])
        tx.run("batch_notification_discard", notification_id=attempt["notification_id"])


# ------------------------------------------------------------------ reads


def viewed(tx: Tx, view: View, batch_id: str) -> Row:
    """Read the row of a batch that this viewer may see. Raises NotFound."""
    return viewing.viewed(tx, view, "batch_for_viewer", batch_id)


def load(tx: Tx, row: Row, rejections: int = 0) -> BatchRow:
    """Read a batch with its progress."""
    counts = {each["state"]: each["n"] for each in tx.rows("batch_counts", batch_id=row["id"])}
    for (batch_id, _, state), n in (*tx.group.batch_counts.items(), *tx.batch_counts.items()):
        if batch_id == row["id"]:
            counts[state] = counts.get(state, 0) + n
    return load_batch(tx, row, {state: n for state, n in counts.items() if n}, rejections)


def failed(tx: Tx, view: View, batch_id: str, after: str, limit: int) -> tuple[FailedText, ...]:
    """List texts that failed, did not arrive or expired, oldest first. Raises NotFound."""
    batch = viewed(tx, view, batch_id)
    rows = tx.rows("batch_failed", tenant=batch["tenant"], batch_id=batch_id, after=after, limit=limit)
    mails = batch["fallback"] is not None
    return tuple(
        FailedText(load_message(tx, row), notifications.untold(tx, row["id"]) if mails else None)
        for row in rows
    )


def page(tx: Tx, view: View, limit: int, after: str | None) -> Page[BatchRow]:
    """List batches, newest first."""
    rows = tx.rows(
        "batches_page",
        tenant=view.tenant,
        sandbox_only=int(view.sandbox_only),
        after=after or "",
        limit=limit + 1,
    )
    return viewing.page_of(rows, limit, lambda row: load(tx, row))
