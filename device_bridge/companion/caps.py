"""Owns how many parts a phone may be given: what its platform lets out, less a margin, and what a refusal taught.

Knows no clock beyond the times it is given and counts no parts; the gateway paces.
Source: Android's SmsUsageMonitor: 30 parts in 60 s for an app, 30 in 30 min in older trees, a dialog beyond.
"""

from __future__ import annotations

from typing import Final

from device_bridge.device import PartsCap

DEFAULT: Final = PartsCap(30, 60)
"""Android's own limit where nobody has read the phone's settings."""

TAUGHT: Final = PartsCap(30, 1800)
"""The limit of older trees, taken for true once the phone refused more, or fell silent as behind its dialog."""

MARGIN_PARTS: Final = 5
"""Below the limit, for parts that another app of the same package counts, or that were resent by the radio."""


def with_margin(limit: PartsCap) -> PartsCap:
    """Say what may be used of a limit: five parts less, at least one."""
    return PartsCap(max(limit.parts - MARGIN_PARTS, 1), limit.window_s)


class Cap:
    """The limit in force on one phone: enforced by adb's reading, else told by the app, else Android's default."""

    def __init__(self) -> None:
        self._told: PartsCap | None = None
        self._enforced: PartsCap | None = None
        self._taught: PartsCap | None = None
        self._enforced_at_ms: int | None = None

    @property
    def known(self) -> PartsCap | None:
        """The platform's limit without margin; None while only the default is assumed."""
        return self._taught or self._enforced or self._told

    @property
    def usable(self) -> PartsCap:
        """What may be used of it."""
        return with_margin(self.known or DEFAULT)

    @property
    def note(self) -> str | None:
        """A sentence for people while a refusal holds the cap down."""
        if self._taught is None:
            return None
        usable = self.usable
        return (
            "Android held back texts of this phone, so we send at most "
            f"{usable.parts} parts in {usable.window_s // 60} min. Raise the cap over USB: gateway doctor"
        )

    def told(self, limit: PartsCap | None) -> None:
        """The app read the platform's settings."""
        self._told = limit

    def enforce(self, limit: PartsCap, now_ms: int) -> None:
        """Somebody who knows better says what is in force; forgets what a refusal taught."""
        self._enforced, self._taught, self._enforced_at_ms = limit, None, now_ms

    def teach(self, at_ms: int) -> bool:
        """The phone refused at ``at_ms`` for its limit, or fell silent; say whether that lowers the cap."""
        if self._enforced_at_ms is not None and at_ms < self._enforced_at_ms:
            return False  # out of the journal, from before the limit was raised
        now = self.known or DEFAULT
        if now.parts * TAUGHT.window_s <= TAUGHT.parts * now.window_s:
            return False
        self._taught = TAUGHT
        return True
