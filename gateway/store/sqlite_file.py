"""Owns the database file: opened and migrated, one writer thread with group commit, readers with their own connections.

Knows no verb of the domain: it runs units of work. WAL, ``synchronous = FULL``.
Source: https://www.sqlite.org/wal.html; design, *Store*.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import structlog
from sqlite_utils import Database

from gateway.clock import Clock
from gateway.store.migrations import MIGRATIONS
from gateway.store.noted import Committed
from gateway.store.protocol import StoreUnavailable, Topic
from gateway.store.queries import QUERIES
from gateway.store.transaction import House, Tx
from gateway.store.writer import Connector, GroupWriter

T = TypeVar("T")
log = structlog.get_logger(__name__)

READERS = 2
BUSY_TIMEOUT_MS = 5_000
"""The command line may write to the same file for a moment; longer means that something is wrong."""
WAL_TRUNCATE_BYTES = 64 * 1024 * 1024
WAL_CHECKPOINT_BYTES = 4 * 1024 * 1024
DATA_KEYS = "data_keys"
"""The fact that lists the ids of all keys that have sealed something here."""

Connect = Callable[[str], sqlite3.Connection]


def connect(uri: str) -> sqlite3.Connection:
    """Open a connection that leaves transactions to us."""
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


class SqliteFile:
    """One database file and who works on it."""

    def __init__(self, path: Path, house: House, clock: Clock, connect: Connect = connect) -> None:
        self._path = path
        self._house = house
        self._clock = clock
        self._connect = connect
        self._signals: dict[str, list[asyncio.Event]] = {}
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._reader = threading.local()
        self._writer: GroupWriter | None = None

    # ------------------------------------------------------------------ opening and closing

    async def open(self) -> None:
        """Migrate (after a copy of the file) and start.

        Raises:
            StoreUnavailable: the file cannot be opened or migrated, or a data key is missing; the text says which.
        """
        try:
            await asyncio.to_thread(self._migrate)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"{self._path} cannot be opened: {error}") from error
        connector = Connector(lambda: self._open("rw"), lambda: _identity(self._path))
        self._writer = GroupWriter(connector, self._house, self._clock)
        self._writer.start(self._announce)

    async def close(self) -> None:
        if self._writer is not None:
            await self._writer.stop()
            self._writer = None
        await asyncio.to_thread(self._readers.shutdown)

    def _open(self, mode: str) -> Database:
        connection = self._connect(f"file:{self._path}?mode={mode}")
        connection.row_factory = sqlite3.Row
        db = Database(connection)
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            "wal_autocheckpoint = 0",  # checkpoints run on a tick, beside the writer, never in a claim's commit
        ):
            db.execute(f"PRAGMA {pragma}").close()
        return db

    def _migrate(self) -> None:
        fresh = not self._path.exists()
        if fresh:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        db = self._open("rw")
        try:
            pending = MIGRATIONS.pending(db)
            if pending and not fresh and db.table_names():
                copy = self._path.with_name(f"{self._path.name}.before-{pending[0].name}")
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
                shutil.copy2(self._path, copy)
                log.info("store.copied_before_migration", copy=copy.name)
            MIGRATIONS.apply(db)
            self._check_keys(db)
        finally:
            db.conn.close()

    def _check_keys(self, db: Database) -> None:
        """Refuse a database that was sealed with a key that the ring lacks, before anything is read or sent."""
        known = db.execute(QUERIES["fact_get"], {"name": DATA_KEYS}).fetchone()
        used: list[str] = json.loads(known["value"]) if known else []
        missing = [key_id for key_id in used if key_id not in self._house.ring.key_ids]
        if missing:
            raise StoreUnavailable(
                f"{self._path} needs data key {', '.join(missing)}: restore keys/data.json from the backup"
            )
        newest = self._house.ring.newest_id
        if newest is not None and newest not in used:
            db.execute(QUERIES["fact_put"], {"name": DATA_KEYS, "value": json.dumps([*used, newest])}).close()

    # ------------------------------------------------------------------ units

    def write(
        self, unit: Callable[[Tx], T], *, linger: bool = False, crowd: bool = False
    ) -> asyncio.Future[T]:
        """Run a unit in the writer's next transaction; the future is done when that is committed.

        Args:
            unit: What to do; it may run twice when another unit of its group fails.
            linger: May wait a moment for others, so that they share a commit.
            crowd: Comes in numbers, so claims go before it.

        Raises:
            StoreUnavailable: the store is closed.
        """
        if self._writer is None:
            raise StoreUnavailable("the store is closed")
        return self._writer.submit(unit, linger=linger, crowd=crowd)

    async def read(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit that only reads, on one snapshot, beside the writer."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, self._read_in_thread, unit)
        except RuntimeError as error:  # the executor was shut down
            raise StoreUnavailable("the store is closed") from error

    def _read_in_thread(self, unit: Callable[[Tx], T]) -> T:
        try:
            db: Database | None = getattr(self._reader, "db", None)
            now = _identity(self._path)
            if db is None or self._reader.identity != now:
                db = self._open("rw")
                self._reader.db, self._reader.identity = db, now
            db.conn.execute("BEGIN")
            try:
                return unit(Tx(db, self._house, self._clock.now_ms()))
            finally:
                if db.conn.in_transaction:
                    db.conn.execute("COMMIT")
        except sqlite3.Error as error:
            self._reader.db = None
            raise StoreUnavailable(f"the database cannot be read: {error}") from error

    def on_commit(self, told: Callable[[Committed], None]) -> None:
        """Tell of each commit, on the loop, after those who wait for it. The store must be open."""
        if self._writer is not None:
            self._writer.told = told

    def signal(self, *topics: Topic) -> asyncio.Event:
        event = asyncio.Event()
        event.set()
        for topic in topics:
            self._signals.setdefault(topic, []).append(event)
        return event

    def _announce(self, topics: set[str]) -> None:
        for topic in topics:
            for event in self._signals.get(topic, ()):
                event.set()

    # ------------------------------------------------------------------ upkeep

    async def checkpoint(self) -> int:
        """Move the write-ahead log into the file, beside the writer; returns the size of the log in bytes."""
        wal = self._path.with_name(self._path.name + "-wal")
        size = wal.stat().st_size if wal.exists() else 0
        if size < WAL_CHECKPOINT_BYTES:
            return size
        mode = "TRUNCATE" if size > WAL_TRUNCATE_BYTES else "PASSIVE"
        await self._read_plain(f"PRAGMA wal_checkpoint({mode})")
        return size

    async def _read_plain(self, sql: str) -> None:
        def run() -> None:
            db = self._open("rw")
            try:
                db.execute(sql).close()
            finally:
                db.conn.close()

        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._readers, run)
        except sqlite3.Error as error:
            log.warning("store.checkpoint_failed", reason=str(error))

    async def backup(self, target: Path) -> None:
        """Write a consistent copy of the database, mode 0600, while the gateway works.

        Raises:
            StoreUnavailable: it could not be written; ``target`` is removed.
        """

        def run() -> None:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            try:
                source, copy = self._open("rw"), sqlite3.connect(target)
                source.conn.backup(copy)
                copy.close()
                source.conn.close()
            except sqlite3.Error as error:
                target.unlink(missing_ok=True)
                raise StoreUnavailable(f"{target} could not be written: {error}") from error

        await asyncio.get_running_loop().run_in_executor(self._readers, run)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
