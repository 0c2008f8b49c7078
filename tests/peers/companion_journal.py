"""Owns the memory of the companion of the tests: jobs, events and pairing in SQLite, each step on disk before the next.

Refuses to know the link and the radio. A job id is never called twice, an event stays until it is committed.
Source: docs/link.md, *Sending*, *Events*, *Asking after a break*.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS job (
  id TEXT PRIMARY KEY, state TEXT NOT NULL, run TEXT NOT NULL, parts INTEGER NOT NULL, called_at_ms INTEGER);
CREATE TABLE IF NOT EXISTS verdict (job TEXT, part INTEGER, PRIMARY KEY (job, part));
CREATE TABLE IF NOT EXISTS event (
  id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, committed INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS open_event ON event (id) WHERE NOT committed;
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One row: ``state`` is taken, called, settled or burned; ``run`` is the process that took it."""

    state: str
    run: str
    parts: int
    called_at_ms: int | None


class Journal:
    """One file; every method that writes returns after its commit is on disk."""

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(path, isolation_level=None)
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = FULL")
        self._base.executescript(SCHEMA)

    def close(self) -> None:
        self._base.close()

    # ------------------------------------------------------------------ who we are

    def fact(self, name: str) -> Any:
        row = self._base.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def remember(self, **facts: Any) -> None:
        with self._together():
            for name, value in facts.items():
                self._base.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, json.dumps(value)))

    def forget(self, *names: str) -> None:
        with self._together():
            self._base.executemany("DELETE FROM fact WHERE name = ?", [(name,) for name in names])

    # ------------------------------------------------------------------ jobs

    def job(self, job_id: str) -> Job | None:
        found = "SELECT state, run, parts, called_at_ms FROM job WHERE id = ?"
        row = self._base.execute(found, (job_id,)).fetchone()
        return None if row is None else Job(*row)

    def take(self, job_id: str, run: str, parts: int) -> bool:
        """Store a job; False when the id has been seen before, whatever became of it."""
        sql = "INSERT OR IGNORE INTO job VALUES (?, 'taken', ?, ?, NULL)"
        return self._base.execute(sql, (job_id, run, parts)).rowcount == 1

    def burn(self, job_id: str, run: str) -> None:
        """Make sure that an id is never called; one that is known already stays what it is."""
        self._base.execute("INSERT OR IGNORE INTO job VALUES (?, 'burned', ?, 0, NULL)", (job_id, run))

    def call(self, job_id: str, at_ms: int) -> None:
        sql = "UPDATE job SET state = 'called', called_at_ms = ? WHERE id = ? AND state = 'taken'"
        self._base.execute(sql, (at_ms, job_id))

    def taken_before(self, run: str) -> list[str]:
        """Give the jobs that a process which is gone took and did not call."""
        sql = "SELECT id FROM job WHERE state = 'taken' AND run <> ?"
        return [row[0] for row in self._base.execute(sql, (run,))]

    # ------------------------------------------------------------------ events

    def add(self, body: dict[str, Any]) -> int:
        """Write an event and what it says of its job, in one transaction; returns its id."""
        with self._together():
            event_id = self._add(body)
            match body:
                case {"kind": "failed", "job": job_id}:
                    self._settle(job_id)
                case {"kind": "sent", "job": job_id, "part": part}:
                    self._base.execute("INSERT OR IGNORE INTO verdict VALUES (?, ?)", (job_id, part))
                    counted = "(SELECT count(*) FROM verdict WHERE job = id)"
                    self._base.execute(
                        f"UPDATE job SET state = 'settled' WHERE id = ? AND parts <= {counted}", (job_id,)
                    )
        return event_id

    def add_all(self, bodies: Iterable[dict[str, Any]]) -> None:
        """Write many events at once, as they gathered while there was no link."""
        with self._together():
            for body in bodies:
                self._add(body)

    def uncommitted(self, after: int, limit: int) -> list[dict[str, Any]]:
        sql = "SELECT id, body FROM event WHERE NOT committed AND id > ? ORDER BY id LIMIT ?"
        rows = self._base.execute(sql, (after, limit)).fetchall()
        return [{"t": "event", "id": event_id, **json.loads(body)} for event_id, body in rows]

    def left(self) -> int:
        """Count the events that nobody has committed."""
        return int(self._base.execute("SELECT count(*) FROM event WHERE NOT committed").fetchone()[0])

    def commit(self, event_ids: Iterable[int]) -> None:
        with self._together():
            self._base.executemany("UPDATE event SET committed = 1 WHERE id = ?", [(i,) for i in event_ids])

    def _add(self, body: dict[str, Any]) -> int:
        row = self._base.execute("INSERT INTO event (body) VALUES (?)", (json.dumps(body),))
        return int(row.lastrowid or 0)

    def _settle(self, job_id: str) -> None:
        self._base.execute("UPDATE job SET state = 'settled' WHERE id = ?", (job_id,))

    def _together(self) -> _Transaction:
        return _Transaction(self._base)


class _Transaction:
    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    def __enter__(self) -> None:
        self._base.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._base.execute("COMMIT" if kind is None else "ROLLBACK")
