"""A modem that falls silent, restarts or goes away: which rung of the ladder helps, and who is told what."""

from __future__ import annotations

import asyncio

import pytest

from device_bridge.device import LineChanged, LineState, PartLost, PartSent
from device_bridge.errors import DeviceNotReady
from device_bridge.modem import Timers
from tests.peers.modem_driving import attempt, driven, outcomes
from tests.peers.modem_peer import Behaviour, ModemPeer

QUICK = Timers(
    clearance_s=0.2, escape_s=0.05, final_s=0.05, quiet_s=0.01, heartbeat_s=30, sim_poll_s=30, restart_s=0.3,
    command_factor=0.03,
)  # fmt: skip
BEATING = Timers(
    clearance_s=0.2, escape_s=0.05, final_s=0.05, quiet_s=0.01, heartbeat_s=0.05, sim_poll_s=0.05, restart_s=0.2,
    command_factor=0.03,
)  # fmt: skip


async def test_a_modem_that_answers_at_after_silence_goes_on_without_being_opened_anew() -> None:
    async with driven(Behaviour(verdict=lambda _: None), timers=QUICK, submit_timeout_s=0.05) as one:
        assert isinstance((await outcomes(one.line, attempt("a1")))[0], PartLost)
        one.peer.will.verdict = None
        assert isinstance((await outcomes(one.line, attempt("a2")))[0], PartSent)
        assert one.peer.connections == 1
        assert (await one.line.health()).state is LineState.UP


async def test_indications_that_were_lost_with_the_silence_are_set_again() -> None:
    async with driven(Behaviour(verdict=lambda _: None), timers=QUICK, submit_timeout_s=0.05) as one:
        one.peer.cnmi = [0, 0, 0, 0, 0]
        await outcomes(one.line, attempt())
        await one.peer.until(lambda: one.peer.cnmi[3] == 2)


async def test_a_modem_that_restarts_again_while_it_is_set_up_is_set_up_once_more() -> None:
    async with driven(timers=QUICK) as one:
        one.peer.will.answers["AT+CSCA?"] = ["RDY", "OK"]
        one.peer.say("RDY")
        await one.peer.until(lambda: one.peer.commands.count("AT+CGMI") >= 3)
        one.peer.will.answers.clear()
        one.peer.cnmi = [0, 0, 0, 0, 0]
        await one.peer.until(lambda: one.peer.cnmi[3] == 2)
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)


async def test_a_port_that_answers_only_when_opened_anew_is_opened_anew() -> None:
    async with driven(Behaviour(verdict=lambda _: None), timers=QUICK, submit_timeout_s=0.05) as one:
        one.peer.deaf_until_connection = 2
        line = one.line
        assert isinstance((await outcomes(line, attempt("a1")))[0], PartLost)
        one.peer.will.verdict = None
        down = await one.event(LineChanged, lambda event: event.health.state is LineState.DOWN)
        assert down.health.reason is not None
        assert down.health.reason.code == "modem_silent"
        one.events.clear()
        await one.event(LineChanged, lambda event: event.health.state is LineState.UP)
        assert one.peer.connections == 2
        assert isinstance((await outcomes(one.line, attempt("a2")))[0], PartSent)


async def test_texts_that_wait_for_a_silent_modem_are_given_back() -> None:
    async with driven(Behaviour(verdict=lambda _: None), timers=QUICK, submit_timeout_s=0.2) as one:
        one.peer.deaf_until_connection = 99
        first = asyncio.ensure_future(outcomes(one.line, attempt("a1")))
        await one.peer.until(lambda: bool(one.peer.on_air))
        second = asyncio.ensure_future(outcomes(one.line, attempt("a2")))
        assert isinstance((await first)[0], PartLost)
        with pytest.raises(DeviceNotReady) as caught:
            await second
        assert caught.value.cause.code == "modem_silent"


async def test_a_modem_that_stays_silent_is_restarted_and_then_given_up() -> None:
    async with driven(Behaviour(verdict=lambda _: None), timers=QUICK, submit_timeout_s=0.05) as one:
        one.peer.deaf_until_connection = 99
        line = one.line
        assert isinstance((await outcomes(line, attempt()))[0], PartLost)
        await asyncio.wait_for(one.ended.wait(), 20)
        assert "AT+CFUN=1,1" in one.peer.overheard
        told = [event for event in one.events if isinstance(event, LineChanged)]
        assert told[-1].health.reason is not None
        assert told[-1].health.reason.code == "modem_silent"
        with pytest.raises(DeviceNotReady):
            await outcomes(line, attempt("a2"))


async def test_a_make_that_does_not_come_back_from_a_restart_is_not_restarted() -> None:
    behaviour = Behaviour(verdict=lambda _: None, answers={"AT+CGMI": ["huawei", "OK"]})
    async with driven(behaviour, timers=QUICK, submit_timeout_s=0.05) as one:
        one.peer.deaf_until_connection = 99
        await outcomes(one.line, attempt())
        await asyncio.wait_for(one.ended.wait(), 20)
        assert "AT+CFUN=1,1" not in one.peer.overheard


@pytest.mark.parametrize("word", ["RDY", "^SYSSTART", "SMS Ready", "SMS DONE"])
async def test_a_modem_that_restarted_by_itself_is_set_up_again(word: str) -> None:
    async with driven(timers=QUICK) as one:
        one.peer.will.echo = True
        one.peer.cnmi = [0, 0, 0, 0, 0]
        one.peer.say(word)
        await one.peer.until(lambda: one.peer.cnmi[3] == 2)
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)


async def test_several_words_of_one_restart_are_one_restart() -> None:
    async with driven(timers=QUICK) as one:
        one.peer.say("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready")
        await one.peer.until(lambda: one.peer.commands.count("AT+CGMI") == 2)
        await one.settled()
        assert one.peer.commands.count("AT+CGMI") == 2


async def test_an_idle_modem_is_asked_for_life_and_a_dead_one_is_given_up() -> None:
    async with driven(timers=BEATING) as one:
        asked = one.peer.commands.count("AT")
        await one.peer.until(lambda: one.peer.commands.count("AT") >= asked + 2)
        one.peer.will.silent = True
        await asyncio.wait_for(one.ended.wait(), 20)
        told = [event.health.state for event in one.events if isinstance(event, LineChanged)]
        assert told[-1] is LineState.DOWN


async def test_no_heartbeat_disturbs_a_text_on_air() -> None:
    async with driven(Behaviour(verdict=lambda _: None), timers=BEATING, submit_timeout_s=30) as one:
        waiting = asyncio.ensure_future(outcomes(one.line, attempt()))
        await one.peer.until(lambda: bool(one.peer.on_air))
        count = len(one.peer.commands)
        with pytest.raises(TimeoutError):
            await one.peer.until(lambda: len(one.peer.commands) > count, limit_s=0.3)
        one.peer.say("+CMGS: 1", "OK")
        assert isinstance((await waiting)[0], PartSent)


async def test_a_link_that_is_lost_ends_the_events_after_saying_so() -> None:
    async with driven(timers=QUICK) as one:
        line = one.line
        one.peer.unplug()
        await asyncio.wait_for(one.ended.wait(), 30)
        last = one.events[-1]
        assert isinstance(last, LineChanged)
        assert (last.health.state, last.health.reason and last.health.reason.code) == (
            LineState.DOWN,
            "device_lost",
        )
        assert (await line.health()).state is LineState.DOWN


async def test_closing_ends_the_events_and_may_be_repeated() -> None:
    async with driven(timers=QUICK) as one:
        await one.modem.close()
        await one.modem.close()
        await asyncio.wait_for(one.ended.wait(), 30)
        await one.open()
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)


async def test_a_break_at_every_command_of_an_opening_leaves_a_modem_that_can_be_opened() -> None:
    async with driven(timers=QUICK) as one:
        steps = len(one.peer.commands)
    for step in range(1, steps + 1):
        peer = ModemPeer()
        peer.unplug_at_command = step
        with pytest.raises(DeviceNotReady):
            async with driven(peer=peer, timers=QUICK):
                pass
        async with driven(peer=peer, timers=QUICK) as again:
            assert isinstance((await outcomes(again.line, attempt()))[0], PartSent), step
