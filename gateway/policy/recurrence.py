"""Owns when something that repeats comes next: a rule of RFC 5545 in the wall time of a place.

Knows no queue, no clock and no message: the time after which to look is given.
Source: RFC 5545 §3.3.10 (rule), §3.3.5 (times that a clock change skips or repeats), §3.8.5.1 (exceptions).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrulestr

from gateway.policy.quoting import quoted
from gateway.policy.recurrence_rule import Field, RecurrenceError, Rule, parse_rule

FIRST_YEAR = 2000
LAST_YEAR = 2098
"""Between them every fourth year is a leap year, so that the calendar repeats itself after 28 years."""

EXCEPTIONS_MAX = 400
"""Every day off of some years, one by one."""

_CYCLE_YEARS = 28
_SEARCH_FROM = 9960
_COUNT_FROM = 9932
"""Where the library's calendar stands for ours, see ``_years_to_the_end``: 12 to 39 years of it for a search; 40 at
least for rules with a count, which is counted from the start on."""

_SKIPPED_AT_MOST = timedelta(days=1)
"""The longest time that a clock change ever skipped (Samoa had no 30 December 2011)."""

_HOURS = {"HOURLY": 1, "DAILY": 24, "WEEKLY": 7 * 24}
_MONTHS = {"MONTHLY": 1, "YEARLY": 12}

_WALL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule, the wall time it starts at, the place of that clock, and the days and times that are left out.

    A wall time that a clock change skips happens as much later as the change is long; one that comes twice happens
    the first time. An hourly rule counts hours of the wall, so that it pauses while an hour repeats.
    """

    rule: Rule
    start: datetime
    zone: ZoneInfo
    without_days: frozenset[date] = frozenset()
    without_times: frozenset[datetime] = frozenset()

    def next_after_ms(self, after_ms: int) -> int | None:
        """Give the time (UTC ms) of the first occurrence after a time; None when none follows.

        Ends soon whatever the rule: what does not come within the next 11 years does not come, nor what comes after
        2098; a rule with a count ends after some 40 years at the latest.
        """
        after = datetime.fromtimestamp(after_ms // 1000, self.zone)
        next_ms: int | None = None
        shown: datetime | None = None
        for wall in self._walls(after.replace(tzinfo=None) - _SKIPPED_AT_MOST):
            if shown is not None and wall >= shown:
                break
            at = wall.replace(tzinfo=self.zone).astimezone(UTC)
            at_ms = int(at.timestamp()) * 1000
            if at_ms <= after_ms or (next_ms is not None and at_ms >= next_ms) or self._is_left_out(wall):
                continue
            # What clocks will show then: times before that may still come sooner than this one, if it was skipped.
            next_ms, shown = at_ms, at.astimezone(self.zone).replace(tzinfo=None)
        until_ms = self.rule.until_ms
        return None if next_ms is None or (until_ms is not None and next_ms > until_ms) else next_ms

    def _is_left_out(self, wall: datetime) -> bool:
        return wall in self.without_times or wall.date() in self.without_days

    def _walls(self, earliest: datetime) -> Iterator[datetime]:
        """Give the wall times of the rule in order, from some time before ``earliest`` on."""
        if earliest.year > LAST_YEAR:
            return
        text, start = self.rule.text, self.start
        if self.rule.count is None:
            start = self._started_before(earliest)
            years = _years_to_the_end(max(start, earliest).year, _SEARCH_FROM)
        else:
            text += f";COUNT={self.rule.count}"
            years = _years_to_the_end(start.year, _COUNT_FROM)
        try:
            for wall in rrulestr(text, dtstart=start.replace(year=start.year + years)):
                if wall.year - years > LAST_YEAR:
                    return
                yield wall.replace(year=wall.year - years)
        except OverflowError:  # a week that would end after 31 December 9999
            return

    def _started_before(self, earliest: datetime) -> datetime:
        """Move the start on by whole intervals, to at least one before ``earliest``: from there the steps are the same.

        The library would go through everything since the start: ten years of hours are 0.2 s.
        """
        start, interval = self.start, self.rule.interval
        if start >= earliest:
            return start
        if self.rule.frequency in _HOURS:
            step = timedelta(hours=_HOURS[self.rule.frequency] * interval)
            return start + max((earliest - start) // step - 1, 0) * step
        months = _MONTHS[self.rule.frequency] * interval
        passed = (earliest.year - start.year) * 12 + earliest.month - start.month
        for steps in range(passed // months - 1, 0, -1):
            year, month = divmod(start.year * 12 + start.month - 1 + steps * months, 12)
            # The day of the start is part of the rule where the rule names none, so it has to exist.
            if start.day <= monthrange(year, month + 1)[1]:
                return start.replace(year=year, month=month + 1)
        return start


def parse(rule: str, start_local: str, zone: str, exceptions: Sequence[str] = ()) -> Recurrence:
    """Read a recurrence.

    Args:
        rule: RRULE of RFC 5545, like ``FREQ=WEEKLY;BYDAY=MO,TH``; HOURLY is the most frequent, UNTIL is in UTC.
        start_local: Wall time without offset, ``2026-12-01T09:00``; seconds may follow.
        zone: Name in the IANA time zone database, like ``Europe/London``.
        exceptions: EXDATE: wall times like the start, or whole days, ``2026-12-25``; at most 400.

    Raises:
        RecurrenceError: ``field`` says which of them is wrong; also for a rule that never comes (30 February).
    """
    read = parse_rule(rule)
    start = _wall_time(start_local, "start")
    place = _zone(zone)
    recurrence = Recurrence(read, start, place, *_exceptions(exceptions))
    # Whether it ever comes does not depend on the count, and the search without one is shorter.
    endless = replace(recurrence, rule=replace(read, count=None))
    try:
        comes = endless.next_after_ms(int(start.replace(tzinfo=place).timestamp()) * 1000 - 1) is not None
    except ValueError:  # the library's word for hours that an interval never meets
        comes = False
    if not comes:
        raise RecurrenceError(
            "This rule names no time that comes between its start and its end, or within 11 years. Check BYMONTHDAY,"
            " BYMONTH, INTERVAL and UNTIL."
        )
    return recurrence


def _wall_time(written: str, field: Field) -> datetime:
    wall: datetime | None = None
    if _WALL_TIME.fullmatch(written):
        with suppress(ValueError):  # 31 February
            wall = datetime.fromisoformat(written)
    if wall is None:
        raise RecurrenceError(
            f"{quoted(written)} is no wall time. Write it without an offset, like 2026-12-01T09:00.", field
        )
    if not FIRST_YEAR <= wall.year <= LAST_YEAR:
        raise RecurrenceError(f"The year {wall.year} is not between {FIRST_YEAR} and {LAST_YEAR}.", field)
    return wall


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of the database, like "Europe"
        raise RecurrenceError(
            f"{quoted(name)} is no time zone. Write it like Europe/London.", "zone"
        ) from None


def _exceptions(written: Sequence[str]) -> tuple[frozenset[date], frozenset[datetime]]:
    if len(written) > EXCEPTIONS_MAX:
        raise RecurrenceError(
            f"There are {len(written)} exceptions; at most {EXCEPTIONS_MAX} are allowed. Leave past ones out.",
            "exceptions",
        )
    days = [_wall_time(f"{each}T00:00", "exceptions").date() for each in written if _DAY.fullmatch(each)]
    times = [_wall_time(each, "exceptions") for each in written if not _DAY.fullmatch(each)]
    return frozenset(days), frozenset(times)


def _years_to_the_end(year: int, first: int) -> int:
    """Say how many years later the calendar looks as it does from ``year`` on, in the 28 years from ``first``.

    The library looks for a day that never comes (30 February) until its calendar ends with the year 9999, which takes
    seconds. In the last years of that calendar the end is near, and weekdays and leap days fall as they do now.
    """
    weekday = date(year, 1, 1).weekday()
    return next(
        later - year
        for later in range(first, first + _CYCLE_YEARS)
        if later % 4 == year % 4 and date(later, 1, 1).weekday() == weekday
    )
