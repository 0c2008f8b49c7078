"""Owns the two loops that move texts: one task a line (claim → submit → record), one a device (events → record).

Refuses to know SQL, protocols and HTTP. Between ``+CMGS`` of one part and the PDU of the next there is one
transaction and nothing else.
Source: design, *The gap*; W2 and W3 are kept here.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from device_bridge.device import (
    Device,
    InboundReceived,
    Line,
    LineChanged,
    OutgoingPart,
    PartLost,
    PartNotSent,
    PartOutcome,
    PartSent,
    ReportReceived,
)
from device_bridge.errors import EncodeError, InDoubt, NotSubmitted
from device_bridge.sms.outcome import Outcome, OutcomeClass, local
from gateway.clock import Clock, midnight_ms
from gateway.preparation import prepare
from gateway.received import read_received
from gateway.store.protocol import Store, StoreUnavailable
from gateway.store.rows import Claim, Claimed, LineRow, Looked, Pace, PartStarting, Prepared

log = structlog.get_logger(__name__)

CANDIDATES = 2
"""Prepared at a time: one lost to another line costs no second commit, more would only be encoded in vain."""

LOOK_AFTER_S = 0.02
"""From the clearance to the look at what is next: by then the PDU has been written, and the look contends with nothing
that the radio waits for."""

LOOK_KEPT_S = 3.0
"""How long a look ahead holds: after that other lines need not leave its message to a line whose radio takes its time,
and the line itself looks again before it claims."""

STORE_RETRY_S = 0.5
"""Between tries to write what a device said while the database takes no writes."""

HOLD_FIRST_S = 60
HOLD_MAX_S = 3600
FAULTS_TO_HOLD = 2
"""Refusals of different messages in a row that speak against the SIM rather than against one number."""
FAULTS_OF_ONE = 4
"""Refusals in a row that speak against the SIM even when it had only one message to send."""

REST_FIRST_S = 1.0
REST_MAX_S = 15.0
"""A line at fault rests this long before its next try, doubled each time, unless it comes back by itself."""


@dataclass(frozen=True, slots=True)
class PaceDefaults:
    """Parts per minute and day of real lines that have no own limits; 0 = off."""

    per_minute: int = 30
    per_day: int = 1000


@dataclass(slots=True)
class Outlook:
    """Which message each line of this process looks at, so that they look at different ones; a hint, never a claim."""

    first: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Line id → message id and until when (monotonic s) it is left to that line."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def of_others(self, line_id: str, now_s: float) -> frozenset[str]:
        """The messages that other lines look at first."""
        return frozenset(
            message for line, (message, until_s) in self.first.items() if line != line_id and until_s > now_s
        )


class LineTask:
    """Carries messages on one line, one attempt at a time, as fast as the radio takes them."""

    def __init__(self, line: Line, row: LineRow, store: Store, clock: Clock, pace: PaceDefaults) -> None:
        self.line = line
        self.row = row
        self.up = False
        self._store = store
        self._clock = clock
        self._pace = pace
        self.node = "node-1"
        self.outlook = Outlook()
        self.wake = store.signal("queue")
        self._changed = store.signal("lines")
        self._stopping = False
        self._reference = secrets.randbelow(256)
        self._ahead: asyncio.Task[tuple[Prepared, ...]] | None = None
        self._sent = asyncio.Event()
        self._looked_s = 0.0
        self._paced_until_ms: int | None = None
        self._faults: list[str] = []
        self._rest_s = 0.0
        self._rested_at_s = 0.0
        self._beside: set[asyncio.Future[None]] = set()
        self._hold_s = HOLD_FIRST_S
        self.on_air = False

    def stop(self) -> None:
        """Claim nothing new; what is on air is finished."""
        self._stopping = True
        self.wake.set()

    async def run(self) -> None:
        """Claim, submit and record until stopped or cancelled."""
        while not self._stopping:
            self.wake.clear()
            prepared = await self._look()
            if prepared:
                await self._carry_all(prepared)
            elif not self._stopping:
                await self._sleep()

    # ------------------------------------------------------------------ what is next

    async def _look(self) -> tuple[Prepared, ...]:
        """See and encode what this line would carry next; changes nothing."""
        self.outlook.first.pop(self.row.id, None)
        self._paced_until_ms = None
        try:
            if self._changed.is_set():
                self._changed.clear()
                self.row = await self._store.line(self.row.id)
            await self._end_hold()
            if self._stopping or not self._may_send():
                return ()
            looked = await self._look_beside_others()
        except StoreUnavailable:
            self._changed.set()
            await asyncio.sleep(STORE_RETRY_S)
            self.wake.set()
            return ()
        self._paced_until_ms = looked.paced_until_ms
        works = looked.work
        prepared: list[Prepared] = []
        for i, work in enumerate(works[:CANDIDATES]):
            self._reference = (self._reference + 1) % 256
            more = i + 1 < len(works)
            try:
                prepared.append(prepare(work, self._reference, self._clock.now_ms(), more_follow=more))
            except EncodeError as error:
                log.error("message.not_encodable", message_id=work.message.id, field=error.field)  # noqa: TRY400
                self._refuse(work.message.id)
        return tuple(prepared)

    async def _look_beside_others(self) -> Looked:
        """See what no other line of this process looks at; an idle line takes also what others only look at."""
        async with self.outlook.turn:
            self._looked_s = self._clock.monotonic_s()
            others = self.outlook.of_others(self.row.id, self._looked_s)
            looked = await self._store.look(self.row.id, CANDIDATES + 1, self._limits(), others)
            if others and not looked.work and not self.on_air and looked.paced_until_ms is None:
                looked = await self._store.look(self.row.id, CANDIDATES + 1, self._limits())
            if looked.work:
                until_s = self._looked_s + LOOK_KEPT_S
                self.outlook.first[self.row.id] = (looked.work[0].message.id, until_s)
        return looked

    async def _look_ahead(self) -> tuple[Prepared, ...]:
        """Look while the part is on air, but not in the moment in which its PDU is to be written."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_AFTER_S):
                await self._sent.wait()
        return await self._look()

    def _refuse(self, message_id: str) -> None:
        """Take out of the queue, beside the line's own work, what would stand at its head for ever."""
        task = asyncio.ensure_future(self._store.refuse(message_id, "text_not_encodable"))
        self._beside.add(task)
        task.add_done_callback(self._refused)

    def _refused(self, task: asyncio.Future[None]) -> None:
        self._beside.discard(task)
        self.wake.set()

    async def _end_hold(self) -> None:
        held_until_ms = self.row.held_until_ms
        if held_until_ms is not None and held_until_ms <= self._clock.now_ms():
            await self._store.hold_line(self.row.id, None, None)
            self.row = await self._store.line(self.row.id)

    def _may_send(self) -> bool:
        row = self.row
        held = row.held_until_ms is not None and row.held_until_ms > self._clock.now_ms()
        return self.up and not row.paused and not held and self._rest_left_s() <= 0

    def _rest_left_s(self) -> float:
        return self._rested_at_s - self._clock.monotonic_s()

    def _limits(self) -> Pace:
        if self.row.emulated:
            return Pace()
        per_minute, per_day = self.row.per_minute, self.row.per_day
        return Pace(
            per_minute=self._pace.per_minute if per_minute is None else per_minute,
            per_day=self._pace.per_day if per_day is None else per_day,
            day_start_ms=midnight_ms(self._clock.now_ms()),
        )

    async def _sleep(self) -> None:
        """Wait for work, or for the time when pace or a hold lets the line go on."""
        times = [self._paced_until_ms, self.row.held_until_ms if self.up else None]
        due = [at - self._clock.now_ms() for at in times if at is not None]
        waits = [s for s in (*(ms / 1000 for ms in due), self._rest_left_s()) if s > 0]
        try:
            async with asyncio.timeout(min(waits, default=None)):
                await self.wake.wait()
        except TimeoutError:
            return

    def _claim(self, prepared: tuple[Prepared, ...]) -> Claim:
        return Claim(self.row.id, self.row.device_id or "", self.node, prepared, self._limits())

    # ------------------------------------------------------------------ carrying

    async def _carry_all(self, prepared: tuple[Prepared, ...]) -> None:
        """Carry the first candidate, and without a pause whatever each commit claims next."""
        expected: Prepared | None = prepared[0]
        commit = self._store.claim(self._claim(prepared))
        self.on_air = True
        try:
            while expected is not None:
                expected, commit = await self._carry(expected, commit)
        finally:
            self.on_air = False

    async def _carry(
        self, expected: Prepared, commit: asyncio.Future[Claimed]
    ) -> tuple[Prepared | None, asyncio.Future[Claimed]]:
        """Put one attempt on air while its claim commits; returns what is claimed next, and that commit."""
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
                    await self._failed(expected, outcome)
                    continue  # the driver ends here, in its own time
                self._faults.clear()
                self._hold_s, self._rest_s = HOLD_FIRST_S, 0.0
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
                await self._failed(expected, self._outcome_of(error, expected, part))
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
                log.error("line.look_failed", line_id=self.row.id, reason=reason)
            elif self._clock.monotonic_s() - self._looked_s > LOOK_KEPT_S:
                ahead = await self._look()
            else:
                ahead = self._ahead.result()
        if self._stopping or not self._may_send():
            ahead = ()
        commit = self._advance(outcome, self._claim(ahead) if ahead else None)
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
        await self._failed(expected, missed)
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

    async def _failed(self, expected: Prepared, outcome: PartOutcome) -> None:
        """Record a verdict that is not "sent"; hold the line when the network speaks against the SIM."""
        if isinstance(outcome, PartSent):
            return
        log.info(
            "part.not_sent",
            message_id=expected.work.message.id,
            line_id=self.row.id,
            part=outcome.part,
            code=outcome.cause.code,
            network_code=outcome.cause.network_code,
            verdict=type(outcome).__name__,
        )
        await record_surely(self._store, outcome)
        cause = outcome.cause
        if cause.outcome_class is not OutcomeClass.LINE:
            return
        # What the line is at fault for is not counted against the message, so the line must not ask at once again.
        self._rest_s = min(max(self._rest_s * 2, REST_FIRST_S), REST_MAX_S)
        self._rested_at_s = self._clock.monotonic_s() + self._rest_s
        if cause.network_code is not None:
            self._faults = [*self._faults, expected.work.message.id][-FAULTS_OF_ONE:]
            if len(set(self._faults)) >= FAULTS_TO_HOLD or len(self._faults) >= FAULTS_OF_ONE:
                await self._hold(cause)

    async def _hold(self, cause: Outcome) -> None:
        until_ms = self._clock.now_ms() + self._hold_s * 1000
        log.warning("line.held", line_id=self.row.id, code=cause.code, hold_s=self._hold_s)
        self._hold_s = min(self._hold_s * 2, HOLD_MAX_S)
        await self._store.hold_line(self.row.id, cause, until_ms)


async def record_surely(store: Store, outcome: PartOutcome) -> None:
    """Record a verdict, waiting for the database as long as it takes: what the radio said is said once."""
    while True:
        try:
            await store.record(outcome)
        except StoreUnavailable:
            await asyncio.sleep(STORE_RETRY_S)
        else:
            return


# ------------------------------------------------------------------ what devices say by themselves


LineSeen = Callable[[LineChanged], Awaitable[None]]


async def run_events(device: Device, line_ids: dict[str, str], store: Store, line_seen: LineSeen) -> None:
    """Record what a device says until its link is lost; acknowledge only what is committed (W3).

    Args:
        device: Open.
        line_ids: Line key (ICCID) → id in the store; ``line_seen`` keeps it current.
        store: Where it goes.
        line_seen: Told of lines that appear, change or go, before what they say is recorded.
    """
    pending: set[asyncio.Task[None]] = set()
    async for event in device.events():
        if isinstance(event, LineChanged):
            await line_seen(event)
            continue
        task = asyncio.create_task(_record_event(device, event, line_ids, store))
        pending.add(task)
        task.add_done_callback(pending.discard)
    if pending:
        await asyncio.gather(*pending)


async def _record_event(
    device: Device,
    event: ReportReceived | InboundReceived | PartOutcome,
    line_ids: dict[str, str],
    store: Store,
) -> None:
    while True:
        try:
            if isinstance(event, ReportReceived):
                await store.record_report(line_ids[event.line_key], event)
            elif isinstance(event, InboundReceived):
                await store.store_inbound(read_received(line_ids[event.line_key], event))
            else:
                await store.record(event)
        except StoreUnavailable:
            await asyncio.sleep(STORE_RETRY_S)
            continue
        break
    if event.event_id is not None:
        await device.acknowledge(event.event_id)
