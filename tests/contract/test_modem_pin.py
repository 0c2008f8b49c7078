"""A PIN that a person enters: it goes to the SIM once, is kept when it was right, and never locks a SIM by itself."""

from __future__ import annotations

import asyncio

import pytest

from device_bridge.device import DeviceChanged, LineChanged, LineState, PartSent
from device_bridge.errors import DeviceNotReady
from device_bridge.modem import PinMemoryOfProcess, PinVerdict, PinWanted, Timers
from tests.peers.modem_driving import Driven, attempt, driven, outcomes
from tests.peers.modem_peer import ICCID, IMSI, Behaviour, ModemPeer

QUICK_LOOKS = Timers(
    clearance_s=0.2,
    escape_s=0.1,
    final_s=0.1,
    quiet_s=0.02,
    heartbeat_s=0.05,
    sim_poll_s=0.03,
    restart_s=0.1,
    command_factor=0.05,
)


async def locked(one: Driven) -> str | None:
    """Why its line is not up."""
    reason = (await one.line.health()).reason
    return reason.code if reason else None


async def test_a_right_pin_brings_the_line_up_and_is_entered_once() -> None:
    async with driven(Behaviour(sim="SIM PIN")) as one:
        wanted = one.modem.pin_wanted
        assert wanted == PinWanted(3)
        answer = await one.modem.unlock("1234")
        assert (answer.verdict, answer.kept) == (PinVerdict.TAKEN, True)
        assert one.peer.pins == ["1234"]
        assert one.modem.pin_wanted is None
        await one.event(LineChanged, lambda event: event.health.state is LineState.UP)
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)


async def test_a_pin_that_was_right_opens_the_sim_again_at_the_next_opening_and_in_another_modem() -> None:
    memory = PinMemoryOfProcess()
    async with driven(Behaviour(sim="SIM PIN"), pin_memory=memory) as one:
        await one.modem.unlock("1234")
    for _ in range(2):
        other = ModemPeer(Behaviour(sim="SIM PIN"))
        async with driven(peer=other, pin_memory=memory) as one:
            assert other.pins == ["1234"]
            assert (await one.line.health()).state is LineState.UP


async def test_a_wrong_pin_is_refused_with_the_words_of_the_sim_and_the_tries_that_are_left() -> None:
    async with driven(Behaviour(sim="SIM PIN")) as one:
        answer = await one.modem.unlock("9999")
        assert (answer.verdict, answer.tries_left, answer.kept) == (PinVerdict.REFUSED, 2, False)
        assert "16" in answer.said or "incorrect" in answer.said
        assert one.modem.pin_wanted == PinWanted(2)
        again = await one.modem.unlock("9999")
        assert (again.verdict, again.tries_left) == (PinVerdict.REFUSED_BEFORE, 2)
        assert one.peer.pins == ["9999"]
        assert (await one.modem.unlock("1234")).verdict is PinVerdict.TAKEN


async def test_the_same_pin_from_two_people_at_once_goes_to_the_sim_once() -> None:
    async with driven(Behaviour(sim="SIM PIN")) as one:
        both = await asyncio.gather(one.modem.unlock("9999"), one.modem.unlock("9999"))
        assert [each.verdict for each in both] == [PinVerdict.REFUSED, PinVerdict.REFUSED_BEFORE]
        assert one.peer.pins == ["9999"]
        both = await asyncio.gather(one.modem.unlock("1234"), one.modem.unlock("1234"))
        assert [each.verdict for each in both] == [PinVerdict.TAKEN, PinVerdict.NOT_WANTED]
        assert one.peer.pins == ["9999", "1234"]


async def test_the_last_try_is_made_only_when_the_person_says_so() -> None:
    async with driven(Behaviour(sim="SIM PIN", pin_tries=1)) as one:
        answer = await one.modem.unlock("1234")
        assert (answer.verdict, answer.tries_left) == (PinVerdict.LAST_TRY, 1)
        assert one.peer.pins == []
        assert (await one.modem.unlock("1234", last_try=True)).verdict is PinVerdict.TAKEN


async def test_a_wrong_last_try_says_that_the_sim_is_locked_and_asks_for_no_pin_any_more() -> None:
    async with driven(Behaviour(sim="SIM PIN", pin_tries=1)) as one:
        answer = await one.modem.unlock("9999", last_try=True)
        assert (answer.verdict, answer.tries_left) == (PinVerdict.REFUSED, 0)
        assert answer.trouble is not None
        assert answer.trouble.code == "sim_puk_required"
        assert one.modem.pin_wanted is None
        assert await locked(one) == "sim_puk_required"
        blocked = await one.modem.unlock("1234", last_try=True)
        assert blocked.verdict is PinVerdict.NOT_WANTED
        assert one.peer.pins == ["9999"]


async def test_tries_that_the_modem_does_not_tell_are_none_and_keep_nobody_from_one_try() -> None:
    answers: dict[str, str | list[str] | None] = dict.fromkeys(
        ("AT+CPINR", "AT^CPIN?", "AT+SPIC", 'AT+QPINC="SC"'), "ERROR"
    )
    async with driven(Behaviour(sim="SIM PIN", answers=answers)) as one:
        assert one.modem.pin_wanted == PinWanted(None)
        answer = await one.modem.unlock("9999")
        assert (answer.verdict, answer.tries_left) == (PinVerdict.REFUSED, None)


async def test_a_sim_that_wants_none_is_given_none() -> None:
    async with driven() as one:
        assert one.modem.pin_wanted is None
        assert (await one.modem.unlock("1234")).verdict is PinVerdict.NOT_WANTED
        assert one.peer.pins == []


@pytest.mark.parametrize("text", ["", "123", "123456789", '12";', "１２３４", "12 34"])
async def test_what_is_no_pin_never_reaches_the_modem(text: str) -> None:
    async with driven(Behaviour(sim="SIM PIN")) as one:
        with pytest.raises(ValueError, match="4 to 8 digits"):
            await one.modem.unlock(text)
        assert one.peer.pins == []


async def test_a_kept_pin_that_the_sim_refuses_is_forgotten_and_asked_for_again() -> None:
    memory = PinMemoryOfProcess()
    await memory.keep_pin(ICCID, "4321")
    peer = ModemPeer(Behaviour(sim="SIM PIN"))
    for _ in range(2):
        async with driven(peer=peer, pin_memory=memory) as one:
            assert one.modem.pin_wanted == PinWanted(2)
    assert peer.pins == ["4321"]
    assert await memory.pin_of(ICCID) is None


async def test_a_kept_pin_is_not_entered_with_one_try_left_and_stays_kept() -> None:
    memory = PinMemoryOfProcess()
    await memory.keep_pin(ICCID, "1234")
    async with driven(Behaviour(sim="SIM PIN", pin_tries=1), pin_memory=memory) as one:
        assert one.peer.pins == []
        assert one.modem.pin_wanted == PinWanted(1)
    assert await memory.pin_of(ICCID) == "1234"


async def test_the_configured_pin_goes_first_and_the_kept_one_helps_when_it_is_wrong() -> None:
    memory = PinMemoryOfProcess()
    await memory.keep_pin(ICCID, "1234")
    peer = ModemPeer(Behaviour(sim="SIM PIN"))
    async with driven(peer=peer, pin="9999", pin_memory=memory) as one:
        assert peer.pins == ["9999", "1234"]
        assert (await one.line.health()).state is LineState.UP
    peer.will.sim = "SIM PIN"
    async with driven(peer=peer, pin="9999", pin_memory=memory):
        assert peer.pins == ["9999", "1234", "1234"]


async def test_a_kept_pin_does_not_take_the_last_but_one_try_after_a_wrong_configured_one() -> None:
    memory = PinMemoryOfProcess()
    await memory.keep_pin(ICCID, "4321")
    async with driven(Behaviour(sim="SIM PIN", pin_tries=2), pin="9999", pin_memory=memory) as one:
        assert one.peer.pins == ["9999"]
        assert one.modem.pin_wanted == PinWanted(1)


async def test_a_pin_whose_answer_never_came_counts_as_refused_and_is_not_kept() -> None:
    memory = PinMemoryOfProcess()
    peer = ModemPeer(Behaviour(sim="SIM PIN", answers={"AT+CPIN=*": None}))
    async with driven(peer=peer, pin_memory=memory, timers=QUICK_LOOKS) as one:
        assert (await one.modem.unlock("1234")).verdict is PinVerdict.REFUSED
        assert (await one.modem.unlock("1234")).verdict is PinVerdict.REFUSED_BEFORE
    assert sum(line.startswith("AT+CPIN=") for line in peer.commands) == 1
    assert await memory.pin_of(ICCID) is None


async def test_a_modem_that_is_away_says_so() -> None:
    async with driven(Behaviour(sim="SIM PIN")) as one:
        one.peer.unplug()
        await asyncio.wait_for(one.ended.wait(), 30)
        assert one.modem.pin_wanted is None
        with pytest.raises(DeviceNotReady):
            await one.modem.unlock("1234")


async def test_a_sim_that_hides_its_number_until_then_is_opened_and_not_remembered() -> None:
    memory = PinMemoryOfProcess()
    hidden: dict[str, str | list[str] | None] = {"AT+CCID": "+CME ERROR: 11", "AT+CIMI": "+CME ERROR: 11"}
    peer = ModemPeer(Behaviour(sim="SIM PIN", answers=hidden))
    async with driven(peer=peer, pin_memory=memory) as one:
        assert one.modem.lines() == ()
        assert one.modem.pin_wanted == PinWanted(3)
        assert len(one.modem.info.notes) == 1
        peer.will.answers.pop("AT+CIMI")
        answer = await one.modem.unlock("1234")
        assert (answer.verdict, answer.kept) == (PinVerdict.TAKEN, False)
        changed = await one.event(DeviceChanged)
        assert changed.info.notes == ()
        assert one.line.identity.key == f"imsi:{IMSI}"
        assert (await one.line.health()).state is LineState.UP


async def test_a_sim_that_is_put_in_later_is_opened_with_the_pin_that_was_kept_for_it() -> None:
    memory = PinMemoryOfProcess()
    await memory.keep_pin(ICCID, "1234")
    peer = ModemPeer(
        Behaviour(sim="+CME ERROR: 10", answers={"AT+CCID": "+CME ERROR: 10", "AT+CIMI": "+CME ERROR: 10"})
    )
    async with driven(peer=peer, pin_memory=memory, timers=QUICK_LOOKS) as one:
        peer.will.sim = "SIM PIN"
        peer.will.answers.clear()
        changed = await one.event(LineChanged, lambda event: event.health.state is LineState.UP)
        assert changed.line_key == ICCID
        assert peer.pins == ["1234"]
