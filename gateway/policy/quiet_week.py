"""Owns a week of open windows in local time, and when it is next open in one zone or in several at once.

Knows no preset, no number and no line; holidays are days that somebody names as closed.
Source: rule QUI-1; IANA time zones (zoneinfo).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS

HORIZON_MS = 31 * DAY_MS
"""Nothing that is closed for a month opens: longer than any week's gap and any run of holidays."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday
_SPAN = re.compile(r"(\d\d):(\d\d) ?[-–] ?(\d\d):(\d\d)", re.ASCII)
_DAY_END = 24 * 60

Opening = Callable[[int], int | None]
"""From a moment (UTC ms) to the first moment from then on that is open; None where none comes within 31 days."""

Window = tuple[int, int]
"""Milliseconds of the local day, the second one excluded."""


@dataclass(frozen=True, slots=True)
class OpenWeek:
    """Windows of each day, Monday first, in order."""

    days: tuple[tuple[Window, ...], ...]

    def next_open_ms(
        self, at_ms: int, zone: tzinfo, is_closed: Callable[[int], bool] | None = None
    ) -> int | None:
        """Find the first moment from ``at_ms`` on at which a clock of the zone shows a time within a window.

        Exact where clocks change: an opening that a spring gap leaves out is the moment of the change; a window that
        an autumn night shows twice is open twice.

        Args:
            at_ms: UTC ms.
            zone: Where the clock is.
            is_closed: Says whether a local date (days since 1970-01-01) is closed all day.

        Returns:
            UTC ms, ``at_ms`` itself when open; None when nothing opens within 31 days.
        """
        limit_ms = at_ms + HORIZON_MS
        while at_ms < limit_ms:
            # Between two changes of the offset local time is UTC plus a constant.
            offset_ms = _offset_ms(zone, at_ms)
            day, of_day_ms = divmod(at_ms + offset_ms, DAY_MS)
            opens_ms = self._opens_ms(day, of_day_ms, is_closed)
            if opens_ms == of_day_ms:
                return at_ms
            ahead_ms = at_ms - of_day_ms + (DAY_MS if opens_ms is None else opens_ms)
            if _offset_ms(zone, ahead_ms) != offset_ms:
                at_ms = _change_ms(zone, at_ms, ahead_ms)
            elif opens_ms is not None:
                return ahead_ms
            else:
                at_ms = ahead_ms
        return None

    def _opens_ms(self, day: int, of_day_ms: int, is_closed: Callable[[int], bool] | None) -> int | None:
        windows = self.days[(day + _EPOCH_WEEKDAY) % 7]
        if windows and is_closed is not None and is_closed(day):
            return None
        for start_ms, end_ms in windows:
            if of_day_ms < end_ms:
                return max(of_day_ms, start_ms)
        return None


def parse_span(text: str) -> tuple[int, int]:
    """Read a span of the day like ``21:00-08:00``.

    Returns:
        Minutes after midnight, begin and end; the end is 1 to 1440 and may lie before the begin (the next day).

    Raises:
        ValueError: no such span, or one that ends when it begins.
    """
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'"{text[:40]}" is no span of the day: write it like 08:00-20:00')
    hour, minute, end_hour, end_minute = map(int, match.groups())
    begin, end = hour * 60 + minute, end_hour * 60 + end_minute
    if minute > 59 or end_minute > 59 or begin >= _DAY_END or end > _DAY_END:
        raise ValueError(f'"{text[:40]}": hours go from 00:00 to 24:00, minutes to 59')
    end = end or _DAY_END
    if begin == end:
        raise ValueError(f'"{text[:40]}" ends when it begins; write 00:00-24:00 for the whole day')
    return begin, end


def open_week(spans: Mapping[str, str]) -> OpenWeek:
    """Read windows by day.

    Args:
        spans: From days (``mon``, ``mon-sat``; in English, three letters) to spans (``08:00-20:00``, several with
            commas). A span over midnight ends on the next day. Days that are not named are closed.

    Raises:
        ValueError: names the day or the span.
    """
    days: list[list[Window]] = [[] for _ in _DAYS]
    named: set[int] = set()
    for written, windows in spans.items():
        for day in _days(written):
            if day in named:
                raise ValueError(f'"{written}" names {_DAYS[day]} a second time; name each day once')
            named.add(day)
            for span in windows.split(","):
                _put(days, day, parse_span(span))
    return OpenWeek(tuple(tuple(sorted(windows)) for windows in days))


def week_without(quiet: tuple[int, int]) -> OpenWeek:
    """Make the week that is open each day but for a quiet span (minutes, as of ``parse_span``).

    Raises:
        ValueError: the span is the whole day.
    """
    begin, end = quiet
    if (begin, end) == (0, _DAY_END):
        raise ValueError("00:00-24:00 is the whole day: nothing would ever be sent; leave some of it open")
    days: list[list[Window]] = [[] for _ in _DAYS]
    for day in range(len(_DAYS)):
        _put(days, day, (end % _DAY_END, begin or _DAY_END))
    return OpenWeek(tuple(tuple(sorted(windows)) for windows in days))


def common_opening_ms(now_ms: int, openings: Iterable[Opening]) -> int | None:
    """Find the first moment from now on that all call open (UTC ms); None when none comes within 31 days."""
    everyone = tuple(openings)
    at_ms = now_ms
    while at_ms < now_ms + HORIZON_MS:
        begun_ms = at_ms
        for opening in everyone:
            opens_ms = opening(at_ms)
            if opens_ms is None:
                return None
            at_ms = opens_ms
        if at_ms == begun_ms:
            return at_ms
    return None


@lru_cache(maxsize=1024)  # more than there are zones; ZoneInfo's own cache keeps only a few alive
def zone_of(name: str) -> ZoneInfo:
    """Look a zone up by its IANA name.

    Raises:
        ZoneInfoNotFoundError: there is none; ValueError: the name cannot be one.
    """
    return ZoneInfo(name)


def _days(written: str) -> list[int]:
    first, dash, last = written.strip().casefold().partition("-")
    if first not in _DAYS or (dash and last not in _DAYS):
        raise ValueError(f'"{written[:40]}" names no days: write mon, tue, … or mon-sat')
    begin = _DAYS.index(first)
    end = _DAYS.index(last) if dash else begin
    return [day % 7 for day in range(begin, end + (1 if end >= begin else 8))]


def _put(days: list[list[Window]], day: int, span: tuple[int, int]) -> None:
    begin_ms, end_ms = span[0] * MINUTE_MS, span[1] * MINUTE_MS
    if begin_ms < end_ms:
        days[day].append((begin_ms, end_ms))
    else:
        days[day].append((begin_ms, DAY_MS))
        days[(day + 1) % 7].append((0, end_ms))


def _offset_ms(zone: tzinfo, at_ms: int) -> int:
    offset = datetime.fromtimestamp(at_ms // 1000, zone).utcoffset()
    return 0 if offset is None else (offset.days * 86_400 + offset.seconds) * 1000


def _change_ms(zone: tzinfo, before_ms: int, after_ms: int) -> int:
    """Find the moment between two at which the clocks of a zone change; a day never has two changes."""
    offset_ms = _offset_ms(zone, before_ms)
    while after_ms - before_ms > 1:
        middle_ms = (before_ms + after_ms) // 2
        if _offset_ms(zone, middle_ms) == offset_ms:
            before_ms = middle_ms
        else:
            after_ms = middle_ms
    return after_ms
