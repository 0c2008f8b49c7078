"""Owns how values look to people: times, numbers, spans, money, states, signal. The same on every page.

Knows no page and no request. Foreign text (a message, a label, a model) goes through ``foreign``: isolated, so that
its direction ends with it, and marked where it holds what cannot be seen.
Source: rules §13 row 20; HTML (``bdi``, ``time``); 3GPP TS 27.007 §8.5 (levels of signal).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import phonenumbers
from markupsafe import Markup, escape

from gateway.web.words import gettext as _
from gateway.web.words import mark, ngettext

Tone = Literal["good", "busy", "warn", "bad", "quiet"]


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is shown: a word, a shape and a colour; each says it alone."""

    word: str
    icon: str
    tone: Tone


STATES: dict[str, Look] = {
    "scheduled": Look(mark("Scheduled"), "clock", "quiet"),
    "held": Look(mark("Held"), "pause", "warn"),
    "queued": Look(mark("Queued"), "clock", "quiet"),
    "submitting": Look(mark("Sending"), "up", "busy"),
    "sent": Look(mark("Sent"), "check", "busy"),
    "delivered": Look(mark("Delivered"), "checks", "good"),
    "undelivered": Look(mark("Not delivered"), "cross", "bad"),
    "failed": Look(mark("Failed"), "cross", "bad"),
    "expired": Look(mark("Expired"), "clock", "warn"),
    "cancelled": Look(mark("Cancelled"), "stop", "quiet"),
    "in_doubt": Look(mark("In doubt"), "question", "warn"),
    "received": Look(mark("Received"), "down", "good"),
}

LINE_STATES: dict[str, Look] = {
    "up": Look(mark("Up"), "dot", "good"),
    "down": Look(mark("Down"), "cross", "bad"),
    "paused": Look(mark("Paused"), "pause", "quiet"),
    "needs_attention": Look(mark("Needs you"), "warning", "warn"),
}

BATCH_STATES: dict[str, Look] = {
    "preparing": Look(mark("Being read"), "clock", "busy"),
    "held": Look(mark("Held"), "pause", "warn"),
    "running": Look(mark("Running"), "up", "busy"),
    "paused": Look(mark("Paused"), "pause", "quiet"),
    "cancelled": Look(mark("Cancelled"), "stop", "quiet"),
    "rejected": Look(mark("Rejected"), "cross", "bad"),
    "expired": Look(mark("Expired"), "clock", "warn"),
    "completed": Look(mark("Completed"), "check", "good"),
}

SEVERITIES: dict[str, Look] = {
    "stops": Look(mark("Stops sending"), "cross", "bad"),
    "trouble": Look(mark("Will cause trouble"), "warning", "warn"),
    "note": Look(mark("For your information"), "info", "quiet"),
    "ok": Look(mark("OK"), "check", "good"),
}

_UNKNOWN = Look(mark("Unknown"), "question", "quiet")


def look(kind: dict[str, Look], state: str) -> Look:
    """Find how a state is shown."""
    return kind.get(state, _UNKNOWN)


# ------------------------------------------------------------------ times


def time(at_ms: int | None, form: Literal["time", "date", "both", "ms"] = "both") -> Markup:
    """Write a time as UTC; the script shows it in the reader's own zone, in the form asked for."""
    if at_ms is None:
        return Markup("–")
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    forms = {
        "time": "%H:%M:%S",
        "date": "%Y-%m-%d",
        "both": "%Y-%m-%d %H:%M",
        "ms": f"%H:%M:%S.{at_ms % 1000:03d}",
    }
    shown = f"{at:{forms[form]}}"
    machine = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}" data-as="{}" title="{:%Y-%m-%d %H:%M:%S} UTC">{} UTC</time>').format(
        machine, form, at, shown
    )


def span(seconds: float | None) -> str:
    """Write how long something takes: "4 s", "12 min", "3 h 20 min", "2 days"."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return _("%(ms)d ms") % {"ms": round(seconds * 1000)}
    if seconds < 90:
        return _("%(s)d s") % {"s": round(seconds)}
    minutes = round(seconds / 60)
    if minutes < 90:
        return _("%(min)d min") % {"min": minutes}
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return _("%(h)d h %(min)d min") % {"h": hours, "min": rest} if rest else _("%(h)d h") % {"h": hours}
    return ngettext("%(n)d day", "%(n)d days", hours // 24) % {"n": hours // 24}


# ------------------------------------------------------------------ why something waits

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) UTC")
"""How a reason that is stored or guessed writes a time."""


def because(reason: str | None) -> Markup:
    """Show why something waits; times in it look as all other times."""
    said = _(reason) if reason else ""
    shown, at = Markup(""), 0
    for found in _MOMENT.finditer(said):
        shown += escape(said[at : found.start()]) + _moment(found)
        at = found.end()
    return Markup("<bdi>{}</bdi>").format(shown + escape(said[at:]))


def _moment(found: re.Match[str]) -> Markup:
    try:
        moment = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError:
        return escape(found[0])  # what a line is called, and no time
    return time(round(moment.timestamp() * 1000))


# ------------------------------------------------------------------ numbers


@lru_cache(maxsize=4096)
def number(e164: str | None) -> str:
    """Group the digits of a number as its country does; what is no E.164 number stays as it is."""
    if not e164:
        return "–"
    if not e164.startswith("+") or e164.startswith("+999"):
        return f"+999 {e164[4:]}" if e164.startswith("+999") else e164
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def count(n: int) -> str:
    """Write a number with commas between thousands."""
    return f"{n:,}"


def percent(part: int, whole: int) -> str:
    """Write a share without decimals; a dash when there is nothing to share."""
    return "–" if not whole else f"{round(100 * part / whole)}\u202f%"


def money(micro: int, currency: str | None) -> str:
    """Write an amount that is kept in millionths."""
    return f"{micro / 1_000_000:,.2f} {currency or ''}".rstrip()


# ------------------------------------------------------------------ foreign text


_HIDDEN = frozenset({"Cf", "Cc", "Co", "Cn", "Zl", "Zp"})
_JOINERS = frozenset("\u200d\ufe0f\n\r")
"""Zero-width joiner and the emoji form belong to what one sees."""
_WORD_CHARACTERS = 24
"""As long as words get in most languages; what is longer is an address, or somebody's attack on the page."""


def foreign(text: str | None, limit: int = 0) -> Markup:
    """Show text that somebody else wrote: isolated, cut to ``limit`` characters, marked where something is hidden."""
    if not text:
        return Markup("")
    cut = text[:limit] + "…" if limit and len(text) > limit else text
    badge = (
        Markup(' <span class="badge warn">{}</span>').format(_("hidden characters"))
        if hides(cut)
        else Markup("")
    )
    long = any(len(word) > _WORD_CHARACTERS for word in cut.split())
    # Only what is no word may break anywhere: columns of a table would squeeze every name otherwise.
    isolated = Markup('<bdi class="wrap">{}</bdi>') if long else Markup("<bdi>{}</bdi>")
    return isolated.format(escape(cut)) + badge


def hides(text: str | None) -> bool:
    """Say whether a text holds what cannot be seen."""
    return any(unicodedata.category(c) in _HIDDEN and c not in _JOINERS for c in text or "")


def initial(label: str | None) -> str:
    """Give a name that may be missing."""
    return label or _("no name")


# ------------------------------------------------------------------ signal


def bars(dbm: int | None) -> int:
    """Say how many of four bars a signal has; 0 = none or unknown."""
    if dbm is None or dbm <= -113:
        return 0
    return 1 + sum(dbm > limit for limit in (-101, -91, -77))


FILTERS: dict[str, Callable[..., Any]] = {
    "time": time, "span": span, "number": number, "count": count, "money": money, "foreign": foreign,
    "hides": hides, "name": initial, "bars": bars, "because": because,
}  # fmt: skip

GLOBALS: dict[str, Any] = {
    "look": look, "percent": percent, "STATES": STATES, "LINE_STATES": LINE_STATES, "BATCH_STATES": BATCH_STATES,
    "SEVERITIES": SEVERITIES,
}  # fmt: skip
