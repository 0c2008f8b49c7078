"""Owns which events of the phone's journal the gateway has committed, and which wait for it.

Knows no connection: what it is told here outlives one.
Source: W3; docs/link.md, *Events*.
"""

from __future__ import annotations

from typing import Final

REMEMBERED: Final = 1_000
"""Committed ids that are kept: at most 200 are on their way at a time, so no more can come again."""


class Ledger:
    """One entry of the journal may make several events here; it is committed when all of them are."""

    def __init__(self) -> None:
        self._waiting: dict[int, set[str]] = {}
        self._committed: dict[int, None] = {}

    def is_committed(self, number: int) -> bool:
        """Say whether this entry was committed already; then the phone has only not heard of it."""
        if number not in self._committed:
            return False
        self.committed(number)
        return True

    def committed(self, number: int) -> None:
        """Remember that an entry needs nothing more."""
        self._waiting.pop(number, None)
        self._committed.pop(number, None)
        self._committed[number] = None
        if len(self._committed) > REMEMBERED:
            del self._committed[next(iter(self._committed))]

    def expect(self, number: int, event_ids: tuple[str, ...]) -> None:
        """An entry goes out as these events; those of them that were acknowledged before need it no more."""
        self._waiting.setdefault(number, set(event_ids))

    def acknowledge(self, event_id: str) -> int | None:
        """Take one acknowledgement; returns the entry when that was the last one it needed.

        Args:
            event_id: As :func:`event_ids` made it; the plain number of an entry stands for all its events.
        """
        plain, _, suffix = event_id.partition(".")
        if not plain.isdecimal():
            return None
        number = int(plain)
        waiting = self._waiting.get(number, set())
        waiting.discard(event_id)
        if suffix and waiting:
            return None
        self.committed(number)
        return number


def event_ids(number: int, count: int) -> tuple[str, ...]:
    """Name the events that one entry of the journal makes: its number, with a suffix where there are several."""
    return (str(number),) if count == 1 else tuple(f"{number}.{i}" for i in range(1, count + 1))
