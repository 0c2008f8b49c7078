"""Owns the loop of a line whose device keeps a journal: claim, hand the attempt over whole, record what comes back.

Knows no protocol. A break costs nothing here: the iterator ends, the attempt stays SUBMITTING, and the device is asked
when it is back.
Source: design, *Lifecycle* (a phone is asked for its open jobs); W2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from structlog.contextvars import bind_contextvars

from device_bridge.device import (
    WHOLE_ATTEMPT,
    Line,
    OutgoingPart,
    PartLost,
    PartNotSent,
    PartOutcome,
    PartSent,
)
from device_bridge.errors import InDoubt, NotSubmitted
from gateway.clock import Clock
from gateway.line_work import STORE_RETRY_S, LineWork, record_surely
from gateway.policy.rules import Limits
from gateway.store.protocol import Store, StoreUnavailable
from gateway.store.rows import Claimed, LineRow, Prepared

log = structlog.get_logger(__name__)

Acknowledge = Callable[[str], Awaitable[None]]


class JournalTask:
    """Carries messages on one line of a phone, several at a time as far as its window and pace allow.

    ``acknowledge`` lets the device drop its record of an outcome that is committed.
    """

    def __init__(self, line: Line, row: LineRow, store: Store, clock: Clock, limits: Limits) -> None:
        self.work = LineWork(line, row, store, clock, limits)
        self.line = line
        self.acknowledge: Acknowledge = _nothing
        self._store = store
        self._clock = clock
        self._carried: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Claim, hand over and record until stopped or cancelled.

        What is still with the device at the end is left to its journal: nothing is waited for.
        """
        work = self.work
        bind_contextvars(line=work.row.id)
        try:
            while not work.stopping:
                work.wake.clear()
                if len(self._carried) >= self.line.capabilities.window:
                    await work.wake.wait()
                    continue
                prepared = await work.look()
                # Verdicts come beside the look: one of them may have sent the line to rest meanwhile.
                if prepared and work.may_send():
                    await self._hand_over(prepared)
                elif not work.stopping:
                    await work.sleep()
        finally:
            for task in self._carried:
                task.cancel()
            await asyncio.gather(*self._carried, return_exceptions=True)

    async def _hand_over(self, prepared: tuple[Prepared, ...]) -> None:
        try:
            claimed: Claimed = await self._store.claim(self.work.claim(prepared))
        except StoreUnavailable:
            await asyncio.sleep(STORE_RETRY_S)
            return
        if claimed.prepared is None:
            return
        task = asyncio.create_task(self._carry(claimed.prepared))
        self._carried.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._carried.discard(task)
        self.work.wake.set()
        if not task.cancelled() and (failure := task.exception()) is not None:
            log.error("line.carry_failed", line=self.work.row.id, reason=repr(failure))

    async def _carry(self, prepared: Prepared) -> None:
        outgoing = prepared.outgoing
        bind_contextvars(message=prepared.work.message.id, attempt=prepared.attempt_id)
        try:
            async for outcome in self.line.submit(outgoing, _committed):
                await self._record(prepared, outcome)
        except NotSubmitted as refused:
            at_ms = self._clock.now_ms()
            await self._record(
                prepared, PartNotSent(outgoing.attempt_id, WHOLE_ATTEMPT, refused.cause, at_ms)
            )
        except InDoubt as doubt:
            at_ms = self._clock.now_ms()
            await self._record(prepared, PartLost(outgoing.attempt_id, WHOLE_ATTEMPT, doubt.cause, at_ms))

    async def _record(self, prepared: Prepared, outcome: PartOutcome) -> None:
        if isinstance(outcome, PartSent):
            self.work.went_well()
            await record_surely(self._store, outcome, self.work.row.device_id)
        else:
            await self.work.failed(prepared, outcome)
        if outcome.event_id is not None:
            await self.acknowledge(outcome.event_id)


async def _committed(_part: OutgoingPart) -> bool:
    """SUBMITTING of all parts was committed with the claim, before the device heard of the attempt (W2)."""
    return True


async def _nothing(_event_id: str) -> None:
    return
