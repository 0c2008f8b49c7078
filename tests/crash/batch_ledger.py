"""Owns what the world outside remembers of batches over a chain of kills, and how it is compared with what is stored.

The database file is read as any other program could; texts are sealed there, so the air is matched by number.
Source: invariants W1 and W2; "all or nothing, resumed on start, nothing twice".
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.ledger import Verdict
from tests.harness.air import Air

BAD_NUMBER = "0770"
TOKEN = re.compile(r"b\d{4}")
COUNTS = {
    "SELECT state, n FROM state_count": "SELECT state, count(*) FROM message GROUP BY 1",
    "SELECT batch_id, state, n FROM batch_count": "SELECT batch_id, state, count(*) FROM message"
    " WHERE batch_id IS NOT NULL GROUP BY 1, 2",
}
"""What is kept, and what it has to be."""
OUT_ONCE = frozenset({"sent", "delivered", "undelivered"})
NEVER_OUT = frozenset({"queued", "cancelled", "failed", "expired", "held"})

ORPHANS = {
    "messages of no batch": "SELECT count(*) FROM message WHERE batch_id NOT IN (SELECT id FROM batch)",
    "history of no message": "SELECT count(*) FROM event WHERE type LIKE 'message.%'"
    " AND subject NOT IN (SELECT id FROM message) AND subject NOT IN (SELECT id FROM inbound)",
    "lanes of no batch": "SELECT count(*) FROM lane WHERE batch_id NOT IN (SELECT id FROM batch)",
    "rejected rows of no batch": "SELECT count(*) FROM batch_rejected WHERE batch_id NOT IN (SELECT id FROM batch)",
    "notifications of no message": "SELECT count(*) FROM notification_attempt"
    " WHERE message_id NOT IN (SELECT id FROM message)",
}
"""What a batch that is not to be may leave behind: nothing."""
HALF_RECEIVED = "SELECT count(*) FROM batch WHERE state = 'receiving'"
"""There for a while after a start, and seen by nobody."""


@dataclass(frozen=True)
class Upload:
    """One batch that a client insists on; ``token`` is its key, its reference, and stands in every text."""

    token: str
    kind: str
    rows: int

    @property
    def bad(self) -> int:
        """Rows whose number is none."""
        return sum(self.number(row) == BAD_NUMBER for row in range(self.rows))

    def number(self, row: int) -> str:
        return BAD_NUMBER if row % 97 == 96 else f"+4477009{row:05d}"


@dataclass
class BatchLedger:
    """Everything that was seen from outside."""

    uploads: dict[str, Upload] = field(default_factory=dict)
    accepted: dict[str, str] = field(default_factory=dict)
    """Token → id of its 202."""
    repeated: int = 0
    """Uploads whose answer a kill swallowed, so that they were made again with the same Idempotency-Key."""


class StoreFile:
    """The database of a server, read from outside while it runs or not."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.snapshot() as db:
            return db.execute(sql, values).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Read several things as they were at one moment, while the server goes on."""
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=10)) as db:
            db.execute("BEGIN")
            yield db

    def is_let_go(self, token: str) -> bool:
        """The last commit of a batch is done, whether or not anybody was told."""
        sql = "SELECT 1 FROM batch WHERE reference = ? AND state <> 'receiving'"
        return self._path.exists() and bool(self.rows(sql, token))


def check_whole(verdict: Verdict, store: StoreFile) -> None:
    """No row without its batch, and every count as it is counted."""
    with store.snapshot() as db:
        for what, sql in ORPHANS.items():
            ((n,),) = db.execute(sql).fetchall()
            verdict.check(n == 0, f"{n} {what}")
        for kept, counted in COUNTS.items():
            right = {row[:-1]: row[-1] for row in db.execute(counted)}
            said = {row[:-1]: row[-1] for row in db.execute(kept) if row[-1]}
            wrong = [key for key in right | said if said.get(key) != right.get(key)]
            shown = [f"{key}: {said.get(key, 0)} instead of {right.get(key, 0)}" for key in wrong[:5]]
            verdict.check(not wrong, f"counts are wrong: {shown}")


def check_batches(verdict: Verdict, ledger: BatchLedger, store: StoreFile) -> None:
    """One batch for each key, the one that was answered, with every row of it."""
    stored = store.rows("SELECT reference, id, total, accepted, rejected FROM batch")
    verdict.check(
        Counter(row[0] for row in stored) == Counter(ledger.accepted.keys()),
        f"accepted {sorted(ledger.accepted)}, stored {sorted(row[0] for row in stored)}",
    )
    for token, batch_id, *said in stored:
        upload = ledger.uploads[token]
        good = upload.rows - upload.bad
        ((n, people),) = store.rows(
            "SELECT count(*), count(DISTINCT to_number) FROM message WHERE batch_id = ?", batch_id
        )
        verdict.counts[f"{upload.kind} batches"] += 1
        verdict.counts["messages"] += n
        verdict.check(
            batch_id == ledger.accepted.get(token), f"{token} is {batch_id}, and was answered otherwise"
        )
        verdict.check(
            (*said, n, people) == (upload.rows, good, upload.bad, good, good),
            f"{token} had {upload.rows} rows, {upload.bad} bad: total, accepted, rejected {said},"
            f" stored {n} to {people} people",
        )


def check_air(verdict: Verdict, ledger: BatchLedger, store: StoreFile, air: Air) -> None:
    """Every text is on air once and known to be, or not at all; in doubt means at most once."""
    copies: Counter[tuple[str, str]] = Counter()
    for each in air.texts:
        found = TOKEN.search(each.text)
        copies[found[0] if found else "no token", each.to] += 1
    rows = store.rows(
        "SELECT batch.reference, to_number, message.state FROM message JOIN batch ON batch.id = message.batch_id"
    )
    known = set()
    for token, number, state in rows:
        known.add((token, number))
        out = copies[token, number]
        verdict.counts[state] += 1
        told = f"{token} to {number} is {state}, and {out} times on air"
        verdict.check(out <= 1, told)
        verdict.check(out == 1 or state not in OUT_ONCE, told)
        verdict.check(out == 0 or state not in NEVER_OUT, told)
    strangers = [key for key in copies if key not in known]
    verdict.check(not strangers, f"on air, and of no batch that was accepted: {strangers[:5]}")
    verdict.counts["on air"] += sum(copies.values())
