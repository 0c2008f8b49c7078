"""Owns every timer of the phone's driver with its unit and reason, and what it says when it ends a connection.

Knows no configuration file.
Source: docs/link.md; Android's SmsUsageMonitor (default limit) and SMSDispatcher.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from device_bridge.companion.frames import Bye

SENT_WITHIN_S: Final = 180.0
"""From *taken* to the sent intent of the first part: a radio that looks for a cell takes minutes, a dialog for ever."""

PER_PART_S: Final = 10.0
"""More for each further part: telephony sends them one after the other, 3 to 6 s each."""


@dataclass(frozen=True, slots=True)
class PhoneTimers:
    """Seconds. Tests make them shorter; nobody else should need to."""

    hello_s: float = 10.0
    """From the upgrade to the hello."""
    alive_s: float = 2.0
    """For the pong of a connection whose place another run of the app wants."""
    taken_s: float = 10.0
    """From the job to *taken*: two commits of the app's journal; after that the connection is as good as broken."""
    sent_within_s: float = SENT_WITHIN_S
    per_part_s: float = PER_PART_S
    asked_s: float = 30.0
    """For the answer about open jobs; without it the connection is closed, and the next one asks again."""
    ussd_s: float = 60.0
    """For the network's USSD answer; the network itself gives up after 60 s at most."""
    gather_s: float = 0.005
    """Between the first acknowledgement and the message that carries all that came meanwhile."""


_BYES: Final[dict[str, tuple[str, str]]] = {
    "version": (
        "The app and the gateway speak different versions of the link",
        "Update the older of the two: over USB the gateway brings the right app (gateway devices provision)",
    ),
    "revoked": ("This phone was removed from the gateway", "Unpair in the app, then pair again"),
    "foreign": ("This key belongs to another install of the app", "Unpair in the app, then pair again"),
    "conflict": (
        "Another phone with the same identity is connected",
        "One of the two was restored from a backup of the other: unpair it in the app, then pair it anew",
    ),
    "replaced": ("A newer connection of this phone took over", "Nothing to do"),
    "malformed": ("The gateway does not understand the app", "Update the app: gateway devices provision"),
    "stopping": ("The gateway stops", "Nothing to do: the phone connects again by itself"),
}


def bye(code: str, detail: str = "") -> Bye:
    """Make the last message of a connection; ``detail`` says more than the title does.

    Raises:
        KeyError: ``code`` is none of the contract's; a mistake of the caller.
    """
    title, hint = _BYES[code]
    return Bye(code, f"{title}: {detail}" if detail else title, hint)
