"""Owns the values that cross the store's door for alerts: what is to be told, letters to be sent, how they ended.

Knows no SQL and no channel; times are UTC ms.
Source: W2 (a letter is written down as going out before it can arrive).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gateway.policy.alert_words import Notice
from gateway.policy.alerts import Change
from gateway.representation import Json

Way = Literal["email", "sms", "apprise", "webhook"]
LetterState = Literal["pending", "sending", "done", "failed"]

OWN_KEY = "alerts"
"""The key id of texts that tell of alerts: alerts never count them."""
OF_MESSAGE = "message"
"""The topic of letters about one message; others are about an alert and have its kind."""


@dataclass(frozen=True, slots=True)
class LetterContent:
    """What goes out. ``payload`` is the data of a webhook's body, ``type`` its event type."""

    to: str = field(repr=False)
    subject: str
    body: str
    type: str | None = None
    payload: Json | None = None


@dataclass(frozen=True, slots=True)
class NewLetter:
    """A letter to be written down. ``line`` is the line that it is about and must not go by."""

    way: Way
    topic: str
    content: LetterContent
    until_ms: int
    line: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class DueLetter:
    """A letter whose time has come. ``content`` None: its stored words were changed."""

    id: str
    tenant: str
    way: Way
    topic: str
    content: LetterContent | None
    attempts: int
    until_ms: int
    line: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a letter ended. ``carried_by`` is the text that tells an alert by SMS."""

    state: Literal["done", "failed"]
    reason: str | None = None
    carried_by: str | None = None


@dataclass(frozen=True, slots=True)
class Telling:
    """One change of an alert, its words, and the letters that tell of it."""

    change: Change
    notice: Notice | None = None
    letters: tuple[NewLetter, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What is read. ``emulated``: emulated lines and the sandbox's texts count too.

    ``since_ms`` is when this process began to look: what a line did before it says nothing.
    """

    tenant: str
    since_ms: int
    emulated: bool = False
