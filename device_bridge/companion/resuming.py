"""Owns the question about attempts whose end nobody knows, and how long silence about one is borne.

Knows no store: it is told which attempts. Its timers end with the connection; the next one asks anew.
Source: docs/link.md, *Asking after a break*; the seam (Device.resume).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from device_bridge.companion.connection import Connection
from device_bridge.companion.frames import Ask, JobState, JobStates
from device_bridge.companion.settings import PhoneTimers
from device_bridge.device import WHOLE_ATTEMPT, PartLost, PartNotSent
from device_bridge.errors import LinkLost
from device_bridge.sms.outcome import local

_LOG = logging.getLogger(__name__)

AT_ONCE: Final = 1_000
"""Attempts in one question: 40 kB, far below what a message may hold."""


class Resumption:
    """The questions of one connection."""

    def __init__(self, connection: Connection, timers: PhoneTimers, now_ms: Callable[[], int]) -> None:
        self._connection = connection
        self._timers = timers
        self._now_ms = now_ms
        self._questions: dict[int, set[str]] = {}
        self._awaited: set[str] = set()

    async def ask(self, attempt_ids: tuple[str, ...]) -> None:
        """Ask for attempts; the answers come as events of the connection.

        On air: never
        """
        for at in range(0, len(attempt_ids), AT_ONCE):
            some = attempt_ids[at : at + AT_ONCE]
            re = self._connection.next_number()
            self._questions[re] = set(some)
            self._connection.after(self._timers.asked_s, partial(self._unanswered, re))
            try:
                await self._connection.send(Ask(re, some))
            except LinkLost:
                return  # the next connection asks

    def answered(self, states: JobStates) -> None:
        """Take an answer; what was not asked, or is told twice, changes nothing."""
        asked = self._questions.pop(states.re, None)
        if asked is None:
            _LOG.warning("an answer to no question (re %d) was dropped", states.re)
            return
        for attempt_id, state in states.jobs:
            if attempt_id in asked:
                asked.discard(attempt_id)
                self._take(attempt_id, state)
        for attempt_id in sorted(asked):
            _LOG.warning("the phone was asked for job %s and did not say", attempt_id)

    def _take(self, attempt_id: str, state: JobState) -> None:
        if state.state == "unknown":
            cause = local("phone_gone")
            evidence = "the phone never had it"
            self._connection.emit(PartNotSent(attempt_id, WHOLE_ATTEMPT, cause, self._now_ms(), evidence))
        elif state.state == "settled":
            _LOG.info("job %s is settled; its events say how", attempt_id)
        else:
            called_ms = state.called_at_ms if state.state == "called" else None
            waited_s = 0.0
            if called_ms is not None:
                waited_s = max(self._now_ms() - self._connection.at_ms(called_ms), 0) / 1000
            if attempt_id in self._awaited:
                return
            self._awaited.add(attempt_id)
            left_s = max(self._timers.sent_within_s - waited_s, 0.0)
            self._connection.after(left_s, partial(self._silent, attempt_id))

    def _silent(self, attempt_id: str) -> None:
        self._awaited.discard(attempt_id)
        cause = local("phone_stuck", maybe_on_air=True)
        evidence = "called, and no sent intent came"
        self._connection.emit(PartLost(attempt_id, WHOLE_ATTEMPT, cause, self._now_ms(), evidence))

    def _unanswered(self, re: int) -> None:
        if self._questions.pop(re, None) is not None:
            _LOG.warning("the phone did not answer for open jobs; the connection is given up")
            self._connection.end()
