"""Owns letters that tell of alerts and of single messages: written down with their cause, due until they are done.

Knows no channel. A letter that was going out when the gateway stopped may have arrived, so it never goes again.
Source: W2, W4; rules DAT-1 (addresses and words are sealed).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from gateway.ids import new_id
from gateway.store.alert_rows import DueLetter, Ended, LetterContent, NewLetter
from gateway.store.crypto import DamagedRow
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units

KEPT_MS = 90 * 86_400_000
"""People ask who was told; what it was about is kept elsewhere."""


def write(tx: Tx, tenant: str, new: NewLetter) -> None:
    """Write a letter down; it is due at once."""
    letter_id = new_id()
    tx.run(
        "alert_letter_insert",
        id=letter_id,
        tenant=tenant,
        way=new.way,
        topic=new.topic,
        message_id=new.message_id,
        line=new.line,
        content=tx.seal(_where(letter_id), json.dumps(asdict(new.content))),
        until=new.until_ms,
        now=tx.now_ms,
    )
    tx.touched.add("letters")


def _where(letter_id: str) -> str:
    return f"alert_letter|content|{letter_id}"


def due(tx: Tx, limit: int) -> tuple[DueLetter, ...]:
    """List letters of all tenants whose time has come, oldest first."""
    return tuple(_load(tx, row) for row in tx.rows("alert_letters_due", now=tx.now_ms, limit=limit))


def next_at_ms(tx: Tx) -> int | None:
    row = tx.one("alert_letter_next")
    return None if row is None else row["at"]


def _load(tx: Tx, row: Row) -> DueLetter:
    return DueLetter(
        id=row["id"],
        tenant=row["tenant"],
        way=row["way"],
        topic=row["topic"],
        content=_content(tx, row),
        attempts=row["attempts"],
        until_ms=row["until"],
        line=row["line"],
    )


def _content(tx: Tx, row: Row) -> LetterContent | None:
    try:
        written: dict[str, Any] = json.loads(tx.unseal_text(_where(row["id"]), row["content"]) or "{}")
    except DamagedRow:
        return None
    return LetterContent(**written)


def begin(tx: Tx, letter: DueLetter) -> bool:
    """Write down that a letter may be out; False: it must not go any more."""
    return tx.run("alert_letter_begin", id=letter.id, tenant=letter.tenant) == 1


def end(tx: Tx, letter: DueLetter, ended: Ended) -> None:
    """Write down how a letter ended; the first end stays."""
    tx.run(
        "alert_letter_end",
        id=letter.id,
        tenant=letter.tenant,
        state=ended.state,
        reason=ended.reason,
        carried_by=ended.carried_by,
        now=tx.now_ms,
    )


def later(tx: Tx, letter: DueLetter, reason: str, due_at_ms: int) -> None:
    """Try again at a time."""
    tx.run("alert_letter_later", id=letter.id, tenant=letter.tenant, reason=reason, due_at=due_at_ms)
    tx.touched.add("letters")


def recover(tx: Tx) -> int:
    """Settle letters that the last run was handing over: nobody knows, so they do not go again."""
    return tx.run("alert_letters_left_sending", now=tx.now_ms)


def drop_open(tx: Tx) -> None:
    """Let nothing go that a restored backup still has open."""
    tx.run("alert_letters_drop_open", now=tx.now_ms)


def prune(tx: Tx) -> None:
    """Forget what nobody asks about any more."""
    tx.run("alert_letters_prune", before=tx.now_ms - KEPT_MS)


def step(tx: Tx, step_ms: int) -> None:
    """Move the times of open letters along with a clock that stepped."""
    tx.run("shift_alert_letter_times", step=step_ms)


class Letters:
    """Letters about alerts and messages. All verbs may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def due(self, limit: int) -> tuple[DueLetter, ...]:
        """List letters of all tenants whose time has come, oldest first."""
        return await self._units.read(lambda tx: due(tx, limit))

    async def next_at_ms(self) -> int | None:
        """Say when the next letter falls due."""
        return await self._units.read(next_at_ms)

    async def begin(self, letter: DueLetter) -> bool:
        """Commit that a letter may be out from now on; False: it must not go any more."""
        return await self._units.write(lambda tx: begin(tx, letter))

    async def end(self, letter: DueLetter, ended: Ended) -> None:
        """Commit how a letter ended; a second end changes nothing."""
        await self._units.write(lambda tx: end(tx, letter, ended), linger=True)

    async def later(self, letter: DueLetter, reason: str, due_at_ms: int) -> None:
        """Commit that a letter is tried again, and when."""
        await self._units.write(lambda tx: later(tx, letter, reason, due_at_ms), linger=True)

    async def recover(self) -> int:
        """Settle letters that the last run was handing over; returns how many are in doubt."""
        return await self._units.write(recover)
