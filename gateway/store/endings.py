"""Owns what the move of a message sets off beside its event: the tallies of alerts, and the word to its sender.

Knows no channel. In the transaction of the move: what was told cannot be told again, and nothing is lost (W4).
Source: W4; the lifecycle table.
"""

from __future__ import annotations

import json

from gateway.message import Message, MessageState, Notify
from gateway.policy.message_notice import ENDS_BADLY, body_of, subject_of
from gateway.representation import message_json
from gateway.store import alert_letters
from gateway.store.alert_rows import OF_MESSAGE, OWN_KEY, LetterContent, NewLetter, Way
from gateway.store.convert import load_message
from gateway.store.transaction import Row, Tx

MINUTE_MS = 60_000
TALLIED = frozenset({"delivered", "undelivered", "failed", "expired"})
WORTH_MS = 86_400_000
"""A day later its sender has found out."""
LATE_ROWS = 200


def moved(tx: Tx, before: Row, after: Row) -> None:
    """Take note of a move; ``after`` is the row as it now is."""
    if after["key_id"] != OWN_KEY:
        _tally(tx, before, -1)
        _tally(tx, after, 1)
    if after["notify"] is None or after["state"] not in ENDS_BADLY:
        return
    goes_again = after["state"] == MessageState.IN_DOUBT and after["due_at"] is not None
    # What an old backup brought back may have gone, and been told of, long ago.
    if not goes_again and before["held_reason"] != "restored":
        _tell(tx, after, late=False)


def _tally(tx: Tx, message: Row, n: int) -> None:
    if message["state"] in TALLIED:
        tx.run(
            "message_tally_add",
            tenant=message["tenant"],
            minute=tx.now_ms // MINUTE_MS,
            sandbox=message["sandbox"],
            state=message["state"],
            n=n,
        )


def late(tx: Tx, tenant: str) -> int:
    """Tell the senders of texts that have not left in time; returns of how many."""
    rows = tx.rows("messages_late", tenant=tenant, now=tx.now_ms, limit=LATE_ROWS)
    for row in rows:
        _tell(tx, row, late=True)
    return len(rows)


def _tell(tx: Tx, row: Row, *, late: bool) -> None:
    """Write the letters to a sender: once that it is late, and once how it ended, whatever becomes of it later."""
    told = (
        tx.run("message_told_late", id=row["id"], tenant=row["tenant"])
        if late
        else tx.run("message_notified", id=row["id"], tenant=row["tenant"], now=tx.now_ms)
    )
    if not told:
        return
    message = load_message(tx, row, with_text=False)
    wanted = Notify(**json.loads(row["notify"]))
    ways: tuple[tuple[Way, str | None], ...] = (("email", wanted.email), ("webhook", wanted.url))
    for way, to in ways:
        if to is not None:
            content = _content(tx, message, to, late=late)
            alert_letters.write(
                tx,
                row["tenant"],
                NewLetter(way, OF_MESSAGE, content, tx.now_ms + WORTH_MS, message_id=row["id"]),
            )


def _content(tx: Tx, message: Message, to: str, *, late: bool) -> LetterContent:
    payload = message_json(message, tx.now_ms)
    del payload["text"], payload["data_base64"]
    return LetterContent(
        to=to,
        subject=subject_of(message, late=late),
        body=body_of(message, late=late),
        type="message.late" if late else f"message.{message.state.value}",
        payload=payload,
    )
