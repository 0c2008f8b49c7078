"""Owns the proof that an emulated modem speaks AT as a decent generic modem does.

Knows no driver: raw octets over TCP.
Source: ITU-T V.250 §5–6, 3GPP TS 27.007 §5–8.
"""

from __future__ import annotations

import asyncio

import pytest

from device_bridge.emulator.command_line import Command, Form, parse_command_line
from tests.unit.emulator.emulated_host import Box, MakeBox


async def test_echo_is_on_after_power_on_and_goes_with_ate0(box: Box) -> None:
    host = await box.host()
    assert await host.command("ATE1") == "OK"
    assert await host.command("AT") == "AT OK"
    assert await host.command("ATE0") == "ATE0 OK"
    assert await host.command("AT") == "OK"


async def test_atv0_answers_in_digits(box: Box) -> None:
    host = await box.host()
    host.send("ATV0\r")
    assert await host.until("\r") == "0\r"
    host.send("AT+CSQ\r")
    assert await host.until("0\r$") == "+CSQ: 20,99\r\n0\r"
    host.send("AT+NONSENSE\r")
    assert await host.until("\r") == "4\r"


@pytest.mark.parametrize(
    ("level", "answer"), [(0, "ERROR"), (1, "+CME ERROR: 4"), (2, "+CME ERROR: operation not supported")]
)
async def test_cmee_words_the_error_of_an_unknown_command(box: Box, level: int, answer: str) -> None:
    host = await box.host()
    await host.command(f"AT+CMEE={level}")
    assert await host.command("AT+NONSENSE?") == answer


async def test_commands_on_one_line_are_done_in_order_until_one_fails(box: Box) -> None:
    host = await box.host()
    assert await host.command("AT+CMEE=1;+CREG=1;+CREG?") == "+CREG: 1,1 OK"
    assert await host.command("AT+CREG=2;+NONSENSE;+CREG=0") == "+CME ERROR: 4"
    assert await host.command("AT+CREG?") == '+CREG: 2,1,"00C3","0000CAFE" OK'


async def test_command_lines_that_arrive_together_are_answered_one_by_one(make_box: MakeBox) -> None:
    box = await make_box(answer_latency_s=0.001)
    host = await box.host()
    host.send("AT+CSQ\rAT+CPIN?\r")
    assert (await host.until("READY\r\n\r\nOK\r\n")).split() == [
        "+CSQ:",
        "20,99",
        "OK",
        "+CPIN:",
        "READY",
        "OK",
    ]


async def test_a_line_without_at_is_not_answered(box: Box) -> None:
    host = await box.host()
    host.send("\x00\xff\x80garbage\r\r\n")
    await host.nothing_follows()


async def test_identity_names_modem_and_sim(box: Box) -> None:
    host = await box.host()
    identity = box.network.modem(1).sim.identity
    assert await host.command("AT+CGSN") == f"{identity.imei} OK"
    assert await host.command("AT+CIMI") == f"{identity.imsi} OK"
    assert await host.command("AT+CCID") == f"+CCID: {identity.iccid} OK"
    assert await host.command("AT+CNUM") == f'+CNUM: "","{identity.number}",145 OK'
    assert await host.command("AT+COPS?") == '+COPS: 0,0,"Emulated",2 OK'


async def test_escape_in_the_prompt_takes_the_text_back(box: Box) -> None:
    host = await box.host()
    host.send("AT+CMGS=20\r")
    await host.until("> ")
    host.send("0021\x1b")
    assert (await host.until("OK\r\n")).split() == ["OK"]
    await host.nothing_follows()
    assert not box.network.submissions


async def test_a_prompt_stays_open_for_the_next_host_until_it_sends_escape(box: Box) -> None:
    first = await box.host()
    first.send("AT+CMGS=20\r")
    await first.until("> ")
    await first.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", box.ports[1])
    writer.write(b"AT\r\x1bAT\r")
    assert await asyncio.wait_for(reader.readuntil(b"OK\r\n\r\nOK\r\n"), 30) == b"\r\nOK\r\n\r\nOK\r\n"
    writer.close()
    await writer.wait_closed()


async def test_settings_survive_a_host_that_goes_and_comes(box: Box) -> None:
    first = await box.host()
    await first.command("AT+CNMI=2,1,0,1,0")
    await first.close()
    assert await (await box.host()).command("AT+CNMI?") == "+CNMI: 2,1,0,1,0 OK"


async def test_a_restart_takes_settings_back_and_keeps_the_port(box: Box) -> None:
    host = await box.host()
    await host.command("AT+CNMI=2,1,0,1,0")
    assert await host.command("AT+CFUN=1,1") == "OK"
    assert await host.command("ATE0") == "ATE0 OK"
    assert await host.command("AT+CNMI?") == "+CNMI: 0,0,0,0,0 OK"


async def test_with_the_radio_off_there_is_no_network(box: Box) -> None:
    host = await box.host()
    await host.command("AT+CREG=1")
    host.send("AT+CFUN=4\r")
    assert (await host.until("CREG: 0\r\n")).split() == ["OK", "+CREG:", "0"]
    assert await host.command("AT+CSQ") == "+CSQ: 99,99 OK"
    host.send("AT+CFUN=1\r")
    assert (await host.until("CREG: 1\r\n")).split() == ["OK", "+CREG:", "1"]


async def test_ussd_is_answered_by_the_network(box: Box) -> None:
    host = await box.host()
    host.send('AT+CUSD=1,"*100#",15\r')
    assert "Credit" in await host.until(r"\+CUSD: 0[^\r]*\r\n")


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("AT", ()),
        ("ate0v1", (Command("E", Form.EXECUTE, ("0",)), Command("V", Form.EXECUTE, ("1",)))),
        ("AT&F E1", (Command("&F", Form.EXECUTE, ("",)), Command("E", Form.EXECUTE, ("1",)))),
        ("ATS0=0", (Command("S0", Form.SET, ("0",)),)),
        ("\x1bAT+CNMA;+CMGS=9", (Command("+CNMA", Form.EXECUTE), Command("+CMGS", Form.SET, ("9",)))),
        ('AT+CUSD=1,"a;b,c",15', (Command("+CUSD", Form.SET, ("1", "a;b,c", "15")),)),
        ('AT+CPMS=,,"ME"', (Command("+CPMS", Form.SET, ("", "", "ME")),)),
        ("AT+CNMI=2,1,,", (Command("+CNMI", Form.SET, ("2", "1", "", "")),)),
        ("AT+CNMI=?", (Command("+CNMI", Form.TEST),)),
        ("hello", None),
        ("AT?", None),
    ],
)
def test_a_command_line_falls_into_its_commands(line: str, commands: tuple[Command, ...] | None) -> None:
    assert parse_command_line(line) == commands
