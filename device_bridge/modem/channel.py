"""Owns one modem's link and dialogue together: a command out, its answer or silence back, one at a time.

Refuses to know what commands mean; keeps the dialogue in step after silence (ESC, AT, a question as a barrier).
Source: V.250 §5.2 (a command line is answered before the next); 27.005 §3.5.1 (ESC at the prompt).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Final

from device_bridge.at import commands
from device_bridge.at.dialogue import ESC, Accepted, Command, Dialogue, Finished, Prompted
from device_bridge.at.lines import SILENT, AtError
from device_bridge.at.unsolicited import Notice, parse_unsolicited
from device_bridge.errors import DeviceBridgeError, LinkLost
from device_bridge.link import ByteLink, open_link
from device_bridge.modem.settings import Timers
from device_bridge.modem.turns import Turns

SYNC_ATTEMPTS: Final = 4
"""Times ESC and AT are tried: an autobauding UART eats the first, a waking modem the second."""

QUIET_ROUNDS: Final = 10
"""Times to wait for quiet on a modem that never stops chattering, before going on regardless."""

SIM_BUSY_ASKS: Final = 10
"""Times a busy SIM is asked, 2 s apart: it is ready within 20 s of power-up."""

_SIM_BUSY: Final = frozenset({14, 314})


class ModemSilent(DeviceBridgeError):
    """The modem does not even answer AT. Stays inside the driver."""


class Exchange:
    """One command under way. Each future completes exactly once and never fails; ``finished`` is awaited shielded.

    ``prompted`` is False when the command ended without a prompt. ``verdict`` is the first word on a message:
    the +CMGS line, or None for a bare OK, or the error. ``finished`` is the end of it. Readings of ``perf_counter``
    in seconds: ``freed_s`` the answer before this command came, ``commanded_s``, ``prompted_s``,
    ``written_s`` the PDU. What we write is timed just before: the kernel may run the receiver before the call returns.
    """

    __slots__ = (
        "command",
        "commanded_s",
        "finished",
        "freed_s",
        "prompted",
        "prompted_s",
        "timer",
        "verdict",
        "written_s",
    )

    def __init__(self, command: Command, loop: asyncio.AbstractEventLoop, freed_s: float) -> None:
        self.command = command
        self.prompted: asyncio.Future[bool] = loop.create_future()
        self.verdict: asyncio.Future[Accepted | AtError | None] = loop.create_future()
        self.finished: asyncio.Future[Finished] = loop.create_future()
        self.timer: asyncio.TimerHandle | None = None
        self.freed_s = freed_s
        self.commanded_s = 0.0
        self.prompted_s = 0.0
        self.written_s = 0.0


class AtChannel:
    """A modem that can be asked. Whoever asks holds the turn."""

    def __init__(
        self, on_notice: Callable[[Notice], None], on_lost: Callable[[LinkLost], None], timers: Timers
    ) -> None:
        self._on_notice = on_notice
        self._on_lost = on_lost
        self._dialogue = Dialogue()
        self._link: ByteLink | None = None
        self._exchange: Exchange | None = None
        self._in_step = False
        self.timers = timers
        self.turns = Turns()
        self.heard_s = 0.0
        self._freed_s = 0.0

    # ------------------------------------------------------------------ the link

    @property
    def connected(self) -> bool:
        """Bytes can be written."""
        return self._link is not None and not self._link.closed.done()

    async def connect(self, port: str, baudrate: int) -> None:
        """Open the port anew.

        Raises:
            PortUnavailable: with the fix.
        """
        self.disconnect()
        self._dialogue.reset()
        self._in_step = False
        link = await open_link(port, baudrate, self._take)
        self._link = link
        self.heard_s = asyncio.get_running_loop().time()
        link.closed.add_done_callback(lambda reason: self._closed(link, reason.result()))

    def disconnect(self) -> None:
        """Close the port on purpose; a command under way ends as lost."""
        link, self._link = self._link, None
        if link is not None:
            link.close()
            self._end(AtError("lost", None, "the port was closed"))

    def _closed(self, link: ByteLink, reason: LinkLost) -> None:
        if self._link is link:
            self._link = None
            self._end(AtError("lost", None, str(reason)))
            self._on_lost(reason)

    # ------------------------------------------------------------------ asking

    async def ask(self, command: Command) -> Finished:
        """Send a command and wait for its answer.

        Returns:
            Lines and error; the error is ``SILENT`` when no result came within the command's limit.

        Raises:
            LinkLost: the link went away.
            ModemSilent: the modem had lost step before and does not answer AT.

        On air: never (a message goes by :meth:`begin` and :meth:`write_pdu`)
        """
        if not self._in_step and not await self.bring_into_step():
            raise ModemSilent(f"no answer to AT before {command.line.partition('=')[0]}")
        return await self._ask(command)

    async def ask_ready(self, command: Command) -> Finished:
        """Ask what reads the SIM, again while the SIM is busy: for seconds after power-up or its PIN.

        Raises:
            LinkLost, ModemSilent: as :meth:`ask`.
        """
        for _ in range(SIM_BUSY_ASKS - 1):
            answer = await self.ask(command)
            if answer.error is None or answer.error.code not in _SIM_BUSY:
                return answer
            await asyncio.sleep(self.timers.sim_busy_s)
        return await self.ask(command)

    async def _ask(self, command: Command) -> Finished:
        exchange = self.begin(command)
        try:
            answer = await exchange.finished
        except asyncio.CancelledError:
            self._expire(exchange)
            raise
        if answer.error is not None and answer.error.kind == "lost":
            raise LinkLost(answer.error.text)
        return answer

    async def bring_into_step(self) -> bool:
        """Make sure that the next answer belongs to the next command.

        ESC closes a prompt that a crash may have left open; AT shows life; questions whose answers have
        names of their own show that nothing older is still to come.

        Returns:
            False when the modem does not answer.

        Raises:
            LinkLost: the link went away.
        """
        for _ in range(SYNC_ATTEMPTS):
            self._write(ESC)
            if (await self._ask(commands.AT)).error is SILENT:
                continue
            if await self._barrier():
                self._in_step = True
                return True
        return False

    async def _barrier(self) -> bool:
        """Ask until each question got the answer with its own name; the OK of a text that a killed run has left on
        air, and the answers that queued up behind it, have other names or none."""
        for _ in range(QUIET_ROUNDS):
            answer = await self._ask(commands.PDU_MODE_QUERY)
            if answer.lines:
                # The killed run may have left this very question behind: only a second one is surely our own.
                answer = await self._ask(commands.INDICATIONS_READ)
                if answer.lines:
                    return True
            if answer.error is not None:
                # A modem that cannot say its mode: late results show themselves in a pause instead.
                await self._quiet()
                return (await self._ask(commands.AT)).error is not SILENT
            # An older OK: our own answer is still to come and must not answer the next round.
            await self._quiet()
        return False

    async def _quiet(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(QUIET_ROUNDS):
            await asyncio.sleep(self.timers.quiet_s)
            if loop.time() - self.heard_s >= self.timers.quiet_s:
                return

    # ------------------------------------------------------------------ one command under way

    @property
    def in_step(self) -> bool:
        """The next answer will belong to the next command."""
        return self._in_step

    def begin(self, command: Command) -> Exchange:
        """Write a command line now.

        Raises:
            LinkLost: nothing was written.
        """
        exchange = Exchange(command, asyncio.get_running_loop(), self._freed_s)
        octets = self._dialogue.start(command)
        exchange.commanded_s = perf_counter()
        try:
            self._write(octets)
        except LinkLost:
            self._dialogue.abandon()
            raise
        self._exchange = exchange
        self._arm(exchange, command.timeout_s * self.timers.command_factor)
        return exchange

    def write_pdu(self, exchange: Exchange, pdu_hex: str, timeout_s: float) -> None:
        """Answer the prompt; from here on the message may be on air.

        Raises:
            LinkLost: nothing was written.

        On air: yes
        """
        exchange.written_s = perf_counter()
        self._write(self._dialogue.payload(pdu_hex))
        self._arm(exchange, timeout_s)

    def take_back(self, exchange: Exchange) -> None:
        """Give ESC instead of a PDU; ``exchange.finished`` completes with the modem's answer or without."""
        if exchange.finished.done():
            return
        try:
            self._write(self._dialogue.escape())
        except LinkLost:
            return  # the loss of the link ends the exchange by itself
        self._arm(exchange, self.timers.escape_s)

    def interrupt(self, reason: str) -> None:
        """End the command under way as lost: the modem has restarted and will not answer it."""
        self._end(AtError("lost", None, reason))
        self._dialogue.abandon()
        self._in_step = False

    def _arm(self, exchange: Exchange, timeout_s: float) -> None:
        if exchange.timer is not None:
            exchange.timer.cancel()
        exchange.timer = asyncio.get_running_loop().call_later(timeout_s, self._expire, exchange)

    def _expire(self, exchange: Exchange) -> None:
        if self._exchange is exchange:
            self._in_step = False
            self._dialogue.abandon()
            self._end(SILENT)

    def _end(self, error: AtError) -> None:
        if self._exchange is not None:
            self._finish(self._exchange, Finished((), error))

    def _finish(self, exchange: Exchange, answer: Finished) -> None:
        self._exchange = None
        if exchange.timer is not None:
            exchange.timer.cancel()
        if not exchange.prompted.done():
            exchange.prompted.set_result(False)
        if not exchange.verdict.done():
            exchange.verdict.set_result(answer.error)
        if not exchange.finished.done():
            exchange.finished.set_result(answer)

    # ------------------------------------------------------------------ bytes

    def _write(self, octets: bytes) -> None:
        if self._link is None:
            raise LinkLost("the port is closed")
        self._link.write(octets)

    def _take(self, octets: bytes) -> None:
        arrived_s = perf_counter()
        self.heard_s = asyncio.get_running_loop().time()
        for event in self._dialogue.feed(octets):
            exchange = self._exchange
            if isinstance(event, Finished):
                self._freed_s = arrived_s
                if exchange is not None:
                    self._finish(exchange, event)
            elif isinstance(event, Accepted):
                self._freed_s = arrived_s
                if exchange is not None and not exchange.verdict.done():
                    exchange.verdict.set_result(event)
                    self._arm(exchange, self.timers.final_s)
            elif isinstance(event, Prompted):
                if exchange is not None and not exchange.prompted.done():
                    exchange.prompted_s = arrived_s
                    exchange.prompted.set_result(True)
                    # From here the clearance has its own limit; this one only guards against a forgotten exchange.
                    self._arm(exchange, exchange.command.timeout_s + self.timers.clearance_s)
            else:
                self._on_notice(parse_unsolicited(event.line, event.pdu))
