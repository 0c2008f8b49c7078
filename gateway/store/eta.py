"""Owns the outlook of what waits: when a batch or a line will be done and why, what it cost, and why some failed.

Reads only. The guess itself is :mod:`gateway.policy.eta`.
Source: every waiting thing has a reason and a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.clock import day_ends_ms
from gateway.message import MessageState, shown_reason
from gateway.policy.eta import Estimate, LineOutlook, clock_words, finish
from gateway.policy.quiet_hours import LineHours
from gateway.policy.wait_words import held_words, limit_words
from gateway.store import ledger
from gateway.store.convert import load_tariff, outcome_from_json
from gateway.store.ledger import Asks
from gateway.store.rows import Pace, View
from gateway.store.transaction import Row, Tx

STEM = 7
"""Prices differ by prefix: numbers are taken together by so many first characters, as in ``price_of_batch``."""

EMULATED_PER_MINUTE = 120
PLANNED = "as asked"

AHEAD_COUNTED = 20_000
"""Messages before one that are counted: beyond it is "a long time" either way."""


@dataclass(frozen=True, slots=True)
class Failures:
    """How many messages of a batch ended for one cause."""

    code: str
    title: str
    hint: str
    count: int


@dataclass(frozen=True, slots=True)
class Left:
    """How long something will still take, and until when (UTC ms); None: nobody can say."""

    eta_s: int | None
    at_ms: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """``eta_s`` None: nobody can say. ``cost_micro`` by currency, in millionths."""

    eta_s: int | None
    reason: str
    cost_micro: dict[str, int]
    failures: tuple[Failures, ...]


def of_batch(tx: Tx, batch: Row) -> Outlook:
    """Say when the last message of a batch will be sent, what it cost so far, and why some failed."""
    left = left_of(tx, batch)
    costs = tx.rows("batch_cost", tenant=batch["tenant"], batch_id=batch["id"])
    return Outlook(
        left.eta_s, left.reason, {row["currency"]: row["cost"] for row in costs}, failures_of(tx, batch)
    )


def left_of(tx: Tx, batch: Row) -> Left:
    """Say when the last message of a batch will be sent and what limits it."""
    counts = {row["state"]: row["n"] for row in tx.rows("batch_counts", batch_id=batch["id"])}
    estimate = when_done(tx, batch, counts)
    return Left(left_s(tx, estimate), estimate.at_ms, estimate.reason)


def left_s(tx: Tx, estimate: Estimate) -> int | None:
    """Seconds until then; None: nobody can say."""
    return None if estimate.at_ms is None else max((estimate.at_ms - tx.now_ms) // 1000, 0)


def when_done(tx: Tx, batch: Row, counts: dict[str, int]) -> Estimate:
    """Guess when the last message of a batch will be sent, and say why not sooner; ``counts`` are by state."""
    if batch["state"] in ("completed", "cancelled", "expired", "rejected"):
        return Estimate(tx.now_ms, f"It is {batch['state']}")
    if batch["state"] == "held":
        return Estimate(None, "It waits for a second person to approve it")
    if batch["state"] == "paused":
        return Estimate(None, "It is paused")
    waiting = counts.get("queued", 0) + counts.get("held", 0)
    parts = round(waiting * batch["parts"] / max(batch["accepted"], 1))
    lanes = tx.rows("lanes_of_batch", batch_id=batch["id"])
    if not lanes and waiting:
        due = tx.one("batch_next_due", batch_id=batch["id"])
        if due is not None and due["at"] is not None:
            return Estimate(None, _until(due["at"], limit_words(due["reason"] or "") or PLANNED))
    blocked = [lane for lane in lanes if (lane["not_before"] or 0) > tx.now_ms]
    if lanes and len(blocked) == len(lanes):
        return Estimate(None, _used_up(blocked[0]))
    outlooks = _lines_of(
        tx, batch["tenant"], [lane["route"] for lane in lanes], sandbox=bool(batch["sandbox"])
    )
    return finish(tx.now_ms, parts, outlooks, day_ends_ms(tx.now_ms))


def of_queue(tx: Tx, line: Row, routes: list[str], parts: int, last_due_ms: int = 0) -> Estimate:
    """Say when what waits on a line's routes will be sent, by all lines that serve them; nothing waits: by itself.

    ``last_due_ms`` is when the last of it may leave.
    """
    outlooks = [of_line(tx, line)]
    if routes:
        outlooks = _lines_of(tx, line["tenant"], routes, sandbox=bool(line["emulated"]))
    estimate = finish(tx.now_ms, parts, outlooks, day_ends_ms(tx.now_ms))
    if estimate.at_ms is not None and last_due_ms > estimate.at_ms:
        return Estimate(last_due_ms, f"The last of it waits until {clock_words(last_due_ms)}")
    return estimate


def of_message(tx: Tx, row: Row) -> Estimate | None:
    """Say when a message that waits will be sent, and why not now; None when it does not wait."""
    if row["state"] == MessageState.HELD:
        return Estimate(
            None, f"It is held: {held_words(shown_reason(row['held_reason']) or 'a person decides')}"
        )
    if row["state"] != MessageState.QUEUED:
        return None
    if row["due_at"] is not None and row["due_at"] > tx.now_ms:
        planned = PLANNED if row["due_at"] == row["send_at"] else "it tries again then"
        return Estimate(
            row["due_at"], _until(row["due_at"], limit_words(row["held_reason"] or "") or planned)
        )
    batch = tx.one("batch_by_id", id=row["batch_id"]) if row["batch_id"] else None
    if batch is not None and batch["state"] not in ("running", "completed"):
        return Estimate(None, f"Its batch is {batch['state']}")
    where = {"route": row["route"], "priority": row["priority"], "lane": row["lane"]}
    lane = tx.one("lane_of_message", tenant=row["tenant"], **where)
    if lane is not None and (lane["not_before"] or 0) > tx.now_ms:
        return Estimate(lane["not_before"], _used_up(lane))
    ahead = tx.one("lane_ahead", id=row["id"], limit=AHEAD_COUNTED, **where)
    others = tx.one("lanes_count", route=row["route"], priority=row["priority"])
    # Lanes take turns: of each other lane about as many go as of this one.
    parts = ((ahead["n"] if ahead else 0) + 1) * max(others["n"] if others else 1, 1) * row["parts"]
    outlooks = _lines_of(
        tx, row["tenant"], [row["route"]], sandbox=bool(row["sandbox"]), number=row["to_number"]
    )
    return finish(tx.now_ms, parts, outlooks, day_ends_ms(tx.now_ms))


def _until(at_ms: int, why: str) -> str:
    return f"It waits until {clock_words(at_ms)}: {why}"


def _used_up(lane: Row) -> str:
    words = limit_words(lane["reason"])
    return f"{words[:1].upper()}{words[1:]} is used up; it goes on at {clock_words(lane['not_before'])}"


def _lines_of(
    tx: Tx, tenant: str, routes: list[str], *, sandbox: bool, number: str | None = None
) -> list[LineOutlook]:
    lines = tx.rows("lines_of", tenant=tenant, sandbox_only=int(sandbox))
    return [of_line(tx, line, number) for line in lines if _serves(line, routes)]


def _serves(line: Row, routes: list[str]) -> bool:
    own = {f"line:{line['id']}", *(f"pool:{pool}" for pool in json.loads(line["pools"]))}
    return bool(own & set(routes))


def of_line(tx: Tx, line: Row, number: str | None = None) -> LineOutlook:
    """Say what a line can still do now; for a number too, which may be one more than its month allows."""
    pace = tx.rules.limits.pace
    per_minute = pace.per_minute if line["per_minute"] is None else line["per_minute"]
    per_day = pace.per_day if line["per_day"] is None else line["per_day"]
    per_month = pace.per_month if line["per_month"] is None else line["per_month"]
    per_hour = pace.per_hour if line["per_hour"] is None else line["per_hour"]
    recipients = pace.recipients_per_month
    recipients = recipients if line["recipients_per_month"] is None else line["recipients_per_month"]
    use = ledger.line_use(tx, line["id"], line["billing_day"] or 1)
    budgets = tx.rules.limits.budgets_of(line["label"], line["number"], line["id"])
    if tx.rules.limits.exempts(emulated=bool(line["emulated"])):
        per_minute, per_hour, per_day, per_month, recipients = EMULATED_PER_MINUTE, 0, 0, 0, 0
        budgets = ()
    wait = ledger.line_waits(
        tx,
        line["id"],
        Pace(
            per_minute=per_minute,
            per_hour=per_hour,
            per_day=per_day,
            per_month=per_month,
            recipients_per_month=recipients if number is not None else 0,
            billing_day=line["billing_day"] or 1,
            budgets=budgets,
        ),
        Asks(1, number or "", 1),
    )
    waits = [
        (wait.until_ms if wait is not None else 0, limit_words(wait.reason) if wait is not None else ""),
        (line["held_until"] or 0, "the network's refusal"),
        (_rests_until_ms(tx, line), limit_words("quiet_hours")),
    ]
    until_ms, waits_for = max(waits)
    a_day = _smaller(per_day, *(budget.parts_per_day for budget in budgets))
    a_month = _smaller(per_month, *(budget.parts_per_month for budget in budgets))
    return LineOutlook(
        name=line["label"] or line["number"] or "A line",
        up=line["state"] == "up" and not line["paused"],
        per_minute=per_minute,
        per_day=a_day,
        left_today=None if a_day is None else max(a_day - use.day, 0),
        left_month=None if a_month is None else max(a_month - use.month, 0),
        waits_until_ms=until_ms or None,
        waits_for=waits_for,
        paused=bool(line["paused"]),
    )


def _smaller(*limits: int) -> int | None:
    """The smallest of limits of which 0 is none."""
    return min((limit for limit in limits if limit), default=None)


def _rests_until_ms(tx: Tx, line: Row) -> int:
    """When the line's own quiet hours end; 0 where it has none."""
    if line["quiet_hours"] is None:
        return 0
    return LineHours(line["quiet_hours"], tx.rules.limits.zone).next_open_ms(tx.now_ms) or 0


def failures_of(tx: Tx, batch: Row) -> tuple[Failures, ...]:
    """Group what of a batch failed by cause, the most frequent first."""
    grouped: dict[str, Failures] = {}
    for row in tx.rows("batch_failures", tenant=batch["tenant"], batch_id=batch["id"]):
        cause = outcome_from_json(row["error"])
        code, title, hint = (cause.code, cause.title, cause.hint) if cause else ("cancelled", "Cancelled", "")
        before = grouped.get(code)
        grouped[code] = Failures(code, title, hint, row["n"] + (before.count if before else 0))
    return tuple(sorted(grouped.values(), key=lambda one: -one.count))


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a batch that is not stored would take: when it would be done (None: nobody can say) and what limits it,
    the lines that could carry it, and what it costs at least, in millionths by currency."""

    eta_s: int | None
    reason: str
    lines: tuple[str, ...]
    cost_micro: dict[str, int]
    needs_approval: bool


def forecast(tx: Tx, view: View, loads: Mapping[tuple[str, str], int], accepted: int) -> Forecast:
    """Say what it would take to send ``loads`` (parts by route and beginning of the number) beginning now."""
    routes = sorted({route for route, _ in loads})
    outlooks = _lines_of(tx, view.tenant, routes, sandbox=view.sandbox_only)
    estimate = finish(tx.now_ms, sum(loads.values()), outlooks, day_ends_ms(tx.now_ms))
    rows = [{"route": route, "stem": stem, "parts": parts} for (route, stem), parts in loads.items()]
    over = tx.rules.approval_over
    return Forecast(
        left_s(tx, estimate),
        estimate.reason,
        tuple(line.name for line in outlooks),
        _price(tx, view.tenant, rows),
        bool(over and accepted > over),
    )


def price(tx: Tx, tenant: str, kind: str, subject: str) -> dict[str, int]:
    """Say what a message or batch would cost at least, in millionths by currency: by the cheapest line for each number.

    Lines without a tariff cost nothing that is known.
    """
    query = "price_of_batch" if kind == "batch" else "price_of_message"
    return _price(tx, tenant, tx.rows(query, tenant=tenant, subject=subject))


def _price(tx: Tx, tenant: str, rows: Iterable[Row | Mapping[str, Any]]) -> dict[str, int]:
    costs: dict[str, int] = {}
    tariffs = [
        (line, tariff)
        for line in tx.rows("lines_of", tenant=tenant, sandbox_only=0)
        if (tariff := load_tariff(line["tariff"])) is not None
    ]
    for row in rows if tariffs else ():
        offers = [
            (tariff.cost_micro(row["stem"], row["parts"]), tariff.currency)
            for line, tariff in tariffs
            if _serves(line, [row["route"]])
        ]
        if offers:
            micro, currency = min(offers)
            costs[currency] = costs.get(currency, 0) + micro
    return costs
