"""Owns what happened to devices and lines, as a page shows it: links and states, self-tests, texts that failed.

Knows no device and no page. Each read is of the newest few rows of one thing, by an index.
Source: the notes on what people see, */devices/{id}* and */lines/{id}*.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.ids import lowest_id, new_id
from gateway.policy.self_test import TAG
from gateway.representation import Json
from gateway.store.convert import outcome_from_json
from gateway.store.rows import View
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units

TESTS_KEPT = 20
"""Self-tests that are kept of each line."""

LOOKED_AT = 1000
"""Texts of a line that are looked at for what failed: the newest, within the last week."""

WEEK_MS = 7 * 86_400_000
HOUR_MS = 3_600_000
HOURS = 24

LOOKED_FOR_MS = HOURS * HOUR_MS
"""A line knows its own text again for so long: networks deliver late, and after that nobody waits for it."""

_SENT_LOOKED_AT = 50
_FAILED = ("failed", "undelivered", "expired")


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of a device or line: its type ("line.down"), when (UTC ms), and why (a code), where that is known.

    ``device_id`` is the device that a SIM was in before, when it moved.
    """

    type: str
    at_ms: int
    reason: str | None = None
    device_id: str | None = None


@dataclass(frozen=True, slots=True)
class StepSeen:
    """One thing that a self-test looked at, or saw happen ``seconds`` after its text was accepted."""

    name: str
    ok: bool
    detail: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class SelfTest:
    """One self-test of a line. ``took_ms`` is how long it took; ``at_ms`` when it ended, UTC."""

    steps: tuple[StepSeen, ...]
    took_ms: int
    at_ms: int

    @property
    def ok(self) -> bool:
        return all(step.ok for step in self.steps)


@dataclass(frozen=True, slots=True)
class Failures:
    """What failed of the ``looked_at`` newest texts of a line.

    ``causes`` are code, title and number, the most frequent first; code "" = no cause is known. ``hours`` counts the
    failures of each of the last 24 hours by when the text was accepted, the oldest first.
    """

    looked_at: int
    causes: tuple[tuple[str, str, int], ...]
    hours: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(n for _, _, n in self.causes)


class HardwareHistory:
    """The verbs about what happened to devices and lines. All may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def happened(self, view: View, subject: str, limit: int = 20) -> tuple[Happening, ...]:
        """Read the newest events of a device or line, the newest first."""
        return await self._units.read(lambda tx: _happened(tx, view, subject, limit))

    async def add_self_test(self, tenant: str, line_id: str, test: SelfTest) -> None:
        """Commit a self-test; the oldest of the line goes."""
        await self._units.write(lambda tx: _add_self_test(tx, tenant, line_id, test))

    async def self_tests(self, tenant: str, line_id: str, limit: int = 10) -> tuple[SelfTest, ...]:
        """Read the newest self-tests of a line, the newest first."""
        return await self._units.read(lambda tx: _self_tests(tx, tenant, line_id, limit))

    async def came_in(self, tenant: str, line_id: str, code: str) -> bool:
        """Say whether the text of a self-test has come in at its line."""
        return await self._units.read(lambda tx: _came_in(tx, tenant, line_id, code))

    async def failures(self, tenant: str, line_id: str) -> Failures:
        """Count why the newest texts of a line failed."""
        return await self._units.read(lambda tx: _failures(tx, tenant, line_id))

    async def has_sent(self, tenant: str, line_ids: Iterable[str]) -> bool:
        """Say whether one of these lines has sent something lately."""
        wanted = tuple(line_ids)
        return await self._units.read(lambda tx: any(_has_sent(tx, tenant, each) for each in wanted))


def _happened(tx: Tx, view: View, subject: str, limit: int) -> tuple[Happening, ...]:
    rows = tx.rows(
        "happened_to",
        subject=subject,
        tenant=view.tenant,
        sandbox_only=int(view.sandbox_only),
        limit=limit,
    )
    return tuple(_happening(row) for row in rows)


def _happening(row: Row) -> Happening:
    written: Json = json.loads(row["snapshot"]) if row["snapshot"] else {}
    reason, before = written.get("reason"), written.get("from")
    return Happening(
        row["type"],
        row["at"],
        reason if isinstance(reason, str) else None,
        before if isinstance(before, str) else None,
    )


def _add_self_test(tx: Tx, tenant: str, line_id: str, test: SelfTest) -> None:
    tx.run(
        "self_test_put",
        id=new_id(),
        tenant=tenant,
        line=line_id,
        ok=int(test.ok),
        steps=json.dumps([[step.name, step.ok, step.detail, step.seconds] for step in test.steps]),
        took_ms=test.took_ms,
        at=test.at_ms,
    )
    tx.run("self_tests_prune", line=line_id, kept=TESTS_KEPT)


def _self_tests(tx: Tx, tenant: str, line_id: str, limit: int) -> tuple[SelfTest, ...]:
    rows = tx.rows("self_tests_of", tenant=tenant, line=line_id, limit=limit)
    return tuple(
        SelfTest(tuple(StepSeen(*step) for step in json.loads(row["steps"])), row["took_ms"], row["at"])
        for row in rows
    )


def is_self_test(tx: Tx, line: Row, code: str) -> bool:
    """Say whether this line lately sent a text to itself that carries the code."""
    since = lowest_id(tx.now_ms - LOOKED_FOR_MS)
    row = tx.one("self_test_sent", tenant=line["tenant"], line=line["id"], since=since, tag=TAG, code=code)
    return row is not None


def _came_in(tx: Tx, tenant: str, line_id: str, code: str) -> bool:
    since = lowest_id(tx.now_ms - HOUR_MS)
    return (
        tx.one("self_test_came_in", tenant=tenant, line=line_id, since=since, tag=TAG, code=code) is not None
    )


def _failures(tx: Tx, tenant: str, line_id: str) -> Failures:
    now_ms = tx.now_ms
    rows = tx.rows(
        "newest_of_line", tenant=tenant, line=line_id, since=lowest_id(now_ms - WEEK_MS), limit=LOOKED_AT
    )
    failed = [row for row in rows if row["state"] in _FAILED]
    causes: Counter[tuple[str, str]] = Counter()
    hours = [0] * HOURS
    starts = [lowest_id(now_ms - (HOURS - hour) * HOUR_MS) for hour in range(HOURS)]
    for row in failed:
        error = outcome_from_json(row["error"])
        causes["" if error is None else error.code, "" if error is None else error.title] += 1
        hour = sum(start <= row["id"] for start in starts) - 1
        if hour >= 0:
            hours[hour] += 1
    return Failures(len(rows), tuple((*cause, n) for cause, n in causes.most_common()), tuple(hours))


def _has_sent(tx: Tx, tenant: str, line_id: str) -> bool:
    row = tx.one("line_has_sent", tenant=tenant, line=line_id, limit=_SENT_LOOKED_AT)
    return row is not None and row["n"] > 0
