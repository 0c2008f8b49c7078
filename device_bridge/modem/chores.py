"""Owns what is to be done on a modem besides texts, most urgent first, and who does it: one task per modem.

Knows no AT command; the driver brings one coroutine per chore.
Source: design, *The gap*, 3 (acknowledgements go first) and modems.md's ladder (idle questions go last).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import IntEnum

from device_bridge.errors import LinkLost
from device_bridge.modem.channel import ModemSilent
from device_bridge.modem.turns import Priority, Turns

_LOG = logging.getLogger(__name__)


class Chore(IntEnum):
    """The lower the number, the more urgent."""

    RECOVER = 0
    RESTART = 1
    REINITIALISE = 2
    INBOX = 3
    INDICATIONS = 4
    SIM = 5
    NETWORK = 6
    HEARTBEAT = 7


class Chores:
    """A set of chores that are due, and the task that does them."""

    def __init__(self, turns: Turns, do: Callable[[Chore], Awaitable[None]]) -> None:
        self._turns = turns
        self._do = do
        self._due: set[Chore] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="modem chores")

    async def stop(self) -> None:
        """Stop; a chore under way is cancelled."""
        task, self._task = self._task, None
        self._due.clear()
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait((task,))

    def want(self, chore: Chore) -> None:
        """Make a chore due; twice is once."""
        self._due.add(chore)
        self._wake.set()

    def drop(self, *chores: Chore) -> None:
        """Make chores undue: something else has just done them."""
        self._due.difference_update(chores)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await self._turns.acquire(Priority.CHORE)
            try:
                await self._work_off()
            finally:
                self._turns.release()

    async def _work_off(self) -> None:
        while self._due:
            chore = min(self._due)
            self._due.discard(chore)
            try:
                await self._do(chore)
            except ModemSilent:
                _LOG.warning("the modem fell silent during %s", chore.name.lower())
                self._due.add(Chore.RECOVER)
            except LinkLost as error:
                _LOG.info("link lost during %s: %s", chore.name.lower(), error)
            except Exception:  # noqa: BLE001  # one failed chore must not end the loop; it is logged whole
                _LOG.exception("a chore failed: %s", chore.name.lower())
        self._wake.clear()
