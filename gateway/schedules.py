"""Owns the loop of recurring messages: each occurrence is admitted once, its outcome written, the next one planned.

Refuses to know HTTP and SQL. A stop between admission and record repeats the admission under the same idempotency
key, which gives the same message; nothing goes twice.
Source: rules API-8; RFC 5545 (what recurs).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from gateway.admission import Admission
from gateway.clock import Clock
from gateway.draft import Caller, MessageDraft
from gateway.errors import GatewayError
from gateway.policy.recurrence import Recurrence
from gateway.schedule_plan import draft_for, members_of, recurrence_of
from gateway.store.crypto import DamagedRow
from gateway.store.plan_rows import (
    DueSchedule,
    PausedReason,
    PlannedMessage,
    RunRefusal,
    ScheduleRow,
    ScheduleRun,
)
from gateway.store.protocol import NotFound, Store, StoreUnavailable
from gateway.store.rows import IdempotencyKey, View
from gateway.store.schedules import scope_of

log = structlog.get_logger(__name__)

DUE_AT_ONCE = 50
"""Schedules read at a time: bounds what is in memory."""
ADMITTED_AT_ONCE = 32
"""Messages of one occurrence that are admitted together: they share commits, and others get their turn in between."""
REFUSALS_KEPT = 20
"""Reasons kept of one run: people look at the first few, the count says the rest."""
SLEEP_MAX_S = 60.0
"""A wall clock that steps moves what is due; nobody waits longer than this to notice."""
BUSY_RETRY_S = 5.0
"""After a full queue or a database that is away, and after a defect of ours."""

_NOT_NOW = frozenset({"queue_full", "storage_unavailable"})
"""Refusals that say nothing about the message: the occurrence stays due and is tried again."""


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """``catch_up_s``: how late an occurrence that was missed while the gateway was off is still sent; 0 = never.

    ``admin`` is the caller of GATEWAY_ADMIN_KEY, whose key is no row of the store; None: there is none now.
    """

    catch_up_s: int = 3_600
    admin: Caller | None = None


class NotNow(Exception):
    """The gateway cannot take messages at the moment."""


class ScheduleLoop:
    """Carries out what the store has due. ``run`` until its task is cancelled."""

    def __init__(
        self, store: Store, admission: Admission, clock: Clock, settings: ScheduleSettings | None = None
    ) -> None:
        self._store = store
        self._admission = admission
        self._clock = clock
        self._settings = settings or ScheduleSettings()
        self._changed = store.signal("schedules")

    async def run(self) -> None:
        """Carry out occurrences at their time, those that were missed first."""
        while True:
            self._changed.clear()
            done = await self.run_due()
            wait_s = BUSY_RETRY_S if not done else await self._until_next_s()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()

    async def _until_next_s(self) -> float:
        next_ms = await self._store.schedules.next_at_ms()
        if next_ms is None:
            return SLEEP_MAX_S
        return min(max((next_ms - self._clock.now_ms()) / 1000, 0.0), SLEEP_MAX_S)

    async def run_due(self) -> bool:
        """Carry out everything that is due now; returns whether nothing of it is left."""
        while due := await self._store.schedules.due(DUE_AT_ONCE):
            done = [await self._carried_out(each) for each in due]
            if not all(done):
                return False
        return True

    async def _carried_out(self, due: DueSchedule) -> bool:
        try:
            await self._carry_out(due)
        except NotNow as error:
            log.warning("schedule.waits", schedule_id=due.id, code=str(error))
            return False
        except StoreUnavailable:
            raise
        except Exception:
            # The oldest comes first: a defect in one schedule must not keep those of others from being sent.
            log.exception("schedule.failed", schedule_id=due.id)
            return False
        return True

    async def _carry_out(self, due: DueSchedule) -> None:
        now_ms, schedule = self._clock.now_ms(), due.schedule
        caller = _caller_of(due, self._settings.admin, now_ms)
        if not isinstance(caller, Caller):
            await self._stop(due, caller)
            return
        recurrence = None if schedule is None else _readable(schedule)
        if schedule is None or recurrence is None:
            await self._stop(due, "damaged")
            return
        since_ms = max(now_ms - self._settings.catch_up_s * 1000, schedule.not_before_ms or 0)
        occurrence_ms, next_ms = newest_due(recurrence, due.occurrence_ms, now_ms, since_ms)
        if occurrence_ms != due.occurrence_ms:
            goes_on_ms = next_ms if occurrence_ms is None else occurrence_ms
            missed = ScheduleRun(due.occurrence_ms, "missed", missed_until_ms=goes_on_ms)
            await self._store.schedules.ran(due, missed, goes_on_ms)
            log.warning("schedule.missed", schedule_id=due.id, from_ms=due.occurrence_ms, to_ms=goes_on_ms)
        if occurrence_ms is None:
            return
        due = replace(due, occurrence_ms=occurrence_ms)
        run = await self._send(due, schedule.message, caller)
        await self._store.schedules.ran(due, run, next_ms)
        log.info("schedule.ran", schedule_id=due.id, accepted=run.accepted, refused=run.refused)

    async def _stop(self, due: DueSchedule, reason: PausedReason) -> None:
        """Let a schedule rest that has nobody to send for it, or whose text is not what was written."""
        log.warning("schedule.paused", schedule_id=due.id, reason=reason)
        # Deleted meanwhile: it rests anyway.
        with suppress(NotFound):
            await self._store.schedules.pause(View(due.tenant), due.id, reason)

    async def _send(self, due: DueSchedule, message: PlannedMessage, caller: Caller) -> ScheduleRun:
        tally = _Tally()
        try:
            message = await self._pinned(message, caller)
            async for readers in self._readers(message, caller.view):
                drafts = [draft_for(message, reader.number, reader.language) for reader in readers]
                tally.add(await asyncio.gather(*(self._admit(due, draft, caller) for draft in drafts)))
        except GatewayError as error:
            # It is refused as a whole: the template or the group is gone, or the template wants other values now.
            tally.refuse_rest(error, len(message.to))
        return tally.run(due.occurrence_ms)

    async def _pinned(self, message: PlannedMessage, caller: Caller) -> PlannedMessage:
        """Keep to one version of the template for everybody, even when it is changed meanwhile."""
        if message.template_id is None:
            return message
        try:
            draft = await self._admission.with_text(draft_for(message, ""), caller)
        except DamagedRow:
            raise GatewayError(
                "internal_error",
                "The stored text of the template was changed outside the gateway. Write a new version.",
            ) from None
        return replace(message, template_version=draft.template_version)

    async def _readers(self, message: PlannedMessage, view: View) -> AsyncIterator[tuple[_Reader, ...]]:
        """Give everybody who is to get the message, some at a time."""
        for start in range(0, len(message.to), ADMITTED_AT_ONCE):
            yield tuple(_Reader(number) for number in message.to[start : start + ADMITTED_AT_ONCE])
        if message.group is None:
            return
        after: str | None = None
        while True:
            page = await members_of(message.group, view, self._store, (ADMITTED_AT_ONCE, after))
            yield tuple(_Reader(contact.card.number or "", contact.card.language) for contact in page.items)
            after = page.next
            if after is None:
                return

    async def _admit(self, due: DueSchedule, draft: MessageDraft, caller: Caller) -> str | GatewayError:
        """Admit one message, or find the one that was made before a stop; returns its id, or why it was refused."""
        if not draft.to:
            return GatewayError("recipient_field_missing", "This contact has no number. Add one.")
        key = f"{due.occurrence_ms}:{_digest(draft.to)}"
        # Nothing of the content: a schedule that is changed between a stop and the replay makes no second message.
        idempotency = IdempotencyKey(scope_of(due.id), key, key)
        try:
            admitted = await self._admission.admit(draft, caller, idempotency)
        except GatewayError as error:
            if error.code in _NOT_NOW:
                raise NotNow(error.code) from None
            return error
        return admitted.message.id


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who gets a message; ``number`` is empty for a contact that has none."""

    number: str
    language: str | None = None


class _Tally:
    """Counts what came of the recipients of one occurrence."""

    def __init__(self) -> None:
        self._seen = 0
        self._refused = 0
        self._made: list[str] = []
        self._refusals: list[RunRefusal] = []

    def add(self, outcomes: Sequence[str | GatewayError]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, str):
                self._made.append(outcome)
            else:
                self._refused += 1
                self._keep(outcome)
            self._seen += 1

    def refuse_rest(self, error: GatewayError, known: int) -> None:
        """Count what is refused as a whole: the rest of ``known`` recipients; of a group nobody knows how many."""
        self._refused += max(known - self._seen, 1)
        self._keep(error)

    def _keep(self, error: GatewayError) -> None:
        if len(self._refusals) < REFUSALS_KEPT:
            self._refusals.append(RunRefusal(self._seen, error.code, error.detail))

    def run(self, occurrence_ms: int) -> ScheduleRun:
        return ScheduleRun(
            occurrence_ms,
            "refused" if self._refused and not self._made else "sent",
            accepted=len(self._made),
            refused=self._refused,
            refusals=tuple(self._refusals),
            message_id=self._made[0] if len(self._made) == 1 else None,
        )


def newest_due(
    recurrence: Recurrence, first_ms: int, now_ms: int, since_ms: int
) -> tuple[int | None, int | None]:
    """Say which occurrence from ``first_ms`` on is to be sent now, and which comes after.

    After an absence only the newest is sent, and that only when it is not older than ``since_ms``: nobody wants three
    reminders at once, or one of last week.
    """
    at_ms = first_ms if first_ms >= since_ms else recurrence.next_after_ms(since_ms - 1)
    if at_ms is None or at_ms > now_ms:
        return None, at_ms
    while True:
        next_ms = recurrence.next_after_ms(at_ms)
        if next_ms is None or next_ms > now_ms:
            return at_ms, next_ms
        at_ms = next_ms


def _readable(schedule: ScheduleRow) -> Recurrence | None:
    """Read the calendar; None when its zone was taken out of the database of zones since it was written."""
    try:
        return recurrence_of(schedule.calendar)
    except ValueError:
        return None


def _caller_of(due: DueSchedule, admin: Caller | None, now_ms: int) -> Caller | PausedReason:
    """Say whom a schedule sends for, or why it may not any more."""
    key = due.key
    if key is None:
        of_admin = due.schedule is not None and admin is not None and due.schedule.key_id == admin.key_id
        return admin if admin is not None and of_admin else "key_revoked"
    if key.revoked_at_ms is not None and key.revoked_at_ms <= now_ms:
        return "key_revoked"
    if key.expires_at_ms is not None and key.expires_at_ms <= now_ms:
        return "key_expired"
    return Caller(key.id, key.name, key.tenant, frozenset(key.scopes), key.sandbox)


def _digest(number: str) -> str:
    """Stand for a number in an idempotency key: what is to be erased must not be kept there."""
    return hashlib.sha256(number.encode()).hexdigest()[:16]
