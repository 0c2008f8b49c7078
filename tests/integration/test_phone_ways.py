"""Proves that a phone whose cable, link or gateway goes away in the middle loses nothing and sends nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.harness.gateway_process import until
from tests.harness.phones import PhoneWorld, offer, phone_world, two_sims, usb_url
from tests.harness.zygote import Zygote
from tests.peers.companion_peer import CompanionPeer
from tests.peers.companion_radio import RadioSettings

ANN = "+447700900123"
ROOMY = 10_000
FRAMES_MAX = 60
RESTARTS = 5


@pytest.fixture
async def world(tmp_path: Path, zygote: Zygote) -> AsyncIterator[PhoneWorld]:
    async with phone_world(tmp_path, zygote) as one:
        yield one


def once_each(phone: CompanionPeer, texts: int) -> None:
    copies = Counter((air["to"], air["part"]) for air in phone.radio.aired)
    assert set(copies.values()) == {1}, copies
    assert len(copies) == texts


def handed_over(phone: CompanionPeer, parts: int) -> Callable[[], bool]:
    return lambda: len(phone.radio.aired) >= parts


def linked_by(phone: CompanionPeer, way: str) -> Callable[[], bool]:
    return lambda: phone.active is not None and phone.active.way == way


async def all_delivered(world: PhoneWorld, sent: list[str]) -> None:
    for message_id in sent:
        message = await world.server.reaches(message_id, "delivered", limit_s=40)
        assert message["attempts"] == 1


async def test_pulled_off_the_cable_in_the_middle_it_goes_on_over_the_lan_and_back(world: PhoneWorld) -> None:
    phone = await world.join(radio=RadioSettings(0.1, 0.2, ROOMY))
    await offer(world.server)  # opens the listener on the LAN
    lines = {iccid: line["id"] for iccid, line in (await world.lines()).items()}
    phone.hang_up()  # the next welcome tells where the LAN's listener is
    await phone.until(lambda: phone.ended_with.count("welcome") == 2)
    await world.server.lines_up(2)
    cable = usb_url(world.server)
    sent = [
        await world.server.send(f"+44770090{n:04d}", "x" * (200 if n % 4 == 0 else 20)) for n in range(24)
    ]
    for turn in range(4):
        handed = len(phone.radio.aired) + 1
        await phone.until(handed_over(phone, handed))
        way = "usb"
        if turn % 2 == 0:
            phone.pull()
            phone.receive(3, ANN, f"while the cable is out {turn}")
            way = "lan"
        else:
            phone.plug(cable)
        await phone.until(linked_by(phone, way))
    await all_delivered(world, sent)
    once_each(phone, 24 + 6)
    await phone.until(lambda: not phone.journal.left())
    assert {iccid: line["id"] for iccid, line in (await world.lines()).items()} == lines
    inbound = sorted(item["text"] for item in await world.server.all("/api/v1/inbound"))
    assert inbound == ["while the cable is out 0", "while the cable is out 2"]


async def test_the_older_way_is_let_go_only_when_the_newer_one_is_welcomed(world: PhoneWorld) -> None:
    phone = await world.join(way="lan")
    assert phone.active is not None
    phone.plug("ws://127.0.0.1:1/device/v1/link")  # a tunnel that leads nowhere
    await phone.until(lambda: "ConnectionRefusedError" in phone.ended_with)
    assert phone.active.way == "lan"
    await world.server.reaches(await world.server.send(ANN, "still here"), "delivered")
    phone.plug(usb_url(world.server))
    await phone.until(lambda: phone.active is not None and phone.active.way == "usb")

    async def told() -> bool:
        health = (await world.device(phone))["health"]
        return bool(health and health["way"] == "usb")

    await until(told, "the API says that it is on the cable")


async def test_the_link_cut_at_each_frame_of_a_send_loses_nothing_and_sends_nothing_twice(
    world: PhoneWorld,
) -> None:
    """Frame by frame, both ways, hello and welcome of the next connection included."""
    phone = await world.join(sims=two_sims()[:1])
    sent = 0
    for frame in range(1, FRAMES_MAX):
        wanted = phone.counted + frame
        phone.faults.cut_at_frame = wanted
        message_id = await world.server.send(f"+4477009{frame:05d}", "two parts " * 20)
        phone.receive(3, ANN, f"reply {frame}")
        sent += 1
        await world.server.reaches(message_id, "delivered", limit_s=30)
        await phone.until(lambda: not phone.journal.left())
        if phone.counted < wanted:
            break
    else:
        raise AssertionError("a send never ended before its cut")
    phone.faults.cut_at_frame = None
    assert sent > 8
    once_each(phone, 2 * sent)
    texts = Counter(item["text"] for item in await world.server.all("/api/v1/inbound"))
    assert texts == {f"reply {frame}": 1 for frame in range(1, sent + 1)}


@pytest.mark.parametrize(
    "point", ["after_taken", "before_call", "after_call", "after_sent_event", "before_committed"]
)
async def test_the_link_cut_at_each_step_of_the_phone_is_harmless(world: PhoneWorld, point: str) -> None:
    phone = await world.join()
    seen: list[str] = []

    def cut(name: str) -> None:
        if name == point and not seen:
            seen.append(name)
            phone.hang_up()

    phone.faults.at_point = cut
    await all_delivered(world, [await world.server.send(ANN, "x" * 300)])
    assert seen
    once_each(phone, 2)


async def test_a_gateway_killed_in_the_middle_of_sends_knows_the_end_of_each(world: PhoneWorld) -> None:
    phone = await world.join(radio=RadioSettings(0.05, 0.05, ROOMY))
    sent = [await world.server.send(f"+44770090{n:04d}", f"text {n}") for n in range(12)]
    for kill in (2, 5, 8):
        await phone.until(handed_over(phone, kill))
        await world.server.kill()
        await world.server.start()
        phone.plug(usb_url(world.server))
    await all_delivered(world, sent)
    once_each(phone, 12)


async def test_what_came_while_the_gateway_was_away_arrives_in_order_and_once(world: PhoneWorld) -> None:
    phone = await world.join()
    await world.server.kill()
    await phone.until(lambda: phone.active is None)
    texts = [f"while away {n:03d}" for n in range(450)]
    for text in texts:
        phone.receive(3, ANN, text)
    await world.server.start()
    phone.plug(usb_url(world.server))
    await phone.until(lambda: not phone.journal.left(), 30)
    items = await world.server.all("/api/v1/inbound")
    assert Counter(item["text"] for item in items) == dict.fromkeys(texts, 1)
    assert [item["text"] for item in sorted(items, key=lambda item: item["id"])] == texts


async def test_phones_on_the_lan_come_back_after_each_restart_of_the_gateway(world: PhoneWorld) -> None:
    """A phone that dials while the gateway stops or starts must not be told that there is no LAN any more."""
    phone = await world.join(way="lan")
    for _ in range(RESTARTS):
        assert await world.server.stop() == 0
        assert "stopping" in phone.ended_with
        await world.server.start()
        assert phone.journal.fact("urls"), "the phone was told to forget where the gateway is"
        await world.server.lines_up(2)
    await all_delivered(world, [await world.server.send(ANN, "back")])
