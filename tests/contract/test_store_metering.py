"""Owns the contract of a store for whoever counts: what a commit tells, and how lines and the queue are read.

Runs on every store of ``conftest``; knows no SQL.
Source: docs/metrics.md; rules TEN-1, KEY-7.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from device_bridge.device import DeviceHealth, DeviceInfo
from gateway.store.noted import Committed, Noted
from gateway.store.rows import View
from tests.peers.store_world import LIVE, MakeWorld, World, deliver

SANDBOX = View("default", sandbox_only=True)


def listen(w: World) -> list[Committed]:
    told: list[Committed] = []
    w.store.metering.on_commit(told.append)
    return told


async def noted(w: World, told: list[Committed]) -> list[Noted]:
    """All that was told, that of the last commit too: it comes after those who wait for it."""
    await asyncio.sleep(0)
    await w.store.ping()
    await asyncio.sleep(0)
    return [each for done in told for each in done.noted]


async def test_a_message_is_told_with_each_state_it_enters_and_its_ids(w: World) -> None:
    line = await w.line()
    told = listen(w)
    message = await w.admit(text="text " * 40, parts=2)
    attempt = await w.take(line)
    await w.all_sent(attempt)
    await w.report(line, 1)
    await w.report(line, 2)
    seen = await noted(w, told)
    assert {each.id for each in seen} == {message.id}
    assert [(each.state, each.line) for each in seen if each.what == "message"] == [
        ("queued", None), ("submitting", line.id), ("sent", line.id), ("delivered", line.id),
    ]  # fmt: skip
    assert [(each.state, each.attempt) for each in seen if each.what == "part"] == [
        (state, attempt.attempt_id) for state in ("sent", "sent", "delivered", "delivered")
    ]


async def test_times_count_from_the_acceptance_and_are_told_once(w: World) -> None:
    line = await w.line()
    told = listen(w)
    await w.admit()
    w.clock.pass_s(3)
    attempt = await w.take(line)
    w.clock.pass_s(4)
    await w.sent(attempt)
    w.clock.pass_s(60)
    await w.report(line, 1)
    seen = await noted(w, told)
    assert [each.sent_after_s for each in seen if each.sent_after_s is not None] == [7.0]
    assert [each.delivered_after_s for each in seen if each.delivered_after_s is not None] == [67.0]


async def test_a_message_for_later_counts_from_its_time(w: World) -> None:
    line = await w.line()
    told = listen(w)
    await w.admit(send_at_ms=w.now_ms + 3_600_000)
    w.clock.pass_s(3605)
    await w.store.tick()
    await w.sent(await w.take(line))
    assert [each.sent_after_s for each in await noted(w, told) if each.sent_after_s is not None] == [5.0]


async def test_a_clock_that_was_set_back_makes_no_time_below_zero(w: World) -> None:
    line = await w.line()
    told = listen(w)
    await w.admit()
    attempt = await w.take(line)
    w.clock.wall_ms -= 10_000
    await w.sent(attempt)
    assert [each.sent_after_s for each in await noted(w, told) if each.sent_after_s is not None] == [0.0]


async def test_what_goes_back_to_the_queue_has_no_line_again(w: World) -> None:
    line = await w.line()
    told = listen(w)
    await w.admit()
    await w.not_sent(await w.take(line))
    seen = [(each.state, each.line) for each in await noted(w, told) if each.what == "message"]
    assert seen == [("queued", None), ("submitting", line.id), ("queued", None)]


async def test_what_is_rolled_back_is_not_told_and_the_others_of_its_group_are(make_world: MakeWorld) -> None:
    async with make_world(max_queued=1) as w:
        told = listen(w)
        first, second = w.new(), w.new()
        answers = await asyncio.gather(
            w.store.admit(first, None), w.store.admit(second, None), return_exceptions=True
        )
        assert sum(isinstance(answer, Exception) for answer in answers) == 1
        assert [each.id for each in await noted(w, told)] == [first.id]


async def test_a_commit_says_how_long_it_took_and_how_many_shared_it(w: World) -> None:
    told = listen(w)
    await asyncio.gather(*(w.store.admit(w.new(), None) for _ in range(20)))
    await noted(w, told)
    groups = [done for done in told if done.noted]
    assert sum(done.units for done in groups) == 20
    assert max(done.units for done in groups) > 1
    assert all(0 < done.seconds < 60 for done in groups)


async def test_a_received_text_is_told(w: World) -> None:
    line = await w.line(emulated=True)
    told = listen(w)
    inbound = await w.receive(line, deliver("hello", w.now_ms))
    assert inbound is not None
    assert await noted(w, told) == [Noted("received", "default", True, line.id, "sms", inbound.id)]


async def test_lines_are_read_with_their_use_and_the_battery_of_their_phone(w: World) -> None:
    line = await w.line("a", per_day=5)
    down = await w.line("b", up=False)
    health = DeviceHealth(battery_percent=80)
    phone = DeviceInfo(id="imei-a", kind="phone", address="port-a", health=health)
    await w.store.device_seen(phone, True, None)
    await w.admit()
    await w.take(line)
    await w.store.patch_line(LIVE, line.id, {"paused": True})
    by_id = {each.row.id: each for each in (await w.store.metering.read(LIVE)).lines}
    assert (by_id[line.id].up, by_id[line.id].row.paused, by_id[line.id].battery_percent) == (True, True, 80)
    assert (by_id[line.id].row.use.day, by_id[line.id].row.per_day) == (1, 5)
    assert (by_id[down.id].up, by_id[down.id].battery_percent) == (False, None)


async def test_the_oldest_that_could_go_is_read_for_the_sandbox_and_beside_it(w: World) -> None:
    await w.line()
    await w.admit()
    since_ms = w.now_ms
    w.clock.pass_s(30)
    await w.admit()
    await w.admit(sandbox=True, key_id="sandbox")
    await w.admit(send_at_ms=w.now_ms + 60_000, key_id="later")
    w.clock.pass_s(10)
    readings = await w.store.metering.read(LIVE)
    assert readings.waits_since_ms == {False: since_ms, True: since_ms + 30_000}
    assert readings.states == {"queued": 4}
    assert readings.at_ms == w.now_ms


async def test_a_sandbox_viewer_and_another_tenant_read_nothing_of_the_others(w: World) -> None:
    await w.line("a")
    trial = await w.line("b", emulated=True)
    await w.admit()
    readings = await w.store.metering.read(SANDBOX)
    assert [each.row.id for each in readings.lines] == [trial.id]
    assert (readings.states, readings.waits_since_ms) == ({}, {})
    other = await w.store.metering.read(replace(LIVE, tenant="other"))
    assert (other.lines, other.states, other.waits_since_ms) == ((), {}, {})
