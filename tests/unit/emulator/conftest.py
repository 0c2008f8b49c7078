"""Owns the networks and hosts of the emulator's tests, and closes them.

Refuses to wait: networks answer at once unless a test says otherwise.
Source: none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from emulated_host import NOW_MS, Host

from device_bridge.emulator import EmulatedNetwork, NetworkSettings


@dataclass
class Box:
    """A network, its ports and a clock that the test moves."""

    network: EmulatedNetwork
    clock: list[int]
    ports: dict[int, int] = field(default_factory=dict)
    hosts: list[Host] = field(default_factory=list)

    async def host(self, line: int = 1, *, greet: bool = True) -> Host:
        if line not in self.ports:
            self.ports[line] = await self.network.start_tcp(line)
        host = await Host.open(self.ports[line])
        self.hosts.append(host)
        if greet:
            await host.greet()
        return host

    def number(self, line: int) -> str:
        return self.network.modem(line).sim.identity.number


MakeBox = Callable[..., Awaitable[Box]]


@pytest.fixture
async def make_box() -> AsyncIterator[MakeBox]:
    boxes: list[Box] = []

    async def make(**changes: object) -> Box:
        settings: dict[str, object] = {"submit_s": 0, "report_delay_s": 0, "sandbox_delay_scale": 0}
        clock = [NOW_MS]
        network = EmulatedNetwork(NetworkSettings(**(settings | changes)), lambda: clock[0])  # type: ignore[arg-type]
        boxes.append(Box(network, clock))
        return boxes[-1]

    yield make
    for box in boxes:
        for host in box.hosts:
            await host.close()
        await box.network.close()


@pytest.fixture
async def box(make_box: MakeBox) -> Box:
    return await make_box()
