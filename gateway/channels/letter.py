"""Owns what an outlet is given and what it may answer: one letter in, one of three outcomes out.

Knows no protocol of a channel and no store.
Source: design, *Errors*: whose fault it is, and whether it may be out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

DETAIL_MAX = 300
"""What others say of a failure is shown to people and kept with every attempt."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One try to reach one recipient. ``id`` is that of the attempt and stays the same when it is tried again.

    ``to`` is what the channel needs: an e-mail address, a URL, a channel of Slack or "". ``at_ms`` is UTC ms.
    """

    id: str
    notification_id: str
    to: str
    subject: str | None
    body: str
    html: str | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Sent:
    """The other side took it."""


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """It certainly did not go out. ``permanent``: trying again would not help. ``reply`` is the other side's code."""

    detail: str
    permanent: bool
    reply: str | None = None

    @property
    def code(self) -> str:
        """What is kept as the reason, whatever the other side calls it."""
        return "channel_refused" if self.permanent else "channel_unreachable"


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have gone out: the connection broke, or nothing was answered, after it was handed over."""

    detail: str


Outcome = Sent | NotAccepted | Unknown

Cleared = Callable[[], Awaitable[bool]]
"""Awaited right before the first octet that can deliver the letter: True = it is written down that it may be out;
False = take it back."""

TAKEN_BACK = NotAccepted("it was taken back before it went out", permanent=True)
"""The very value that every outlet gives when ``cleared`` said no: there is nothing to write down."""


class Outlet(Protocol):
    """A way out for letters."""

    async def send(self, letter: Letter, cleared: Cleared) -> Outcome:
        """Hand over one letter, once; never raises for what the other side or the network does.

        Gives :data:`TAKEN_BACK` itself when ``cleared`` said no. What ``cleared`` raises goes through: nothing was
        sent then.
        """
        ...
