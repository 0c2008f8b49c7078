"""Owns which texts a line leaves to a cheaper line of its pool that can take them now.

Knows no device and no claim: it is asked while a line looks, so a text that is left costs nobody anything.
Source: design, *The gap*; routes that prefer the cheapest line with quota.
"""

from __future__ import annotations

import json
from functools import lru_cache

from gateway.policy.quiet_hours import LineHours
from gateway.store import ledger
from gateway.store.convert import load_tariff
from gateway.store.ledger import Asks, Wait
from gateway.store.rows import Pace
from gateway.store.transaction import Row, Tx

CHEAPER_LINE = "cheaper_line"
"""Why a line waits that left everything."""

LEFT_MAX_MS = 600_000
"""A text that has waited this long goes by any line: the cheaper one is slower than it seemed."""

LOOK_AGAIN_MS = 5_000
"""A line that left everything looks again so soon: the cheaper one may have gone, which nobody tells it."""

OTHERS_MAX = 8
"""Cheaper lines asked about one text; bounds what a look costs in a large pool."""

_hours = lru_cache(maxsize=64)(LineHours)


class Leaving:
    """What one line, while it looks once, leaves to others; ``left`` counts it."""

    def __init__(self, tx: Tx, line: Row, pace: Pace) -> None:
        self._tx = tx
        self.pace = pace
        cheapest = tx.rules.cheapest if not line["emulated"] else frozenset[str]()
        pools = cheapest.intersection(json.loads(line["pools"])) if cheapest else ()
        self.routes = frozenset(f"pool:{pool}" for pool in pools)
        """The routes on which the cheaper line goes first."""
        self.left = 0
        self._line = line
        self._others: dict[str, list[tuple[Row, Pace]]] = {}

    def leaves(self, message: Row) -> bool:
        """Say whether another line of the message's pool is cheaper for it and could take it now; urgent ones go."""
        asked = message["route"] in self.routes and message["purpose"] != "urgent"
        left = asked and not self._has_waited(message) and self._is_dear(message)
        self.left += left
        return left

    def _is_dear(self, message: Row) -> bool:
        number, parts = message["to_number"], message["parts"]
        own = self.pace.tariff
        if own is None:
            return False
        cost = own.cost_micro(number, parts)
        asked = 0
        for line, pace in self._others_of(message["route"]):
            other = pace.tariff
            if other is not None and other.currency != own.currency:
                continue  # what one costs in the money of the other, nobody here knows
            micro = other.cost_micro(number, parts) if other is not None else 0
            if micro >= cost or line["id"] == message["avoid_line"]:
                continue
            if ledger.line_waits(self._tx, line["id"], pace, Asks(parts, number, micro)) is None:
                return True
            asked += 1
            if asked == OTHERS_MAX:
                break
        return False

    def wait(self) -> Wait:
        """Say when to look again at what was left."""
        return Wait(self._tx.now_ms + LOOK_AGAIN_MS, CHEAPER_LINE)

    def _has_waited(self, message: Row) -> bool:
        since_ms = max(message["created_at"], message["send_at"] or 0, message["ready_at"] or 0)
        return bool(self._tx.now_ms - since_ms > LEFT_MAX_MS)

    def _others_of(self, route: str) -> list[tuple[Row, Pace]]:
        """The other lines of a pool that could send now, with their limits; read once in a look."""
        known = self._others.get(route)
        if known is None:
            rows = self._tx.rows(
                "lines_sending",
                tenant=self._line["tenant"],
                pool=route.removeprefix("pool:"),
                id=self._line["id"],
                now=self._tx.now_ms,
            )
            known = [(row, pace_of(self._tx, row)) for row in rows if not _rests(self._tx, row)]
            self._others[route] = known
        return known


def _rests(tx: Tx, line: Row) -> bool:
    if line["quiet_hours"] is None:
        return False
    return _hours(line["quiet_hours"], tx.rules.limits.zone).next_open_ms(tx.now_ms) != tx.now_ms


def pace_of(tx: Tx, line: Row) -> Pace:
    """Put together what a real line is held to, but for its device's cap and its quiet hours."""
    limits = tx.rules.limits
    default = limits.pace
    return Pace(
        per_minute=_own_or(line["per_minute"], default.per_minute),
        per_hour=_own_or(line["per_hour"], default.per_hour),
        per_day=_own_or(line["per_day"], default.per_day),
        per_month=_own_or(line["per_month"], default.per_month),
        recipients_per_month=_own_or(line["recipients_per_month"], default.recipients_per_month),
        billing_day=line["billing_day"] or 1,
        tariff=load_tariff(line["tariff"]),
        budgets=limits.budgets_of(line["label"], line["number"], line["id"]),
    )


def _own_or(own: int | None, default: int) -> int:
    return default if own is None else own
