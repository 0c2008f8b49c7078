"""Owns the grammar of a recurrence rule: which parts it may have, their ranges, and how they go together.

Knows no start, no zone and no calendar; the library does not check these ranges, and ``INTERVAL=0`` holds it for ever.
Source: RFC 5545 §3.3.10, with limits for what is sent to people.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from gateway.policy.quoting import quoted

RULE_CHARACTERS_MAX = 300
"""The longest rule of RFC 5545's own examples has 75."""

COUNT_MAX = 1_000
"""Counting goes through every occurrence from the start on; more of them is a rule with an end time."""

MINUTES_MAX = 4
"""Values of BYMINUTE: with every hour that makes 96 texts a day, which is more than anybody reads."""

Field = Literal["rule", "start", "zone", "exceptions"]

_INTERVAL_MAX = {"YEARLY": 5, "MONTHLY": 60, "WEEKLY": 260, "DAILY": 1_000, "HOURLY": 1_000}
"""About five years, as far as anybody plans a text; it also bounds how far the search goes back for its first step."""

_UNTIL = re.compile(r"[0-9]{8}T[0-9]{6}Z", re.ASCII)
_WEEKDAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]{1,4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Part:
    """Numbers that a part may list; ``signed``: counted from the end too. ``within``: frequencies that know it."""

    low: int
    high: int
    signed: bool = False
    within: tuple[str, ...] = tuple(_INTERVAL_MAX)


_PARTS = {
    "BYMONTH": _Part(1, 12),
    "BYMONTHDAY": _Part(1, 31, signed=True, within=("YEARLY", "MONTHLY", "DAILY", "HOURLY")),
    "BYYEARDAY": _Part(1, 366, signed=True, within=("YEARLY", "HOURLY")),
    "BYWEEKNO": _Part(1, 53, signed=True, within=("YEARLY",)),
    "BYHOUR": _Part(0, 23),
    "BYMINUTE": _Part(0, 59),
    # The standard knows it with HOURLY too, where it would choose among at most four minutes.
    "BYSETPOS": _Part(1, 366, signed=True, within=("YEARLY", "MONTHLY", "WEEKLY", "DAILY")),
}


class RecurrenceError(ValueError):
    """``field`` is what is wrong of rule, start, zone and exceptions; ``detail`` says why and the fix."""

    def __init__(self, detail: str, field: Field = "rule") -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that was read. ``text`` is the rule without its end, which is ``count``, ``until_ms`` (UTC) or none."""

    text: str
    frequency: str
    interval: int = 1
    count: int | None = None
    until_ms: int | None = None


def parse_rule(written: str) -> Rule:
    """Read one RRULE, with or without that word before it.

    Raises:
        RecurrenceError: not a rule, more often than hourly, or a part that is unknown, out of its range or at odds
            with another; ``detail`` names it.
    """
    parts = _split(written)
    frequency = parts.pop("FREQ", "")
    if frequency in ("SECONDLY", "MINUTELY"):
        raise RecurrenceError(f"FREQ={frequency} is too often for texts. HOURLY is the most.")
    if frequency not in _INTERVAL_MAX:
        raise RecurrenceError("The rule needs FREQ=HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY.")
    interval = _whole("INTERVAL", parts.get("INTERVAL", "1"), _INTERVAL_MAX[frequency])
    count, until = parts.pop("COUNT", None), parts.pop("UNTIL", None)
    if count is not None and until is not None:
        raise RecurrenceError("A rule ends by COUNT or by UNTIL. Remove one of them.")
    for name, value in parts.items():
        if name == "BYDAY":
            _check_weekdays(value, frequency, parts)
        elif name == "WKST":
            if value not in ("MO", "TU", "WE", "TH", "FR", "SA", "SU"):
                raise RecurrenceError(f"WKST={quoted(value)} is no day. Write MO, TU, WE, TH, FR, SA or SU.")
        elif name in _PARTS:
            _check_numbers(name, value, frequency)
        elif name != "INTERVAL":
            raise RecurrenceError(f"A rule has no part {quoted(name)} here. Remove it.")
    if "BYSETPOS" in parts and not any(name.startswith("BY") for name in parts.keys() - {"BYSETPOS"}):
        raise RecurrenceError(
            "BYSETPOS chooses among what another part lists. Add BYDAY or BYMONTHDAY, or remove it."
        )
    text = ";".join((f"FREQ={frequency}", *(f"{name}={value}" for name, value in parts.items())))
    return Rule(
        text,
        frequency,
        interval,
        None if count is None else _whole("COUNT", count, COUNT_MAX),
        None if until is None else _until_ms(until),
    )


def _split(written: str) -> dict[str, str]:
    if len(written) > RULE_CHARACTERS_MAX:
        raise RecurrenceError(
            f"The rule has {len(written)} characters; at most {RULE_CHARACTERS_MAX} are allowed."
        )
    rule = written.strip().upper().removeprefix("RRULE:")
    if not rule.isascii() or not rule.isprintable() or " " in rule:
        raise RecurrenceError(
            "A rule is one line without spaces, like FREQ=WEEKLY;BYDAY=MO. Start and exceptions have"
            " their own fields."
        )
    parts: dict[str, str] = {}
    for pair in rule.removesuffix(";").split(";"):
        name, equals, value = pair.partition("=")
        if not equals or not value:
            raise RecurrenceError(
                f"{quoted(pair)} is no part of a rule. Write NAME=VALUE, like FREQ=WEEKLY;BYDAY=MO."
            )
        if name in parts:
            raise RecurrenceError(
                f"{quoted(name)} stands in the rule twice. Remove one, or list its values with commas."
            )
        parts[name] = value
    return parts


def _check_numbers(name: str, value: str, frequency: str) -> None:
    part = _PARTS[name]
    if frequency not in part.within:
        raise RecurrenceError(f"{name} cannot stand in a rule with FREQ={frequency}. Remove it.")
    values = value.split(",")
    if name == "BYMINUTE" and len(values) > MINUTES_MAX:
        raise RecurrenceError(f"BYMINUTE lists {len(values)} minutes; at most {MINUTES_MAX} are allowed.")
    for number in values:
        fits = _NUMBER.fullmatch(number) is not None and (part.signed or number[0] not in "+-")
        if not fits or not part.low <= abs(int(number)) <= part.high:
            back = f", or -{part.high} to -{part.low} from the end" if part.signed else ""
            raise RecurrenceError(
                f"{name}={quoted(number)} is out of range: {part.low} to {part.high}{back}."
            )


def _check_weekdays(value: str, frequency: str, parts: dict[str, str]) -> None:
    for written in value.split(","):
        day = _WEEKDAY.fullmatch(written)
        if day is None:
            raise RecurrenceError(
                f"BYDAY={quoted(written)} is no day. Write MO to SU, or 1MO, -1FR in a month or year."
            )
        if day[1] is None:
            continue
        if frequency not in ("MONTHLY", "YEARLY") or "BYWEEKNO" in parts:
            raise RecurrenceError(
                f"BYDAY={written} counts days of a month or year, and this rule has none. Write {day[2]}."
            )
        most = 53 if frequency == "YEARLY" and "BYMONTH" not in parts else 5
        if not 1 <= abs(int(day[1])) <= most:
            raise RecurrenceError(
                f"BYDAY={written} is out of range: 1 to {most}, or -{most} to -1 from the end."
            )


def _whole(name: str, value: str, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", value, re.ASCII) or not 1 <= int(value) <= most:
        raise RecurrenceError(f"{name}={quoted(value)} is out of range: 1 to {most} with this FREQ.")
    return int(value)


def _until_ms(value: str) -> int:
    until: datetime | None = None
    if _UNTIL.fullmatch(value):
        with suppress(ValueError):  # 31 February
            until = datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if until is None:
        raise RecurrenceError(
            f"UNTIL={quoted(value)} is no time in UTC. Write it like UNTIL=20261231T225959Z."
        )
    return int(until.timestamp()) * 1000
