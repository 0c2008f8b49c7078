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


def midnight_ms(now_ms: int) -> int:
    """UTC ms of the last midnight in the machine's zone: where a day's quota begins."""
    local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone()
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


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
