"""USSD through the modem driver: asked in plain or packed form, understood in any form."""

from __future__ import annotations

import asyncio

import pytest

from device_bridge.device import PartSent
from device_bridge.errors import DeviceNotReady
from tests.peers.modem_driving import attempt, driven, outcomes
from tests.peers.modem_peer import Behaviour

# *100# in packed septets, and an answer in each form that firmwares use; made by hand from 23.038 §6.1.2.3.
PACKED_CODE = "AA180C3602"
ANSWERS = {
    'plain words': ('+CUSD: 0,"Your balance is 5.00",15', "Your balance is 5.00"),
    'without a coding': ('+CUSD: 2,"Bye"', "Bye"),
    'UCS-2': ('+CUSD: 0,"00420061006C0061006E00630065003A0020003520AC",72', "Balance: 5€"),
    'packed septets': ('+CUSD: 0,"C8329BFD065DDF72363904",15', "Hello World!"),
    'digits that look like octets': ('+CUSD: 0,"Code 12345678",15', "Code 12345678"),
    'a menu': ('+CUSD: 1,"1 Balance\r\n2 Top up\r\n3 Help",15', "1 Balance\n2 Top up\n3 Help"),
}  # fmt: skip


@pytest.mark.parametrize("form", ANSWERS)
async def test_an_answer_is_understood(form: str) -> None:
    line, text = ANSWERS[form]
    async with driven(Behaviour(answers={"AT+CUSD=1*": ["OK", line], "AT+CUSD=2": "OK"})) as one:
        assert await one.line.ussd("*100#") == text
        assert 'AT+CUSD=1,"*100#",15' in one.peer.commands


async def test_cyrillic_is_told_from_packed_septets() -> None:
    line = '+CUSD: 0,"04110430043B0430043D0441003A002000350030",15'
    async with driven(Behaviour(answers={"AT+CUSD=1*": ["OK", line]})) as one:
        assert await one.line.ussd("*100#") == "Баланс: 50"


async def test_a_modem_that_wants_packed_septets_gets_them() -> None:
    answers: dict[str, str | list[str] | None] = {
        'AT+CUSD=1,"*100#",15': "ERROR",
        f'AT+CUSD=1,"{PACKED_CODE}",15': ["OK", ANSWERS["packed septets"][0]],
    }
    async with driven(Behaviour(answers=answers)) as one:
        assert await one.line.ussd("*100#") == "Hello World!"


async def test_no_answer_of_the_network_ends_with_an_error_and_an_ended_session() -> None:
    async with driven(Behaviour(answers={"AT+CUSD=1*": "OK", "AT+CUSD=2": "OK"})) as one:
        with pytest.raises(DeviceNotReady):
            await one.line.ussd("*100#")
        assert one.peer.commands[-1] == "AT+CUSD=2"
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)


async def test_a_modem_that_refuses_ussd_says_so() -> None:
    async with driven(Behaviour(answers={"AT+CUSD*": "ERROR"})) as one:
        with pytest.raises(DeviceNotReady):
            await one.line.ussd("*100#")


async def test_texts_go_out_while_the_network_thinks() -> None:
    async with driven(Behaviour(answers={"AT+CUSD=1*": "OK"})) as one:
        asking = asyncio.ensure_future(one.line.ussd("*100#"))
        await one.peer.until(lambda: one.peer.commands[-1].startswith("AT+CUSD"))
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)
        one.peer.say('+CUSD: 0,"Done",15')
        assert await asking == "Done"


@pytest.mark.parametrize("code", ["", "*100#\r", 'AT"', "٣"])
async def test_a_code_with_other_characters_is_refused_before_it_is_sent(code: str) -> None:
    async with driven() as one:
        with pytest.raises(ValueError, match="digits"):
            await one.line.ussd(code)
        assert not any("CUSD" in line for line in one.peer.commands)
