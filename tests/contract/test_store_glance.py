"""Proves what an overview shows at a glance: parts, endings and received texts of today, and the hours of a line."""

from __future__ import annotations

from gateway.store.rows import View
from tests.peers.store_world import World

ALL = View("default")
SANDBOX = View("default", sandbox_only=True)


async def test_today_counts_parts_endings_and_received_texts(w: World) -> None:
    line = await w.line()
    await w.admit()
    attempt = await w.take(line)
    await w.all_sent(attempt)
    await w.report(line, 1)
    today = await w.store.glance.today(ALL)
    assert (today.sent, today.delivered, today.reported, today.received) == (1, 1, 1, 0)


async def test_a_day_later_today_is_another_day(w: World) -> None:
    line = await w.line()
    await w.admit()
    await w.all_sent(await w.take(line))
    w.clock.pass_s(25 * 3600)
    today = await w.store.glance.today(ALL)
    assert (today.sent, today.delivered) == (0, 0)


async def test_a_sandbox_key_counts_only_emulated_lines(w: World) -> None:
    line = await w.line()
    await w.admit()
    await w.all_sent(await w.take(line))
    assert (await w.store.glance.today(SANDBOX)).sent == 0


async def test_KEY_7_a_sandbox_key_counts_only_its_own_texts_in_doubt(w: World) -> None:
    for name, emulated in (("a", False), ("b", True)):
        line = await w.line(name, emulated=emulated)
        await w.admit(sandbox=emulated, line=line.id)
        await w.lost(await w.take(line))
    assert await w.store.glance.in_doubt(ALL) == 2
    assert await w.store.glance.in_doubt(SANDBOX) == 1
    assert await w.store.glance.in_doubt(View("other")) == 0
    assert (await w.store.metering.read(ALL)).in_doubt == {False: 1, True: 1}
    assert (await w.store.metering.read(SANDBOX)).in_doubt == {True: 1}


async def test_the_hours_of_a_line_end_with_this_one(w: World) -> None:
    line = await w.line()
    await w.admit()
    await w.all_sent(await w.take(line))
    hours = (await w.store.glance.hours([line.id]))[line.id]
    assert len(hours) == 24
    assert hours[-1] == 1
    assert sum(hours) == 1
    w.clock.pass_s(2 * 3600)
    assert (await w.store.glance.hours([line.id]))[line.id][-3] == 1


async def test_today_counts_texts_however_many_parts_and_tries_they_take(w: World) -> None:
    line = await w.line()
    await w.admit(text="x" * 200)
    first = await w.take(line)
    assert len(first.outgoing.parts) == 2
    for part in first.outgoing.parts:
        await w.not_sent(first, part.number)
    w.clock.pass_s(600)
    await w.store.tick()
    await w.all_sent(await w.take(line))
    await w.report(line, 1)
    await w.report(line, 2)
    today = await w.store.glance.today(ALL)
    assert (today.sent, today.delivered) == (1, 1)
