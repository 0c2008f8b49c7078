"""Owns every change of a notification's fate: a try begins, a channel answers, a text moves, time is up, a restart.

Knows no channel's protocol. What follows is asked of :mod:`gateway.notification_flow`; here it is written, in one
transaction with the event that tells of it.
Source: W4; design, *Lifecycle* (the truth wins: a late delivery counts whatever was decided meanwhile).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import structlog

from gateway.errors import CATALOGUE
from gateway.ids import new_id
from gateway.message import Message, MessageError, MessageState
from gateway.notification_flow import (
    Doubtful,
    Move,
    NoRoom,
    Overdue,
    Reached,
    Refused,
    Standing,
    Verdict,
    follow,
    is_ruled_out,
    verdict_of,
)
from gateway.notification_representation import event_json
from gateway.store.convert import load_message
from gateway.store.events import Happened, append
from gateway.store.notification_load import detail_of, dump_error, has_next, load_notification
from gateway.store.notification_rows import Due, Tried
from gateway.store.transaction import Row, Tx

log = structlog.get_logger(__name__)

SEEN = "notifications_seen"
"""The fact that keeps the seq of the event up to which texts were followed."""
SEEN_EVERY = 10_000
"""Events after which that is written down though none was of a notification: bounds the first look after a start."""

ENDED_UNSENT = frozenset({MessageState.FAILED, MessageState.EXPIRED, MessageState.CANCELLED})
CALLED_OFF = MessageError(
    "cancelled", "The batch was taken back", "Nobody is told by another channel of what a person took back."
)
UNRELEASED = MessageError(
    "cancelled",
    "Nobody released the text",
    "What waited for a person's yes goes by no other channel instead.",
)


@dataclass(frozen=True, slots=True)
class Moved:
    """Texts that something happened to, up to an event. ``more``: there are later ones; ``far``: worth keeping."""

    message_ids: tuple[str, ...]
    up_to: int
    more: bool
    far: bool


def begin(tx: Tx, due: Due, attempt_id: str) -> bool:
    """Write down that a try may be out from now on; False: it is not to be made any more.

    Compare-and-set: a notification that was delivered, held or moved on meanwhile is left alone.
    """
    if not tx.run("notification_take", id=due.id, step=due.step):
        return False
    _put_attempt(tx, due, attempt_id, status="sending", tries=due.tries + 1)
    return True


def carried(tx: Tx, due: Due, attempt_id: str, message_id: str) -> None:
    """Write down which text carries the channel ``sms``, and take over what has become of it already."""
    if not tx.run(
        "notification_wait", id=due.id, step=due.step, due_at=due.deadline_ms if due.has_next else None
    ):
        return
    _put_attempt(tx, due, attempt_id, status="queued", tries=1, message_id=message_id)
    text = tx.one("message_by_id", id=message_id)
    if text is not None and MessageState(text["state"]) in ENDED_UNSENT and _nobody_said_yes(tx, text):
        # A crash lay between: it ended before it was known whom it speaks to.
        unreleased(tx, text)
    message_moved(tx, message_id)


def _nobody_said_yes(tx: Tx, text: Row) -> bool:
    return tx.one("approval_not_given", tenant=text["tenant"], subject=text["id"]) is not None


def admitted_before(tx: Tx, scope: str, key: str) -> str | None:
    """Find the text that a run which ended admitted and could not write down any more."""
    known = tx.one("idempotency_get", scope=scope, key=key)
    return None if known is None else known["message_id"]


def _put_attempt(tx: Tx, due: Due, attempt_id: str, **values: Any) -> None:
    columns = {"message_id": None, "error": None, "detail": None} | values
    tx.run(
        "notification_attempt_put",
        id=attempt_id,
        tenant=due.sender.tenant,
        notification_id=due.id,
        step=due.step,
        channel=due.channel,
        at=tx.now_ms,
        **columns,
    )


def settle(tx: Tx, due: Due, attempt_id: str, verdict: Verdict, tried: Tried) -> None:
    """Write what came of a try and what follows from it."""
    row = tx.one("notification_by_id", id=due.id)
    if row is None:
        return
    attempt = tx.one("notification_attempt", id=due.id, step=due.step)
    moved_on = row["step"] != due.step or row["state"] in ("delivered", "failed")
    if moved_on and isinstance(verdict, Refused):
        verdict = replace(verdict, permanent=True)
    counted = attempt is not None and (attempt["status"] == "sending" or attempt["message_id"] is not None)
    tries = (attempt["tries"] if attempt else 0) + (
        0 if counted or isinstance(verdict, NoRoom | Overdue) else 1
    )
    standing = Standing(
        channel=due.channel,
        has_next=has_next(row) and not is_ruled_out(verdict, due.sms.purpose),
        tries=tries,
        status=attempt["status"] if attempt else "queued",
        deadline_ms=row["deadline_at"],
        now_ms=tx.now_ms,
    )
    move = follow(standing, verdict)
    if not isinstance(verdict, NoRoom):
        _put_attempt(
            tx,
            due,
            attempt["id"] if attempt else attempt_id,
            status=move.status,
            tries=tries,
            message_id=attempt["message_id"] if attempt else None,
            error=_error_after(move, attempt),
            detail=_detail_after(tx, attempt["id"] if attempt else attempt_id, attempt, tried),
        )
    if not moved_on:
        _move(tx, row, move)


def _error_after(move: Move, attempt: Row | None) -> str | None:
    """Keep the last error while nothing better is known; what was taken has none."""
    if move.error is not None or move.status in ("sent", "delivered"):
        return dump_error(move.error)
    return attempt["error"] if attempt else None


def _detail_after(tx: Tx, attempt_id: str, attempt: Row | None, tried: Tried) -> bytes | None:
    if tried.detail is not None:
        return tx.seal(detail_of(attempt_id), tried.detail)
    return attempt["detail"] if attempt else None


def _move(tx: Tx, row: Row, move: Move) -> None:
    step, channel, deadline_ms = row["step"], row["channel"], row["deadline_at"]
    if move.falls_back:
        channels = json.loads(row["channels"])
        step += 1
        channel = channels[step]
        after_s = row["fallback_after_s"]
        timed = after_s is not None and step + 1 < len(channels)
        deadline_ms = tx.now_ms + after_s * 1000 if timed else None
        log.info("notification.falls_back", notification_id=row["id"], channel=channel)
    state = move.state or row["state"]
    tx.run(
        "notification_update",
        id=row["id"],
        from_step=row["step"],
        state=state,
        step=step,
        channel=channel,
        due_at=move.due_ms,
        deadline_at=deadline_ms,
    )
    if move.due_ms is not None:
        tx.touched.add("notifications")
    if state != row["state"] and state != "queued":
        _tell(tx, row["id"])


def _tell(tx: Tx, notification_id: str) -> None:
    row = tx.one("notification_by_id", id=notification_id)
    if row is None:
        return
    notification = load_notification(tx, row)
    append(
        tx,
        Happened(
            type=f"notification.{notification.state}",
            tenant=notification.tenant,
            sandbox=notification.sandbox,
            subject=notification.id,
            public=True,
            snapshot=event_json(notification),
        ),
    )


# ------------------------------------------------------------------ texts that move


def message_moved(tx: Tx, message_id: str) -> None:
    """Take over what has become of a text that carries notifications."""
    for attempt in tx.rows("notification_attempts_of_message", message_id=message_id):
        row = tx.one("message_by_id", id=message_id)
        if row is not None:
            _text_moved(tx, attempt, load_message(tx, row, with_text=False))


def _text_moved(tx: Tx, attempt: Row, message: Message) -> None:
    verdict = verdict_of(message.state, message.error)
    row = tx.one("notification_by_id", id=attempt["notification_id"])
    if verdict is None or row is None or row["state"] == "delivered":
        return
    current = row["step"] == attempt["step"]
    # Who cancels a batch, or says STOP while it waits, is not written to by another channel instead.
    goes_on = has_next(row) and not (message.batch_id and message.state is MessageState.CANCELLED)
    goes_on = goes_on and not is_ruled_out(verdict, message.purpose)
    standing = Standing("sms", goes_on, 1, attempt["status"], row["deadline_at"], tx.now_ms)
    move = follow(standing, verdict)
    if move.status == attempt["status"]:
        return
    tx.run("notification_attempt_put", **_changed(tx, attempt, move))
    if isinstance(verdict, Reached) and verdict.status == "delivered" and not current:
        # It arrived after all: the next channel is called back where it has not gone out yet.
        tx.run(
            "notification_update",
            id=row["id"],
            from_step=row["step"],
            state="delivered",
            step=attempt["step"],
            channel=attempt["channel"],
            due_at=None,
            deadline_at=None,
        )
        _tell(tx, row["id"])
    elif current:
        _move(tx, row, move)


def call_off(tx: Tx, message_id: str) -> None:
    """End what a text carries that people took back, with its batch: nobody is told by another channel instead."""
    _call_off(tx, message_id, CALLED_OFF)


def unreleased(tx: Tx, message: Row) -> None:
    """End what a text carries that was held and never released: no other channel goes around the person asked."""
    _call_off(tx, message["id"], load_message(tx, message, with_text=False).error or UNRELEASED)


def _call_off(tx: Tx, message_id: str, error: MessageError) -> None:
    for attempt in tx.rows("notification_attempts_of_message", message_id=message_id):
        row = tx.one("notification_by_id", id=attempt["notification_id"])
        if row is None or row["step"] != attempt["step"] or row["state"] != "queued":
            continue
        move = Move("failed", "failed", error=error)
        tx.run("notification_attempt_put", **_changed(tx, attempt, move))
        _move(tx, row, move)


def never_begun(tx: Tx, batch: Row, limit: int) -> int:
    """End some of what a batch carries that nobody let go, expired texts too; returns how many were ended."""
    why = CALLED_OFF if batch["state"] == "cancelled" else UNRELEASED
    rows = tx.rows("notifications_of_bulk_queued", tenant=batch["tenant"], bulk_id=batch["id"], limit=limit)
    for row in rows:
        _fail(tx, row, why)
    return len(rows)


def _changed(tx: Tx, attempt: Row, move: Move) -> dict[str, Any]:
    columns = {
        name: attempt[name] for name in ("id", "tenant", "notification_id", "step", "channel", "tries")
    }
    return columns | {
        "status": move.status,
        "message_id": attempt["message_id"],
        "error": dump_error(move.error),
        "detail": attempt["detail"],
        "at": tx.now_ms,
    }


def moved_since(tx: Tx, after: int | None, limit: int) -> Moved:
    """Say which texts of notifications moved after an event (None: the last one up to which they were followed)."""
    newest = tx.one("newest_event_seq")
    newest_seq = int(newest["seq"] or 0) if newest else 0
    if after is None:
        after = _followed_up_to(tx, newest_seq)
    rows = tx.rows("notification_messages_moved", after=after, newest=newest_seq, limit=limit)
    up_to = int(rows[-1]["seq"]) if len(rows) == limit else newest_seq
    message_ids = tuple(dict.fromkeys(row["message_id"] for row in rows))
    return Moved(message_ids, up_to, more=up_to < newest_seq, far=up_to - after > SEEN_EVERY)


def _followed_up_to(tx: Tx, newest_seq: int) -> int:
    seen = tx.one("fact_get", name=SEEN)
    if seen is not None:
        return int(seen["value"])
    # Nothing was ever carried by a text: then no event of the past can speak of one.
    return 0 if tx.one("notification_any_carried") else newest_seq


def follow_messages(tx: Tx, moved: Moved) -> None:
    """Take over what became of texts, and remember up to which event that is done."""
    for message_id in moved.message_ids:
        message_moved(tx, message_id)
    tx.run("fact_put", name=SEEN, value=str(moved.up_to))


# ------------------------------------------------------------------ after a restart


def recover(tx: Tx, run: str) -> int:
    """Put away what a run that ended left half done; returns how many tries are in doubt.

    A bulk that was not stored whole was never answered, so none of it is sent. A try that was being handed over may
    have arrived, so it is never made again.
    """
    for bulk in tx.rows("notification_bulks_left", run=run):
        tx.run("notifications_of_bulk_delete", tenant=bulk["tenant"], bulk_id=bulk["id"])
        tx.run("notification_bulk_delete", id=bulk["id"])
    left = tx.rows("notification_attempts_sending")
    for attempt in left:
        _left_sending(tx, attempt)
    return len(left)


def _left_sending(tx: Tx, attempt: Row) -> None:
    row = tx.one("notification_by_id", id=attempt["notification_id"])
    if row is None:
        return
    standing = Standing(
        row["channel"], has_next(row), attempt["tries"], attempt["status"], row["deadline_at"], tx.now_ms
    )
    move = follow(standing, Doubtful(error_of("channel_in_doubt")))
    tx.run("notification_attempt_put", **_changed(tx, attempt, move))
    if row["step"] == attempt["step"] and row["state"] != "delivered":
        _move(tx, row, move)


def damaged(tx: Tx, notification_id: str) -> None:
    """End a notification whose stored words cannot be read: nothing of it may be sent."""
    row = tx.one("notification_by_id", id=notification_id)
    if row is not None:
        _fail(tx, row, error_of("internal_error"))


def _fail(tx: Tx, row: Row, error: MessageError) -> None:
    """End a notification at its present channel, whether that was tried or not."""
    attempt = tx.one("notification_attempt", id=row["id"], step=row["step"])
    tx.run(
        "notification_attempt_put",
        id=attempt["id"] if attempt else new_id(),
        tenant=row["tenant"],
        notification_id=row["id"],
        step=row["step"],
        channel=row["channel"],
        status="failed",
        tries=attempt["tries"] if attempt else 0,
        message_id=attempt["message_id"] if attempt else None,
        error=dump_error(error),
        detail=None,
        at=tx.now_ms,
    )
    _move(tx, row, Move("failed", "failed", error=error))


def error_of(code: str, *, reply: str | None = None, permanent: bool = False) -> MessageError:
    """Make an error with the words of the catalogue; ``reply`` is the other side's own code."""
    entry = CATALOGUE[code]
    return MessageError(code, entry.title, entry.hint, reply, permanent)


# ------------------------------------------------------------------ clock and backups


def step_clock(tx: Tx, step_ms: int) -> None:
    """Move every time that was computed from "now" along with a clock that stepped."""
    tx.run("shift_notification_times", step=step_ms)
    tx.touched.add("notifications")


def hold_restored(tx: Tx) -> int:
    """Hold what a restore brought back: an old backup must not tell people again; returns how many wait."""
    return tx.run("notifications_hold")


def release_restored(tx: Tx, tenant: str) -> int:
    """Let go what a restore holds; returns how many."""
    tx.touched.add("notifications")
    return tx.run("notifications_release", tenant=tenant)
