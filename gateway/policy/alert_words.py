"""Owns what people read in an alert: what is, since when, what it means, and what to do.

Knows no way out and no limit of one; the zone in which people read a clock is given.
Source: every waiting thing has a reason and a time; a message of trouble without a next step is noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gateway.policy.alerts import ENDINGS, Finding, Kind, Told

NAME_MAX = 20
"""Labels go up to 60 characters; in a text of one part the rest of the sentence needs the room."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert in words. ``since`` and ``meaning`` are sentences; ``hint`` is what to do; "" where there is none.

    ``detail`` is for letters: a text of one part has no room for it.
    """

    title: str
    since: str
    meaning: str = ""
    hint: str = ""
    detail: str = ""

    @property
    def body(self) -> str:
        """The whole as a letter."""
        lines = (f"{self.title}.", self.since, self.detail, self.meaning, self.hint)
        return "\n".join(line for line in lines if line) + "\n"

    @property
    def short(self) -> str:
        """The whole as a text message; whoever sends it cuts it to one part, so what matters stands first."""
        return " ".join(line for line in (f"{self.title}.", self.since, self.meaning, self.hint) if line)


def notice(finding: Finding, told: Told, since_ms: int, now_ms: int, zone: str) -> Notice:
    """Put an alert into words, or its end."""
    title, meaning, hint = _WORDS[finding.kind](finding)
    lasted = duration((now_ms - since_ms) // 1000)
    began = clock(since_ms, now_ms, zone)
    if told in ENDINGS:
        lasted = f"It lasted from {began} to {clock(now_ms, now_ms, zone)} ({lasted})."
        return Notice(f"Over: {_over(finding, told)}", lasted)
    return Notice(title, f"Since {began} ({lasted}).", meaning, hint, _detail(finding))


def clock(at_ms: int, now_ms: int, zone: str) -> str:
    """Say a time as people do: only the hour when it is today's."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(zone)).date()
    return at.strftime("%H:%M" if at.date() == today else "%d %b %H:%M")


def duration(seconds: int) -> str:
    """Say how long: ``35 min``, ``2 h 5 min``, ``3 d 1 h``."""
    minutes = max(seconds, 0) // 60
    hours, days = minutes // 60, minutes // 1440
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{max(seconds, 0)} s"


def _over(finding: Finding, told: Told) -> str:
    """Say how an alert ended: that all is well again is told only where it was seen."""
    if told == "paused":
        return f"line {_name(finding)} is paused"
    if told == "unwatched":
        return f"{_WATCHED[finding.kind].format(name=_name(finding))} is watched no more"
    return _OVER[finding.kind].format(name=_name(finding))


def _name(finding: Finding) -> str:
    name = finding.name or ""
    return name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 3].rstrip()}..."


def _texts(count: int) -> str:
    return "1 text" if count == 1 else f"{count} texts"


def _detail(finding: Finding) -> str:
    if finding.reason is not None:
        return f"Reason: {finding.reason}."
    return "" if finding.threshold is None else f"The threshold is {finding.threshold}."


Words = tuple[str, str, str]
"""Title, meaning and hint; with any name and time they fit one part of a text message."""


def _delivery_rate(finding: Finding) -> Words:
    return (
        f"Only {finding.value} % of texts are delivered",
        f"{finding.count} of the last hour did not arrive.",
        "See GET /api/v1/messages?state=undelivered.",
    )


def _failures(finding: Finding) -> Words:
    return (
        f"{_texts(finding.count)} failed in an hour",
        "None goes again by itself.",
        "See GET /api/v1/messages?state=failed.",
    )


def _in_doubt(finding: Finding) -> Words:
    return (
        f"{_texts(finding.count)} in doubt",
        "Nobody knows whether they left.",
        "Decide: POST /api/v1/messages/ID/resolve.",
    )


def _queue_age(finding: Finding) -> Words:
    wait = "1 text waits" if finding.count == 1 else f"{finding.count} texts wait"
    return (
        f"The queue stands: {wait}",
        "Their turn could come, but no line takes them.",
        "See states and quotas: gateway lines.",
    )


def _line_down(finding: Finding) -> Words:
    return (
        f"Line {_name(finding)} is down",
        "Texts for it wait.",
        "Run gateway doctor, or pause it if it is meant to be away.",
    )


def _low_credit(finding: Finding) -> Words:
    return (
        f"Line {_name(finding)} has no credit",
        "The network refuses its texts; they wait.",
        "Top up the SIM; it goes on by itself.",
    )


def _budget_used(finding: Finding) -> Words:
    return (
        f"{finding.value} % of the {finding.span}'s budget of {_name(finding)} is used",
        "At 100 % texts wait.",
        "Send less, or raise it in [[budget]].",
    )


def _webhook_dead(finding: Finding) -> Words:
    events = "1 event" if finding.count == 1 else f"{finding.count} events"
    return (
        f"{events} did not reach webhooks in an hour",
        "They were given up.",
        "Mend the receiver, then redeliver them.",
    )


def _disk_free(finding: Finding) -> Words:
    return (
        f"Only {finding.value} MB of disk are free",
        "When it is full, nothing is accepted or sent.",
        "Free room on the data directory's disk.",
    )


_WORDS: Mapping[Kind, Callable[[Finding], Words]] = {
    "delivery_rate": _delivery_rate,
    "failures": _failures,
    "in_doubt": _in_doubt,
    "queue_age": _queue_age,
    "line_down": _line_down,
    "low_credit": _low_credit,
    "budget_used": _budget_used,
    "webhook_dead": _webhook_dead,
    "disk_free": _disk_free,
}

_OVER: Mapping[Kind, str] = {
    "delivery_rate": "texts are delivered again",
    "failures": "fewer texts fail",
    "in_doubt": "fewer texts are in doubt",
    "queue_age": "no text waits too long",
    "line_down": "line {name} is up",
    "low_credit": "line {name} has credit",
    "budget_used": "the budget of {name} has room",
    "webhook_dead": "fewer events are given up",
    "disk_free": "the disk has room",
}

_WATCHED: Mapping[Kind, str] = {
    "delivery_rate": "how many texts arrive",
    "failures": "how many texts fail",
    "in_doubt": "how many texts are in doubt",
    "queue_age": "the queue",
    "line_down": "line {name}",
    "low_credit": "the credit of line {name}",
    "budget_used": "the budget of {name}",
    "webhook_dead": "how many events are given up",
    "disk_free": "the room on the disk",
}
