"""Owns the contract of a store for suppressions: what a wish stops, who may take it back, and what it costs to ask.

Runs on every store of ``conftest``; the clock is moved by hand.
Source: rules OPT-4, OPT-5, OPT-7, OPT-8, PRV-2, KEY-7, TEN-1; https://www.sqlite.org/eqp.html.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from gateway.lifecycle import Happening
from gateway.store.people_rows import SuppressionFilter, SuppressionRow, Wish
from gateway.store.protocol import NotFound
from gateway.store.queries import QUERIES
from gateway.store.rows import Event, View
from gateway.store.suppressions import lift_by_keyword, suppress
from gateway.store.transaction import Tx
from tests.peers.store_world import ALICE, LIVE, World

BOB = "+447700900456"
ALL = SuppressionFilter()
STOP = Wish("default", ALICE, "keyword", keyword="stop", inbound_id="in-1", line="line-1")
START = Wish("default", ALICE, "keyword", keyword="start", inbound_id="in-2", line="line-1")


def by_hand(source: Any = "letter", number: str = ALICE, **more: Any) -> Wish:
    return Wish("default", number, source, by="key-1", **more)


async def say(w: World, wish: Wish) -> bool:
    """Suppress as the transaction of an inbound text does."""
    return await w.store._write(lambda tx: suppress(tx, wish))


async def start(w: World, wish: Wish = START) -> bool:
    return await w.store._write(lambda tx: lift_by_keyword(tx, wish))


async def told(w: World, kind: str = "suppression.") -> list[Event]:
    return [event for event in await w.store.events_after(LIVE, 0, 1000) if event.type.startswith(kind)]


async def listed(w: World, where: SuppressionFilter = ALL, view: View = LIVE) -> tuple[SuppressionRow, ...]:
    return (await w.store.suppressions.page(view, where, 50, None)).items


async def suppressed(w: World, number: str = ALICE, tenant: str = "default") -> bool:
    return await w.store.suppressions.fact(View(tenant), number) is not None


async def test_OPT_4_a_stop_cancels_what_is_queued_scheduled_and_held_in_the_same_transaction(
    w: World,
) -> None:
    queued = await w.admit()
    later = await w.admit(send_at_ms=w.now_ms + 3_600_000)
    held = await w.admit(held_reason="approval")
    other = await w.admit(to=BOB)
    assert await say(w, STOP) is True
    for message in (queued, later, held):
        stored = await w.get(message.id)
        assert stored.state.value == "cancelled"
        assert stored.error is not None
        assert stored.error.code == "recipient_opted_out"
    assert await w.state(other.id) == "queued"
    assert (await w.types(held.id))[-1] == "message.cancelled"
    counts = await w.store.counts("default")
    assert {state.value: n for state, n in counts.items() if n} == {"cancelled": 3, "queued": 1}


async def test_OPT_4_a_message_that_is_submitting_is_let_go(w: World) -> None:
    line = await w.line()
    message = await w.admit()
    attempt = await w.take(line)
    await say(w, STOP)
    assert await w.state(message.id) == "submitting"
    await w.sent(attempt)
    assert await w.state(message.id) == "sent"


async def test_OPT_4_a_message_whose_first_try_may_be_out_ends_in_doubt_instead_of_cancelled(
    w: World,
) -> None:
    line = await w.line()
    message = await w.admit()
    await w.lost(await w.take(line))
    await w.store.change(LIVE, message.id, Happening.RESEND, "key-1")
    assert await w.state(message.id) == "queued"
    await say(w, STOP)
    assert await w.state(message.id) == "in_doubt"


async def test_OPT_4_the_wish_is_kept_with_its_source_and_told_once(w: World) -> None:
    await w.admit()
    await say(w, STOP)
    assert await say(w, STOP) is False
    (row,) = await listed(w)
    assert (row.number, row.source, row.keyword, row.inbound_id, row.line) == (
        ALICE, "keyword", "stop", "in-1", "line-1",
    )  # fmt: skip
    (event,) = await told(w)
    assert event.type == "suppression.added"
    assert event.payload["id"] == row.id
    assert event.payload["number"] == ALICE
    assert event.payload["messages_stopped"] == 1


async def test_OPT_4_a_second_stop_still_cancels_what_was_let_through_meanwhile(w: World) -> None:
    await say(w, STOP)
    urgent = await w.admit(purpose="urgent", passes="opt_out")
    await say(w, STOP)
    assert await w.state(urgent.id) == "cancelled"


async def test_OPT_4_a_wish_counts_for_its_tenant_and_no_other(w: World) -> None:
    ours = await w.admit()
    theirs = await w.admit(tenant="other")
    await say(w, Wish("other", ALICE, "keyword", keyword="stop"))
    assert await suppressed(w, tenant="other")
    assert not await suppressed(w)
    assert await w.state(ours.id) == "queued"
    row = await w.store.message(View("other"), theirs.id)
    assert row.state.value == "cancelled"


async def test_PRV_2_the_subject_is_an_hmac_of_the_number_under_a_pepper_of_this_database(w: World) -> None:
    await say(w, STOP)
    (row,) = await listed(w)
    pepper = await w.store.remembered("suppression_pepper")
    assert pepper is not None
    assert len(bytes.fromhex(pepper)) == 32
    assert row.subject == hmac.new(bytes.fromhex(pepper), ALICE.encode(), hashlib.sha256).hexdigest()


async def test_PRV_2_a_number_that_was_taken_away_is_still_not_written_to(w: World) -> None:
    await say(w, by_hand("erasure"))
    with closing(sqlite3.connect(w.path)) as database, database:
        database.execute("UPDATE suppression SET number = NULL")
    assert await suppressed(w)
    assert not await suppressed(w, BOB)
    (row,) = await listed(w, SuppressionFilter(number=ALICE))
    assert row.number is None


async def test_OPT_7_start_lifts_what_a_keyword_set(w: World) -> None:
    await say(w, STOP)
    assert await start(w) is True
    assert not await suppressed(w)
    (row,) = await listed(w)
    assert row.lifted_at_ms == w.now_ms
    assert [event.type for event in await told(w)] == ["suppression.added"]


@pytest.mark.parametrize("source", ["phone", "email", "letter", "web", "person", "complaint", "erasure"])
async def test_OPT_7_start_leaves_what_a_hand_set_and_says_so(w: World, source: str) -> None:
    await say(w, by_hand(source))
    assert await start(w) is False
    assert await suppressed(w)
    assert [event.type for event in await told(w)] == ["suppression.added", "suppression.start_ignored"]
    assert (await told(w))[-1].payload["keyword"] == "start"
    assert (await told(w))[-1].payload["inbound_id"] == "in-2"


async def test_OPT_7_start_of_somebody_who_never_stopped_changes_and_tells_nothing(w: World) -> None:
    assert await start(w) is False
    await say(w, by_hand(number=BOB))
    assert await start(w) is False
    assert len(await told(w)) == 1


async def test_OPT_7_a_letter_after_a_stop_is_no_longer_lifted_by_start(w: World) -> None:
    await say(w, STOP)
    assert await say(w, by_hand("letter", note="asked twice")) is False
    assert await start(w) is False
    assert await suppressed(w)
    active = await listed(w, SuppressionFilter(active=True))
    assert [(row.source, row.note) for row in active] == [("letter", "asked twice")]
    (lifted,) = await listed(w, SuppressionFilter(active=False))
    assert (lifted.source, lifted.lift_reason) == ("keyword", "replaced by letter")
    assert len(await told(w, "suppression.added")) == 1


async def test_a_stop_after_a_letter_does_not_weaken_it(w: World) -> None:
    await say(w, by_hand("letter"))
    await say(w, STOP)
    assert [row.source for row in await listed(w)] == ["letter"]


async def test_OPT_3_a_wish_is_taken_back_by_hand_with_a_reason_and_stays_in_the_history(w: World) -> None:
    await say(w, STOP)
    (row,) = await listed(w)
    lifted = await w.store.suppressions.lift(LIVE, row.id, "key-1", "this was an answer")
    assert (lifted.lifted_by, lifted.lift_reason) == ("key-1", "this was an answer")
    w.clock.pass_s(60)
    again = await w.store.suppressions.lift(LIVE, row.id, "key-2", "once more")
    assert again == lifted
    assert not await suppressed(w)
    assert await say(w, STOP) is True
    assert len(await listed(w)) == 2


async def test_TEN_1_a_wish_of_another_tenant_is_not_there(w: World) -> None:
    await say(w, STOP)
    (row,) = await listed(w)
    other = View("other")
    assert await listed(w, view=other) == ()
    with pytest.raises(NotFound):
        await w.store.suppressions.lift(other, row.id, "key-1", "x")
    with pytest.raises(NotFound):
        await w.store.suppressions.one(other, row.id)


async def test_KEY_7_nothing_that_is_said_in_the_sandbox_touches_a_real_number(w: World) -> None:
    queued = await w.admit()
    pretended = Wish("default", ALICE, "keyword", keyword="stop", sandbox=True)
    assert await say(w, pretended) is False
    assert await w.state(queued.id) == "queued"
    assert not await suppressed(w)
    await say(w, STOP)
    assert await start(w, Wish("default", ALICE, "keyword", keyword="start", sandbox=True)) is False
    assert await suppressed(w)


async def test_KEY_7_a_sandbox_key_sees_sandbox_wishes_only(w: World) -> None:
    await say(w, STOP)
    await say(w, Wish("default", "+99900000009", "keyword", keyword="stop", sandbox=True))
    assert [row.number for row in await listed(w, view=View("default", sandbox_only=True))] == [
        "+99900000009"
    ]
    assert len(await listed(w)) == 2


async def test_KEY_7_a_sandbox_key_is_not_told_that_a_real_number_wants_no_texts(w: World) -> None:
    play = View("default", sandbox_only=True)
    await say(w, STOP)
    await say(w, Wish("default", "+99900000009", "keyword", keyword="stop", sandbox=True))
    assert await w.store.suppressions.fact(LIVE, ALICE) is not None
    assert await w.store.suppressions.fact(play, ALICE) is None
    assert await w.store.suppressions.fact(play, "+99900000009") is not None


async def test_many_wishes_are_kept_at_once_and_those_known_are_counted(w: World) -> None:
    await say(w, STOP)
    numbers = [f"+4477010{n:05d}" for n in range(300)]
    new = await w.store.suppressions.add_all([by_hand(number=number) for number in [ALICE, *numbers]])
    assert new == 300
    first = await w.store.suppressions.page(LIVE, SuppressionFilter(active=True), 200, None)
    rest = await w.store.suppressions.page(LIVE, SuppressionFilter(active=True), 200, first.next)
    assert len({row.number for row in (*first.items, *rest.items)}) == 301
    assert rest.next is None


async def test_DAT_1_notes_and_reasons_are_sealed_in_the_file(w: World) -> None:
    await say(w, by_hand(note="neighbour of the head"))
    (row,) = await listed(w)
    await w.store.suppressions.lift(LIVE, row.id, "key-1", "spoke to her daughter")
    with closing(sqlite3.connect(w.path)) as database:
        kept = repr(database.execute("SELECT * FROM suppression").fetchall())
    assert "neighbour" not in kept
    assert "daughter" not in kept
    assert (await listed(w))[0].lift_reason == "spoke to her daughter"


async def test_a_unit_that_fails_after_a_stop_leaves_everything_as_it_was(w: World) -> None:
    queued = await w.admit()

    def fails(tx: Tx) -> None:
        suppress(tx, STOP)
        raise RuntimeError("the rest of the unit failed")

    with pytest.raises(RuntimeError):
        await w.store._write(fails)
    assert await w.state(queued.id) == "queued"
    assert not await suppressed(w)
    assert await told(w) == []


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("suppression_pepper", "suppression_active"),
        ("suppression_fact", "suppression_active"),
        ("suppression_active", "suppression_active"),
        ("suppression_stops", "message_waiting_for"),
        ("consent_word", "consent_word"),
        ("consents_to_announce", "consent_announce"),
        ("contact_by_number", "contact_by_number"),
        ("contact_by_email", "contact_by_email"),
        ("members_page", "sqlite_autoindex_group_member_1"),
        ("groups_of_contact", "group_member_of"),
    ],
)
async def test_a_question_about_one_person_finds_its_rows_by_its_index(
    w: World, query: str, index: str
) -> None:
    steps = plan(w, QUERIES[query])
    assert any(index in step or "PRIMARY KEY" in step for step in steps), steps
    assert [step for step in steps if step.startswith("SCAN") and "CONSTANT ROW" not in step] == []
    assert [step for step in steps if "TEMP B-TREE" in step] == []


@pytest.mark.parametrize(
    ("pieces", "index"),
    [
        (["contacts_select"], "contact_by_tenant"),
        (["contacts_select", "where_contact_number"], "contact_by_number"),
        (["contacts_select", "where_sandbox", "where_after"], "contact_by_sandbox"),
        (["suppressions_select", "where_after"], "suppression_by_tenant"),
        (["suppressions_select", "where_suppressed_subject"], "suppression_by_subject"),
        (["consents_select", "where_after"], "consent_by_tenant"),
    ],
)
async def test_a_page_of_people_is_read_from_one_index(w: World, pieces: list[str], index: str) -> None:
    sql = " AND ".join(QUERIES[name] for name in pieces)
    steps = plan(w, f"{sql} {QUERIES['people_order']}")
    assert [step for step in steps if index in step], steps
    assert [step for step in steps if "TEMP B-TREE" in step] == []


def plan(w: World, sql: str) -> list[str]:
    values = dict.fromkeys(re.findall(r":(\w+)", sql), 1)
    with closing(sqlite3.connect(w.path)) as database:
        return [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
