"""Owns the events of one world (a tenant, or its sandbox) for all its streams: read once, kept in memory for a while.

Knows no connection. What is no longer in memory is read from the store again, for that stream alone.
Source: figures of the event streams (500 readers, 200 events a second); :func:`gateway.store.events.event_page`.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from gateway.http.event_frames import EncodedEvent, Wanted, gap
from gateway.store.protocol import Store, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.clock import Clock
    from gateway.store.rows import Event, View

log = structlog.get_logger("gateway.http")

PACE_S = 0.1
"""Events that come within this time go out together: at most ten writes a second for each stream."""
WAKE_AT_ONCE = 32
"""Streams woken in one turn of the loop, so that a claim does not wait behind five hundred writes."""
RECENT_EVENTS = 2_000
RECENT_OCTETS = 4 * 1024 * 1024
"""What is kept in memory: more than a stream may be behind, so that only a resume reads the store."""
WARM_EVENTS = 1_000
"""Seqs read again when the first stream resumes: after a restart all of them come back at once."""
PAGE = 200
PIECE_EVENTS = 500
PIECE_OCTETS = 256 * 1024
"""One write; with what the connection holds already, the most that a reader who stops reading costs."""
JOINED_PIECES = 64
JOINED_OCTETS = 64 * 1024
"""Writes kept for streams that stand at the same place and want the same; most do."""
RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Piece:
    """What goes to a stream in one write, where it stands afterwards, and whether there is more at once."""

    octets: bytes
    cursor: int
    more: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """How much a world had been through at one moment: events and octets since it began."""

    events: int
    octets: int


class World:
    """Follows the events that one kind of viewer may see. ``changed`` is set by the store after commits with events;
    ``wake`` lets go those who wait for more."""

    def __init__(self, store: Store, clock: Clock, view: View, changed: asyncio.Event) -> None:
        self._store = store
        self._clock = clock
        self._view = view
        self._changed = changed
        self._recent: list[EncodedEvent] = []
        self._seqs: list[int] = []
        self._recent_octets = 0
        self._floor = 0
        self._head = 0
        self._joined: dict[tuple[int, Wanted], Piece] = {}
        self.waiting: set[asyncio.Event] = set()
        self.seen = Mark(0, 0)

    async def begin(self, *, resumed: bool) -> None:
        """Find where to follow from: what comes now, and where somebody resumes also what came just before.

        Raises:
            StoreUnavailable: nobody can say now.
        """
        page = await self._store.event_page(self._view, 0, 0)
        warm = max(page.let_go, page.newest - WARM_EVENTS)
        self._floor = self._head = warm if resumed else page.newest
        await self._read_on()

    async def follow(self) -> None:
        """Read what is committed, as long as somebody listens."""
        while True:
            self._changed.clear()
            try:
                grew = await self._read_on()
            except StoreUnavailable as error:
                log.warning("stream.store_unavailable", reason=str(error))
                await asyncio.sleep(RETRY_S)
                continue
            except Exception:  # top of the loop: streams go on whatever one round met
                log.exception("stream.round_failed")
                await asyncio.sleep(RETRY_S)
                continue
            if grew:
                await self._wake()
                await asyncio.sleep(PACE_S)
            await self._changed.wait()

    async def after(self, cursor: int, wanted: Wanted) -> Piece:
        """Give a stream what follows its cursor.

        Raises:
            StoreUnavailable: it has to be read, and cannot be.
        """
        if cursor < self._floor:
            return await self._stored(cursor, wanted)
        piece = self._joined.get((cursor, wanted))
        if piece is None:
            start = bisect_right(self._seqs, cursor)
            events = islice(self._recent, start, start + PIECE_EVENTS)
            whole = len(self._recent) - start <= PIECE_EVENTS
            piece = _join(events, wanted, max(cursor, self._head) if whole else None)
            if len(self._joined) < JOINED_PIECES and len(piece.octets) <= JOINED_OCTETS:
                self._joined[cursor, wanted] = piece
        return piece

    async def _stored(self, cursor: int, wanted: Wanted) -> Piece:
        page = await self._store.event_page(self._view, cursor, PAGE)
        if page.let_go > cursor:
            told = gap(wanted.framing, cursor, page.let_go, "expired", self._clock.now_ms())
            return Piece(told, page.let_go, more=True)
        end = page.newest if len(page.events) < PAGE else None
        piece = _join(map(EncodedEvent, page.events), wanted, end)
        # Where the page ends is where the memory of this world may begin: look again before waiting.
        return Piece(piece.octets, piece.cursor, more=True)

    async def _read_on(self) -> bool:
        grew = False
        while True:
            page = await self._store.event_page(self._view, self._head, PAGE)
            self._keep(page.events)
            grew = grew or bool(page.events)
            if len(page.events) < PAGE:
                self._head = max(self._head, page.newest)
                return grew

    def _keep(self, events: tuple[Event, ...]) -> None:
        for event in events:
            encoded = EncodedEvent(event)
            self._recent.append(encoded)
            self._seqs.append(encoded.seq)
            self._recent_octets += encoded.size
            self._head = encoded.seq
            self.seen = Mark(self.seen.events + 1, self.seen.octets + encoded.size)
        dropped = 0
        while len(self._recent) - dropped > RECENT_EVENTS or self._recent_octets > RECENT_OCTETS:
            self._recent_octets -= self._recent[dropped].size
            dropped += 1
        if dropped:
            self._floor = self._seqs[dropped - 1]
            del self._recent[:dropped], self._seqs[:dropped]
        self._joined.clear()

    async def _wake(self) -> None:
        for count, awake in enumerate(tuple(self.waiting), 1):
            awake.set()
            if count % WAKE_AT_ONCE == 0:
                await asyncio.sleep(0)


def _join(events: Iterable[EncodedEvent], wanted: Wanted, end: int | None) -> Piece:
    """Put events together up to the size of one write; ``end`` is where a stream stands after all of them, None: at the
    last one, and there are more."""
    parts: list[bytes] = []
    size, cursor = 0, 0
    for event in events:
        cursor = event.seq
        if wanted.filter is not None and not wanted.filter.lets(event):
            continue
        octets = event.octets(wanted)
        parts.append(octets)
        size += len(octets)
        if size >= PIECE_OCTETS:
            return Piece(b"".join(parts), cursor, more=True)
    return Piece(b"".join(parts), cursor if end is None else end, more=end is None)
