"""Owns the proof of the group commit under fault: exactly the right units succeed, and the file holds exactly those.

Real SQLite; faults come through the store's ``connect`` parameter or from the file system.
Source: W1, W4; https://www.sqlite.org/lang_transaction.html §3.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.store.protocol import QueueFull, StoreUnavailable
from gateway.store.rows import MessageFilter, WebhookRow
from tests.peers.store_world import LIVE, World, world

ANY = MessageFilter()


def ids_in(path: Path) -> set[str]:
    """Read what a reopened database holds, without the store."""
    with closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM message")}


def orphans_in(path: Path) -> int:
    """Messages without their first event, or counted wrongly (W4)."""
    with closing(sqlite3.connect(path)) as connection:
        without = "SELECT count(*) FROM message WHERE id NOT IN (SELECT subject FROM event WHERE subject IS NOT NULL)"
        counted = "SELECT coalesce((SELECT sum(n) FROM state_count), 0) - (SELECT count(*) FROM message)"
        return sum(connection.execute(sql).fetchone()[0] for sql in (without, counted))


async def burst(w: World, count: int, **changes: Any) -> tuple[set[str], list[BaseException]]:
    """Admit at once; returns the ids that were promised and the refusals."""
    new = [w.new(**changes) for _ in range(count)]
    answers = await asyncio.gather(*(w.store.admit(n, None) for n in new), return_exceptions=True)
    promised = {n.id for n, a in zip(new, answers, strict=True) if not isinstance(a, BaseException)}
    return promised, [a for a in answers if isinstance(a, BaseException)]


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path / "gateway.db") as opened:
        yield opened


async def test_one_bad_unit_among_hundreds_fails_alone(w: World) -> None:
    twice = w.new()
    await w.store.admit(twice, None)
    new = [w.new() for _ in range(300)]
    new[137] = replace(new[137], id=twice.id)
    answers = await asyncio.gather(*(w.store.admit(n, None) for n in new), return_exceptions=True)
    assert [i for i, a in enumerate(answers) if isinstance(a, BaseException)] == [137]
    assert ids_in(w.path) == {n.id for n in new}
    assert orphans_in(w.path) == 0


class Refusing(sqlite3.Connection):
    """A connection whose COMMIT is refused as often as ``refuse`` says."""

    refuse = 0
    lock = threading.Lock()

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and threading.current_thread().name == "store-writer":
            with Refusing.lock:
                if Refusing.refuse:
                    Refusing.refuse -= 1
                    raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *args)


def connect_with(factory: type[sqlite3.Connection]) -> Any:
    def connect(uri: str) -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, factory=factory)

    return connect


class Counting(sqlite3.Connection):
    """A connection that counts the commits of the writer."""

    commits = 0

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and threading.current_thread().name == "store-writer":
            Counting.commits += 1
        return super().execute(sql, *args)


async def test_a_burst_shares_few_commits(tmp_path: Path) -> None:
    async with world(tmp_path / "gateway.db", connect=connect_with(Counting)) as w:
        await w.store.ping()
        before = Counting.commits
        promised, _ = await burst(w, 300)
        assert len(promised) == 300
        assert Counting.commits - before <= 3


async def test_a_refused_commit_fails_its_whole_group_and_the_next_one_succeeds(tmp_path: Path) -> None:
    async with world(tmp_path / "gateway.db", connect=connect_with(Refusing)) as w:
        kept, _ = await burst(w, 10)
        Refusing.refuse = 1
        promised, refused = await burst(w, 50)
        assert promised == set()
        assert len(refused) == 50
        assert all(isinstance(error, StoreUnavailable) for error in refused)
        healed, refused = await burst(w, 50)
        assert refused == []
    assert ids_in(tmp_path / "gateway.db") == kept | healed
    assert orphans_in(tmp_path / "gateway.db") == 0


async def test_what_a_refused_commit_took_back_can_be_claimed_again(tmp_path: Path) -> None:
    async with world(tmp_path / "gateway.db", connect=connect_with(Refusing)) as w:
        a = await w.line("a")
        message = await w.admit()
        Refusing.refuse = 1
        with pytest.raises(StoreUnavailable):
            await w.claim(a)
        assert await w.state(message.id) == "queued"
        assert (await w.take(a)).work.message.id == message.id


async def test_on_a_full_disk_what_was_promised_is_there_and_nothing_else(tmp_path: Path) -> None:
    limit: list[int] = []

    def connect(uri: str) -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        if limit:
            connection.execute(f"PRAGMA max_page_count = {limit[0]}")
        return connection

    path = tmp_path / "gateway.db"
    async with world(path, connect=connect) as w:
        before, _ = await burst(w, 5)
        with closing(sqlite3.connect(path)) as connection:
            limit.append(connection.execute("PRAGMA page_count").fetchone()[0] + 60)
    async with world(path, connect=connect) as w:
        promised: set[str] = set()
        refusals: list[BaseException] = []
        for _ in range(6):
            some, refused = await burst(w, 40, text="x" * 150)
            promised |= some
            refusals += refused
        assert promised
        assert refusals
        assert all(isinstance(error, StoreUnavailable) for error in refusals)
        assert (await w.store.messages(LIVE, ANY, 1, None)).items  # reading goes on
        assert ids_in(path) == before | promised
        assert orphans_in(path) == 0
    limit[0] = 1_000_000
    async with world(path, connect=connect) as w:
        _, refused = await burst(w, 10)
        assert refused == []


async def test_a_caller_that_is_cancelled_does_not_withdraw_its_unit(w: World) -> None:
    new = [w.new() for _ in range(20)]
    tasks = [asyncio.create_task(w.store.admit(n, None)) for n in new]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(a, asyncio.CancelledError) for a in answers) == 10
    await w.store.ping()
    assert ids_in(w.path) == {n.id for n in new}


async def test_with_the_file_away_nothing_is_promised_and_back_in_its_place_it_heals(w: World) -> None:
    kept, _ = await burst(w, 5)
    away = w.path.with_name("away.db")
    side_files = [w.path.with_name(w.path.name + end) for end in ("-wal", "-shm")]
    w.path.rename(away)
    for file in side_files:
        file.rename(away.with_name(file.name.replace("gateway", "away")))
    promised, refused = await burst(w, 5)
    assert promised == set()
    assert all(isinstance(error, StoreUnavailable) for error in refused)
    with pytest.raises(StoreUnavailable):
        await w.store.messages(LIVE, ANY, 1, None)
    for file in (away, *away.parent.glob("away.db-*")):
        file.rename(file.with_name(file.name.replace("away", "gateway")))
    healed, refused = await burst(w, 5)
    assert refused == []
    assert ids_in(w.path) == kept | healed
    assert len((await w.store.messages(LIVE, ANY, 50, None)).items) == 10


async def test_another_file_in_its_place_is_opened_and_nothing_goes_to_the_old_one(w: World) -> None:
    await burst(w, 3)
    await w.store.backup(w.path.with_name("copy.db"))
    w.path.rename(w.path.with_name("old.db"))
    for end in ("-wal", "-shm"):
        w.path.with_name(w.path.name + end).unlink(missing_ok=True)
    w.path.with_name("copy.db").rename(w.path)
    # A reader meets the new file first: the writer must notice all the same.
    assert len((await w.store.messages(LIVE, ANY, 50, None)).items) == 3
    promised, refused = await burst(w, 4)
    assert refused == []
    assert promised <= ids_in(w.path)


async def test_a_second_process_may_write_while_the_store_runs(w: World) -> None:
    with closing(sqlite3.connect(w.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO fact (name, value) VALUES ('other', '1')")
        waiting = asyncio.create_task(w.store.admit(w.new(), None))
        await asyncio.sleep(0)
        other.execute("COMMIT")
        async with asyncio.timeout(30):
            await waiting
    assert await w.store.remembered("other") == "1"


async def test_an_event_its_deliveries_and_its_change_are_one_transaction(tmp_path: Path) -> None:
    async with world(tmp_path / "gateway.db", connect=connect_with(Refusing)) as w:
        hook = WebhookRow("hook", "default", "http://x", ("*",), ("whsec_x",), True, False, True, w.now_ms)
        await w.store.add_webhook(hook)
        Refusing.refuse = 1
        with pytest.raises(StoreUnavailable):
            await w.store.admit(w.new(), None)
        assert (await w.store.deliveries("hook", None, 10, None)).items == ()
        assert await w.store.events_after(LIVE, 0, 10) == ()
        await w.admit()
        assert len((await w.store.deliveries("hook", None, 10, None)).items) == 1


async def test_the_queue_takes_exactly_as_many_as_it_may(tmp_path: Path) -> None:
    async with world(tmp_path / "gateway.db", max_queued=30) as w:
        promised, refused = await burst(w, 100)
        assert len(promised) == 30
        assert all(isinstance(error, QueueFull) for error in refused)
        a = await w.line("a")
        await w.take(a)
        assert len((await burst(w, 2))[0]) == 1


async def test_a_closed_store_refuses_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    async with world(tmp_path / "gateway.db") as w:
        admitted = asyncio.create_task(burst(w, 20))
        await asyncio.sleep(0)
        await w.store.close()
        async with asyncio.timeout(30):
            promised, refused = await admitted
            late, late_refused = await burst(w, 3)
        assert all(isinstance(error, StoreUnavailable) for error in (*refused, *late_refused))
        assert late == set()
        assert ids_in(w.path) == promised
