"""Owns the contract of a line's text to itself when it comes in: it is known again, and asks for nothing.

Source: the notes on what people see, */lines/{id}* (self-test); rules OPT-1 (keywords), W4.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.policy.inbound_rules import Answer, InboundRule, InboundRules
from gateway.policy.rules import Rules
from gateway.policy.self_test import TAG, code_in, new_code, text_with
from gateway.store.hardware_history import SelfTest, StepSeen
from gateway.store.rows import LineRow
from gateway.store.sqlite import SqliteStore
from tests.peers.store_world import ALICE, LIVE, World, deliver, world

EVERYTHING = InboundRule("answers all", (Answer(text="Thank you"),))


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[World]:
    """A world with a rule that answers every text."""
    rules = Rules(inbound=InboundRules((EVERYTHING,)))
    async with world(tmp_path / "gateway.db", SqliteStore, rules=rules) as one:
        yield one


async def texts_itself(w: World, line: LineRow, code: str, *, to: str | None = None) -> None:
    await w.admit(
        to=to or line.number, text=text_with(code), line=line.id, route=f"line:{line.id}", tags={TAG: code}
    )
    await w.all_sent(await w.take(line))


async def test_the_text_is_known_again_is_read_already_and_no_rule_acts_on_it(w: World) -> None:
    line, code = await w.line(), new_code()
    await texts_itself(w, line, code)
    assert not await w.store.hardware_history.came_in(line.tenant, line.id, code)
    got = await w.receive(line, deliver(text_with(code), w.now_ms, sender=line.number or ""))
    assert got is not None
    assert (got.ignored, got.tags, got.keyword) == (True, {TAG: code}, None)
    assert await w.store.hardware_history.came_in(line.tenant, line.id, code)
    assert await w.store.inbound_actions.of(LIVE, got.id) == ()
    assert await w.store.conversations.unread(LIVE) == 0
    assert [event.type for event in await w.events() if event.type == "message.received"] == []


async def test_the_network_may_write_the_number_otherwise(w: World) -> None:
    line, code = await w.line(), new_code()
    await texts_itself(w, line, code)
    got = await w.receive(line, deliver(f"{text_with(code)}\n", w.now_ms, sender="07700900001"))
    assert got is not None
    assert got.ignored


async def test_the_same_words_without_such_a_test_are_a_text_like_any_other(w: World) -> None:
    line, other, code = await w.line(), await w.line("bb"), new_code()
    await texts_itself(w, other, code)  # of another line
    await texts_itself(w, line, new_code())  # with another code
    await texts_itself(w, line, code, to=ALICE)  # not to itself, whatever its tags say
    got = await w.receive(line, deliver(text_with(code), w.now_ms))
    assert got is not None
    assert not got.ignored
    assert len(await w.store.inbound_actions.of(LIVE, got.id)) == 1
    assert await w.store.conversations.unread(LIVE) == 1


async def test_a_day_later_nobody_looks_for_it(w: World) -> None:
    line, code = await w.line(), new_code()
    await w.admit(
        id="00000000-0000-7000-8000-000000000000", to=line.number, text=text_with(code), line=line.id,
        route=f"line:{line.id}", tags={TAG: code},
    )  # fmt: skip
    await w.all_sent(await w.take(line))
    got = await w.receive(line, deliver(text_with(code), w.now_ms))
    assert got is not None
    assert not got.ignored


async def test_steps_are_kept_with_their_seconds_and_those_of_older_versions_without(w: World) -> None:
    line = await w.line()
    steps = (StepSeen("network", True, "registered"), StepSeen("sent", True, "taken", 1.5))
    await w.store.hardware_history.add_self_test(line.tenant, line.id, SelfTest(steps, 1500, w.now_ms))
    (kept,) = await w.store.hardware_history.self_tests(line.tenant, line.id)
    assert kept.steps == steps


@pytest.mark.parametrize(
    "words",
    ["", "STOP", text_with("ABCDEFG"), text_with("ABCDEFGH") + " STOP", "x" + text_with("ABCDEFGH"),
     text_with("abcdefgh"), text_with("ABCDEFG1")],
)  # fmt: skip
def test_only_the_whole_text_as_it_was_written_carries_a_code(words: str) -> None:
    assert code_in(words) is None


def test_the_text_fits_one_part_and_gives_its_code_back() -> None:
    code = new_code()
    assert code_in(text_with(code)) == code
    assert len(text_with(code)) <= 160
    assert text_with(code).isascii()
