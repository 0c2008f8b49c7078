"""Owns the loop of work that the store has due: a few pieces at once, none twice at a time, until it is cancelled.

Knows neither the work nor its words: what is due, how one piece is carried out and what the log calls it are given.
Source: design, *Errors* (a store that is away is waited for, a defect takes no other work along).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import structlog

from gateway.clock import Clock
from gateway.store.protocol import StoreUnavailable
from gateway.surely import write_surely

log = structlog.get_logger(__name__)

LOOK_MIN_S = 0.2
"""Bounds how often work is asked for that is due and cannot begin yet (a bulk that is being stored)."""
LOOK_MAX_S = 5.0
STORE_RETRY_S = 1.0
BROKEN_S = 60.0
"""After a defect of ours: the same work would meet it again at once."""
RESTING_MAX = 100
"""Pieces that rest after a defect and take no slot; more of them are a defect of all, and the others wait with them."""
STOP_GRACE_S = 1.0
"""What is under way when the gateway stops may end; a letter that does not is in doubt at the next start. Short: with
nothing on air a stop takes two seconds at most, whatever a mail server does."""


class Errand(Protocol):
    """One piece of work. ``id`` stays the same while it is due."""

    @property
    def id(self) -> str: ...


E = TypeVar("E", bound=Errand)


@dataclass(frozen=True, slots=True)
class EventNames:
    """What the log calls it: nothing can be read from the store, one piece waits for it, one piece met a defect, what
    came of one cannot be written down yet."""

    store_away: str
    waits: str
    failed: str
    outcome_waits: str


@dataclass(frozen=True, slots=True)
class ErrandKind(Generic[E]):
    """One kind of work.

    ``due`` lists at most so many pieces whose time has come, the first to go first, with those under way among them,
    and says when the next one falls due (UTC ms; None: nothing waits). ``carry`` carries one out and writes down what
    came of it: what is due afterwards goes again. ``fields`` name one in the log.
    """

    due: Callable[[int], Awaitable[tuple[Sequence[E], int | None]]]
    carry: Callable[[E], Awaitable[None]]
    events: EventNames
    fields: Callable[[E], Mapping[str, str]]


async def write_outcome(
    write: Callable[[], Awaitable[object]], events: EventNames, fields: Mapping[str, str]
) -> None:
    """Write down what came of a try, however long the store is away.

    What forgot an end would do the work again; what forgot a refusal would wait for the next start.
    """

    def waits(reason: str) -> None:
        log.warning(events.outcome_waits, **fields, reason=reason)

    await write_surely(write, STORE_RETRY_S, waits)


class Errands(Generic[E]):
    """Carries out one kind of work, ``slots`` pieces at once.

    ``changed`` is its own to clear, and set by others when there may be more to do.
    """

    def __init__(self, kind: ErrandKind[E], changed: asyncio.Event, clock: Clock, slots: int) -> None:
        self._kind = kind
        self._changed = changed
        self._clock = clock
        self._slots = slots
        self._busy: set[str] = set()
        """Under way, or resting."""
        self._broken = 0
        """How many of them rest after a defect."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled; what is under way then has STOP_GRACE_S to end."""
        self._stopping.clear()
        try:
            while True:
                await self._look()
        finally:
            await self._wind_up()

    async def run_due(self) -> None:
        """Carry out what is due now, and wait for its end.

        Raises:
            StoreUnavailable: nothing was begun.
        """
        await self._start_due()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _look(self) -> None:
        """Begin what is due, then wait until there may be more."""
        self._changed.clear()
        try:
            next_ms = await self._start_due()
        except StoreUnavailable as error:
            log.warning(self._kind.events.store_away, reason=str(error))
            await asyncio.sleep(STORE_RETRY_S)
            return
        wait_s = LOOK_MAX_S if next_ms is None else (next_ms - self._clock.now_ms()) / 1000
        with suppress(TimeoutError):
            async with asyncio.timeout(min(max(wait_s, LOOK_MIN_S), LOOK_MAX_S)):
                await self._changed.wait()

    async def _start_due(self) -> int | None:
        # As many as may be busy: whatever of these is among them, enough is left for the slots that are free.
        due, next_ms = await self._kind.due(self._room())
        for errand in due:
            if len(self._busy) >= self._room():
                break
            if errand.id not in self._busy:
                self._busy.add(errand.id)
                task = asyncio.create_task(self._one(errand))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return next_ms

    async def _one(self, errand: E) -> None:
        kind = self._kind
        try:
            await kind.carry(errand)
        except StoreUnavailable as error:
            log.warning(kind.events.waits, **kind.fields(errand), reason=str(error))
            await self._rest(STORE_RETRY_S)
        except Exception:  # one piece of work must not take the others along
            log.exception(kind.events.failed, **kind.fields(errand))
            await self._rest_broken()
        finally:
            self._busy.discard(errand.id)
            self._changed.set()

    async def _rest(self, rest_s: float) -> None:
        """Keep a piece from going again at once; nothing of it is under way, so a stop does not wait for it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(rest_s):
                await self._stopping.wait()

    def _room(self) -> int:
        """How many may be busy: so many as there are slots, and those that rest without one."""
        return self._slots + min(self._broken, RESTING_MAX)

    async def _rest_broken(self) -> None:
        """Rest without a slot: work that nobody can do must not hide the work behind it."""
        self._broken += 1
        self._changed.set()
        try:
            await self._rest(BROKEN_S)
        finally:
            self._broken -= 1

    async def _wind_up(self) -> None:
        self._stopping.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_GRACE_S)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
