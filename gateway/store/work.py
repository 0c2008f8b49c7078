"""Owns how work moves on: advance, the tick that makes rows due or late, and recovery after a crash.

Knows no device. What a line sees and claims stands in :mod:`gateway.store.looking` and :mod:`gateway.store.claiming`.
Source: design, *The gap* and *Lifecycle*.
"""

from __future__ import annotations

from dataclasses import replace

from device_bridge.device import WHOLE_ATTEMPT, PartLost, PartNotSent, PartOutcome, PartSent
from device_bridge.sms.outcome import local
from gateway.lifecycle import Happening
from gateway.message import MessageState, PartState
from gateway.store import (
    alert_letters,
    alerts,
    approvals,
    audit,
    batches,
    guards,
    inbound_actions,
    ledger,
    queue,
    reports,
    sessions,
)
from gateway.store.claiming import JOURNAL_WAIT_MS, claim
from gateway.store.consents import announce_expiring
from gateway.store.decisions import decide_locally
from gateway.store.events import Happened, append
from gateway.store.inbound import close_stale
from gateway.store.phones import is_foreign
from gateway.store.record import record_outcome
from gateway.store.rows import Claim, Claimed, PartStarting
from gateway.store.transaction import Row, Tx

DAY_MS = 86_400_000
IDEMPOTENCY_KEPT_MS = 2 * DAY_MS
REPORTS_KEPT_MS = 14 * DAY_MS
TICK_ROWS = 500
"""Rows changed by one tick: bounds how long claims wait behind it."""
FOREVER_MS = 1 << 62


def advance(tx: Tx, outcome: PartOutcome, then: Claim | PartStarting | None) -> Claimed:
    """Record a verdict and claim what follows, or start the next part, in one transaction."""
    record(tx, outcome)
    if isinstance(then, PartStarting):
        tx.run("part_start", attempt_id=then.attempt_id, number=then.part, at=tx.now_ms)
        return Claimed(None)
    return claim(tx, then) if then is not None else Claimed(None)


def record(tx: Tx, outcome: PartOutcome, speaker: str | None = None) -> None:
    """Record a verdict, then look whether a report that came too early now has its part.

    ``outcome.part`` 0 is the attempt as a whole: it counts for each of its parts. ``speaker`` is the device with a
    journal that says it; of attempts that it was not given it is not believed (rules CMP-2).
    """
    if outcome.part == WHOLE_ATTEMPT:
        for row in tx.rows("parts_of_attempt", attempt_id=outcome.attempt_id):
            record(tx, replace(outcome, part=row["number"]), speaker)
        return
    if speaker is not None and is_foreign(tx, outcome.attempt_id, outcome.part, speaker):
        return
    part = record_outcome(tx, outcome)
    if part is not None and isinstance(outcome, PartSent | PartLost):
        reports.match_waiting(tx, part)


# ------------------------------------------------------------------ time and recovery


def tick(tx: Tx) -> int | None:
    """Make due rows ready, resend after doubt, expire the late; returns when the next one falls due."""
    for row in tx.rows("due_rows", now=tx.now_ms, limit=TICK_ROWS):
        if row["state"] == MessageState.QUEUED:
            ready = tx.one("message_ready_now", id=row["id"])
            if ready is not None:
                queue.enter(tx, ready)
                tx.touched.add("queue")
        elif row["state"] == MessageState.IN_DOUBT:
            _resend(tx, row["id"])
        elif row["state"] == MessageState.SUBMITTING:
            _lost_with_device(tx, row["id"])
    for late in tx.rows("late_rows", now=tx.now_ms, limit=TICK_ROWS):
        decide_locally(tx, late, Happening.EXPIRE, "gateway")
    queue.wake(tx)
    announce_expiring(tx, TICK_ROWS)
    approvals.expire(tx, TICK_ROWS)
    batches.tick(tx, TICK_ROWS)
    close_stale(tx)
    due = tx.one("next_due_at")
    return due["at"] if due else None


def _lost_with_device(tx: Tx, message_id: str) -> None:
    """Give up waiting for a phone that went away with an attempt; its journal may still tell."""
    message = tx.one("message_by_id", id=message_id)
    tx.run("message_forget_due", id=message_id)
    if message is None:
        return
    cause = local("phone_gone", maybe_on_air=True)
    waited = f"no answer from the phone within {JOURNAL_WAIT_MS // 60_000} minutes"
    for part in tx.rows("parts_of_message", message_id=message_id):
        if part["attempt"] == message["attempt"] and part["state"] == PartState.SUBMITTING:
            record(tx, PartLost(part["attempt_id"], part["number"], cause, tx.now_ms, waited))


def _resend(tx: Tx, message_id: str) -> None:
    message = tx.one("message_by_id", id=message_id)
    if message is None:
        return
    if message["expires_at"] <= tx.now_ms or message["attempts"] >= tx.retry.attempts_max:
        # It stays in doubt; only a report or a person settles it now.
        tx.run("message_forget_due", id=message_id)
        return
    decide_locally(tx, message, Happening.RESEND, "gateway")


def prune(tx: Tx) -> None:
    """Drop idempotency records, unmatched reports and pace rows that nobody can ask for any more."""
    tx.run("idempotency_prune", before=tx.now_ms - IDEMPOTENCY_KEPT_MS)
    tx.run("reports_prune", before=tx.now_ms - REPORTS_KEPT_MS)
    ledger.prune(tx)
    queue.prune(tx)
    guards.prune(tx)
    inbound_actions.prune(tx)
    alerts.prune(tx)
    sessions.prune(tx)


def _never_started(part: Row, now_ms: int) -> PartNotSent:
    cause = local("device_not_ready")
    return PartNotSent(
        part["attempt_id"], part["number"], cause, now_ms, "the gateway stopped before this was handed over"
    )


def _left_on_air(part: Row, now_ms: int) -> PartLost:
    cause = local("in_doubt", maybe_on_air=True)
    return PartLost(
        part["attempt_id"], part["number"], cause, now_ms, "the gateway stopped while this was on air"
    )


def recover(tx: Tx, node: str, line_id: str | None = None) -> int:
    """Turn what this node (or one line of it) left on air into *lost*: nobody knows, so nothing goes again silently."""
    if line_id is None:
        # The configuration may allow more than when their budgets were asked.
        queue.ask_again(tx)
    left = tx.rows("messages_submitting", node=node)
    return sum(_left_behind(tx, message) for message in left if line_id in (None, message["line"]))


def open_attempts(tx: Tx, device_id: str) -> tuple[str, ...]:
    """List attempts that a device with a journal was given and whose end nobody knows."""
    return tuple(row["attempt_id"] for row in tx.rows("attempts_open", device=device_id))


def _left_behind(tx: Tx, message: Row) -> int:
    """Settle a message that is on air for nobody; returns how many of its parts may be."""
    newest = [
        p for p in tx.rows("parts_of_message", message_id=message["id"]) if p["attempt"] == message["attempt"]
    ]
    on_air = [p for p in newest if p["state"] == PartState.SUBMITTING]
    for part in on_air:
        record(tx, _left_on_air(part, tx.now_ms))
    waiting = next((p for p in newest if p["state"] == PartState.WAITING), None)
    if not on_air and waiting is not None:
        # W2: a part whose start was not committed did not reach the device, so its message goes on.
        record(tx, _never_started(waiting, tx.now_ms))
    return len(on_air)


def step_clock(tx: Tx, step_ms: int, created_since_ms: int) -> None:
    """Move every time that was computed from "now" along with a clock that stepped.

    Args:
        tx: The unit; its time is still that of before the step.
        step_ms: How far the clock stepped.
        created_since_ms: 0, or when the clock began to be wrong: what an earlier run wrote by a right one stays, also
            where that is later than now.
    """
    until_ms = tx.now_ms if created_since_ms else FOREVER_MS
    made = {"created_since": created_since_ms, "created_until": until_ms}
    for query in ("shift_part_times", "shift_message_times", "shift_approval_times"):
        tx.run(query, step=step_ms, **made)
    tx.run("shift_delivery_times", step=step_ms)
    tx.run("shift_line_times", step=step_ms)
    inbound_actions.step(tx, step_ms)
    alerts.step(tx, step_ms)
    ledger.step(tx, step_ms, (created_since_ms, until_ms))
    queue.ask_again(tx)
    append(
        tx,
        Happened(type="clock.stepped", tenant="default", sandbox=False, detail={"step_ms": step_ms}),
    )
    tx.touched |= {"queue", "deliveries", "inbound_actions", "letters"}


def hold_restored(tx: Tx) -> int:
    """Hold everything that is not final after a restore: an old backup must not send again."""
    for message in tx.rows("messages_submitting_anywhere"):
        _left_behind(tx, message)
    tx.run("messages_hold_doubt")
    inbound_actions.drop_open(tx)
    alert_letters.drop_open(tx)
    held = 0
    while waiting := tx.rows("messages_queued", limit=TICK_ROWS):
        for row in waiting:
            decide_locally(tx, row, Happening.HOLD, "gateway")
        held += len(waiting)
    return held


def release_restored(tx: Tx, tenant: str, actor: str) -> int:
    """Let held messages of a restore go; returns how many."""
    released = 0
    while held := tx.rows("messages_restored", tenant=tenant, limit=TICK_ROWS):
        for row in held:
            decide_locally(tx, row, Happening.APPROVE, actor)
        released += len(held)
    if released:
        audit.append(tx, audit.Deed("restore.released", actor, tenant, detail={"messages": released}))
    return released
