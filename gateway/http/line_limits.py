"""Owns how the limits of a line look: what each allows, what of it is used, and when there is more again.

Decides nothing: the same limits are kept by the store when a line claims.
Source: the HTTP interface; rules PMP-3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.clock import HOUR_MS, billing_month_ms, day_ends_ms
from gateway.money import amount
from gateway.policy.rules import Limits, PaceDefaults
from gateway.policy.tariff import Tariff
from gateway.representation import rfc3339
from gateway.store.rows import LineRow

if TYPE_CHECKING:
    from gateway.policy.rules import Budget
    from gateway.representation import Json

MINUTE_MS = 60_000


def pace_of(row: LineRow, limits: Limits) -> PaceDefaults:
    """Give the limits that a line is held to; 0 = off. Emulated lines that are exempt have what was set for them."""
    exempt = limits.exempts(emulated=row.emulated)
    defaults = PaceDefaults(0, 0) if exempt else limits.pace
    return PaceDefaults(
        per_minute=_own(row.per_minute, defaults.per_minute),
        per_day=_own(row.per_day, defaults.per_day),
        per_hour=_own(row.per_hour, defaults.per_hour),
        per_month=_own(row.per_month, defaults.per_month),
        recipients_per_month=_own(row.recipients_per_month, defaults.recipients_per_month),
    )


def _own(value: int | None, default: int) -> int:
    return default if value is None else value


def quotas(row: LineRow, limits: Limits, now_ms: int) -> list[Json]:
    """Show each limit in parts or people that is in force, with what is used of it."""
    if limits.exempts(emulated=row.emulated):
        return []
    pace, use = pace_of(row, limits), row.use
    day_ms = day_ends_ms(now_ms)
    month_ms = billing_month_ms(now_ms, row.billing_day)[1]
    known = (
        ("per_minute", pace.per_minute, use.minute, _empty_ms(use.minute, now_ms, MINUTE_MS)),
        ("per_hour", pace.per_hour, use.hour, _empty_ms(use.hour, now_ms, HOUR_MS)),
        ("per_day", pace.per_day, use.day, day_ms),
        ("per_month", pace.per_month, use.month, month_ms),
        ("recipients_per_month", pace.recipients_per_month, use.recipients, month_ms),
        *(
            named
            for budget in _budgets(row, limits)
            for named in (
                ("budget_parts_per_day", budget.parts_per_day, use.day, day_ms),
                ("budget_parts_per_month", budget.parts_per_month, use.month, month_ms),
            )
        ),
    )
    return [
        {"name": name, "limit": limit, "used": used, "resets_at": rfc3339(resets_ms)}
        for name, limit, used, resets_ms in known
        if limit
    ]


def _empty_ms(used: int, now_ms: int, window_ms: int) -> int:
    """When a sliding window is empty again, if nothing more is sent."""
    return now_ms + window_ms if used else now_ms


def budgets(row: LineRow, limits: Limits, now_ms: int) -> list[Json]:
    """Show the money that a line may use in a day and in a billing month."""
    if limits.exempts(emulated=row.emulated):
        return []
    day_ms, month_ms = day_ends_ms(now_ms), billing_month_ms(now_ms, row.billing_day)[1]
    return [
        {
            "name": name,
            "limit": {"amount": amount(limit), "currency": budget.currency},
            "used": {"amount": amount(used), "currency": budget.currency},
            "resets_at": rfc3339(resets_ms),
        }
        for budget in _budgets(row, limits)
        for name, limit, used, resets_ms in (
            ("budget_per_day", budget.micro_per_day, row.use.micro_day, day_ms),
            ("budget_per_month", budget.micro_per_month, row.use.micro_month, month_ms),
        )
        if limit and budget.currency is not None
    ]


def _budgets(row: LineRow, limits: Limits) -> tuple[Budget, ...]:
    return limits.budgets_of(row.label, row.number, row.id)


def cost_month_json(row: LineRow) -> Json | None:
    """Show what the present billing month has cost; None on a line without a tariff."""
    tariff = row.tariff
    return None if tariff is None else {"amount": amount(row.use.micro_month), "currency": tariff.currency}


def tariff_json(tariff: Tariff | None) -> Json | None:
    """Show the price of a part, and by the beginning of the number."""
    if tariff is None:
        return None
    return {
        "currency": tariff.currency,
        "per_part": amount(tariff.default_micro),
        "by_prefix": {prefix: amount(micro) for prefix, micro in tariff.by_prefix.items()},
    }
