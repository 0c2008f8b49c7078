"""What the tests of the modem driver share: a modem that is open on a peer, its events, and one attempt on air."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from device_bridge.device import DeviceEvent, Outgoing, OutgoingPart, PartOutcome
from device_bridge.modem import GsmLine, GsmModem, ModemSettings, Timers
from tests.peers.modem_peer import SUBMIT, Behaviour, ModemPeer, TcpPeer

QUICK = Timers(
    clearance_s=0.2, escape_s=0.2, final_s=0.2, quiet_s=0.02, sim_busy_s=0.01,
    heartbeat_s=30, sim_poll_s=30, restart_s=0.2,
    ussd_s=0.5, command_factor=0.05,
)  # fmt: skip
LIMIT_S = 30.0

E = TypeVar("E", bound=DeviceEvent)


async def yes(_: OutgoingPart) -> bool:
    return True


def attempt(name: str = "a1", parts: int = 1, *, more_follow: bool = False) -> Outgoing:
    """An attempt of so many parts, told apart by the last octet of their PDUs."""
    tpdus = [bytes.fromhex(SUBMIT) + bytes([number]) for number in range(1, parts + 1)]
    made = tuple(OutgoingPart(number, tpdu) for number, tpdu in enumerate(tpdus, 1))
    return Outgoing(name, "+12345678", made, parts, more_follow=more_follow)


async def outcomes(line: GsmLine, outgoing: Outgoing, cleared: Any = yes) -> list[PartOutcome]:
    """Submit and collect every verdict, with a bound on the time."""
    async with asyncio.timeout(LIMIT_S):
        return [outcome async for outcome in line.submit(outgoing, cleared)]


class Driven:
    """An open modem, the peer behind it, and the events that came so far."""

    def __init__(self, modem: GsmModem, peer: ModemPeer) -> None:
        self.modem = modem
        self.peer = peer
        self.events: list[DeviceEvent] = []
        self.ended = asyncio.Event()
        self._came = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    @property
    def line(self) -> GsmLine:
        return self.modem.lines()[0]

    async def open(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            await self.modem.open()
        self.ended.clear()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for event in self.modem.events():
            self.events.append(event)
            self._came.set()
        self.ended.set()

    async def close(self) -> None:
        await self.modem.close()
        if self._reader is not None:
            async with asyncio.timeout(LIMIT_S):
                await self._reader

    async def event(self, kind: type[E], matches: Callable[[E], bool] = lambda _: True) -> E:
        """Wait for an event, among those of before too."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                for event in self.events:
                    if isinstance(event, kind) and matches(event):
                        return event
                self._came.clear()
                await self._came.wait()

    async def settled(self) -> None:
        """Wait until what the peer has said is worked off: acknowledgements and reading go before a next text."""
        for _ in range(2):
            await outcomes(self.line, attempt("barrier"))

    def count(self, kind: type[DeviceEvent]) -> int:
        return sum(isinstance(event, kind) for event in self.events)


@asynccontextmanager
async def driven(
    behaviour: Behaviour | None = None, peer: ModemPeer | None = None, **settings: Any
) -> AsyncIterator[Driven]:
    """Open a modem on a peer behind TCP and close both at the end."""
    modem_peer = peer or ModemPeer(behaviour)
    async with TcpPeer(modem_peer) as link:
        settings.setdefault("timers", QUICK)
        one = Driven(GsmModem(ModemSettings(link.port, **settings), now_ms=lambda: 1_000), modem_peer)
        try:
            await one.open()
            yield one
        finally:
            with suppress(TimeoutError):
                await one.close()
