"""Owns the words to a sender whose text failed, or has not left in time.

Refuses to repeat the text itself: a letter about it goes by other people's servers.
Source: rules DAT-1; the codes of the catalogue have the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.message import Message, MessageState, shown_reason
from gateway.policy.wait_words import held_words, limit_words

_ENDED: Mapping[MessageState, str] = {
    MessageState.FAILED: "failed",
    MessageState.UNDELIVERED: "did not arrive",
    MessageState.EXPIRED: "was not sent: its time ran out",
    MessageState.IN_DOUBT: "is in doubt: nobody knows whether it left",
}

ENDS_BADLY = frozenset(_ENDED)


def subject_of(message: Message, *, late: bool) -> str:
    """Say in one line what is with a text."""
    what = "has not been sent yet" if late else _ENDED[message.state]
    return f"Your text to {message.to} {what}"


def body_of(message: Message, *, late: bool) -> str:
    """Write the letter: what is, why, what to do, and which text is meant."""
    reason = _waits(message) if late else ""
    if message.error is not None:
        reason = f"{message.error.title}. {message.error.hint}"
    lines = [f"{subject_of(message, late=late)}.", reason, f"Message: {message.id}"]
    if message.reference is not None:
        lines.append(f"Reference: {message.reference}")
    return "\n".join(line for line in lines if line) + "\n"


def _waits(message: Message) -> str:
    if message.state is MessageState.SUBMITTING:
        return "It is on its way at this moment."
    if message.state is MessageState.HELD:
        why = held_words(shown_reason(message.held_reason) or "")
        return f"It is held until a person lets it go{f': {why}' if why else ''}."
    if message.held_reason is not None:
        return f"It waits: {limit_words(message.held_reason)}."
    return "It waits for a line that is up and has quota."
