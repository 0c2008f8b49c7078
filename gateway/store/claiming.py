"""Owns the claim: compare-and-set, within every limit and rule, counted in its own transaction.

Commits SUBMITTING before the first octet may go on air (W2). Knows no device.
Source: design, *The gap*; rules OPT-5, CON-2, QUI-2, PMP-3 (asked again here).
"""

from __future__ import annotations

from dataclasses import replace

from gateway.lifecycle import Happening
from gateway.message import QUIET_HOURS, Message, MessageState, PartState
from gateway.policy.rules import Budget
from gateway.store import gate, ledger, noted, queue
from gateway.store.convert import load_message
from gateway.store.decisions import decide_locally
from gateway.store.events import message_event
from gateway.store.gate import NotBefore, Refuse
from gateway.store.ledger import Asks, Wait
from gateway.store.looking import OF_ONE_MESSAGE, asks_of
from gateway.store.numbers import tail
from gateway.store.rows import Claim, Claimed, Prepared
from gateway.store.transaction import Row, Tx

JOURNAL_WAIT_MS = 15 * 60_000
"""A phone that is away this long with an attempt is given up for *lost*; what its journal says later still counts."""
PUT_OFF_ROWS = 200
"""Rows of a lane that are put off with its head: bounds how long the claim waits behind it."""


def claim(tx: Tx, wanted: Claim) -> Claimed:
    """Give the line the first candidate that is still to be had, within every limit and rule."""
    line = tx.one("line_by_id", id=wanted.line_id)
    if line is None or line["paused"]:
        return Claimed(None)
    waits: Wait | None = None
    for prepared in wanted.candidates:
        message = prepared.work.message
        if wanted.pace.rests_until_ms is not None and message.purpose != "urgent":
            waits = waits or Wait(wanted.pace.rests_until_ms, QUIET_HOURS)
            continue
        asks = asks_of(message.to, len(prepared.outgoing.parts), wanted.pace)
        wait = ledger.line_waits(tx, wanted.line_id, wanted.pace, asks)
        if wait is not None:
            waits = waits or wait
            if wait.reason in OF_ONE_MESSAGE:
                continue
            return Claimed(None, wait.until_ms, wait.reason)
        if not _may_go(tx, message):
            continue
        payers = [] if line["emulated"] and tx.rules.emulated_exempt else _payers(tx, message)
        over = ledger.budget_waits(tx, payers, asks)
        if over is not None:
            _lane_waits(tx, message, over)
            continue
        row = _take(tx, line, wanted, prepared, asks)
        if row is not None:
            taken = asks if prepared.work.attempt == 1 else replace(asks, texts=0)
            ledger.take(tx, line, wanted.pace, taken, payers)
            turn = _write_claim(tx, row, line, prepared, wanted)
            queue.served(tx, row, turn)
            if tx.rules.sticky_s and not line["emulated"]:
                tx.run(
                    "conversation_put",
                    tenant=row["tenant"],
                    number=row["to_number"],
                    line=line["id"],
                    at=tx.now_ms,
                )
            return Claimed(prepared)
    return Claimed(None) if waits is None else Claimed(None, waits.until_ms, waits.reason)


def _payers(tx: Tx, message: Message) -> list[tuple[str, Budget]]:
    return ledger.payers_of(tx, message.tenant, message.key_id) if tx.rules.budgets else []


def _take(tx: Tx, line: Row, wanted: Claim, prepared: Prepared, asks: Asks) -> Row | None:
    return tx.one(
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
        cost=asks.micro,
        currency=wanted.pace.tariff.currency if wanted.pace.tariff is not None else None,
    )


def _may_go(tx: Tx, message: Message) -> bool:
    """Ask the rules again; what must not go any more is cancelled, what has to wait for its hours is put off."""
    verdict = gate.may_go(tx, message)
    if verdict is None:
        return True
    row = tx.one("message_by_id", id=message.id)
    if row is None or row["state"] != MessageState.QUEUED:
        return False
    if isinstance(verdict, Refuse):
        decide_locally(tx, row, Happening.REFUSE, "gateway", verdict.code)
    else:
        _put_off(tx, row)
    return False


def _put_off(tx: Tx, head: Row) -> None:
    """Put off the head of a lane until its hours, and those behind it: at eight in the evening all of a batch wait."""
    rows = tx.rows(
        "lane_rows", route=head["route"], priority=head["priority"], lane=head["lane"], limit=PUT_OFF_ROWS
    )
    for row in rows:
        verdict = gate.may_go(tx, load_message(tx, row, with_text=False))
        if isinstance(verdict, NotBefore):
            tx.run("message_defer", id=row["id"], due_at=verdict.at_ms, reason=QUIET_HOURS)
    tx.touched.add("queue")


def _lane_waits(tx: Tx, message: Message, over: Wait) -> None:
    row = tx.one("message_by_id", id=message.id)
    if row is not None and row["state"] == MessageState.QUEUED:
        queue.wait(tx, row, over.until_ms, over.reason)


def _write_claim(tx: Tx, row: Row, line: Row, prepared: Prepared, wanted: Claim) -> int:
    """Write the parts and the event of a claim; returns the event's number."""
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
    tx.count(row, MessageState.QUEUED.value, -1)
    tx.count(row, MessageState.SUBMITTING.value, 1)
    noted.claimed(tx, row, prepared.attempt_id)
    detail: dict[str, object] = {"device": wanted.device_id, **_conditions(tx, line, wanted)}
    if prepared.copy > 1:
        detail["possible_second_copy"] = True
    if row["resend_after_doubt"]:
        detail["resend_after_doubt"] = True
    return message_event(
        tx, row, "message.submitting", attempt=prepared.work.attempt, line=row["line"], detail=detail
    )


def _conditions(tx: Tx, line: Row, wanted: Claim) -> dict[str, object]:
    """How the radio and the phone are as the text is handed over: what a person asks first when it did not arrive."""
    battery = tx.one("device_battery", id=wanted.device_id) if wanted.journal else None
    told = {"signal_dbm": line["signal_dbm"], "battery_percent": battery["percent"] if battery else None}
    return {name: value for name, value in told.items() if value is not None}


def refuse(tx: Tx, message_id: str, code: str) -> None:
    """Take a message that cannot be sent out of the queue, with a code of the catalogue; else nothing changes."""
    row = tx.one("message_by_id", id=message_id)
    if row is not None and row["state"] == MessageState.QUEUED:
        decide_locally(tx, row, Happening.REFUSE, "gateway", code)
