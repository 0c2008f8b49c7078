"""Owns the contract of a store for conversations: the inbox by number, what nobody has read, what was said.

Runs on every store of ``conftest``; the TPDUs are written out by hand.
Source: the notes on what people see, *Inbox*; rules KEY-7 (a sandbox reader has an inbox of its own).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing

from gateway.message import Inbound
from gateway.store.conversations import Wanted
from gateway.store.rows import View
from tests.peers.store_world import LIVE, World, deliver

ANN, BOB = "+447700900123", "+447700900124"
PLAY = "+99900000001"
SANDBOX = View("default", sandbox_only=True)
DAY_S = 86_400


async def listed(w: World, view: View = LIVE, limit: int = 30) -> list[tuple[str, int]]:
    page = await w.store.conversations.page(view, limit, None)
    return [(row.number, row.unread) for row in page.items]


async def test_who_wrote_is_listed_once_with_what_nobody_has_read_and_the_unread_come_first(w: World) -> None:
    a = await w.line("a")
    await w.receive(a, deliver("one", w.now_ms, sender=ANN))
    w.clock.pass_s(60)
    await w.receive(a, deliver("two", w.now_ms, sender=BOB))
    w.clock.pass_s(60)
    newest = await w.receive(a, deliver("three", w.now_ms, sender=BOB))
    assert newest is not None
    assert await listed(w) == [(BOB, 2), (ANN, 1)]
    await w.store.conversations.seen(LIVE, BOB, newest.id)
    assert await listed(w) == [(ANN, 1), (BOB, 0)]
    assert await w.store.conversations.unread(LIVE) == 1


async def test_a_text_that_came_while_somebody_was_reading_stays_unread(w: World) -> None:
    a = await w.line("a")
    shown = await w.receive(a, deliver("one", w.now_ms, sender=ANN))
    assert shown is not None
    await w.receive(a, deliver("two", w.now_ms + 1000, sender=ANN))
    await w.store.conversations.seen(LIVE, ANN, shown.id)
    assert await listed(w) == [(ANN, 2)]


async def test_the_pages_of_the_inbox_show_everybody_once_across_unread_and_read(w: World) -> None:
    a = await w.line("a")
    numbers = [f"+4477009001{n:02d}" for n in range(7)]
    for n, number in enumerate(numbers):
        inbound = await w.receive(a, deliver(f"text {n}", w.now_ms, sender=number))
        assert inbound is not None
        if n % 2:
            await w.store.conversations.seen(LIVE, number, inbound.id)
    seen: list[str] = []
    after = None
    while True:
        page = await w.store.conversations.page(LIVE, 3, after)
        seen += [row.number for row in page.items]
        after = page.next
        if after is None:
            break
    assert seen == [*numbers[6::-2], *numbers[5::-2]]


async def test_KEY_7_a_sandbox_reader_sees_and_reads_only_what_came_to_emulated_lines(w: World) -> None:
    real, emulated = await w.line("real"), await w.line("play", emulated=True)
    await w.receive(real, deliver("real", w.now_ms, sender=ANN))
    played = await w.receive(emulated, deliver("played", w.now_ms + 1000, sender=ANN))
    await w.receive(real, deliver("real too", w.now_ms + 2000, sender=BOB))
    assert played is not None
    assert await listed(w, SANDBOX) == [(ANN, 1)]
    assert await w.store.conversations.unread(SANDBOX) == 1
    said = await w.store.conversations.said(SANDBOX, ANN, (10, None), with_sent=True)
    assert [item.text for item in said.items] == ["played"]
    await w.store.conversations.seen(SANDBOX, ANN, played.id)
    assert await listed(w, SANDBOX) == [(ANN, 0)]
    assert await listed(w) == [(BOB, 1), (ANN, 1)]
    assert await w.store.conversations.search(SANDBOX, Wanted("real")) == ()
    assert await w.store.conversations.search(SANDBOX, Wanted(BOB, (BOB,))) == ()


async def test_what_was_said_stands_in_the_order_of_time_whoever_said_it_and_older_words_are_one_page_on(
    w: World,
) -> None:
    a = await w.line("a")
    for n in range(3):
        await w.receive(a, deliver(f"in {n}", w.now_ms, sender=ANN))
        await w.admit(to=ANN, text=f"out {n}")
        w.clock.pass_s(60)
    said = await w.store.conversations.said(LIVE, ANN, (4, None), with_sent=True)
    assert [item.text for item in said.items] == ["in 1", "out 1", "in 2", "out 2"]
    older = await w.store.conversations.said(LIVE, ANN, (4, said.older), with_sent=True)
    assert [item.text for item in older.items] == ["in 0", "out 0"]
    assert older.older is None
    received = await w.store.conversations.said(LIVE, ANN, (4, None), with_sent=False)
    assert [item.text for item in received.items] == ["in 0", "in 1", "in 2"]


async def test_a_long_text_that_never_came_whole_names_the_part_that_is_missing(w: World) -> None:
    a = await w.line("a")
    await w.receive(a, deliver("one ", w.now_ms, sender=ANN, concat=(9, 3, 1)))
    await w.receive(a, deliver("three", w.now_ms, sender=ANN, concat=(9, 3, 3)))
    w.clock.pass_s(DAY_S + 60)
    await w.store.tick()
    said = await w.store.conversations.said(LIVE, ANN, (10, None), with_sent=True)
    (item,) = said.items
    assert isinstance(item, Inbound)
    assert not item.complete
    assert said.missing == {item.id: (2,)}


async def test_a_search_finds_words_beginnings_of_numbers_and_senders_that_are_words(w: World) -> None:
    a = await w.line("a")
    await w.receive(a, deliver("Is the Shop open?", w.now_ms, sender=ANN))
    await w.receive(a, deliver("no", w.now_ms + 1000, sender=BOB))

    async def found(words: str, *prefixes: str) -> list[str]:
        return [row.number for row in await w.store.conversations.search(LIVE, Wanted(words, prefixes))]

    assert await found("shop") == [ANN]
    assert await found("+4477009001", "+4477009001") == [BOB, ANN]
    assert await found("900124") == [BOB]
    assert await found("nothing like this") == []
    assert await found("%") == []


async def test_another_organisation_sees_nothing_of_it(w: World) -> None:
    a = await w.line("a")
    await w.receive(a, deliver("one", w.now_ms, sender=ANN))
    assert await listed(w) == [(ANN, 1)]
    assert await w.store.conversations.unread(View("elsewhere")) == 0
    assert await listed(w, View("elsewhere")) == []


async def test_texts_from_before_there_was_an_inbox_are_listed_and_count_as_read(
    w: World, make_world: Callable[[], AbstractAsyncContextManager[World]]
) -> None:
    a = await w.line("a")
    await w.receive(a, deliver("old", w.now_ms, sender=ANN))
    await w.store.close()
    with closing(sqlite3.connect(w.path)) as older:
        # As the release before the inbox left it.
        older.execute("DROP TABLE inbox")
        older.execute("DROP INDEX inbound_by_sender")
        older.execute("DROP INDEX delivery_dead_of_webhook")
        for table, column in (("webhook", "failing_since"), ("delivery", "took_ms"), ("delivery", "said")):
            older.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        older.execute("DELETE FROM _sqlite_migrations WHERE name = '0013_inbox'")
        older.commit()
    async with make_world() as later:
        assert await listed(later) == [(ANN, 0)]
