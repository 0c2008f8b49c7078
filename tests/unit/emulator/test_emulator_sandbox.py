"""Owns the proof that each sandbox number does what the interface page says.

Knows no driver: PDUs are hexadecimal strings.
Source: the table "Sandbox numbers" of the interface.
"""

from __future__ import annotations

import asyncio

import pytest

from device_bridge.emulator.numbers import SANDBOX, sim_identity
from tests.unit.emulator.emulated_host import SCTS, Box, Host, MakeBox, address, submit_pdu


def number(last: int) -> str:
    return f"+9990000000{last}"


async def reporting(box: Box, line: int = 1) -> Host:
    host = await box.host(line)
    await host.command("AT+CNMI=2,2,0,1,0")
    return host


@pytest.mark.parametrize(("last", "st"), [(1, "00"), (2, "62"), (6, "00")])
async def test_the_report_says_what_became_of_the_text(box: Box, last: int, st: str) -> None:
    host = await reporting(box)
    assert await host.submit(submit_pdu(number(last))) == "+CMGS: 0 OK"
    assert await host.direct("+CDS:") == f"0600{address(number(last))}{SCTS}{SCTS}{st}"


async def test_any_other_sandbox_number_is_delivered(box: Box) -> None:
    host = await reporting(box)
    assert await host.submit(submit_pdu("+999123")) == "+CMGS: 0 OK"
    assert (await host.direct("+CDS:"))[-2:] == "00"


async def test_3_is_refused_for_ever(box: Box) -> None:
    host = await reporting(box)
    answers = [await host.submit(submit_pdu(number(3))) for _ in range(4)]
    assert answers == ["+CMS ERROR: 1"] * 4
    assert not box.network.submissions


async def test_4_refuses_each_text_twice_and_then_takes_it(box: Box) -> None:
    host = await reporting(box)
    other = "02E835"
    first = [await host.submit(submit_pdu(number(4))) for _ in range(2)]
    second = [await host.submit(submit_pdu(number(4), other)) for _ in range(2)]
    assert first + second == ["+CMS ERROR: 42"] * 4
    assert (await host.submit(submit_pdu(number(4)))).endswith("OK")
    assert (await host.submit(submit_pdu(number(4), other))).endswith("OK")
    assert await host.submit(submit_pdu(number(4))) == "+CMS ERROR: 42"  # the count begins again


async def test_4_knows_a_part_again_under_a_new_concatenation_reference(box: Box) -> None:
    host = await reporting(box)
    parts = [submit_pdu(number(4), f"08050003{ref}020162", flags=0x61) for ref in ("01", "02", "03")]
    answers = [await host.submit(part) for part in parts]
    assert answers == ["+CMS ERROR: 42", "+CMS ERROR: 42", "+CMGS: 2 OK"]


async def test_5_is_sent_and_never_reported(box: Box) -> None:
    host = await reporting(box)
    assert await host.submit(submit_pdu(number(5))) == "+CMGS: 0 OK"
    await host.nothing_follows()


async def test_7_never_answers_and_the_report_names_the_text_later(box: Box) -> None:
    host = await reporting(box)
    pdu = submit_pdu(number(7))
    host.send(f"AT+CMGS={len(pdu) // 2}\r")
    await host.until("> ")
    host.send(f"00{pdu}\x1a")
    assert await host.direct("+CDS:") == f"0600{address(number(7))}{SCTS}{SCTS}00"
    host.send("\x1b")
    await host.nothing_follows()
    assert len(box.network.submissions) == 1
    assert await host.submit(submit_pdu(number(1))) == "+CMGS: 1 OK"


async def test_8_never_answers_and_is_never_reported(box: Box) -> None:
    host = await reporting(box)
    pdu = submit_pdu(number(8))
    host.send(f"AT+CMGS={len(pdu) // 2}\r")
    await host.until("> ")
    host.send(f"00{pdu}\x1a\x1b")
    await host.nothing_follows()
    assert len(box.network.submissions) == 1


async def test_9_is_delivered_and_answers_stop_to_the_line_that_sent(box: Box) -> None:
    host, other = await reporting(box, 1), await reporting(box, 2)
    await host.submit(submit_pdu(number(9)))
    heard = await host.until(r"(?s)(\+CMT|\+CDS).*(\+CMT|\+CDS)[^\r]*\r\n[0-9A-F]+\r\n")
    assert f"04{address(number(9))}0000{SCTS}0453EA130A" in heard
    assert f"0600{address(number(9))}{SCTS}{SCTS}00" in heard
    await other.nothing_follows()


@pytest.mark.parametrize(("last", "delay_s"), [(6, 30.0), (7, 10.0)])
def test_late_reports_come_after_the_stated_time(last: int, delay_s: float) -> None:
    assert SANDBOX[number(last)].report_delay_s == delay_s


async def test_a_delay_is_waited_for(make_box: MakeBox) -> None:
    box = await make_box(sandbox_delay_scale=0.003)  # 30 s become 90 ms
    host = await reporting(box)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await host.submit(submit_pdu(number(6)))
    await host.direct("+CDS:")
    assert loop.time() - began >= 0.09


async def test_sandbox_numbers_can_be_switched_off(make_box: MakeBox) -> None:
    box = await make_box(sandbox_numbers=False)
    host = await reporting(box)
    assert await host.submit(submit_pdu(number(3))) == "+CMGS: 0 OK"


def test_sims_are_the_same_on_every_run_and_differ_by_line_and_seed() -> None:
    assert sim_identity(1, 0).iccid == "8988200000000000014"
    assert sim_identity(1, 0) == sim_identity(1, 0)
    keys = [
        (sim.iccid, sim.imsi, sim.imei)
        for seed in (0, 1)
        for sim in (sim_identity(i, seed) for i in (1, 2, 999))
    ]
    assert all(len({key[i] for key in keys}) == len(keys) for i in range(3))


def test_identities_have_the_digits_that_the_standards_ask_for() -> None:
    identity = sim_identity(2, 7)
    assert (len(identity.iccid), len(identity.imsi), len(identity.imei)) == (19, 15, 15)
    for digits in (identity.iccid, identity.imei):
        doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
        assert sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0
    assert identity.number not in SANDBOX
