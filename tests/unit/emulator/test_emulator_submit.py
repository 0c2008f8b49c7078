"""Owns the proof that the emulated network takes well-formed texts and refuses the others.

Knows no driver and no encoder: PDUs are hexadecimal strings.
Source: 3GPP TS 27.005 §3.2.5, §3.5, 23.040 §9.2.2.2, §9.2.3.25.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.emulator.emulated_host import HI, NOW_MS, Box, MakeBox, address, submit_pdu

TO = "+99900000001"


async def test_a_text_gets_the_next_reference_and_stands_in_the_log(box: Box) -> None:
    host = await box.host()
    assert await host.submit(submit_pdu(TO, mr=77)) == "+CMGS: 0 OK"
    assert await host.submit(submit_pdu(TO)) == "+CMGS: 1 OK"
    first, second = box.network.submissions
    assert (first.line, first.destination, first.mr, first.at_ms) == (1, TO, 0, NOW_MS)
    assert second.tpdu.hex().upper() == submit_pdu(TO, mr=1)


async def test_references_wrap_after_255(box: Box) -> None:
    box.network.modem(1).sim.last_mr = 254
    host = await box.host()
    assert [await host.submit(submit_pdu(TO)) for _ in range(2)] == ["+CMGS: 255 OK", "+CMGS: 0 OK"]


MALFORMED = {
    "not hexadecimal": "zz" + submit_pdu(TO)[2:],
    "odd number of digits": submit_pdu(TO)[:-1],
    "user data cut short": submit_pdu(TO)[:-2],
    "user data too long": submit_pdu(TO) + "00",
    "DELIVER instead of SUBMIT": "00" + submit_pdu(TO)[2:],
    "no digits in the address": "2100009100" + "00" + HI,
    "letters in the address": f"21000B91{'CB' * 6}0000{HI}",
    "header longer than the user data": submit_pdu(TO, "0205E8", flags=0x61),
    "octets of no meaning": "FFFFFFFF",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_pdu_is_refused_with_304(box: Box, name: str) -> None:
    host = await box.host()
    pdu = MALFORMED[name]
    assert await host.submit(pdu, length=max(1, len(pdu) // 2)) == "+CMS ERROR: 304"
    assert not box.network.submissions
    assert await host.submit(submit_pdu(TO)) == "+CMGS: 0 OK"


@pytest.mark.parametrize("off_by", [-1, 1, 8])
async def test_a_wrong_length_is_refused_with_304(box: Box, off_by: int) -> None:
    host = await box.host()
    pdu = submit_pdu(TO)
    assert await host.submit(pdu, length=len(pdu) // 2 + off_by) == "+CMS ERROR: 304"
    assert not box.network.submissions


@pytest.mark.parametrize("length", ["0", "165", "x", ""])
async def test_an_impossible_length_is_refused_before_the_prompt(box: Box, length: str) -> None:
    host = await box.host()
    assert await host.command(f"AT+CMGS={length}") == "+CMS ERROR: 304"


async def test_a_service_centre_in_the_pdu_does_not_count_in_the_length(box: Box) -> None:
    host = await box.host()
    pdu = submit_pdu(TO)
    host.send(f"AT+CMGS={len(pdu) // 2}\r")
    await host.until("> ")
    host.send(f"07{address('+99900020000')[2:]}{pdu}\x1a")
    assert (await host.until("OK\r\n")).split() == ["+CMGS:", "0", "OK"]


async def test_numbers_outside_the_sandbox_are_refused_unless_the_network_is_plain(make_box: MakeBox) -> None:
    sandbox, plain = await make_box(), await make_box(sandbox_only=False)
    number = "+447700900123"
    assert await (await sandbox.host()).submit(submit_pdu(number)) == "+CMS ERROR: 1"
    assert await (await plain.host()).submit(submit_pdu(number)) == "+CMGS: 0 OK"
    assert [refused.cause for refused in sandbox.network.refusals] == [1]


@pytest.mark.parametrize("dialled", ["99900000003", "0099900000003", "+99900000003"])
async def test_a_sandbox_number_is_known_however_it_is_dialled(box: Box, dialled: str) -> None:
    host = await box.host()
    assert await host.submit(submit_pdu(dialled)) == "+CMS ERROR: 1"


async def test_reject_duplicates_refuses_the_same_reference_to_the_same_number(box: Box) -> None:
    host = await box.host()
    assert await host.submit(submit_pdu(TO)) == "+CMGS: 0 OK"
    again = submit_pdu(TO, flags=0x25, mr=0)
    assert await host.submit(again) == "+CMS ERROR: 197"
    assert await host.submit(submit_pdu("+99900000005", flags=0x25, mr=0)) == "+CMGS: 0 OK"
    assert await host.submit(submit_pdu(TO, flags=0x25, mr=9)) == "+CMGS: 9 OK"
    assert len(box.network.submissions) == 3


async def test_a_duplicate_is_taken_again_after_its_validity(box: Box) -> None:
    host = await box.host()
    assert await host.submit(submit_pdu(TO, flags=0x31, vp="00")) == "+CMGS: 0 OK"
    box.clock[0] += 300_001  # TP-VP 0 is five minutes
    assert await host.submit(submit_pdu(TO, flags=0x35, vp="00")) == "+CMGS: 0 OK"


async def test_commands_wait_while_a_text_is_on_air(make_box: MakeBox) -> None:
    box = await make_box(submit_s=0.05)
    host = await box.host()
    pdu = submit_pdu(TO)
    host.send(f"AT+CMGS={len(pdu) // 2}\r")
    await host.until("> ")
    host.send(f"00{pdu}\x1aAT+CSQ\r")
    assert (await host.until("99\r\n\r\nOK\r\n")).split() == ["+CMGS:", "0", "OK", "+CSQ:", "20,99", "OK"]


async def test_submit_time_is_counted_from_the_pdu_and_shorter_while_the_link_is_kept(
    make_box: MakeBox,
) -> None:
    box = await make_box(submit_s=0.08, cmms_saving=0.5)
    host = await box.host()
    await host.command("AT+CMMS=2")
    loop = asyncio.get_running_loop()
    took = []
    for _ in range(5):
        began = loop.time()
        await host.submit(submit_pdu(TO))
        took.append(loop.time() - began)
    assert took[0] >= 0.08
    assert 0.04 <= min(took[1:]) < 0.08  # the quickest: a busy machine adds to any of them


async def test_a_stored_text_is_sent_from_its_slot(box: Box) -> None:
    host = await box.host()
    pdu = submit_pdu(TO)
    host.send(f"AT+CMGW={len(pdu) // 2}\r")
    await host.until("> ")
    assert await host.pdu(pdu) == "+CMGW: 1 OK"
    assert await host.command("AT+CMSS=1") == "+CMSS: 0 OK"
    assert await host.command("AT+CMSS=2") == "+CMS ERROR: 321"
    assert [submission.destination for submission in box.network.submissions] == [TO]


async def test_without_a_service_centre_nothing_is_sent(box: Box) -> None:
    host = await box.host()
    box.network.modem(1).sim.smsc = ""
    assert await host.submit(submit_pdu(TO)) == "+CMS ERROR: 330"
    assert await host.command('AT+CSCA="+99900020000",145') == "OK"
    assert await host.submit(submit_pdu(TO)) == "+CMGS: 0 OK"
