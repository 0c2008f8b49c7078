"""Owns how amounts look in answers: decimal text with their currency, so that no reader of JSON rounds them.

Knows no tariff.
Source: the HTTP interface; ISO 4217 (currencies).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

MICRO = 1_000_000
"""Money is counted in millionths of a currency's unit."""


def amount(micro: int) -> str:
    """Write millionths as a decimal with at least two places: ``55000`` is ``0.055``."""
    exact = (Decimal(micro) / MICRO).normalize()
    places = max(2, -int(exact.as_tuple().exponent))
    return f"{exact:.{places}f}"


def cost_json(micro: int, currency: str | None) -> dict[str, object] | None:
    """Show one amount; None where no tariff is known."""
    return None if currency is None else {"amount": amount(micro), "currency": currency}


def money_json(micro_by_currency: Mapping[str, int]) -> list[dict[str, object]]:
    """Show amounts, one for each currency."""
    return [{"amount": amount(micro), "currency": currency} for currency, micro in micro_by_currency.items()]
