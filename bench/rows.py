"""Owns databases of a size: final messages with a part and an event each, written in bulk.

Makes rows that the product itself would have made; which ones are final is all that the measurements need.
Source: the schema; ids are UUIDv7 of the past, so that new messages sort after them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

KEY = "00000000-0000-7000-8000-000000000000"
BEGIN_MS = 1_760_000_000_000
CHUNK = 20_000


def final_rows(path: Path, have: int, want: int, line: str) -> None:
    """Grow a database from ``have`` to ``want`` delivered messages.

    Args:
        path: A database that the store has opened before, and that nobody has open now.
        have: How many such rows are in it.
        want: How many there shall be.
        line: Id of the line that carried them.
    """
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -400000")
    pages = [
        name for (name,) in db.execute("SELECT name FROM pragma_table_info('event') WHERE name = 'snapshot'")
    ]
    if not pages:
        raise RuntimeError("the schema has changed; bench/rows.py has to follow")
    for first in range(have, want, CHUNK):
        last = min(first + CHUNK, want)
        db.execute("BEGIN")
        db.executemany(_MESSAGE, _messages(first, last, line))
        db.executemany(_PART, _parts(first, last, line))
        db.executemany(_EVENT, _events(first, last, line))
        db.execute("COMMIT")
    db.execute(
        "INSERT INTO state_count (tenant, state, n) VALUES ('default', 'delivered', ?)"
        " ON CONFLICT (tenant, state) DO UPDATE SET n = excluded.n",
        (want,),
    )
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.close()


def _id(kind: int, number: int) -> str:
    at = f"{BEGIN_MS + number * 10:012x}"
    return f"{at[:8]}-{at[8:]}-7000-8{kind:03x}-{number:012x}"


def _number(number: int) -> str:
    return f"+49151{10_000_000 + number % 50_000}"


_MESSAGE = """INSERT INTO message (id, tenant, key_id, state, ready, to_number, text, encoding, coding, parts,
    parts_sent, parts_delivered, route, home_route, line, sandbox, priority, purpose, tags, delivery_report,
    flash, on_doubt, warnings, attempts, attempt, created_at, expires_at, sent_at, delivered_at)
VALUES (?, 'default', ?, 'delivered', 0, ?, ?, 'auto', 'gsm7', 1, 1, 1, 'pool:default', 'pool:default', ?, 0, 0,
    'transactional', '{}', 1, 0, 'hold', '[]', 1, 1, ?, ?, ?, ?)"""
_TEXT = b"\x00Your parcel arrives today between 14:00 and 16:00."
_PART = """INSERT INTO part (tenant, message_id, attempt_id, attempt, copy, number, total, state, line, to_tail, mr,
    tpdu, submitted_at, sent_at, report_status, reported_at)
VALUES ('default', ?, ?, 1, 1, 1, 1, 'delivered', ?, ?, ?, ?, ?, ?, 0, ?)"""
_TPDU = b"\x00" + bytes(60)
_EVENT = """INSERT INTO event (id, tenant, at, type, public, sandbox, subject, witness, attempt, part, line, snapshot)
VALUES (?, 'default', ?, 'message.delivered', 1, 0, ?, 'network', 1, 1, ?, ?)"""
_SNAPSHOT = '{"direction": "outbound", "state": "delivered", "text": null}' + " " * 500


def _messages(first: int, last: int, line: str) -> Iterator[tuple[object, ...]]:
    for i in range(first, last):
        at_ms = BEGIN_MS + i * 10
        ends = (at_ms, at_ms + 86_400_000, at_ms + 1000, at_ms + 5000)
        yield (_id(1, i), KEY, _number(i), _TEXT, line, *ends)


def _parts(first: int, last: int, line: str) -> Iterator[tuple[object, ...]]:
    for i in range(first, last):
        at_ms = BEGIN_MS + i * 10
        times = (at_ms, at_ms + 1000, at_ms + 5000)
        yield (_id(1, i), _id(2, i), line, _number(i)[-8:], i % 256, _TPDU, *times)


def _events(first: int, last: int, line: str) -> Iterator[tuple[object, ...]]:
    for i in range(first, last):
        yield (_id(3, i), BEGIN_MS + i * 10 + 5000, _id(1, i), line, _SNAPSHOT)
