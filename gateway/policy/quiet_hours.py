"""Owns when a text may reach its recipient or leave its line: presets, the zones of a number, holidays, the spread.

Knows no purpose, no message and no clock: whether hours apply is asked elsewhere, and now is passed in.
Source: rules QUI-1, QUI-2, QUI-3; quiet_presets.toml.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache, partial
from importlib.resources import files

import holidays
import phonenumbers
from phonenumbers import timezone
from phonenumbers.tzdata import TIMEZONE_DATA

from gateway.policy.quiet_week import (
    MINUTE_MS,
    Opening,
    OpenWeek,
    common_opening_ms,
    open_week,
    parse_span,
    week_without,
    zone_of,
)

BY_COUNTRY = "country"
"""The preset that takes the one of the recipient's country."""

SPREAD_MS = 15 * MINUTE_MS
"""QUI-2: what waited for an opening leaves spread over this time, not all at its first second."""

_UNKNOWN_ZONE = "Etc/Unknown"
_EPOCH = date(1970, 1, 1).toordinal()
_CACHED_NUMBERS = 32_768
"""Like the cache of recipients: the library takes 30 µs a number."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A week of windows; ``holidays``: public holidays of the recipient's country are closed."""

    week: OpenWeek
    holidays: bool = False


@dataclass(frozen=True, slots=True)
class HoursSettings:
    """What an organisation wants.

    ``preset`` is a name of the data file, or ``country``. ``open`` (from days to spans, see ``open_week``) replaces
    the windows of the preset, ``holidays`` what it says of them; None leaves it as it is.
    """

    preset: str = "default"
    open: Mapping[str, str] | None = None
    holidays: bool | None = None


class QuietHours:
    """Says when recipients may be reached, in their own local time."""

    def __init__(self, settings: HoursSettings) -> None:
        """Choose the windows.

        Raises:
            ValueError: no such preset, windows that cannot be read, or windows of their own for every country.
        """
        by_country = settings.preset == BY_COUNTRY
        if by_country and settings.open:
            raise ValueError(
                'quiet_open: windows of your own and quiet_preset = "country" exclude each other; leave one out'
            )
        names, by_name = _presets()
        if not by_country and settings.preset not in by_name:
            choice = ", ".join((*by_name, BY_COUNTRY))
            raise ValueError(f'quiet_preset: there is no "{settings.preset[:40]}"; choose one of {choice}')
        changed = partial(_changed, settings)
        self._hours = changed(by_name["default" if by_country else settings.preset])
        self._by_country = {c: changed(by_name[name]) for c, name in names.items()} if by_country else {}

    def next_open_ms(self, now_ms: int, zones: tuple[str, ...], country: str | None) -> int | None:
        """Find the first moment from now on that is open in every zone of a recipient.

        Args:
            now_ms: UTC ms.
            zones: IANA names, one at least: of the consent, else of the number, else of the line.
            country: ISO 3166-1, two letters; whose preset and holidays hold. None where it is unknown.

        Returns:
            UTC ms, ``now_ms`` itself when open; None when the zones are never open together within 31 days.

        Raises:
            ValueError: no zone was given.
            ZoneInfoNotFoundError: a zone does not exist.
        """
        if not zones:
            raise ValueError("no zone: a recipient without one takes that of the line")
        hours = self._by_country.get(country or "", self._hours)
        is_closed = partial(_is_holiday, country) if country and hours.holidays else None
        return common_opening_ms(now_ms, (_opening(hours.week, name, is_closed) for name in zones))

    def due_ms(self, now_ms: int, zones: tuple[str, ...], country: str | None, message_id: str) -> int | None:
        """Find when a message is due: now when open, else the next opening plus its spread.

        The spread is left out where it would reach beyond a short window. Arguments, returned value and errors are
        those of ``next_open_ms``.
        """
        return spread_opening_ms(now_ms, message_id, lambda at_ms: self.next_open_ms(at_ms, zones, country))


class LineHours:
    """A line's own quiet span, each day the same, in the line's zone."""

    def __init__(self, span: str, zone: str) -> None:
        """Read the span, like ``21:00-08:00``.

        Raises:
            ValueError: it is none, or the whole day.
            ZoneInfoNotFoundError: the zone does not exist.
        """
        self._week = week_without(parse_span(span))
        self._zone = zone_of(zone)

    def next_open_ms(self, now_ms: int) -> int | None:
        """Find the first moment from now on outside the quiet span (UTC ms); it is never None, whatever the zone."""
        return self._week.next_open_ms(now_ms, self._zone)


@lru_cache(maxsize=_CACHED_NUMBERS)
def zones_of_number(e164: str) -> tuple[str, ...]:
    """List the zones in which a number may be; empty where nobody knows (satellites, sandbox, no number)."""
    try:
        zones = timezone.time_zones_for_number(phonenumbers.parse(e164))
    except phonenumbers.NumberParseException:
        return ()
    return tuple(zone for zone in zones if zone != _UNKNOWN_ZONE)


@lru_cache(maxsize=256)
def zones_of_country(country: str) -> tuple[str, ...]:
    """List the zones in which any number of a country's calling code may be; empty where nobody knows.

    Holds those of each of its numbers, so what is open in all of these is open for any of them.
    """
    return TIMEZONE_DATA.get(str(phonenumbers.country_code_for_region(country)), ())


def spread_ms(message_id: str) -> int:
    """Say how long after an opening a message leaves: 0 to 15 minutes, always the same for one message."""
    return int.from_bytes(hashlib.blake2b(message_id.encode(), digest_size=8).digest()) % SPREAD_MS


def spread_opening_ms(now_ms: int, message_id: str, opening: Opening) -> int | None:
    """Find when a message is due by an opening: now when open, else the next one plus the message's spread.

    A spread that would end in closed hours is left out: the same one at each opening would hold the message for ever.
    """
    opens_ms = opening(now_ms)
    if opens_ms is None or opens_ms == now_ms:
        return opens_ms
    spread_to_ms = opens_ms + spread_ms(message_id)
    return spread_to_ms if opening(spread_to_ms) == spread_to_ms else opens_ms


def preset_names() -> tuple[str, ...]:
    """List what ``HoursSettings.preset`` may be."""
    return (*_presets()[1], BY_COUNTRY)


@cache
def _presets() -> tuple[dict[str, str], dict[str, Hours]]:
    """Read the data file: the preset of each country, and each preset by its name."""
    rows = tomllib.loads(files("gateway.policy").joinpath("quiet_presets.toml").read_text("utf-8"))
    by_name = {name: Hours(open_week(row["open"]), row.get("holidays", False)) for name, row in rows.items()}
    return {country: name for name, row in rows.items() for country in row.get("countries", ())}, by_name


def _changed(settings: HoursSettings, preset: Hours) -> Hours:
    return Hours(
        week=open_week(settings.open) if settings.open else preset.week,
        holidays=preset.holidays if settings.holidays is None else settings.holidays,
    )


def _opening(week: OpenWeek, zone: str, is_closed: Callable[[int], bool] | None) -> Opening:
    found = zone_of(zone)
    return lambda at_ms: week.next_open_ms(at_ms, found, is_closed)


def _is_holiday(country: str, day: int) -> bool:
    return day in _holidays_of(country, date.fromordinal(day + _EPOCH).year)


@lru_cache(maxsize=512)
def _holidays_of(country: str, year: int) -> frozenset[int]:
    """List the national holidays of a year, in days since 1970-01-01; none where the library knows no such country."""
    try:
        days = holidays.country_holidays(country, years=year)
    except NotImplementedError:
        return frozenset()
    return frozenset(day.toordinal() - _EPOCH for day in days)
