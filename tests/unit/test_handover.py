"""Owns the proof of the loop for devices with a journal: handed over whole, several at a time, a break left to the
journal. Over a real store; the phone is a script.

Source: design, *Lifecycle*; W2.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device_bridge.device import (
    Capabilities,
    Cleared,
    DeviceInfo,
    LineHealth,
    LineIdentity,
    LineState,
    Outgoing,
    PartNotSent,
    PartOutcome,
    PartSent,
)
from device_bridge.errors import DeviceNotReady
from device_bridge.sms.outcome import local
from gateway.handover import JournalTask
from gateway.policy.rules import Limits, PaceDefaults
from gateway.store.rows import LineRow
from tests.peers.store_world import THREE_PARTS, World, world
from tests.unit.test_dispatcher import reaches


class ScriptedPhoneLine:
    """Takes attempts; the test says what becomes of each. ``None`` in ``said`` is a break of the link."""

    def __init__(self, key: str) -> None:
        self.identity = LineIdentity(key, None, None)
        self.capabilities = Capabilities(journal=True, window=2)
        self.taken: list[Outgoing] = []
        self.seen_committed: list[str] = []
        self.said: dict[str, asyncio.Queue[PartOutcome | None]] = {}
        self.arrived = asyncio.Event()
        self.away = False

    async def submit(self, outgoing: Outgoing, cleared: Cleared) -> AsyncIterator[PartOutcome]:
        if self.away:
            raise DeviceNotReady(local("phone_gone"))
        assert await cleared(outgoing.parts[0])
        self.taken.append(outgoing)
        said = self.said[outgoing.attempt_id] = asyncio.Queue()
        self.arrived.set()
        missing = len(outgoing.parts)
        while missing:
            outcome = await said.get()
            if outcome is None:
                return
            missing -= 1
            yield outcome

    async def ussd(self, code: str) -> str:
        return code

    async def health(self) -> LineHealth:
        return LineHealth(LineState.UP)

    async def holds(self, count: int) -> None:
        """Wait until so many attempts were handed over, at most 5 s."""
        async with asyncio.timeout(30):
            while len(self.taken) < count:
                self.arrived.clear()
                await self.arrived.wait()


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path / "gateway.db") as opened:
        yield opened


@asynccontextmanager
async def running(w: World) -> AsyncIterator[tuple[JournalTask, ScriptedPhoneLine, list[str]]]:
    await w.store.device_seen(DeviceInfo(id="install", kind="phone", address="usb"), True, None)
    identity = LineIdentity("sub:install:1", None, None)
    row: LineRow = await w.store.line_seen(identity, "install", LineHealth(LineState.UP))
    line = ScriptedPhoneLine(row.key)
    task = JournalTask(line, row, w.store, w.clock, Limits(PaceDefaults(0, 0)))
    acknowledged: list[str] = []

    async def acknowledge(event_id: str) -> None:
        acknowledged.append(event_id)

    task.acknowledge = acknowledge
    task.work.up = True
    loop = asyncio.create_task(task.run())
    try:
        yield task, line, acknowledged
    finally:
        task.work.stop()
        async with asyncio.timeout(30):
            await asyncio.gather(loop, return_exceptions=True)


async def test_a_message_is_committed_as_submitting_before_the_phone_hears_of_it(w: World) -> None:
    async with running(w) as (_, line, acknowledged):
        message = await w.admit(text=THREE_PARTS)
        await line.holds(1)
        assert await w.state(message.id) == "submitting"
        (outgoing,) = line.taken
        for number in (2, 3, 1):
            sent = PartSent(outgoing.attempt_id, number, None, w.now_ms, event_id=f"e{number}")
            line.said[outgoing.attempt_id].put_nowait(sent)
        await reaches(w, message.id, "sent")
        async with asyncio.timeout(30):
            while len(acknowledged) < 3:
                await w.store.ping()
        assert acknowledged == ["e2", "e3", "e1"]


async def test_no_more_messages_are_with_the_phone_than_its_window_holds(w: World) -> None:
    async with running(w) as (_, line, _acknowledged):
        for _ in range(4):
            await w.admit()
        await line.holds(2)
        for _ in range(10):
            await w.store.ping()
        assert len(line.taken) == 2
        first = line.taken[0].attempt_id
        line.said[first].put_nowait(PartSent(first, 1, None, w.now_ms))
        await line.holds(3)


async def test_a_broken_link_leaves_the_attempt_open_and_the_line_goes_on(w: World) -> None:
    async with running(w) as (_, line, _acknowledged):
        message = await w.admit()
        await line.holds(1)
        line.said[line.taken[0].attempt_id].put_nowait(None)
        await w.admit()
        await line.holds(2)
        assert await w.state(message.id) == "submitting"
        assert line.taken[0].attempt_id in await w.store.open_attempts("install")


async def test_a_phone_that_is_not_there_costs_no_attempt(w: World) -> None:
    async with running(w) as (_, line, _acknowledged):
        line.away = True
        message = await w.admit()
        requeued = w.store.signal("queue")
        async with asyncio.timeout(30):
            while "message.submitting" not in await w.types(message.id):
                await requeued.wait()
                requeued.clear()
        await reaches(w, message.id, "queued")
        assert (await w.get(message.id)).attempts == 0


async def test_a_refused_part_fails_the_message_while_another_is_still_awaited(w: World) -> None:
    async with running(w) as (_, line, _acknowledged):
        message = await w.admit()
        other = await w.admit()
        await line.holds(2)
        a, b = (outgoing.attempt_id for outgoing in line.taken)
        line.said[a].put_nowait(PartNotSent(a, 1, local("device_not_ready"), w.now_ms))
        line.said[b].put_nowait(PartSent(b, 1, None, w.now_ms))
        await reaches(w, other.id, "sent")
        await reaches(w, message.id, "queued")


async def test_a_stop_waits_for_nothing_that_the_journal_will_tell_anyway(w: World) -> None:
    async with running(w) as (task, line, _acknowledged):
        message = await w.admit()
        await line.holds(1)
        assert not task.work.on_air
    assert await w.state(message.id) == "submitting"
