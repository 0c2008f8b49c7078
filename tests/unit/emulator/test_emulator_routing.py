"""Owns the proof that texts find their way between the network's lines and into slots.

Knows no driver and no decoder: PDUs are hexadecimal strings.
Source: 3GPP TS 27.005 §3.1, §3.4.1, 23.040 §9.2.2.1, 23.038 clause 4.
"""

from __future__ import annotations

import pytest

from tests.unit.emulator.emulated_host import HI, SCTS, Box, MakeBox, address, eventually, submit_pdu

STRANGER = "+99912345678"
LAMBDA = "0203BB"  # one UTF-16 unit


def deliver(originator: str, user_data: str = HI, *, flags: int = 0x04, dcs: int = 0) -> str:
    return f"{flags:02X}{address(originator)}00{dcs:02X}{SCTS}{user_data}"


async def test_a_text_for_another_line_arrives_there_and_is_reported_delivered(box: Box) -> None:
    sender, recipient = await box.host(1), await box.host(2)
    await sender.command("AT+CNMI=2,1,0,1,0")
    await recipient.command("AT+CNMI=2,2,0,0,0")
    await sender.submit(submit_pdu(box.number(2)))
    assert await recipient.direct("+CMT:") == deliver(box.number(1))
    assert (await sender.direct("+CDS:"))[-2:] == "00"


async def test_a_line_may_write_to_itself(box: Box) -> None:
    host = await box.host()
    await host.command("AT+CNMI=2,1,0,0,0")
    await host.submit(submit_pdu(box.number(1)))
    assert await host.line(r"\+CMTI") == '+CMTI: "SM",1'


@pytest.mark.parametrize(
    ("flags", "dcs", "user_data"),
    [
        (0x41, 0x00, "08050003C8020162"),  # part 1 of 2: one septet after the header and its fill bit
        (0x01, 0x10, HI),  # class 0
        (0x41, 0x04, "0A0605040B84000048656C"),  # 8-bit data to port 2948
        (0x01, 0x08, LAMBDA),
    ],
)
async def test_header_coding_and_octets_are_carried_as_they_are(
    box: Box, flags: int, dcs: int, user_data: str
) -> None:
    sender, recipient = await box.host(1), await box.host(2)
    await recipient.command("AT+CNMI=2,2,0,0,0")
    answer = await sender.submit(submit_pdu(box.number(2), user_data, flags=flags, dcs=dcs))
    assert answer == "+CMGS: 0 OK"
    expected = deliver(box.number(1), user_data, flags=0x04 | flags & 0x40, dcs=dcs)
    assert await recipient.direct("+CMT:") == expected


async def test_class_2_is_stored_on_the_sim_even_with_direct_routing(box: Box) -> None:
    sender, recipient = await box.host(1), await box.host(2)
    await recipient.command('AT+CPMS="ME","ME","ME";+CNMI=2,2,0,0,0')
    await sender.submit(submit_pdu(box.number(2), dcs=0x12))
    assert await recipient.line(r"\+CMTI") == '+CMTI: "SM",1'


async def test_a_text_that_nobody_is_told_of_waits_in_its_slot(box: Box) -> None:
    box.network.inject_inbound(STRANGER, box.number(1), "hi")
    host = await box.host()
    expected = deliver(STRANGER)
    pdu = f"07919909000200F0{expected}"
    assert await host.command("AT+CPMS?") == '+CPMS: "SM",1,20,"SM",1,20,"SM",1,20 OK'
    assert await host.command("AT+CMGL=0") == f"+CMGL: 1,0,,{len(expected) // 2} {pdu} OK"
    assert await host.command("AT+CMGL=0") == "OK"
    assert await host.command("AT+CMGL=4") == f"+CMGL: 1,1,,{len(expected) // 2} {pdu} OK"


async def test_a_full_store_makes_the_network_wait_until_a_slot_is_free(make_box: MakeBox) -> None:
    box = await make_box(sim_slots=2)
    host = await box.host()
    await host.command("AT+CNMI=2,1,0,0,0")
    for text in ("one", "two", "three"):
        box.network.inject_inbound(STRANGER, box.number(1), text)
    assert [await host.line(r"\+CMTI") for _ in range(2)] == ['+CMTI: "SM",1', '+CMTI: "SM",2']
    assert len(box.network.deliveries) == 2
    host.send("AT+CMGD=1\r")
    assert await host.line(r"\+CMTI") == '+CMTI: "SM",1'
    assert len(box.network.deliveries) == 3


async def test_an_undeliverable_text_expires_with_a_report(box: Box) -> None:
    sender = await box.host(1)
    await sender.command("AT+CNMI=2,1,0,1,0")
    modem = box.network.modem(2)
    modem.lose_network()
    await sender.submit(submit_pdu(box.number(2), flags=0x31, vp="00"))
    box.clock[0] += 300_001
    modem.restore_network()
    assert (await sender.direct("+CDS:"))[-2:] == "46"
    assert [delivery.line for delivery in box.network.deliveries] == [1]


async def test_a_text_in_many_parts_arrives_in_order(box: Box) -> None:
    host = await box.host()
    await host.command("AT+CNMI=2,2,0,0,0")
    assert box.network.inject_inbound(STRANGER, box.number(1), "λ" * 150) == 3
    parts = [await host.direct("+CMT:") for _ in range(3)]
    headers = [part[len(deliver(STRANGER, "")) + 2 :][:12] for part in parts]
    assert headers == ["050003010301", "050003010302", "050003010303"]


async def test_a_sender_may_be_a_name(box: Box) -> None:
    host = await box.host()
    await host.command("AT+CNMI=2,2,0,0,0")
    box.network.inject_inbound("Bank 24", box.number(1), "hi")
    # seven septets of "Bank 24" packed: 13 semi-octets
    assert (await host.direct("+CMT:")).startswith("04" + "0DD0" + "C2B07B0D92D100")


async def test_data_for_a_port_arrives_as_data(box: Box) -> None:
    host = await box.host()
    await host.command("AT+CNMI=2,2,0,0,0")
    assert box.network.inject_octets(STRANGER, box.number(1), b"\x01\x02", 2948) == 1
    assert (await host.direct("+CMT:")).endswith("0605040B8400000102")


async def test_octets_that_are_no_deliver_arrive_as_they_are(box: Box) -> None:
    host = await box.host()
    await host.command("AT+CNMI=2,2,0,0,0")
    box.network.inject_tpdu(1, b"\x04")
    assert await host.direct("+CMT:") == "04"


@pytest.mark.parametrize("originator", ["", "name longer than eleven", "Zażółć", "+" + "1" * 21])
def test_a_sender_that_cannot_be_one_is_refused(box: Box, originator: str) -> None:
    with pytest.raises(ValueError, match="from"):
        box.network.inject_inbound(originator, box.number(1), "hi")


def test_a_line_of_another_network_is_unknown(box: Box) -> None:
    with pytest.raises(KeyError):
        box.network.inject_inbound(STRANGER, "+99900019999", "hi")


async def test_a_text_waits_for_a_host_with_direct_routing(box: Box) -> None:
    first = await box.host()
    await first.command("AT+CNMI=2,2,0,0,0")
    await first.close()
    await _until_unplugged(box)
    box.network.inject_inbound(STRANGER, box.number(1), "hi")
    second = await box.host(greet=False)
    assert await second.direct("+CMT:") == deliver(STRANGER)


async def _until_unplugged(box: Box) -> None:
    await eventually(lambda: not box.network.modem(1).port.attached)
