"""Owns the way of one attempt onto the air: prompt and clearance side by side, the PDU only after both, one verdict.

Knows no queue; remembers which parts are in doubt, so that a late +CMGS goes to the right one.
Source: design, *The gap*; 27.005 §3.5.1; W2 is kept where the PDU is written.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from device_bridge.at import commands
from device_bridge.at.dialogue import Accepted, Finished
from device_bridge.at.lines import SILENT, AtError
from device_bridge.at.unsolicited import LateVerdict
from device_bridge.device import Cleared, DeviceEvent, Outgoing, OutgoingPart, PartLost, PartOutcome, PartSent
from device_bridge.errors import DeviceNotReady, LinkLost
from device_bridge.modem.channel import AtChannel, Exchange, ModemSilent
from device_bridge.modem.settings import ModemSettings
from device_bridge.modem.turns import Priority
from device_bridge.modem.verdict import PartName, after_pdu, before_pdu
from device_bridge.sms.outcome import local
from device_bridge.sms.pdu import join_sca

GAP_SAMPLES: Final = 4096
DOUBTS_KEPT: Final = 8
"""Parts in doubt that are remembered; each silence leads to recovery first, so more than one is rare."""


@dataclass(frozen=True, slots=True)
class GapSample:
    """Our share of the time between two parts, as readings of ``perf_counter`` in seconds.

    ``answered_s``: the answer came that left the modem free (the final OK, or the last acknowledgement's);
    ``commanded_s``: the next AT+CMGS went to the port; ``prompted_s``: its prompt came; ``written_s``: the PDU went to
    the port. The measured figure is ``own_s`` of parts that follow one another.
    """

    answered_s: float
    commanded_s: float
    prompted_s: float
    written_s: float

    @property
    def own_s(self) -> float:
        """Seconds in which the radio waited for us."""
        return (self.commanded_s - self.answered_s) + (self.written_s - self.prompted_s)


@dataclass(frozen=True, slots=True)
class _Doubt:
    attempt_id: str
    part: int


class Submitter:
    """Puts parts on air, one at a time."""

    def __init__(
        self, channel: AtChannel, settings: ModemSettings, emit: Callable[[DeviceEvent], None],
        now_ms: Callable[[], int],
    ) -> None:  # fmt: skip
        self._channel = channel
        self._settings = settings
        self._emit = emit
        self._now_ms = now_ms
        self._sca = join_sca(settings.smsc, b"").hex().upper()
        self._doubts: deque[_Doubt] = deque(maxlen=DOUBTS_KEPT)
        self._keeps_link: bool | None = None
        self.vendor: str | None = None
        self.on_trouble: Callable[[AtError], None] = lambda _: None
        self.on_long_submit: Callable[[], None] = lambda: None
        self.gap_samples: deque[GapSample] = deque(maxlen=GAP_SAMPLES)

    def modem_restarted(self) -> None:
        """Forget what the modem forgot: that the radio link is to be kept."""
        if self._keeps_link:
            self._keeps_link = None

    def late_verdict(self, verdict: LateVerdict) -> None:
        """Give a verdict that came when no part awaited one to the part in doubt (design, *The gap*, 4)."""
        if not self._doubts:
            return
        doubt = self._doubts.pop()
        name = PartName(doubt.attempt_id, doubt.part, self._now_ms())
        evidence = f"late {verdict.line}"
        if verdict.error is None:
            mr = commands.message_reference(verdict.line)
            self._emit(PartSent(name.attempt_id, name.part, mr, name.at_ms, evidence))
            return
        outcome = after_pdu(name, verdict.error, self.vendor)
        if isinstance(outcome, PartLost):
            self._doubts.append(doubt)  # "unknown", said late, settles nothing
        else:
            self._emit(outcome)

    async def submit(self, outgoing: Outgoing, cleared: Cleared) -> AsyncIterator[PartOutcome]:
        """See :meth:`device_bridge.device.Line.submit`.

        On air: yes
        """
        exchange: Exchange | None = None
        for part in outgoing.parts:
            exchange = await self._begin(outgoing, part)
            clearing = asyncio.ensure_future(cleared(part))
            outcome = await self._one(outgoing.attempt_id, part, clearing, exchange)
            if outcome is None:
                return
            yield outcome
            if not isinstance(outcome, PartSent):
                break
        if exchange is not None:
            await asyncio.shield(exchange.finished)

    # ------------------------------------------------------------------ before the PDU

    async def _begin(self, outgoing: Outgoing, part: OutgoingPart) -> Exchange:
        turns = self._channel.turns
        await turns.acquire(Priority.SUBMIT)
        try:
            await self._ready_for(outgoing)
            exchange = self._channel.begin(commands.submit(len(part.tpdu)))
        except ModemSilent as error:
            turns.release()
            self.on_trouble(SILENT)
            raise DeviceNotReady(local("modem_silent")) from error
        except LinkLost as error:
            turns.release()
            raise DeviceNotReady(local("device_lost")) from error
        except BaseException:
            turns.release()
            raise
        exchange.finished.add_done_callback(lambda _: turns.release())
        return exchange

    async def _ready_for(self, outgoing: Outgoing) -> None:
        if not self._channel.in_step and not await self._channel.bring_into_step():
            raise ModemSilent("no answer to AT")
        if outgoing.more_follow and self._keeps_link is None:
            # Asked once: modems without it (or on LTE, where it does nothing) answer ERROR.
            self._keeps_link = (await self._channel.ask(commands.KEEP_LINK)).error is None

    async def _one(self, attempt_id: str, part: OutgoingPart, clearing: asyncio.Future[bool],
                   exchange: Exchange) -> PartOutcome | None:  # fmt: skip
        try:
            prompted = await exchange.prompted
            if not await self._clearance(clearing):
                self._channel.take_back(exchange)
                await asyncio.shield(exchange.finished)
                return None
        except BaseException:
            clearing.cancel()
            self._channel.take_back(exchange)
            raise
        if not prompted or exchange.finished.done():
            return self._not_on_air(attempt_id, part, exchange.finished.result().error)
        try:
            # W2: nothing of the PDU leaves before the clearance above.
            pdu_hex = self._sca + part.tpdu.hex().upper()
            self._channel.write_pdu(exchange, pdu_hex, self._settings.submit_timeout_s)
        except LinkLost as error:
            return self._not_on_air(attempt_id, part, AtError("lost", None, str(error)))
        return await self._verdict(attempt_id, part, exchange)

    async def _clearance(self, clearing: asyncio.Future[bool]) -> bool:
        if not clearing.done():
            # A refusal of the modem does not end this wait: its verdict is due only for a part that was cleared.
            await asyncio.wait((clearing,), timeout=self._settings.timers.clearance_s)
        if clearing.done():
            return clearing.result()
        clearing.cancel()
        return False

    def _not_on_air(self, attempt_id: str, part: OutgoingPart, error: AtError | None) -> PartOutcome:
        # OK to a command that was to bring a prompt says nothing was taken.
        refusal = error or AtError("plain", None, "OK without a prompt")
        self.on_trouble(refusal)
        return before_pdu(PartName(attempt_id, part.number, self._now_ms()), refusal, self.vendor)

    # ------------------------------------------------------------------ after the PDU

    async def _verdict(self, attempt_id: str, part: OutgoingPart, exchange: Exchange) -> PartOutcome:
        sample = GapSample(exchange.freed_s, exchange.commanded_s, exchange.prompted_s, exchange.written_s)
        self.gap_samples.append(sample)
        doubt = _Doubt(attempt_id, part.number)
        try:
            verdict = await exchange.verdict
        except asyncio.CancelledError:
            # Nobody waits any more, but the modem will still say what became of it.
            exchange.finished.add_done_callback(lambda end: self._orphaned(doubt, exchange, end.result()))
            raise
        name = PartName(attempt_id, part.number, self._now_ms())
        if perf_counter() - exchange.written_s > self._settings.timers.long_submit_s:
            self.on_long_submit()
        if isinstance(verdict, AtError):
            outcome = after_pdu(name, verdict, self.vendor)
            if isinstance(outcome, PartLost):
                self._doubts.append(doubt)
            self.on_trouble(verdict)
            return outcome
        if verdict is None:
            return PartSent(name.attempt_id, name.part, None, name.at_ms, "OK without +CMGS")
        mr = commands.message_reference(verdict.line)
        return PartSent(name.attempt_id, name.part, mr, name.at_ms, verdict.line)

    def _orphaned(self, doubt: _Doubt, exchange: Exchange, end: Finished) -> None:
        self._doubts.append(doubt)
        verdict = exchange.verdict
        accepted = verdict.result() if verdict.done() and not verdict.cancelled() else None
        if isinstance(accepted, Accepted):
            self.late_verdict(LateVerdict(accepted.line, None))
        elif end.error is None:
            self.late_verdict(LateVerdict(end.lines[0] if end.lines else "OK", None))
        elif end.error.kind not in {"silent", "lost"}:
            self.late_verdict(LateVerdict(end.error.text, end.error))
