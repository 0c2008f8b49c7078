"""Owns the one writer thread: everything that waits goes into one transaction and one fsync (group commit).

Knows no table: a unit is a function of a :class:`Tx`. A failing one fails alone, by a SAVEPOINT where it had written;
so a unit may run twice, and changes nothing but the database. When the whole transaction is gone (disk full, I/O
error, a refused COMMIT) nothing of the group is acknowledged.
Source: W1 to W4; https://www.sqlite.org/lang_transaction.html §3 (errors that end the whole transaction).
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from sqlite_utils import Database

from gateway.clock import Clock
from gateway.store.noted import Committed
from gateway.store.protocol import StoreUnavailable
from gateway.store.queries import QUERIES
from gateway.store.transaction import Group, House, Tx

T = TypeVar("T")
log = structlog.get_logger(__name__)

GROUP_MAX = 512
"""Units in one transaction: bounds how long the first of a burst waits for its commit."""

LINGER_S = 0.050
"""Reports may wait this long for company; a claim never does (a phone's report is in no hurry, a line is)."""

CROWD_MIN_S = 0.002
CROWD_MAX_S = 0.020
"""Admissions that come while others are under way gather for as long as the last commit took, within these: many
share one fsync, and between two commits a claim finds the disk free. One request after the other never waits."""

ENOUGH = 16
"""Units that need no more company."""


@dataclass(slots=True)
class _Unit:
    work: Callable[[Tx], Any]
    future: asyncio.Future[Any]


@dataclass(slots=True)
class _Done:
    future: asyncio.Future[Any]
    value: Any = None
    error: BaseException | None = None


class _WroteAndFailed(Exception):
    """A unit failed after it had changed something: what it changed has to be undone without the others."""


FileIdentity = tuple[int, int]
"""Device and inode: a file that was taken away and put back is another one."""


class Connector:
    """Opens the writer's connection, and says which file the path names now: None while there is none."""

    def __init__(self, connect: Callable[[], Database], identity: Callable[[], FileIdentity | None]) -> None:
        self.connect = connect
        self.identity = identity


class GroupWriter:
    """Runs units in order of arrival and resolves each future after the commit that holds it."""

    def __init__(self, connector: Connector, house: House, clock: Clock) -> None:
        self._connector = connector
        self._house = house
        self._clock = clock
        self._queue: queue.SimpleQueue[list[_Unit] | None] = queue.SimpleQueue()
        self._db: Database | None = None
        self._file: FileIdentity | None = None
        self._stopping = False
        self._loop = asyncio.get_running_loop()
        self._handing: list[_Unit] = []
        self._handing_at_s = 0.0
        self._handing_timer: asyncio.Handle | None = None
        self._open = 0
        self._commit_s = 0.0
        self._after_commit: Callable[[set[str]], None] = lambda _topics: None
        self.told: Callable[[Committed], None] = lambda _committed: None
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self.commits = 0
        self.units = 0

    def start(self, after_commit: Callable[[set[str]], None]) -> None:
        """Start the thread; ``after_commit`` runs on the loop with the topics that a commit touched."""
        self._after_commit = after_commit
        self._thread.start()

    def submit(
        self, work: Callable[[Tx], T], *, linger: bool = False, crowd: bool = False
    ) -> asyncio.Future[T]:
        """Queue a unit. A caller that is cancelled does not withdraw it.

        Args:
            work: What to do in the transaction.
            linger: It may wait 50 ms for company (a report).
            crowd: It may wait about as long as a commit takes, when others are under way (one of many requests).

        Raises (from the future): what ``work`` raised, or StoreUnavailable when nothing was committed.
        """
        if self._stopping:
            raise StoreUnavailable("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        wait_s = LINGER_S if linger else self._crowd_s() if crowd else 0.0
        self._handing.append(_Unit(work, future))
        self._open += 1
        self._hand_over_in(wait_s if len(self._handing) < ENOUGH else 0.0)
        return future

    def _crowd_s(self) -> float:
        return min(max(self._commit_s, CROWD_MIN_S), CROWD_MAX_S) if self._open else 0.0

    def _hand_over_in(self, wait_s: float) -> None:
        """Wake the thread later, once for all: at the soonest at the end of this turn of the loop.

        Awake it contends with what the caller still does in this turn, and a line that records one verdict writes its
        next AT+CMGS in that same turn.
        """
        due_s = self._loop.time() + wait_s
        if self._handing_timer is not None:
            if self._handing_at_s <= due_s:
                return
            self._handing_timer.cancel()
        self._handing_at_s = due_s
        self._handing_timer = (
            self._loop.call_later(wait_s, self._hand_over)
            if wait_s
            else self._loop.call_soon(self._hand_over)
        )

    def _hand_over(self) -> None:
        """Give the thread the units that were gathered, which then share a transaction."""
        self._handing_timer = None
        units, self._handing = self._handing, []
        for first in range(0, len(units), GROUP_MAX):
            self._queue.put(units[first : first + GROUP_MAX])

    async def stop(self) -> None:
        """Commit what waits and end the thread."""
        self._stopping = True
        self._hand_over()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        ending = False
        while not ending:
            group, ending = self._collect()
            if group:
                self._commit(group)
        self._disconnect()

    def _collect(self) -> tuple[list[_Unit], bool]:
        """Wait for units, then take everything that waits."""
        group = self._queue.get()
        if group is None:
            return [], True
        while len(group) < GROUP_MAX:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return group, True
            group += more
        return group, False

    def _commit(self, group: list[_Unit]) -> None:
        topics: set[str] = set()
        began_s = time.monotonic()
        try:
            db = self._database()
            db.conn.execute("BEGIN IMMEDIATE")
            done, shared = self._run_units(db, group, topics)
            db.conn.execute("COMMIT")
            if self._connector.identity() != self._file:
                raise sqlite3.OperationalError("the database file was taken away")  # noqa: TRY301  as before it
        except sqlite3.Error as error:
            self._give_up(group, error)
            return
        except Exception as error:  # the thread outlives whatever a unit or a connection comes up with
            log.exception("store.group_failed", units=len(group))
            self._give_up(group, sqlite3.OperationalError(repr(error)))
            return
        self._commit_s = time.monotonic() - began_s
        self.commits += 1
        self.units += len(group)
        committed = Committed(self._commit_s, len(group), shared.noted)
        self._loop.call_soon_threadsafe(self._deliver, done, topics, committed)

    def _run_units(self, db: Database, group: list[_Unit], topics: set[str]) -> tuple[list[_Done], Group]:
        """Run a group; only when a unit fails after it has written, all over again with a SAVEPOINT for each.

        Every SAVEPOINT is two more statements, and each statement hands the interpreter to the event loop and back.
        """
        try:
            return self._attempt(db, group, topics, self._unit)
        except _WroteAndFailed:
            topics.clear()
            db.conn.execute("ROLLBACK")
            db.conn.execute("BEGIN IMMEDIATE")
            return self._attempt(db, group, topics, self._guarded_unit)

    def _attempt(
        self, db: Database, group: list[_Unit], topics: set[str], run: Callable[[Database, _Unit, Tx], _Done]
    ) -> tuple[list[_Done], Group]:
        shared = Group()
        done: list[_Done] = []
        for unit in group:
            tx = Tx(db, self._house, self._clock.now_ms(), shared)
            one = run(db, unit, tx)
            done.append(one)
            if one.error is None:
                topics |= tx.touched
                shared.counts.update(tx.counts)
                shared.batch_counts.update(tx.batch_counts)
                shared.noted += tx.noted
            else:
                shared.forget()
        for (tenant, state), n in shared.counts.items():
            db.conn.execute(QUERIES["state_count_add"], {"tenant": tenant, "state": state, "n": n})
        for (batch_id, tenant, state), n in shared.batch_counts.items():
            row = {"batch_id": batch_id, "tenant": tenant, "state": state, "n": n}
            db.conn.execute(QUERIES["batch_count_add"], row)
        return done, shared

    def _unit(self, db: Database, unit: _Unit, tx: Tx) -> _Done:
        """Run one unit. Raises sqlite3.Error when the whole transaction is gone, _WroteAndFailed to be guarded."""
        before = db.conn.total_changes
        try:
            value = unit.work(tx)
        except Exception as error:  # the caller gets it; the others of the group go on
            _check_still_open(db, error)
            if db.conn.total_changes != before:
                raise _WroteAndFailed from error
            return _Done(unit.future, error=_translated(error))
        return _Done(unit.future, value=value)

    def _guarded_unit(self, db: Database, unit: _Unit, tx: Tx) -> _Done:
        """Run one unit in its SAVEPOINT. Raises sqlite3.Error when the whole transaction is gone."""
        db.conn.execute("SAVEPOINT unit")
        try:
            value = unit.work(tx)
        except Exception as error:  # noqa: BLE001  the caller gets it; the others of the group go on
            _check_still_open(db, error)
            db.conn.execute("ROLLBACK TO unit")
            db.conn.execute("RELEASE unit")
            return _Done(unit.future, error=_translated(error))
        db.conn.execute("RELEASE unit")
        return _Done(unit.future, value=value)

    def _give_up(self, group: list[_Unit], error: sqlite3.Error) -> None:
        log.error("store.commit_failed", reason=str(error), units=len(group))
        self._disconnect()
        done = [_Done(unit.future, error=_translated(error)) for unit in group]
        self._loop.call_soon_threadsafe(self._deliver, done, set())

    def _deliver(self, done: list[_Done], topics: set[str], committed: Committed | None = None) -> None:
        self._open -= len(done)
        for one in done:
            if one.future.done():
                continue  # cancelled by its caller; the unit is committed all the same
            if one.error is not None:
                one.future.set_exception(one.error)
            else:
                one.future.set_result(one.value)
        if topics:
            self._after_commit(topics)
        if committed is not None:
            # After those who wait for these futures: nobody waits for this.
            self._loop.call_soon(self.told, committed)

    def _database(self) -> Database:
        """The open connection, or a new one after a failure, or when the file was taken away and came back."""
        if self._db is not None and self._connector.identity() != self._file:
            self._disconnect()
        if self._db is None:
            self._file = self._connector.identity()
            self._db = self._connector.connect()
        return self._db

    def _disconnect(self) -> None:
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.conn.close()
            self._db = None


def _check_still_open(db: Database, error: Exception) -> None:
    if not db.conn.in_transaction:
        raise sqlite3.OperationalError(f"the transaction was rolled back: {error}") from error


def _translated(error: BaseException) -> BaseException:
    if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError):
        unavailable = StoreUnavailable(f"the database does not take writes: {error}")
        unavailable.__cause__ = error
        return unavailable
    return error
