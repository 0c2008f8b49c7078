"""Owns what the gateway would answer to the host of phones: whose a phone is, what it shall have, what is remembered.

Refuses to know adb: it is asked by the host and tells tests what the host reported.
Source: HostOwner of ``device_bridge.adb``.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from device_bridge.adb import AdbServer, PhoneHost, Step, Wanted
from tests.harness.adb import AdbWorld
from tests.harness.gateway_process import until
from tests.peers.adb_device import PretendPhone
from tests.peers.adb_device_companion import SilentCompanion
from tests.peers.adb_device_stub_apk import Recipe, Signer, stub_apk
from tests.peers.adb_device_vendors import PIXEL, Personality

PHONE_PORT = 47321
HOST_PORT = 40123
CODE = "0123456789ABCDEFGHJKMNPQRS"
TICK_S = 0.4
"""Seconds between looks of the host under test; 20 in the product."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Owner:
    """The gateway's side of the seam, kept in dictionaries."""

    ours: dict[str, Wanted] = field(default_factory=dict)
    reported: dict[str, tuple[Step, ...]] = field(default_factory=dict)
    limits: dict[str, tuple[int, int, bool]] = field(default_factory=dict)
    memory: dict[tuple[str, str], str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Serial numbers that the host asked about."""

    def wanted(self, serialno: str) -> Wanted | None:
        self.asked.append(serialno)
        return self.ours.get(serialno)

    async def steps(self, serialno: str, steps: tuple[Step, ...]) -> None:
        self.reported[serialno] = steps

    async def limit(self, serialno: str, parts: int, window_s: int, in_force: bool) -> None:
        self.limits[serialno] = (parts, window_s, in_force)

    async def remember(self, serialno: str, name: str, value: str | None) -> None:
        if value is None:
            self.memory.pop((serialno, name), None)
        else:
            self.memory[serialno, name] = value

    async def recall(self, serialno: str, name: str) -> str | None:
        return self.memory.get((serialno, name))

    def step(self, serialno: str, name: str) -> Step | None:
        return next((step for step in self.reported.get(serialno, ()) if step.name == name), None)


@dataclass
class Household:
    """A host of phones at work on a world of pretend ones."""

    world: AdbWorld
    owner: Owner
    host: PhoneHost
    signer: Signer

    @classmethod
    @asynccontextmanager
    async def at(cls, folder: Path) -> AsyncIterator[Household]:
        """Start an adb server, and the host that watches it."""
        async with AdbWorld.at(folder) as world:
            owner = Owner()
            host = PhoneHost(AdbServer("127.0.0.1", world.server.port), owner, now_ms, tick_s=TICK_S)
            running = asyncio.create_task(host.run())
            try:
                yield cls(world, owner, host, Signer())
            finally:
                running.cancel()
                outcome = (await asyncio.gather(running, return_exceptions=True))[0]
                assert isinstance(outcome, asyncio.CancelledError), f"the host ended by itself: {outcome!r}"

    async def phone(
        self, serialno: str, personality: Personality = PIXEL, *, ours: bool = True, **wishes: Any
    ) -> PretendPhone:
        """Plug in a phone that allows this computer; one of ours unless said otherwise."""
        phone = await self.world.phone(serialno, personality, SilentCompanion(), attached=False)
        if ours:
            self.owner.ours[serialno] = replace(self.wanted(phone), **wishes)
        await self.world.attach(phone)
        return phone

    def wanted(self, phone: PretendPhone) -> Wanted:
        """Write what the gateway would want of a phone."""

        async def apk() -> bytes:
            return stub_apk(self.signer, Recipe(2))

        async def pairing(_serialno: str) -> bytes:
            return json.dumps({"code": CODE, "port": PHONE_PORT}).encode()

        return Wanted(
            version_code=2,
            apk=apk,
            host_port=HOST_PORT,
            pairing=pairing,
            linked=lambda _serialno: is_linked(phone),
            provision="auto",
        )

    async def step(self, phone: PretendPhone, name: str, *outcomes: str, limit_s: float = 30.0) -> Step:
        """Wait until the host reports one of the outcomes for a step; returns it."""
        serialno = phone.android.serialno

        def there() -> bool:
            found = self.owner.step(serialno, name)
            return found is not None and found.outcome in outcomes

        try:
            await until(there, f"{serialno}: {name} is {outcomes}", limit_s)
        except AssertionError as error:
            rows = "\n".join(map(str, self.owner.reported.get(serialno, ("nothing reported",))))
            raise AssertionError(f"{error}\n{rows}\n{phone.services[-12:]}") from None
        found = self.owner.step(serialno, name)
        assert found is not None
        return found

    async def provisioned(self, phone: PretendPhone) -> None:
        """Wait until the phone's companion is linked and the host knows it."""
        await self.step(phone, "heartbeat", "ok", "fixed")
        assert is_linked(phone)


def is_linked(phone: PretendPhone) -> bool:
    """Say whether the app runs, is paired, and reaches the gateway."""
    companion = phone.companion
    assert isinstance(companion, SilentCompanion)
    return companion.is_linked and phone.has_tunnel
