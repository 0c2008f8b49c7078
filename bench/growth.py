"""Owns the figures of growth: what the queue's verbs cost beside 10⁴, 10⁵ and 10⁶ final rows, and a start on them.

Each size is the same database, grown. 10,000 messages wait in it throughout.
Source: the store's own verbs, medians of many; a start is measured from the process to the first answer.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Effort, Figure, script
from bench.processes import directory
from bench.rows import final_rows
from bench.start import starts
from device_bridge.device import LineHealth, LineIdentity, LineState
from gateway.clock import SystemClock
from gateway.ids import new_id
from gateway.message import MessageState, NewMessage
from gateway.preparation import prepare
from gateway.store.crypto import KeyRing
from gateway.store.rows import Claim, MessageFilter, Pace, View
from gateway.store.sqlite import SqliteStore

TITLE = "Growth: 10,000 queued messages beside final rows"
SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (10_000, 100_000)
QUEUED = 10_000
TIMES = 60
WAVE = 500
"""Messages admitted at once, so that they share commits."""
GROWTH_ALLOWED = 2.0
"""The largest database may cost so many times the smallest: the noise of caches, far from the 100 times of a scan."""
IDENTITY = LineIdentity("8944000000000000001", "8944000000000000001", None, "+447700900001")


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of one verb at one size, each time that it was asked."""

    verb: str
    rows: int
    samples_ms: tuple[float, ...]


def measure(effort: Effort) -> list[Figure]:
    """Measure every verb at every size, then starts on the largest."""
    sizes = QUICK_SIZES if effort.quick else SIZES
    costs: list[Cost] = []
    with directory(effort.directory) as folder:
        data_dir = folder / "data"
        data_dir.mkdir(mode=0o700)
        path = data_dir / "gateway.db"
        line = asyncio.run(_queue(data_dir))
        have = 0
        for size in sizes:
            final_rows(path, have, size, line)
            have = size
            costs += asyncio.run(_verbs(data_dir, line, size))
            print(f"  measured beside {size:,} final rows", flush=True)
        started = starts(data_dir, 2 if effort.quick else 3, f"start to serving beside {have:,} messages")
    return [*(figure for verb in _VERBS for figure in _figures(verb, costs)), started]


def _figures(verb: str, costs: list[Cost]) -> list[Figure]:
    ours = [cost for cost in costs if cost.verb == verb]
    medians = [statistics.median(cost.samples_ms) for cost in ours]
    figures = [
        Figure(
            f"{verb}, {cost.rows:,} rows", median, "ms", (min(cost.samples_ms), max(cost.samples_ms)),
            len(cost.samples_ms),
        )
        for cost, median in zip(ours, medians, strict=True)
    ]  # fmt: skip
    growth = medians[-1] / medians[0]
    high = GROWTH_ALLOWED
    figures.append(Figure("  largest / smallest", growth, "", (growth, growth), len(ours), high=high))
    return figures


# ------------------------------------------------------------------ the store


async def _opened(data_dir: Path) -> SqliteStore:
    store = SqliteStore(data_dir / "gateway.db", KeyRing.load(data_dir / "keys" / "data.json"), SystemClock())
    await store.open()
    return store


async def _queue(data_dir: Path) -> str:
    """Make the database, a line, and the messages that wait; returns the line's id."""
    store = await _opened(data_dir)
    row = await store.line_seen(IDENTITY, None, LineHealth(LineState.UP))
    for _ in range(QUEUED // WAVE):
        await asyncio.gather(*(store.admit(_waiting(), None) for _ in range(WAVE)))
    await store.close()
    return row.id


def _waiting() -> NewMessage:
    now_ms = SystemClock().now_ms()
    return NewMessage(
        id=new_id(), tenant="default", key_id="bench", to="+4915110000001", text="Hello", octets=None, port=None,
        encoding="auto", coding="gsm7", parts=1, route="pool:default", line=None, pool=None, sandbox=False, priority=0,
        purpose="transactional", reference=None, batch_id=None, tags={}, delivery_report=True, flash=False,
        on_doubt="hold", max_parts=6, created_at_ms=now_ms, send_at_ms=None, expires_at_ms=now_ms + 604_800_000,
    )  # fmt: skip


async def _verbs(data_dir: Path, line: str, size: int) -> list[Cost]:
    store = await _opened(data_dir)
    view = View("default")
    verbs: dict[str, Callable[[], Awaitable[object]]] = {
        "look and claim": lambda: _look_and_claim(store, line),
        "list 50, newest first": lambda: store.messages(view, MessageFilter(), 50, None),
        "list 50 queued": lambda: store.messages(
            view, MessageFilter(states=(MessageState.QUEUED,)), 50, None
        ),
        "count by state": lambda: store.counts("default"),
        "admit": lambda: store.admit(_waiting(), None),
        "tick": store.tick,
    }
    assert tuple(verbs) == _VERBS
    costs: list[Cost] = []
    for verb, run in verbs.items():
        await run()
        samples: list[float] = []
        for _ in range(TIMES):
            began_s = time.perf_counter()
            await run()
            samples.append((time.perf_counter() - began_s) * 1000)
        costs.append(Cost(verb, size, tuple(samples)))
    await store.close()
    return costs


_VERBS = ("look and claim", "list 50, newest first", "list 50 queued", "count by state", "admit", "tick")


async def _look_and_claim(store: SqliteStore, line: str) -> None:
    looked = await store.look(line, 3, Pace())
    prepared = prepare(looked.work[0], 1, SystemClock().now_ms(), more_follow=True)
    claimed = await store.claim(Claim(line, "bench", "bench", (prepared,), Pace()))
    assert claimed.prepared is prepared


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
