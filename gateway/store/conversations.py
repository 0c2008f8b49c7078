"""Owns conversations: the inbox by number, what was said with one of them, and what nobody has read yet.

Knows no page. Each list is bounded by its page, a search by the newest texts: the cost does not grow with what is
stored. Texts are sealed, so words are looked for by opening them.
Source: the notes on what people see, *Inbox*; rules KEY-7, TEN-1 (a sandbox reader has an inbox of its own).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.message import Inbound, Message
from gateway.store import messages
from gateway.store.convert import load_inbound
from gateway.store.crypto import DamagedRow
from gateway.store.rows import MessageFilter, Page, View
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units

COUNTED_MAX = 100
"""Of more than this nobody wants to know the number."""

SEARCHED_TEXTS = 2_000
"""Newest received texts that a search opens: some 30 ms."""

_FOUND_MAX = 50
_DIGITS_MIN = 3
"""Fewer digits would find everybody."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One number that wrote: its newest received text, and how many nobody has read."""

    number: str
    newest: Inbound
    unread: int


@dataclass(frozen=True, slots=True)
class Said:
    """What was said with a number, oldest first. ``older`` continues; ``missing`` are the parts that never came of
    incomplete texts, by id; ``newest_received`` and ``unread`` are of the whole conversation."""

    items: tuple[Inbound | Message, ...]
    older: str | None
    missing: dict[str, tuple[int, ...]]
    newest_received: str | None
    unread: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for: ``words`` in texts and senders, and numbers that begin with one of ``prefixes``."""

    words: str
    prefixes: tuple[str, ...] = ()


class Conversations:
    """The inbox; may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def page(self, view: View, limit: int, after: str | None) -> Page[Conversation]:
        """List who wrote: first those with texts that nobody has read, then the others, each newest first."""
        return await self._units.read(lambda tx: _page(tx, view, limit, after))

    async def search(self, view: View, wanted: Wanted) -> tuple[Conversation, ...]:
        """Find at most 50 conversations among all numbers and the newest texts, newest first."""
        return await self._units.read(lambda tx: _search(tx, view, wanted))

    async def unread(self, view: View) -> int:
        """Count conversations with texts that nobody has read, up to 100."""
        name = "inbox_count_sandbox" if view.sandbox_only else "inbox_count"

        def count(tx: Tx) -> int:
            row = tx.one(name, tenant=view.tenant, limit=COUNTED_MAX)
            return row["n"] if row is not None else 0

        return await self._units.read(count)

    async def said(self, view: View, number: str, page: tuple[int, str | None], *, with_sent: bool) -> Said:
        """Read what was said with a number; ``page`` is (limit, id to continue before)."""
        return await self._units.read(lambda tx: _said(tx, view, number, page, with_sent=with_sent))

    async def seen(self, view: View, number: str, newest: str) -> None:
        """Note that somebody has read a conversation up to its newest received text; a newer one stays unread."""
        name = "inbox_seen_sandbox" if view.sandbox_only else "inbox_seen"
        await self._units.write(
            lambda tx: tx.run(name, tenant=view.tenant, number=number, newest=newest), linger=True
        )


def received(tx: Tx, row: Row) -> None:
    """Keep the inbox up with a text that was stored (``row`` of inbound); what a rule silenced counts as read."""
    sandbox, unread = bool(row["sandbox"]), int(not row["ignored"])
    tx.run(
        "inbox_put",
        tenant=row["tenant"],
        number=row["sender"],
        newest=row["id"],
        newest_sandbox=row["id"] if sandbox else None,
        unread=unread,
        unread_sandbox=unread if sandbox else 0,
    )


# ------------------------------------------------------------------ the list


def _page(tx: Tx, view: View, limit: int, after: str | None) -> Page[Conversation]:
    half, _, last = (after or "unread:").partition(":")
    rows: list[tuple[str, Row]] = []
    for name in ("unread", "read"):
        if len(rows) > limit or (half == "read" and name == "unread"):
            continue
        query = f"inbox_{name}{'_sandbox' if view.sandbox_only else ''}"
        behind = last if name == half else ""
        found = tx.rows(query, tenant=view.tenant, after=behind, limit=limit + 1 - len(rows))
        rows += ((name, row) for row in found)
    more = rows[limit - 1] if len(rows) > limit else None
    return Page(
        tuple(_loaded(tx, (row for _, row in rows[:limit]))),
        None if more is None else f"{more[0]}:{more[1]['id']}",
    )


def _loaded(tx: Tx, rows: Iterable[Row]) -> Iterator[Conversation]:
    for row in rows:
        newest = tx.one("inbound_by_id", id=row["id"])
        if newest is not None:
            yield Conversation(row["number"], load_inbound(tx, newest), row["unread"])


def _search(tx: Tx, view: View, wanted: Wanted) -> tuple[Conversation, ...]:
    sandbox_only = int(view.sandbox_only)
    numbers: dict[str, None] = {}
    for prefix in wanted.prefixes:
        if len(prefix) < _DIGITS_MIN:
            continue
        rows = tx.rows(
            "inbox_from", tenant=view.tenant, low=prefix, high=f"{prefix}\uffff", sandbox_only=sandbox_only,
            limit=_FOUND_MAX,
        )  # fmt: skip
        numbers |= dict.fromkeys(row["number"] for row in rows)
    words = wanted.words.casefold()
    for row in tx.rows(
        "inbound_page", tenant=view.tenant, sandbox_only=sandbox_only, after="", limit=SEARCHED_TEXTS
    ):
        if row["sender"] not in numbers and words in f"{row['sender']}\n{_text(tx, row)}".casefold():
            numbers[row["sender"]] = None
        if len(numbers) >= _FOUND_MAX:
            break
    found = [
        known
        for number in numbers
        if (known := tx.one("inbox_of", tenant=view.tenant, number=number, sandbox_only=sandbox_only))
    ]
    found.sort(key=lambda row: str(row["id"]), reverse=True)
    return tuple(_loaded(tx, found))


def _text(tx: Tx, row: Row) -> str:
    try:
        return tx.unseal_text(f"inbound|text|{row['id']}", row["text"]) or ""
    except DamagedRow:
        return ""


# ------------------------------------------------------------------ one conversation


def _said(tx: Tx, view: View, number: str, page: tuple[int, str | None], *, with_sent: bool) -> Said:
    limit, after = page
    sandbox_only = int(view.sandbox_only)
    rows = tx.rows(
        "inbound_from", tenant=view.tenant, sender=number, sandbox_only=sandbox_only, after=after or "",
        limit=limit + 1,
    )  # fmt: skip
    items: list[Inbound | Message] = [load_inbound(tx, row) for row in rows]
    if with_sent:
        # One more than is shown of each: ids are in the order of time, so the newest of both are the newest of all.
        items += messages.messages(tx, view, MessageFilter(to=number), (limit + 1, after)).items
    items.sort(key=lambda item: item.id)
    shown = items[-limit:]
    known = tx.one("inbox_of", tenant=view.tenant, number=number, sandbox_only=sandbox_only)
    return Said(
        items=tuple(shown),
        older=shown[0].id if len(items) > limit else None,
        missing={
            item.id: _missing(tx, item) for item in shown if isinstance(item, Inbound) and not item.complete
        },
        newest_received=known["id"] if known is not None else None,
        unread=known["unread"] if known is not None else 0,
    )


def _missing(tx: Tx, inbound: Inbound) -> tuple[int, ...]:
    came = {row["number"] for row in tx.rows("inbound_parts_of", inbound_id=inbound.id)}
    return tuple(number for number in range(1, inbound.parts + 1) if number not in came)
