"""Owns the figures of a cable: attach to the first text on air, with and without the app, and back after a break.

The phone pretends and answers at once; adb server, gateway, store, link and signing are real.
Source: tests/peers/adb_device.py behind the distribution's adb.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from pathlib import Path

from bench.figures import Effort, Figure, Limit, of_samples, script
from bench.processes import directory
from tests.harness.adb import AdbWorld
from tests.harness.gateway_process import GatewayProcess, until
from tests.peers.adb_device import PretendPhone
from tests.peers.adb_device_companion import LinkedCompanion
from tests.peers.companion_radio import read_air
from tests.peers.companion_settings import PhoneSettings, Sim

TITLE = "A phone on a cable"
ATTACH, REATTACH = Limit(high=20.0), Limit(high=2.0)
RECIPIENT = "+447700900555"
CONFIG = """
[server]
port = 0
[serial]
discover = false
[sandbox]
lines = 0
[lines]
per_minute = 0
per_day = 0
[link]
host = "127.0.0.1"
port = 0
[adb]
server = "127.0.0.1:{port}"
provision = "auto"
"""


class Stage:
    """A gateway, an adb server, and phones that come one after the other."""

    def __init__(self, folder: Path, world: AdbWorld) -> None:
        self._folder = folder
        self._world = world
        self._phones = 0
        self.server = GatewayProcess(folder / "gateway", CONFIG.format(port=world.server.port))

    async def attach_new(self) -> tuple[PretendPhone, float]:
        """Attach a phone without the app and send; returns it and the seconds until its text is on air."""
        self._phones += 1
        number = self._phones
        sim = Sim(1, 0, f"89441000000000{number:05}", f"+4477009{number:05}")
        app = LinkedCompanion(self._folder / f"app-{number}", PhoneSettings(sims=(sim,)))
        phone = await self._world.phone(f"R58M{number}", companion=app, attached=False)
        began_s = time.monotonic()
        await self._world.attach(phone)
        await self.server.lines_up(1, 30)
        await self.server.send(RECIPIENT, "first words")
        await self._on_air(phone, 1)
        return phone, time.monotonic() - began_s

    async def reattach(self, phone: PretendPhone) -> float:
        """Pull the cable, queue a text, put the cable in; returns the seconds until it is on air."""
        before = len(self._air(phone))
        await self._world.detach(phone)
        await until(lambda: not phone.has_tunnel, "the tunnel is gone")
        await self.server.send(RECIPIENT, "while it is away")
        began_s = time.monotonic()
        await self._world.attach(phone)
        await self._on_air(phone, before + 1)
        return time.monotonic() - began_s

    async def short_break(self, phone: PretendPhone) -> float:
        """Cut the connection for a moment; returns the seconds until a text sent at once is on air."""
        before = len(self._air(phone))
        began_s = time.monotonic()
        phone.cut()
        await self.server.send(RECIPIENT, "in the break")
        await self._on_air(phone, before + 1)
        return time.monotonic() - began_s

    async def take_away(self, phone: PretendPhone) -> None:
        await self._world.detach(phone)
        await phone.close()
        await self.server.lines_up(0, 30)

    def _air(self, phone: PretendPhone) -> list[dict[str, object]]:
        assert isinstance(phone.companion, LinkedCompanion)
        ledger = phone.companion.folder / "air.jsonl"
        return read_air(ledger) if ledger.exists() else []

    async def _on_air(self, phone: PretendPhone, count: int) -> None:
        await until(lambda: len(self._air(phone)) >= count, "the text is on air", 30, 0.002)


async def _measure(folder: Path, effort: Effort) -> list[Figure]:
    firsts: list[float] = []
    returns: list[float] = []
    breaks: list[float] = []
    async with AdbWorld.at(folder / "adb") as world:
        stage = Stage(folder, world)
        await stage.server.start()
        try:
            for _ in range(effort.rounds(5, 2)):
                phone, took_s = await stage.attach_new()
                firsts.append(took_s)
                for _ in range(3):
                    returns.append(await stage.reattach(phone))
                    breaks.append(await stage.short_break(phone))
                await stage.take_away(phone)
        finally:
            await stage.server.close()
    return [
        of_samples("attach to first text on air, app not installed", firsts, "s", ATTACH),
        of_samples("cable put in again to a waiting text on air", returns, "s", REATTACH),
        of_samples("short break of the cable to a text on air", breaks, "s", REATTACH),
    ]


def measure(effort: Effort) -> list[Figure]:
    """Attach phones one after the other; nothing where adb is not installed."""
    if shutil.which("adb") is None:
        print("adb is not installed (apt install adb): not measured")
        return []
    with directory(effort.directory) as folder:
        return asyncio.run(_measure(folder, effort))


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
