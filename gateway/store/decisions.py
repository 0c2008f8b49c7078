"""Owns the decisions of people and clocks about a message: cancel, expire, refuse, approve, resend, confirm, give up.

Knows no device; what they mean when an earlier attempt is, or may be, out is decided here, the rest by the table.
Source: the lifecycle table.
"""

from __future__ import annotations

from typing import Any

from gateway.lifecycle import Conflict, Happening, next_state
from gateway.message import MessageState, Witness
from gateway.store.record import PIN_MS, Why, fold_of, move, ours, parts_of, pinned
from gateway.store.transaction import Row, Tx

S = MessageState


def decide_locally(tx: Tx, message: Row, happening: Happening, actor: str, code: str | None = None) -> Row:
    """Carry out a decision: cancel, expire, refuse (with its ``code``), approve, reject, resend, confirm, give up.

    Raises:
        Conflict: it does not fit the state.
    """
    state = S(message["state"])
    happening, change = _qualified(tx, message, happening)
    if code is not None and happening is Happening.REFUSE:
        change |= {"error": ours(code)}
    new = next_state(state, happening)
    if new is None:
        raise Conflict(state, happening)
    if new is S.QUEUED:
        send_at = message["send_at"]
        waits = send_at is not None and send_at > tx.now_ms
        change |= {"due_at": send_at} if waits else {"ready": 1}
    if happening is Happening.RESEND:
        if message["expires_at"] <= tx.now_ms:
            raise Conflict(state, happening)
        change |= {"resend_after_doubt": 1, "error": None} | _same_line(tx, message)
    if happening is Happening.HOLD:
        change |= {"held_reason": "restored"}
    if happening is Happening.CONFIRM:
        change |= {"sent_at": tx.now_ms, "error": None}
    witness: Witness = "gateway" if actor == "gateway" else "person"
    return move(tx, message, new, Why(witness, detail={"by": actor, "action": happening.value}), change)


def _same_line(tx: Tx, message: Row) -> dict[str, Any]:
    """A partly sent message goes on where its first parts are, while they can still be joined."""
    parts = parts_of(tx, message)
    until_ms = max((p["submitted_at"] or 0 for p in parts), default=0) + PIN_MS
    if until_ms <= tx.now_ms or not fold_of(message, parts).sent_now:
        return {}
    return pinned(message, until_ms)


def _qualified(tx: Tx, message: Row, happening: Happening) -> tuple[Happening, dict[str, Any]]:
    """Say what cancelling or expiring means when an earlier attempt is, or may be, out."""
    if happening is Happening.GIVE_UP:
        return happening, {"error": ours("in_doubt")}
    if happening is Happening.REJECT:
        return happening, {"error": ours("approval_rejected")}
    ends = (Happening.CANCEL, Happening.EXPIRE, Happening.REFUSE)
    if happening not in ends or message["state"] not in (S.QUEUED, S.HELD):
        return happening, {"error": ours("expired")} if happening is Happening.EXPIRE else {}
    folded = fold_of(message, parts_of(tx, message))
    if folded.in_doubt:
        return Happening.LOST, {"error": ours("in_doubt")}
    if folded.sent:
        return Happening.SPENT, {"error": ours("partly_sent")}
    return happening, {"error": ours("expired")} if happening is Happening.EXPIRE else {}
