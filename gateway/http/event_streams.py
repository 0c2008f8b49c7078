"""Owns the open event streams: how many there may be, what each has been given, and when one has to end.

Knows no framing of HTTP: a stream is given a function that writes octets and waits until the connection takes more.
Source: rules USR-8, KEY-5, TEN-2; figures of the event streams.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import structlog
from aiohttp import web

from gateway.errors import GatewayError
from gateway.http.event_frames import GapReason, Wanted, gap, heartbeat
from gateway.http.event_world import RETRY_S, Mark, World
from gateway.store.protocol import StoreUnavailable

if TYPE_CHECKING:
    from gateway.draft import Caller
    from gateway.http.services import Services, StreamSettings
    from gateway.store.rows import View

log = structlog.get_logger("gateway.http")

WATCH_S = 0.4
"""How often open streams are looked at: what was revoked ends within a second (rules KEY-5)."""

STRANGERS_MAX = 50
"""WebSockets whose first frame has not come; each has a few seconds."""

Ending = Literal["gone", "slow", "revoked", "stopping", "failed"]
"""The reader left, is too slow, may not read any more; the server stops, or has a defect."""

Write = Callable[[bytes], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Credential:
    """Who reads. ``mark`` is the same for all streams of one key or session from one address; ``still`` says who shows
    it now, None when it is worth nothing any more."""

    caller: Caller
    mark: Hashable
    still: Callable[[], Awaitable[Caller | None]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader asked for. ``after`` None = from now on, 0 = from the oldest that is kept; ``gone`` says that its
    connection is lost."""

    wanted: Wanted
    after: int | None
    heartbeat_s: float
    gone: Callable[[], bool]


class Stream:
    """One reader. It never holds more than one write: what its connection does not take stays in the world's memory,
    or in the store."""

    def __init__(self, credential: Credential, asked: Asked, world: World, hub: Streams) -> None:
        self.credential = credential
        self.cursor = 0
        self._asked = asked
        self._world = world
        self._hub = hub
        self._gap: tuple[int, GapReason] | None = None
        self._awake = asyncio.Event()
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._stalled: tuple[Mark, float] | None = None
        self._wrote_s = 0.0

    @property
    def ended(self) -> bool:
        """Whether it has been let go; its connection may need a moment more."""
        return self._ended.done()

    @property
    def stalled(self) -> bool:
        """Whether the connection has not taken the last write yet."""
        return self._stalled is not None

    def begin(self, newest: int, let_go: int) -> None:
        """Find where to start between the ends of what there is."""
        after = self._asked.after
        if after is None:
            self.cursor = newest
        elif after > newest:
            # An older database is back: what it will number like this is not what the reader knows.
            self.cursor, self._gap = newest, (after, "unknown")
        elif after == 0:
            self.cursor = let_go
        else:
            self.cursor = after

    def end(self, ending: Ending) -> None:
        """Let :meth:`run` return."""
        if not self.ended:
            self._ended.set_result(ending)

    async def run(self, write: Write) -> Ending:
        """Write events until the reader leaves or has to; returns why it ended."""
        pump = asyncio.create_task(self._pump(write))
        self._world.waiting.add(self._awake)
        try:
            await asyncio.wait((pump, self._ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._world.waiting.discard(self._awake)
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
        if not self.ended:
            self.end(_ending_of(pump))
        return self._ended.result()

    async def _pump(self, write: Write) -> None:
        framing = self._asked.wanted.framing
        if self._gap is not None:
            await self._write(
                write, gap(framing, self._gap[0], self.cursor, self._gap[1], self._hub.now_ms())
            )
        # At once, so that a reader that is cut before its first event resumes where it began.
        await self._write(write, heartbeat(framing, self.cursor))
        while True:
            self._awake.clear()
            try:
                piece = await self._world.after(self.cursor, self._asked.wanted)
            except StoreUnavailable:
                await asyncio.sleep(RETRY_S)
                continue
            octets = piece.octets
            if not octets and self._is_quiet():
                octets = heartbeat(framing, piece.cursor)
            if octets:
                await self._write(write, octets)
            self.cursor = piece.cursor
            if not piece.more:
                await self._awake.wait()

    async def _write(self, write: Write, octets: bytes) -> None:
        self._stalled = (self._world.seen, self._hub.now_s())
        await write(octets)
        self._stalled = None
        self._wrote_s = self._hub.now_s()

    def _is_quiet(self) -> bool:
        return self._hub.now_s() - self._wrote_s >= self._asked.heartbeat_s

    def look(self) -> None:
        """End or wake the stream when its time has come."""
        if self.ended:
            return
        if self._asked.gone():
            self.end("gone")
        elif self._stalled is not None:
            if self._is_behind(*self._stalled):
                log.info(
                    "stream.cut", key_id=self.credential.caller.key_id, reason="slow", cursor=self.cursor
                )
                self.end("slow")
        elif self._is_quiet():
            self._awake.set()

    def _is_behind(self, mark: Mark, since_s: float) -> bool:
        settings, seen = self._hub.settings, self._world.seen
        return (
            seen.events - mark.events > settings.behind_events_max
            or seen.octets - mark.octets > settings.behind_octets_max
            or self._hub.now_s() - since_s > settings.stalled_s
        )


def _ending_of(pump: asyncio.Task[None]) -> Ending:
    if pump.cancelled() or isinstance(pump.exception(), ConnectionError):
        return "gone"
    log.error("stream.failed", exc_info=pump.exception())
    return "failed"


class Streams:
    """All open streams of a server."""

    def __init__(self, services: Services) -> None:
        self.settings: StreamSettings = services.settings.streams
        self._services = services
        self._streams: set[Stream] = set()
        self._by_key: Counter[str] = Counter()
        self._strangers = 0
        self._worlds: dict[View, _Followed] = {}
        self._signals: dict[View, asyncio.Event] = {}
        self._watching: asyncio.Task[None] | None = None

    def now_ms(self) -> int:
        return self._services.clock.now_ms()

    def now_s(self) -> float:
        return self._services.clock.monotonic_s()

    @asynccontextmanager
    async def opened(self, credential: Credential, asked: Asked) -> AsyncIterator[Stream]:
        """Let a reader in for as long as the context lasts.

        Raises:
            GatewayError: ``rate_limited``, ``shutting_down``.
            StoreUnavailable: nobody can say where events are now.
        """
        key_id, view = credential.caller.key_id, credential.caller.view
        self._refuse_more(key_id)
        self._by_key[key_id] += 1
        followed = self._worlds.get(view) or self._worlds.setdefault(view, self._new_world(view, asked))
        followed.readers += 1
        stream: Stream | None = None
        try:
            # Shielded: others wait for the same beginning.
            await asyncio.shield(followed.begun)
            page = await self._services.store.event_page(view, 0, 0)
            stream = Stream(credential, asked, followed.world, self)
            stream.begin(page.newest, page.let_go)
            self._streams.add(stream)
            self._watch()
            yield stream
        finally:
            if stream is not None:
                self._streams.discard(stream)
            self._by_key[key_id] -= 1
            if not self._by_key[key_id]:
                del self._by_key[key_id]
            followed.readers -= 1
            if not followed.readers:
                followed.end()
                del self._worlds[view]

    @contextmanager
    def stranger(self) -> Iterator[None]:
        """Let somebody in who has not said yet who it is.

        Raises:
            GatewayError: ``rate_limited``, ``shutting_down``.
        """
        self._refuse_more("")
        if self._strangers >= STRANGERS_MAX:
            raise _too_many(f"{STRANGERS_MAX} WebSockets wait for their first frame already.")
        self._strangers += 1
        try:
            yield
        finally:
            self._strangers -= 1

    def _refuse_more(self, key_id: str) -> None:
        if self._services.stopping.is_set():
            raise GatewayError("shutting_down", "The server is stopping. Try again in a few seconds.")
        if self._by_key[key_id] >= self.settings.streams_per_key_max:
            raise _too_many(f"This key has {self.settings.streams_per_key_max} event streams open already.")
        if self._by_key.total() >= self.settings.streams_max:
            raise _too_many(f"{self.settings.streams_max} event streams are open already.")

    def _new_world(self, view: View, asked: Asked) -> _Followed:
        store = self._services.store
        changed = self._signals.get(view)
        if changed is None:
            # The store never forgets whom it tells, so each world is told of through one event for ever.
            changed = self._signals[view] = store.signal("events")
        world = World(store, self._services.clock, view, changed)
        return _Followed(world, resumed=asked.after is not None)

    # ------------------------------------------------------------------ what ends them

    def _watch(self) -> None:
        if self._watching is None or self._watching.done():
            # A context of its own: what it logs is of no request.
            self._watching = asyncio.create_task(self._look_again(), context=Context())

    async def _look_again(self) -> None:
        stopping = self._services.stopping
        while self._streams:
            with suppress(TimeoutError):
                async with asyncio.timeout(WATCH_S):
                    await stopping.wait()
            if stopping.is_set():
                self.end_all()
                return
            for stream in tuple(self._streams):
                stream.look()
            await self._end_revoked()

    async def _end_revoked(self) -> None:
        """Ask once for each key or session whether it still holds."""
        by_mark: dict[Hashable, list[Stream]] = {}
        for stream in self._streams:
            if not stream.ended:
                by_mark.setdefault(stream.credential.mark, []).append(stream)
        for streams in by_mark.values():
            credential = streams[0].credential
            try:
                caller = await credential.still()
            except StoreUnavailable:
                return  # nobody can say; asked again at the next look
            if caller != credential.caller:
                log.info(
                    "stream.cut", key_id=credential.caller.key_id, reason="revoked", streams=len(streams)
                )
                for stream in streams:
                    stream.end("revoked")

    def end_all(self) -> None:
        """End every stream: the server stops."""
        for stream in tuple(self._streams):
            stream.end("stopping")


class _Followed:
    """A world with the task that follows it, for as long as it has readers."""

    def __init__(self, world: World, *, resumed: bool) -> None:
        self.world = world
        self.readers = 0
        # Contexts of their own: it outlives the request of its first reader.
        self.begun = asyncio.create_task(world.begin(resumed=resumed), context=Context())
        self._following: asyncio.Task[None] | None = None
        self.begun.add_done_callback(self._follow)

    def _follow(self, begun: asyncio.Task[None]) -> None:
        if not begun.cancelled() and begun.exception() is None:
            self._following = asyncio.create_task(self.world.follow(), context=Context())

    def end(self) -> None:
        """Follow no more."""
        self.begun.cancel()
        if self._following is not None:
            self._following.cancel()


def _too_many(detail: str) -> GatewayError:
    return GatewayError(
        "rate_limited", f"{detail} Close some, or let one read for all.", headers={"Retry-After": "5"}
    )


STREAMS = web.AppKey("event_streams", Streams)
