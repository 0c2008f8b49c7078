"""Owns what follows from the end of one try to reach somebody: another try, the next channel, or the end. Pure.

Knows no store, no channel's protocol and no clock: the time is given.
Source: the HTTP interface (four plain states of a notification); design, *Errors* (whose fault, and was it out);
rules CNT-1, CNT-2, CON-2 (no channel goes around them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from gateway.message import MessageError, MessageState

Channel = Literal["sms", "email", "slack", "webhook"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)

NotificationState = Literal["queued", "sent", "delivered", "failed"]
AttemptStatus = Literal["queued", "sending", "sent", "delivered", "failed", "in_doubt"]

RETRY_S = (30, 120, 600, 1_800, 7_200, 14_400)
"""Waits after a try that may do better later: greylisting asks for minutes, a mail server that is down for hours."""
TRIES_BEFORE_FALLBACK = 3
"""With another channel to go to nobody is kept waiting longer than the first waits of the schedule."""
LATER_MS = 30_000
"""When the gateway itself has no room (the queue is full), which is no fault of the channel."""

RULED_OUT = frozenset({"content_refused", "approval_rejected"})
"""Why these words must not be sent, by whichever channel."""
UNWANTED = frozenset({"recipient_opted_out", "consent_required", "consent_expired"})
"""Why this person must not get marketing: a letter in place of the text would be the same advertising."""


@dataclass(frozen=True, slots=True)
class Reached:
    """The channel took it (``sent``), or it arrived (``delivered``)."""

    status: Literal["sent", "delivered"]


@dataclass(frozen=True, slots=True)
class Refused:
    """It certainly did not go out; ``permanent``: the same try would be refused again.

    ``everywhere``: no other channel may say it either.
    """

    error: MessageError
    permanent: bool
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Doubtful:
    """It may have gone out, and nobody will tell us; the same channel never gets it again."""

    error: MessageError


@dataclass(frozen=True, slots=True)
class NoRoom:
    """Nothing was tried, because the gateway cannot take it now; this try does not count."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """The time for this channel has passed; ``error`` is there when the try was taken back before it went out.

    ``everywhere``: no other channel may say it either.
    """

    error: MessageError | None = None
    everywhere: bool = False


Verdict = Reached | Refused | Doubtful | NoRoom | Overdue


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a notification stands when a verdict comes. ``tries`` counts those of this channel, this one included.

    ``status`` is that of the current attempt; ``deadline_ms``: when the next channel takes over (UTC ms).
    """

    channel: Channel
    has_next: bool
    tries: int
    status: AttemptStatus
    deadline_ms: int | None
    now_ms: int


@dataclass(frozen=True, slots=True)
class Move:
    """What is to be written: the attempt's status, the notification's state (None: as it is), and what is next.

    ``falls_back``: the next channel begins at once. ``due_ms`` None: nothing is to be done until word comes.
    """

    status: AttemptStatus
    state: NotificationState | None
    due_ms: int | None = None
    falls_back: bool = False
    error: MessageError | None = None


def follow(standing: Standing, verdict: Verdict) -> Move:
    """Say what follows from a verdict on the current channel."""
    match verdict:
        case Reached("delivered"):
            return Move("delivered", "delivered")
        case Reached():
            # Only a text is confirmed later; of the others acceptance is the last that anybody hears.
            waits = standing.channel == "sms" and standing.has_next
            return Move("sent", "sent", standing.deadline_ms if waits else None)
        case Refused(error=error, permanent=permanent):
            return _after_refusal(standing, error, permanent=permanent)
        case Doubtful(error):
            return _after_doubt(standing, error)
        case NoRoom():
            return Move("queued", None, _no_later(standing, standing.now_ms + LATER_MS))
        case Overdue(error=error):
            return _next_channel(standing, standing.status if error is None else "failed", error)


def _after_refusal(standing: Standing, error: MessageError, *, permanent: bool) -> Move:
    tries_max = TRIES_BEFORE_FALLBACK if standing.has_next else len(RETRY_S) + 1
    if not permanent and standing.tries < tries_max:
        again_ms = standing.now_ms + RETRY_S[standing.tries - 1] * 1000
        return Move("queued", None, _no_later(standing, again_ms), error=error)
    return _next_channel(standing, "failed", error)


def _after_doubt(standing: Standing, error: MessageError) -> Move:
    if standing.channel == "sms":
        # A late report or a person may still settle it: the message is the truth, so its word is waited for.
        return Move("in_doubt", None, standing.deadline_ms, error=error)
    if standing.has_next and standing.deadline_ms is not None:
        return Move("in_doubt", None, standing.deadline_ms, error=error)
    # Going on at once could reach somebody twice; nobody asked for that.
    return Move("in_doubt", "failed", error=error)


def _next_channel(standing: Standing, status: AttemptStatus, error: MessageError | None) -> Move:
    if standing.has_next:
        return Move(status, "queued", standing.now_ms, falls_back=True, error=error)
    return Move(status, "failed", error=error)


def _no_later(standing: Standing, at_ms: int) -> int:
    return at_ms if standing.deadline_ms is None else min(at_ms, standing.deadline_ms)


def is_ruled_out(verdict: Verdict, purpose: str) -> bool:
    """Say whether a verdict holds for every channel, because a rule or the recipient says no and not the channel."""
    if isinstance(verdict, Refused | Overdue) and verdict.everywhere:
        return True
    if not isinstance(verdict, Refused):
        return False
    return verdict.error.code in RULED_OUT or (purpose == "marketing" and verdict.error.code in UNWANTED)


def verdict_of(state: MessageState, error: MessageError | None) -> Verdict | None:
    """Say what a message's state means for the channel ``sms``; None: it is still under way."""
    match state:
        case MessageState.DELIVERED:
            return Reached("delivered")
        case MessageState.SENT:
            return Reached("sent")
        case MessageState.IN_DOUBT:
            return Doubtful(error or _ended("in_doubt"))
        case MessageState.FAILED | MessageState.UNDELIVERED | MessageState.EXPIRED | MessageState.CANCELLED:
            return Refused(error or _ended(state.value), permanent=True)
        case _:
            return None


def _ended(code: str) -> MessageError:
    title = {"cancelled": "The text was cancelled"}.get(code, "The text did not arrive")
    return MessageError(code, title, "Look at the message; its timeline says who ended it and when.")
