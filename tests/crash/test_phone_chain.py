"""Kills a gateway with a phone, and now and then the phone's app, over and over, and counts what is left.

The app is a process of its own; its telephony goes on where its ledger ends, as on a phone.
Source: invariants W1 to W4 of the architecture notes; docs/link.md.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.crash.ledger import Verdict
from tests.crash.phone_clients import Clients
from tests.crash.phone_ledger import check_attempts, check_messages, check_received
from tests.harness.gateway_process import GatewayProcess
from tests.harness.phones import PhoneProcess, config, free_port, offer, usb_url
from tests.harness.zygote import Zygote

pytestmark = [pytest.mark.crash, pytest.mark.timeout(3600)]

KILLS_OF_RUNS = 0.15
"""Of CRASH_RUNS: 30 in CI, 150 by ``make crash``."""
PHONE_SHARE = 6
"""Every so manieth kill is the phone's."""
POINTS = ("after_taken", "before_call", "after_call", "after_sent_event", "before_committed")
POST_EVERY_S = 0.08
LONGEST_RUN_S = 1.5
SUBMIT_S, REPORT_S = 0.05, 0.05


@dataclass(kw_only=True)
class Chain(Clients):
    """The world around the two processes, and what it remembers."""

    phone: PhoneProcess

    async def run(self, kills: int) -> None:
        await self.live_through(kills, self._strike, self._people())

    async def _strike(self, kill: int) -> None:
        await (self._kill_phone() if kill % PHONE_SHARE == 0 else self.kill_server(self._plug))

    async def _people(self) -> None:
        """Text the phone now and then; every third text has two parts."""
        number = 0
        while not self.over.is_set():
            number += 1
            text = (f"in {number:05d} " * (20 if number % 3 == 0 else 1)).strip()
            sender: dict[str, Any] = {"from": f"+44770090{number % 1000:04d}"}
            try:
                await self.phone.ask("receive", sub=self.chance.randint(1, 2), text=text, **sender)
            except ConnectionError:
                self.ledger.doubtful.append(text)
                await asyncio.sleep(0.05)
            else:
                self.ledger.received.append(text)
            await asyncio.sleep(self.chance.uniform(0.05, 0.4))

    async def _kill_phone(self) -> None:
        """At a point of its work where that comes within a second, else anywhere."""
        point = self.chance.choice((*POINTS, "anywhere"))
        if point != "anywhere":
            with suppress(ConnectionError):
                await self.phone.ask("die", point=point, count=self.chance.randint(1, 4))
            with suppress(TimeoutError):
                await self.phone.ended(3)
        self.struck[f"phone {'anywhere' if self.phone.alive else point}"] += 1
        await self.phone.kill()
        await self.phone.start()
        await self._plug()

    async def _plug(self) -> None:
        """The tunnel of the cable leads to where the gateway listens now."""
        await self.phone.ask("plug", url=usb_url(self.server))

    async def drained(self) -> None:
        """Wait until nothing waits, nothing is on its way and the phone's journal is empty."""
        await self.settled(self.phone.air, self.struck["phone before_call"])
        assert (await self.phone.ask("drained", limit_s=30))["left"] == 0


@asynccontextmanager
async def chain(folder: Path, seed: int) -> AsyncIterator[Chain]:
    zygote = Zygote()
    server = GatewayProcess(folder / "gateway", config(free_port()), zygote=zygote)
    times = ("--submit-s", str(SUBMIT_S), "--report-s", str(REPORT_S))
    phone = PhoneProcess(folder / "phone", "--limit-parts", "1000000", *times)
    try:
        await server.start()
        await phone.start()
        paired = await phone.ask("pair", url=usb_url(server), code=(await offer(server))["code"])
        assert "refused" not in paired, paired
        await phone.ask("plug", url=usb_url(server))
        await server.lines_up(2)
        chance = random.Random(seed)
        yield Chain(
            server=server, chance=chance, post_every_s=POST_EVERY_S, longest_run_s=LONGEST_RUN_S, phone=phone
        )
    finally:
        await server.close()
        await phone.kill()
        zygote.stop()


async def test_whichever_is_killed_a_phone_loses_nothing_and_sends_nothing_twice(
    tmp_path: Path, crash_runs: int, crash_seed: int
) -> None:
    kills = round(crash_runs * KILLS_OF_RUNS)
    began_s = time.monotonic()
    async with chain(tmp_path, crash_seed) as world:
        await world.run(kills)
        ran_s = time.monotonic() - began_s
        await world.drained()
        verdict = Verdict()
        air, messages = world.phone.air(), await world.messages()
        check_attempts(verdict, air)
        check_messages(verdict, world.ledger, air, messages)
        waiting = verdict.counts["submitting"]
        verdict.check(waiting <= world.struck["phone before_call"], f"{waiting} wait for nothing")
        check_received(verdict, world.ledger, await world.server.all("/api/v1/inbound"))
        story = (
            f"seed {crash_seed}: {kills} kills {dict(world.struck)} in {ran_s:.0f} s, {len(messages)} messages, "
            f"{len(air)} parts on air, {world.ledger.repeated} posts repeated, {dict(verdict.counts)}"
        )
        print(story)
        verdict.raise_if_wrong(story)
