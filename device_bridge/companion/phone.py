"""Owns AndroidPhone: the seam's Device over the companion's link; which connection is the phone's, and what goes where.

Knows no queue, no SQL and no HTTP; its parts carry jobs, read the journal and keep the lines. One object for a paired
install, whatever comes and goes.
Source: the seam (device_bridge.device); docs/link.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from device_bridge.companion import received
from device_bridge.companion.about import About
from device_bridge.companion.caps import Cap
from device_bridge.companion.connection import Connection
from device_bridge.companion.jobs import Jobs
from device_bridge.companion.journal import Journal
from device_bridge.companion.line import PhoneLine
from device_bridge.companion.resuming import Resumption
from device_bridge.companion.settings import PhoneTimers, bye
from device_bridge.companion.sims import Changed, Lines
from device_bridge.companion.wire import (
    Answer,
    FromPhone,
    HealthChanged,
    Hello,
    JobStates,
    OtherVersion,
    Refused,
    Sim,
    SimsChanged,
    Taken,
    UssdFrame,
    Welcome,
    WireError,
    decode_from_phone,
    encode,
)
from device_bridge.device import (
    Cleared,
    DeviceChanged,
    DeviceEvent,
    DeviceInfo,
    LineChanged,
    LineHealth,
    LineState,
    Outgoing,
    PartLost,
    PartNotSent,
    PartOutcome,
    PartsCap,
)
from device_bridge.errors import DeviceNotReady, LinkLost
from device_bridge.link.websocket import BadMessage, GatewayName, LinkSocket
from device_bridge.sms.outcome import local

_LOG = logging.getLogger(__name__)


class AndroidPhone:
    """One paired install of the companion. Implements :class:`device_bridge.device.Device`.

    Args:
        install_id: The install's own id, made once by the app.
        now_ms: UTC now in milliseconds, for ``at_ms`` of events and the phone's clock.
        timers: See :class:`PhoneTimers`.
    """

    def __init__(
        self,
        install_id: str,
        now_ms: Callable[[], int],
        timers: PhoneTimers = PhoneTimers(),  # noqa: B008
    ) -> None:
        self.install_id = install_id
        self.on_conflict: Callable[[str], None] = lambda _remote: None
        self.on_gone: Callable[[], None] = lambda: None
        self._now_ms = now_ms
        self._timers = timers
        self._cap = Cap()
        self._about = About(install_id, self._cap)
        self._lines = Lines(install_id, lambda identity, sub: PhoneLine(self, identity, sub))
        self._jobs = Jobs(timers, now_ms, lambda: self._limit_met(now_ms()))
        self._journal = Journal(self._lines, self._jobs, self._limit_met)
        self._current: Connection | None = None
        self._opened: Connection | None = None
        self._resumption: Resumption | None = None
        self._sims: tuple[Sim, ...] = ()
        self._up = asyncio.Event()
        self._arriving = asyncio.Lock()

    # ------------------------------------------------------------------ Device

    @property
    def info(self) -> DeviceInfo:
        """Who the phone is and how it fares, as of its last word."""
        return self._about.info

    @property
    def cap(self) -> PartsCap:
        """Parts that may be given to it in a window, over all its lines."""
        return self._cap.usable

    @property
    def connected(self) -> bool:
        """Say whether the app is there, whoever has opened the device."""
        return self._current is not None and not self._current.ended

    def lines(self) -> tuple[PhoneLine, ...]:
        """One line for each SIM that is there; a :class:`LineChanged` tells when that changes."""
        return self._lines.now()

    async def open(self) -> None:
        """Wait, for as long as it takes, until the app is connected; its lines are known then.

        Safe to call again after the connection ended or after ``close``.

        On air: never
        """
        await self._up.wait()
        connection, before = self._current, self._opened
        if connection is None or connection is before:
            return
        self._opened = connection
        if before is not None:
            _carry_over(before, connection)

    async def close(self) -> None:
        """Let go of the connection that was opened; the app comes back by itself. A newer one is left alone.

        On air: never
        """
        connection = self._opened
        if connection is not None:
            connection.end(bye("stopping"))
            await connection.closed()

    async def events(self) -> AsyncIterator[DeviceEvent]:
        """Yield what comes by itself; ends when the connection has ended. For one reader."""
        connection = self._opened
        if connection is None:
            return
        while (event := await connection.events.get()) is not None:
            yield event

    async def resume(self, attempt_ids: tuple[str, ...]) -> None:
        """Ask what became of attempts from before a break; those that a running submit waits for are left out.

        Answers come by :meth:`events`, with ``part`` :data:`WHOLE_ATTEMPT` (0) where the phone speaks of the attempt
        as a whole: each of its parts that has no verdict.

        On air: never
        """
        connection, resumption = self._opened, self._resumption
        asked = tuple(attempt_id for attempt_id in attempt_ids if attempt_id not in self._jobs)
        if asked and resumption is not None and connection is self._current:
            await resumption.ask(asked)

    async def acknowledge(self, event_id: str) -> None:
        """Let the phone drop its own record of an event that is committed (W3); now, or once it is connected.

        On air: never
        """
        number = self._journal.acknowledge(event_id)
        if number is not None and self._current is not None:
            self._current.commit(number)

    # ------------------------------------------------------------------ Line

    async def submit(
        self, line: PhoneLine, outgoing: Outgoing, cleared: Cleared
    ) -> AsyncIterator[PartOutcome]:
        """See :meth:`PhoneLine.submit`.

        On air: yes
        """
        connection = self._require_up(line)
        self._journal.belongs(outgoing.attempt_id, line)
        # Closed with its caller: a submit that is given up must not wait for the garbage collector.
        async with aclosing(self._jobs.submit(connection, line.sub, outgoing, cleared)) as outcomes:
            async for outcome in outcomes:
                yield outcome

    async def ussd(self, line: PhoneLine, code: str) -> str:
        """See :meth:`PhoneLine.ussd`.

        On air: maybe (USSD, never a text)
        """
        connection = self._require_up(line)
        re = connection.next_number()
        try:
            answer = await connection.request(UssdFrame(re, line.sub, code), re, self._timers.ussd_s)
        except LinkLost as error:
            raise DeviceNotReady(local("phone_gone")) from error
        except TimeoutError as error:
            raise DeviceNotReady(local("device_not_ready")) from error
        if not answer.ok:
            raise DeviceNotReady(received.ussd_refusal(answer.code, answer.detail))
        return answer.text

    def health_of(self, line: PhoneLine) -> LineHealth:
        """See :meth:`PhoneLine.health`."""
        if self._opened is None or self._opened.ended:
            return LineHealth(LineState.DOWN, local("phone_gone"))
        return self._lines.health_of(line)

    def _require_up(self, line: PhoneLine) -> Connection:
        health, connection = self.health_of(line), self._opened
        if health.state is not LineState.UP or connection is None:
            raise DeviceNotReady(health.reason or local("device_not_ready"))
        return connection

    # ------------------------------------------------------------------ what others know

    def enforce(self, cap: PartsCap) -> None:
        """Say what the platform lets out, as adb read it: it goes before what the app says and what a refusal taught.

        Args:
            cap: The limit itself; a margin is taken off it here.
        """
        self._cap.enforce(cap, self._now_ms())
        self._tell_info(self._about.changed())

    async def drop(self, code: str) -> None:
        """End the connection, if there is one, with a ``bye`` of this code (revoked, stopping, …)."""
        connection = self._current
        if connection is not None and not connection.ended:
            connection.end(bye(code))
            await connection.closed()

    # ------------------------------------------------------------------ connections

    async def greet(self, socket: LinkSocket, gateway: GatewayName) -> None:
        """Wait for the hello on a new socket and serve it; a hello that is none is answered with a ``bye``."""
        try:
            async with asyncio.timeout(self._timers.hello_s):
                text = await socket.receive()
            if text is None:
                return
            hello = _hello(text)
        except OtherVersion as error:
            _LOG.warning("phone %s speaks version %d of the link", self.install_id, error.version)
            await socket.close(encode(bye("version", f"the app {error.version}, the gateway 1")))
        except TimeoutError:
            await socket.close(encode(bye("malformed", "no hello came in time")))
        except (WireError, BadMessage) as error:
            await self._malformed(socket, error)
        else:
            await self.serve(hello, socket, gateway)

    async def serve(self, hello: Hello, socket: LinkSocket, gateway: GatewayName) -> None:
        """Carry one connection to its end, if this phone may have it (docs/link.md, *Opening*).

        Args:
            hello: Its first message.
            socket: Nothing else of it was read.
            gateway: Named in the welcome.
        """
        async with self._arriving:
            refusal = await self._refusal(hello, socket)
            if refusal is not None:
                await socket.close(encode(bye(refusal)))
                return
            before = self._current
            connection = Connection(socket, hello, self._now_ms, self._timers)
            try:
                await connection.send(
                    Welcome(gateway.id, gateway.name, self._now_ms(), gateway.urls, gateway.pin)
                )
            except LinkLost:
                connection.end()
                return
            if before is not None:
                before.end(bye("replaced"))
            self._begin(connection)
        await self._read(connection)

    async def _refusal(self, hello: Hello, socket: LinkSocket) -> str | None:
        """Say by which code a newcomer is refused; None when the place is free or freed for it."""
        if hello.install != self.install_id:
            _LOG.warning("install %.40r came with the key of %s", hello.install, self.install_id)
            return "foreign"
        current = self._current
        if current is None or current.ended or current.hello.run == hello.run:
            return None
        if await current.socket.alive(self._timers.alive_s) and not current.ended:
            _LOG.warning("two phones are %s; the one that came first stays", self.install_id)
            self.on_conflict(socket.remote)
            return "conflict"
        current.end()
        return None

    def _begin(self, connection: Connection) -> None:
        hello = connection.hello
        self._current, self._sims = connection, hello.sims
        self._resumption = Resumption(connection, self._timers, self._now_ms)
        connection.on_end.append(lambda: self._ended(connection))
        self._cap.told(hello.health.limit)
        self._about.hello(hello, connection.socket.remote)
        self._tell_lines(connection, self._lines.new_connection(hello.sims, hello.health))
        self._up.set()
        _LOG.info("phone %s is connected over %s", self.install_id, hello.way)

    def _ended(self, connection: Connection) -> None:
        self._jobs.connection_ended(connection)
        if connection is self._current:
            self._up.clear()
            self.on_gone()

    async def _read(self, connection: Connection) -> None:
        try:
            while not connection.ended and (text := await connection.socket.receive()) is not None:
                if not connection.ended:  # what comes after the end is sent again on the next connection
                    self._take(connection, decode_from_phone(text))
        except (WireError, BadMessage) as error:
            connection.end(bye("malformed", str(error)))
            _LOG.warning("phone %s: a message that is none (%s)", self.install_id, error)
        finally:
            connection.end()
            await connection.closed()

    async def _malformed(self, socket: LinkSocket, error: WireError | BadMessage) -> None:
        _LOG.warning("phone %s: a hello that is none (%s)", self.install_id, error)
        await socket.close(encode(bye("malformed", str(error))))

    # ------------------------------------------------------------------ what comes

    def _take(self, connection: Connection, said: FromPhone) -> None:
        match said:
            case Taken() | Refused():
                self._jobs.say(said.job, said)
            case JobStates():
                if self._resumption is not None:
                    self._resumption.answered(said)
            case Answer():
                connection.answered(said)
            case SimsChanged():
                self._sims = said.sims
                self._tell_lines(connection, self._lines.take(said.sims, self._about.health))
            case HealthChanged(health):
                self._cap.told(health.limit)
                self._about.health = health
                self._tell_info(self._about.changed())
                self._tell_lines(connection, self._lines.take(self._sims, health))
            case Hello():
                raise WireError("t", "hello comes once")
            case _:
                self._journal.take(connection, said)

    def _tell_lines(self, connection: Connection, changed: list[Changed]) -> None:
        for line, health in changed:
            connection.emit(LineChanged(line.identity.key, health, self._now_ms()))

    def _tell_info(self, info: DeviceInfo | None) -> None:
        if self._current is not None and info is not None:
            self._current.emit(DeviceChanged(info, self._now_ms()))

    def _limit_met(self, at_ms: int) -> None:
        """The platform refused for its limit, or took a text and fell silent as it does behind its dialog."""
        if self._cap.teach(at_ms):
            _LOG.warning("phone %s holds texts back; its cap goes down", self.install_id)
            self._tell_info(self._about.changed())


def _hello(text: str) -> Hello:
    said = decode_from_phone(text)
    if not isinstance(said, Hello):
        raise WireError("t", "must be hello first")
    return said


def _carry_over(before: Connection, connection: Connection) -> None:
    """Give the next reader the verdicts of our own that nobody took; what stands in the journal comes again."""
    while not before.events.empty():
        event = before.events.get_nowait()
        if isinstance(event, PartNotSent | PartLost) and event.event_id is None:
            connection.emit(event)
    before.events.put_nowait(None)  # whoever still reads there is released
