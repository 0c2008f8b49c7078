"""Owns what a line sees when it looks at the queue: what it may carry next, within its limits and beside other lines.

Changes nothing. What a copy that was begun still lacks is worked out here.
Source: design, *The gap*; a partly sent message goes on with only the parts not proven sent.
"""

from __future__ import annotations

import json

from gateway.message import PartState
from gateway.store import ledger, queue
from gateway.store.cheapest import CHEAPER_LINE, Leaving
from gateway.store.convert import load_for_air
from gateway.store.crypto import DamagedRow
from gateway.store.ledger import Asks, Wait
from gateway.store.record import PIN_MS
from gateway.store.rows import Looked, Pace, PriorPart, Work
from gateway.store.transaction import Row, Tx

OF_ONE_MESSAGE = frozenset({"recipients_per_month", "budget_per_day", "budget_per_month", CHEAPER_LINE})
"""Limits that let another message go where one has to wait: to a known number, or a cheaper one."""
LANES_ASKED = 32
"""Lanes whose first text is asked about when the best ones wait by themselves; bounds what such a look costs."""
MAYBE_OUT = frozenset(
    {PartState.SUBMITTING, PartState.IN_DOUBT, PartState.SENT, PartState.UNDELIVERED, PartState.DELIVERED}
)
"""A copy with such a part may be on the recipient's phone in part already."""


def look(tx: Tx, line_id: str, limit: int, pace: Pace, beside: frozenset[str] = frozenset()) -> Looked:
    """List what this line would carry next, best first, leaving out ``beside``; changes nothing."""
    line = tx.one("line_by_id", id=line_id)
    if line is None:
        return Looked(())
    resting = pace.rests_until_ms is not None
    routes = [f"line:{line_id}", *(f"pool:{pool}" for pool in _pools(line))]
    leaving = Leaving(tx, line, pace)
    rows = queue.heads(tx, line, routes, limit + len(beside), urgent_only=resting)
    rows = [row for row in rows if row["id"] not in beside]
    if resting and not rows:
        return Looked((), pace.rests_until_ms, "quiet_hours")
    allowed, wait = _within(tx, line, leaving, rows[:limit])
    if leaving.left and len(allowed) < limit:
        # What is left must not hide what waits behind it on routes that are this line's alone.
        own = [route for route in routes if route not in leaving.routes]
        seen = beside.union(row["id"] for row in rows)
        behind = queue.heads(tx, line, own, limit + len(seen), urgent_only=resting)
        behind = [row for row in behind if row["id"] not in seen][: limit - len(allowed)]
        allowed += _within(tx, line, leaving, behind)[0]
    if wait is not None and not allowed and wait.reason in OF_ONE_MESSAGE:
        # What has to wait, by itself and not with the line, must not hide the lanes of others that it stands before.
        firsts = queue.firsts(tx, line, routes, LANES_ASKED, urgent_only=resting)
        firsts = [row for row in firsts if row["id"] not in beside]
        allowed = _within(tx, line, leaving, firsts)[0][:limit]
    if wait is not None and not allowed:
        return Looked((), wait.until_ms, wait.reason)
    return _looked(tx, allowed, line)


def _within(tx: Tx, line: Row, leaving: Leaving, rows: list[Row]) -> tuple[list[Row], Wait | None]:
    """Keep what the line's limits let go now and no cheaper line should take; of the rest the first wait."""
    pace = leaving.pace
    allowed: list[Row] = []
    first: Wait | None = None
    for row in rows:
        wait = ledger.line_waits(tx, line["id"], pace, asks_of(row["to_number"], row["parts"], pace))
        if wait is None and leaving.leaves(row):
            wait = leaving.wait()
        if wait is None:
            allowed.append(row)
            continue
        first = wait if first is None else min(first, wait, key=lambda each: each.until_ms)
        if wait.reason not in OF_ONE_MESSAGE:
            break
    return allowed, first


def asks_of(number: str, parts: int, pace: Pace) -> Asks:
    """What a message asks of a line's limits."""
    return Asks(parts, number, pace.tariff.cost_micro(number, parts) if pace.tariff is not None else 0)


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
