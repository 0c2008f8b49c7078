"""Owns what keeps a modem usable: bringing it up, looking after SIM and network, and the ladder back from silence.

Knows no text and no event; whoever calls it holds the turn.
Source: modems.md's facts as code; ladder: ESC and AT, the port anew, CFUN=1,1, then give up and say so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from device_bridge.at import commands
from device_bridge.at.lines import SILENT
from device_bridge.device import LineIdentity, LineState
from device_bridge.errors import LinkLost
from device_bridge.modem import startup
from device_bridge.modem.channel import AtChannel, ModemSilent
from device_bridge.modem.health import HealthTracker
from device_bridge.modem.inbox import Inbox
from device_bridge.modem.settings import ModemSettings
from device_bridge.modem.sim_lock import PinAnswer, PinVerdict, PinWanted, SimLock, sim_state, wants_pin
from device_bridge.modem.submission import Submitter
from device_bridge.sms.outcome import Outcome

_LOG = logging.getLogger(__name__)

_QUIET_HEARTBEATS: Final = 10
"""Heartbeats between questions for signal and CNMI: every five minutes on an idle line."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one modem's driver that upkeep works on."""

    channel: AtChannel
    settings: ModemSettings
    health: HealthTracker
    inbox: Inbox
    submitter: Submitter


class Upkeep:
    """One modem's state of repair."""

    def __init__(self, parts: Parts, identified: Callable[[LineIdentity], None]) -> None:
        self._channel = parts.channel
        self._settings = parts.settings
        self._health = parts.health
        self._inbox = parts.inbox
        self._submitter = parts.submitter
        self._identified = identified
        self._lock = SimLock(parts.channel, parts.settings)
        self._service: startup.MessageService | None = None
        self._heartbeats = 0
        self.facts: startup.ModemFacts | None = None
        self.identity: LineIdentity | None = None
        self.sim_trouble: Outcome | None = None
        self.direct_texts = False

    # ------------------------------------------------------------------ bringing up

    async def open_port(self) -> None:
        """Open the port anew and learn who answers.

        Raises:
            PortUnavailable, LinkLost, ModemSilent: as their names say.
        """
        await self._channel.connect(self._settings.port, self._settings.baudrate)
        await self._introduce()

    async def bring_up(self) -> None:
        """Make a modem that answers ready: SIM, messages, network, and what lies in its stores.

        Raises:
            LinkLost, ModemSilent: as their names say.
        """
        with self._health.one_change():
            await self._bring_up_sim()
            await self._set_up_messages()
            for domain, number in (await startup.subscribe_registration(self._channel)).items():
                self._health.registration(domain, number)
            self._health.signal(await startup.read_signal(self._channel))
            self._health.operator(await startup.read_operator(self._channel))
        if self.identity is not None:
            await self._inbox.drain()

    async def reinitialise(self) -> None:
        """Start the conversation anew with a modem that has restarted."""
        await self._introduce()
        await self.bring_up()

    async def _introduce(self) -> None:
        self._submitter.modem_restarted()
        self._inbox.start_anew()
        self.facts = await startup.introduce(self._channel)
        self._submitter.vendor = self.facts.maker

    async def _bring_up_sim(self) -> None:
        iccid = await startup.read_iccid(self._channel)
        self.sim_trouble = await self._lock.open_with_known(self._name_of_sim(iccid), iccid)
        sim = startup.SimFacts(iccid, None, None, None)
        if self.sim_trouble is None:
            # Some modems hide the ICCID while the SIM is locked.
            sim = await startup.read_sim(self._channel, iccid or await startup.read_iccid(self._channel))
        self._identify(sim)
        self._health.smsc(self._settings.smsc or sim.smsc)
        self._health.sim(self.sim_trouble)

    def _name_of_sim(self, iccid: str | None) -> str:
        """Name the SIM for what is remembered of its PINs; one that hides itself goes by the modem."""
        imei = self.facts.imei if self.facts else None
        return iccid or f"imei:{imei or self._settings.port}"

    def _identify(self, sim: startup.SimFacts) -> None:
        key = sim.iccid or (f"imsi:{sim.imsi}" if sim.imsi else None)
        if key is None:
            return
        known = self.identity
        if known is None or known.key != key:
            known = LineIdentity(key, None, None)
        identity = LineIdentity(
            key, sim.iccid or known.iccid, sim.imsi or known.imsi, sim.number or known.number
        )
        if identity != self.identity:
            self._identified(identity)
            self.identity = identity
            self._inbox.line_key = key

    async def _set_up_messages(self) -> None:
        self._service = await startup.set_up_messages(self._channel, direct_texts=self.direct_texts)
        self._inbox.use(self._service.receives_in, self._service.use, acknowledges=self._service.acknowledges)
        self._inbox.drains = ("SM", "ME", "SR") if self._service.report_store else ("SM", "ME")

    # ------------------------------------------------------------------ its PIN

    @property
    def pin_wanted(self) -> PinWanted | None:
        """Say whether the SIM waits for its PIN, as it was when it was last asked."""
        return PinWanted(self._lock.tries_left) if wants_pin(self.sim_trouble) else None

    async def enter_pin(self, pin: str, *, last_try: bool) -> PinAnswer:
        """Enter a PIN that a person gives; one that is right is kept for this SIM where the SIM says who it is.

        Raises:
            LinkLost, ModemSilent: as their names say; the PIN counts as refused.
        """
        # Read anew: the SIM may be another one than at the last look.
        iccid = await startup.read_iccid(self._channel)
        answer = await self._lock.open_with(self._name_of_sim(iccid), pin, last_try=last_try)
        if answer.verdict is PinVerdict.TAKEN and iccid is not None:
            await self._settings.pin_memory.keep_pin(iccid, pin)
            return replace(answer, kept=True)
        if answer.verdict is PinVerdict.REFUSED:
            self.sim_trouble = answer.trouble
            self._health.sim(answer.trouble)
        return answer

    # ------------------------------------------------------------------ looking after

    async def check_indications(self) -> None:
        """Read CNMI back: a modem that waited too long for an acknowledgement stops announcing without a word."""
        if self._service is not None and not await startup.read_back(self._channel, self._service):
            _LOG.warning("%s had stopped announcing messages: set up again", self._settings.port)
            await self._set_up_messages()
            await self._inbox.drain()

    async def check_sim(self) -> None:
        """Ask for the SIM; one that has come, or was unlocked by a person, makes a line."""
        trouble = await sim_state(self._channel)
        has_come = trouble is None and (self.sim_trouble is not None or self.identity is None)
        if has_come or (wants_pin(trouble) and not wants_pin(self.sim_trouble)):
            await self.bring_up()
            return
        self.sim_trouble = trouble
        self._health.sim(trouble)

    async def check_network(self) -> None:
        """Ask for the registration in each domain."""
        for domain in commands.REGISTRATION_DOMAINS:
            number = await startup.read_registration(self._channel, domain)
            if number is not None:
                self._health.registration(domain, number)
        health = self._health.now()
        if health.state is LineState.UP and health.operator is None:
            self._health.operator(await startup.read_operator(self._channel))

    async def heartbeat(self) -> None:
        """See whether an idle modem lives; ask a line that is not up what it lacks.

        Raises:
            LinkLost, ModemSilent: as their names say.
        """
        self._heartbeats += 1
        if self.identity is None or self._health.now().state is not LineState.UP:
            await self.check_sim()
            await self.check_network()
        elif self._heartbeats % _QUIET_HEARTBEATS == 0:
            self._health.signal(await startup.read_signal(self._channel))
            await self.check_indications()
        elif (await self._channel.ask(commands.AT)).error is SILENT:
            raise ModemSilent("no answer to the heartbeat")

    # ------------------------------------------------------------------ the ladder

    async def answers_again(self) -> bool:
        """First rung: ESC and AT.

        Raises:
            LinkLost: the link went away.
        """
        if not await self._channel.bring_into_step():
            return False
        await self.check_indications()
        return True

    async def climb(self) -> bool:
        """Further rungs: the port anew, then a restart.

        Returns:
            False when the modem has to be given up.
        """
        return await self._back_by(self.open_port) or await self._back_by(self._restart)

    @property
    def can_restart(self) -> bool:
        """Say whether this make comes back from a restart as the same device."""
        return self.facts is None or self.facts.dialect.restarts

    async def restart(self) -> bool:
        """Take the last rung at once, because a person says so.

        Returns:
            False when the modem has to be given up.
        """
        return await self._back_by(self._restart)

    async def _back_by(self, rung: Callable[[], Awaitable[None]]) -> bool:
        try:
            await rung()
            await self.bring_up()
        except (LinkLost, ModemSilent) as error:
            _LOG.warning("%s is not back yet: %s", self._settings.port, error)
            return False
        return True

    async def _restart(self) -> None:
        if not self.can_restart:
            raise ModemSilent("this make does not come back from a restart")
        if not self._channel.connected:
            await self._channel.connect(self._settings.port, self._settings.baudrate)
        await self._channel.begin(commands.RESTART).finished
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._settings.timers.restart_s
        while not await self._channel.bring_into_step():
            if loop.time() > deadline_s:
                raise ModemSilent("no answer after a restart")
        await self._introduce()
