"""Proves that a kill during the very first start leaves nothing that keeps the next start from succeeding."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.harness.gateway_process import GatewayProcess
from tests.harness.zygote import Zygote

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]

FIRST_STARTS = 25
LONGEST_S = 0.12
"""From the fork to the announcement of a first start, and a little more."""
CONFIG = "[server]\nport = 0\n[serial]\ndiscover = false\n"


async def test_a_kill_at_any_moment_of_the_first_start_is_survived_by_the_second(
    tmp_path: Path, crash_seed: int
) -> None:
    print(f"seed {crash_seed}")
    chance = random.Random(crash_seed)
    zygote = Zygote()
    try:
        for number in range(FIRST_STARTS):
            server = GatewayProcess(tmp_path / str(number), CONFIG, simulate=1, zygote=zygote)
            try:
                await server.launch()
                await asyncio.sleep(chance.uniform(0, LONGEST_S))
                assert await server.kill() == -9, server.complaints
                announced = "Stop: Ctrl-C" in server.said
                await server.start()
                assert announced or server.live, f"start {number}: keys were made and shown to nobody"
                assert (await server.call("GET", "/health/ready")).status == 200
            finally:
                await server.close()
    finally:
        zygote.stop()
