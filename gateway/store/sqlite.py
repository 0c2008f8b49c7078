"""Owns the SQLite store: one writer thread with group commit, readers with connections of their own.

Knows no rules of the domain; each verb names the function that has them. WAL, ``synchronous = FULL``.
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

from device_bridge.device import DeviceInfo, LineHealth, LineIdentity, PartOutcome, ReportReceived
from device_bridge.sms.outcome import Outcome
from gateway.clock import Clock, midnight_ms
from gateway.lifecycle import Happening
from gateway.message import Inbound, Message, MessageState, NewMessage, PartDetail, TimelineEntry
from gateway.store import credentials, events, hardware, inbound, messages, reports, subscriptions, work
from gateway.store.convert import load_inbound
from gateway.store.crypto import KeyRing
from gateway.store.migrations import MIGRATIONS
from gateway.store.protocol import NotFound, StoreUnavailable, Topic
from gateway.store.queries import QUERIES
from gateway.store.rows import (
    Admitted,
    Claim,
    Claimed,
    DeliveryRow,
    DeliveryState,
    DeviceRow,
    Event,
    IdempotencyKey,
    KeyRow,
    LineRow,
    LineSettings,
    Looked,
    MessageFilter,
    NewInbound,
    Pace,
    Page,
    PartStarting,
    RetryRule,
    StoredAnswer,
    View,
    WebhookRow,
)
from gateway.store.transaction import Tx
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
UNSAID = LineSettings()

Connect = Callable[[str], sqlite3.Connection]


def connect(uri: str) -> sqlite3.Connection:
    """Open a connection that leaves transactions to us."""
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


class SqliteStore:
    """The store of one gateway process. See :class:`gateway.store.protocol.Store` for what each verb promises."""

    def __init__(  # noqa: PLR0913  what a process decides once; named at the call
        self,
        path: Path,
        ring: KeyRing,
        clock: Clock,
        *,
        max_queued: int = 100_000,
        retry: RetryRule | None = None,
        connect: Connect = connect,
    ) -> None:
        self._path = path
        self._ring = ring
        self._clock = clock
        self._max_queued = max_queued
        self._retry = retry or RetryRule()
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
        self._writer = GroupWriter(connector, self._ring, self._clock, self._retry)
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
        missing = [key_id for key_id in used if key_id not in self._ring.key_ids]
        if missing:
            raise StoreUnavailable(
                f"{self._path} needs data key {', '.join(missing)}: restore keys/data.json from the backup"
            )
        newest = self._ring.newest_id
        if newest is not None and newest not in used:
            db.execute(QUERIES["fact_put"], {"name": DATA_KEYS, "value": json.dumps([*used, newest])}).close()

    # ------------------------------------------------------------------ units

    def _write(
        self, unit: Callable[[Tx], T], *, linger: bool = False, crowd: bool = False
    ) -> asyncio.Future[T]:
        if self._writer is None:
            raise StoreUnavailable("the store is closed")
        return self._writer.submit(unit, linger=linger, crowd=crowd)

    async def _read(self, unit: Callable[[Tx], T]) -> T:
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
                return unit(Tx(db, self._ring, self._clock.now_ms(), self._retry))
            finally:
                if db.conn.in_transaction:
                    db.conn.execute("COMMIT")
        except sqlite3.Error as error:
            self._reader.db = None
            raise StoreUnavailable(f"the database cannot be read: {error}") from error

    def signal(self, topic: Topic) -> asyncio.Event:
        event = asyncio.Event()
        event.set()
        self._signals.setdefault(topic, []).append(event)
        return event

    def _announce(self, topics: set[str]) -> None:
        for topic in topics:
            for event in self._signals.get(topic, ()):
                event.set()

    async def ping(self) -> None:
        await self._write(lambda tx: tx.run("fact_put", name="ping", value=str(tx.now_ms)))

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

    async def hold_restored(self) -> int:
        """Hold everything that is not final, as ``restore`` promises; returns how many messages wait."""
        return await self._write(work.hold_restored)

    async def release_restored(self, tenant: str, actor: str) -> int:
        """Let messages go that a restore holds; returns how many."""
        return await self._write(lambda tx: work.release_restored(tx, tenant, actor))

    async def newest_row_at_ms(self) -> int | None:
        """When the newest event was written: a clock that is behind it is wrong."""

        def newest(tx: Tx) -> int | None:
            row = tx.one("newest_row_at")
            return row["at"] if row else None

        return await self._read(newest)

    async def step_clock(self, step_ms: int, created_since_ms: int) -> None:
        await self._write(lambda tx: work.step_clock(tx, step_ms, created_since_ms))

    async def prune(self) -> None:
        await self._write(work.prune, linger=True)

    # ------------------------------------------------------------------ messages

    async def admit(self, new: NewMessage, idempotency: IdempotencyKey | None) -> Admitted:
        return await self._write(
            lambda tx: messages.admit(tx, new, idempotency, self._max_queued), crowd=True
        )

    async def message(self, view: View, message_id: str) -> Message:
        return await self._read(lambda tx: messages.message(tx, view, message_id))

    async def messages(
        self, view: View, where: MessageFilter, limit: int, after: str | None
    ) -> Page[Message]:
        return await self._read(lambda tx: messages.messages(tx, view, where, (limit, after)))

    async def parts(self, message_id: str) -> tuple[PartDetail, ...]:
        return await self._read(lambda tx: messages.parts(tx, message_id))

    async def timeline(self, message_id: str) -> tuple[TimelineEntry, ...]:
        return await self._read(lambda tx: messages.timeline(tx, message_id))

    async def counts(self, tenant: str) -> dict[MessageState, int]:
        return await self._read(lambda tx: messages.counts(tx, tenant))

    async def change(self, view: View, message_id: str, happening: Happening, actor: str) -> Message:
        return await self._write(lambda tx: messages.change(tx, view, (message_id, happening, actor)))

    # ------------------------------------------------------------------ work

    async def look(
        self, line_id: str, limit: int, pace: Pace, beside: frozenset[str] = frozenset()
    ) -> Looked:
        looked = await self._read(lambda tx: work.look(tx, line_id, limit, pace, beside))
        for message_id in looked.unreadable:
            log.error("message.damaged", message_id=message_id, hint="its stored text was changed")
            await self.refuse(message_id, "internal_error")
        return looked

    async def refuse(self, message_id: str, code: str) -> None:
        await self._write(lambda tx: work.refuse(tx, message_id, code))

    def claim(self, claim: Claim) -> asyncio.Future[Claimed]:
        return self._write(lambda tx: work.claim(tx, claim))

    def advance(self, outcome: PartOutcome, then: Claim | PartStarting | None) -> asyncio.Future[Claimed]:
        return self._write(lambda tx: work.advance(tx, outcome, then))

    async def record(self, outcome: PartOutcome) -> None:
        await self._write(lambda tx: work.record(tx, outcome))

    async def record_report(self, line_id: str, report: ReportReceived) -> None:
        await self._write(lambda tx: reports.record_report(tx, line_id, report), linger=True)

    async def store_inbound(self, new: NewInbound) -> Inbound | None:
        return await self._write(lambda tx: inbound.store_inbound(tx, new), linger=True)

    async def tick(self) -> int | None:
        return await self._write(work.tick, crowd=True)

    async def recover(self, node: str, line_id: str | None = None) -> int:
        return await self._write(lambda tx: work.recover(tx, node, line_id))

    # ------------------------------------------------------------------ inbound

    async def inbound(self, view: View, inbound_id: str) -> Inbound:
        def one(tx: Tx) -> Inbound:
            row = tx.one(
                "inbound_for_viewer",
                id=inbound_id,
                tenant=view.tenant,
                sandbox_only=int(view.sandbox_only),
            )
            if row is None:
                raise NotFound
            return load_inbound(tx, row)

        return await self._read(one)

    async def inbounds(self, view: View, limit: int, after: str | None) -> Page[Inbound]:
        def page(tx: Tx) -> Page[Inbound]:
            rows = tx.rows(
                "inbound_page",
                tenant=view.tenant,
                sandbox_only=int(view.sandbox_only),
                after=after or "",
                limit=limit + 1,
            )
            items = tuple(load_inbound(tx, row) for row in rows[:limit])
            return Page(items, items[-1].id if len(rows) > limit else None)

        return await self._read(page)

    # ------------------------------------------------------------------ hardware

    async def device_seen(
        self,
        info: DeviceInfo,
        attached: bool,  # noqa: FBT001  a fact about the device, not a switch
        reason: Outcome | None,
    ) -> None:
        await self._write(lambda tx: hardware.device_seen(tx, info, reason, attached=attached))

    async def line_seen(
        self,
        identity: LineIdentity,
        device_id: str | None,
        health: LineHealth,
        settings: LineSettings = UNSAID,
    ) -> LineRow:
        return await self._write(lambda tx: hardware.line_seen(tx, identity, device_id, health, settings))

    async def hold_line(self, line_id: str, reason: Outcome | None, until_ms: int | None) -> None:
        await self._write(lambda tx: hardware.hold_line(tx, line_id, reason, until_ms))

    async def detach_all(self) -> None:
        await self._write(hardware.detach_all)

    async def lines(self, view: View) -> tuple[LineRow, ...]:
        return await self._read(lambda tx: hardware.lines(tx, view, midnight_ms(tx.now_ms)))

    async def line(self, line_id: str) -> LineRow:
        return await self._read(lambda tx: hardware.line(tx, line_id))

    async def devices(self, view: View) -> tuple[DeviceRow, ...]:
        return await self._read(lambda tx: hardware.devices(tx, view))

    async def patch_line(self, view: View, line_id: str, changes: dict[str, object]) -> LineRow:
        return await self._write(lambda tx: hardware.patch_line(tx, view, line_id, changes))

    async def remembered(self, name: str) -> str | None:
        def fact(tx: Tx) -> str | None:
            row = tx.one("fact_get", name=name)
            return row["value"] if row else None

        return await self._read(fact)

    async def remember(self, name: str, value: str) -> None:
        await self._write(lambda tx: tx.run("fact_put", name=name, value=value))

    # ------------------------------------------------------------------ keys

    async def add_key(self, row: KeyRow) -> None:
        await self._write(lambda tx: credentials.add_key(tx, row))

    async def key(self, public_id: str) -> KeyRow | None:
        return await self._read(lambda tx: credentials.key(tx, public_id))

    async def keys(self, tenant: str) -> tuple[KeyRow, ...]:
        return await self._read(lambda tx: credentials.keys(tx, tenant))

    async def change_key(self, tenant: str, key_id: str, changes: dict[str, object]) -> KeyRow:
        return await self._write(lambda tx: credentials.change_key(tx, tenant, key_id, changes))

    async def answered(self, idempotency: IdempotencyKey) -> StoredAnswer | None:
        return await self._read(lambda tx: messages.answered(tx, idempotency))

    async def keep_answer(self, idempotency: IdempotencyKey, answer: StoredAnswer) -> None:
        await self._write(lambda tx: messages.keep_answer(tx, idempotency, answer))

    # ------------------------------------------------------------------ webhooks and events

    async def add_webhook(self, row: WebhookRow) -> None:
        await self._write(lambda tx: subscriptions.add_webhook(tx, row))

    async def webhooks(self, view: View) -> tuple[WebhookRow, ...]:
        return await self._read(lambda tx: subscriptions.webhooks(tx, view))

    async def webhook(self, view: View, webhook_id: str) -> WebhookRow:
        return await self._read(lambda tx: subscriptions.webhook(tx, view, webhook_id))

    async def change_webhook(self, view: View, webhook_id: str, changes: dict[str, object]) -> WebhookRow:
        return await self._write(lambda tx: subscriptions.change_webhook(tx, view, webhook_id, changes))

    async def delete_webhook(self, view: View, webhook_id: str) -> None:
        await self._write(lambda tx: subscriptions.delete_webhook(tx, view, webhook_id))

    async def due_deliveries(self, limit: int) -> tuple[DeliveryRow, ...]:
        return await self._read(lambda tx: subscriptions.due_deliveries(tx, limit))

    async def next_delivery_at_ms(self) -> int | None:
        return await self._read(subscriptions.next_delivery_at_ms)

    async def delivery_done(self, delivery: DeliveryRow, webhook_changes: dict[str, object]) -> None:
        await self._write(lambda tx: subscriptions.delivery_done(tx, delivery, webhook_changes), linger=True)

    async def deliveries(
        self, webhook_id: str, state: DeliveryState | None, limit: int, after: str | None
    ) -> Page[DeliveryRow]:
        return await self._read(lambda tx: subscriptions.deliveries(tx, webhook_id, state, (limit, after)))

    async def redeliver(self, webhook_id: str, delivery_id: str) -> DeliveryRow:
        return await self._write(lambda tx: subscriptions.redeliver(tx, webhook_id, delivery_id))

    async def event(self, event_id: str, *, with_text: bool) -> Event:
        return await self._read(lambda tx: events.read_event(tx, event_id, with_text=with_text))

    async def events_after(self, view: View, seq: int, limit: int) -> tuple[Event, ...]:
        return await self._read(lambda tx: events.events_after(tx, view, seq, limit))

    async def emit(
        self, tenant: str, event_type: str, payload: dict[str, object], *, webhook_id: str | None = None
    ) -> Event:
        def write(tx: Tx) -> Event:
            hook = tx.one("webhook_by_id", id=webhook_id) if webhook_id else None
            happened = events.Happened(
                type=event_type,
                tenant=tenant,
                sandbox=bool(hook and hook["sandbox"]),
                public=True,
                snapshot=payload,
            )
            _seq, event_id = events.append(tx, happened, webhook_id=webhook_id)
            return events.read_event(tx, event_id, with_text=False)

        return await self._write(write)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
