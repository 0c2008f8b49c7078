"""Owns the contract of what follows from a received text in the transaction that stores it: keywords, then rules.

Runs on every store of ``conftest``; nothing is sent here, what is to be sent is only planned.
Source: W4; rules OPT-1, OPT-3, OPT-4, OPT-6, OPT-7, OPT-8; attack row 31.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any, get_args

import pytest

from device_bridge.device import InboundReceived
from gateway.ids import new_id
from gateway.message import Inbound
from gateway.policy.inbound_rules import (
    Answer,
    Converse,
    Forward,
    Ignore,
    InboundRule,
    InboundRules,
    Mail,
    Post,
    Tag,
)
from gateway.policy.keywords import Keywords, KeywordSettings
from gateway.policy.rules import Rules
from gateway.received import read_received
from gateway.store import work
from gateway.store.inbound import store_inbound
from gateway.store.inbound_actions import ANSWERS_A_DAY, FORWARDS_AN_HOUR
from gateway.store.inbound_rows import (
    ActionTaken,
    DueAction,
    Finished,
    InboundActionKind,
    InboundActionState,
    InboundLane,
    NewAction,
)
from gateway.store.people_rows import SuppressionFilter, Wish
from gateway.store.protocol import NotFound
from gateway.store.queries import QUERIES
from gateway.store.rows import LineRow, View
from gateway.store.sqlite import SqliteStore
from gateway.store.transaction import Tx
from tests.peers.spellings import STOPS
from tests.peers.store_world import ALICE, LIVE, World, deliver, world

BOB = "+447700900456"
DAY_S = 86_400

Make = Callable[..., Awaitable[World]]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Open a world whose organisation has decided something; keywords are on unless a test says otherwise."""
    async with AsyncExitStack() as stack:

        async def opened(
            *rules: InboundRule, keywords: KeywordSettings | None = None, **decided: Any
        ) -> World:
            settings = {
                "keywords": Keywords(keywords or KeywordSettings()),
                "confirm": True,
                "sender_name": "Hill School",
                "contact": "01632 960000",
                "inbound": InboundRules(rules) if rules else None,
                **decided,
            }
            return await stack.enter_async_context(
                world(tmp_path / "gateway.db", SqliteStore, rules=Rules(**settings))
            )

        yield opened


_seconds = itertools.count()


async def text(w: World, line: LineRow, words: str, sender: str = ALICE) -> Inbound:
    """Let a text arrive; each one is another, however alike they are."""
    got = await w.receive(line, deliver(words, w.now_ms + next(_seconds) * 1000, sender=sender))
    assert got is not None
    return got


async def actions(w: World, inbound: Inbound) -> list[tuple[str, str, str | None]]:
    taken: tuple[ActionTaken, ...] = await w.store.inbound_actions.of(LIVE, inbound.id)
    return [(one.kind, one.state, one.reason) for one in taken]


async def due(w: World, lane: InboundLane = "text") -> tuple[DueAction, ...]:
    return await w.store.inbound_actions.due(lane, 100)


async def suppressed(w: World, number: str = ALICE) -> bool:
    return await w.store.suppressions.fact(LIVE, number) is not None


async def told(w: World) -> list[str]:
    """List what subscribers hear of people and texts."""
    events = await w.store.events_after(LIVE, 0, 1000)
    return [event.type for event in events if event.type.startswith(("message.", "suppression."))]


# ------------------------------------------------------------------ stop


async def test_OPT_1_row_31_a_stop_in_any_spelling_and_language_stops(make: Make) -> None:
    w = await make()
    line = await w.line()
    for number, spelling in enumerate(STOPS):
        sender = f"+4477009{number:05d}"
        queued = await w.admit(to=sender)
        inbound = await text(w, line, spelling, sender)
        assert inbound.keyword == "stop", spelling
        assert inbound.text == spelling
        assert await suppressed(w, sender), spelling
        assert await w.state(queued.id) == "cancelled", spelling


@pytest.mark.parametrize("words", ["bus stop at 6", "STOP IT", "S.T.O.P.", "ok", "stop texting me"])
async def test_OPT_1_a_stop_word_counts_only_alone(make: Make, words: str) -> None:
    w = await make()
    inbound = await text(w, await w.line(), words)
    assert inbound.keyword is None
    assert not await suppressed(w)


async def test_OPT_4_everything_that_waits_for_the_number_is_cancelled_and_nothing_else(make: Make) -> None:
    w = await make()
    line = await w.line()
    queued = [await w.admit() for _ in range(20)]
    planned = await w.admit(send_at_ms=w.now_ms + DAY_S * 1000)
    held = await w.admit(held_reason="approval")
    to_bob = await w.admit(to=BOB)
    inbound = await text(w, line, "Stop")
    for message in (*queued, planned, held):
        got = await w.get(message.id)
        assert got.state.value == "cancelled"
        assert got.error is not None
        assert got.error.code == "recipient_opted_out"
    assert await w.state(to_bob.id) == "queued"
    (row,) = (await w.store.suppressions.page(LIVE, SuppressionFilter(), 10, None)).items
    assert (row.number, row.source, row.keyword, row.inbound_id, row.line) == (
        ALICE, "keyword", "STOP", inbound.id, line.id,
    )  # fmt: skip
    assert row.created_at_ms == w.now_ms
    assert "suppression.added" in await told(w)


async def test_OPT_4_row_31_what_a_line_carries_already_is_let_go(make: Make) -> None:
    w = await make()
    line = await w.line()
    for _ in range(500):
        await w.admit()
    attempt = await w.take(line)
    await text(w, line, "STOP")
    counts = {state.value: n for state, n in (await w.store.counts("default")).items() if n}
    assert counts == {"submitting": 1, "cancelled": 499}
    await w.sent(attempt)
    assert (await w.claim(line)).prepared is None


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
async def test_OPT_4_row_31_a_stop_in_two_parts_stops_when_it_is_whole(
    make: Make, order: tuple[int, int]
) -> None:
    w = await make()
    line = await w.line()
    queued = await w.admit()
    parts = {1: "ST", 2: "OP"}
    assert await w.receive(line, deliver(parts[order[0]], w.now_ms, concat=(7, 2, order[0]))) is None
    assert await w.state(queued.id) == "queued"
    whole = await w.receive(line, deliver(parts[order[1]], w.now_ms, concat=(7, 2, order[1])))
    assert whole is not None
    assert whole.keyword == "stop"
    assert await w.state(queued.id) == "cancelled"


async def test_OPT_4_half_a_text_that_reads_stop_is_none(make: Make) -> None:
    w = await make()
    line = await w.line()
    await w.receive(line, deliver("STOP", w.now_ms, concat=(7, 2, 1)))
    w.clock.pass_s(DAY_S + 60)
    await w.store.tick()
    (shown,) = (await w.store.inbounds(LIVE, 10, None)).items
    assert (shown.complete, shown.keyword) == (False, None)
    assert not await suppressed(w)


async def test_OPT_4_a_stop_without_the_country_code_is_of_the_lines_country(make: Make) -> None:
    w = await make()
    line = await w.line()
    with closing(sqlite3.connect(w.path)) as database, database:
        database.execute("UPDATE line SET imsi = '234150000000001'")
    queued = await w.admit()
    await text(w, line, "STOP", "07700900123")
    assert await w.state(queued.id) == "cancelled"


@pytest.mark.parametrize("written", ["07700900123", "00447700900123", "447700900123"])
@pytest.mark.parametrize("known_by", ["its card", "its number", "the organisation"])
async def test_OPT_4_a_stop_without_plus_and_country_code_stops_where_the_sim_hides_its_imsi(
    make: Make, written: str, known_by: str
) -> None:
    w = await make(region="GB" if known_by == "the organisation" else None)
    line = await w.line()
    card = "8944110068000000001" if known_by == "its card" else None
    number = "+447700900999" if known_by == "its number" else None
    with closing(sqlite3.connect(w.path)) as database, database:
        database.execute("UPDATE line SET imsi = NULL, iccid = ?, number = ?", (card, number))
    queued = await w.admit()
    inbound = await text(w, line, "STOP", written)
    assert await w.state(queued.id) == "cancelled"
    assert await actions(w, inbound) == [("confirm", "pending", None)]
    (action,) = await due(w)
    assert action.sender.known_as == ALICE


async def test_OPT_4_a_stop_its_cancellations_and_its_confirmation_are_one_transaction(make: Make) -> None:
    w = await make()
    line = await w.line()
    queued = await w.admit()
    received = InboundReceived(new_id(), line.key, deliver("STOP", w.now_ms), w.now_ms)

    def fails(tx: Tx) -> None:
        store_inbound(tx, read_received(line.id, received))
        raise RuntimeError("the machine stops here")

    with pytest.raises(RuntimeError):
        await w.store._write(fails)
    assert (await w.store.inbounds(LIVE, 10, None)).items == ()
    assert await w.state(queued.id) == "queued"
    assert not await suppressed(w)
    assert await due(w) == ()
    assert await told(w) == ["message.queued"]


async def test_KEY_7_a_stop_that_was_made_up_in_the_sandbox_stops_nobody_real(make: Make) -> None:
    w = await make()
    emulated = await w.line(emulated=True)
    queued = await w.admit()
    inbound = await text(w, emulated, "STOP")
    assert inbound.keyword == "stop"
    assert await w.state(queued.id) == "queued"
    assert await actions(w, inbound) == [("confirm", "skipped", "sandbox_only")]


# ------------------------------------------------------------------ what is a keyword to whom


async def test_OPT_3_row_31_cancel_on_a_clinics_line_is_an_answer(make: Make) -> None:
    w = await make(keywords=KeywordSettings(preset="appointments"))
    line = await w.line()
    queued = await w.admit()
    inbound = await text(w, line, "CANCEL")
    assert inbound.keyword is None
    assert await w.state(queued.id) == "queued"
    assert await told(w) == ["message.queued", "message.received"]
    assert (await text(w, line, "STOP")).keyword == "stop"


async def test_OPT_3_yes_is_a_start_only_for_somebody_whom_a_keyword_stopped(make: Make) -> None:
    w = await make(keywords=KeywordSettings(add_start=("YES",)))
    line = await w.line()
    assert (await text(w, line, "Yes")).keyword is None
    await w.store.suppressions.add(Wish("default", BOB, "letter"))
    assert (await text(w, line, "yes!", BOB)).keyword is None
    await text(w, line, "STOP")
    assert (await text(w, line, "yes")).keyword == "start"
    assert not await suppressed(w)
    assert (await text(w, line, "yes")).keyword is None


async def test_OPT_7_start_lifts_what_a_keyword_set(make: Make) -> None:
    w = await make()
    line = await w.line()
    await text(w, line, "STOP")
    assert await suppressed(w)
    back = await text(w, line, "unstop")
    assert back.keyword == "start"
    assert not await suppressed(w)
    assert await actions(w, back) == [("confirm", "pending", None)]


@pytest.mark.parametrize("source", ["letter", "complaint", "erasure"])
async def test_OPT_7_start_leaves_what_a_hand_set_says_so_and_promises_nothing(
    make: Make, source: Any
) -> None:
    w = await make()
    line = await w.line()
    await w.store.suppressions.add(Wish("default", ALICE, source))
    back = await text(w, line, "START")
    assert back.keyword == "start"
    assert await suppressed(w)
    assert await actions(w, back) == []
    assert (await told(w))[-1] == "suppression.start_ignored"


async def test_OPT_8_what_sounds_like_a_stop_is_told_and_not_guessed(make: Make) -> None:
    w = await make()
    line = await w.line()
    queued = await w.admit()
    inbound = await text(w, line, "please stop texting me")
    assert inbound.keyword is None
    assert await w.state(queued.id) == "queued"
    assert not await suppressed(w)
    event = (await w.store.events_after(LIVE, 0, 100))[-1]
    assert event.type == "suppression.suspected"
    assert event.payload["inbound_id"] == inbound.id
    assert (event.payload["number"], event.payload["line"]) == (ALICE, line.id)
    assert "texting" not in str(event.payload)


async def test_OPT_8_what_sounds_like_a_stop_is_a_task_until_a_person_has_decided(make: Make) -> None:
    w = await make()
    line = await w.line()
    first = await text(w, line, "please stop texting me")
    second = await text(w, line, "remove me from this list")
    room = w.store.suppressions
    assert [(one.inbound_id, one.text) for one in await room.suspected(LIVE, 10)] == [
        (second.id, "remove me from this list"),
        (first.id, "please stop texting me"),
    ]
    await room.settle(LIVE, second.id, "key:boss")
    assert [one.inbound_id for one in await room.suspected(LIVE, 10)] == [first.id]
    for viewer in (LIVE, View("other"), View("default", sandbox_only=True)):
        with pytest.raises(NotFound):
            await room.settle(viewer, second.id if viewer is LIVE else first.id, "key:boss")
    await room.add(Wish("default", ALICE, "phone", "key:boss"))
    assert await room.suspected(LIVE, 10) == ()
    assert await room.suspected(View("other"), 10) == ()


async def test_OPT_8_somebody_who_is_stopped_already_is_no_task(make: Make) -> None:
    w = await make()
    line = await w.line()
    await text(w, line, "STOP")
    await text(w, line, "stop texting me")
    assert "suppression.suspected" not in await told(w)


async def test_OPT_8_with_suppress_it_acts_as_a_stop_and_is_told_as_well(make: Make) -> None:
    w = await make(suspected="suppress")
    line = await w.line()
    queued = await w.admit()
    inbound = await text(w, line, "stop texting me")
    assert inbound.keyword == "stop"
    assert await w.state(queued.id) == "cancelled"
    assert {"suppression.suspected", "suppression.added"} < set(await told(w))
    assert await actions(w, inbound) == [("confirm", "pending", None)]
    await text(w, line, "START")
    assert not await suppressed(w)


# ------------------------------------------------------------------ answers


async def test_OPT_6_a_stop_is_confirmed_from_its_line_in_its_language_within_five_minutes(
    make: Make,
) -> None:
    w = await make()
    line = await w.line()
    inbound = await text(w, line, "Arrêt")
    (planned,) = await due(w)
    assert planned.kind == "confirm"
    assert planned.detail is not None
    assert planned.detail.text == (
        "Hill School: Vous ne recevrez plus de messages. Pour revenir, répondez START."
    )
    assert planned.inbound.line == line.id
    assert planned.inbound.id == inbound.id
    assert planned.until_ms == w.now_ms + 300_000


async def test_OPT_6_help_names_the_sender_how_to_reach_them_and_stop_also_to_the_suppressed(
    make: Make,
) -> None:
    w = await make()
    line = await w.line()
    await text(w, line, "STOP")
    inbound = await text(w, line, "HELP")
    assert inbound.keyword == "help"
    planned = (await due(w))[-1]
    assert planned.detail is not None
    assert planned.detail.text == "Hill School, 01632 960000: To get no more messages, reply STOP."
    assert await suppressed(w)


async def test_OPT_6_a_line_names_itself_where_the_organisation_has_no_name(make: Make) -> None:
    w = await make(sender_name="")
    line = await w.line(label="Office")
    await text(w, line, "STOP")
    (planned,) = await due(w)
    assert planned.detail is not None
    assert (planned.detail.text or "").startswith("Office: ")


async def test_OPT_6_nothing_is_confirmed_when_it_is_switched_off(make: Make) -> None:
    w = await make(confirm=False)
    inbound = await text(w, await w.line(), "STOP")
    assert await suppressed(w)
    assert await actions(w, inbound) == []


async def test_OPT_6_row_31_a_storm_of_stops_is_confirmed_once_in_a_day(make: Make) -> None:
    w = await make()
    line = await w.line()
    storm = [await text(w, line, "STOP") for _ in range(50)]
    states = [(await actions(w, one))[0][1] for one in storm]
    assert states == ["pending", *["skipped"] * 49]
    w.clock.pass_s(DAY_S + 1)
    assert await actions(w, await text(w, line, "STOP")) == [("confirm", "pending", None)]


async def test_OPT_6_a_sender_who_had_three_answers_in_a_day_gets_no_more_of_any_kind(make: Make) -> None:
    w = await make(InboundRule("any", (Answer("We read this on Mondays."),)))
    line = await w.line()
    await text(w, line, "hello")
    await text(w, line, "HELP")
    await text(w, line, "hello again")
    assert len(await due(w)) == ANSWERS_A_DAY == 3
    assert await actions(w, await text(w, line, "STOP")) == [("confirm", "skipped", "limit")]
    assert await suppressed(w)
    assert await actions(w, await text(w, line, "hello", BOB)) == [("answer", "pending", None)]
    w.clock.pass_s(DAY_S + 1)
    assert await actions(w, await text(w, line, "hello")) == [("answer", "pending", None)]


async def test_OPT_6_an_answer_that_never_went_counts_as_none(make: Make) -> None:
    w = await make()
    line = await w.line()
    await text(w, line, "STOP")
    (planned,) = await due(w)
    await w.store.inbound_actions.finish(planned, Finished("failed", "too_late"))
    assert await actions(w, await text(w, line, "STOP")) == [("confirm", "pending", None)]


@pytest.mark.parametrize("sender", ["60777", "12345678"])
async def test_OPT_6_a_short_code_is_never_answered(make: Make, sender: str) -> None:
    w = await make(InboundRule("any", (Answer("hello"),)))
    line = await w.line()
    stopped = await text(w, line, "STOP", sender)
    assert stopped.keyword == "stop"
    assert await actions(w, stopped) == [("confirm", "skipped", "not_answerable")]
    assert await actions(w, await text(w, line, "hi", sender)) == [("answer", "skipped", "not_answerable")]
    assert await due(w) == ()


async def test_OPT_6_a_name_is_never_answered_and_nobody_to_suppress(make: Make) -> None:
    w = await make(InboundRule("any", (Answer("hello"),)))
    line = await w.line()
    for words in ("STOP", "your parcel"):
        got = await w.receive(line, alphanumeric(words, w.now_ms + next(_seconds) * 1000))
        assert got is not None
        assert got.sender == "AMAZON"
    assert await due(w) == ()
    assert (await w.store.suppressions.page(LIVE, SuppressionFilter(), 10, None)).items == ()


def alphanumeric(words: str, at_ms: int) -> bytes:
    """A DELIVER from "AMAZON": TP-OA of type 101, seven-bit; written out as 23.040 §9.1.2.5 says."""
    plain = deliver(words, at_ms, sender="+447700900123")
    packed = sum(ord(character) << (7 * place) for place, character in enumerate("AMAZON"))
    # 11 semi-octets; the address of ``plain`` takes 2 + 6 octets after the first.
    return plain[:1] + bytes((11, 0xD0)) + packed.to_bytes(6, "little") + plain[1 + 2 + 6 :]


async def test_OPT_6_a_second_stop_does_not_cancel_the_confirmation_that_is_queued(make: Make) -> None:
    w = await make()
    line = await w.line()
    await text(w, line, "STOP")
    confirmation = await w.admit(passes="reply", route=f"line:{line.id}", line=line.id, pool=None)
    await text(w, line, "STOP")
    assert await w.state(confirmation.id) == "queued"


async def test_OPT_6_who_changes_their_mind_is_not_told_what_was_true_before(make: Make) -> None:
    w = await make()
    line = await w.line()
    stop = await text(w, line, "STOP")
    start = await text(w, line, "START")
    assert await actions(w, stop) == [("confirm", "skipped", "superseded")]
    assert await actions(w, start) == [("confirm", "pending", None)]


async def test_OPT_6_somebody_who_also_wrote_a_letter_is_not_told_that_start_lets_them_return(
    make: Make,
) -> None:
    w = await make()
    await w.store.suppressions.add(Wish("default", ALICE, "letter"))
    assert await actions(w, await text(w, await w.line(), "STOP")) == []


# ------------------------------------------------------------------ rules


async def test_keywords_come_before_rules_and_no_rule_hides_or_answers_them(make: Make) -> None:
    w = await make(
        InboundRule("block", (Ignore(), Tag("kind", "junk")), sender="+4477*", go_on=True),
        InboundRule("bot", (Post("http://192.0.2.1/bot", reply=True), Answer("hello"))),
    )
    line = await w.line()
    stop = await text(w, line, "STOP")
    assert (stop.keyword, stop.ignored, stop.tags) == ("stop", False, {"kind": "junk"})
    assert await suppressed(w)
    assert await actions(w, stop) == [("confirm", "pending", None), ("webhook", "pending", None)]
    (asked,) = await due(w, "webhook")
    assert asked.detail is not None
    assert asked.detail.reply is False
    plain = await text(w, line, "hi", BOB)
    assert (plain.ignored, plain.tags) == (True, {"kind": "junk"})


async def test_an_ignored_text_is_kept_and_marked_and_told_to_nobody(make: Make) -> None:
    w = await make(InboundRule("block", (Ignore(),), sender=ALICE))
    line = await w.line()
    ignored = await text(w, line, "buy this")
    await text(w, line, "hello", BOB)
    events = [e for e in await w.store.events_after(LIVE, 0, 100) if e.type == "message.received"]
    assert [e.payload["from"] for e in events] == [BOB]
    shown = await w.store.inbound(LIVE, ignored.id)
    assert (shown.text, shown.ignored) == ("buy this", True)


async def test_a_text_is_forwarded_once_and_never_when_it_may_be_one_that_comes_back(make: Make) -> None:
    w = await make(InboundRule("on", (Forward(BOB),)))
    a, b = await w.line("a"), await w.line("bb")
    assert await actions(w, await text(w, a, "hello")) == [("forward", "pending", None)]
    assert await actions(w, await text(w, a, "hello", BOB)) == [("forward", "skipped", "loop")]
    assert b.number is not None
    assert await actions(w, await text(w, a, "hello", b.number)) == [("forward", "skipped", "own_line")]


async def test_a_chain_of_forwarding_by_other_peoples_phones_ends(make: Make) -> None:
    w = await make(InboundRule("on", (Forward(BOB),)))
    line = await w.line()
    came = [await text(w, line, f"round {n}") for n in range(FORWARDS_AN_HOUR + 3)]
    states = [(await actions(w, one))[0][1:] for one in came]
    assert states.count(("pending", None)) == FORWARDS_AN_HOUR
    assert states[-3:] == [("skipped", "limit")] * 3
    w.clock.pass_s(3601)
    assert await actions(w, await text(w, line, "later")) == [("forward", "pending", None)]


async def test_our_own_lines_are_never_answered(make: Make) -> None:
    w = await make(InboundRule("any", (Answer("hello"),)))
    a, b = await w.line("a"), await w.line("bb")
    assert b.number is not None
    assert await actions(w, await text(w, a, "hi", b.number)) == [("answer", "skipped", "own_line")]
    assert await actions(w, await text(w, a, "STOP", b.number)) == [("confirm", "skipped", "own_line")]


async def test_an_answer_repeats_what_it_may_of_the_text(make: Make) -> None:
    w = await make(InboundRule("echo", (Answer("{line} got {text} from {from}."),)))
    line = await w.line(label="Shop")
    await text(w, line, "two\x07 {from} tickets")
    (planned,) = await due(w)
    assert planned.detail is not None
    assert planned.detail.text == f"Shop got two {{from}} tickets from {ALICE}."


async def test_an_answer_repeats_no_more_of_a_long_text_than_a_placeholder_takes(make: Make) -> None:
    w = await make(InboundRule("echo", (Answer("{text}"),)))
    line = await w.line()
    for number in range(1, 9):
        await w.receive(line, deliver("x" * 60, w.now_ms, concat=(3, 8, number)))
    (planned,) = await due(w)
    assert planned.detail is not None
    assert planned.detail.text == "x" * 300


async def test_a_rule_keeps_a_person_on_the_line_that_got_the_text_though_nothing_is_sticky(
    make: Make,
) -> None:
    w = await make(InboundRule("keep", (Converse(),), keyword="chat"))
    a, _b = await w.line("a"), await w.line("bb")
    await text(w, a, "hello", BOB)
    await text(w, a, "chat please")
    kept, free = await w.admit(), await w.admit(to=BOB)
    assert kept.route == "pool:default"
    with closing(sqlite3.connect(w.path)) as database:
        routes = dict(database.execute("SELECT id, route FROM message").fetchall())
    assert routes[kept.id] == f"line:{a.id}"
    assert routes[free.id] == "pool:default"


async def test_with_sticky_senders_an_answer_stays_on_the_line_that_was_written_to(make: Make) -> None:
    w = await make(sticky_s=60)
    await w.line("a")
    b = await w.line("bb")
    await text(w, b, "hello")
    message = await w.admit()
    with closing(sqlite3.connect(w.path)) as database:
        (route,) = database.execute("SELECT route FROM message WHERE id = ?", (message.id,)).fetchone()
    assert route == f"line:{b.id}"


# ------------------------------------------------------------------ the work itself


async def test_the_end_of_work_is_written_once(make: Make) -> None:
    w = await make(InboundRule("post", (Post("http://192.0.2.1/"), Mail("a@example.org"))))
    await text(w, await w.line(), "hello")
    (letter,) = await due(w, "email")
    room = w.store.inbound_actions
    assert await room.begin(letter) is True
    assert await room.begin(letter) is False
    assert await room.recover() == 1
    await room.finish(letter, Finished("done"))
    assert (await actions(w, letter.inbound))[1] == ("email", "failed", "in_doubt")
    (asked,) = await due(w, "webhook")
    await room.later(asked, "http_503", w.now_ms + 5_000)
    assert await due(w, "webhook") == ()
    assert await room.next_at_ms("webhook") == w.now_ms + 5_000
    w.clock.pass_s(5)
    assert [one.attempts for one in await due(w, "webhook")] == [1]


async def test_a_reply_is_planned_with_the_end_of_its_request_and_only_once(make: Make) -> None:
    w = await make(InboundRule("bot", (Post("http://192.0.2.1/", reply=True),)))
    inbound = await text(w, await w.line(), "hello")
    (asked,) = await due(w, "webhook")
    for _ in range(2):
        assert asked.detail is not None
        answer = NewAction("answer", asked.detail, w.now_ms + 1000, "bot")
        await w.store.inbound_actions.replied(asked, answer)
    assert await actions(w, inbound) == [("webhook", "done", None), ("answer", "pending", None)]


async def test_a_restored_backup_answers_nobody(make: Make) -> None:
    w = await make()
    inbound = await text(w, await w.line(), "STOP")
    await w.store._write(work.hold_restored)
    assert await due(w) == ()
    assert await actions(w, inbound) == [("confirm", "skipped", "restored")]


async def test_a_clock_that_steps_makes_no_answer_late(make: Make) -> None:
    w = await make()
    await text(w, await w.line(), "STOP")
    w.clock.wall_ms += 3_600_000
    await w.store.step_clock(3_600_000, 0)
    (planned,) = await due(w)
    assert planned.until_ms == w.now_ms + 300_000


async def test_DAT_1_words_and_addresses_of_work_are_sealed_in_the_file(make: Make) -> None:
    w = await make(InboundRule("on", (Forward(BOB), Mail("head@example.org"), Answer("Say: {text}"))))
    await text(w, await w.line(), "the safe is open")
    with closing(sqlite3.connect(w.path)) as database:
        kept = repr(database.execute("SELECT * FROM inbound_action").fetchall())
    for word in ("safe", "head@", BOB):
        assert word not in kept


async def test_words_that_were_changed_in_the_file_lead_to_nothing(make: Make) -> None:
    w = await make()
    await text(w, await w.line(), "STOP")
    with closing(sqlite3.connect(w.path)) as database, database:
        cut = "substr(CAST(detail AS BLOB), 1, length(detail) - 1)"
        database.execute(f"UPDATE inbound_action SET detail = {cut}")
    (planned,) = await due(w)
    assert planned.detail is None


async def test_what_is_over_is_forgotten_after_three_months(make: Make) -> None:
    w = await make(confirm=False, inbound=InboundRules([InboundRule("any", (Answer("hello"),))]))
    inbound = await text(w, await w.line(), "hi", "60777")
    w.clock.pass_s(91 * DAY_S)
    await w.store.prune()
    assert await actions(w, inbound) == []


async def test_the_values_of_work_are_those_that_the_schema_takes(make: Make) -> None:
    w = await make()
    with closing(sqlite3.connect(w.path)) as database:
        (schema,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'inbound_action'").fetchone()
    for column, values in (
        ("lane", InboundLane), ("kind", InboundActionKind), ("state", InboundActionState),
    ):  # fmt: skip
        found = re.search(rf"CHECK \({column} IN \(([^)]*)\)\)", schema)
        assert found is not None
        assert set(re.findall(r"'(\w+)'", found[1])) == set(get_args(values))


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("inbound_answers_given", "inbound_action_of_sender"),
        ("inbound_forwards_made", "inbound_action_of_sender"),
        ("line_with_number", "line_by_number"),
        ("inbound_actions_due", "inbound_action_due"),
        ("inbound_action_next", "inbound_action_due"),
        ("inbound_actions_of", "inbound_action_of"),
        ("inbound_actions_left_sending", "inbound_action_sending"),
        ("inbound_actions_prune", "inbound_action_finished"),
    ],
)
async def test_questions_about_work_find_their_rows_by_an_index(make: Make, query: str, index: str) -> None:
    w = await make()
    sql = QUERIES[query]
    values = dict.fromkeys(re.findall(r":(\w+)", sql), 1)
    with closing(sqlite3.connect(w.path)) as database:
        steps = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert any(index in step for step in steps), steps
