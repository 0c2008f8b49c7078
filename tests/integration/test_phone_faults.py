"""Proves what becomes of texts when the phone, its platform, its SIMs or its network have trouble."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness.gateway_process import until
from tests.harness.phones import ICCIDS, PhoneWorld, pair_by_cable, phone_world, two_sims
from tests.harness.zygote import Zygote
from tests.peers.companion_peer import CompanionPeer
from tests.peers.companion_radio import Fate, RadioSettings
from tests.peers.companion_settings import Sim

ANN, BOB = "+447700900123", "+447700900124"
THREE_PARTS = "part of a long text " * 20


@pytest.fixture
async def world(tmp_path: Path, zygote: Zygote) -> AsyncIterator[PhoneWorld]:
    async with phone_world(tmp_path, zygote) as one:
        yield one


def copies(phone: CompanionPeer) -> Counter[tuple[str, int]]:
    return Counter((air["to"], air["part"]) for air in phone.radio.aired)


async def test_when_part_two_of_three_fails_the_message_is_partly_sent_and_nothing_goes_twice(
    world: PhoneWorld,
) -> None:
    phone = await world.join()
    phone.radio.fates[ANN] = Fate(results={2: 6})  # not among the SIM's fixed dialling numbers: for good
    message = await world.server.reaches(await world.server.send(ANN, THREE_PARTS), "failed")
    assert message["error"]["code"] == "partly_sent"
    assert message["parts_sent"] == 2
    assert copies(phone) == {(ANN, 1): 1, (ANN, 3): 1}
    await until(lambda: world.receiver.types_of(message["id"])[-1:] == ["message.failed"], "told")


async def test_a_report_that_comes_before_the_sent_intent_delivers_the_message(world: PhoneWorld) -> None:
    phone = await world.join()
    phone.radio.fates[ANN] = Fate(report_first=True)
    for text in ("single", THREE_PARTS):
        message = await world.server.reaches(await world.server.send(ANN, text), "delivered")
        assert message["parts_delivered"] == message["parts"]
    await phone.until(lambda: not phone.journal.left())


async def test_intents_that_come_twice_are_recorded_once(world: PhoneWorld) -> None:
    phone = await world.join()
    phone.radio.fates[ANN] = Fate(copies=2)
    message = await world.server.reaches(await world.server.send(ANN, THREE_PARTS), "delivered")
    await phone.until(lambda: not phone.journal.left())
    types = Counter(hop["type"] for hop in (await world.server.message(message["id"]))["timeline"])
    assert (types["message.sent"], types["message.delivered"]) == (1, 1)
    assert (message["parts_sent"], message["parts_delivered"]) == (3, 3)
    await until(lambda: len(world.receiver.types_of(message["id"])) >= 4, "told")
    assert Counter(world.receiver.types_of(message["id"]))["message.delivered"] == 1


async def test_a_report_of_failure_is_told_as_undelivered(world: PhoneWorld) -> None:
    phone = await world.join()
    phone.radio.fates[ANN] = Fate(report=0x41)
    message = await world.server.reaches(await world.server.send(ANN, "nobody there"), "undelivered")
    assert message["parts_detail"][0]["report_status"] == 0x41


async def test_a_call_that_throws_is_certainly_not_sent(world: PhoneWorld) -> None:
    phone = await world.join()
    phone.radio.throws = True
    sent = await world.server.send(ANN, "throws")
    await phone.until(lambda: any(frame.get("kind") == "failed" for _, frame in phone.frames))
    message = await world.server.reaches(sent, "queued", "failed")
    assert message["parts_in_doubt"] == 0
    assert phone.radio.aired == []


async def test_the_platforms_limit_puts_texts_off_without_counting_and_says_why(world: PhoneWorld) -> None:
    phone = await world.join()
    phone.radio.fates[ANN] = Fate(results={1: 5})
    sent = await world.server.send(ANN, "one too many")
    await phone.until(lambda: any(frame.get("result") == 5 for _, frame in phone.frames))
    message = await world.server.reaches(sent, "queued")

    async def said() -> bool:
        return bool((await world.device(phone))["notes"])

    await until(said, "the device says that its pace went down")
    assert (await world.device(phone))["health"]["cap"]
    message = await world.server.message(message["id"])
    assert message["error"]["code"] == "phone_cap"
    assert phone.radio.aired == []


async def test_the_gateway_keeps_below_the_limit_that_the_phone_tells(world: PhoneWorld) -> None:
    """30 in 60 s on the phone are 25 for us: over both SIMs together, and no dialog ever comes up."""
    phone = await world.join(radio=RadioSettings(submit_s=0.0, report_s=0.0))
    sent = [await world.server.send(f"+4477009{n:05d}", "one part") for n in range(40)]
    await phone.until(lambda: len(phone.radio.aired) == 25)
    for message_id in sent[:2]:
        await world.server.reaches(message_id, "delivered")
    await asyncio.sleep(1)  # what came too early would come now
    assert len(phone.radio.aired) == 25
    assert phone.radio.dialog == []
    assert {air["sub"] for air in phone.radio.aired} == {3, 5}


async def test_airplane_mode_takes_the_lines_down_with_a_reason_and_texts_wait(world: PhoneWorld) -> None:
    phone = await world.join()
    phone.set_airplane(on=True)
    down = await world.line_is(ICCIDS[0], "down", "not_registered")
    assert "airplane" in down["reason"]["hint"].lower()
    sent = await world.server.send(ANN, "in the plane")
    assert (await world.server.message(sent))["state"] == "queued"
    phone.set_airplane(on=False)
    message = await world.server.reaches(sent, "delivered")
    assert message["attempts"] == 1
    assert copies(phone) == {(ANN, 1): 1}


async def test_airplane_mode_in_the_middle_of_a_send_is_certainly_not_sent_and_goes_later(
    world: PhoneWorld,
) -> None:
    phone = await world.join(radio=RadioSettings(submit_s=0.4, limit_parts=1000))
    sent = await world.server.send(ANN, "boarding")
    await phone.until(lambda: any(frame["t"] == "job" for _, frame in phone.frames))
    phone.set_airplane(on=True)
    await phone.until(lambda: any(frame.get("result") == 2 for _, frame in phone.frames))
    await world.server.reaches(sent, "queued")
    assert phone.radio.aired == []
    phone.set_airplane(on=False)
    await world.server.reaches(sent, "delivered", limit_s=60)
    assert copies(phone) == {(ANN, 1): 1}


async def test_a_sim_that_is_pulled_is_missed_and_its_texts_wait_for_it(world: PhoneWorld) -> None:
    phone = await world.join()
    lines = await world.lines()
    office, spare = two_sims()
    phone.change_sims(spare)
    gone = await world.line_is(ICCIDS[0], "needs_attention", "sim_missing")
    assert gone["reason"]["hint"]
    bound = await world.server.send(ANN, "only this SIM", line=lines[ICCIDS[0]]["id"])
    await world.server.reaches(await world.server.send(BOB, "any SIM"), "delivered")
    assert (await world.server.message(bound))["state"] == "queued"
    phone.change_sims(office, spare)
    await world.server.reaches(bound, "delivered")
    assert [air["sub"] for air in phone.radio.aired] == [5, 3]


async def test_a_hot_swap_gives_the_new_sim_a_line_of_its_own(world: PhoneWorld) -> None:
    phone = await world.join()
    before = await world.lines()
    office, spare = two_sims()
    other = replace(office, sub=9, iccid=ICCIDS[2], number="+447700900003")
    phone.change_sims(other, spare)
    await world.line_is(ICCIDS[0], "needs_attention", "sim_missing")
    await world.line_is(ICCIDS[2], "up")
    sent = await world.server.send(ANN, "new SIM", line=(await world.lines())[ICCIDS[2]]["id"])
    await world.server.reaches(sent, "delivered")
    assert phone.radio.aired[-1]["sub"] == 9
    phone.change_sims(replace(office, sub=11), spare)  # back again: Android gives it another subscription id
    back = await world.line_is(ICCIDS[0], "up")
    assert back["id"] == before[ICCIDS[0]]["id"]
    sent = await world.server.send(BOB, "old SIM", line=back["id"])
    await world.server.reaches(sent, "delivered")
    assert phone.radio.aired[-1]["sub"] == 11


async def test_sims_that_are_locked_or_without_network_are_down_for_their_own_reason(
    world: PhoneWorld,
) -> None:
    office, spare = two_sims()
    phone = await world.join()
    phone.change_sims(replace(office, state="pin"), replace(spare, registered=False))
    await world.line_is(ICCIDS[0], "needs_attention", "sim_pin_required")
    await world.line_is(ICCIDS[1], "down", "not_registered")
    phone.change_sims(office, spare)
    await world.server.lines_up(2)


async def test_a_sim_moves_from_phone_to_phone_with_its_line(world: PhoneWorld) -> None:
    first = await world.join("first")
    line_id = (await world.lines())[ICCIDS[0]]["id"]
    office, spare = two_sims()
    first.change_sims(spare)
    await world.line_is(ICCIDS[0], "needs_attention", "sim_missing")
    second = world.make("second", sims=(replace(office, sub=1),))
    await pair_by_cable(world.server, second)
    await second.start()
    moved = await world.line_is(ICCIDS[0], "up")
    assert moved["id"] == line_id
    assert moved["device"] == second.install
    await world.server.reaches(await world.server.send(ANN, "moved", line=line_id), "delivered")
    assert len(second.radio.aired) == 1


async def test_a_phone_without_a_sim_is_attached_and_says_nothing_wrong(world: PhoneWorld) -> None:
    phone = world.make(sims=())
    await pair_by_cable(world.server, phone)
    await phone.start()

    async def attached() -> bool:
        devices = (await world.server.get("/api/v1/devices"))["items"]
        return any(device["id"] == phone.install and device["attached"] for device in devices)

    await until(attached, "the phone is attached")
    phone.change_sims(Sim(1, 0, ICCIDS[0], "+447700900001"))
    await world.line_is(ICCIDS[0], "up")
