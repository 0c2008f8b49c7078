"""Owns the two clocks: wall time for due times, monotonic time for waits.

Refuses to be read directly by logic: a :class:`Clock` is passed in, so that tests decide what time it is.
Source: waits that run on wall time break when a clock steps (design, *Store*).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A seam: system time, or a time that a test moves."""

    def now_ms(self) -> int:
        """UTC now, integer milliseconds since 1970."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never step."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()


HOUR_MS = 3_600_000


def midnight_ms(now_ms: int) -> int:
    """UTC ms of the last midnight in the machine's zone: where a day's quota begins."""
    # Naive, so that the offset is that of midnight: on the days on which clocks change it is another one at noon.
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone().replace(tzinfo=None)
    return _local_ms(today.replace(hour=0, minute=0, second=0, microsecond=0))


STEP_S = 5
"""A wall clock that moves this much against the monotonic one has stepped (time synchronisation, a person)."""


class SteadyClock:
    """Wall time that does not jump: the system's wall clock as it was read, carried on by the monotonic clock.

    A slow drift is followed silently; a step is reported by :meth:`step_ms` and taken over by :meth:`adopt`, after
    the store has moved every time that was computed from the old reading.
    """

    def __init__(self, source: Clock) -> None:
        self._source = source
        self._wall_ms = source.now_ms()
        self._mono_s = source.monotonic_s()

    def now_ms(self) -> int:
        return self._wall_ms + int((self._source.monotonic_s() - self._mono_s) * 1000)

    def monotonic_s(self) -> float:
        return self._source.monotonic_s()

    def step_ms(self) -> int:
        """How far the wall clock has stepped away; 0 while it only drifts (a drift is followed here)."""
        apart = self._source.now_ms() - self.now_ms()
        if abs(apart) > STEP_S * 1000:
            return apart
        self._wall_ms += apart
        return 0

    def adopt(self, step_ms: int) -> None:
        """Go on from the stepped time."""
        self._wall_ms += step_ms


def day_ends_ms(now_ms: int) -> int:
    """UTC ms of the next midnight in the machine's zone; 23 or 25 hours after the last when the clocks change."""
    return midnight_ms(midnight_ms(now_ms) + 36 * HOUR_MS)


def billing_month_ms(now_ms: int, billing_day: int = 1) -> tuple[int, int]:
    """UTC ms in which the billing month of ``now_ms`` begins and ends, in the machine's zone.

    Args:
        now_ms: UTC ms.
        billing_day: 1 to 28: the day of the month on which the operator's bill begins.
    """
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone().replace(tzinfo=None)
    first = today.replace(day=billing_day, hour=0, minute=0, second=0, microsecond=0)
    start = first if first <= today else _months_on(first, -1)
    return _local_ms(start), _local_ms(_months_on(start, 1))


def _months_on(day: datetime, months: int) -> datetime:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return day.replace(year=year, month=month + 1)


def _local_ms(wall: datetime) -> int:
    return int(wall.astimezone().timestamp() * 1000)
