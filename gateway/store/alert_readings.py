"""Owns the figures that alerts are judged by, each read by an index and counted no further than anybody would read.

Knows no threshold. The cost does not grow with the messages that are stored.
Source: rules PMP-3 (budgets); design, *Store*.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Literal

from gateway.policy.alerts import BudgetReading, Finding, LineReading, QueueReading, Readings, Standing
from gateway.policy.rules import Budget
from gateway.store import ledger
from gateway.store.alert_rows import OWN_KEY, Scope
from gateway.store.convert import outcome_from_json
from gateway.store.queue import lane_of
from gateway.store.rows import Pace
from gateway.store.transaction import Row, Tx

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
COUNTED_MAX = 10_000
WAITING_MAX = 1_000
LANES_READ = 200
"""Those served longest ago come first; a queue that stands is seen in them."""

_OWN_LANE = lane_of(OWN_KEY, None, urgent=True)


def read(tx: Tx, scope: Scope) -> Readings:
    """Read how things stand."""
    ended = _ended_within_an_hour(tx, scope)
    lines = [
        line
        for line in tx.rows("lines_of", tenant=scope.tenant, sandbox_only=0)
        if scope.emulated or not line["emulated"]
    ]
    return Readings(
        delivered=ended.get("delivered", 0),
        undelivered=ended.get("undelivered", 0),
        failed=ended.get("failed", 0) + ended.get("expired", 0),
        in_doubt=_count(tx, "alert_in_doubt", scope, own=OWN_KEY, sandbox=int(scope.emulated)),
        queue=_queue(tx, scope),
        lines=tuple(_line(tx, row, scope) for row in lines),
        budgets=tuple(_budgets(tx, scope, lines)),
        dead_deliveries=_count(tx, "alert_dead_deliveries", scope, since=tx.now_ms - HOUR_MS),
    )


def standing(tx: Tx, tenant: str) -> tuple[Standing, ...]:
    """List the alerts that were ever raised."""
    return tuple(
        Standing(
            finding=Finding(**json.loads(row["finding"])),
            since_ms=row["since"],
            active=bool(row["active"]),
            told_at_ms=row["told_at"],
            owes_end=bool(row["owes_end"]),
            revision=row["revision"],
        )
        for row in tx.rows("alerts_of", tenant=tenant)
    )


def finding_json(finding: Finding) -> str:
    """Write a finding as its column holds it; a label and figures, nothing personal."""
    return json.dumps(asdict(finding))


def _count(tx: Tx, query: str, scope: Scope, **values: object) -> int:
    row = tx.one(query, tenant=scope.tenant, limit=COUNTED_MAX, **values)
    return int(row["n"]) if row is not None else 0


def _ended_within_an_hour(tx: Tx, scope: Scope) -> dict[str, int]:
    since = tx.now_ms // MINUTE_MS - 60
    rows = tx.rows("message_tallies", tenant=scope.tenant, since=since, sandbox=int(scope.emulated))
    # What moved on (a late report) is taken from the minute of the move, so an hour's sum may be below zero.
    return {row["state"]: max(int(row["n"]), 0) for row in rows}


# ------------------------------------------------------------------ the queue


def _queue(tx: Tx, scope: Scope) -> QueueReading | None:
    """Find the oldest text whose turn could come; of a batch, how long none of it went: its tail waits by design."""
    waits = [
        (since_ms, lane)
        for since_ms, lane, sandbox in waiting_lanes(tx, scope.tenant, _OWN_LANE)
        if scope.emulated or not sandbox
    ]
    if not waits:
        return None
    oldest_ms = min(since_ms for since_ms, _ in waits)
    return QueueReading(oldest_ms, _waiting(tx, [lane for _, lane in waits]))


def waiting_lanes(tx: Tx, tenant: str, but: str = "") -> Iterator[tuple[int, Row, bool]]:
    """List lanes that could go on: since when (UTC ms) the first text waits, the lane, whether it is the sandbox's."""
    for lane in tx.rows("alert_lanes", tenant=tenant, own=but, now=tx.now_ms, limit=LANES_READ):
        head = tx.one("alert_lane_head", route=lane["route"], priority=lane["priority"], lane=lane["name"])
        if head is None:
            continue
        since_ms = max(head["created_at"], head["send_at"] or 0, head["ready_at"] or 0)
        if lane["batch_id"] is not None:
            since_ms = max(since_ms, lane["served_at"] or 0, lane["batch_at"] or 0)
        yield since_ms, lane, bool(head["sandbox"])


def _waiting(tx: Tx, lanes: list[Row]) -> int:
    waiting = 0
    for lane in lanes:
        if waiting >= WAITING_MAX:
            break
        row = tx.one(
            "alert_waiting",
            route=lane["route"],
            priority=lane["priority"],
            lane=lane["name"],
            limit=WAITING_MAX - waiting,
        )
        waiting += int(row["n"]) if row is not None else 0
    return waiting


# ------------------------------------------------------------------ lines


def _line(tx: Tx, row: Row, scope: Scope) -> LineReading:
    reason = outcome_from_json(row["reason"])
    held = outcome_from_json(row["held_reason"])
    sent = tx.one("alert_line_sent", line=row["id"], tenant=scope.tenant)
    return LineReading(
        id=row["id"],
        name=_name(row),
        down_since_ms=None if row["state"] == "up" else _down_since_ms(tx, row, scope),
        reason=None if reason is None else reason.title,
        no_credit=held is not None and held.code == "no_credit",
        last_sent_at_ms=None if sent is None else sent["sent_at"],
        paused=bool(row["paused"]),
    )


def _down_since_ms(tx: Tx, row: Row, scope: Scope) -> int:
    """Say since when; at a start every line is down until it is seen, and what was before is no sign of trouble."""
    moved = tx.one("alert_line_moved", line=row["id"], tenant=scope.tenant)
    went_down_ms = moved["at"] if moved is not None and moved["type"] == "line.down" else 0
    return max(went_down_ms, scope.since_ms)


def _name(row: Row) -> str:
    return str(row["label"] or row["number"] or row["id"])


# ------------------------------------------------------------------ budgets


def _budgets(tx: Tx, scope: Scope, lines: list[Row]) -> Iterator[BudgetReading]:
    for budget in tx.rules.budgets:
        if budget.line is not None:
            for line in lines:
                if budget.line in (line["label"], line["number"], line["id"]):
                    now = ledger.calendar(tx, Pace(billing_day=line["billing_day"] or 1))
                    yield from _budget(tx, budget, (f"line:{line['id']}", budget.line), now, line["id"])
        elif budget.key is not None:
            payer = ledger.key_payer(tx, scope.tenant, budget.key)
            yield from _budget(tx, budget, (payer, budget.key), ledger.calendar(tx))
        else:
            yield from _budget(tx, budget, (f"tenant:{scope.tenant}", "all texts"), ledger.calendar(tx))


def _budget(
    tx: Tx, budget: Budget, payer: tuple[str, str], now: ledger.Calendar, line: str | None = None
) -> Iterator[BudgetReading]:
    day, month = ledger.used_of(tx, payer[0], now)
    spans: tuple[tuple[Literal["day", "month"], ledger.Used, int, int], ...] = (
        ("day", day, budget.parts_per_day, budget.micro_per_day),
        ("month", month, budget.parts_per_month, budget.micro_per_month),
    )
    for span, used, parts, micro in spans:
        if parts or micro:
            percent = max(
                used.parts * 100 // parts if parts else 0, used.micro * 100 // micro if micro else 0
            )
            yield BudgetReading(payer[0], payer[1], span, percent, line)
