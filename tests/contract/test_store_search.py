"""Owns the contract of a store for finding texts: by words that are encrypted, by key and tag, in both directions.

Runs on every store of ``conftest``; knows no grammar of a search box.
Source: rules DAT-2, API-10, TEN-1, KEY-7.
"""

from __future__ import annotations

import time

import pytest

from gateway.message import Inbound, MessageState
from gateway.store import searching
from gateway.store.rows import MessageFilter, View
from gateway.store.searching import Found, Wanted
from tests.peers.store_world import ALICE, LIVE, HandClock, MakeWorld, World, deliver

SANDBOX = View("default", sandbox_only=True)
BOB = "+447700900124"


def texts(found: Found) -> list[str | None]:
    return [item.text for item in found.items]


async def everything(w: World, wanted: Wanted, limit: int, view: View = LIVE) -> list[str | None]:
    """Read all pages, as somebody who looks further and further."""
    found, all_texts, after = await w.store.search.find(view, wanted, limit, None), [], None
    while True:
        all_texts += texts(found)
        assert len(found.items) <= limit
        if found.next is None:
            return all_texts
        assert after is None or found.next < after, "it goes on downwards"
        after = found.next
        found = await w.store.search.find(view, wanted, limit, after)


async def test_sent_and_received_stand_in_one_order_newest_first(w: World) -> None:
    a = await w.line("a")
    await w.admit(text="one")
    await w.receive(a, deliver("two", w.now_ms))
    await w.admit(text="three")
    assert texts(await w.store.search.find(LIVE, Wanted(), 10, None)) == ["three", "two", "one"]
    assert await everything(w, Wanted(), 1) == ["three", "two", "one"]
    assert await everything(w, Wanted(direction="in"), 1) == ["two"]
    assert await everything(w, Wanted(direction="out"), 2) == ["three", "one"]


async def test_words_are_found_in_encrypted_texts_whatever_their_case(w: World) -> None:
    a = await w.line("a")
    await w.admit(text="Parents' evening moved to Straße 5")
    await w.admit(text="Nothing of interest")
    await w.receive(a, deliver("Which EVENING?", w.now_ms))
    assert await everything(w, Wanted(words=("evening",)), 10) == [
        "Which EVENING?", "Parents' evening moved to Straße 5",
    ]  # fmt: skip
    assert await everything(w, Wanted(words=("STRASSE", "parents'")), 10) == [
        "Parents' evening moved to Straße 5"
    ]
    assert await everything(w, Wanted(words=("evening moved",)), 10) == ["Parents' evening moved to Straße 5"]
    assert await everything(w, Wanted(words=("absent",)), 10) == []


async def test_keys_and_tags_narrow_and_add_up_with_what_has_an_index(w: World) -> None:
    await w.admit(text="a", key_id="crm", tags={"class": "5B"})
    await w.admit(text="b", key_id="crm", tags={"class": "5B", "term": "2"}, to=BOB)
    await w.admit(text="c", key_id="shop", tags={"class": "5B"})
    assert await everything(w, Wanted(key_ids=("crm", "other")), 10) == ["b", "a"]
    assert await everything(w, Wanted(tags=(("class", "5B"), ("term", "2"))), 10) == ["b"]
    assert await everything(w, Wanted(MessageFilter(to=BOB), tags=(("class", "5B"),)), 10) == ["b"]
    assert await everything(w, Wanted(tags=(("class", "5"),)), 10) == []


async def test_the_other_side_is_who_was_written_to_or_who_wrote(w: World) -> None:
    a = await w.line("a")
    await w.admit(text="to Alice")
    await w.admit(text="to Bob", to=BOB)
    await w.receive(a, deliver("from Bob", w.now_ms, sender=BOB))
    assert await everything(w, Wanted(MessageFilter(to=BOB)), 10) == ["from Bob", "to Bob"]
    assert await everything(w, Wanted(MessageFilter(to=ALICE)), 10) == ["to Alice"]


async def test_what_only_messages_have_leaves_received_texts_out(w: World) -> None:
    a = await w.line("a")
    await w.admit(text="sent", reference="ref")
    await w.receive(a, deliver("received", w.now_ms))
    for where in (MessageFilter(states=(MessageState.QUEUED,)), MessageFilter(reference="ref")):
        assert await everything(w, Wanted(where), 10) == ["sent"]


async def test_times_hold_for_both_directions(make_world: MakeWorld) -> None:
    # Ids are made by the machine's clock, and bound what is read: the world lives now.
    async with make_world(clock=HandClock(round(time.time() * 1000))) as w:
        a = await w.line("a")
        await w.admit(text="early")
        await w.receive(a, deliver("early answer", w.now_ms))
        w.clock.pass_s(3600)
        middle_ms = w.now_ms
        w.clock.pass_s(3600)
        await w.admit(text="late")
        await w.receive(a, deliver("late answer", w.now_ms))
        assert await everything(w, Wanted(MessageFilter(since_ms=middle_ms)), 10) == ["late answer", "late"]
        assert await everything(w, Wanted(MessageFilter(until_ms=middle_ms)), 10) == ["early answer", "early"]


async def test_a_search_stops_after_so_many_rows_and_says_where_to_go_on(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "PIECE_ROWS", 4)
    monkeypatch.setattr(searching, "LOOKED_MAX", 8)
    await w.admit(text="needle")
    a = await w.line("a")
    for n in range(15):
        await w.admit(text=f"hay {n}")
        if n % 3 == 0:
            await w.receive(a, deliver(f"straw {n}", w.now_ms))
    wanted = Wanted(words=("needle",))
    first = await w.store.search.find(LIVE, wanted, 10, None)
    assert first.items == ()
    assert first.stopped
    assert first.next is not None
    assert 8 <= first.looked <= 12
    assert await everything(w, wanted, 10) == ["needle"]
    assert await everything(w, Wanted(words=("a",)), 3) == await everything(w, Wanted(words=("a",)), 100)


async def test_pages_that_are_read_in_pieces_repeat_and_skip_nothing(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "PIECE_ROWS", 3)
    a = await w.line("a")
    for n in range(20):
        if n % 4:
            await w.admit(text=f"text {n}")
        else:
            await w.receive(a, deliver(f"text {n}", w.now_ms))
    expected = [f"text {n}" for n in reversed(range(20))]
    for limit in (1, 2, 5, 7, 50):
        assert await everything(w, Wanted(words=("text",)), limit) == expected
        assert await everything(w, Wanted(), limit) == expected


async def test_what_is_newer_is_counted_and_what_was_seen_stays(w: World) -> None:
    seen = await w.admit(text="seen")
    await w.admit(text="new 1")
    await w.admit(text="new 2")
    assert await w.store.search.count(LIVE, Wanted(above=seen.id), 99) == 2
    assert await w.store.search.count(LIVE, Wanted(above=seen.id), 1) == 1
    assert await everything(w, Wanted(upto=seen.id), 10) == ["seen"]


async def test_TEN_1_and_KEY_7_a_search_finds_only_what_its_viewer_may_see(w: World) -> None:
    real, emulated = await w.line("a"), await w.line("b", emulated=True)
    await w.admit(text="secret live")
    await w.admit(text="secret sandbox", sandbox=True, to="+99900000001")
    await w.receive(real, deliver("secret answer", w.now_ms))
    await w.receive(emulated, deliver("secret emulated", w.now_ms, sender="+99900000001"))
    for wanted in (Wanted(), Wanted(words=("secret",))):
        assert await everything(w, wanted, 10, SANDBOX) == ["secret emulated", "secret sandbox"]
        assert await everything(w, wanted, 10, View("other")) == []
        assert len(await everything(w, wanted, 10)) == 4


async def test_a_damaged_text_is_passed_over_and_the_rest_is_found(w: World) -> None:
    broken = await w.admit(text="needle one")
    await w.admit(text="needle two")
    await w.store._write(
        lambda tx: tx._conn.execute("UPDATE message SET text = x'00' WHERE id = ?", (broken.id,))
    )
    assert await everything(w, Wanted(words=("needle",)), 10) == ["needle two"]


async def test_a_received_text_comes_whole(w: World) -> None:
    a = await w.line("a")
    await w.receive(a, deliver("hello", w.now_ms))
    (item,) = (await w.store.search.find(LIVE, Wanted(words=("hello",)), 10, None)).items
    assert isinstance(item, Inbound)
    assert item.pdus
