"""Owns a gateway without its doors for one phone: real store, driver with short timers, real line tasks, real link.

Refuses to imitate any of them. It exists for what ``gateway serve`` has no key for: how long an intent is waited for.
Source: the wiring of gateway.supervisor; docs/link.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from device_bridge.companion.phone import AndroidPhone
from device_bridge.companion.settings import PhoneTimers
from device_bridge.link.websocket import GatewayName, PairAnswer, PairingRefused, PairRequest, link_app
from gateway.admission import Admission, AdmissionSettings
from gateway.attachment import Attachments
from gateway.clock import SystemClock
from gateway.draft import MessageDraft
from gateway.message import Message
from gateway.policy.rules import Limits, PaceDefaults
from gateway.store.crypto import KeyRing
from gateway.store.rows import LineSettings
from gateway.store.sqlite import SqliteStore
from tests.harness.empty_store import lay
from tests.harness.gateway_process import until
from tests.harness.phones import LINK
from tests.harness.rig import CALLER, NODE, VIEW
from tests.peers.companion_peer import CompanionPeer

KEY = "gwd_of-the-rig"
NAME = GatewayName("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "Rig")


@dataclass
class PhoneRig:
    """Lets one phone in; implements the door of the link."""

    folder: Path
    phone: CompanionPeer
    timers: PhoneTimers
    gateway: GatewayName = NAME
    device: AndroidPhone = field(init=False)

    async def admitted(self, key: str) -> AndroidPhone | None:
        return self.device if key == KEY else None

    async def pair(self, request: PairRequest, pin: str, remote: str) -> PairAnswer:
        raise PairingRefused("pairing_refused", "the rig pairs nobody")

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """Open the store, the link and the phone, and wait until its lines are up."""
        clock = SystemClock()
        self.store = SqliteStore(
            await lay(self.folder / "gateway.db"), KeyRing.load(self.folder / "keys" / "data.json"), clock
        )
        await self.store.open()
        self.admission = Admission(self.store, AdmissionSettings(), clock)
        self.attachments = Attachments(self.store, clock, Limits(PaceDefaults(0, 0)), NODE)
        self.device = AndroidPhone(self.phone.install, clock.now_ms, self.timers)
        self.attachments.watch("phone", self.device, lambda _: LineSettings(), comes_later=True)
        self._runner = web.AppRunner(link_app(self, ""), access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.phone.journal.remember(gateway=NAME.id, key=KEY, urls=[])
        self.phone.usb = f"ws://127.0.0.1:{self._runner.addresses[0][1]}{LINK}"
        await self.phone.start()
        self._ticker = asyncio.create_task(self._tick())
        await until(self._all_up, "the phone's lines are up")

    async def _all_up(self) -> bool:
        rows = await self.store.lines(VIEW)
        return len(rows) == len(self.phone.sims) and all(row.state == "up" for row in rows)

    async def _tick(self) -> None:
        while True:
            await self.store.tick()
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        await self.phone.stop()
        self._ticker.cancel()
        impatient = asyncio.Event()
        impatient.set()
        await self.attachments.stop(impatient)
        await self._runner.cleanup()
        await self.store.close()

    # ------------------------------------------------------------------ work

    async def send(self, to: str, text: str = "hello", **more: Any) -> str:
        return (await self.admission.admit(MessageDraft(to, text, **more), CALLER, None)).message.id

    async def reaches(self, message_id: str, *states: str, limit_s: float = 30.0) -> Message:
        """Wait until a message is in one of the states."""

        async def there() -> bool:
            return (await self.store.message(VIEW, message_id)).state.value in states

        try:
            await until(there, f"{states}", limit_s)
        except AssertionError as error:
            hops = [
                f"  {hop.at_ms} {hop.type} {hop.part} {hop.detail}"
                for hop in await self.store.timeline(message_id)
            ]
            raise AssertionError("\n".join([str(error), *hops])) from None
        return await self.store.message(VIEW, message_id)


@asynccontextmanager
async def phone_rig(folder: Path, phone: CompanionPeer, timers: PhoneTimers) -> AsyncIterator[PhoneRig]:
    """Run a rig with one phone."""
    rig = PhoneRig(folder, phone, timers)
    try:
        await rig.start()
        yield rig
    finally:
        await rig.stop()
