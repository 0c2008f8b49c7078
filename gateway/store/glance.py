"""Owns what an overview shows at a glance: how today went, and how busy each line was in the last day.

Knows no page. Reads sums that are kept anyway (tallies of endings, the ledger), so that the cost does not grow with
the messages that are stored.
Source: the notes on what people see, *Overview*.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.clock import midnight_ms
from gateway.ids import lowest_id
from gateway.store.rows import View
from gateway.store.transaction import Tx
from gateway.store.units import Units

HOURS = 24
_HOUR_MINUTES = 60
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Today:
    """Messages that ended since midnight, by how; ``sent`` are those that a line took, ``received`` inbound texts."""

    delivered: int = 0
    undelivered: int = 0
    failed: int = 0
    expired: int = 0
    received: int = 0
    sent: int = 0

    @property
    def reported(self) -> int:
        """Of how many the network said what became of them."""
        return self.delivered + self.undelivered


class Glance:
    """Figures of an overview; may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def today(self, view: View) -> Today:
        """Say how today went, in the machine's zone."""
        return await self._units.read(lambda tx: _today(tx, view))

    async def in_doubt(self, view: View) -> int:
        """Count the texts of which nobody knows now whether they went out."""
        return await self._units.read(lambda tx: sum(in_doubt(tx, view).values()))

    async def hours(self, line_ids: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """Count the parts that each line was given in each of the last 24 hours, the oldest first."""
        wanted = tuple(line_ids)
        return await self._units.read(lambda tx: {line_id: _hours(tx, line_id) for line_id in wanted})


def in_doubt(tx: Tx, view: View) -> dict[bool, int]:
    """Count the texts in doubt that a viewer sees, by whether they are the sandbox's."""
    rows = tx.rows("glance_in_doubt", tenant=view.tenant, sandbox_only=int(view.sandbox_only))
    return {bool(row["sandbox"]): row["n"] for row in rows}


def _today(tx: Tx, view: View) -> Today:
    since_ms = midnight_ms(tx.now_ms)
    sandbox_only = int(view.sandbox_only)
    ended = {
        row["state"]: row["n"]
        for row in tx.rows(
            "glance_ended", tenant=view.tenant, minute=since_ms // _MINUTE_MS, sandbox_only=sandbox_only
        )
    }
    received = tx.one(
        "glance_received", tenant=view.tenant, since=lowest_id(since_ms), sandbox_only=sandbox_only
    )
    sent = tx.one("glance_sent", tenant=view.tenant, day=since_ms // 1000, sandbox_only=sandbox_only)
    return Today(
        **ended,
        received=received["n"] if received is not None else 0,
        sent=sent["n"] if sent is not None else 0,
    )


def _hours(tx: Tx, line_id: str) -> tuple[int, ...]:
    first = tx.now_ms // _MINUTE_MS // _HOUR_MINUTES - HOURS + 1
    rows = tx.rows("glance_hours", payer=f"line:{line_id}", start=first * _HOUR_MINUTES)
    parts = {row["hour"] - first: row["parts"] for row in rows}
    return tuple(parts.get(hour, 0) for hour in range(HOURS))
