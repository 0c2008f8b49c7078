"""Owns the log of one device on its page: what the reader asked for, which lines are about the device, how they look.

Knows no logger. The caller gives a device that the reader may see; names of other devices are never looked for.
Source: the notes on what people see, */devices/{id}* (log tail with pause and filter); rules LOG-2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.http.call import Call
from gateway.log_tail import DeviceNames
from gateway.web.device_cards import DeviceCard
from gateway.web.shown import Look, look
from gateway.web.words import mark

SHOWN = 50
"""Lines on the page."""

WORD_MAX = 100
"""Characters: longer ones are no filter that somebody meant."""

_LEVELS = {
    "debug": Look(mark("Debug"), "dot", "quiet"),
    "info": Look(mark("Info"), "info", "quiet"),
    "warning": Look(mark("Warning"), "warning", "warn"),
    "error": Look(mark("Error"), "cross", "bad"),
    "critical": Look(mark("Error"), "cross", "bad"),
}


@dataclass(frozen=True, slots=True)
class LogAsked:
    """What the address says of the log. ``word`` is what lines must hold; ``paused``: it does not follow."""

    word: str
    paused: bool


@dataclass(frozen=True, slots=True)
class LineShown:
    """One line; ``pairs`` are its fields as ``name=value``."""

    at_ms: int | None
    look: Look
    event: str
    pairs: tuple[str, ...]


def asked_of_log(query: Mapping[str, str]) -> LogAsked:
    """Read the query of the page."""
    return LogAsked(query.get("log", "").strip()[:WORD_MAX].strip(), query.get("paused") == "1")


def log_of(call: Call, card: DeviceCard, word: str) -> tuple[LineShown, ...]:
    """Give the newest lines about a device and its lines, newest first."""
    lines = call.services.log_tail.newest(_names_of(card), SHOWN, word)
    return tuple(LineShown(line.at_ms, look(_LEVELS, line.level), line.event, line.pairs) for line in lines)


def _names_of(card: DeviceCard) -> DeviceNames:
    row, phone = card.row, card.phone
    ids = {row.id if row is not None else None, phone.install_id if phone is not None else None}
    return DeviceNames(
        ids=_there(ids),
        addresses=_there({_place_of(card)}),
        lines=frozenset(line.id for line in card.lines),
        serialnos=_there({phone.serialno if phone is not None else None}),
    )


def _place_of(card: DeviceCard) -> str | None:
    """Say what its port is called in the log; the address of a phone ("usb", one of the LAN) is that of many."""
    # A phone is called as gateway.phones.door has it watched.
    row = card.row
    if row is None:
        return None
    if row.kind == "phone":
        return f"phone {row.id}"
    # The port of an emulated modem is a new one with each start; the old one may be anybody's.
    return row.address if row.attached or not row.emulated else None


def _there(names: set[str | None]) -> frozenset[str]:
    return frozenset(name for name in names if name)
