"""Owns what the tests of a whole gateway share: real servers, an emulated network, a webhook receiver.

Refuses to share anything between tests but the warm interpreter that servers are forked from.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.harness.air import Air
from tests.harness.gateway_process import GatewayProcess
from tests.harness.receiver import SECRET, WebhookReceiver
from tests.harness.zygote import Zygote

MakeAir = Callable[..., Awaitable[Air]]
MakeGateway = Callable[..., Awaitable[GatewayProcess]]

QUIET = "[server]\nport = 0\n[serial]\ndiscover = false\n[lines]\nper_minute = 0\nper_day = 0\n"
"""Any port, no search for sticks, no pace: what the tests of one machine need."""


def modems(*ports: str) -> str:
    return "".join(f'[[modem]]\nport = "{port}"\n' for port in ports)


def hook(receiver: WebhookReceiver, *events: str) -> str:
    wanted = ", ".join(f'"{event}"' for event in events or ("message.*",))
    return f'[[webhook]]\nurl = "{receiver.url}"\nsecret = "{SECRET}"\nevents = [{wanted}]\n'


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
