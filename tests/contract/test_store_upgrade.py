"""Owns the contract of an upgrade: what an older release left waiting is found and sent by this one, within its limits.

The database was made by the release that knew no lanes and no ledger; nothing of it is written by this code.
Source: W1, W2; *Store* of the architecture notes (migrations).
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.lifecycle import Happening
from gateway.message import MessageState
from gateway.store.rows import LineRow, MessageFilter, Pace
from tests.peers.store_world import LIVE, HandClock, World, world

LEFT_MS = 1_795_086_430_000
"""When the older release wrote its last row."""
NODE = "node"
READY = {"ready-key-0", "ready-key-5", "ready-other-0"}


@pytest.fixture
async def upgraded(tmp_path: Path) -> AsyncIterator[World]:
    """A store that opens what the older release left, a second later."""
    path = tmp_path / "gateway.db"
    script = Path(__file__).parent / "databases" / "0002_phones.sql"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(script.read_text())
    async with world(path, clock=HandClock(LEFT_MS + 1000)) as w:
        await w.store.recover(NODE)
        yield w


async def line_of(w: World, label: str) -> LineRow:
    """Find a line of the older release by its SIM."""
    return next(line for line in await w.store.known_lines("default") if line.iccid == f"iccid-{label}")


async def sent_by(w: World, line: LineRow, pace: Pace | None = None) -> set[str | None]:
    """Let a line carry all that it finds; returns the references."""
    await w.store.tick()
    found: set[str | None] = set()
    while (claimed := await w.claim(line, pace=pace)).prepared is not None:
        await w.all_sent(claimed.prepared)
        assert claimed.prepared.work.message.reference not in found
        found.add(claimed.prepared.work.message.reference)
    return found


async def test_W1_all_that_an_older_release_left_in_the_queue_is_found_and_sent(upgraded: World) -> None:
    w = upgraded
    a, b = await line_of(w, "a"), await line_of(w, "bb")
    assert await sent_by(w, a) == READY | {"pinned-ready"}
    assert await sent_by(w, b) == {"line"}
    # What failed waits for its next try, what is in doubt and may go again waits 20 seconds.
    w.clock.pass_s(100)
    assert await sent_by(w, a) == {"doubt", "retry", "pinned-waiting"}
    w.clock.pass_s(660)
    assert await sent_by(w, b) == {"later"}
    left = await w.store.counts("default")
    assert left.get(MessageState.QUEUED) == 1, "one of the sandbox, which has no line here"
    messages = (await w.store.messages(LIVE, MessageFilter(), 50, None)).items
    for message in messages:
        if message.state is MessageState.HELD:
            await w.store.change(LIVE, message.id, Happening.APPROVE, "head")
        elif message.state is MessageState.IN_DOUBT:
            await w.store.change(LIVE, message.id, Happening.RESEND, "head")
    assert await sent_by(w, a) | await sent_by(w, b) == {"held", "doubt-held", "submitting"}


async def test_what_was_pinned_to_a_line_goes_home_after_its_time(upgraded: World) -> None:
    w = upgraded
    b = await line_of(w, "bb")
    assert await sent_by(w, b) == READY | {"line"}
    w.clock.pass_s(660)
    assert await sent_by(w, b) == {"doubt", "retry", "later", "pinned-waiting", "pinned-ready"}


async def test_PMP_3_what_lines_had_used_before_still_counts(upgraded: World) -> None:
    w = upgraded
    a = await line_of(w, "a")
    used = (await w.store.lines(LIVE))[0].use
    assert (used.minute, used.day) == (11, 11)
    assert await sent_by(w, a, Pace(per_minute=11)) == set()
    w.clock.pass_s(31)
    assert len(await sent_by(w, a, Pace(per_minute=11))) == 1
    assert await sent_by(w, a, Pace(per_day=12)) == set()
