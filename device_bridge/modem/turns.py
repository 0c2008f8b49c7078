"""Owns whose turn it is on a modem's one AT dialogue: acknowledgements first, then texts, then idle questions.

Knows no command.
Source: design, *The gap*, 3: pending acknowledgements go before the next +CMGS.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from enum import IntEnum


class Priority(IntEnum):
    """The lower the number, the earlier the turn."""

    CHORE = 0
    SUBMIT = 1


class Turns:
    """A lock whose waiters are served by priority, then in order."""

    def __init__(self) -> None:
        self._held = False
        self._waiters: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    @property
    def held(self) -> bool:
        """Somebody has the turn."""
        return self._held

    async def acquire(self, priority: Priority) -> None:
        """Wait for the turn; at once when the dialogue is idle.

        Raises:
            DeviceBridgeError: what :meth:`refuse_submits` was given.
        """
        if not self._held:
            self._held = True
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (priority, next(self._order), waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release()  # granted in the same moment: hand it on
            raise

    def release(self) -> None:
        """Hand the turn to the next waiter, or leave the dialogue idle."""
        while self._waiters:
            _, _, waiter = heapq.heappop(self._waiters)
            if not waiter.done():
                waiter.set_result(None)
                return
        self._held = False

    def refuse_submits(self, error: Exception) -> None:
        """Let everybody who waits with a text fail with ``error``; chores keep waiting."""
        for priority, _, waiter in self._waiters:
            if priority is Priority.SUBMIT and not waiter.done():
                waiter.set_exception(error)
