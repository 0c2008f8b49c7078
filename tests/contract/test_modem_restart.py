"""A modem that a person restarts: after what it has in hand, and up again by itself."""

from __future__ import annotations

import asyncio

import pytest

from device_bridge.device import LineChanged, LineState, PartSent
from device_bridge.errors import DeviceNotReady
from device_bridge.modem import Timers
from tests.peers.modem_driving import attempt, driven, outcomes
from tests.peers.modem_peer import Behaviour

QUICK = Timers(
    clearance_s=0.2, escape_s=0.05, final_s=0.05, quiet_s=0.01, heartbeat_s=30, sim_poll_s=30, restart_s=0.3,
    command_factor=0.05,
)  # fmt: skip


async def test_it_is_down_meanwhile_and_sends_again_afterwards() -> None:
    async with driven(timers=QUICK) as one:
        assert one.modem.can_restart
        one.modem.restart()
        down = await one.event(LineChanged, lambda event: event.health.state is not LineState.UP)
        assert down.health.reason is not None
        one.events.clear()
        await one.event(LineChanged, lambda event: event.health.state is LineState.UP)
        assert one.peer.commands.count("AT+CFUN=1,1") == 1
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)


async def test_a_text_on_air_is_waited_for() -> None:
    async with driven(timers=QUICK) as one:
        sending = asyncio.ensure_future(outcomes(one.line, attempt()))
        await one.peer.until(lambda: bool(one.peer.on_air))
        one.modem.restart()
        assert isinstance((await sending)[0], PartSent)
        await one.peer.until(lambda: "AT+CFUN=1,1" in one.peer.commands)


async def test_one_that_does_not_come_back_is_given_up_so_that_its_port_is_opened_anew() -> None:
    async with driven(timers=QUICK) as one:
        await outcomes(one.line, attempt())
        one.peer.deaf_until_connection = 99
        one.modem.restart()
        await asyncio.wait_for(one.ended.wait(), 20)


async def test_a_make_that_does_not_come_back_says_so_beforehand() -> None:
    async with driven(Behaviour(answers={"AT+CGMI": ["huawei", "OK"]}), timers=QUICK) as one:
        assert not one.modem.can_restart


async def test_a_closed_one_is_not_restarted() -> None:
    async with driven(timers=QUICK) as one:
        await one.modem.close()
        with pytest.raises(DeviceNotReady):
            one.modem.restart()
