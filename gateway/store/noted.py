"""Owns what a commit did, in a form that can be counted: which messages and parts entered which state, and when.

Knows no counter. Written down by the units of a transaction, handed over only when it is committed.
Source: design, *Store* (group commit).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from gateway.message import MessageState, PartState

if TYPE_CHECKING:
    from gateway.store.transaction import Row, Tx


class Noted(NamedTuple):
    """One thing that happened. ``state`` is that of the message or part, the type of what was received; ``coding`` is
    of messages alone, ``attempt`` is the id of the one that it is about.

    ``sent_after_s`` and ``delivered_after_s`` count from the acceptance, or from ``send_at`` where that is later; they
    stand with the first move that knows them.
    """

    what: Literal["message", "part", "received"]
    tenant: str
    sandbox: bool
    line: str | None
    state: str
    id: str
    coding: str = ""
    attempt: str | None = None
    sent_after_s: float | None = None
    delivered_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """One commit: how long it took (BEGIN to the end of COMMIT), how many units shared it, and what they did."""

    seconds: float
    units: int
    noted: list[Noted]


def entered(tx: Tx, row: Row | Mapping[str, Any]) -> None:
    """Note that a new message is in its first state; ``row`` is the message as it now is."""
    world = (row["tenant"], bool(row["sandbox"]))
    tx.noted.append(Noted("message", *world, None, row["state"], row["id"], row["coding"]))


def claimed(tx: Tx, row: Row, attempt: str) -> None:
    """Note that a line has a message; ``row`` is the message as it now is."""
    world = (row["tenant"], bool(row["sandbox"]))
    tx.noted.append(Noted("message", *world, row["line"], row["state"], row["id"], row["coding"], attempt))


def moved(tx: Tx, before: Row, after: Row) -> None:
    """Note a move of a message, and how long it took to be sent or delivered."""
    tx.noted.append(
        Noted(
            "message",
            after["tenant"],
            bool(after["sandbox"]),
            None if after["state"] in (MessageState.QUEUED, MessageState.HELD) else after["line"],
            after["state"],
            after["id"],
            after["coding"],
            None,
            _after_s(before, after, "sent_at"),
            _after_s(before, after, "delivered_at"),
        )
    )


def _after_s(before: Row, after: Row, column: str) -> float | None:
    if after[column] is None or before[column] is not None:
        return None
    since_ms = max(after["created_at"], after["send_at"] or 0)
    # The clock may have been set back in between.
    return float(max(after[column] - since_ms, 0)) / 1000


def said(tx: Tx, message: Row, part: Row, state: PartState) -> None:
    """Note that something new is known of a part."""
    world = (message["tenant"], bool(message["sandbox"]))
    tx.noted.append(
        Noted("part", *world, part["line"], state.value, message["id"], attempt=part["attempt_id"])
    )
