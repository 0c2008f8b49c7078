"""Owns the service centre: judges each SUBMIT, routes between its lines, sends reports, keeps the log.

Refuses to know AT and bytes on wires; a line hands in a SUBMIT, the verdict comes back as a value.
Source: 3GPP TS 23.040 §9.2.3.15 (TP-ST), §9.2.3.22 (TP-FCS), §9.2.3.25 (TP-RD), 24.011 Annex E-2.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, TextIO, TypeVar

from device_bridge.emulator import frames
from device_bridge.emulator.frames import SubmitFrame
from device_bridge.emulator.mailbox import Item, Mailbox
from device_bridge.emulator.numbers import (
    DELIVERED,
    RP_UNASSIGNED,
    SANDBOX,
    SANDBOX_PREFIX,
    ST_EXPIRED,
    ST_RECEIVED,
    Fate,
    normalise,
)
from device_bridge.emulator.settings import NetworkSettings

REMEMBERED: Final = 100_000  # texts, reports and duplicates kept in memory; beyond that the oldest half goes
FCS_DUPLICATE: Final = 0xC5  # 23.040 §9.2.3.22: SM rejected, duplicate
REPORT_VALIDITY_MS: Final = (
    2 * 86_400_000
)  # a report for a line that is away waits as long as a text without TP-VP


_Entry = TypeVar("_Entry")
_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Submission:
    """One text that went on air: the SMSC took it. ``tpdu`` is the SUBMIT with the SIM's TP-MR in it."""

    line: int
    destination: str
    mr: int
    tpdu: bytes
    at_ms: int


@dataclass(frozen=True, slots=True)
class Refused:
    """One SUBMIT that the SMSC refused with a cause (RP cause, or TP-FCS from 128)."""

    line: int
    destination: str
    tpdu: bytes
    cause: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One DELIVER or STATUS-REPORT that a line's modem acknowledged (RP-ACK)."""

    line: int
    tpdu: bytes
    report: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """``cause`` None = accepted. ``answers`` False: the modem never hears of it (sandbox numbers 7 and 8)."""

    cause: int | None = None
    answers: bool = True


class ServiceCentre:
    """The SMSC of one network. Lines are numbered from 1; ``add_line`` them before anything is submitted."""

    def __init__(self, settings: NetworkSettings, now_ms: Callable[[], int]) -> None:
        self.submissions: list[Submission] = []
        self.refusals: list[Refused] = []
        self.deliveries: list[Delivery] = []
        self._settings = settings
        self.now_ms = now_ms
        self._numbers: dict[str, int] = {}
        self._mailboxes: dict[int, Mailbox] = {}
        self._refused_so_far: dict[tuple[str, int, bytes, int], int] = {}
        self._accepted: dict[tuple[int, int, str], int] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self._log: TextIO | None = None

    def add_line(self, line: int, number: str, mailbox: Mailbox) -> None:
        """Make a line known under its number."""
        self._numbers[number] = line
        self._mailboxes[line] = mailbox

    def log_to(self, path: Path) -> None:
        """Append one JSON line per text that goes on air, flushed so that other processes can count."""
        self._log = path.open("a", encoding="utf-8")

    def line_of(self, number: str) -> int | None:
        """Tell which line has a number, None for a stranger."""
        return self._numbers.get(normalise(number))

    def mailbox(self, line: int) -> Mailbox:
        """Return the queue of a line, to kick it."""
        return self._mailboxes[line]

    def submit(self, line: int, tpdu: bytes) -> Verdict:
        """Judge one SUBMIT whose TP-MR is set, and start what follows from taking it."""
        frame = frames.parse_submit(tpdu)
        destination = normalise(frame.destination)
        fate = self._fate(destination)
        cause = self._refusal(line, frame, destination, fate)
        now = self.now_ms()
        if cause is not None:
            _remember(self.refusals, Refused(line, destination, tpdu, cause, now))
            return Verdict(cause)
        self._accepted[line, frame.mr, destination] = now + frame.validity_s * 1000
        _forget_oldest(self._accepted)
        self._record(Submission(line, destination, frame.mr, tpdu, now))
        self._forward(line, frame, destination, fate)
        return Verdict(answers=fate.answers)

    def deliver(self, line: int, tpdu: bytes, *, validity_s: int = frames.DEFAULT_VALIDITY_S) -> None:
        """Send a DELIVER (any octets) to a line, in order, until its modem takes it or validity runs out."""
        self._queue(line, Item(tpdu, report=False, expires_ms=self.now_ms() + validity_s * 1000))

    def close(self) -> None:
        """Stop every timer and close the log."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for mailbox in self._mailboxes.values():
            mailbox.close()
        if self._log is not None:
            self._log.close()
            self._log = None

    # ------------------------------------------------------------------ judging

    def _fate(self, destination: str) -> Fate:
        if self._settings.sandbox_numbers and destination in SANDBOX:
            return SANDBOX[destination]
        if destination in self._numbers or destination.startswith(SANDBOX_PREFIX):
            return DELIVERED
        return DELIVERED if not self._settings.sandbox_only else Fate(refusals=-1, cause=RP_UNASSIGNED)

    def _refusal(self, line: int, frame: SubmitFrame, destination: str, fate: Fate) -> int | None:
        if frame.rejects_duplicates and self._accepted.get((line, frame.mr, destination), 0) > self.now_ms():
            return FCS_DUPLICATE
        if fate.refusals < 0:
            return fate.cause
        if fate.refusals:
            # A retry may carry a new concatenation reference: the text and its place in the set name it.
            text = (destination, frame.dcs, frame.user_data[len(frame.header) :], frame.part_number)
            so_far = self._refused_so_far.get(text, 0)
            if so_far < fate.refusals:
                self._refused_so_far[text] = so_far + 1
                _forget_oldest(self._refused_so_far)
                return fate.cause
            del self._refused_so_far[text]
        return None

    def _record(self, submission: Submission) -> None:
        _remember(self.submissions, submission)
        if self._log is not None:
            row = asdict(submission) | {"tpdu": submission.tpdu.hex().upper()}
            self._log.write(json.dumps(row) + "\n")
            self._log.flush()

    # ------------------------------------------------------------------ what follows

    def _forward(self, line: int, frame: SubmitFrame, destination: str, fate: Fate) -> None:
        now = self.now_ms()
        if destination in self._numbers:
            tpdu = frames.deliver_from(frame, self._number_of(line), now)

            def report(st: int) -> None:
                self._report_later(line, frame, now, Fate(report_st=st))

            item = Item(
                tpdu,
                report=False,
                expires_ms=now + frame.validity_s * 1000,
                taken=lambda: report(ST_RECEIVED),
                expired=lambda: report(ST_EXPIRED),
            )
            recipient = self._numbers[destination]
            self._later(0.0, lambda: self._queue(recipient, item))  # the sender hears of it first
            return
        self._report_later(line, frame, now, fate)
        if fate.reply is not None and frame.part_number == 1:
            self._later(
                fate.reply_delay_s * self._settings.sandbox_delay_scale,
                lambda: self._reply(line, destination, fate.reply or ""),
            )

    def _report_later(self, line: int, frame: SubmitFrame, accepted_ms: int, fate: Fate) -> None:
        if fate.report_st is None or not frame.wants_report:
            return
        delay_s = self._settings.report_delay_s
        if fate.report_delay_s is not None:
            delay_s = fate.report_delay_s * self._settings.sandbox_delay_scale
        st = fate.report_st
        if delay_s > frame.validity_s:
            delay_s, st = frame.validity_s, ST_EXPIRED

        def report() -> None:
            now = self.now_ms()
            tpdu = frames.status_report(frame, frame.mr, accepted_ms, now, st)
            self._queue(line, Item(tpdu, report=True, expires_ms=now + REPORT_VALIDITY_MS))

        self._later(delay_s, report)

    def _reply(self, line: int, originator: str, text: str) -> None:
        now = self.now_ms()
        septets = text.encode("ascii")
        frame = frames.SubmitFrame(0, 0, "", b"", 0, 0, 0, len(septets), frames.pack_septets(septets))
        self.deliver(line, frames.deliver_from(frame, originator, now))

    def _queue(self, line: int, item: Item) -> None:
        def taken() -> None:
            _remember(self.deliveries, Delivery(line, item.tpdu, item.report, self.now_ms()))
            item.taken()

        self._mailboxes[line].put(replace(item, taken=taken))

    def _number_of(self, line: int) -> str:
        return next(number for number, owner in self._numbers.items() if owner == line)

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(delay_s, run)
        self._timers.add(handle)


def _remember(log: list[_Entry], entry: _Entry) -> None:
    log.append(entry)
    if len(log) > REMEMBERED:
        del log[: REMEMBERED // 2]


def _forget_oldest(held: dict[_Key, int]) -> None:
    if len(held) > REMEMBERED:
        del held[next(iter(held))]
