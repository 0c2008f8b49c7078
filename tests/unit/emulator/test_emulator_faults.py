"""Owns the proof that every fault of the script does what it says, and nothing else.

Knows no driver: raw octets over TCP.
Source: the faults that the field reports; 3GPP TS 27.005 §3.2.5, 27.007 §8.3, §9.2.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from device_bridge.emulator import ALWAYS, Cut, NoisePlace, NumberRefusal, SlowAnswer
from device_bridge.emulator.fault_file import load_faults
from tests.unit.emulator.emulated_host import WAIT_S, Box, Host, MakeBox, eventually, submit_pdu

TO = "+99900000001"
PDU = submit_pdu(TO, flags=0x01)
COMMAND = f"AT+CMGS={len(PDU) // 2}\r"
TEXT = f"00{PDU}\x1a"
ANSWER = "\r\n> \r\n+CMGS: 0\r\n\r\nOK\r\n"


async def back(box: Box) -> Host:
    """Open the port again as soon as the device is back."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                return await box.host()
            except (ConnectionError, EOFError):
                await asyncio.sleep(0)


# ------------------------------------------------------------------ the cable


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "octet by octet"])
async def test_a_cable_pulled_at_any_octet_of_a_submit_loses_nothing_but_the_rest(
    box: Box, *, whole: bool
) -> None:
    modem = box.network.modem(1)
    octets = len(COMMAND + TEXT)
    for octet in range(1, octets + 1):
        host = await box.host()
        modem.faults.cut, modem.faults.cut_times = Cut(host_octet=octet), 1
        before = len(box.network.submissions)
        await _submit_until_gone(host, whole=whole)
        assert len(box.network.submissions) - before == (1 if octet == octets else 0), f"octet {octet}"
        assert modem.faults.cut_times == 0
    host = await box.host()
    assert (await host.submit(PDU)).endswith("OK")


async def _submit_until_gone(host: Host, *, whole: bool) -> None:
    try:
        for text, wanted in ((COMMAND, "> "), (TEXT, "OK\r\n")):
            for piece in [text] if whole else text:
                host.send(piece)
                await asyncio.sleep(0)
            await host.until(wanted)
        pytest.fail("the cable was not pulled")
    except (EOFError, ConnectionError):
        await host.close()


async def test_a_cable_pulled_at_any_octet_of_the_answer_leaves_the_text_on_air_once_it_was_handed_over(
    box: Box,
) -> None:
    modem = box.network.modem(1)
    for octet in range(1, len(ANSWER)):
        modem.sim.last_mr = 255
        host = await box.host()
        modem.faults.cut, modem.faults.cut_times = Cut(answer_octet=octet), 1
        before = len(box.network.submissions)
        host.send(COMMAND)
        try:
            await host.until("> ")
            host.send(TEXT)
        except EOFError:
            pass
        await host.gone()
        prompt = len("\r\n> ")
        heard = ("\r\n> " if octet > prompt else "") + host.heard
        assert heard.removeprefix("\r\n> ") in ANSWER
        assert len(heard) == octet or octet == prompt
        assert len(box.network.submissions) - before == (1 if octet > prompt else 0)


async def test_a_device_that_is_away_refuses_connections_and_comes_back_as_after_power_on(box: Box) -> None:
    host = await box.host()
    await host.command("AT+CNMI=2,1,0,1,0")
    box.network.modem(1).unplug(away_s=0.05)
    await host.gone()
    with pytest.raises(ConnectionRefusedError):
        await box.host()
    again = await back(box)
    assert await again.command("AT+CNMI?") == "+CNMI: 0,0,0,0,0 OK"


async def test_power_that_goes_before_the_text_is_on_air_takes_the_text_with_it(make_box: MakeBox) -> None:
    box = await make_box(submit_s=0.03)
    modem = box.network.modem(1)
    modem.faults.cut, modem.faults.cut_times = Cut(host_octet=len(COMMAND + TEXT), on_air=False), 1
    host = await box.host()
    await _submit_until_gone(host, whole=True)
    again = await box.host()
    assert await again.submit(PDU) == "+CMGS: 1 OK"
    assert [submission.mr for submission in box.network.submissions] == [1]


async def test_a_text_on_air_goes_on_when_the_host_is_gone(make_box: MakeBox) -> None:
    box = await make_box(submit_s=0.03)
    host = await box.host()
    host.send(COMMAND)
    await host.until("> ")
    host.send(TEXT)
    await host.close()
    again = await box.host(greet=False)
    again.send("AT\r")
    assert (await again.until("OK\r\n\r\nOK\r\n")).split() == ["+CMGS:", "0", "OK", "OK"]
    assert len(box.network.submissions) == 1


# ------------------------------------------------------------------ answers


async def test_a_late_answer_comes_after_other_answers(box: Box) -> None:
    modem = box.network.modem(1)
    modem.faults.slow_answer, modem.faults.slow_times = SlowAnswer(0.1), 1
    host = await box.host()
    host.send(COMMAND)
    await host.until("> ")
    host.send(TEXT + "AT\r")
    assert (await host.until("OK\r\n")).split() == ["OK"]
    assert (await host.until("OK\r\n")).split() == ["+CMGS:", "0", "OK"]
    assert await host.submit(PDU) == "+CMGS: 1 OK"


async def test_a_late_answer_reaches_the_host_that_opened_the_port_meanwhile(box: Box) -> None:
    modem = box.network.modem(1)
    modem.faults.slow_answer, modem.faults.slow_times = SlowAnswer(0.1), 1
    host = await box.host()
    host.send(COMMAND)
    await host.until("> ")
    host.send(TEXT)
    await eventually(lambda: bool(box.network.submissions))
    await host.close()
    again = await box.host(greet=False)
    assert (await again.until("OK\r\n")).split() == ["+CMGS:", "0", "OK"]


async def test_a_modem_may_hold_everything_until_its_late_answer(box: Box) -> None:
    modem = box.network.modem(1)
    modem.faults.slow_answer, modem.faults.slow_times = SlowAnswer(0.05, meanwhile=False), 1
    host = await box.host()
    host.send(COMMAND)
    await host.until("> ")
    host.send(TEXT + "AT\r")
    assert (await host.until("OK\r\n\r\nOK\r\n")).split() == ["+CMGS:", "0", "OK", "OK"]


async def test_silence_takes_the_text_and_says_nothing(box: Box) -> None:
    box.network.modem(1).faults.silent_times = 1
    host = await box.host()
    host.send(COMMAND)
    await host.until("> ")
    host.send(TEXT + "\x1b")
    await host.nothing_follows()
    assert len(box.network.submissions) == 1
    assert await host.submit(PDU) == "+CMGS: 1 OK"


async def test_a_deaf_modem_says_nothing_at_all(box: Box) -> None:
    host = await box.host()
    box.network.modem(1).faults.deaf = True
    host.send("AT\rATE1\r")
    box.network.modem(1).burst(b"x")
    assert await host.until("x") == "x"


@pytest.mark.parametrize(
    ("cause", "answer"), [(38, "+CMS ERROR: 38"), (513, "+CMS ERROR: 513"), (None, "ERROR")]
)
async def test_a_number_is_refused_as_often_as_asked(box: Box, cause: int | None, answer: str) -> None:
    box.network.modem(1).faults.refuse_numbers[TO] = NumberRefusal(cause, times=1)
    host = await box.host()
    assert await host.submit(PDU) == answer
    assert await host.submit(PDU) == "+CMGS: 1 OK"
    assert len(box.network.submissions) == 1


async def test_every_number_is_refused_by_a_star(box: Box) -> None:
    box.network.modem(1).faults.refuse_numbers["*"] = NumberRefusal(50)
    host = await box.host()
    assert [await host.submit(PDU) for _ in range(3)] == ["+CMS ERROR: 50"] * 3


@pytest.mark.parametrize("name", ["+CNMI", "+CPMS", "+CMMS", "+CNMA", "+CMGS"])
async def test_a_command_is_refused_in_all_its_forms(box: Box, name: str) -> None:
    box.network.modem(1).faults.refuse_commands[name] = "+CMS ERROR: 303"
    host = await box.host()
    for form in ("=1", "?", "=?", ""):
        assert await host.command(f"AT{name}{form}") == "+CMS ERROR: 303"


async def test_plain_errors_have_no_code(box: Box) -> None:
    box.network.modem(1).faults.plain_errors = True
    host = await box.host()
    await host.command("AT+CMEE=2")
    assert await host.command("AT+NONSENSE") == "ERROR"
    assert await host.submit(submit_pdu("+99900000003")) == "ERROR"


@pytest.mark.parametrize("prompt", ["\r\n> ", "> ", "\r\n>", ">"])
async def test_a_prompt_has_the_shape_that_was_asked_for(box: Box, prompt: str) -> None:
    box.network.modem(1).faults.prompt = prompt
    host = await box.host()
    host.send(COMMAND)
    assert await host.until(">.?$") == prompt


async def test_noise_stands_where_it_was_put(box: Box) -> None:
    faults = box.network.modem(1).faults
    host = await box.host()
    faults.noise = ("^RSSI: 17",)
    faults.noise_at = frozenset(NoisePlace)
    host.send("AT+CSQ\r")
    assert (await host.until("OK\r\n")).split("\r\n") == [
        *("", "^RSSI: 17", "", "+CSQ: 20,99", "^RSSI: 17", "", "OK", ""),
    ]
    host.send(COMMAND)
    assert await host.until("17\r\n") == "\r\n> \r\n^RSSI: 17\r\n"
    host.send(TEXT)
    assert " ".join((await host.until("OK\r\n")).split()) == "^RSSI: 17 ^RSSI: 17 +CMGS: 0 ^RSSI: 17 OK"


# ------------------------------------------------------------------ SIM and network


async def test_a_wrong_pin_costs_a_try_and_the_last_one_the_card(box: Box) -> None:
    modem = box.network.modem(1)
    modem.require_pin("1234", tries=2)
    host = await box.host()
    await host.command("AT+CMEE=1")
    assert await host.command("AT+CPIN?") == "+CPIN: SIM PIN OK"
    assert await host.command("AT+CIMI") == "+CME ERROR: 11"
    assert await host.command("AT+CREG?") == "+CREG: 0,0 OK"
    assert await host.command(COMMAND.strip()) == "+CMS ERROR: 311"
    assert await host.command('AT+CPIN="0000"') == "+CME ERROR: 16"
    assert await host.command("AT+CPINR") == "+CPINR: SIM PIN,1,3 +CPINR: SIM PUK,10,10 OK"
    assert await host.command('AT+CPIN="0000"') == "+CME ERROR: 12"
    assert await host.command("AT+CPIN?") == "+CPIN: SIM PUK OK"
    assert await host.command('AT+CPIN="1234"') == "+CME ERROR: 12"
    assert await host.command(COMMAND.strip()) == "+CMS ERROR: 316"


async def test_the_right_pin_opens_the_card_and_registers(box: Box) -> None:
    box.network.modem(1).require_pin("1234", tries=1)
    host = await box.host()
    await host.command("AT+CREG=1")
    host.send('AT+CPIN="1234"\r')
    assert (await host.until("CREG: 1\r\n")).split() == ["OK", "+CREG:", "1"]
    assert await host.command("AT+CPINR") == "+CPINR: SIM PIN,3,3 +CPINR: SIM PUK,10,10 OK"
    assert await host.submit(PDU) == "+CMGS: 0 OK"


async def test_a_card_that_is_out_says_so_and_works_again_when_it_is_in(box: Box) -> None:
    modem = box.network.modem(1)
    host = await box.host()
    await host.command("AT+CMEE=1;+CREG=1")
    modem.remove_sim()
    assert await host.line(r"\+CPIN") == "+CPIN: NOT INSERTED"
    assert await host.line(r"\+CREG") == "+CREG: 0"
    assert await host.command("AT+CPIN?") == "+CME ERROR: 10"
    assert await host.command("AT+CCID") == "+CME ERROR: 10"
    assert await host.command(COMMAND.strip()) == "+CMS ERROR: 310"
    modem.insert_sim()
    assert await host.line(r"\+CREG") == "+CREG: 1"
    assert await host.submit(PDU) == "+CMGS: 0 OK"


async def test_without_network_nothing_goes_on_air(box: Box) -> None:
    modem = box.network.modem(1)
    host = await box.host()
    await host.command("AT+CREG=2")
    modem.lose_network()
    assert await host.line(r"\+CREG") == "+CREG: 2"
    assert await host.command("AT+COPS?;+CSQ") == "+COPS: 0 +CSQ: 99,99 OK"
    assert await host.submit(PDU) == "+CMS ERROR: 331"
    modem.restore_network()
    assert await host.line(r"\+CREG") == '+CREG: 1,"00C3","0000CAFE"'
    assert await host.submit(PDU) == "+CMGS: 0 OK"
    assert len(box.network.submissions) == 1


async def test_a_full_store_takes_nothing_until_it_is_emptied(box: Box) -> None:
    modem = box.network.modem(1)
    modem.fill_stores()
    host = await box.host()
    await host.command("AT+CNMI=2,1,0,0,0")
    box.network.inject_inbound("+999555", box.number(1), "hi")
    assert await host.command("AT+CPMS?") == '+CPMS: "SM",20,20,"SM",20,20,"SM",20,20 OK'
    await host.nothing_follows()
    modem.fill_stores(full=False)
    assert await host.line(r"\+CMTI") == '+CMTI: "SM",1'


# ------------------------------------------------------------------ the script

SCRIPT = """
[[line]]
number = 1
slow = {after_s = 0.0, times = 1}
silent_times = -1
cut = {host_octet = 3, away_s = 2.5}
refuse = [{to = "+999777", cause = 38, times = 2}, {to = "*"}]
refuse_commands = {"+cnmi" = "ERROR"}
noise = ["^BOOT: 1"]
noise_at = ["in_submit"]

[[line]]
number = 2
pin = "1234"
pin_tries = 1
sim = false
network = false
store_full = true
"""


async def test_a_script_sets_the_faults_of_its_lines(box: Box, tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(SCRIPT)
    for line in load_faults(path):
        line.apply_to(box.network)
    first, second = box.network.modems
    assert first.faults.cut == Cut(host_octet=3, away_s=2.5)
    assert (first.faults.cut_times, first.faults.silent_times, first.faults.slow_times) == (1, ALWAYS, 1)
    assert first.faults.refuse_numbers == {"+999777": NumberRefusal(38, 2), "*": NumberRefusal(None)}
    assert first.faults.refuse_commands == {"+CNMI": "ERROR"}
    assert first.faults.noise_in(NoisePlace.IN_SUBMIT) == ("^BOOT: 1",)
    assert first.registered
    assert (second.sim.present, second.sim.pin_state, second.radio.covered) == (False, "SIM PIN", False)
    assert second.sim.stores["SM"].used == second.sim.stores["SM"].size


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[line]]\nnumber = 1\nsilent = 3", "line.0.silent"),
        ("[[line]]\nnumber = 0", "line.0.number"),
        ("[[line]]\nnumber = 1\ncut = {away_s = 1}", "host_octet or answer_octet"),
        ("[[line]]\nnumber = 1\npin = 'abcd'", "line.0.pin"),
        ("[[line]", "faults.toml"),
    ],
)
def test_a_wrong_script_is_refused_with_its_key(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=reason):
        load_faults(path)


def test_a_script_for_a_line_that_is_not_there_is_refused(box: Box, tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text("[[line]]\nnumber = 3")
    with pytest.raises(ValueError, match="2 lines"):
        load_faults(path)[0].apply_to(box.network)
