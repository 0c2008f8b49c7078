"""Proves that trouble with one text or one modem ends as the table says, and delays nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from device_bridge.emulator.faults import LineFaults, NumberRefusal, SlowAnswer
from tests.harness.gateway_process import until
from tests.harness.rig import Rig, rig
from tests.integration.whole import MakeAir

BAD = "+447700900666"
GOOD = "+4477009001{:02d}"
DELAY_MS = 400
"""More between one verdict and the next claim of a line that has work would be a delay: a line that rests does so for a
second at least, a busy machine takes tens of milliseconds."""


async def gaps_ms(at: Rig, message_ids: Sequence[str]) -> list[int]:
    """Time from each verdict on a part of these messages to the next claim, for one line, in ms."""
    claims: list[int] = []
    verdicts: list[int] = []
    for message_id in message_ids:
        for hop in await at.timeline(message_id):
            if hop.type == "message.submitting":
                claims.append(hop.at_ms)
            elif hop.witness == "modem" or (hop.type in ("message.failed", "message.queued") and hop.attempt):
                verdicts.append(hop.at_ms)
    claims.sort()
    verdicts.sort()
    return [min(at_ms - v for v in verdicts if v <= at_ms) for at_ms in claims if at_ms > verdicts[0]]


@pytest.mark.parametrize(
    ("cause", "end"), [(1, "failed"), (42, "queued"), (21, "failed"), (500, "queued"), (None, "in_doubt")]
)
async def test_a_number_that_always_fails_delays_nobody(
    make_air: MakeAir, tmp_path: Path, cause: int | None, end: str
) -> None:
    air = await make_air(lines=1)
    air.network.modem(1).faults = LineFaults(refuse_numbers={BAD: NumberRefusal(cause)})
    async with rig(tmp_path, air) as at:
        bad = [await at.send(BAD, f"bad {n}", priority=5) for n in range(3)]
        good = [await at.send(GOOD.format(n), f"good {n}", priority=5 if n < 5 else 0) for n in range(15)]
        for message_id in good:
            assert (await at.reaches(message_id, "delivered")).attempts == 1
        for message_id in bad:
            message = await at.reaches(message_id, end)
            assert message.error is not None
            assert message.error.hint
        assert max(await gaps_ms(at, good + bad)) < DELAY_MS
        assert sorted(each.text for each in air.texts) == sorted(f"good {n}" for n in range(15))
        why = at.logged("part.not_sent", message=bad[0])
        assert len(why) == 1
        assert why[0]["code"]


async def test_a_number_that_fails_for_a_while_is_tried_again_and_arrives_once(
    make_air: MakeAir, tmp_path: Path
) -> None:
    air = await make_air(lines=1)
    air.network.modem(1).faults = LineFaults(refuse_numbers={BAD: NumberRefusal(42, times=2)})
    async with rig(tmp_path, air) as at:
        message_id = await at.send(BAD, "at last")
        for attempt in (1, 2):

            async def waits(attempt: int = attempt) -> bool:
                message = await at.message(message_id)
                return message.state.value == "queued" and message.attempts == attempt

            await until(waits, f"attempt {attempt} is refused")
            due_ms = (await at.message(message_id)).due_at_ms
            assert due_ms is not None
            assert due_ms > at.clock.now_ms() + 1000
            at.clock.ahead_s += (due_ms - at.clock.now_ms()) / 1000
        found = await at.reaches(message_id, "delivered")
        assert found.attempts == 3
        assert len(air.texts) == 1


async def test_a_modem_that_answers_late_but_in_time_is_waited_for_and_sends_one_copy(
    make_air: MakeAir, tmp_path: Path
) -> None:
    # 170 s of 180 s, at a hundredth of the time.
    air = await make_air(lines=2)
    air.network.modem(1).faults = LineFaults(slow_answer=SlowAnswer(1.7), slow_times=1)
    async with rig(tmp_path, air, submit_timeout_s=1.8) as at:
        slow = await at.send(BAD, "slow", line=1)
        await until(lambda: len(air.texts) == 1, "the slow one is on air")
        good = [await at.send(GOOD.format(n), f"good {n}") for n in range(10)]
        for message_id in good:
            await at.reaches(message_id, "delivered", limit_s=1.5)
        assert max(await gaps_ms(at, good)) < DELAY_MS
        # Its report overtakes +CMGS, which is proof of delivery on its own.
        found = await at.reaches(slow, "delivered")
        types = [hop.type for hop in await at.timeline(slow)]
        assert "message.in_doubt" not in types
        assert found.attempts == 1
        assert len(air.to(BAD)) == 1
        following = await at.send(BAD, "next", line=1)
        await at.reaches(following, "delivered")
        assert (await at.parts(slow))[0].mr == 0


async def test_an_answer_after_the_limit_belongs_to_the_part_in_doubt_and_not_to_the_next_one(
    make_air: MakeAir, tmp_path: Path
) -> None:
    air = await make_air(lines=1, report_delay_s=30)
    air.network.modem(1).faults = LineFaults(slow_answer=SlowAnswer(1.0), slow_times=1)
    async with rig(tmp_path, air, submit_timeout_s=0.3) as at:
        late = await at.send(BAD, "late")
        await at.reaches(late, "in_doubt")
        following = await at.send(GOOD.format(1), "next")
        await at.reaches(following, "sent")
        await at.reaches(late, "sent")
        assert [(await at.parts(each))[0].mr for each in (late, following)] == [0, 1]
        assert [each.text for each in air.texts] == ["late", "next"]


@pytest.mark.parametrize("reported", [True, False])
async def test_a_modem_that_never_answers_leaves_one_text_in_doubt_and_carries_the_next(
    make_air: MakeAir, tmp_path: Path, reported: bool
) -> None:
    air = await make_air(lines=2, report_delay_s=0.8)
    air.network.modem(1).faults = LineFaults(silent_times=1)
    async with rig(tmp_path, air, submit_timeout_s=0.4) as at:
        silent = await at.send(BAD, "silent", line=1, delivery_report=reported)
        await until(lambda: len(air.texts) == 1, "it is on air")
        good = [await at.send(GOOD.format(n), f"good {n}") for n in range(8)]
        following = await at.send(GOOD.format(99), "next on the same line", line=1)
        found = await at.reaches(silent, "in_doubt")
        assert found.error is not None
        assert found.error.code == "in_doubt"
        for message_id in (*good, following):
            await at.reaches(message_id, "delivered")
        if reported:
            await at.reaches(silent, "delivered")
        else:
            assert (await at.message(silent)).state.value == "in_doubt"
        assert len(air.to(BAD)) == 1
        assert len(at.logged("part.not_sent", message=silent, code="modem_silent")) == 1


async def test_a_modem_gone_deaf_is_given_up_and_its_messages_go_over_the_other_line(
    make_air: MakeAir, tmp_path: Path
) -> None:
    air = await make_air(lines=2)
    async with rig(tmp_path, air, submit_timeout_s=0.5) as at:
        air.network.modem(1).faults.deaf = True
        await at.lines_are("down", "up")
        sent = [await at.send(GOOD.format(n), f"text {n}") for n in range(6)]
        for message_id in sent:
            await at.reaches(message_id, "delivered")
        assert {each.line for each in air.texts} == {2}
        assert at.logged("line.changed", state="down")
        air.network.modem(1).faults.deaf = False
        await at.all_up(limit_s=30)
