"""Opening a modem: who it is, what its SIM wants, and what a person must do when it does not open."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from device_bridge.device import LineChanged, LineState, PartSent
from device_bridge.errors import DeviceNotReady
from device_bridge.modem import GsmModem, ModemSettings, PinMemoryOfProcess, Timers
from tests.peers.modem_driving import QUICK, attempt, driven, outcomes
from tests.peers.modem_peer import (
    DELIVER,
    DELIVER_LENGTH,
    ICCID,
    IMEI,
    IMSI,
    Behaviour,
    ModemPeer,
    PtyPeer,
    TcpPeer,
)

IMPATIENT = Timers(
    clearance_s=0.2,
    escape_s=0.1,
    final_s=0.1,
    quiet_s=0.02,
    heartbeat_s=0.05,
    sim_poll_s=0.03,
    restart_s=0.1,
    command_factor=0.05,
)

HASTY = Timers(escape_s=0.05, final_s=0.05, quiet_s=0.01, command_factor=0.015)


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_an_open_modem_says_who_it_is_and_whose_line_it_has() -> None:
    async with driven() as one:
        info, identity = one.modem.info, one.line.identity
        assert (info.id, info.kind, info.maker, info.model, info.firmware) == (
            IMEI,
            "modem",
            "Acme",
            "Model 1",
            "1.0",
        )
        assert (identity.key, identity.iccid, identity.imsi) == (ICCID, ICCID, IMSI)
        assert identity.number == "+447700900001"
        health = await one.line.health()
        assert (health.state, health.operator, health.signal_dbm) == (LineState.UP, "Testnet", -71)
        assert (health.roaming, health.smsc) == (False, "+358447474020")


async def test_opening_tells_the_line_once() -> None:
    async with driven() as one:
        changed = await one.event(LineChanged)
        await one.settled()
        assert changed.line_key == ICCID
        assert one.count(LineChanged) == 1


async def every_command_of_an_opening() -> list[str]:
    async with driven() as one:
        return list(dict.fromkeys(one.peer.commands))


async def test_each_single_command_may_be_refused() -> None:
    for command in await every_command_of_an_opening():
        async with driven(Behaviour(answers={command: "ERROR"})) as one:
            assert isinstance((await outcomes(one.line, attempt()))[0], PartSent), command


async def test_each_single_command_may_be_left_without_an_answer() -> None:
    for command in await every_command_of_an_opening():
        if command == "AT":
            continue
        async with driven(Behaviour(answers={command: None}), timers=HASTY) as one:
            assert isinstance((await outcomes(one.line, attempt()))[0], PartSent), command


async def test_a_modem_that_knows_only_sending_still_opens() -> None:
    refused = [
        "ATE0",
        "ATV1",
        "AT+CMEE*",
        "AT+CGM*",
        "AT+CNUM",
        "AT+CSCA?",
        "AT+CPMS*",
        "AT+CSMS*",
        "AT+CNM*",
        "AT+CREG*",
        "AT+CGREG*",
        "AT+CEREG*",
        "AT+CSQ",
        "AT+COPS*",
        "AT+CMGL*",
        "AT+CMGF*",
        "AT+CPIN?",
    ]
    async with driven(Behaviour(answers=dict.fromkeys(refused, "ERROR"))) as one:
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)


async def test_a_line_without_a_readable_iccid_goes_by_its_imsi() -> None:
    async with driven(Behaviour(answers={"AT+CCID": "ERROR"})) as one:
        assert one.line.identity.key == f"imsi:{IMSI}"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("AT+CCID", f'+CCID: "{ICCID}"'),
        ("AT+CCID", ICCID),
        ("AT^ICCID?", f"^ICCID: {ICCID}"),
        ("AT+ICCID", f"+ICCID: {ICCID}"),
        ("AT+CRSM*", '+CRSM: 144,0,"98883209000021436557"'),
    ],
)
async def test_the_iccid_is_read_in_every_makers_way(command: str, answer: str) -> None:
    answers: dict[str, str | list[str] | None] = dict.fromkeys(("AT+CCID", "AT^ICCID?", "AT+ICCID"), "ERROR")
    answers[command] = [answer, "OK"]
    async with driven(Behaviour(answers=answers)) as one:
        assert one.line.identity.iccid == ICCID


async def test_a_prompt_that_a_crash_left_open_is_closed() -> None:
    peer = ModemPeer()
    peer._prompt_open = True
    async with driven(peer=peer) as one:
        assert peer.escapes == 1
        assert peer.on_air == []
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)


async def test_a_modem_that_answers_in_digits_is_taught_words() -> None:
    async with driven(Behaviour(verbose=False)) as one:
        assert one.peer.will.verbose
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)


async def test_a_modem_that_insists_on_digits_is_understood() -> None:
    async with driven(Behaviour(verbose=False, answers={"ATV1": "4\r"})) as one:
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)


async def test_garbage_before_and_between_changes_nothing() -> None:
    async with driven(Behaviour(noise="\xff\x00\xfe~~~{{", echo=True)) as one:
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)


# ------------------------------------------------------------------ the SIM


async def test_the_right_pin_is_entered_once() -> None:
    async with driven(Behaviour(sim="SIM PIN"), pin="1234") as one:
        assert one.peer.pins == ["1234"]
        assert (await one.line.health()).state is LineState.UP


async def test_a_wrong_pin_is_tried_exactly_once_however_often_the_modem_is_opened() -> None:
    memory = PinMemoryOfProcess()
    peer = ModemPeer(Behaviour(sim="SIM PIN"))
    for _ in range(3):
        async with driven(peer=peer, pin="9999", pin_memory=memory, timers=IMPATIENT) as one:
            health = await one.line.health()
            assert health.state is LineState.NEEDS_ATTENTION
            assert health.reason is not None
            assert health.reason.code == "sim_pin_required"
            asked = peer.commands.count("AT+CPIN?")
            await peer.until(lambda asked=asked: peer.commands.count("AT+CPIN?") > asked + 3)  # type: ignore[misc]
            with pytest.raises(DeviceNotReady):
                await outcomes(one.line, attempt())
    assert peer.pins == ["9999"]
    assert peer.will.pin_tries == 2


async def test_a_pin_whose_answer_never_came_is_not_entered_again() -> None:
    memory = PinMemoryOfProcess()
    peer = ModemPeer(Behaviour(sim="SIM PIN", answers={"AT+CPIN=*": None}))
    for _ in range(2):
        async with driven(peer=peer, pin="1234", pin_memory=memory, timers=IMPATIENT):
            pass
    assert sum(line.startswith("AT+CPIN=") for line in peer.commands) == 1


async def test_no_pin_is_entered_with_one_try_left() -> None:
    async with driven(Behaviour(sim="SIM PIN", pin_tries=1), pin="1234") as one:
        assert one.peer.pins == []


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("AT^CPIN?", "^CPIN: SIM PIN,1,10,1,10,3"),
        ("AT+SPIC", "+SPIC: 1,10,0,10"),
        ('AT+QPINC="SC"', '+QPINC: "SC",1,10'),
    ],
)
async def test_tries_left_are_read_in_every_makers_way(query: str, answer: str) -> None:
    answers: dict[str, str | list[str] | None] = {"AT+CPINR": "ERROR", query: [answer, "OK"]}
    async with driven(Behaviour(sim="SIM PIN", answers=answers), pin="1234") as one:
        assert one.peer.pins == []


async def test_a_pin_that_is_no_pin_is_never_entered() -> None:
    async with driven(Behaviour(sim="SIM PIN"), pin='12";') as one:
        assert one.peer.pins == []


async def test_a_blocked_sim_asks_for_a_person() -> None:
    async with driven(Behaviour(sim="SIM PUK"), pin="1234") as one:
        health = await one.line.health()
        assert health.state is LineState.NEEDS_ATTENTION
        assert health.reason is not None
        assert health.reason.code == "sim_puk_required"
        assert one.peer.pins == []


async def test_a_modem_without_a_sim_opens_and_gets_its_line_when_one_is_put_in() -> None:
    peer = ModemPeer(
        Behaviour(sim="+CME ERROR: 10", answers={"AT+CCID": "+CME ERROR: 10", "AT+CIMI": "+CME ERROR: 10"})
    )
    async with driven(peer=peer, timers=IMPATIENT) as one:
        assert one.modem.lines() == ()
        assert one.modem.trouble is not None
        assert one.modem.trouble.code == "sim_missing"
        assert len(one.modem.info.notes) == 1
        peer.will.sim = "READY"
        peer.will.answers.clear()
        changed = await one.event(LineChanged)
        assert (changed.line_key, changed.health.state) == (ICCID, LineState.UP)
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)


async def test_a_sim_that_is_pulled_out_and_put_back_takes_its_line_down_and_up() -> None:
    async with driven(timers=IMPATIENT) as one:
        one.peer.will.sim = "+CME ERROR: 10"
        one.peer.say("+CPIN: NOT READY")
        gone = await one.event(LineChanged, lambda event: event.health.state is LineState.NEEDS_ATTENTION)
        assert gone.health.reason is not None
        assert gone.health.reason.code == "sim_missing"
        with pytest.raises(DeviceNotReady):
            await outcomes(one.line, attempt())
        one.events.clear()
        one.peer.will.sim = "READY"
        await one.event(LineChanged, lambda event: event.health.state is LineState.UP)
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)


async def test_another_sim_is_another_line() -> None:
    other = "8944110000000000009"
    async with driven() as one:
        old = one.line
        one.peer.will.answers["AT+CCID"] = [f"+CCID: {other}", "OK"]
        one.peer.say("RDY")
        new = await one.event(LineChanged, lambda event: event.line_key == other)
        assert new.health.state is LineState.UP
        assert one.line.identity.key == other
        assert (await old.health()).state is LineState.NEEDS_ATTENTION
        with pytest.raises(DeviceNotReady):
            await outcomes(old, attempt())


async def test_a_refusal_that_points_at_the_sim_makes_us_look_at_it() -> None:
    async with driven(Behaviour(before_prompt=["+CMS ERROR: 310"])) as one:
        one.peer.will.sim = "+CME ERROR: 10"
        await outcomes(one.line, attempt())
        gone = await one.event(LineChanged, lambda event: event.health.state is LineState.NEEDS_ATTENTION)
        assert gone.line_key == ICCID


async def test_a_sim_that_is_busy_after_its_pin_is_given_time() -> None:
    class Booting(ModemPeer):
        busy = 3

        def _choose(self, line: str) -> list[str]:
            self.busy -= 1
            return ["+CMS ERROR: 314"] if self.busy >= 0 else super()._choose(line)

    peer = Booting(Behaviour(sim="SIM PIN"))
    async with driven(peer=peer, pin="1234") as one:
        assert (await one.line.health()).store_total == 20
        assert peer.cnmi[3] == 2


# ------------------------------------------------------------------ the network


async def test_a_lost_network_holds_texts_until_it_is_back() -> None:
    async with driven() as one:
        one.peer.say("+CREG: 2", "+CGREG: 0")
        down = await one.event(LineChanged, lambda event: event.health.state is LineState.DOWN)
        assert down.health.reason is not None
        assert down.health.reason.code == "not_registered"
        with pytest.raises(DeviceNotReady):
            await outcomes(one.line, attempt())
        one.events.clear()
        one.peer.say('+CREG: 5,"00C3","1A2B",7')
        up = await one.event(LineChanged)
        assert (up.health.state, up.health.roaming) == (LineState.UP, True)
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)


async def test_a_network_that_comes_back_without_a_word_is_noticed() -> None:
    answers: dict[str, str | list[str] | None] = {
        "AT+CREG?": ["+CREG: 2,2", "OK"],
        "AT+CGREG?": ["+CGREG: 1,0", "OK"],
    }
    async with driven(Behaviour(answers=answers), timers=IMPATIENT) as one:
        assert (await one.line.health()).state is LineState.DOWN
        one.peer.will.answers.clear()
        await one.event(LineChanged, lambda event: event.health.state is LineState.UP)


async def test_only_a_change_is_told() -> None:
    async with driven() as one:
        await one.event(LineChanged)
        one.events.clear()
        for line in ("+CREG: 1", "^RSSI: 21", "+CREG: 1", "^RSSI: 22", "+CGREG: 1"):
            one.peer.say(line)
        one.peer.say("^RSSI: 5")
        changed = await one.event(LineChanged)
        assert (changed.health.signal_dbm, one.count(LineChanged)) == (-103, 1)


# ------------------------------------------------------------------ ports that do not open


async def refusal(port: str, timers: Timers = QUICK) -> DeviceNotReady:
    with pytest.raises(DeviceNotReady) as caught:
        await GsmModem(ModemSettings(port, timers=timers)).open()
    return caught.value


async def test_a_port_that_is_not_there_is_named(tmp_path: Path) -> None:
    error = await refusal(str(tmp_path / "ttyUSB9"))
    assert error.cause.code == "device_lost"
    assert "ttyUSB9" in error.cause.hint


async def test_nobody_listening_is_named() -> None:
    error = await refusal("socket://127.0.0.1:1")
    assert error.cause.code == "device_lost"
    assert "127.0.0.1:1" in error.cause.hint


@pytest.mark.parametrize(
    "port", ["socket://", "socket://host", "socket://host:port", "rfc2217://h:1", "loop://"]
)
async def test_a_port_that_cannot_be_is_refused_with_the_right_form(port: str) -> None:
    error = await refusal(port)
    assert error.cause.code == "device_not_ready"
    assert "socket://" in error.cause.hint


async def test_a_file_that_is_no_serial_port_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert (await refusal(str(tmp_path / "notes.txt"))).cause.code == "device_not_ready"


async def test_a_port_that_is_held_names_its_holder(tmp_path: Path) -> None:
    peer = ModemPeer()
    async with PtyPeer(peer, str(tmp_path / "modem")) as link:
        first = GsmModem(ModemSettings(link.port, timers=QUICK))
        await first.open()
        error = await refusal(link.port)
        assert error.cause.code == "port_busy"
        await first.close()
        second = GsmModem(ModemSettings(link.port, timers=QUICK))
        await second.open()
        await second.close()


async def test_silence_is_named_and_the_modem_opens_once_it_answers() -> None:
    peer = ModemPeer(Behaviour(silent=True))
    async with TcpPeer(peer) as link:
        modem = GsmModem(ModemSettings(link.port, timers=QUICK))
        with pytest.raises(DeviceNotReady) as caught:
            await modem.open()
        assert caught.value.cause.code == "modem_silent"
        assert modem.lines() == ()
        peer.will.silent = False
        await modem.open()
        assert len(modem.lines()) == 1
        await modem.close()


async def test_a_link_that_breaks_while_opening_is_named() -> None:
    peer = ModemPeer()
    async with TcpPeer(peer) as link:
        modem = GsmModem(ModemSettings(link.port, timers=QUICK))
        opening = asyncio.ensure_future(modem.open())
        await peer.until(lambda: len(peer.commands) > 4)
        peer.unplug()
        with pytest.raises(DeviceNotReady) as caught:
            await opening
        assert caught.value.cause.code == "device_lost"


# ------------------------------------------------------------------ a real pseudo-terminal


async def test_a_modem_on_a_pty_sends_receives_and_survives_being_plugged_in_again(tmp_path: Path) -> None:
    peer = ModemPeer()
    async with PtyPeer(peer, str(tmp_path / "modem")) as link:
        modem = GsmModem(ModemSettings(link.port, timers=QUICK))
        await modem.open()
        assert isinstance((await outcomes(modem.lines()[0], attempt(parts=2)))[0], PartSent)
        peer.unplug()
        async with asyncio.timeout(30):
            events = [event async for event in modem.events()]
        assert isinstance(events[-1], LineChanged)
        assert events[-1].health.state is LineState.DOWN
        link.replug()
        peer.stores["SM"][1] = (0, DELIVER, DELIVER_LENGTH)
        await modem.open()
        assert isinstance((await outcomes(modem.lines()[0], attempt("a2")))[0], PartSent)
        await modem.close()
        assert len(peer.on_air) == 3


async def test_opening_a_pty_leaves_no_descriptor_behind(tmp_path: Path) -> None:
    peer = ModemPeer()
    async with PtyPeer(peer, str(tmp_path / "modem")) as link:
        modem = GsmModem(ModemSettings(link.port, timers=QUICK))
        await modem.open()
        await modem.close()
        before = open_descriptors()
        for _ in range(3):
            await modem.open()
            await modem.close()
        assert open_descriptors() == before
