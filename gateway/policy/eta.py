"""Owns the guess of when so many parts will be sent, and which limit it is that makes it take so long.

Pure: lines, their limits and what is left of them are given.
Source: every waiting thing has a reason and a time; a guess, never a promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

RADIO_PER_MINUTE = 20
"""Parts that a modem without a limit sends in a minute: about 3 s each."""

DAYS_MAX = 370
MINUTE_MS = 60_000
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class LineOutlook:
    """What a line can still do. ``left_today`` and ``left_month`` None: no such limit. Waits are UTC ms."""

    name: str
    up: bool
    per_minute: int
    per_day: int | None
    left_today: int | None
    left_month: int | None
    waits_until_ms: int | None = None
    waits_for: str = "a limit"
    """What makes it wait, in words."""
    paused: bool = False
    """A person paused it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """When it will be done (None: nobody can say), and why not sooner, in a sentence."""

    at_ms: int | None
    reason: str


def finish(now_ms: int, parts: int, lines: Sequence[LineOutlook], day_end_ms: int) -> Estimate:
    """Guess when ``parts`` will have been sent by these lines together."""
    if parts <= 0:
        return Estimate(now_ms, "Nothing waits")
    up = [line for line in lines if line.up]
    if not up:
        return Estimate(None, _nobody(lines))
    first = min(up, key=lambda line: line.waits_until_ms or now_ms)
    starts_ms = max(now_ms, first.waits_until_ms or now_ms)
    later = f"; {first.waits_for} holds until {clock_words(starts_ms)}" if starts_ms > now_ms else ""
    left, at_ms, today_ends_ms = parts, starts_ms, max(day_end_ms, starts_ms + 1)
    for day in range(DAYS_MAX):
        able = [line for line in up if _is_able(line, day, today_ends_ms)]
        room = _today(able) if day == 0 else _a_day(able)
        rate = _rate(able)
        by_pace = max(int((today_ends_ms - at_ms) / MINUTE_MS * rate), 0)
        possible = by_pace if room is None else min(by_pace, room)
        if left <= possible:
            return Estimate(at_ms + int(left * MINUTE_MS / rate), _because(able, day) + later)
        left -= possible
        at_ms, today_ends_ms = today_ends_ms, today_ends_ms + DAY_MS
    return Estimate(None, _because(up, DAYS_MAX) + later)


def _nobody(lines: Sequence[LineOutlook]) -> str:
    names = ", ".join(line.name for line in lines[:3])
    if lines and all(line.paused for line in lines):
        return (
            f"{names} {'is' if len(lines) == 1 else 'are'} paused; it goes on when somebody resumes sending"
        )
    return f"{f'{names} cannot' if names else 'No line can'} send now; it goes on when a line is up"


def _is_able(line: LineOutlook, day: int, day_ends_ms: int) -> bool:
    """Say whether a line sends anything on a day: what waits for the next, or has used up this one, is no help."""
    used_up = day == 0 and _least(line.left_today, line.left_month) == 0
    return not used_up and (line.waits_until_ms or 0) < day_ends_ms


def _rate(lines: Sequence[LineOutlook]) -> int:
    return sum(line.per_minute or RADIO_PER_MINUTE for line in lines)


def _today(lines: Sequence[LineOutlook]) -> int | None:
    """Parts that may still go today over all lines; None while one of them has no limit."""
    lefts = [_least(line.left_today, line.left_month) for line in lines]
    known = [left for left in lefts if left is not None]
    return None if len(known) < len(lefts) else sum(known)


def _a_day(lines: Sequence[LineOutlook]) -> int | None:
    days = [line.per_day for line in lines]
    known = [per_day for per_day in days if per_day is not None]
    return None if len(known) < len(days) else sum(known)


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def clock_words(at_ms: int) -> str:
    """Write a time as it stands in a reason: to the minute, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _because(lines: Sequence[LineOutlook], days: int) -> str:
    who = lines[0].name if len(lines) == 1 else f"{len(lines)} lines"
    verb = "sends" if len(lines) == 1 else "send"
    pace = f"{who} {verb} {_rate(lines)} parts a minute"
    if days:
        a_day = _a_day(lines)
        return f"{pace}" + (f", {a_day} a day" if a_day is not None else "")
    return pace
