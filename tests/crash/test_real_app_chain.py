"""Kills a gateway and the app's own code beside it, over and over, and counts what is left.

The app runs under Robolectric; its telephony gives the intents that died with it again, as Android's would.
Source: invariants W1 to W4 of the architecture notes; docs/link.md; android_companion/README.md, *The phone process*.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.crash.ledger import Verdict
from tests.crash.phone_clients import Clients
from tests.crash.phone_ledger import check_attempts, check_messages, check_received
from tests.harness.gateway_process import GatewayProcess
from tests.harness.phones import config, free_port, usb_url
from tests.harness.real_app import SUBS, RealApp, report_template
from tests.harness.zygote import Zygote

pytestmark = [pytest.mark.crash, pytest.mark.timeout(3600)]

KILLS_OF_RUNS = 0.3
"""Of CRASH_RUNS: 60 in CI, 300 by ``make crash``."""
APP_SHARE = 6
"""Every so manieth kill is the app's: 10 in CI."""
BACK_BEFORE = 3
"""The app starts for some 10 s: the gateway dies twice meanwhile, and then three times beside a living app."""
POST_EVERY_S = 0.12
"""What two clients post in a cycle of a dozen seconds, the app carries in the third of it that it lives."""
LONGEST_RUN_S = 1.0
INTENT_MS = 80
INBOUND_S = 0.004
"""About what a text that comes takes into the journal."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(kw_only=True)
class RealChain(Clients):
    """The world around gateway and app, and what it remembers."""

    app: RealApp
    living: asyncio.Event = field(default_factory=asyncio.Event)
    _starting: asyncio.Task[None] | None = None
    _answered: int = 0
    _received: int = 0

    async def run(self, kills: int) -> None:
        try:
            await self.live_through(kills, self._strike, self._people())
            await self._is_back()
        finally:
            if self._starting is not None:
                self._starting.cancel()

    async def _strike(self, kill: int) -> None:
        if kill % APP_SHARE == 0:
            await self._kill_app()
            return
        if kill % APP_SHARE == BACK_BEFORE:
            await self._is_back()
        await self.kill_server(self._plug)

    async def _people(self) -> None:
        """Text the phone now and then while it lives."""
        while not self.over.is_set():
            await self.living.wait()
            await self._text_comes()
            await asyncio.sleep(self.chance.uniform(0.02, 0.2))

    async def _text_comes(self) -> None:
        """Every third text has two parts, and no two are alike; when the order is answered, the journal has it."""
        self._received += 1
        number = self._received
        text = (f"in {number:05d} " * (20 if number % 3 == 0 else 1)).strip()
        sub, sender = self.chance.choice(SUBS), f"+44770090{number % 1000:04d}"
        try:
            await self.app.receive(sub, sender, text, now_ms(), number % 256)
        except ConnectionError:
            self.ledger.doubtful.append(text)
        else:
            self.ledger.received.append(text)

    # ------------------------------------------------------------------ the app

    async def _kill_app(self) -> None:
        """At any moment, and with a text that comes in that very moment."""
        await self._is_back()
        await asyncio.sleep(self.chance.uniform(0, LONGEST_RUN_S))
        self.living.clear()
        self.struck["app"] += 1
        last_text = asyncio.create_task(self._text_comes())
        await asyncio.sleep(self.chance.uniform(0, INBOUND_S))
        await self.app.kill()
        await last_text
        self._starting = asyncio.create_task(self._start_app())

    async def _start_app(self) -> None:
        await self.app.start()
        await self.answers()
        self.living.set()
        await self.serving.wait()
        await self._plug()

    async def _is_back(self) -> None:
        if self._starting is not None:
            await self._starting

    async def answers(self) -> None:
        """Let the network answer every call, and give what died with the last process again, doubles included."""
        at_ms = now_ms()
        await self.app.ask("auto", sent=True, delay_ms=INTENT_MS, pdu=report_template(at_ms))
        air = self.app.air()
        for part in air[self._answered :]:
            await self.app.sent(part)
            await self.app.delivered(part, at_ms)
        self._answered = len(air)

    async def _plug(self) -> None:
        """The tunnel of the cable leads to where the gateway listens now."""
        if self.living.is_set():
            await self.app.ask("dial", url=usb_url(self.server))

    # ------------------------------------------------------------------ the end

    async def drained(self) -> None:
        """Wait until nothing waits, nothing is on its way and the app's journal is empty."""
        await self.settled(self.app.air, self.struck["app"])
        await self.app.keeps(0)


@asynccontextmanager
async def chain(folder: Path, seed: int) -> AsyncIterator[RealChain]:
    zygote = Zygote()
    server = GatewayProcess(folder / "gateway", config(free_port()), zygote=zygote)
    app = RealApp(folder / "app")
    chance = random.Random(seed)
    world = RealChain(
        server=server, chance=chance, post_every_s=POST_EVERY_S, longest_run_s=LONGEST_RUN_S, app=app
    )
    try:
        await server.start()
        await app.start()
        await world.answers()
        await app.pair(server)
        world.living.set()
        yield world
    finally:
        await server.close()
        await app.kill()
        zygote.stop()


async def test_whichever_is_killed_the_apps_own_code_loses_nothing_and_sends_nothing_twice(
    tmp_path: Path, crash_runs: int, crash_seed: int
) -> None:
    kills = round(crash_runs * KILLS_OF_RUNS)
    began_s = time.monotonic()
    async with chain(tmp_path, crash_seed) as world:
        await world.run(kills)
        ran_s = time.monotonic() - began_s
        await world.drained()
        verdict = Verdict()
        air, messages = world.app.air(), await world.messages()
        check_attempts(verdict, air)
        check_messages(verdict, world.ledger, air, messages)
        waiting = verdict.counts["submitting"]
        verdict.check(waiting <= world.struck["app"], f"{waiting} wait for nothing")
        check_received(verdict, world.ledger, await world.server.all("/api/v1/inbound"))
        story = (
            f"seed {crash_seed}: {kills} kills {dict(world.struck)} in {ran_s:.0f} s, {len(messages)} messages, "
            f"{len(air)} parts on air, {world.ledger.repeated} posts repeated, {len(world.ledger.doubtful)} texts "
            f"handed over in the instant of a kill, {dict(verdict.counts)}"
        )
        print(story)
        verdict.raise_if_wrong(story)
