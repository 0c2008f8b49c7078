"""Owns the one door through which a message's fate changes: evidence about parts, and decisions of people.

Knows no device and no thread. Every change asks :mod:`gateway.lifecycle`, is a compare-and-set, and writes its event
and the event's deliveries in the same transaction (W4).
Source: the lifecycle table; 3GPP TS 23.040 §9.2.3.15 and §9.2.3.25.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import structlog

from device_bridge.device import PartLost, PartNotSent, PartOutcome, PartRejected, PartSent
from device_bridge.sms.outcome import Outcome, OutcomeClass
from gateway.errors import CATALOGUE
from gateway.lifecycle import (
    OUT,
    STOPS,
    Fold,
    Happening,
    PartRecord,
    after_failure,
    by_evidence,
    fold,
    merge,
)
from gateway.message import MessageState, PartState, Witness
from gateway.retry import Circumstances, TryAgain, decide
from gateway.store import endings, noted, notification_fate, questions, queue
from gateway.store.convert import outcome_from_json, outcome_to_json
from gateway.store.events import Happened, append, message_event
from gateway.store.transaction import Row, Tx

log = structlog.get_logger(__name__)

PIN_MS = 600_000
"""A partly sent message goes on with its missing parts on the same line for 10 minutes: operators drop concatenated
sets whose parts lie further apart."""

DOUBT_WAIT_MS = 20_000
"""A message with ``on_doubt = resend`` waits this long for a late answer or report before it is sent again."""

S = MessageState


@dataclass(frozen=True, slots=True)
class Evidence:
    """What somebody says of one part."""

    state: PartState
    witness: Witness
    at_ms: int
    mr: int | None = None
    mr_predicted: int | None = None
    cause: Outcome | None = None
    report_status: int | None = None
    detail: dict[str, Any] | None = None
    tpdu: bytes | None = None


_STATE_OF = {
    PartSent: PartState.SENT,
    PartNotSent: PartState.NOT_SENT,
    PartRejected: PartState.REJECTED,
    PartLost: PartState.IN_DOUBT,
}


def ours(code: str) -> Outcome:
    """Make the error of a message whose end we decided ourselves; words from the catalogue."""
    entry = CATALOGUE[code]
    return Outcome(code, entry.title, entry.hint, OutcomeClass.PERMANENT)


def record_outcome(tx: Tx, outcome: PartOutcome) -> Row | None:
    """Record a device's verdict on a part; returns the part as it was before, None when nobody knows it."""
    part = tx.one("part_by_attempt", attempt_id=outcome.attempt_id, number=outcome.part)
    if part is None:
        log.warning("outcome.unknown_attempt", attempt=outcome.attempt_id, part=outcome.part)
        return None
    cause = None if isinstance(outcome, PartSent) else outcome.cause
    if cause is not None and cause.outcome_class is OutcomeClass.DONE:
        # The SMSC refused a repeated part as a duplicate: the first copy did arrive there.
        evidence = Evidence(PartState.SENT, "network", outcome.at_ms, mr=part["mr"])
    else:
        evidence = Evidence(
            state=_STATE_OF[type(outcome)],
            witness=_witness(outcome, part),
            at_ms=outcome.at_ms,
            mr=outcome.mr if isinstance(outcome, PartSent) else None,
            mr_predicted=predicted_mr(tx, part) if isinstance(outcome, PartLost) else None,
            cause=cause,
            detail={"evidence": outcome.evidence} if outcome.evidence else None,
        )
    apply(tx, part, evidence)
    return part


def _witness(outcome: PartOutcome, part: Row) -> Witness:
    """Who says so: the device of what it did or lost, the network of what it refused."""
    if not isinstance(outcome, PartSent | PartLost):
        return "network"
    return "modem" if part["device"] is None else "phone"


def predicted_mr(tx: Tx, part: Row) -> int | None:
    """TP-MR that a part in doubt must have had: the modem counts on by one for each SUBMIT (23.040 §9.2.3.6)."""
    before = tx.one("part_before", line=part["line"], id=part["id"])
    if before is None:
        return None
    between = tx.one("parts_unnumbered_between", line=part["line"], after=before["id"], before=part["id"])
    return int(before["mr"] + 1 + (between["n"] if between else 0)) % 256


def apply(tx: Tx, part: Row, evidence: Evidence) -> None:
    """Merge evidence into a part and let the fold of all parts move the message."""
    old = PartState(part["state"])
    new = merge(old, evidence.state)
    changed = new is not old
    # Weaker evidence that comes late (a failed report after a good one) is history, not the part's last word.
    stands = new is evidence.state
    tx.run(
        "part_evidence",
        id=part["id"],
        state=new.value,
        mr=evidence.mr,
        mr_predicted=evidence.mr_predicted,
        sent_at=evidence.at_ms if evidence.state is PartState.SENT else None,
        report_status=evidence.report_status if stands else None,
        reported_at=evidence.at_ms if stands and evidence.report_status is not None else None,
        error=outcome_to_json(evidence.cause) if changed else part["error"],
    )
    message = tx.one("message_by_id", id=part["message_id"])
    if message is None:
        return
    if changed:
        noted.said(tx, message, part, new)
    long = part["total"] > 1
    if long:
        _history(tx, message, part, evidence)
    if evidence.state in STOPS and long:
        # Kept as a fact of its own: that the attempt stopped must not be lost when its doubtful part is proven.
        taken_back = tx.run("parts_take_back", attempt_id=part["attempt_id"], number=part["number"])
        changed = changed or bool(taken_back)
    moved = changed and _settle(tx, message, part, evidence)
    if not (long or moved):
        _history(tx, message, part, evidence)


def _history(tx: Tx, message: Row, part: Row, evidence: Evidence) -> None:
    append(
        tx,
        Happened(
            type=f"part.{evidence.state.value}",
            tenant=message["tenant"],
            sandbox=bool(message["sandbox"]),
            subject=message["id"],
            witness=evidence.witness,
            attempt=part["attempt"],
            part=part["number"],
            line=part["line"],
            detail=_detail(evidence),
            tpdu=evidence.tpdu,
        ),
    )


def _detail(evidence: Evidence) -> dict[str, Any]:
    detail: dict[str, Any] = dict(evidence.detail or {})
    if evidence.mr is not None:
        detail["mr"] = evidence.mr
    if evidence.report_status is not None:
        detail["tp_st"] = evidence.report_status
    if evidence.cause is not None:
        detail |= {"code": evidence.cause.code, "title": evidence.cause.title}
        if evidence.cause.network_code:
            detail["network_code"] = evidence.cause.network_code
    return detail


# ------------------------------------------------------------------ what the parts mean for the message


def fold_of(message: Row, parts: list[Row]) -> Fold:
    """Fold the stored parts of a message."""
    records = [PartRecord(p["attempt"], p["copy"], p["number"], PartState(p["state"])) for p in parts]
    return fold(records, message["parts"])


def parts_of(tx: Tx, message: Row) -> list[Row]:
    """All parts of all attempts, in order of attempt and number."""
    return tx.rows("parts_of_message", message_id=message["id"])


def _cause(parts: list[Row], *states: PartState) -> Outcome | None:
    """What the newest part in one of these states met, whichever evidence came last; not one that is out anyway."""
    out = {p["number"] for p in parts if p["state"] in OUT} if PartState.UNDELIVERED not in states else set()
    met = (
        p["error"] for p in reversed(parts) if p["error"] and p["state"] in states and p["number"] not in out
    )
    return outcome_from_json(next(met, None))


def _settle(tx: Tx, message: Row, part: Row, evidence: Evidence) -> bool:
    """Move the message if the fold says so; returns whether a public event was written."""
    parts = parts_of(tx, message)
    folded = fold_of(message, parts)
    counts = {
        "parts_sent": folded.sent,
        "parts_delivered": folded.delivered,
        "parts_in_doubt": folded.in_doubt,
    }
    state = S(message["state"])
    change: dict[str, Any] = {}
    happening = folded.happening
    if happening in (Happening.NOT_SENT, Happening.REJECTED) and state in (S.SUBMITTING, S.IN_DOUBT):
        happening, change = _after_failure(tx, message, parts, folded)
    new = by_evidence(state, happening)
    if new is None:
        tx.run("message_count_parts", id=message["id"], **counts)
        return False
    if happening is Happening.LOST:
        change = {"error": _doubt(evidence)}
        # Only the newest attempt's own doubt: after a refusal another copy would be refused again.
        if message["on_doubt"] == "resend" and folded.happening is Happening.LOST:
            change |= {"due_at": tx.now_ms + DOUBT_WAIT_MS}
    elif happening is Happening.REPORT_FAILED:
        change = {"error": _cause(parts, PartState.UNDELIVERED)}
    if new in (S.SENT, S.DELIVERED, S.UNDELIVERED):
        change.setdefault("sent_at", message["sent_at"] or evidence.at_ms)
        change.setdefault("error", None)
    if new is S.DELIVERED:
        change["delivered_at"] = evidence.at_ms
    move(
        tx,
        message,
        new,
        Why(
            evidence.witness, part["attempt"], part["number"], part["line"], _detail(evidence), evidence.tpdu
        ),
        {**counts, **change},
    )
    return True


def _doubt(evidence: Evidence) -> Outcome:
    """Say that nobody knows; where the device says what a person can look at, that is the hint."""
    doubt, cause = ours("in_doubt"), evidence.cause
    return replace(doubt, hint=cause.hint) if cause is not None and cause.code == "phone_stuck" else doubt


def _after_failure(tx: Tx, message: Row, parts: list[Row], folded: Fold) -> tuple[Happening, dict[str, Any]]:
    """Decide between another try and the end for a message whose attempt certainly failed."""
    outcome = _cause(parts, PartState.REJECTED, PartState.NOT_SENT)
    line = tx.one("line_by_id", id=message["line"])
    again = decide(
        outcome,
        Circumstances(
            attempts=message["attempts"],
            attempts_max=tx.retry.attempts_max,
            emulated=bool(line and line["emulated"]),
            emulated_backoff_s=tx.retry.emulated_backoff_s,
            other_line_up=folded.sent == 0 and _other_line_up(tx, message, line, parts),
        ),
    )
    happening = after_failure(folded, again=again is not None)
    if again is not None:
        return happening, {"error": outcome} | _try_again(tx, message, again, folded)
    return happening, {"error": ours("partly_sent") if happening is Happening.SPENT else outcome}


def _try_again(tx: Tx, message: Row, again: TryAgain, folded: Fold) -> dict[str, Any]:
    change: dict[str, Any] = {}
    if again.wait_s:
        change["due_at"] = tx.now_ms + again.wait_s * 1000
    else:
        change["ready"] = 1
    if not again.counted:
        change["attempts"] = max(message["attempts"] - 1, 0)
    if again.avoid_line:
        change["avoid_line"] = message["line"]
    if folded.sent_now and message["device"] is None:
        change |= pinned(message, tx.now_ms + PIN_MS)
    return change


def pinned(message: Row, until_ms: int) -> dict[str, Any]:
    """Keep a partly sent message on the line that has the first parts, for as long as they can still be joined."""
    return {"route": f"line:{message['line']}", "pinned_until": until_ms}


def _other_line_up(tx: Tx, message: Row, line: Row | None, parts: list[Row]) -> bool:
    route: str = message["home_route"]
    if line is None or not route.startswith("pool:"):
        return False
    up = tx.rows(
        "lines_up",
        tenant=message["tenant"],
        pool=route.removeprefix("pool:"),
        emulated=line["emulated"],
    )
    refused = {p["line"] for p in parts if p["state"] in (PartState.REJECTED, PartState.NOT_SENT)}
    return any(other["id"] not in refused | {line["id"]} for other in up)


# ------------------------------------------------------------------ the one statement that moves


@dataclass(frozen=True, slots=True)
class Why:
    """Who moved a message, and what shows it."""

    witness: Witness
    attempt: int | None = None
    part: int | None = None
    line: str | None = None
    detail: dict[str, Any] | None = None
    tpdu: bytes | None = None


def move(tx: Tx, message: Row, new: MessageState, why: Why, change: dict[str, Any]) -> Row:
    """Write a new state that the table allows, its event and the counts; compare-and-set on the state read."""
    columns = {
        "ready": 0,
        "due_at": None,
        "route": message["home_route"],
        "pinned_until": None,
        "avoid_line": message["avoid_line"],
        "attempts": message["attempts"],
        "resend_after_doubt": message["resend_after_doubt"],
        "error": message["error"],
        "parts_sent": message["parts_sent"],
        "parts_delivered": message["parts_delivered"],
        "parts_in_doubt": message["parts_in_doubt"],
        "sent_at": message["sent_at"],
        "delivered_at": message["delivered_at"],
        "held_reason": None,
        "ready_at": tx.now_ms if message["state"] == S.HELD else message["ready_at"],
    }
    for name, value in change.items():
        columns[name] = outcome_to_json(value) if isinstance(value, Outcome) else value
    row = tx.one("message_move", id=message["id"], old_state=message["state"], new_state=new.value, **columns)
    if row is None:
        raise AssertionError(f"message {message['id']} changed within its own transaction")
    tx.count(message, message["state"], -1)
    tx.count(message, new.value, 1)
    noted.moved(tx, message, row)
    endings.moved(tx, message, row)
    if message["state"] == S.HELD and new is not S.QUEUED:
        questions.drop(tx, row["id"], "expired" if new is S.EXPIRED else "void")
        # What a backup brought back waits for a release, not for a yes to its words.
        if message["held_reason"] != "restored" and new in (S.FAILED, S.EXPIRED, S.CANCELLED):
            notification_fate.unreleased(tx, row)
    if message["batch_id"] is not None and new not in (S.QUEUED, S.HELD, S.SUBMITTING):
        tx.touched.add("batches")
    if new is S.QUEUED and row["ready"]:
        queue.enter(tx, row)
    if new is S.QUEUED and message["state"] != S.HELD:
        # Going back to the queue is history; programs heard "queued" once already.
        _requeued(tx, row, why)
    else:
        if new is S.QUEUED:
            tx.touched.add("queue")
        message_event(
            tx,
            row,
            f"message.{new.value}",
            witness=why.witness,
            attempt=why.attempt,
            part=why.part,
            line=why.line,
            detail=why.detail,
            tpdu=why.tpdu,
        )
    return row


def _requeued(tx: Tx, row: Row, why: Why) -> None:
    tx.touched.add("queue")
    detail = dict(why.detail or {})
    if row["due_at"]:
        detail["retry_in_ms"] = row["due_at"] - tx.now_ms
    append(
        tx,
        Happened(
            type="message.queued",
            tenant=row["tenant"],
            sandbox=bool(row["sandbox"]),
            subject=row["id"],
            witness=why.witness,
            attempt=why.attempt,
            part=why.part,
            line=why.line,
            detail=detail,
        ),
    )
