"""Owns the values of a report: what it is grouped by, the range in days of a zone, and figures that add up.

Knows no SQL. Every message is counted in exactly one row, so the rows of any grouping sum to the same totals;
only different recipients do not: one person may be in several rows.
Source: the HTTP interface (reports).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000

ReportKind = Literal["delivery", "cost", "usage"]
Dimension = Literal[
    "day", "line", "key", "tenant", "country", "template", "batch", "purpose", "channel", "cause", "tag"
]
ReportChannel = Literal["sms", "email", "slack", "webhook"]

WAITING = ("held", "queued", "submitting", "sending")
"""States of messages, and of tries on other channels, in which nothing has become of them yet."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What rows are told apart by; ``tag`` is the name of a tag where ``dimension`` is tag."""

    dimension: Dimension
    tag: str | None = None

    @property
    def name(self) -> str:
        return self.dimension if self.tag is None else f"tag:{self.tag}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A report: ``since_ms`` included, ``until_ms`` not, one or two axes; ``limit`` rows are shown.

    ``zone`` is the IANA zone in which days begin. ``channel`` None: texts and tries on every other channel.
    """

    kind: ReportKind
    by: tuple[Axis, ...]
    since_ms: int
    until_ms: int
    zone: str
    channel: ReportChannel | None = None
    limit: int = 1000


@dataclass(slots=True)
class Figures:
    """What is counted of one group, or of all. Money is in millionths by currency, times are in ms.

    ``sent_after`` and ``delivered_after`` count messages by how long they took from their due time.
    """

    messages: int = 0
    parts: int = 0
    recipients: int = 0
    inbound: int = 0
    states: Counter[str] = field(default_factory=Counter)
    cost_micro: Counter[str] = field(default_factory=Counter)
    sent_after: Counter[int] = field(default_factory=Counter)
    delivered_after: Counter[int] = field(default_factory=Counter)

    def add(self, other: Figures) -> None:
        """Count another group too; not its recipients, of whom some may be the same people."""
        self.messages += other.messages
        self.parts += other.parts
        self.inbound += other.inbound
        for name in ("states", "cost_micro", "sent_after", "delivered_after"):
            getattr(self, name).update(getattr(other, name))

    @property
    def waiting(self) -> int:
        return sum(self.states[state] for state in WAITING)

    @property
    def delivery_rate(self) -> float | None:
        """The share of those whose end a report tells; None while it tells of none."""
        told = self.states["delivered"] + self.states["undelivered"]
        return round(self.states["delivered"] / told, 4) if told else None


def median_s(times_ms: Counter[int]) -> float | None:
    """Give the time (s) that half of them did not exceed; None of none."""
    half, seen = (times_ms.total() + 1) // 2, 0
    for at_ms in sorted(times_ms):
        seen += times_ms[at_ms]
        if seen >= half:
            return at_ms / 1000
    return None


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One group. ``keys`` and ``names`` stand in the order of the axes; a key is None where nothing applies."""

    keys: tuple[str | None, ...]
    names: tuple[str | None, ...]
    figures: Figures


@dataclass(frozen=True, slots=True)
class Report:
    """Rows in the order of their keys. ``truncated``: there are more rows; the totals are those of all."""

    rows: tuple[ReportRow, ...]
    totals: Figures
    truncated: bool


@dataclass(frozen=True, slots=True)
class Run:
    """A range of equally long days: ``start_ms`` is the midnight of ``first_day``, the range may begin after it."""

    since_ms: int
    until_ms: int
    start_ms: int
    day_ms: int = DAY_MS
    first_day: date | None = None

    def day(self, index: int) -> str:
        """Name the day that begins so many days after the first."""
        if self.first_day is None:
            raise AssertionError("only a range that was cut into days has names for them")
        return (self.first_day + timedelta(days=index)).isoformat()


def runs_of(since_ms: int, until_ms: int, zone_name: str) -> list[Run]:
    """Cut a range where days change their length: a day on which clocks change stands alone.

    Within a run the day of a moment is a division, which a database does for many rows at once.
    """
    runs: list[Run] = []
    for day, start_ms, end_ms in _days(since_ms, until_ms, ZoneInfo(zone_name)):
        last = runs[-1] if runs else None
        # A day that a calendar left out ends a run too: behind it the days have other names.
        if (
            last is not None
            and last.day_ms == end_ms - start_ms
            and last.until_ms == start_ms
            and last.day((start_ms - last.start_ms) // last.day_ms) == day.isoformat()
        ):
            runs[-1] = Run(last.since_ms, min(end_ms, until_ms), last.start_ms, last.day_ms, last.first_day)
        else:
            runs.append(Run(max(start_ms, since_ms), min(end_ms, until_ms), start_ms, end_ms - start_ms, day))
    return runs


def _days(since_ms: int, until_ms: int, zone: ZoneInfo) -> Iterator[tuple[date, int, int]]:
    day = datetime.fromtimestamp(since_ms / 1000, zone).date()
    start_ms = midnight_ms(day, zone)
    while start_ms < until_ms:
        end_ms = midnight_ms(day + timedelta(days=1), zone)
        # Samoa left out a whole day: it begins and ends at once.
        if end_ms > max(start_ms, since_ms):
            yield day, start_ms, end_ms
        day, start_ms = day + timedelta(days=1), end_ms


def midnight_ms(day: date, zone: ZoneInfo) -> int:
    """UTC ms at which a day begins in a zone; where clocks skip midnight, the moment at which they do."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
