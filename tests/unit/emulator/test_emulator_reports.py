"""Owns the proof that reports come as +CNMI and +CSMS say, and wait for their acknowledgement.

Knows no driver and no decoder: reports are hexadecimal strings.
Source: 3GPP TS 27.005 §3.4.1, §3.4.4, 23.040 §9.2.2.3.
"""

from __future__ import annotations

import asyncio

from tests.unit.emulator.emulated_host import HI, SCTS, WAIT_S, Box, MakeBox, address, submit_pdu

TO = "+99900000001"


def report(mr: int, st: str = "00", *, more: bool = False) -> str:
    return f"{'02' if more else '06'}{mr:02X}{address(TO)}{SCTS}{SCTS}{st}"


async def test_a_report_comes_straight_to_the_host(box: Box) -> None:
    host = await box.host()
    await host.command("AT+CNMI=2,1,0,1,0")
    await host.submit(submit_pdu(TO))
    assert await host.direct("+CDS:") == report(0)


async def test_no_report_comes_unless_the_text_asked_for_one(box: Box) -> None:
    host = await box.host()
    await host.command("AT+CNMI=2,1,0,1,0")
    await host.submit(submit_pdu(TO, flags=0x01))
    await host.nothing_follows()


async def test_reports_that_nobody_routes_end_in_the_modem(box: Box) -> None:
    host = await box.host()
    await host.submit(submit_pdu(TO))
    await host.nothing_follows()
    assert [delivery.report for delivery in box.network.deliveries] == [True]


async def test_a_stored_report_is_named_read_and_deleted(box: Box) -> None:
    host = await box.host()
    await host.command('AT+CPMS="ME","ME","ME"')
    await host.command("AT+CNMI=2,1,0,2,0")
    await host.submit(submit_pdu(TO))
    assert await host.line(r"\+CDSI") == '+CDSI: "ME",1'
    pdu = "07919909000200F0" + report(0)
    assert await host.command("AT+CMGR=1") == f"+CMGR: 0,,{len(report(0)) // 2} {pdu} OK"
    assert await host.command("AT+CMGD=1") == "OK"
    assert await host.command("AT+CMGR=1") == "+CMS ERROR: 321"


async def test_in_phase_2_plus_the_next_report_waits_for_cnma(box: Box) -> None:
    host = await box.host()
    await host.command("AT+CSMS=1;+CNMI=2,1,0,1,0")
    await host.submit(submit_pdu(TO))
    assert await host.direct("+CDS:") == report(0)
    await host.submit(submit_pdu(TO))
    await host.nothing_follows()
    assert not box.network.deliveries
    host.send("AT+CNMA\r")
    assert await host.direct("+CDS:") == report(1)
    assert await host.command("AT+CNMA") == "OK"
    assert await host.command("AT+CNMA") == "+CMS ERROR: 340"
    assert len(box.network.deliveries) == 2


async def test_tp_mms_says_whether_more_is_waiting(box: Box) -> None:
    host = await box.host()
    await host.command("AT+CSMS=1")
    modem = box.network.modem(1)
    modem.lose_network()
    for _ in range(2):
        box.network.inject_inbound("+99912345678", box.number(1), "hi")
    await host.command("AT+CNMI=2,2,0,1,0")
    modem.restore_network()
    assert (await host.direct("+CMT:"))[:2] == "00"
    host.send("AT+CNMA\r")
    assert (await host.direct("+CMT:"))[:2] == "04"


async def test_acknowledgement_may_share_the_line_of_the_next_cmgs(box: Box) -> None:
    host = await box.host()
    await host.command("AT+CSMS=1;+CNMI=2,1,0,1,0")
    await host.submit(submit_pdu(TO))
    await host.direct("+CDS:")
    pdu = submit_pdu(TO)
    host.send(f"AT+CNMA;+CMGS={len(pdu) // 2}\r")
    await host.until("> ")
    assert await host.pdu(pdu) == "+CMGS: 1 OK"
    assert await host.direct("+CDS:") == report(1)


async def test_without_cnma_in_time_routing_ends_and_the_network_keeps_the_report(make_box: MakeBox) -> None:
    box = await make_box(ack_timeout_s=0.05, retry_s=0.05)
    host = await box.host()
    await host.command("AT+CSMS=1;+CNMI=2,1,0,1,0")
    await host.submit(submit_pdu(TO))
    assert await host.direct("+CDS:") == report(0)
    async with asyncio.timeout(WAIT_S):
        while (answer := await host.command("AT+CNMI?")) == "+CNMI: 2,1,0,1,0 OK":
            pass
    assert answer == "+CNMI: 2,0,0,0,0 OK"
    assert await host.command("AT+CNMA") == "+CMS ERROR: 340"
    assert not box.network.deliveries


async def test_a_negative_acknowledgement_brings_the_report_again(make_box: MakeBox) -> None:
    box = await make_box(retry_s=0.01)
    host = await box.host()
    await host.command("AT+CSMS=1;+CNMI=2,1,0,1,0")
    await host.submit(submit_pdu(TO))
    assert await host.direct("+CDS:") == report(0)
    host.send("AT+CNMA=2\r")
    assert await host.direct("+CDS:") == report(0)
    assert await host.command("AT+CNMA=1") == "OK"


async def test_a_report_for_a_port_that_nobody_has_open_waits_for_the_next_host(make_box: MakeBox) -> None:
    box = await make_box(report_delay_s=0.02)
    first = await box.host()
    await first.command("AT+CNMI=2,1,0,1,0")
    await first.submit(submit_pdu(TO))
    await first.close()
    second = await box.host(greet=False)
    assert await second.direct("+CDS:") == report(0)


async def test_a_host_that_dies_before_it_acknowledges_leaves_the_report_to_the_next_one(box: Box) -> None:
    first = await box.host()
    await first.command("AT+CSMS=1;+CNMI=2,1,0,1,0")
    await first.submit(submit_pdu(TO))
    await first.direct("+CDS:")
    await first.close()
    second = await box.host(greet=False)
    assert await second.direct("+CDS:") == report(0)
    assert await second.command("AT+CNMA") == "OK"


async def test_a_report_is_held_back_while_a_prompt_is_open(make_box: MakeBox) -> None:
    box = await make_box(report_delay_s=0.02)
    host = await box.host()
    await host.command("AT+CNMI=2,1,0,1,0")
    await host.submit(submit_pdu(TO))
    host.send("AT+CMGS=20\r")
    assert (await host.until("> ")).strip() == ">"
    host.send(HI)
    while not box.network.deliveries:  # the modem has the report and waits for the prompt to close
        await host.nothing_on_the_wire()
    host.send("\x1b")
    assert (await host.until("OK\r\n")).split() == ["OK"]
    assert await host.direct("+CDS:") == report(0)
