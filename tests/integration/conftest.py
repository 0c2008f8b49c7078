"""Owns what the tests of a whole gateway share: real servers, an emulated network, a webhook receiver.

Refuses to share anything between tests but the warm interpreter that servers are forked from.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.harness.air import Air
from tests.harness.gateway_process import GatewayProcess
from tests.harness.receiver import WebhookReceiver
from tests.harness.zygote import Zygote
from tests.integration.whole import QUIET, MakeAir, MakeGateway


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """An interpreter that has imported the gateway once."""
    one = Zygote()
    yield one
    one.stop()


@pytest.fixture
async def make_air() -> AsyncIterator[MakeAir]:
    """Make emulated networks on loopback ports."""
    async with AsyncExitStack() as stack:

        async def make(**settings: Any) -> Air:
            air = Air(**settings)
            await air.start()
            stack.push_async_callback(air.close)
            return air

        yield make


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    """A webhook receiver that listens."""
    one = WebhookReceiver()
    await one.up()
    yield one
    await one.down()


@pytest.fixture
async def make_gateway(tmp_path: Path, zygote: Zygote) -> AsyncIterator[MakeGateway]:
    """Start servers, each on a data directory of its own; what still runs at the end is killed."""
    numbers = itertools.count(1)
    async with AsyncExitStack() as stack:

        async def make(
            config: str = QUIET, *, simulate: int = 0, forked: bool = True, lines_up: int = 0
        ) -> GatewayProcess:
            folder = tmp_path / f"gateway-{next(numbers)}"
            server = GatewayProcess(folder, config, simulate, zygote if forked else None)
            stack.push_async_callback(server.close)
            await server.start()
            if lines_up:
                await server.lines_up(lines_up)
            return server

        yield make
