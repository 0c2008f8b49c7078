"""Owns what one unit of work sees of the database: named queries, sealed columns, the time, what it touched.

Knows no thread and no group; the writer and the readers make one for each unit.
Source: design, *Store*: SQL in named queries, changes are compare-and-set, zero rows is an answer.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from sqlite_utils import Database

from gateway.policy.rules import Rules
from gateway.store.crypto import DamagedRow, KeyRing, KeyRingError
from gateway.store.noted import Noted
from gateway.store.queries import QUERIES
from gateway.store.rows import RetryRule

if TYPE_CHECKING:
    from gateway.store.ledger import Calendar

log = structlog.get_logger(__name__)

Row = sqlite3.Row


@dataclass(frozen=True, slots=True)
class House:
    """What every unit is given: the keys that seal, how failures are tried again, and what the organisation decided.

    ``damaged``: the sealed values that the log was told of.
    """

    ring: KeyRing
    retry: RetryRule
    rules: Rules
    damaged: set[str] = field(default_factory=set)


class Group:
    """What the units of one transaction share, so that each pays for it once.

    ``counts`` are changes of the number of messages by (tenant, state), ``batch_counts`` by (batch, tenant, state),
    written before the COMMIT; ``noted`` is told after it; ``waiting`` is what the table said at the first question;
    ``hooks`` are the subscriptions by (tenant, sandbox). What else was read or made once: ``lanes``, ``calendars``,
    ``key_names``, and ``known`` for the rooms of the store.
    """

    __slots__ = (
        "batch_counts",
        "calendars",
        "counts",
        "hooks",
        "key_names",
        "known",
        "lanes",
        "noted",
        "waiting",
    )

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.batch_counts: Counter[tuple[str, str, str]] = Counter()
        self.waiting: dict[str, int] = {}
        self.hooks: dict[tuple[str, bool], list[Row]] = {}
        self.lanes: set[tuple[Any, ...]] = set()
        self.calendars: dict[int, Calendar] = {}
        self.key_names: dict[str, str] = {}
        self.known: dict[Any, Any] = {}
        self.noted: list[Noted] = []

    def forget(self) -> None:
        """Forget what was read or made, after a unit that failed: it may have seen or made what was undone."""
        self.hooks.clear()
        self.lanes.clear()
        self.known.clear()


class Tx:
    """One unit: a SAVEPOINT of the writer's transaction, or one read."""

    __slots__ = (
        "_conn", "_damaged", "batch_counts", "counts", "group", "noted", "now_ms", "retry", "ring", "rules", "touched"
    )  # fmt: skip

    def __init__(self, db: Database, house: House, now_ms: int, group: Group | None = None) -> None:
        # The connection itself: transactions are the writer's, and sqlite-utils' own care for them costs time.
        self._conn = db.conn
        self.group = group or Group()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.batch_counts: Counter[tuple[str, str, str]] = Counter()
        self.ring = house.ring
        self._damaged = house.damaged
        self.now_ms = now_ms
        self.retry = house.retry
        self.rules = house.rules
        self.touched: set[str] = set()
        self.noted: list[Noted] = []

    def run(self, query: str, **values: Any) -> int:
        """Execute a named statement; returns the number of rows it changed."""
        if query.startswith("webhook_"):
            self.group.hooks.clear()
        return self._conn.execute(QUERIES[query], values).rowcount

    def many(self, query: str, rows: Iterable[dict[str, Any]]) -> None:
        """Execute a named statement for each row."""
        self._conn.executemany(QUERIES[query], rows)

    def one(self, query: str, **values: Any) -> Row | None:
        row: Row | None = self._conn.execute(QUERIES[query], values).fetchone()
        return row

    def rows(self, query: str, **values: Any) -> list[Row]:
        return self._conn.execute(QUERIES[query], values).fetchall()

    def composed(self, select: str, conditions: list[str], order: str, values: dict[str, Any]) -> list[Row]:
        """Run a list query that is put together from named pieces (a SELECT, conditions, an ORDER BY)."""
        sql = " AND ".join([QUERIES[select], *(QUERIES[name] for name in conditions)])
        return self._conn.execute(f"{sql} {QUERIES[order]}", values).fetchall()

    def insert(self, query: str, **values: Any) -> int:
        """Execute a named INSERT; returns the integer key that the database gave."""
        return int(self._conn.execute(QUERIES[query], values).lastrowid or 0)

    def count(self, message: Row | Mapping[str, Any], state: str, n: int) -> None:
        """Change the number of messages in a state, of a tenant and of a batch; written once for the transaction."""
        self.counts[message["tenant"], state] += n
        if message["batch_id"] is not None:
            self.batch_counts[message["batch_id"], message["tenant"], state] += n

    def waiting(self, tenant: str) -> int:
        """Say how many messages of a tenant are held or queued, this transaction's own changes included."""
        known = self.group.waiting.get(tenant)
        if known is None:
            row = self.one("waiting_count", tenant=tenant)
            known = self.group.waiting[tenant] = int(row["n"]) if row is not None else 0
        return known + sum(
            counts[tenant, state]
            for counts in (self.group.counts, self.counts)
            for state in ("held", "queued")
        )

    def seal(self, where: str, value: str | bytes | None) -> bytes | None:
        """Encrypt a column value; None stays None. ``where`` is ``table|column|row id``."""
        if value is None:
            return None
        return self.ring.seal(where, value.encode() if isinstance(value, str) else value)

    def unseal(self, where: str, sealed: bytes | None) -> bytes | None:
        """Decrypt a column value. Raises DamagedRow; the log is told of each damaged value once."""
        if sealed is None:
            return None
        try:
            return self.ring.open(where, sealed)
        except (DamagedRow, KeyRingError) as error:
            # The store opens only with every key that has sealed something here: an unknown one is damage as well.
            raise self._damage(where) from error

    def unseal_text(self, where: str, sealed: bytes | None) -> str | None:
        """Decrypt a column value that is text. Raises DamagedRow."""
        value = self.unseal(where, sealed)
        try:
            return None if value is None else value.decode()
        except UnicodeDecodeError as error:
            raise self._damage(where) from error

    def _damage(self, where: str) -> DamagedRow:
        if where not in self._damaged:
            self._damaged.add(where)
            log.error(
                "store.row_damaged",
                where=where,
                hint="it was changed outside the gateway; the rest is served",
            )
        return DamagedRow(where)
