"""Owns the ledger: what each payer has used by second, minute, day and billing month, and when a limit lets more go.

Knows no queue. Asked before a claim and written in its transaction, so no window is ever exceeded by a race.
Source: rules PMP-3; design, *The gap* (a wait is a time, nobody sleeps on a row).
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.clock import billing_month_ms, day_ends_ms, midnight_ms
from gateway.policy.rules import Budget
from gateway.store.events import Happened, append
from gateway.store.rows import LineUse, Pace
from gateway.store.transaction import Row, Tx

MINUTE_S = 60
SECONDS_KEPT = 3 * 86_400
WARN_AT = (50, 80, 100)
"""Per cent of a budget at which an event warns (rules PMP-3)."""


@dataclass(frozen=True, slots=True)
class Asks:
    """What is to be taken: parts of one message to one number, and what they cost (millionths).

    ``texts`` is 0 for a message that a line had before: on its day it is counted once, however often it is tried.
    """

    parts: int
    number: str
    micro: int = 0
    texts: int = 1


@dataclass(frozen=True, slots=True)
class Wait:
    """Not before this time (UTC ms), and the name of the limit that says so."""

    until_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """The day and billing month of now, in the machine's zone (UTC ms)."""

    day_start_ms: int
    day_end_ms: int
    month_start_ms: int
    month_end_ms: int


def calendar(tx: Tx, pace: Pace | None = None) -> Calendar:
    """Say which day and month it is for a line; for keys and tenants the billing day is the first."""
    billing_day = pace.billing_day if pace is not None else 1
    known = tx.group.calendars.get(billing_day)
    if known is None or known.day_end_ms <= tx.now_ms or known.day_start_ms > tx.now_ms:
        month = billing_month_ms(tx.now_ms, billing_day)
        known = Calendar(midnight_ms(tx.now_ms), day_ends_ms(tx.now_ms), *month)
        tx.group.calendars[billing_day] = known
    return known


# ------------------------------------------------------------------ a line


def line_waits(tx: Tx, line_id: str, pace: Pace, asks: Asks) -> Wait | None:
    """Say until when a line must not carry this; None: it may. What is longer than a window goes into an empty one."""
    # Use is kept by the second (minute): the one more keeps any real window within its limit.
    sliding = []
    if pace.per_minute:
        sliding.append(("per_minute", f"line:{line_id}", "second", MINUTE_S + 1, pace.per_minute))
    if pace.cap is not None:
        sliding.append(("phone_cap", cap_payer(pace), "second", pace.cap.window_s + 1, pace.cap.parts))
    if pace.per_hour:
        sliding.append(("per_hour", f"line:{line_id}", "minute", 61, pace.per_hour))
    waits = [_sliding(tx, window, asks.parts) for window in sliding]
    if pace.per_day or pace.per_month or pace.recipients_per_month or pace.budgets:
        waits += _calendar_waits(tx, line_id, pace, asks)
    return max((wait for wait in waits if wait is not None), key=lambda wait: wait.until_ms, default=None)


def cap_payer(pace: Pace) -> str:
    return f"device:{pace.device_id}"


def _sliding(tx: Tx, window: tuple[str, str, str, int, int], parts: int) -> Wait | None:
    name, payer, span, length, limit = window
    unit_ms = 1000 if span == "second" else 60_000
    used = tx.rows("ledger_since", payer=payer, span=span, start=tx.now_ms // unit_ms - length + 1)
    too_many = sum(use["parts"] for use in used) + parts - limit
    free_at: int | None = None
    for use in used:
        if too_many <= 0:
            break
        too_many -= use["parts"]
        free_at = use["start"] + length
    return None if free_at is None else Wait(free_at * unit_ms, name)


def _calendar_waits(tx: Tx, line_id: str, pace: Pace, asks: Asks) -> list[Wait | None]:
    payer, now = f"line:{line_id}", calendar(tx, pace)
    day, month = _used(tx, payer, "day", now.day_start_ms), _used(tx, payer, "month", now.month_start_ms)
    waits: list[Wait | None] = []
    if pace.per_day and day.parts and day.parts + asks.parts > pace.per_day:
        waits.append(Wait(now.day_end_ms, "per_day"))
    if pace.per_month and month.parts and month.parts + asks.parts > pace.per_month:
        waits.append(Wait(now.month_end_ms, "per_month"))
    full = pace.recipients_per_month and month.recipients >= pace.recipients_per_month
    if full and not _wrote_to(tx, line_id, now, asks.number):
        waits.append(Wait(now.month_end_ms, "recipients_per_month"))
    waits += [_over_budget(budget, asks, (day, month), now) for budget in pace.budgets]
    return waits


def _wrote_to(tx: Tx, line_id: str, now: Calendar, number: str) -> bool:
    month = now.month_start_ms // 1000
    return tx.one("line_recipient_known", line=line_id, month=month, number=number) is not None


@dataclass(frozen=True, slots=True)
class Used:
    """What a payer has used in one day or month; ``told`` is the per cent that was warned of."""

    parts: int = 0
    micro: int = 0
    recipients: int = 0
    told: int = 0


def _used(tx: Tx, payer: str, span: str, start_ms: int) -> Used:
    row = tx.one("ledger_at", payer=payer, span=span, start=start_ms // 1000)
    return Used() if row is None else Used(row["parts"], row["cost"], row["recipients"], row["told"])


def used_of(tx: Tx, payer: str, now: Calendar) -> tuple[Used, Used]:
    """What a payer has used today and in this month."""
    return _used(tx, payer, "day", now.day_start_ms), _used(tx, payer, "month", now.month_start_ms)


def line_use(tx: Tx, line_id: str, billing_day: int = 1) -> LineUse:
    """Say what a line has used in its present windows."""
    payer, now = f"line:{line_id}", calendar(tx, Pace(billing_day=billing_day))
    day, month = used_of(tx, payer, now)
    return LineUse(
        minute=_used_since(tx, payer, "second", tx.now_ms // 1000 - MINUTE_S),
        hour=_used_since(tx, payer, "minute", tx.now_ms // 60_000 - 60),
        day=day.parts,
        month=month.parts,
        recipients=month.recipients,
        micro_day=day.micro,
        micro_month=month.micro,
    )


def _used_since(tx: Tx, payer: str, span: str, start: int) -> int:
    return sum(use["parts"] for use in tx.rows("ledger_since", payer=payer, span=span, start=start))


def _over_budget(budget: Budget, asks: Asks, used: tuple[Used, Used], now: Calendar) -> Wait | None:
    day, month = used
    if _beyond(month, asks, budget.parts_per_month, budget.micro_per_month):
        return Wait(now.month_end_ms, "budget_per_month")
    if _beyond(day, asks, budget.parts_per_day, budget.micro_per_day):
        return Wait(now.day_end_ms, "budget_per_day")
    return None


def _beyond(used: Used, asks: Asks, parts: int, micro: int) -> bool:
    return bool((parts and used.parts + asks.parts > parts) or (micro and used.micro + asks.micro > micro))


# ------------------------------------------------------------------ keys and tenants


def payers_of(tx: Tx, tenant: str, key_id: str) -> list[tuple[str, Budget]]:
    """List the budgets that a message of this key uses, with the payers that they are kept for."""
    found: list[tuple[str, Budget]] = []
    for budget in tx.rules.budgets:
        if budget.line is not None:
            continue
        if budget.key is None:
            found.append((f"tenant:{tenant}", budget))
        elif budget.key == key_name(tx, key_id):
            found.append((key_payer(tx, tenant, budget.key), budget))
    return found


def key_payer(tx: Tx, tenant: str, name: str) -> str:
    """Name the payer of a key's budget: the oldest key of that name, so that a rotated one brings no new budget."""
    known: str | None = tx.group.known.get(("payer", tenant, name))
    if known is None:
        row = tx.one("key_first_named", tenant=tenant, name=name)
        known = tx.group.known["payer", tenant, name] = f"key:{row['id'] if row is not None else name}"
    return known


def key_name(tx: Tx, key_id: str) -> str:
    """Say what a key is called; the id itself where it is unknown (the key of the environment)."""
    known = tx.group.key_names.get(key_id)
    if known is None:
        row = tx.one("key_name", id=key_id)
        known = tx.group.key_names[key_id] = row["name"] if row is not None else key_id
    return known


def budget_waits(tx: Tx, payers: list[tuple[str, Budget]], asks: Asks) -> Wait | None:
    """Say until when key and tenant must not use more; None: they may."""
    if not payers:
        return None
    now = calendar(tx)
    waits = [_over_budget(budget, asks, used_of(tx, payer, now), now) for payer, budget in payers]
    return max((wait for wait in waits if wait is not None), key=lambda wait: wait.until_ms, default=None)


# ------------------------------------------------------------------ writing


def take(tx: Tx, line: Row, pace: Pace, asks: Asks, payers: list[tuple[str, Budget]]) -> None:
    """Write down what a claim uses, in its transaction; warns of budgets and quotas as they fill."""
    now = calendar(tx, pace)
    payer = f"line:{line['id']}"
    month = now.month_start_ms // 1000
    new = 0
    if pace.recipients_per_month:
        new = tx.run("line_recipient_add", line=line["id"], month=month, number=asks.number)
    rows = [
        _row(payer, "second", tx.now_ms // 1000, asks),
        _row(payer, "minute", tx.now_ms // 60_000, asks),
        # On a day the column counts texts (each has one recipient), in a month the different numbers.
        _row(payer, "day", now.day_start_ms // 1000, asks) | {"recipients": asks.texts},
        _row(payer, "month", month, asks) | {"recipients": new},
    ]
    if pace.cap is not None:
        rows.append(_row(cap_payer(pace), "second", tx.now_ms // 1000, asks))
    shared = calendar(tx)
    # A payer with two budgets uses what it uses once.
    for other in dict.fromkeys(other for other, _ in payers):
        rows.append(_row(other, "day", shared.day_start_ms // 1000, asks))
        rows.append(_row(other, "month", shared.month_start_ms // 1000, asks))
    tx.many("ledger_add", rows)
    _warn_of_line(tx, line, pace, now)
    if new and _used(tx, payer, "month", now.month_start_ms).recipients == pace.recipients_per_month:
        quota_reached(tx, line, "recipients_per_month", pace.recipients_per_month)
    for other, budget in payers:
        _warn(tx, (other, line["tenant"], budget), shared)


def _row(payer: str, span: str, start: int, asks: Asks) -> dict[str, object]:
    return {
        "payer": payer,
        "span": span,
        "start": start,
        "parts": asks.parts,
        "cost": asks.micro,
        "recipients": 0,
    }


def _warn_of_line(tx: Tx, line: Row, pace: Pace, now: Calendar) -> None:
    payer = f"line:{line['id']}"
    for span, start_ms, limit in (
        ("day", now.day_start_ms, pace.per_day),
        ("month", now.month_start_ms, pace.per_month),
    ):
        if not limit:
            continue
        used = _used(tx, payer, span, start_ms)
        if used.parts >= limit and used.told < 100:
            quota_reached(tx, line, f"per_{span}", limit)
            tx.run("ledger_told", payer=payer, span=span, start=start_ms // 1000, told=100)
    for budget in pace.budgets:
        _warn(tx, (payer, line["tenant"], budget), now, line)


def quota_reached(tx: Tx, line: Row, name: str, limit: int) -> None:
    """Tell that a line has used up a quota."""
    append(
        tx,
        Happened(
            type="line.quota_reached",
            tenant=line["tenant"],
            sandbox=bool(line["emulated"]),
            subject=line["id"],
            public=True,
            line=line["id"],
            snapshot={"id": line["id"], "label": line["label"], "quota": name, "limit": limit},
        ),
    )


def _warn(tx: Tx, of: tuple[str, str, Budget], now: Calendar, line: Row | None = None) -> None:
    payer, tenant, budget = of
    day, month = used_of(tx, payer, now)
    for span, start_ms, used, limits in (
        ("day", now.day_start_ms, day, (budget.parts_per_day, budget.micro_per_day)),
        ("month", now.month_start_ms, month, (budget.parts_per_month, budget.micro_per_month)),
    ):
        parts, micro = limits
        percent = max(used.parts * 100 // parts if parts else 0, used.micro * 100 // micro if micro else 0)
        reached = max((step for step in WARN_AT if percent >= step), default=0)
        if reached > used.told:
            tx.run("ledger_told", payer=payer, span=span, start=start_ms // 1000, told=reached)
            append(
                tx,
                Happened(
                    type="policy.alert",
                    tenant=tenant,
                    sandbox=False,
                    public=True,
                    line=line["id"] if line is not None else None,
                    snapshot={
                        "kind": "budget",
                        "payer": payer.partition(":")[0],
                        "name": budget.line or budget.key or tenant,
                        "span": span,
                        "percent": reached,
                    },
                ),
            )


# ------------------------------------------------------------------ upkeep


def prune(tx: Tx) -> None:
    """Forget the seconds and minutes that no window reaches; days and months are kept for reports."""
    second = tx.now_ms // 1000 - SECONDS_KEPT
    for span, before in (("second", second), ("minute", second // 60)):
        tx.run("ledger_prune", span=span, before=before)
    tx.run("line_recipients_prune", month=tx.now_ms // 1000 - 100 * 86_400)


def step(tx: Tx, step_ms: int, written_ms: tuple[int, int]) -> None:
    """Move seconds and minutes that were written between two times along with a clock that stepped.

    By way of negative starts, so that moved rows never meet rows that are still to be moved.
    """
    for span, unit_ms in (("second", 1000), ("minute", 60_000)):
        since, until = (at_ms // unit_ms for at_ms in written_ms)
        tx.run("ledger_lift", span=span, step=round(step_ms / unit_ms), since=since, until=until)
        tx.run("ledger_lifted_delete", span=span, since=since, until=until)
        tx.run("ledger_drop", span=span)
        tx.run("ledger_dropped_delete", span=span)
