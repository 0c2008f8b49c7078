"""Owns the attempts that are on their way to the phone or on its radio: from the job to the verdict on each part.

Knows no line's health and no journal: it is given a connection that is open and the events that concern a job.
Source: docs/link.md, *Sending*; the seam (Line.submit); W2.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from device_bridge.companion import received
from device_bridge.companion.connection import Connection
from device_bridge.companion.frames import FailedEvent, JobFrame, Refused, SentEvent, Taken
from device_bridge.companion.settings import PhoneTimers
from device_bridge.device import Cleared, Outgoing, PartLost, PartOutcome
from device_bridge.errors import DeviceNotReady, LinkLost, NotSubmitted, Rejected
from device_bridge.sms.outcome import Outcome, OutcomeClass, local

_LOG = logging.getLogger(__name__)

MAX_DATA: Final = 133
"""Octets of one SMS to a port: 140 less 7 of header (23.040 §9.2.3.24.4); the platform divides no data."""

_Word = Taken | Refused | PartOutcome | None


@dataclass(slots=True)
class _Job:
    connection: Connection
    missing: set[int]
    words: asyncio.Queue[_Word] = field(default_factory=asyncio.Queue)


def job_frame(sub: int, outgoing: Outgoing) -> JobFrame:
    """Write an attempt as a job.

    Raises:
        Rejected: the platform has no way to send this; ``cause.hint`` says what does.
    """
    numbers = [part.number for part in outgoing.parts]
    if numbers != list(range(1, outgoing.parts_total + 1)):
        # The platform numbers the parts of what it is given: some of a set would join to nothing at the recipient.
        raise Rejected(
            _impossible("partly_sent", "A phone sends a text as a whole only; send it again as a whole")
        )
    if outgoing.flash:
        raise Rejected(
            _impossible("device_error", "A phone cannot send flash texts (class 0); use a modem's line")
        )
    job, to, report = outgoing.attempt_id, outgoing.to, outgoing.delivery_report
    first = outgoing.parts[0]
    if first.octets is not None:
        if len(outgoing.parts) > 1 or len(first.octets) > MAX_DATA or first.port is None:
            hint = f"A phone sends data of at most {MAX_DATA} octets, and only to a port; use a modem's line"
            raise Rejected(_impossible("device_error", hint))
        return JobFrame(job, sub, to, report, octets=first.octets, port=first.port)
    return JobFrame(job, sub, to, report, parts=tuple(part.text or "" for part in outgoing.parts))


class Jobs:
    """The running submits of one phone.

    Args:
        timers: See :class:`PhoneTimers`.
        now_ms: UTC now, for verdicts of our own.
        stuck: Called when the phone took a job and fell silent about it.
    """

    def __init__(self, timers: PhoneTimers, now_ms: Callable[[], int], stuck: Callable[[], None]) -> None:
        self._timers = timers
        self._now_ms = now_ms
        self._stuck = stuck
        self._running: dict[str, _Job] = {}

    def __contains__(self, attempt_id: object) -> bool:
        return attempt_id in self._running

    async def submit(
        self, connection: Connection, sub: int, outgoing: Outgoing, cleared: Cleared
    ) -> AsyncGenerator[PartOutcome, None]:
        """Carry one attempt. See :meth:`PhoneLine.submit`.

        On air: yes
        """
        frame = job_frame(sub, outgoing)
        if not await cleared(outgoing.parts[0]):
            return
        if connection.ended:
            raise DeviceNotReady(local("phone_gone"))
        attempt_id = outgoing.attempt_id
        job = self._running[attempt_id] = _Job(connection, {part.number for part in outgoing.parts})
        try:
            try:
                await connection.send(frame)
            except LinkLost:
                return  # some of it may have arrived: the phone is asked when it is back
            async with aclosing(self._verdicts(attempt_id, job)) as verdicts:
                async for outcome in verdicts:
                    yield outcome
        finally:
            if self._running.get(attempt_id) is job:
                del self._running[attempt_id]
            self._hand_over(job)

    # ------------------------------------------------------------------ what the phone says

    def say(self, attempt_id: str, word: Taken | Refused) -> None:
        """Take the phone's answer to a job; one that comes late says nothing new."""
        job = self._running.get(attempt_id)
        if job is not None:
            job.words.put_nowait(word)

    def sent(self, connection: Connection, event: SentEvent, at_ms: int) -> PartOutcome | None:
        """Take a sent intent; returns its outcome when no running submit waits for it."""
        outcome = received.sent(event, event.job, event.part, at_ms)
        job = self._of(connection, event.job)
        if job is None or event.part not in job.missing:
            return outcome
        job.missing.discard(event.part)
        job.words.put_nowait(outcome)
        return None

    def failed(self, connection: Connection, event: FailedEvent, at_ms: int) -> tuple[int, ...]:
        """Take a job that was never called; returns the parts that a running submit is told of, none without one."""
        job = self._of(connection, event.job)
        if job is None or not job.missing:
            return ()
        parts = tuple(sorted(job.missing))
        job.missing.clear()
        for outcome in received.failed(event, parts, at_ms):
            job.words.put_nowait(outcome)
        return parts

    def connection_ended(self, connection: Connection) -> None:
        """Free the submits that wait on it: their attempts are taken up by ``resume``."""
        for job in self._running.values():
            if job.connection is connection:
                job.words.put_nowait(None)

    def _of(self, connection: Connection, attempt_id: str) -> _Job | None:
        job = self._running.get(attempt_id)
        return job if job is not None and job.connection is connection else None

    # ------------------------------------------------------------------ one job

    async def _verdicts(self, attempt_id: str, job: _Job) -> AsyncGenerator[PartOutcome, None]:
        loop = asyncio.get_running_loop()
        left = set(job.missing)
        taken = False
        until_s = loop.time() + self._timers.taken_s
        while left:
            try:
                word = await _next(job.words, until_s)
            except TimeoutError:
                if not taken:
                    _LOG.warning("job %s was not taken in time; the connection is given up", attempt_id)
                    job.connection.end()
                    return
                self._stuck()
                for part in sorted(left):
                    job.missing.discard(part)
                    yield self._lost(attempt_id, part)
                return
            if word is None:
                return
            if isinstance(word, Refused):
                if not taken:
                    raise _refused(word)
                _LOG.warning("job %s was refused after it was taken: that proves nothing", attempt_id)
                continue
            if not taken:  # an intent that overtakes the answer says as much
                taken = True
                until_s = loop.time() + self._timers.sent_within_s + self._timers.per_part_s * (len(left) - 1)
            if not isinstance(word, Taken):
                left.discard(word.part)
                yield word

    def _lost(self, attempt_id: str, part: int) -> PartLost:
        cause = local("phone_stuck", maybe_on_air=True)
        return PartLost(attempt_id, part, cause, self._now_ms(), "no sent intent came")

    @staticmethod
    def _hand_over(job: _Job) -> None:
        """Nobody asks this submit for more: what it was told and did not yield is said by the device."""
        while not job.words.empty():
            word = job.words.get_nowait()
            if word is not None and not isinstance(word, Taken | Refused):
                job.connection.emit(word)


async def _next(words: asyncio.Queue[_Word], until_s: float) -> _Word:
    try:
        async with asyncio.timeout_at(until_s):
            return await words.get()
    except TimeoutError:
        if words.empty():
            raise
        return words.get_nowait()  # it came in the very moment


def _refused(refused: Refused) -> NotSubmitted:
    cause = received.refusal(refused.code, refused.detail)
    at_fault = cause.outcome_class is OutcomeClass.LINE
    return DeviceNotReady(cause) if at_fault else NotSubmitted(cause)


def _impossible(code: str, hint: str) -> Outcome:
    return replace(local(code), outcome_class=OutcomeClass.PERMANENT, hint=hint, reroute=True, backoff_s=())
