"""Owns the seven octets of a time: TP-SCTS, TP-DT and the absolute TP-VP, with the zone in quarters of an
hour.

Knows no clock: it only reads and writes stamps. A stamp that is no date never costs the message.
Source: 3GPP TS 23.040 §9.2.3.11; tests/vectors/deliver.toml
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

OCTETS = 7
_SIGN = 0x08
_CENTURY_PIVOT = 90
"""Years 90..99 are of the last century: no stamp is older than GSM."""


@dataclass(frozen=True, slots=True)
class ScTimestamp:
    """A stamp of the service centre, kept as it came: ``raw_hex`` has 14 upper-case digits."""

    raw_hex: str

    @classmethod
    def of(cls, at_ms: int, zone_quarters: int = 0) -> ScTimestamp:
        """Make the stamp of a moment.

        Args:
            at_ms: UTC milliseconds, years 1990 to 2089; the part below a second is dropped.
            zone_quarters: Local time minus UTC in quarters of an hour, -79..79.
        """
        zone = timezone(timedelta(minutes=15 * zone_quarters))
        at = datetime.fromtimestamp(at_ms // 1000, zone)
        pairs = (at.year % 100, at.month, at.day, at.hour, at.minute, at.second)
        quarters = abs(zone_quarters)
        last = (quarters // 10) | (_SIGN if zone_quarters < 0 else 0) | (quarters % 10) << 4
        return cls(bytes([*(pair // 10 | pair % 10 << 4 for pair in pairs), last]).hex().upper())

    @property
    def raw(self) -> bytes:
        """The seven octets."""
        return bytes.fromhex(self.raw_hex)

    @property
    def moment(self) -> datetime | None:
        """The moment with its own offset, None for a stamp that is no date. A digit above 9 is 0."""
        *pairs, zone = self.raw
        year, month, day, hour, minute, second = map(_pair, pairs)
        quarters = (zone & 0x07) * 10 + _digit(zone >> 4)
        offset = timedelta(minutes=-15 * quarters if zone & _SIGN else 15 * quarters)
        year += 1900 if year >= _CENTURY_PIVOT else 2000
        try:
            return datetime(year, month, day, hour, minute, second, tzinfo=timezone(offset))
        except ValueError:
            return None

    @property
    def at_ms(self) -> int | None:
        """UTC milliseconds, or None for a stamp that is no date."""
        moment = self.moment
        return None if moment is None else int((moment - _EPOCH) // timedelta(milliseconds=1))

    @property
    def rfc3339(self) -> str:
        """The moment with its own offset ("2026-03-14T09:26:53+01:00"), or "" for a stamp that is no date."""
        moment = self.moment
        return "" if moment is None else moment.isoformat()


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _pair(octet: int) -> int:
    return _digit(octet & 0x0F) * 10 + _digit(octet >> 4)


def _digit(semi_octet: int) -> int:
    return semi_octet if semi_octet <= 9 else 0
