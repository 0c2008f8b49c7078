"""Proves that a modem may disappear at any byte of a submit: on air at most once, and the state is the truth.

Every byte has a line of its own; all of them lose their modem at the same time, and all come back.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from device_bridge.emulator.faults import Cut, LineFaults
from device_bridge.sms.segmentation import segment
from device_bridge.sms.submit import SubmitOptions, encode_parts
from tests.harness.air import Air
from tests.harness.gateway_process import until
from tests.harness.rig import Rig, rig
from tests.integration.whole import MakeAir

NUMBER = "+4477009{:05d}"
TEXT = "hi"
AWAY_S = 0.05
REPORT_S = 3.0
"""Longer than a modem is away: one that has just been switched on routes no reports (+CNMI), they end in it."""
LIMIT_S = 40.0
ANSWER_OCTETS = len("\r\n> ") + len("\r\n+CMGS: 0\r\n") + len("\r\nOK\r\n")
BEFORE = "AT+CMGS={}\r"


def lengths() -> tuple[int, int]:
    """Octets of the command line, and of the whole submit up to Ctrl-Z."""
    options = SubmitOptions(to=NUMBER.format(1), reference=0, validity_s=86_400)
    (tpdu,) = encode_parts(segment(TEXT), options)
    command = len(BEFORE.format(len(tpdu)))
    return command, command + 2 * (1 + len(tpdu)) + 1


async def all_disappear(at: Rig, air: Air, cuts: list[Cut]) -> dict[int, str]:
    """Pull the modem of line n at cut n, let it come back; returns the messages by line once each is settled."""
    for number, cut in enumerate(cuts, 1):
        air.network.modem(number).faults = LineFaults(cut=replace(cut, away_s=AWAY_S), cut_times=1)
    sent = {n: await at.send(NUMBER.format(n), TEXT, line=n) for n in range(1, len(cuts) + 1)}

    async def hit() -> bool:
        return all(air.network.modem(n).faults.cut_times == 0 for n in sent)

    await until(hit, "every line had its cut", LIMIT_S)
    for message_id in sent.values():
        await at.reaches(message_id, "delivered", "in_doubt", limit_s=LIMIT_S)
    # The line works again: what comes after goes out, and by then a report of the first has had its time.
    for message_id in [await at.send(NUMBER.format(50_000 + n), "after", line=n) for n in sent]:
        await at.reaches(message_id, "delivered", limit_s=LIMIT_S)
    return sent


async def check(at: Rig, air: Air, sent: dict[int, str], where: dict[int, str]) -> dict[int, str]:
    """On air at most once; delivered if and only if it is on air. Returns the states by line."""
    states: dict[int, str] = {}
    for number, message_id in sent.items():
        copies = len(air.to(NUMBER.format(number)))
        found = await at.reaches(message_id, "delivered" if copies else "in_doubt")
        assert copies <= 1, f"cut at {where[number]}: {copies} copies on air"
        assert len(air.to(NUMBER.format(50_000 + number))) == 1
        states[number] = found.state.value
    return states


@pytest.mark.parametrize("keeps_power", [False, True])
async def test_at_every_byte_that_the_host_sends(
    make_air: MakeAir, tmp_path: Path, keeps_power: bool
) -> None:
    command, whole = lengths()
    cuts = [Cut(host_octet=octet, keeps_power=keeps_power) for octet in range(1, whole + 1)]
    air = await make_air(lines=len(cuts), report_delay_s=REPORT_S)
    async with rig(tmp_path, air) as at:
        sent = await all_disappear(at, air, cuts)
        states = await check(at, air, sent, {n: f"octet {n} of {whole}" for n in sent})
        for number, message_id in sent.items():
            message = await at.message(message_id)
            if number < command:
                # The command line never ended: certainly not on air, so it went out later.
                assert states[number] == "delivered", f"cut at octet {number}"
                assert "message.in_doubt" not in [hop.type for hop in await at.timeline(message_id)]
                assert message.attempts == 1  # a line that goes away is not the message's fault
        # Ctrl-Z arrived: the text left, the answer did not; its report tells.
        last = [hop.type for hop in await at.timeline(sent[whole])]
        assert last[-2:] == ["message.in_doubt", "message.delivered"]
        for message_id in sent.values():
            assert len(at.logged("part.not_sent", message=message_id)) == 1


@pytest.mark.parametrize("keeps_power", [False, True])
async def test_at_every_byte_that_the_modem_answers(
    make_air: MakeAir, tmp_path: Path, keeps_power: bool
) -> None:
    cuts = [Cut(answer_octet=octet, keeps_power=keeps_power) for octet in range(1, ANSWER_OCTETS + 1)]
    air = await make_air(lines=len(cuts), report_delay_s=REPORT_S)
    async with rig(tmp_path, air) as at:
        sent = await all_disappear(at, air, cuts)
        await check(at, air, sent, {n: f"octet {n} of the answer" for n in sent})
        for message_id in sent.values():
            assert (await at.message(message_id)).attempts == 1


async def test_with_the_text_lost_in_the_modem_it_stays_in_doubt_and_is_never_sent_again(
    make_air: MakeAir, tmp_path: Path
) -> None:
    _, whole = lengths()
    air = await make_air(lines=1, submit_s=0.5)
    async with rig(tmp_path, air) as at:
        sent = await all_disappear(at, air, [Cut(host_octet=whole, on_air=False)])
        assert (await check(at, air, sent, {1: "Ctrl-Z"})) == {1: "in_doubt"}
        at.clock.ahead_s += 3600
        following = await at.send(NUMBER.format(7), "an hour later")
        await at.reaches(following, "delivered")
        assert (await at.message(sent[1])).state.value == "in_doubt"


@pytest.mark.parametrize("on_air", [False, True])
async def test_a_message_that_asks_for_it_is_sent_again_after_doubt_and_the_network_refuses_the_second_copy(
    make_air: MakeAir, tmp_path: Path, on_air: bool
) -> None:
    _, whole = lengths()
    air = await make_air(lines=1, submit_s=0.2)
    async with rig(tmp_path, air) as at:
        await at.reaches(await at.send(NUMBER.format(1), "before"), "delivered")
        cut = Cut(host_octet=whole, on_air=on_air, away_s=AWAY_S)
        air.network.modem(1).faults = LineFaults(cut=cut, cut_times=1)
        message_id = await at.send(NUMBER.format(2), TEXT, delivery_report=False, on_doubt="resend")
        message = await at.reaches(message_id, "in_doubt")
        assert message.due_at_ms is not None
        at.clock.ahead_s += (message.due_at_ms - at.clock.now_ms()) / 1000
        message = await at.reaches(message_id, "sent")
        assert message.attempts == 2
        assert len(air.to(NUMBER.format(2))) == 1
        # TP-RD and the same TP-MR let the service centre tell the copy.
        assert [refused.cause for refused in air.network.refusals] == ([0xC5] if on_air else [])
