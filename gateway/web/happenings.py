"""Owns how the events of devices and lines look: a word, a shape, and the reason in the catalogue's words.

Knows no page.
Source: docs/events.md; the catalogue of problems.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.errors import CATALOGUE
from gateway.store.hardware_history import Happening
from gateway.web.shown import Look
from gateway.web.words import mark

_LOOKS = {
    "device.attached": Look(mark("Attached"), "check", "good"),
    "device.detached": Look(mark("Gone"), "cross", "bad"),
    "device.conflict": Look(mark("Conflict"), "warning", "bad"),
    "line.up": Look(mark("Up"), "check", "good"),
    "line.down": Look(mark("Down"), "cross", "bad"),
    "line.moved": Look(mark("Moved"), "up", "busy"),
    "line.low_credit": Look(mark("No credit"), "warning", "warn"),
}

CONFLICTS = {
    "line_in_two_devices": mark("The same SIM was seen in two devices"),
    "paired_while_connected": mark("A phone with this identity wanted to pair while it was connected"),
    "two_phones_with_one_identity": mark("Two phones say that they are this one"),
    "spoke_for_another_device": mark("It told of a text that another device was given; it was not believed"),
}
"""Why ``device.conflict`` was told."""


@dataclass(frozen=True, slots=True)
class HappeningShown:
    """One event; ``why`` is empty where nothing is known, and a bare code where the catalogue has none. ``before``
    names the device that a SIM was in before it moved."""

    look: Look
    at_ms: int
    why: str
    before: str = ""


def happenings_shown(
    happened: Iterable[Happening], names: Mapping[str, str] | None = None
) -> tuple[HappeningShown, ...]:
    """Put events into words; those of other kinds are left out. ``names`` call devices by their ids."""
    named = names or {}
    return tuple(
        HappeningShown(
            _LOOKS[each.type],
            each.at_ms,
            _why(each.reason),
            named.get(each.device_id or "", each.device_id or ""),
        )
        for each in happened
        if each.type in _LOOKS
    )


def _why(reason: str | None) -> str:
    if reason is None:
        return ""
    entry = CATALOGUE.get(reason)
    return entry.title if entry is not None else CONFLICTS.get(reason, reason)
