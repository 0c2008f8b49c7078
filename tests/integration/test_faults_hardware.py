"""Proves what becomes of texts when SIM, network, store or contact has trouble, and that the log says why."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from device_bridge.emulator.faults import LineFaults, NoisePlace
from tests.harness.gateway_process import until
from tests.harness.rig import VIEW, Rig, rig
from tests.integration.whole import MakeAir

GOOD = "+4477009001{:02d}"
NOISE = (
    "^RSSI:20",
    "+CREG: 1",
    "RING",
    "+CMTI: ",
    "OK OK",
    "\x00\xff\x7f~{garbage}",
    "+CMGS",
    "> ",
    "ERROR?",
)
NOISE_SEED = 11


async def delivered(at: Rig, message_ids: list[str], limit_s: float = 15.0) -> None:
    for message_id in message_ids:
        await at.reaches(message_id, "delivered", limit_s=limit_s)


async def inbound_texts(at: Rig) -> list[str | None]:
    return [each.text for each in (await at.store.inbounds(VIEW, 50, None)).items]


async def test_with_the_sim_out_texts_take_the_other_line_or_wait_for_it_to_come_back(
    make_air: MakeAir, tmp_path: Path
) -> None:
    air = await make_air(lines=2)
    async with rig(tmp_path, air) as at:
        await delivered(at, [await at.send(GOOD.format(0), "before", line=1)])
        air.network.modem(1).remove_sim()
        await at.lines_are("needs_attention", "up")
        line = await at.line(1)
        assert line.reason is not None
        assert line.reason.code == "sim_missing"
        assert line.reason.hint
        bound = await at.send(GOOD.format(1), "only this line", line=1)
        free = [await at.send(GOOD.format(n), f"any line {n}") for n in range(2, 8)]
        await delivered(at, free)
        assert {each.line for each in air.texts[1:]} == {2}
        assert (await at.message(bound)).state.value == "queued"
        assert (await at.message(bound)).attempts == 0
        assert len(at.logged("line.changed", state="needs_attention", reason="sim_missing")) == 1
        air.network.modem(1).insert_sim()
        await delivered(at, [bound])
        assert (await at.message(bound)).attempts == 1


async def test_a_sim_that_goes_between_claim_and_prompt_costs_the_message_no_attempt(
    make_air: MakeAir, tmp_path: Path
) -> None:
    air = await make_air(lines=1)
    async with rig(tmp_path, air) as at:
        # Taken out without a word: the driver learns of it by the refusal of +CMGS.
        air.network.modem(1).sim.present = False
        message_id = await at.send(GOOD.format(1), "nobody home")
        await at.lines_are("needs_attention")
        message = await at.message(message_id)
        assert (message.state.value, message.attempts) == ("queued", 0)
        air.network.modem(1).insert_sim()
        await delivered(at, [message_id])
        assert len(air.texts) == 1


async def test_a_wrong_pin_is_entered_once_and_never_again_whatever_restarts(
    make_air: MakeAir, tmp_path: Path
) -> None:
    air = await make_air(lines=2)
    modem = air.network.modem(1)
    modem.require_pin("1234")
    async with rig(tmp_path, air, up=False, pin="9999") as at:
        await at.lines_are("needs_attention", "up")
        assert modem.sim.pin_tries == 2
        line = await at.line(1)
        assert line.reason is not None
        assert line.reason.code == "sim_pin_required"
        good = await at.send(GOOD.format(1), "over the other line")
        await delivered(at, [good])
        modem.unplug(0.05)
        await until(lambda: len(at.logged("device.lost")) == 1, "the modem is unplugged")
        await at.lines_are("needs_attention", "up")
        refused = [line for line in at.log if "PIN" in line["event"]]
        assert refused
        assert not any("9999" in str(line) for line in at.log)
    assert modem.sim.pin_tries == 2
    async with rig(tmp_path, air, up=False, pin="9999") as at:
        await at.lines_are("needs_attention", "up")
        await until(
            lambda: bool([x for x in at.log if "refused this PIN before" in x["event"]]), "it says why"
        )
    assert modem.sim.pin_tries == 2
    async with rig(tmp_path, air, up=False, pin="1234") as at:
        await at.all_up()
    assert modem.sim.pin_tries == 3


async def test_with_the_network_lost_texts_wait_and_go_out_when_it_is_back(
    make_air: MakeAir, tmp_path: Path
) -> None:
    air = await make_air(lines=2)
    async with rig(tmp_path, air) as at:
        air.network.modem(1).lose_network()
        await at.lines_are("down", "up")
        line = await at.line(1)
        assert line.reason is not None
        assert line.reason.code == "not_registered"
        bound = [await at.send(GOOD.format(n), f"bound {n}", line=1) for n in range(3)]
        free = [await at.send(GOOD.format(n), f"free {n}") for n in range(10, 15)]
        await delivered(at, free)
        assert {(await at.message(each)).state.value for each in bound} == {"queued"}
        assert len(at.logged("line.changed", reason="not_registered")) == 1
        air.network.modem(1).restore_network()
        await delivered(at, bound)
        assert [(await at.message(each)).attempts for each in bound] == [1, 1, 1]
        assert len(air.texts) == 8


async def test_a_network_that_refuses_without_saying_it_is_gone_costs_no_attempt(
    make_air: MakeAir, tmp_path: Path
) -> None:
    air = await make_air(lines=1)
    async with rig(tmp_path, air) as at:
        # Registered by its own account, and +CMGS ends in 331: no network service.
        air.network.modem(1).radio.covered = False
        message_id = await at.send(GOOD.format(1), "in a tunnel")

        async def waits_uncounted() -> bool:
            message = await at.message(message_id)
            return (message.state.value, message.attempts) == ("queued", 0)

        await until(lambda: bool(at.logged("part.not_sent", message=message_id)), "it is refused")
        await until(waits_uncounted, "it waits again, and the try does not count")
        air.network.modem(1).restore_network()
        await delivered(at, [message_id], limit_s=30)
        assert (await at.message(message_id)).attempts == 1
        assert len(air.texts) == 1


async def test_a_full_store_stops_nothing_that_goes_out_and_what_waits_outside_arrives_later(
    make_air: MakeAir, tmp_path: Path
) -> None:
    air = await make_air(lines=1)
    async with rig(tmp_path, air) as at:
        air.network.modem(1).fill_stores()
        sent = [await at.send(GOOD.format(n), f"text {n}") for n in range(5)]
        for message_id in sent:
            await at.reaches(message_id, "sent", "delivered")
        air.network.inject_inbound("+447700900999", air.number(1), "waits outside")
        assert len(air.texts) == 5
        air.network.modem(1).fill_stores(full=False)
        await delivered(at, sent)

        async def arrived() -> bool:
            return await inbound_texts(at) == ["waits outside"]

        await until(arrived, "the text that waited outside")


async def test_more_texts_than_the_sim_has_slots_all_arrive_once(make_air: MakeAir, tmp_path: Path) -> None:
    air = await make_air(lines=1, sim_slots=5)
    air.network.modem(1).unplug(0.3)
    for n in range(40):
        air.network.inject_inbound("+447700900999", air.number(1), f"text {n}")
    async with rig(tmp_path, air) as at:

        async def all_in() -> bool:
            return len(await inbound_texts(at)) == 40

        await until(all_in, "all forty")
        assert set(await inbound_texts(at)) == {f"text {n}" for n in range(40)}


@pytest.mark.parametrize("place", list(NoisePlace))
async def test_noise_in_any_place_of_the_dialogue_changes_nothing(
    make_air: MakeAir, tmp_path: Path, place: NoisePlace
) -> None:
    air = await make_air(lines=1)
    noise = ("^RSSI:20", "RING", "+CREG: 1", "^BOOT:1,0,0,0,1")
    air.network.modem(1).faults = LineFaults(noise=noise, noise_at=frozenset({place}))
    async with rig(tmp_path, air) as at:
        sent = [await at.send(GOOD.format(n), f"text {n}") for n in range(8)]
        await delivered(at, sent)
        assert sorted(each.text for each in air.texts) == sorted(f"text {n}" for n in range(8))
        assert [(await at.message(each)).attempts for each in sent] == [1] * 8


async def test_bursts_of_garbage_lose_no_text_and_double_none(make_air: MakeAir, tmp_path: Path) -> None:
    air = await make_air(lines=1, report_delay_s=0.05)
    chance = random.Random(NOISE_SEED)
    async with rig(tmp_path, air, submit_timeout_s=0.6) as at:
        modem = air.network.modem(1)
        over = asyncio.Event()

        async def bad_contact() -> None:
            while not over.is_set():
                await asyncio.sleep(chance.uniform(0.005, 0.03))
                modem.burst(chance.choice(NOISE).encode("latin-1") + b"\r\n" * chance.randint(0, 2))

        contact = asyncio.create_task(bad_contact())
        sent = [await at.send(GOOD.format(n), f"text {n}") for n in range(25)]
        for message_id in sent:
            await at.reaches(message_id, "delivered", "in_doubt", "failed", limit_s=30)
        over.set()
        await contact
        await delivered(at, [await at.send(GOOD.format(90), "after the noise")], limit_s=20)
        for n, message_id in enumerate(sent):
            copies = len(air.to(GOOD.format(n)))
            assert copies <= 1
            if copies:
                await at.reaches(message_id, "delivered")
