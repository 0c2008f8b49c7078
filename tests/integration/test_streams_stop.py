"""``gateway serve`` stops as fast with ten tabs open as without, whether they answer or have fallen silent.

Source: the commands of the product; RFC 6455 §7.4 (1001: going away).
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest

from tests.harness.event_reader import Ended, EventReader, Kind
from tests.harness.gateway_process import GatewayProcess

CONFIG = "[server]\nport = 0\n[serial]\ndiscover = false\n"
AT_ONCE_S = 10.0
"""Who waits for a tab waits a minute. How long a stop takes is measured by ``bench.browser``."""


@pytest.mark.parametrize("answering", [True, False])
async def test_ten_open_streams_do_not_hold_up_the_end(tmp_path: Path, *, answering: bool) -> None:
    server = GatewayProcess(tmp_path, CONFIG)
    try:
        await server.start()
        async with aiohttp.ClientSession() as session:
            kinds: tuple[Kind, Kind] = ("sse", "ws")
            tabs = [EventReader(session, server.url, server.live, kinds[n % 2]) for n in range(10)]
            for tab in tabs:
                await tab.open()
                await tab.beat()
            # A tab that reads answers the close frame; one that does not is left behind.
            ends = [asyncio.create_task(ended(tab)) for tab in tabs] if answering else []
            began_s = time.monotonic()
            assert await server.stop() == 0
            assert time.monotonic() - began_s < AT_ONCE_S
            if answering:
                assert await asyncio.gather(*ends) == [None, 1001] * 5
            for tab in tabs:
                tab.cut()
    finally:
        await server.close()


async def ended(tab: EventReader) -> int | None:
    while True:
        try:
            await tab.step()
        except Ended as end:
            return end.code
