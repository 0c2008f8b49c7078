"""Owns the proof that the hot queries do not grow with rows that are final: they use the indexes made for them.

Looks at SQLite's query plans only; times belong to the bench.
Source: figures of the issue (10⁴ to 10⁶ final rows); https://www.sqlite.org/eqp.html.
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

LIST = "messages_select"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[sqlite3.Connection]:
    async with world(tmp_path / "gateway.db"):
        pass
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
        yield connection


def plan(database: sqlite3.Connection, sql: str) -> list[str]:
    values = dict.fromkeys(re.findall(r":(\w+)", sql), 1)
    return [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


HOT = {
    "lane_heads": "message_ready",
    "lane_rows": "message_ready",
    "lane_drop_empty": "message_ready",
    "lanes_next": "PRIMARY KEY",
    "ledger_at": "PRIMARY KEY",
    "ledger_since": "PRIMARY KEY",
    "ledger_prune": "PRIMARY KEY",
    "line_recipients_prune": "PRIMARY KEY",
    "batch_waiting": "message_of_batch_waiting",
    "batches_done": "batch_by_state",
    "batches_ended": "batch_by_state",
    "approvals_late": "approval_pending",
    "consents_to_announce": "consent_announce",
    "messages_queued": "message_by_state",
    "recent_of_number": "PRIMARY KEY",
    "recent_in_range": "PRIMARY KEY",
    "due_rows": "message_due",
    "late_rows": "message_expires",
    "unpin_rows": "message_pinned",
    "parts_of_message": "part_by_message",
    "part_by_attempt": "sqlite_autoindex_part_1",
    "part_before": "part_last_mr",
    "parts_for_report": "part_by_mr",
    "parts_undecided_for_report": "part_undecided",
    "messages_submitting": "message_submitting",
    "reports_waiting": "report_by_line",
    "waiting_count": "sqlite_autoindex_state_count_1",
    "state_counts": "sqlite_autoindex_state_count_1",
    "idempotency_get": "PRIMARY KEY",
    "idempotency_prune": "idempotency_age",
    "deliveries_due": "delivery_due",
    "delivery_waits_until": "delivery_order",
    "deliveries_wait_behind": "delivery_order",
    "deliveries_page": "delivery_list",
    "events_of_subject": "event_by_subject",
    "events_after": "PRIMARY KEY",
    "events_in_order": "PRIMARY KEY",
    "events_forget": "delivery_of_event",
    "inbound_page": "inbound_by_tenant",
    "inbound_parts_open": "inbound_part_open",
    "inbound_parts_of": "inbound_part_of",
    "message_claim": "sqlite_autoindex_message_1",
    "message_move": "sqlite_autoindex_message_1",
}


@pytest.mark.parametrize("name", sorted(HOT))
async def test_a_hot_query_finds_its_rows_by_its_index(database: sqlite3.Connection, name: str) -> None:
    steps = plan(database, QUERIES[name])
    assert any(HOT[name] in step for step in steps), steps
    scans = [
        s for s in steps if s.startswith("SCAN") and "CONSTANT ROW" not in s and "COVERING INDEX" not in s
    ]
    assert scans == []


@pytest.mark.parametrize("name", ["lane_heads", "due_rows", "late_rows", "part_before", "parts_for_report"])
async def test_a_hot_query_gets_its_order_from_the_index(database: sqlite3.Connection, name: str) -> None:
    assert not [step for step in plan(database, QUERIES[name]) if "TEMP B-TREE" in step]


async def test_the_next_due_time_is_read_from_the_ends_of_three_indexes(database: sqlite3.Connection) -> None:
    steps = plan(database, QUERIES["next_due_at"])
    for index in ("message_due", "message_expires", "message_pinned"):
        assert any(
            f"USING COVERING INDEX {index}" in step or f"USING INDEX {index}" in step for step in steps
        ), steps


@pytest.mark.parametrize(
    ("conditions", "index"),
    [
        ([], "message_by_tenant"),
        (["where_after"], "message_by_tenant"),
        (["where_one_state"], "message_by_state"),
        (["where_to"], "message_by_number"),
        (["where_line"], "message_by_line"),
        (["where_reference"], "message_by_reference"),
        (["where_batch"], "message_by_batch"),
        (["where_sandbox"], "message_by_sandbox"),
    ],
)
async def test_a_page_of_messages_is_read_in_order_from_one_index(
    database: sqlite3.Connection, conditions: list[str], index: str
) -> None:
    sql = " AND ".join(QUERIES[name] for name in [LIST, *conditions])
    steps = plan(database, f"{sql} {QUERIES['messages_order']}")
    assert [step for step in steps if index in step], steps
    assert not [step for step in steps if "TEMP B-TREE" in step]
