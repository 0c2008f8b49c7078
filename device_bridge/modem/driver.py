"""Owns GsmModem: the seam's Device over a serial modem; which part of the driver a notice goes to, what is due when.

Knows no AT syntax; its parts speak it. One object survives close and open, so that a late +CMGS finds its part.
Source: the seam (device_bridge.device); design, *The gap* and *Errors*.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

from device_bridge.at import commands
from device_bridge.at.lines import AtError
from device_bridge.at.unsolicited import (
    LateVerdict,
    Noise,
    Notice,
    RegistrationChanged,
    Restarted,
    Routed,
    SignalChanged,
    SimChanged,
    Stored,
    StoreFull,
    UssdAnswered,
)  # fmt: skip
from device_bridge.device import (
    Cleared,
    DeviceChanged,
    DeviceEvent,
    DeviceInfo,
    InboundReceived,
    LineChanged,
    LineHealth,
    LineIdentity,
    LineState,
    Outgoing,
    PartOutcome,
    ReportReceived,
)  # fmt: skip
from device_bridge.errors import DeviceNotReady, LinkLost
from device_bridge.link import PortUnavailable
from device_bridge.modem.channel import AtChannel, ModemSilent
from device_bridge.modem.chores import Chore, Chores
from device_bridge.modem.health import HealthTracker, points_at_network, points_at_sim
from device_bridge.modem.inbox import Inbox
from device_bridge.modem.line import GsmLine
from device_bridge.modem.settings import ModemSettings
from device_bridge.modem.sim_lock import PinAnswer, PinVerdict, PinWanted
from device_bridge.modem.submission import GapSample, Submitter
from device_bridge.modem.turns import Priority
from device_bridge.modem.upkeep import Parts, Upkeep
from device_bridge.modem.ussd_session import UssdSession
from device_bridge.sms.outcome import Outcome, local

_LOG = logging.getLogger(__name__)


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class GsmModem:
    """One modem on a serial port, pty or socket. Implements :class:`device_bridge.device.Device`.

    Args:
        settings: What the caller decides about it.
        now_ms: UTC now in milliseconds, for ``at_ms`` of events.
    """

    def __init__(self, settings: ModemSettings, now_ms: Callable[[], int] = _wall_clock_ms) -> None:
        self._settings = settings
        self._now_ms = now_ms
        self._events: asyncio.Queue[DeviceEvent | None] = asyncio.Queue()
        self._channel = AtChannel(self._take_notice, self._link_lost, settings.timers)
        self._health = HealthTracker(self._health_changed)
        self._submitter = Submitter(self._channel, settings, self._emit, now_ms)
        self._chores = Chores(self._channel.turns, self._do)
        self._inbox = Inbox(self._channel, self._emit, now_ms, lambda: self._chores.want(Chore.INBOX))
        self._ussd = UssdSession(self._channel)
        parts = Parts(self._channel, settings, self._health, self._inbox, self._submitter)
        self._upkeep = Upkeep(parts, self._identified)
        self._line: GsmLine | None = None
        self._opened = False
        self._told: DeviceInfo | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._submitter.on_trouble = self._after_refusal
        self._submitter.on_long_submit = lambda: self._chores.want(Chore.INDICATIONS)
        self._inbox.on_acknowledgement_refused = lambda: self._chores.want(Chore.INDICATIONS)
        self._inbox.on_store_use = self._health.stores

    # ------------------------------------------------------------------ Device

    @property
    def info(self) -> DeviceInfo:
        """Who the modem is; ``notes`` say in a sentence what keeps it from having a line."""
        facts = self._upkeep.facts
        trouble = self.trouble
        return DeviceInfo(
            id=(facts.imei if facts else None) or self._settings.port,
            kind="modem",
            address=self._settings.port,
            maker=facts.maker if facts else None,
            model=facts.model if facts else None,
            firmware=facts.firmware if facts else None,
            emulated=self._settings.emulated,
            notes=(f"{trouble.title}. {trouble.hint}",) if trouble else (),
            trouble=trouble,
        )

    @property
    def trouble(self) -> Outcome | None:
        """Why an open modem has no line yet (no SIM, or a locked one that hides its number); None when it has."""
        return self._upkeep.sim_trouble if self._line is None else None

    @property
    def pin_wanted(self) -> PinWanted | None:
        """Say whether the SIM of an open modem waits for its PIN; see :meth:`unlock`."""
        return self._upkeep.pin_wanted if self._opened else None

    @property
    def gap_samples(self) -> deque[GapSample]:
        """See :attr:`GsmLine.gap_samples`."""
        return self._submitter.gap_samples

    def lines(self) -> tuple[GsmLine, ...]:
        """The line of the SIM once its identity is known; a :class:`LineChanged` tells when that changes."""
        return (self._line,) if self._line is not None else ()

    async def open(self) -> None:
        """Open the port, identify the modem, make its line ready and tell what lies in its stores.

        A missing or locked SIM and a missing network do not fail: the modem stays open, its health says why, and
        it recovers by itself. Safe to call again after ``close`` or a lost link.

        Raises:
            DeviceNotReady: the port cannot be opened or nobody answers AT; ``cause.hint`` is the fix.

        On air: never
        """
        await self.close()
        await self._channel.turns.acquire(Priority.CHORE)
        try:
            self._carry_events_over()
            self._health.forget()
            await self._upkeep.open_port()
            await self._upkeep.bring_up()
            self._opened = True
        except (LinkLost, ModemSilent) as error:
            raise DeviceNotReady(_why(error)) from error
        finally:
            if not self._opened:
                self._channel.disconnect()
            self._channel.turns.release()
        self._told = self.info
        self._chores.start()
        self._watch_idle()

    async def close(self) -> None:
        """Let go of the modem. A part on air is left to itself.

        On air: never
        """
        was_open, self._opened = self._opened, False
        if self._timer is not None:
            self._timer.cancel()
        await self._chores.stop()
        self._channel.disconnect()
        if was_open:
            self._events.put_nowait(None)

    async def events(self) -> AsyncIterator[DeviceEvent]:
        """Yield what comes by itself; ends when the modem is closed or lost. For one reader."""
        events = self._events
        while (event := await events.get()) is not None:
            yield event

    async def resume(self, attempt_ids: tuple[str, ...]) -> None:
        """Say nothing: a modem keeps no journal, and what it still says late comes by :meth:`events`.

        On air: never
        """

    async def acknowledge(self, event_id: str) -> None:
        """Let the modem drop its own record of a committed event (W3), before the next text goes out.

        On air: maybe (RP-ACK of a report or text)
        """
        self._inbox.acknowledge(event_id)

    async def unlock(self, pin: str, *, last_try: bool = False) -> PinAnswer:
        """Enter the PIN that a person gives, exactly once, and bring the line up when it is right.

        A PIN that this SIM has refused, or not answered, before is not entered; nor is any where the modem says that
        one try is left, unless ``last_try`` says that the person knows. A right one goes to ``pin_memory``.

        Raises:
            ValueError: not 4 to 8 digits; nothing was asked.
            DeviceNotReady: the modem is away or fell silent; the PIN counts as refused if it was on its way.

        On air: never
        """
        if not self._opened:
            raise DeviceNotReady(local("device_lost"))
        await self._channel.turns.acquire(Priority.CHORE)
        try:
            answer = await self._upkeep.enter_pin(pin, last_try=last_try)
            if answer.verdict is PinVerdict.TAKEN:
                await self._bring_up_unlocked()
            self._tell_of_itself()
        except ModemSilent as error:
            self._chores.want(Chore.RECOVER)
            raise DeviceNotReady(_why(error)) from error
        except LinkLost as error:
            raise DeviceNotReady(_why(error)) from error
        finally:
            self._channel.turns.release()
        return answer

    @property
    def can_restart(self) -> bool:
        """Say whether this make comes back from :meth:`restart`."""
        return self._upkeep.can_restart

    def restart(self) -> None:
        """Begin to restart the modem and to bring it up again, after what it has in hand; health tells how it goes.

        One that does not come back is given up like one that fell silent, so that its port is opened anew.

        Raises:
            DeviceNotReady: it is not open.

        On air: never
        """
        if not self._opened:
            raise DeviceNotReady(local("device_lost"))
        self._chores.want(Chore.RESTART)

    async def _bring_up_unlocked(self) -> None:
        # The PIN was right whatever comes now: the ladder, or whoever opens the port again, goes on from there.
        try:
            await self._upkeep.bring_up()
        except ModemSilent:
            _LOG.warning("%s fell silent after its PIN", self._settings.port)
            self._chores.want(Chore.RECOVER)
        except LinkLost as error:
            _LOG.info("link to %s lost after the PIN: %s", self._settings.port, error)

    # ------------------------------------------------------------------ Line

    async def submit(self, line: GsmLine, outgoing: Outgoing, cleared: Cleared) -> AsyncIterator[PartOutcome]:
        """See :meth:`GsmLine.submit`.

        On air: yes
        """
        self._require_up(line)
        async for outcome in self._submitter.submit(outgoing, cleared):
            yield outcome

    async def ussd(self, line: GsmLine, code: str) -> str:
        """See :meth:`GsmLine.ussd`.

        On air: maybe (USSD, never a text)
        """
        self._require_up(line)
        return await self._ussd.ask(code)

    def health_of(self, line: GsmLine) -> LineHealth:
        """See :meth:`GsmLine.health`."""
        if not self._opened:
            return LineHealth(LineState.DOWN, local("device_lost"))
        if self._line is None or line.identity.key != self._line.identity.key:
            return LineHealth(LineState.NEEDS_ATTENTION, local("sim_missing"))
        return self._health.now()

    def _require_up(self, line: GsmLine) -> None:
        health = self.health_of(line)
        if health.state is not LineState.UP:
            raise DeviceNotReady(health.reason or local("device_not_ready"))

    # ------------------------------------------------------------------ what comes

    def _take_notice(self, notice: Notice) -> None:
        match notice:
            case Routed():
                self._inbox.routed(notice)
            case Stored():
                self._take_stored(notice)
            case LateVerdict():
                self._submitter.late_verdict(notice)
            case UssdAnswered():
                self._ussd.answered(notice)
            case Noise():
                _LOG.debug("unsolicited: %s", notice.line)
            case _:
                self._take_state(notice)

    def _take_state(self, notice: Notice) -> None:
        match notice:
            case RegistrationChanged():
                self._health.registration(notice.domain, notice.registration)
            case SignalChanged():
                self._health.signal(commands.signal_dbm(f"+CSQ: {notice.rssi},99"))
            case SimChanged():
                self._chores.want(Chore.SIM)
            case StoreFull():
                self._inbox.drain_wanted = True
                self._chores.want(Chore.INBOX)
            case Restarted():
                self._modem_restarted(notice)
            case _:
                pass

    def _take_stored(self, notice: Stored) -> None:
        if notice.index is None and not notice.is_report and not self._upkeep.direct_texts:
            # SIM7000: announced and not kept. From now on texts are routed; this one the SMSC repeats, or not.
            _LOG.warning(
                "%s announces texts that it does not keep: asking for direct ones", self._settings.port
            )
            self._upkeep.direct_texts = True
            self._chores.want(Chore.REINITIALISE)
            return
        self._inbox.stored(notice)

    def _modem_restarted(self, notice: Restarted) -> None:
        _LOG.warning("the modem on %s has restarted", self._settings.port)
        if notice.from_cold and self._opened:
            self._channel.interrupt("the modem restarted")
        self._chores.want(Chore.REINITIALISE)  # while it is being opened: once more after that

    def _after_refusal(self, error: AtError) -> None:
        if error.kind == "silent":
            self._chores.want(Chore.RECOVER)
        elif points_at_sim(error):
            self._chores.want(Chore.SIM)
        elif points_at_network(error):
            self._chores.want(Chore.NETWORK)

    # ------------------------------------------------------------------ what goes out

    def _emit(self, event: DeviceEvent) -> None:
        self._events.put_nowait(event)

    def _health_changed(self, health: LineHealth) -> None:
        if self._line is not None:
            self._emit(LineChanged(self._line.identity.key, health, self._now_ms()))

    def _tell_of_itself(self) -> None:
        """Tell what the modem says of itself where that changed: a SIM that kept it from a line has come."""
        info = self.info
        if self._opened and info != self._told:
            self._told = info
            self._emit(DeviceChanged(info, self._now_ms()))

    def _identified(self, identity: LineIdentity) -> None:
        before = self._line
        if before is not None and before.identity.key != identity.key:
            gone = LineHealth(LineState.NEEDS_ATTENTION, local("sim_missing"))
            self._emit(LineChanged(before.identity.key, gone, self._now_ms()))
            self._health.forget()
            self._inbox.start_anew()
        self._line = GsmLine(self, identity)

    def _link_lost(self, reason: LinkLost) -> None:
        _LOG.warning("link to %s lost: %s", self._settings.port, reason)
        if self._opened:
            self._give_up(local("device_lost"))

    def _give_up(self, cause: Outcome) -> None:
        self._opened = False
        self._channel.turns.refuse_submits(DeviceNotReady(cause))
        if self._line is not None:
            gone = LineHealth(LineState.DOWN, cause)
            self._emit(LineChanged(self._line.identity.key, gone, self._now_ms()))
        self._events.put_nowait(None)

    def _carry_events_over(self) -> None:
        """Give the next reader what nobody has taken or acknowledged, and release who still reads the old queue."""
        before, self._events = self._events, asyncio.Queue()
        while not before.empty():
            event = before.get_nowait()
            if event is not None and not isinstance(event, ReportReceived | InboundReceived):
                self._events.put_nowait(event)
        before.put_nowait(None)
        self._inbox.tell_again()

    # ------------------------------------------------------------------ chores, with the turn held

    async def _do(self, chore: Chore) -> None:
        match chore:
            case Chore.RECOVER:
                await self._recover()
            case Chore.RESTART:
                await self._bring_back(self._upkeep.restart)
            case Chore.REINITIALISE:
                await self._upkeep.reinitialise()
            case Chore.INBOX:
                await self._inbox.work()
            case Chore.INDICATIONS:
                await self._upkeep.check_indications()
            case Chore.SIM:
                await self._upkeep.check_sim()
            case Chore.NETWORK:
                await self._upkeep.check_network()
            case Chore.HEARTBEAT:
                await self._upkeep.heartbeat()
        self._tell_of_itself()

    async def _recover(self) -> None:
        """Climb the ladder; at its end the device is given up to its supervisor."""
        try:
            if await self._upkeep.answers_again():
                return
        except ModemSilent:
            _LOG.info("%s answered AT and fell silent again", self._settings.port)
        await self._bring_back(self._upkeep.climb)

    async def _bring_back(self, rungs: Callable[[], Awaitable[bool]]) -> None:
        silent = local("modem_silent")
        self._health.device(silent)
        self._channel.turns.refuse_submits(DeviceNotReady(silent))
        back = await rungs()
        if back and self._opened:
            self._health.device(None)
        elif self._opened:
            _LOG.error("%s does not answer and does not come back: given up", self._settings.port)
            self._channel.disconnect()
            self._give_up(silent)

    def _watch_idle(self) -> None:
        """Look again when the line would have been idle long enough, counted from its last byte."""
        if not self._opened:
            return
        timers = self._settings.timers
        up = self._line is not None and self._health.now().state is LineState.UP
        limit_s = timers.heartbeat_s if up else min(timers.heartbeat_s, timers.sim_poll_s)
        loop = asyncio.get_running_loop()
        left_s = self._channel.heard_s + limit_s - loop.time()
        if left_s <= 0 and not self._channel.turns.held:
            self._chores.want(Chore.HEARTBEAT)
        self._timer = loop.call_later(left_s if left_s > 0 else limit_s, self._watch_idle)


def _why(error: LinkLost | ModemSilent) -> Outcome:
    if isinstance(error, PortUnavailable):
        return replace(local(error.code), hint=error.hint)
    return local("modem_silent" if isinstance(error, ModemSilent) else "device_lost")
