"""Owns the way of an entry of the phone's journal: known or new, to the submit that waits for it or to the events.

Knows no socket and no meaning of a code. Nothing is emitted twice on one connection, nothing is dropped unread.
Source: docs/link.md, *Events*; W3.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from device_bridge.companion import received
from device_bridge.companion.connection import Connection
from device_bridge.companion.frames import (
    FailedEvent,
    InboundEvent,
    JournalEvent,
    MmsEvent,
    ReportEvent,
    SentEvent,
    TextEvent,
)
from device_bridge.companion.jobs import Jobs
from device_bridge.companion.ledger import Ledger, event_ids
from device_bridge.companion.line import PhoneLine
from device_bridge.companion.members import WireError
from device_bridge.companion.sims import MISSING, Lines
from device_bridge.device import WHOLE_ATTEMPT, DeviceEvent, LineChanged

_LOG = logging.getLogger(__name__)

LIMIT_EXCEEDED: Final = 5
"""SmsManager.RESULT_ERROR_LIMIT_EXCEEDED: five texts wait at Android's dialog already."""

ATTEMPTS_REMEMBERED: Final = 10_000
"""Lines of attempts that are kept for their reports; beyond it a report still finds its part by its attempt."""


MAX_UNCOMMITTED: Final = 1_000
"""Entries on their way at a time, beyond which an app does not keep to the 200 of the contract."""


class Journal:
    """What the phone's journal says, in the words of the seam.

    Args:
        lines: Which line an entry belongs to.
        jobs: Which submit waits for it.
        limit_met: Called with the time at which the platform refused for its limit.
    """

    def __init__(self, lines: Lines, jobs: Jobs, limit_met: Callable[[int], None]) -> None:
        self._lines = lines
        self._jobs = jobs
        self._limit_met = limit_met
        self._ledger = Ledger()
        self._line_of: dict[str, str] = {}

    def belongs(self, attempt_id: str, line: PhoneLine) -> None:
        """Remember the line of an attempt: a report names only the attempt."""
        self._line_of[attempt_id] = line.identity.key
        if len(self._line_of) > ATTEMPTS_REMEMBERED:
            del self._line_of[next(iter(self._line_of))]

    def acknowledge(self, event_id: str) -> int | None:
        """Take an acknowledgement; returns the entry that is committed by it."""
        return self._ledger.acknowledge(event_id)

    def take(self, connection: Connection, entry: JournalEvent) -> None:
        """Hand an entry on: once for each connection, and not at all when it is committed already."""
        if self._ledger.is_committed(entry.id):
            connection.commit(entry.id)  # the phone has not heard it yet
            return
        if entry.id in connection.seen:
            return
        connection.seen.add(entry.id)
        if len(connection.seen) > MAX_UNCOMMITTED:
            raise WireError("id", "more entries than 200 came without waiting for committed")
        at_ms = connection.at_ms(entry.at_ms)
        match entry:
            case SentEvent():
                self._sent(connection, entry, at_ms)
            case FailedEvent():
                self._failed(connection, entry, at_ms)
            case ReportEvent():
                line = self._reported_line(connection, entry, at_ms)
                self._emit(connection, entry.id, received.report(entry, line.identity.key, at_ms))
            case InboundEvent() | TextEvent() | MmsEvent():
                self._inbound(connection, entry, at_ms)

    def _sent(self, connection: Connection, entry: SentEvent, at_ms: int) -> None:
        self._ledger.expect(entry.id, event_ids(entry.id, 1))
        if entry.result == LIMIT_EXCEEDED:
            self._limit_met(at_ms)
        outcome = self._jobs.sent(connection, entry, at_ms)
        if outcome is not None:
            connection.emit(outcome)

    def _failed(self, connection: Connection, entry: FailedEvent, at_ms: int) -> None:
        parts = self._jobs.failed(connection, entry, at_ms)
        self._ledger.expect(entry.id, event_ids(entry.id, len(parts) or 1))
        if not parts:
            (outcome,) = received.failed(entry, (WHOLE_ATTEMPT,), at_ms)
            connection.emit(outcome)

    def _inbound(
        self, connection: Connection, entry: InboundEvent | TextEvent | MmsEvent, at_ms: int
    ) -> None:
        key = self._known(connection, self._lines.of_sub(entry.sub), at_ms).identity.key
        match entry:
            case TextEvent():
                self._emit(connection, entry.id, received.text(entry, key, at_ms))
            case MmsEvent():
                self._emit(connection, entry.id, received.mms(entry, key, at_ms))
            case InboundEvent(pdus=()):
                _LOG.warning("journal entry %d: a broadcast without a PDU", entry.id)
                self._ledger.committed(entry.id)
                connection.commit(entry.id)
            case InboundEvent():
                self._emit(connection, entry.id, *received.inbound(entry, key, at_ms))

    def _reported_line(self, connection: Connection, entry: ReportEvent, at_ms: int) -> PhoneLine:
        line = self._lines.known_here(self._line_of.get(entry.job))
        if line is not None:
            return line
        found = self._lines.any() if entry.sub is None else self._lines.of_sub(entry.sub)
        return self._known(connection, found, at_ms)

    @staticmethod
    def _known(connection: Connection, found: tuple[PhoneLine, bool], at_ms: int) -> PhoneLine:
        """Tell of a line that was made up for an entry before the entry itself."""
        line, made_up = found
        if made_up:
            connection.emit(LineChanged(line.identity.key, MISSING, at_ms))
        return line

    def _emit(self, connection: Connection, number: int, *events: DeviceEvent) -> None:
        self._ledger.expect(number, event_ids(number, len(events)))
        for event in events:
            connection.emit(event)
