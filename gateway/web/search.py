"""Owns the grammar of the search box: words, a number in any shape, a reference, an id, and ``state:failed
before:yesterday``.

Pure: text in, what is asked for out. Knows no store; names of lines and keys are looked up by others.
Source: the notes on what people see, */messages*.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from gateway.clock import day_ends_ms, midnight_ms
from gateway.web.words import gettext as _
from gateway.web.words import mark

DAY_MS = 86_400_000

STATE_NAMES = (
    "scheduled", "held", "queued", "submitting", "sent", "delivered", "undelivered", "failed", "expired", "cancelled",
    "in_doubt",
)  # fmt: skip
_STATE_WORDS = {
    "sending": "submitting", "doubt": "in_doubt", "in-doubt": "in_doubt", "indoubt": "in_doubt", "waiting": "queued",
    "canceled": "cancelled", "notdelivered": "undelivered", "not-delivered": "undelivered",
}  # fmt: skip

_TOKEN = re.compile(r'(?:(?P<name>[a-z]+):)?(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"]+))')
_DIAL = re.compile(r"\+?[0-9][0-9 ().\-/]{2,23}", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[Tt](\d\d):(\d\d))?", re.ASCII)
_AGO = re.compile(r"(\d{1,3})(h|d|w)", re.ASCII)
_MS_OF = {"h": 3_600_000, "d": DAY_MS, "w": 7 * DAY_MS}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Direction = Literal["any", "out", "in"]


@dataclass(frozen=True, slots=True)
class Sought:
    """What is asked for; "" and () = anything. ``to`` is the other side's number as it was written; ``line`` and
    ``key`` are names. Times are UTC ms, ``since`` included, ``until`` not. ``troubles`` say what was not understood.
    """

    states: tuple[str, ...] = ()
    direction: Direction = "any"
    to: str = ""
    line: str = ""
    key: str = ""
    batch: str = ""
    reference: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    id: str = ""
    words: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()


def parse(written: str, now_ms: int) -> Sought:
    """Read what somebody typed; never fails.

    ``name:value`` narrows by a name; the rest is an id, a number where it looks like one, or words. Days are those of
    this machine's zone.
    """
    sought = Sought()
    free: list[str] = []
    quoted = False
    for token in _TOKEN.finditer(written):
        value = token["quoted"] if token["quoted"] is not None else token["plain"]
        name = token["name"]
        take = _NAMES.get(name or "")
        if take is not None:
            sought = take(sought, value, now_ms)
        elif name is not None and token["quoted"] is None and not value.startswith("//"):
            trouble = _("%(name)s: is no filter; known are: %(known)s.") % {
                "name": name,
                "known": ", ".join(_NAMES),
            }
            sought = replace(sought, troubles=(*sought.troubles, trouble))
        else:
            quoted = quoted or token["quoted"] is not None
            free.append(token[0] if name is not None else value)
    return _free(sought, free, quoted=quoted)


def _free(sought: Sought, free: list[str], *, quoted: bool) -> Sought:
    whole = " ".join(free)
    if len(free) == 1 and _is_id(whole):
        return replace(sought, id=whole.lower())
    if not quoted and not sought.to and _DIAL.fullmatch(whole):
        return replace(sought, to=whole)
    return replace(sought, words=tuple(word for word in free if word))


def _is_id(word: str) -> bool:
    try:
        return len(word) == 36 and str(uuid.UUID(word)) == word.lower()
    except ValueError:
        return False


# ------------------------------------------------------------------ names


_DIRECTIONS: dict[str, Direction] = {
    "in": "in", "received": "in", "out": "out", "sent": "out", "any": "any", "all": "any",
}  # fmt: skip


def _state(sought: Sought, value: str, _now_ms: int) -> Sought:
    found = sought
    for word in value.lower().split(","):
        state = _STATE_WORDS.get(word, word)
        if state == "received":
            found = replace(found, direction="in")
        elif state in STATE_NAMES:
            found = replace(found, states=tuple(dict.fromkeys((*found.states, state))))
        else:
            found = _trouble(
                found, mark('"%(value)s" is no state; known are: %(known)s.'), word, ", ".join(STATE_NAMES)
            )
    return found


def _direction(sought: Sought, value: str, _now_ms: int) -> Sought:
    direction = _DIRECTIONS.get(value.lower())
    if direction is None:
        return _trouble(sought, mark('"%(value)s" is no direction; known are: %(known)s.'), value, "in, out")
    return replace(sought, direction=direction)


def _tag(sought: Sought, value: str, _now_ms: int) -> Sought:
    name, equals, said = value.partition("=")
    if not (name and equals and said):
        return _trouble(
            sought, mark('Write a tag as name=value, like tag:class=5B; "%(value)s" is none.'), value, ""
        )
    return replace(sought, tags=(*sought.tags, (name, said)))


def _since(sought: Sought, value: str, now_ms: int) -> Sought:
    at_ms = moment(value, now_ms)
    return _no_time(sought, value) if at_ms is None else replace(sought, since_ms=at_ms)


def _until(sought: Sought, value: str, now_ms: int) -> Sought:
    at_ms = moment(value, now_ms)
    return _no_time(sought, value) if at_ms is None else replace(sought, until_ms=at_ms)


def _on(sought: Sought, value: str, now_ms: int) -> Sought:
    at_ms = moment(value, now_ms)
    if at_ms is None:
        return _no_time(sought, value)
    try:
        return replace(sought, since_ms=midnight_ms(at_ms), until_ms=day_ends_ms(at_ms))
    except (ValueError, OverflowError):  # the calendar has no day behind its last one
        return _no_time(sought, value)


def _no_time(sought: Sought, value: str) -> Sought:
    known = "today, yesterday, monday, 3d, 2026-11-21, 2026-11-21T09:00"
    return _trouble(sought, mark('"%(value)s" is no time; write one like: %(known)s.'), value, known)


def _trouble(sought: Sought, words: str, value: str, known: str) -> Sought:
    return replace(sought, troubles=(*sought.troubles, _(words) % {"value": value, "known": known}))


def _plain(member: str) -> Callable[[Sought, str, int], Sought]:
    def take(sought: Sought, value: str, _now_ms: int) -> Sought:
        return replace(sought, **{member: value})  # type: ignore[arg-type]

    return take


_NAMES: dict[str, Callable[[Sought, str, int], Sought]] = {
    "state": _state,
    "line": _plain("line"),
    "to": _plain("to"),
    "from": lambda sought, value, _now_ms: replace(sought, to=value, direction="in"),
    "key": _plain("key"),
    "tag": _tag,
    "batch": _plain("batch"),
    "reference": _plain("reference"),
    "ref": _plain("reference"),
    "direction": _direction,
    "is": _direction,
    "after": _since,
    "since": _since,
    "before": _until,
    "until": _until,
    "on": _on,
}


# ------------------------------------------------------------------ times


def moment(written: str, now_ms: int) -> int | None:
    """Read a time: a day by name or date, a span before now (3d, 12h, 2w), or a date with a time of day; None: none.

    A day means its beginning, in this machine's zone.
    """
    word = written.lower()
    if word in ("now", "today", "yesterday"):
        today_ms = midnight_ms(now_ms)
        return {"now": now_ms, "today": today_ms, "yesterday": midnight_ms(today_ms - 1)}[word]
    if word in _WEEKDAYS:
        return _weekday(_WEEKDAYS.index(word), now_ms)
    ago = _AGO.fullmatch(word)
    if ago is not None:
        return now_ms - int(ago[1]) * _MS_OF[ago[2]]
    date = _DATE.fullmatch(written)
    if date is None:
        return None
    year, month, day, hour, minute = (int(group or 0) for group in date.groups())
    try:
        return int(datetime(year, month, day, hour, minute).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _weekday(wanted: int, now_ms: int) -> int:
    """The last such day, today included."""
    today = datetime.fromtimestamp(midnight_ms(now_ms) / 1000, UTC).astimezone().replace(tzinfo=None)
    day = today - timedelta(days=(today.weekday() - wanted) % 7)
    return int(day.astimezone().timestamp() * 1000)
