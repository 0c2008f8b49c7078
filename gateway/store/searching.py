"""Owns the search for texts sent and received: by words, key or tag, newest first, a bounded piece at a time.

Knows no page and no grammar. Texts are encrypted, so their words are found by reading them, within the tenant and the
time asked for; each piece is a read of its own, so that the lines get in between, and a search says how far it looked.
Source: rules DAT-2 (words of a text), API-10 (keyset pages).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gateway.message import Inbound, Message
from gateway.store.convert import load_inbound, load_message
from gateway.store.crypto import DamagedRow
from gateway.store.messages import around, listed
from gateway.store.rows import MessageFilter, View
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units

PIECE_ROWS = 1_000
"""Rows of one read: about 10 ms, which is how long a line may wait behind it."""

LOOKED_MAX = 20_000
"""Rows that one request looks at; who wants to look further asks again."""

Direction = Literal["any", "out", "in"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for. ``where`` is what an index answers; ``to`` is the other side, whoever wrote.

    ``key_ids``: sent with one of these keys. ``words`` must all stand in the text, whatever their case. ``above``: only
    ids greater than this one; ``upto``: only this one and smaller ones.
    """

    where: MessageFilter = field(default_factory=MessageFilter)
    direction: Direction = "any"
    key_ids: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()
    above: str | None = None
    upto: str | None = None

    @property
    def sent(self) -> bool:
        """Say whether messages can match."""
        return self.direction != "in"

    @property
    def received(self) -> bool:
        """Say whether received texts can match: what only messages have excludes them."""
        where = self.where
        only_sent = where.states or where.reference or where.batch_id or where.scheduled is not None
        return self.direction != "out" and not only_sent and not self.key_ids

    @property
    def reads(self) -> bool:
        """Say whether rows have to be read to be judged."""
        where = self.where
        return bool(self.words or self.tags or self.key_ids or (self.received and (where.to or where.line)))


@dataclass(frozen=True, slots=True)
class Found:
    """One page, newest first. ``next`` is the id to continue after, None at the end.

    ``stopped``: it looked at as many rows as it may, so there may be more behind ``next`` although the page is not
    full.
    """

    items: tuple[Message | Inbound, ...]
    next: str | None
    looked: int
    stopped: bool


@dataclass(frozen=True, slots=True)
class _Piece:
    hits: list[Message | Inbound]
    looked: int
    last: str | None
    """The id that it went down to; None: there is nothing further."""


class Search:
    """Finds texts; may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def find(self, view: View, wanted: Wanted, limit: int, after: str | None) -> Found:
        """Give one page of what is wanted."""
        hits: list[Message | Inbound] = []
        looked, last = 0, after
        rows = PIECE_ROWS if wanted.reads else limit + 1
        while len(hits) <= limit:
            piece = await self._piece((view, wanted), last, (rows, limit + 1 - len(hits)))
            hits += piece.hits
            looked, last = looked + piece.looked, piece.last
            if last is None or (len(hits) <= limit and looked >= LOOKED_MAX):
                break
        if len(hits) > limit:
            return Found(tuple(hits[:limit]), hits[limit - 1].id, looked, stopped=False)
        return Found(tuple(hits), last, looked, stopped=last is not None)

    async def _piece(self, shown: tuple[View, Wanted], after: str | None, size: tuple[int, int]) -> _Piece:
        return await self._units.read(lambda tx: _piece(tx, shown, after, size))

    async def count(self, view: View, wanted: Wanted, most: int) -> int:
        """Count what is wanted, up to ``most``."""
        return len((await self.find(view, wanted, most, None)).items)


def _piece(tx: Tx, shown: tuple[View, Wanted], after: str | None, size: tuple[int, int]) -> _Piece:
    """Look at the next rows; ``size`` is (rows of each kind at most, hits at most)."""
    (view, wanted), (most, hits_max) = shown, size
    sent = _sent(tx, view, wanted, (most, after)) if wanted.sent else []
    received = _received(tx, view, wanted, (most, after)) if wanted.received else []
    # Where one kind may have more below, the other is read no deeper than that.
    floor = max((rows[-1]["id"] for rows in (sent, received) if len(rows) == most), default="")
    rows = sorted((row for row in (*sent, *received) if row["id"] >= floor), key=_id, reverse=True)
    messages = {row["id"] for row in sent}
    hits: list[Message | Inbound] = []
    for n, row in enumerate(rows, 1):
        is_sent = row["id"] in messages
        if _matches(tx, row, wanted, is_sent=is_sent):
            hit = _message(tx, row["id"]) if is_sent else _inbound(tx, row["id"])
            if hit is not None:
                hits.append(hit)
            if len(hits) == hits_max:
                return _Piece(hits, n, row["id"])
    return _Piece(hits, len(rows), floor or None)


def _id(row: Row) -> str:
    return str(row["id"])


def _sent(tx: Tx, view: View, wanted: Wanted, page: tuple[int, str | None]) -> list[Row]:
    return listed(tx, "messages_narrow", (view, wanted.where), page, (wanted.above, wanted.upto))


def _received(tx: Tx, view: View, wanted: Wanted, page: tuple[int, str | None]) -> list[Row]:
    most, after = page
    conditions = ["where_sandbox"] if view.sandbox_only else []
    values: dict[str, object] = {"tenant": view.tenant, "limit": most, **around(wanted.where)}
    for condition, name, value in (
        ("where_after", "after", after),
        ("where_above", "above", wanted.above),
        ("where_upto", "upto", wanted.upto),
        ("where_received_since", "since", wanted.where.since_ms),
        ("where_received_until", "until", wanted.where.until_ms),
    ):
        if value is not None:
            conditions.append(condition)
            values[name] = value
    return tx.composed("inbounds_narrow", conditions, "messages_order", values)


def _matches(tx: Tx, row: Row, wanted: Wanted, *, is_sent: bool) -> bool:
    if is_sent:
        if wanted.key_ids and row["key_id"] not in wanted.key_ids:
            return False
    elif (wanted.where.to or row["sender"]) != row["sender"] or (wanted.where.line or row["line"]) != row[
        "line"
    ]:
        return False
    if wanted.tags:
        has = json.loads(row["tags"])
        if any(has.get(name) != value for name, value in wanted.tags):
            return False
    return not wanted.words or _says(tx, row, wanted.words, "message" if is_sent else "inbound")


def _says(tx: Tx, row: Row, words: Sequence[str], table: str) -> bool:
    try:
        text = tx.unseal_text(f"{table}|text|{row['id']}", row["text"])
    except DamagedRow:
        return False
    folded = (text or "").casefold()
    return all(word.casefold() in folded for word in words)


def _message(tx: Tx, message_id: str) -> Message | None:
    row = tx.one("message_by_id", id=message_id)
    return None if row is None else load_message(tx, row)


def _inbound(tx: Tx, inbound_id: str) -> Inbound | None:
    row = tx.one("inbound_by_id", id=inbound_id)
    return None if row is None else load_inbound(tx, row)
