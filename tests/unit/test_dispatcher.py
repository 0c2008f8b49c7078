"""Owns the proof of the two loops: what a line claims and puts on air, and what of it is recorded, over a real store.

The radio is a script; nothing of the gateway is replaced.
Source: design, *The gap*; W2, W3.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from json import JSONDecodeError
from pathlib import Path
from typing import Any

import pytest

from device_bridge.device import Outgoing, PartNotSent, PartRejected, ReportReceived
from device_bridge.errors import DeviceNotReady, InDoubt, Rejected
from device_bridge.sms.outcome import local
from gateway.dispatcher import LineTask, run_events
from gateway.lifecycle import Happening
from gateway.policy.rules import Budget, Limits, PaceDefaults
from gateway.store.rows import LineRow
from tests.peers.scripted_line import ScriptedDevice, ScriptedLine
from tests.peers.store_world import ALICE, BARRED, LIVE, THREE_PARTS, World, status_report, world

LOST = local("device_lost", maybe_on_air=True)
NOT_READY = local("device_not_ready")


class Refusing(sqlite3.Connection):
    """A connection whose COMMIT is refused as often as ``refuse`` says."""

    refuse = 0

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and threading.current_thread().name == "store-writer" and Refusing.refuse:
            Refusing.refuse -= 1
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *args)


def connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, factory=Refusing)


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path / "gateway.db", connect=connect) as opened:
        yield opened


@asynccontextmanager
async def running(
    w: World, name: str = "a", **pace: int
) -> AsyncIterator[tuple[LineTask, ScriptedLine, LineRow]]:
    """A line that is up and whose task runs."""
    row = await w.line(name)
    radio = ScriptedLine(row.key, w.clock.now_ms)
    task = LineTask(
        radio, row, w.store, w.clock, Limits(PaceDefaults(**{"per_minute": 0, "per_day": 0, **pace}))
    )
    task.work.up = True
    loop = asyncio.create_task(task.run())
    try:
        yield task, radio, row
    finally:
        radio.gate.set()
        task.work.stop()
        async with asyncio.timeout(30):
            await asyncio.gather(loop, return_exceptions=True)


async def reaches(w: World, message_id: str, state: str) -> None:
    """Wait until a message is in a state, at most 5 s."""
    changed = [w.store.signal("events"), w.store.signal("queue")]
    async with asyncio.timeout(30):
        while await w.state(message_id) != state:
            waits = [asyncio.create_task(event.wait()) for event in changed]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait, event in zip(waits, changed, strict=True):
                wait.cancel()
                event.clear()


async def comes_back(w: World, message_id: str) -> None:
    """Wait until a message is in the queue again after a try, at most 5 s."""
    requeued = w.store.signal("queue")
    async with asyncio.timeout(30):
        while [hop.type for hop in await w.store.timeline(message_id)].count("message.queued") < 2:
            await requeued.wait()
            requeued.clear()


async def is_held(w: World, line_id: str) -> LineRow:
    """Wait until a line is held, at most 5 s."""
    changed = w.store.signal("lines")
    async with asyncio.timeout(30):
        while (row := await w.store.line(line_id)).held_until_ms is None:
            await changed.wait()
            changed.clear()
    return row


async def quiet(w: World) -> None:
    """Let everything that is under way in the store and on the loop come to rest."""
    for _ in range(5):
        await w.store.ping()
        await w.store.counts("default")


async def test_an_idle_line_wakes_on_admission(w: World) -> None:
    async with running(w) as (_, radio, _row):
        await quiet(w)
        message = await w.admit(text="wake up")
        await reaches(w, message.id, "sent")
        assert radio.on_air == [("wake up", 1)]


async def test_the_parts_of_a_long_message_go_out_in_order_and_each_start_is_committed(w: World) -> None:
    async with running(w) as (_, radio, _row):
        message = await w.admit(text=THREE_PARTS)
        await reaches(w, message.id, "sent")
        assert [number for _, number in radio.on_air] == [1, 2, 3]
        assert [part.state.value for part in await w.store.parts(message.id)] == ["sent"] * 3


async def test_many_lines_send_every_message_once(w: World) -> None:
    messages = [await w.admit(text=f"text {n}") for n in range(40)]
    async with running(w, "a") as (_, a, _ra), running(w, "b") as (_, b, _rb), running(w, "c") as (_, c, _rc):
        for message in messages:
            await reaches(w, message.id, "sent")
        on_air = sorted(text for radio in (a, b, c) for text, _ in radio.on_air)
        assert on_air == sorted(f"text {n}" for n in range(40))


async def test_a_candidate_that_was_cancelled_meanwhile_is_passed_over(w: World) -> None:
    async with running(w) as (_, radio, _row):
        radio.gate.clear()
        first = await w.admit(text="first")
        await asyncio.wait_for(radio.started.wait(), 30)
        gone, third = await w.admit(text="gone"), await w.admit(text="third")
        await quiet(w)
        await w.store.change(LIVE, gone.id, Happening.CANCEL, "person")
        radio.gate.set()
        await reaches(w, third.id, "sent")
        assert [text for text, _ in radio.on_air] == ["first", "third"]
        assert [await w.state(m.id) for m in (first, gone)] == ["sent", "cancelled"]


async def test_what_is_claimed_is_committed_before_it_is_on_air(w: World) -> None:
    async with running(w) as (_, radio, _row):
        radio.gate.clear()
        message = await w.admit()
        await asyncio.wait_for(radio.started.wait(), 30)
        with closing(sqlite3.connect(w.path)) as other:
            assert other.execute("SELECT state FROM message").fetchall() == [("submitting",)]
        radio.gate.set()
        await reaches(w, message.id, "sent")


async def test_a_claim_that_cannot_be_committed_puts_nothing_on_air(w: World) -> None:
    radio_asked = 0
    async with running(w) as (task, radio, _row):
        await quiet(w)
        message = await w.admit()
        await reaches(w, message.id, "sent")
        radio_asked = len(radio.on_air)
        second = w.new(text="second")
        task.work.up = False
        await w.store.admit(second, None)
        await quiet(w)
        Refusing.refuse = 1
        task.work.up = True
        task.work.wake.set()
        await reaches(w, second.id, "sent")
        assert len(radio.on_air) == radio_asked + 1
        assert len(radio.asked) >= radio_asked + 2


async def test_a_verdict_that_meets_a_broken_disk_is_recorded_when_it_heals_and_nothing_goes_twice(
    w: World,
) -> None:
    async with running(w) as (_, radio, _row):
        radio.gate.clear()
        first = await w.admit(text="first")
        await asyncio.wait_for(radio.started.wait(), 30)
        second = await w.admit(text="second")
        await quiet(w)
        Refusing.refuse = 2
        radio.gate.set()
        await reaches(w, first.id, "sent")
        await reaches(w, second.id, "sent")
        assert [text for text, _ in radio.on_air] == ["first", "second"]


async def test_a_disk_that_breaks_between_two_parts_costs_no_part_twice(w: World) -> None:
    async with running(w) as (task, radio, _row):
        radio.gate.clear()
        message = await w.admit(text=THREE_PARTS)
        await asyncio.wait_for(radio.started.wait(), 30)
        Refusing.refuse = 1
        radio.gate.set()
        await reaches(w, message.id, "queued")
        w.clock.pass_s(20)
        task.work.wake.set()
        await reaches(w, message.id, "sent")
        assert sorted(number for _, number in radio.on_air) == [1, 2, 3]


async def test_a_device_that_is_not_ready_costs_no_try_and_is_not_asked_at_once_again(w: World) -> None:
    async with running(w) as (task, radio, _row):
        radio.script.append(DeviceNotReady(NOT_READY))
        message = await w.admit()
        await comes_back(w, message.id)
        await quiet(w)
        assert len(radio.on_air) == 1
        assert (await w.get(message.id)).attempts == 0
        w.clock.pass_s(2)
        task.work.wake.set()
        await reaches(w, message.id, "sent")


async def test_doubt_keeps_its_message_and_lets_the_next_go(w: World) -> None:
    async with running(w) as (_, radio, _row):
        radio.script.append(InDoubt(LOST))
        first = await w.admit(text="first")
        await reaches(w, first.id, "in_doubt")
        second = await w.admit(text="second")
        await reaches(w, second.id, "sent")
        assert await w.state(first.id) == "in_doubt"


async def test_a_refused_number_delays_no_other(w: World) -> None:
    async with running(w) as (_, radio, _row):
        radio.script.append(Rejected(BARRED))
        radio.script[0] = (PartRejected, local("number_unassigned"))
        bad, good = await w.admit(text="bad"), await w.admit(text="good")
        await reaches(w, bad.id, "failed")
        await reaches(w, good.id, "sent")


async def test_a_link_lost_after_the_last_verdict_loses_neither_it_nor_the_next_message(w: World) -> None:
    async with running(w) as (_task, radio, _row):
        radio.gate.clear()
        first = await w.admit(text="first")
        await asyncio.wait_for(radio.started.wait(), 30)
        second = await w.admit(text="second")
        await quiet(w)
        radio.after_last = DeviceNotReady(local("device_lost"))
        radio.gate.set()
        await reaches(w, second.id, "sent")
        assert await w.state(first.id) == "sent"
        assert [text for text, _ in radio.on_air] == ["first", "second"]


async def test_a_stop_while_on_air_finishes_it_and_claims_nothing_new(w: World) -> None:
    async with running(w) as (task, radio, _row):
        radio.gate.clear()
        first = await w.admit(text="first")
        await asyncio.wait_for(radio.started.wait(), 30)
        second = await w.admit(text="second")
        task.work.stop()
        assert task.work.on_air
        radio.gate.set()
        await reaches(w, first.id, "sent")
        await quiet(w)
        assert await w.state(second.id) == "queued"
        assert not task.work.on_air


async def test_a_verdict_is_recorded_even_when_what_comes_next_cannot_be_read(tmp_path: Path) -> None:
    async with world(tmp_path / "gateway.db") as w:
        row = await w.line("a")
        radio = ScriptedLine(row.key, w.clock.now_ms)
        task = LineTask(radio, row, w.store, w.clock, Limits(PaceDefaults(0, 0)))
        task.work.up = True
        first = await w.admit(text="first")

        async def spoil(_outgoing: Outgoing) -> None:
            if not radio.on_air:
                second = await w.admit(text="second")
                with closing(sqlite3.connect(w.path)) as other:
                    other.execute("UPDATE message SET tags = 'no JSON' WHERE id = ?", (second.id,))
                    other.commit()

        radio.before_cleared = spoil
        async with asyncio.timeout(30):
            with pytest.raises(JSONDecodeError):
                await task.run()
        await reaches(w, first.id, "sent")


async def test_the_pace_holds_a_line_back_until_its_minute_has_room(w: World) -> None:
    async with running(w, per_minute=2) as (task, radio, _row):
        messages = [await w.admit(text=f"text {n}") for n in range(3)]
        await reaches(w, messages[1].id, "sent")
        await quiet(w)
        assert len(radio.on_air) == 2
        w.clock.pass_s(62)
        task.work.wake.set()
        await reaches(w, messages[2].id, "sent")


async def test_PMP_3_a_line_is_held_to_every_budget_that_names_its_label_its_number_or_its_id(
    w: World,
) -> None:
    row = await w.line("a", label="Office")
    budgets = tuple(
        Budget(line=name, parts_per_day=day)
        for day, name in enumerate(("Office", row.number, row.id, "Office", "Shop"), start=1)
    )
    limits = Limits(budgets=(*budgets, Budget(key="Office", parts_per_day=9), Budget(parts_per_day=9)))
    task = LineTask(ScriptedLine(row.key, w.clock.now_ms), row, w.store, w.clock, limits)
    assert task.work.claim(()).pace.budgets == budgets[:4]


async def test_two_messages_refused_because_of_the_sim_hold_the_line_for_a_while(w: World) -> None:
    async with running(w) as (task, radio, row):
        radio.script += [(PartNotSent, BARRED), (PartNotSent, BARRED)]
        first = await w.admit(text="first")
        await comes_back(w, first.id)
        await quiet(w)
        w.clock.pass_s(1.5)
        second = await w.admit(text="second", priority=100)
        await comes_back(w, second.id)
        held = await is_held(w, row.id)
        assert held.held_until_ms == w.now_ms + 60_000
        assert held.reason is not None
        assert (held.state, held.reason.code, held.reason.network_code) == (
            "needs_attention", BARRED.code, BARRED.network_code
        )  # fmt: skip
        w.clock.pass_s(61)
        task.work.wake.set()
        await reaches(w, second.id, "sent")
        await reaches(w, first.id, "sent")
        assert (await w.store.line(row.id)).held_until_ms is None


async def test_a_paused_line_sends_nothing_until_it_goes_on(w: World) -> None:
    async with running(w) as (_, radio, row):
        await w.store.patch_line(LIVE, row.id, {"paused": True})
        message = await w.admit()
        await quiet(w)
        assert (radio.on_air, await w.state(message.id)) == ([], "queued")
        await w.store.patch_line(LIVE, row.id, {"paused": False})
        await reaches(w, message.id, "sent")


async def test_a_text_that_no_longer_encodes_does_not_stand_at_the_head_of_the_queue(w: World) -> None:
    bad = [await w.admit(text="漢", encoding="gsm7") for _ in range(4)]
    good = await w.admit(text="good")
    async with running(w) as (_, radio, _row):
        await reaches(w, good.id, "sent")
        for message in bad:
            await reaches(w, message.id, "cancelled")
        assert [text for text, _ in radio.on_air] == ["good"]


async def test_a_report_is_acknowledged_only_after_it_is_committed(w: World) -> None:
    row = await w.line("a")
    message = await w.admit()
    await w.sent(await w.take(row), mr=9)
    tpdu = status_report(9, ALICE, 0, w.now_ms)
    device = ScriptedDevice(ReportReceived("report", row.key, tpdu, w.now_ms))
    Refusing.refuse = 1

    async def unseen(_event: object) -> None:
        raise AssertionError

    events = asyncio.create_task(run_events(device, {row.key: row.id}, w.store, unseen))
    for _ in range(3):
        await asyncio.sleep(0)
    assert device.acknowledged == []
    async with asyncio.timeout(30):
        await events
    assert device.acknowledged == ["report"]
    assert await w.state(message.id) == "delivered"
