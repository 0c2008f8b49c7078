"""Owns what a line may carry next: the look at the queue, its pace, and the rests and holds that keep it from sending.

Knows no radio and no verdict's meaning beyond "the line is at fault". Shared by both ways of carrying.
Source: design, *The gap*; rules of operators (fair use), as lines' paces.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from functools import lru_cache

import structlog

from device_bridge.device import Line, PartOutcome, PartSent
from device_bridge.errors import EncodeError
from device_bridge.sms.outcome import Outcome, OutcomeClass
from gateway.clock import Clock
from gateway.policy.quiet_hours import LineHours
from gateway.policy.rules import Limits
from gateway.preparation import prepare
from gateway.store.protocol import Store, StoreUnavailable
from gateway.store.rows import Claim, LineRow, Looked, Pace, Prepared
from gateway.surely import write_surely

log = structlog.get_logger(__name__)

CANDIDATES = 2
"""Prepared at a time: one lost to another line costs no second commit, more would only be encoded in vain."""

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


_line_hours = lru_cache(maxsize=64)(LineHours)


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


class LineWork:
    """One line's view of the queue. ``up`` and ``row`` are kept current by whoever watches the device."""

    def __init__(self, line: Line, row: LineRow, store: Store, clock: Clock, limits: Limits) -> None:
        self.line = line
        self.row = row
        self.store = store
        self.clock = clock
        self.up = False
        self.stopping = False
        self.node = "node-1"
        self.outlook = Outlook()
        self.wake = store.signal("queue")
        self.on_air = False
        self.limits = limits
        self._changed = store.signal("lines")
        self._reference = secrets.randbelow(256)
        self._looked_s = 0.0
        self._paced_until_ms: int | None = None
        self._faults: list[str] = []
        self._rest_s = 0.0
        self._rested_at_s = 0.0
        self._hold_s = HOLD_FIRST_S
        self._beside: set[asyncio.Future[None]] = set()

    def stop(self) -> None:
        """Claim nothing new; what is on air is finished."""
        self.stopping = True
        self.wake.set()

    # ------------------------------------------------------------------ what is next

    async def look(self) -> tuple[Prepared, ...]:
        """See and encode what this line would carry next; changes nothing."""
        self.outlook.first.pop(self.row.id, None)
        self._paced_until_ms = None
        try:
            if self._changed.is_set():
                self._changed.clear()
                self.row = await self.store.line(self.row.id)
            await self._end_hold()
            if self.stopping or not self.may_send():
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
                prepared.append(prepare(work, self._reference, self.clock.now_ms(), more_follow=more))
            except EncodeError as error:
                log.error("message.not_encodable", message=work.message.id, field=error.field)  # noqa: TRY400
                self._refuse(work.message.id)
        return tuple(prepared)

    async def _look_beside_others(self) -> Looked:
        """See what no other line of this process looks at; an idle line takes also what others only look at."""
        async with self.outlook.turn:
            self._looked_s = self.clock.monotonic_s()
            others = self.outlook.of_others(self.row.id, self._looked_s)
            looked = await self.store.look(self.row.id, CANDIDATES + 1, self._limits(), others)
            if others and not looked.work and not self.on_air and looked.paced_until_ms is None:
                looked = await self.store.look(self.row.id, CANDIDATES + 1, self._limits())
            if looked.work:
                until_s = self._looked_s + LOOK_KEPT_S
                self.outlook.first[self.row.id] = (looked.work[0].message.id, until_s)
        return looked

    def _refuse(self, message_id: str) -> None:
        """Take out of the queue, beside the line's own work, what would stand at its head for ever."""
        task = asyncio.ensure_future(self.store.refuse(message_id, "text_not_encodable"))
        self._beside.add(task)
        task.add_done_callback(self._refused)

    def _refused(self, task: asyncio.Future[None]) -> None:
        self._beside.discard(task)
        self.wake.set()

    async def _end_hold(self) -> None:
        held_until_ms = self.row.held_until_ms
        if held_until_ms is not None and held_until_ms <= self.clock.now_ms():
            await self.store.hold_line(self.row.id, None, None)
            self.row = await self.store.line(self.row.id)

    def look_is_stale(self) -> bool:
        """Whether what the last look saw may have been left to others by now."""
        return self.clock.monotonic_s() - self._looked_s > LOOK_KEPT_S

    def may_send(self) -> bool:
        """Whether the line is up, not paused, not held and not resting."""
        row = self.row
        held = row.held_until_ms is not None and row.held_until_ms > self.clock.now_ms()
        return self.up and not row.paused and not held and self._rest_left_s() <= 0

    def _rest_left_s(self) -> float:
        return self._rested_at_s - self.clock.monotonic_s()

    def _limits(self) -> Pace:
        row, now_ms = self.row, self.clock.now_ms()
        rests_until_ms = None
        if row.quiet_hours is not None:
            opens_ms = _line_hours(row.quiet_hours, self.limits.zone).next_open_ms(now_ms)
            rests_until_ms = opens_ms if opens_ms is not None and opens_ms > now_ms else None
        if self.limits.exempts(emulated=row.emulated):
            return Pace(rests_until_ms=rests_until_ms)
        pace = self.limits.pace
        return Pace(
            per_minute=pace.per_minute if row.per_minute is None else row.per_minute,
            per_hour=pace.per_hour if row.per_hour is None else row.per_hour,
            per_day=pace.per_day if row.per_day is None else row.per_day,
            per_month=pace.per_month if row.per_month is None else row.per_month,
            recipients_per_month=(
                pace.recipients_per_month if row.recipients_per_month is None else row.recipients_per_month
            ),
            billing_day=row.billing_day,
            cap=self.line.capabilities.cap,
            device_id=row.device_id,
            rests_until_ms=rests_until_ms,
            tariff=row.tariff,
            budgets=self.limits.budgets_of(row.label, row.number, row.id),
        )

    async def sleep(self) -> None:
        """Wait for work, or for the time when pace or a hold lets the line go on."""
        times = [self._paced_until_ms, self.row.held_until_ms if self.up else None]
        due = [at - self.clock.now_ms() for at in times if at is not None]
        waits = [s for s in (*(ms / 1000 for ms in due), self._rest_left_s()) if s > 0]
        try:
            async with asyncio.timeout(min(waits, default=None)):
                await self.wake.wait()
        except TimeoutError:
            return

    def claim(self, prepared: tuple[Prepared, ...]) -> Claim:
        """Ask for the first of these that is still to be had."""
        journal = self.line.capabilities.journal
        return Claim(self.row.id, self.row.device_id or "", self.node, prepared, self._limits(), journal)

    # ------------------------------------------------------------------ verdicts that speak of the line

    def went_well(self) -> None:
        """The network took a text: nothing speaks against the SIM any more."""
        self._faults.clear()
        self._hold_s, self._rest_s = HOLD_FIRST_S, 0.0

    async def failed(self, expected: Prepared, outcome: PartOutcome) -> None:
        """Record a verdict that is not "sent"; hold the line when the network speaks against the SIM."""
        if isinstance(outcome, PartSent):
            return
        log.info(
            "part.not_sent",
            message=expected.work.message.id,
            attempt=expected.attempt_id,
            line=self.row.id,
            part=outcome.part,
            code=outcome.cause.code,
            network_code=outcome.cause.network_code,
            verdict=type(outcome).__name__,
        )
        cause = outcome.cause
        at_fault = cause.outcome_class is OutcomeClass.LINE
        if at_fault:
            # What the line is at fault for is not counted against the message, so the line must not ask at once again:
            # it rests before the message is back in the queue.
            self._rest_s = min(max(self._rest_s * 2, REST_FIRST_S), REST_MAX_S)
            self._rested_at_s = self.clock.monotonic_s() + self._rest_s
        await record_surely(self.store, outcome, self._speaker())
        if at_fault and cause.network_code is not None:
            self._faults = [*self._faults, expected.work.message.id][-FAULTS_OF_ONE:]
            if len(set(self._faults)) >= FAULTS_TO_HOLD or len(self._faults) >= FAULTS_OF_ONE:
                await self._hold(cause)

    async def _hold(self, cause: Outcome) -> None:
        until_ms = self.clock.now_ms() + self._hold_s * 1000
        log.warning("line.held", line=self.row.id, code=cause.code, hold_s=self._hold_s)
        self._hold_s = min(self._hold_s * 2, HOLD_MAX_S)
        await self.store.hold_line(self.row.id, cause, until_ms)

    def _speaker(self) -> str | None:
        return self.row.device_id if self.line.capabilities.journal else None


async def record_surely(store: Store, outcome: PartOutcome, speaker: str | None = None) -> None:
    """Record a verdict, waiting for the database as long as it takes: what the radio said is said once."""
    await write_surely(lambda: store.record(outcome, speaker), STORE_RETRY_S)
