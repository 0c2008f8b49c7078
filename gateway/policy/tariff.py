"""Owns what a text costs on a line: money in millionths of a currency's unit, a price per part by destination.

Knows no line, no budget and no rate between currencies; sums are whole numbers, so they add up.
Source: rules PMP-3 (budgets in currency); ISO 4217 (currency codes); ITU-T E.164 (prefixes, longest match).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MICRO = 1_000_000
"""Millionths in a unit: operators quote parts of a cent, as 0.0078 a part."""

_AMOUNT = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,6}))?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_PREFIX = re.compile(r"\+?[0-9]{1,15}", re.ASCII)
_CENTS = 2  # digits always shown, as prices are written


@dataclass(frozen=True, slots=True)
class Tariff:
    """Prices of one part on a line.

    ``by_prefix`` maps a prefix ("+44", "+447"; digits alone for short codes) to its price, ``default_micro`` is for
    the rest; millionths of ``currency``.
    """

    currency: str
    default_micro: int = 0
    by_prefix: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no bill has.

        Raises:
            ValueError: the currency has not three capital letters, a prefix is none, or a price is negative.
        """
        if not _CURRENCY.fullmatch(self.currency):
            raise ValueError(f'"{self.currency}" is no currency; write its three letters, like EUR')
        for prefix in self.by_prefix:
            if not _PREFIX.fullmatch(prefix):
                raise ValueError(f'"{prefix}" is no prefix of numbers; write it like +44')
        if min(self.default_micro, *self.by_prefix.values(), 0) < 0:
            raise ValueError("a price is negative; write what a part costs, or 0")

    def cost_micro(self, e164: str, parts: int) -> int:
        """Give what so many parts to a number cost, by the longest prefix that it begins with."""
        for length in range(len(e164), 0, -1):
            price_micro = self.by_prefix.get(e164[:length])
            if price_micro is not None:
                return price_micro * parts
        return self.default_micro * parts


def parse_amount(written: str) -> int:
    """Read a decimal amount as it stands, without rounding.

    Returns:
        Millionths of the unit: ``"0.055"`` is 55000.

    Raises:
        ValueError: not digits with at most six more after a point, or a billion and above; says the fix.
    """
    amount = _AMOUNT.fullmatch(written)
    if amount is None:
        raise ValueError(
            f'"{written[:32]}" is no amount; write digits and at most six more after a point, like 0.055'
        )
    units, fraction = amount[1], amount[2] or ""
    return int(units) * MICRO + int(fraction.ljust(6, "0"))


def show_amount(micro: int, currency: str) -> str:
    """Write millionths as people write money, exactly: 55000 is "0.055 EUR", 1200000 "1.20 EUR"."""
    units, rest = divmod(abs(micro), MICRO)
    fraction = f"{rest:06d}".rstrip("0").ljust(_CENTS, "0")
    return f"{'-' if micro < 0 else ''}{units}.{fraction} {currency}"
