"""Owns the fixtures of the browser tests: a gateway in a process of its own, and a browser at it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.harness.gateway_process import GatewayProcess
from tests.harness.office import QUIET, MakeOffice, Office
from tests.harness.zygote import Zygote


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """An interpreter that has imported the gateway once."""
    one = Zygote()
    yield one
    one.stop()


@pytest.fixture
async def make_office(tmp_path: Path, zygote: Zygote) -> AsyncIterator[MakeOffice]:
    """Start gateways with a configuration of their own, and a browser at each."""
    numbers = itertools.count()
    async with AsyncExitStack() as stack:

        async def make(config: str = QUIET, *, simulate: int = 2, **more: Any) -> Office:
            folder = tmp_path / f"gateway-{next(numbers)}"
            gateway = GatewayProcess(folder, config, simulate, zygote, **more)
            stack.push_async_callback(gateway.close)
            await gateway.start()
            office = Office(gateway)
            await office.open()
            stack.push_async_callback(office.close)
            return office

        yield make


@pytest.fixture
async def office(make_office: MakeOffice) -> Office:
    """A gateway as it comes, with two emulated lines, and a browser."""
    return await make_office()
