"""Owns one connection of a phone from hello to its end: its events, its requests, its timers, what it commits.

Knows no line and no job; when it ends, everything that waits on it is freed at once.
Source: docs/link.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from device_bridge.companion.frames import Answer, Bye, Committed, FromGateway, Hello
from device_bridge.companion.settings import PhoneTimers
from device_bridge.companion.wire import encode
from device_bridge.device import DeviceEvent
from device_bridge.errors import LinkLost
from device_bridge.link.websocket import LinkSocket

_LOG = logging.getLogger(__name__)


class Connection:
    """One phone on one socket.

    Args:
        socket: Its hello was read.
        hello: What it said.
        now_ms: UTC now, for the difference between both clocks.
        timers: See :class:`PhoneTimers`.
    """

    def __init__(
        self, socket: LinkSocket, hello: Hello, now_ms: Callable[[], int], timers: PhoneTimers
    ) -> None:
        self.socket = socket
        self.hello = hello
        self.events: asyncio.Queue[DeviceEvent | None] = asyncio.Queue()
        self.seen: set[int] = set()
        """Entries of the journal that came on this connection and are not committed."""
        self.ended = False
        self.on_end: list[Callable[[], None]] = []
        self._now_ms = now_ms
        self._ahead_ms = now_ms() - hello.now_ms
        self._timers = timers
        self._number = 0
        self._asked: dict[int, asyncio.Future[Answer]] = {}
        self._alarms: set[asyncio.TimerHandle] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._to_commit: list[int] = []

    # ------------------------------------------------------------------ what goes out

    async def send(self, frame: FromGateway) -> None:
        """Send one message.

        Raises:
            LinkLost: the connection ended before or while it was sent.
        """
        if self.ended:
            raise LinkLost("the connection to the phone has ended")
        await self.socket.send(encode(frame))

    def next_number(self) -> int:
        """Give the next request its ``re``."""
        self._number += 1
        return self._number

    async def request(self, frame: FromGateway, re: int, timeout_s: float) -> Answer:
        """Send a request and wait for the answer with the same ``re``.

        Raises:
            LinkLost: the connection ended first.
            TimeoutError: no answer came in time.
        """
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked[re] = answered
        try:
            async with asyncio.timeout(timeout_s):
                await self.send(frame)
                return await answered
        finally:
            del self._asked[re]

    def answered(self, answer: Answer) -> None:
        """Take an answer; one that nobody waits for any more is dropped."""
        waiting = self._asked.get(answer.re)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def commit(self, number: int) -> None:
        """Tell the phone that an entry of its journal is committed, together with others of these milliseconds."""
        if self.ended:
            return
        self.seen.discard(number)
        self._to_commit.append(number)
        if len(self._to_commit) == 1:
            self.after(self._timers.gather_s, lambda: self.spawn(self._tell_committed()))

    async def _tell_committed(self) -> None:
        numbers, self._to_commit = tuple(self._to_commit), []
        await self.send(Committed(numbers))

    # ------------------------------------------------------------------ what comes

    def emit(self, event: DeviceEvent) -> None:
        """Hand an event to whoever reads :meth:`AndroidPhone.events`."""
        self.events.put_nowait(event)

    def at_ms(self, phone_ms: int) -> int:
        """Say by our clock what the phone said by its own; never in the future."""
        return min(phone_ms + self._ahead_ms, self._now_ms())

    # ------------------------------------------------------------------ its time

    def after(self, wait_s: float, call: Callable[[], None]) -> None:
        """Call something later, unless the connection has ended by then."""
        alarm: asyncio.TimerHandle

        def due() -> None:
            self._alarms.discard(alarm)
            call()

        alarm = asyncio.get_running_loop().call_later(wait_s, due)
        self._alarms.add(alarm)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside; that the connection ends meanwhile is no error."""
        task = asyncio.get_running_loop().create_task(_unless_lost(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end(self, bye: Bye | None = None) -> None:
        """End the connection: free who waits on it now, close the socket beside. A second call does nothing."""
        if self.ended:
            return
        self.ended = True
        for alarm in self._alarms:
            alarm.cancel()
        self._alarms.clear()
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(LinkLost("the connection to the phone ended"))
        for freed in self.on_end:
            freed()
        self.events.put_nowait(None)
        self.spawn(self.socket.close(None if bye is None else encode(bye)))

    async def closed(self) -> None:
        """Wait until what was still to be said and closed is done."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))


async def _unless_lost(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except LinkLost:
        _LOG.debug("link lost in the middle of a message")
