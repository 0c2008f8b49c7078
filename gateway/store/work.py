"""Owns how work moves: look, claim, advance, the tick that makes rows due or late, and recovery after a crash.

Knows no device. A claim is compare-and-set, counts pace and quota in its own transaction, and commits SUBMITTING
before the first octet may go on air (W2).
Source: design, *The gap* and *Lifecycle*.
"""

from __future__ import annotations

import json
from dataclasses import replace

from device_bridge.device import WHOLE_ATTEMPT, PartLost, PartNotSent, PartOutcome, PartSent
from device_bridge.sms.outcome import local
from gateway.lifecycle import Happening
from gateway.message import MessageState, PartState
from gateway.store import reports
from gateway.store.convert import load_for_air
from gateway.store.crypto import DamagedRow
from gateway.store.decisions import decide_locally
from gateway.store.events import Happened, append, message_event
from gateway.store.inbound import close_stale
from gateway.store.numbers import tail
from gateway.store.phones import is_foreign
from gateway.store.record import PIN_MS, count, record_outcome
from gateway.store.rows import Claim, Claimed, Looked, Pace, PartStarting, Prepared, PriorPart, Work
from gateway.store.transaction import Row, Tx

MINUTE_S = 60
JOURNAL_WAIT_MS = 15 * 60_000
"""A phone that is away this long with an attempt is given up for *lost*; what its journal says later still counts."""
DAY_MS = 86_400_000
IDEMPOTENCY_KEPT_MS = 2 * DAY_MS
REPORTS_KEPT_MS = 14 * DAY_MS
USE_KEPT_S = 3 * 86_400
MAYBE_OUT = frozenset(
    {PartState.SUBMITTING, PartState.IN_DOUBT, PartState.SENT, PartState.UNDELIVERED, PartState.DELIVERED}
)
"""A copy with such a part may be on the recipient's phone in part already."""
TICK_ROWS = 500
"""Rows changed by one tick: bounds how long claims wait behind it."""


def look(tx: Tx, line_id: str, limit: int, pace: Pace, beside: frozenset[str] = frozenset()) -> Looked:
    """List what this line would carry next, best first, leaving out ``beside``; changes nothing."""
    line = tx.one("line_by_id", id=line_id)
    if line is None:
        return Looked(())
    rows: list[Row] = []
    for route in (f"line:{line_id}", *(f"pool:{pool}" for pool in _pools(line))):
        rows += tx.rows(
            "work_look", route=route, sandbox=line["emulated"], line=line_id, limit=limit + len(beside)
        )
    rows = [row for row in rows if row["id"] not in beside]
    rows.sort(key=lambda row: (-row["priority"], row["id"]))
    if rows:
        paced_until_ms = _paced_until(tx, line_id, pace, rows[0]["parts"])
        if paced_until_ms is not None:
            return Looked((), paced_until_ms)
    return _looked(tx, rows[:limit], line)


def _looked(tx: Tx, rows: list[Row], line: Row) -> Looked:
    works: list[Work] = []
    unreadable: list[str] = []
    for row in rows:
        try:
            works.append(_work(tx, row, line))
        except DamagedRow:
            unreadable.append(row["id"])
    return Looked(tuple(works), unreadable=tuple(unreadable))


def _pools(line: Row) -> list[str]:
    pools: list[str] = json.loads(line["pools"])
    return pools


def _work(tx: Tx, row: Row, line: Row) -> Work:
    message = load_for_air(tx, row)
    if row["attempt"] == 0:
        return Work(message, 1, row["copy"], None, (), None, resend_after_doubt=False)
    parts = [p for p in tx.rows("parts_of_message", message_id=row["id"]) if p["copy"] == row["copy"]]
    last_at = max((p["submitted_at"] or 0 for p in parts), default=0)
    untouched = not any(p["state"] in MAYBE_OUT for p in parts)
    same_line = row["line"] == line["id"]
    # A phone builds its TPDUs itself: a set that it began cannot be completed, by it or by a modem.
    joinable = same_line and row["device"] is None and not _builds_tpdus(tx, line)
    goes_on = row["parts"] == 1 or untouched or (joinable and tx.now_ms - last_at < PIN_MS)
    return Work(
        message=message,
        attempt=row["attempt"] + 1,
        copy=row["copy"] if goes_on else row["copy"] + 1,
        reference=row["concat_reference"] if goes_on else None,
        # TP-RD and a kept TP-MR mean something only to the SMSC that may have the first try, from the same SIM.
        prior=_prior(parts) if goes_on and joinable else (),
        last_attempt_at_ms=last_at,
        resend_after_doubt=bool(row["resend_after_doubt"]) and joinable,
    )


def _builds_tpdus(tx: Tx, line: Row) -> bool:
    device = tx.one("device_by_id", id=line["device_id"])
    return device is not None and device["kind"] == "phone"


def _prior(parts: list[Row]) -> tuple[PriorPart, ...]:
    by_number: dict[int, PriorPart] = {}
    for p in parts:
        known = by_number.get(p["number"])
        out = p["state"] in (PartState.SENT, PartState.DELIVERED, PartState.UNDELIVERED)
        by_number[p["number"]] = PriorPart(
            number=p["number"],
            sent=out or bool(known and known.sent),
            in_doubt=p["state"] == PartState.IN_DOUBT or bool(known and known.in_doubt),
            mr=p["mr"] if p["mr"] is not None else p["mr_predicted"],
        )
    return tuple(by_number[number] for number in sorted(by_number))


def refuse(tx: Tx, message_id: str, code: str) -> None:
    """Take a message that cannot be sent out of the queue, with a code of the catalogue; else nothing changes."""
    row = tx.one("message_by_id", id=message_id)
    if row is not None and row["state"] == MessageState.QUEUED:
        decide_locally(tx, row, Happening.REFUSE, "gateway", code)


# ------------------------------------------------------------------ claim


def claim(tx: Tx, wanted: Claim) -> Claimed:
    """Give the line the first candidate that is still to be had, within its pace."""
    line = tx.one("line_by_id", id=wanted.line_id)
    if line is None or line["paused"] or not wanted.candidates:
        return Claimed(None)
    for prepared in wanted.candidates:
        paced_until_ms = _paced_until(tx, wanted.line_id, wanted.pace, len(prepared.outgoing.parts))
        if paced_until_ms is not None:
            return Claimed(None, paced_until_ms)
        row = tx.one(
            "message_claim",
            id=prepared.work.message.id,
            attempt=prepared.work.attempt,
            copy=prepared.copy,
            reference=prepared.reference,
            line=line["id"],
            sender=line["number"],
            node=wanted.node,
            now=tx.now_ms,
            due=tx.now_ms + JOURNAL_WAIT_MS if wanted.journal else None,
            device=wanted.device_id if wanted.journal else None,
            sandbox=line["emulated"],
        )
        if row is not None:
            _write_claim(tx, row, prepared, wanted)
            return Claimed(prepared)
    return Claimed(None)


def _write_claim(tx: Tx, row: Row, prepared: Prepared, wanted: Claim) -> None:
    started = len(prepared.outgoing.parts) if wanted.journal else 1
    tx.many(
        "part_insert",
        [
            {
                "tenant": row["tenant"],
                "message_id": row["id"],
                "attempt_id": prepared.attempt_id,
                "attempt": prepared.work.attempt,
                "copy": prepared.copy,
                "number": part.number,
                "total": prepared.outgoing.parts_total,
                "state": PartState.SUBMITTING if i < started else PartState.WAITING,
                "line": row["line"],
                "device": row["device"],
                "to_tail": tail(row["to_number"]),
                "tpdu": tx.seal(f"part|tpdu|{prepared.attempt_id}-{part.number}", part.tpdu),
                "submitted_at": tx.now_ms if i < started else None,
            }
            for i, part in enumerate(prepared.outgoing.parts)
        ],
    )
    for payer in (row["line"], *((_cap_key(wanted.pace),) if wanted.pace.cap else ())):
        tx.run("line_use_add", line=payer, second=tx.now_ms // 1000, parts=len(prepared.outgoing.parts))
    count(tx, row["tenant"], MessageState.QUEUED, -1)
    count(tx, row["tenant"], MessageState.SUBMITTING, 1)
    detail: dict[str, object] = {"device": wanted.device_id}
    if prepared.copy > 1:
        detail["possible_second_copy"] = True
    if row["resend_after_doubt"]:
        detail["resend_after_doubt"] = True
    message_event(
        tx, row, "message.submitting", attempt=prepared.work.attempt, line=row["line"], detail=detail
    )


def _cap_key(pace: Pace) -> str:
    return f"device:{pace.device_id}"


def _paced_until(tx: Tx, line_id: str, pace: Pace, parts: int) -> int | None:
    """When the line may carry ``parts`` more; None: now. A message longer than a limit goes into an empty window."""
    # Use is kept by the second: the one more keeps any real window within its limit.
    windows = [(line_id, MINUTE_S + 1, pace.per_minute)]
    if pace.cap is not None:
        windows.append((_cap_key(pace), pace.cap.window_s + 1, pace.cap.parts))
    times = [_free_at_s(tx, window, parts) for window in windows if window[2]]
    free_at_s = max((at_s for at_s in times if at_s is not None), default=None)
    if free_at_s is not None:
        return free_at_s * 1000
    if pace.per_day:
        used_today = tx.one("line_use_since", line=line_id, second=pace.day_start_ms // 1000)
        taken = int(used_today["parts"]) if used_today else 0
        if taken and taken + parts > pace.per_day:
            return pace.day_start_ms + DAY_MS
    return None


def _free_at_s(tx: Tx, window: tuple[str, int, int], parts: int) -> int | None:
    """When a sliding window (whose use, its seconds, its limit) has room for ``parts``; None: now."""
    payer, window_s, limit = window
    used = tx.rows("line_use_seconds", line=payer, second=tx.now_ms // 1000 - window_s + 1)
    too_many = sum(use["parts"] for use in used) + parts - limit
    free_at_s: int | None = None
    for use in used:
        if too_many <= 0:
            break
        too_many -= use["parts"]
        free_at_s = use["second"] + window_s
    return free_at_s


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
            tx.run("message_ready_now", id=row["id"])
            tx.touched.add("queue")
        elif row["state"] == MessageState.IN_DOUBT:
            _resend(tx, row["id"])
        elif row["state"] == MessageState.SUBMITTING:
            _lost_with_device(tx, row["id"])
    for late in tx.rows("late_rows", now=tx.now_ms, limit=TICK_ROWS):
        decide_locally(tx, late, Happening.EXPIRE, "gateway")
    if tx.run("unpin_rows", now=tx.now_ms):
        tx.touched.add("queue")
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
    tx.run("line_use_prune", second=tx.now_ms // 1000 - USE_KEPT_S)


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
    """Move every time that was computed from "now" along with a clock that stepped."""
    tx.run("shift_part_times", step=step_ms, created_since=created_since_ms)
    tx.run("shift_message_times", step=step_ms, created_since=created_since_ms)
    tx.run("shift_delivery_times", step=step_ms)
    tx.run("shift_line_times", step=step_ms)
    # Two steps by way of negative seconds, so that moved rows never meet rows that are still to be moved.
    since_s = created_since_ms // 1000
    tx.run("line_use_lift", step=round(step_ms / 1000), since=since_s)
    tx.run("line_use_lifted_delete", since=since_s)
    tx.run("line_use_drop")
    tx.run("line_use_dropped_delete")
    append(
        tx,
        Happened(type="clock.stepped", tenant="default", sandbox=False, detail={"step_ms": step_ms}),
    )
    tx.touched |= {"queue", "deliveries"}


def hold_restored(tx: Tx) -> int:
    """Hold everything that is not final after a restore: an old backup must not send again."""
    for message in tx.rows("messages_submitting_anywhere"):
        _left_behind(tx, message)
    tx.run("messages_hold_doubt")
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
    return released
