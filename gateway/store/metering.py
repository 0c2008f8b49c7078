"""Owns what the store tells whoever counts: a word after each commit, and how lines and the queue stand now.

Counts nothing itself. What is read is kept ready or found by an index: the cost grows with lines and lanes, never with
the messages that are stored.
Source: design, *Store*; rules TEN-1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.store import alert_readings, hardware, ledger
from gateway.store.convert import load_line
from gateway.store.glance import in_doubt
from gateway.store.noted import Committed
from gateway.store.rows import LineRow, View
from gateway.store.sqlite_file import SqliteFile
from gateway.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class LineReading:
    """A line with its use (``row.use``). ``up``: it is registered, whatever people or the network decided besides.

    ``battery_percent`` is that of the phone that it is in.
    """

    row: LineRow
    up: bool
    battery_percent: int | None


@dataclass(frozen=True, slots=True)
class Readings:
    """How things stand. ``states`` counts messages by state, empty for a viewer who sees the sandbox only.

    ``waits_since_ms`` is since when the oldest text waits whose turn could come, ``in_doubt`` counts the texts of which
    nobody knows whether they went out; both by whether they are the sandbox's.
    """

    at_ms: int
    lines: tuple[LineReading, ...] = ()
    states: dict[str, int] = field(default_factory=dict)
    waits_since_ms: dict[bool, int] = field(default_factory=dict)
    in_doubt: dict[bool, int] = field(default_factory=dict)


class Metering:
    """The room of those who count."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def on_commit(self, told: Callable[[Committed], None]) -> None:
        """Tell of each commit from now on, on the loop; one listener. The store must be open."""
        self._file.on_commit(told)

    async def read(self, view: View) -> Readings:
        """Read how lines and the queue of a viewer stand."""
        return await self._file.read(lambda tx: read(tx, view))


def read(tx: Tx, view: View) -> Readings:
    """Read in one snapshot."""
    batteries = {
        device.id: device.health.battery_percent
        for device in hardware.devices(tx, view)
        if device.health is not None
    }
    lines = tuple(
        LineReading(
            load_line(row, use=ledger.line_use(tx, row["id"], row["billing_day"] or 1)),
            row["state"] == "up",
            batteries.get(row["device_id"]),
        )
        for row in tx.rows("lines_of", tenant=view.tenant, sandbox_only=int(view.sandbox_only))
    )
    states: dict[str, int] = {}
    if not view.sandbox_only:
        # Kept for a tenant as a whole: what of it is the sandbox's is not known.
        states = {row["state"]: row["n"] for row in tx.rows("state_counts", tenant=view.tenant)}
    return Readings(tx.now_ms, lines, states, _oldest(tx, view), in_doubt(tx, view))


def _oldest(tx: Tx, view: View) -> dict[bool, int]:
    oldest: dict[bool, int] = {}
    for since_ms, _, sandbox in alert_readings.waiting_lanes(tx, view.tenant):
        if sandbox or not view.sandbox_only:
            oldest[sandbox] = min(since_ms, oldest.get(sandbox, since_ms))
    return oldest
