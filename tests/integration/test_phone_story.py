"""Tells the story of a phone through a real server: from a POST to the phone's ledger and back, and texts to us."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.harness.gateway_process import until
from tests.harness.phones import ICCIDS, PhoneWorld, phone_world
from tests.harness.zygote import Zygote
from tests.peers.companion_peer import CompanionPeer
from tests.peers.companion_radio import text_of

ANN, BOB = "+447700900123", "+447700900124"
LONG = "Parents' evening moved to 18:30 - please tell the others. " * 6
HOSTILE = "'; reboot; echo '$(id) \" %s \\ ?"
EMOJI = "д" * 66 + "🎉" + "д" * 30


@pytest.fixture
async def world(tmp_path: Path, zygote: Zygote) -> AsyncIterator[PhoneWorld]:
    async with phone_world(tmp_path, zygote) as one:
        yield one


def aired(phone: CompanionPeer, to: str) -> list[tuple[int, int, str | bytes]]:
    return [(air["sub"], air["part"], text_of(air)) for air in phone.radio.aired if air["to"] == to]


@pytest.mark.parametrize("way", ["usb", "lan"])
async def test_a_message_is_sent_delivered_and_told_over_either_way(world: PhoneWorld, way: str) -> None:
    phone = await world.join(way=way)
    message = await world.server.reaches(await world.server.send(ANN, "Hello Ann"), "delivered")
    assert [text for _, _, text in aired(phone, ANN)] == ["Hello Ann"]
    assert [(hop["type"], hop["witness"]) for hop in message["timeline"]] == [
        ("message.queued", "gateway"),
        ("message.submitting", "gateway"),
        ("message.sent", "phone"),
        ("message.delivered", "network"),
    ]
    await until(lambda: len(world.receiver.types_of(message["id"])) == 4, "webhooks")
    assert world.receiver.types_of(message["id"])[-2:] == ["message.sent", "message.delivered"]
    device = await world.device(phone)
    assert (device["kind"], device["state"], device["health"]["way"]) == ("phone", "attached", way)
    assert device["health"]["battery_percent"] == 81
    await phone.until(lambda: not phone.journal.left())


@pytest.mark.parametrize("text", [LONG, EMOJI, HOSTILE], ids=["long", "emoji on the border", "hostile"])
async def test_a_text_goes_out_as_written_part_by_part(world: PhoneWorld, text: str) -> None:
    phone = await world.join()
    message = await world.server.reaches(await world.server.send(ANN, text), "delivered")
    parts = aired(phone, ANN)
    assert "".join(str(part) for _, _, part in parts) == text
    assert [number for _, number, _ in parts] == list(range(1, message["parts"] + 1))
    assert [part["state"] for part in message["parts_detail"]] == ["delivered"] * message["parts"]
    assert [part["report_status"] for part in message["parts_detail"]] == [0] * message["parts"]


async def test_data_goes_to_its_port_and_what_a_phone_cannot_send_is_refused_in_plain_words(
    world: PhoneWorld,
) -> None:
    phone = await world.join()
    octets = bytes(range(133))
    sent = await world.server.send(ANN, data_base64=base64.b64encode(octets).decode(), port=16000)
    await world.server.reaches(sent, "delivered")
    assert [part for _, _, part in aired(phone, ANN)] == [octets]
    assert phone.radio.aired[0]["port"] == 16000
    bodies: tuple[dict[str, Any], ...] = (
        {"data_base64": base64.b64encode(bytes(200)).decode(), "port": 16000},
        {"text": "a", "flash": True},
    )
    for body in bodies:
        refused = await world.server.reaches(await world.server.send(BOB, **body), "failed")
        assert "modem" in refused["error"]["hint"]
    assert aired(phone, BOB) == []


async def test_a_text_without_a_report_ends_as_sent(world: PhoneWorld) -> None:
    phone = await world.join()
    await world.server.reaches(await world.server.send(ANN, "no report", delivery_report=False), "sent")
    assert [frame["report"] for way, frame in phone.frames if way == "in" and frame["t"] == "job"] == [False]


async def test_each_of_two_sims_is_a_line_that_can_be_chosen(world: PhoneWorld) -> None:
    phone = await world.join()
    lines = await world.lines()
    assert set(lines) == set(ICCIDS[:2])
    assert [lines[iccid]["number"] for iccid in ICCIDS[:2]] == ["+447700900001", "+447700900002"]
    assert [lines[iccid]["signal_dbm"] for iccid in ICCIDS[:2]] == [-85, -97]
    for iccid, sub in zip(ICCIDS[:2], (3, 5), strict=True):
        for number in range(3):
            to = f"+4477009{sub}{number:04d}"
            sent = await world.server.send(to, "which SIM", line=lines[iccid]["id"])
            await world.server.reaches(sent, "delivered")
            assert [each[0] for each in aired(phone, to)] == [sub]


async def test_a_sim_whose_iccid_android_hides_is_a_line_all_the_same_after_each_return(
    world: PhoneWorld,
) -> None:
    sim = (await world.join("known")).sims[3]
    phone = await world.join("shy", sims=(replace(sim, sub=1, iccid=None, number=None),))
    before = {line["id"] for line in (await world.lines()).values()}
    phone.hang_up()
    await until(lambda: phone.ended_with.count("welcome") == 2, "the phone is back")
    await world.server.lines_up(3)
    assert {line["id"] for line in (await world.lines()).values()} == before
    assert len(before) == 3


async def test_inbound_texts_arrive_once_joined_and_told(world: PhoneWorld) -> None:
    phone = await world.join()
    texts = ["Yes", "Grüße an alle 🎒", LONG, "д" * 200]
    for text in texts:
        phone.receive(5, ANN, text)
    phone.sweep(3, BOB, "found in the inbox", 812)

    async def stored() -> bool:
        return len(await world.server.all("/api/v1/inbound")) == len(texts) + 1

    await until(stored, "all are stored")
    items = {item["text"]: item for item in await world.server.all("/api/v1/inbound")}
    assert set(items) == {*texts, "found in the inbox"}
    lines = await world.lines()
    assert {items[text]["line"] for text in texts} == {lines[ICCIDS[1]]["id"]}
    assert items["found in the inbox"]["line"] == lines[ICCIDS[0]]["id"]
    assert items["found in the inbox"]["from"] == BOB
    for item in items.values():
        await until(lambda i=item: world.receiver.types_of(i["id"]) == ["message.received"], "told once")
    await phone.until(lambda: not phone.journal.left())


async def test_the_same_words_swept_twice_are_two_texts(world: PhoneWorld) -> None:
    """People do write the same thing twice; the phone's own row number tells them apart."""
    phone = await world.join()
    for row in (1, 2):
        phone.sweep(3, ANN, "ping", row)

    async def both() -> bool:
        return len(await world.server.all("/api/v1/inbound")) == 2

    await until(both, "both are stored")


async def test_a_ussd_code_is_answered_by_the_phone(world: PhoneWorld) -> None:
    await world.join()
    line = (await world.lines())[ICCIDS[0]]
    answer = await world.server.call("POST", f"/api/v1/lines/{line['id']}/ussd", {"code": "*100#"})
    assert (answer.status, answer.json["text"]) == (200, "Credit 4.20")
