"""Owns the two loops that move texts: one task a line (claim → submit → record), one a device (events → record).

Refuses to know SQL, protocols and HTTP. Between ``+CMGS`` of one part and the PDU of the next there is one
transaction and nothing else. Devices with a journal are carried by :mod:`gateway.handover`.
Source: design, *The gap*; W2 and W3 are kept here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from structlog.contextvars import bind_contextvars, unbind_contextvars

from device_bridge.device import (
    Device,
    DeviceChanged,
    DeviceEvent,
    InboundReceived,
    Line,
    LineChanged,
    MmsReceived,
    OutgoingPart,
    PartLost,
    PartNotSent,
    PartOutcome,
    PartRejected,
    PartSent,
    ReportReceived,
    TextReceived,
)
from device_bridge.errors import InDoubt, NotSubmitted
from device_bridge.sms.outcome import local
from gateway.clock import Clock
from gateway.line_work import STORE_RETRY_S, LineWork, record_surely
from gateway.policy.rules import Limits
from gateway.received import read_mms, read_received, read_text
from gateway.store.protocol import Store, StoreUnavailable
from gateway.store.rows import Claim, Claimed, LineRow, PartStarting, Prepared
from gateway.surely import write_surely

log = structlog.get_logger(__name__)

LOOK_AFTER_S = 0.02
"""From the clearance to the look at what is next: by then the PDU has been written, and the look contends with nothing
that the radio waits for."""


class LineTask:
    """Carries messages on one line, one attempt at a time, as fast as the radio takes them."""

    def __init__(self, line: Line, row: LineRow, store: Store, clock: Clock, limits: Limits) -> None:
        self.work = LineWork(line, row, store, clock, limits)
        self.line = line
        self._store = store
        self._clock = clock
        self._ahead: asyncio.Task[tuple[Prepared, ...]] | None = None
        self._sent = asyncio.Event()
        self._beside: set[asyncio.Future[None]] = set()

    async def run(self) -> None:
        """Claim, submit and record until stopped or cancelled."""
        work = self.work
        # What is logged further down, by the driver too, says on which line.
        bind_contextvars(line=work.row.id)
        while not work.stopping:
            work.wake.clear()
            prepared = await work.look()
            if prepared:
                await self._carry_all(prepared)
            elif not work.stopping:
                await work.sleep()

    async def _look_ahead(self) -> tuple[Prepared, ...]:
        """Look while the part is on air, but not in the moment in which its PDU is to be written."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_AFTER_S):
                await self._sent.wait()
        return await self.work.look()

    # ------------------------------------------------------------------ carrying

    async def _carry_all(self, prepared: tuple[Prepared, ...]) -> None:
        """Carry the first candidate, and without a pause whatever each commit claims next."""
        expected: Prepared | None = prepared[0]
        commit = self._store.claim(self.work.claim(prepared))
        self.work.on_air = True
        try:
            while expected is not None:
                expected, commit = await self._carry(expected, commit)
        finally:
            self.work.on_air = False
            unbind_contextvars("message", "attempt")

    async def _carry(
        self, expected: Prepared, commit: asyncio.Future[Claimed]
    ) -> tuple[Prepared | None, asyncio.Future[Claimed]]:
        """Put one attempt on air while its claim commits; returns what is claimed next, and that commit."""
        bind_contextvars(message=expected.work.message.id, attempt=expected.attempt_id)
        self._ahead = None
        self._starting: asyncio.Future[Claimed] = commit
        last = expected.outgoing.parts[-1].number
        following: tuple[Prepared | None, asyncio.Future[Claimed]] = (None, commit)
        part = expected.outgoing.parts[0].number
        failed = False

        async def cleared(starting: OutgoingPart) -> bool:
            return await self._cleared(expected, starting)

        try:
            async for outcome in self.line.submit(expected.outgoing, cleared):
                part = outcome.part
                if not isinstance(outcome, PartSent):
                    failed = True
                    await self.work.failed(expected, outcome)
                    continue  # the driver ends here, in its own time
                self.work.went_well()
                if part == last:
                    following = await self._sent_last(outcome)
                else:
                    part += 1
                    starting = PartStarting(outcome.attempt_id, part, outcome.at_ms)
                    self._starting = self._advance(outcome, starting)
        except (NotSubmitted, InDoubt) as error:
            if following[1] is not commit:
                return following  # every part has its verdict; the next message is claimed already
            if not failed and await self._is_claimed(expected, commit):
                await self.work.failed(expected, self._outcome_of(error, expected, part))
            return None, commit
        if failed:
            return None, commit
        if following[0] is None and following[1] is commit:
            return await self._taken_back(expected, commit, part)
        return following

    async def _cleared(self, expected: Prepared, part: OutgoingPart) -> bool:
        """Say whether SUBMITTING is committed for this part (W2), and look ahead while it is on air."""
        try:
            claimed = await asyncio.shield(self._starting)
        except StoreUnavailable:
            return False
        first = part.number == expected.outgoing.parts[0].number
        if first and claimed.prepared is not expected:
            return False
        if part.number == expected.outgoing.parts[-1].number:
            self._sent.clear()
            self._ahead = asyncio.ensure_future(self._look_ahead())
        return True

    async def _sent_last(self, outcome: PartSent) -> tuple[Prepared | None, asyncio.Future[Claimed]]:
        ahead: tuple[Prepared, ...] = ()
        if self._ahead is not None:
            self._sent.set()
            if not self._ahead.done():
                await asyncio.wait((self._ahead,))
            if self._ahead.cancelled() or (failure := self._ahead.exception()) is not None:
                # The verdict goes first: without it the message would stay on air for us until a restart.
                reason = "cancelled" if self._ahead.cancelled() else repr(failure)
                log.error("line.look_failed", line=self.work.row.id, reason=reason)
            elif self.work.look_is_stale():
                ahead = await self.work.look()
            else:
                ahead = self._ahead.result()
        if self.work.stopping or not self.work.may_send():
            ahead = ()
        commit = self._advance(outcome, self.work.claim(ahead) if ahead else None)
        return (ahead[0] if ahead else None), commit

    async def _taken_back(
        self, expected: Prepared, commit: asyncio.Future[Claimed], part: int
    ) -> tuple[Prepared | None, asyncio.Future[Claimed]]:
        """The iterator ended without a verdict: another candidate was claimed, none was, or no commit came."""
        try:
            claimed = await asyncio.shield(commit)
            await asyncio.shield(self._starting)
        except StoreUnavailable:
            await asyncio.sleep(STORE_RETRY_S)
            if part == expected.outgoing.parts[0].number:
                return None, commit
            claimed = Claimed(expected)
        if claimed.prepared is None:
            return None, commit
        if claimed.prepared is not expected:
            return claimed.prepared, commit
        # Claimed, but the clearance came too late for the prompt: certainly not on air.
        cause = local("device_not_ready")
        missed = PartNotSent(expected.attempt_id, part, cause, self._clock.now_ms(), "no clearance in time")
        await self.work.failed(expected, missed)
        return None, commit

    async def _is_claimed(self, expected: Prepared, commit: asyncio.Future[Claimed]) -> bool:
        try:
            return (await asyncio.shield(commit)).prepared is expected
        except StoreUnavailable:
            return False

    def _outcome_of(self, error: NotSubmitted | InDoubt, expected: Prepared, part: int) -> PartOutcome:
        at_ms = self._clock.now_ms()
        if isinstance(error, InDoubt):
            return PartLost(expected.attempt_id, part, error.cause, at_ms)
        return PartNotSent(expected.attempt_id, part, error.cause, at_ms)

    # ------------------------------------------------------------------ recording

    def _advance(self, outcome: PartOutcome, then: Claim | PartStarting | None) -> asyncio.Future[Claimed]:
        """Commit a verdict and what follows; if the database takes no writes now, the verdict is kept trying."""
        commit = self._store.advance(outcome, then)
        commit.add_done_callback(lambda done: self._ensure_recorded(done, outcome))
        return commit

    def _ensure_recorded(self, done: asyncio.Future[Claimed], outcome: PartOutcome) -> None:
        if not done.cancelled() and done.exception() is not None:
            task = asyncio.ensure_future(record_surely(self._store, outcome))
            self._beside.add(task)
            task.add_done_callback(self._beside.discard)


# ------------------------------------------------------------------ what devices say by themselves


LineSeen = Callable[[LineChanged | DeviceChanged], Awaitable[None]]


async def run_events(device: Device, line_ids: dict[str, str], store: Store, seen: LineSeen) -> None:
    """Record what a device says until its link is lost; acknowledge only what is committed (W3).

    Args:
        device: Open.
        line_ids: Line key (ICCID) → id in the store; ``seen`` keeps it current.
        store: Where it goes.
        seen: Told of lines that appear, change or go, and of the device's own changes, before what they say is
            recorded.
    """
    pending: set[asyncio.Task[None]] = set()
    async for event in device.events():
        if isinstance(event, LineChanged | DeviceChanged):
            await seen(event)
            continue
        task = asyncio.create_task(_record_event(device, event, line_ids, store))
        pending.add(task)
        task.add_done_callback(pending.discard)
    if pending:
        await asyncio.gather(*pending)


async def _record_event(device: Device, event: DeviceEvent, line_ids: dict[str, str], store: Store) -> None:
    if isinstance(event, LineChanged | DeviceChanged):
        return
    speaker = device.info.id if device.info.kind == "phone" else None
    line_id = None
    if not isinstance(event, PartSent | PartNotSent | PartRejected | PartLost):
        line_id = line_ids.get(event.line_key)
        if line_id is None:
            # Refused as a line of this device: the device keeps what it has until that is settled.
            log.warning("event.of_unknown_line", device_id=device.info.id, sim=event.line_key)
            return
        bind_contextvars(line=line_id)
    await write_surely(lambda: _store_event(event, line_id or "", store, speaker), STORE_RETRY_S)
    if event.event_id is not None:
        await device.acknowledge(event.event_id)


async def _store_event(event: DeviceEvent, line_id: str, store: Store, speaker: str | None) -> None:
    match event:
        case ReportReceived():
            await store.record_report(line_id, event, speaker)
        case InboundReceived():
            await store.store_inbound(read_received(line_id, event))
        case TextReceived():
            await store.store_inbound(read_text(line_id, event))
        case MmsReceived():
            await store.store_inbound(read_mms(line_id, event))
        case PartSent() | PartNotSent() | PartRejected() | PartLost():
            await store.record(event, speaker)
        case LineChanged() | DeviceChanged():
            pass
