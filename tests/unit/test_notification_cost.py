"""Owns the proof that the work on notifications does not grow with those that are over: every look uses its index.

Looks at SQLite's query plans only; times belong to the bench.
Source: https://www.sqlite.org/eqp.html.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.queries import QUERIES
from tests.peers.store_world import world

HOT = {
    "notifications_due_alone": "notification_due_alone (channel=? AND due_at<?)",
    "notifications_due_bulk": "notification_due_bulk (channel=? AND due_at<?)",
    "notifications_of_bulk_queued": "notification_by_bulk (tenant=? AND bulk_id=? AND state=?)",
    "notification_of_bulk": "notification_by_bulk (tenant=? AND bulk_id=?)",
    "notifications_next_due": "notification_due_alone (channel=?",
    "notification_attempts_of_message": "notification_attempt_message (message_id=?)",
    "notification_attempts_sending": "notification_attempt_sending",
    "notification_messages_moved": "notification_attempt_message",
    "notification_bulk_counts": "notification_by_bulk (tenant=? AND bulk_id=?)",
    "notifications_of_bulk_delete": "notification_by_bulk (tenant=? AND bulk_id=?)",
    "notification_bulks_left": "notification_bulk_open",
    "notification_take": "sqlite_autoindex_notification_1",
    "notification_update": "sqlite_autoindex_notification_1",
    "attempts_of_notification": "sqlite_autoindex_notification_attempt_2",
}
"""Query → what its plan has to name."""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[sqlite3.Connection]:
    async with world(tmp_path / "gateway.db"):
        pass
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
        yield connection


@pytest.mark.parametrize("query", HOT)
async def test_a_look_at_notifications_uses_its_index(database: sqlite3.Connection, query: str) -> None:
    sql = QUERIES[query]
    values = dict.fromkeys(re.findall(r":(\w+)", sql), 1)
    plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert any(HOT[query] in step for step in plan), plan
    scans = [
        step for step in plan if step.startswith("SCAN ") and "USING" not in step and "earliest" not in step
    ]
    assert scans == []
