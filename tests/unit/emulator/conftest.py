"""Owns the networks and hosts of the emulator's tests, and closes them.

Refuses to wait: networks answer at once unless a test says otherwise.
Source: none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from device_bridge.emulator import EmulatedNetwork, NetworkSettings
from tests.unit.emulator.emulated_host import NOW_MS, Box, MakeBox


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
