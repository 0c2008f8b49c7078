"""Owns the figures of batches: messages a second through the whole admission, what the rules cost, the loop's pauses.

The desk, the composer and the store are the product's own, in this process; every rule of the configuration is on.
Source: measured in turns of one run, because machines are shared and noisy.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Effort, Figure, Limit, of_samples, percentile, script
from bench.processes import directory
from device_bridge.device import DeviceInfo, LineHealth, LineIdentity, LineState
from gateway.admission import Admission
from gateway.batches import Addressee, AskedBatch, BatchDesk
from gateway.clock import SystemClock
from gateway.composition import AdmissionSettings
from gateway.config import Config
from gateway.draft import Caller
from gateway.organisation import admission_settings, rules_of
from gateway.policy.rules import Rules
from gateway.store.crypto import KeyRing
from gateway.store.people_rows import NewConsent, Wish
from gateway.store.rows import KeyRow
from gateway.store.sqlite import SqliteStore
from gateway.supervisor import SWITCH_INTERVAL_S

TITLE = "Batches: admission in bulk"
CALLER = Caller("bench", "bench", "default", frozenset({"*"}))
TEXT = "Dear {name}, parents' evening of class {class} has moved to 18:30 on Thursday."
LAG_EVERY_S = 0.002
CHUNK = 250

CONFIG = """
{"policy": {"sender_name": "Hill School", "approval_over": 1000000, "home_countries": ["GB"],
   "approval_keys": ["trainee"], "cheapest": ["default"], "consent": "all",
   "quiet_open": {"mon-sun": "00:00-24:00"}, "quiet_holidays": false,
   "quiet_purposes": ["transactional", "marketing"]},
 "content_rule": [{"name": "no-links", "pattern": "https?://", "action": "refuse"},
   {"name": "money", "pattern": "iban|prize", "action": "hold"}],
 "guard": [{"key": "bench", "per_recipient_per_hour": 100, "number_range": 900, "allow_countries": ["GB"]}],
 "budget": [{"parts_per_month": 10000000}, {"key": "bench", "money_per_month": "100000"}],
 "route": [{"to_country": "FR", "pool": "france"}, {"tag": "kind=otp", "pool": "otp"}],
 "messages": {"max_queued": 5000000}}
"""
"""Every rule is in force; each of the numbers has a consent, and somebody else said STOP."""
STRIDE = 997
"""Apart enough that the numbers of one turn are of many ranges."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One batch: messages a second, and how late the loop was meanwhile (ms)."""

    per_second: float
    lags_ms: tuple[float, ...]


def number_of(i: int) -> str:
    return f"+447911{i * STRIDE % 1_000_000:06d}"


def people(first: int, count: int) -> list[Addressee]:
    """Rows with numbers of British mobiles that were never judged before."""
    return [
        Addressee(i, number_of(i), {"name": f"Child {i}", "class": f"{i % 9}B"})
        for i in range(first, first + count)
    ]


def chunks(rows: Sequence[Addressee]) -> Iterator[Sequence[Addressee]]:
    for first in range(0, len(rows), CHUNK):
        yield rows[first : first + CHUNK]


async def _store(folder: Path, rules: Rules) -> SqliteStore:
    store = SqliteStore(
        folder / "gateway.db",
        KeyRing.load(folder / "keys" / "data.json"),
        SystemClock(),
        max_queued=5_000_000,
        rules=rules,
    )
    await store.open()
    await store.device_seen(DeviceInfo("imei-1", "modem", "port", emulated=False), True, None)
    identity = LineIdentity("8944000000000000001", "8944000000000000001", "234150000000001", "+447700900001")
    await store.line_seen(identity, "imei-1", LineHealth(LineState.UP))
    return store


async def _lag(lags: list[float]) -> None:
    """Note how late each short sleep ends: what a request that comes in this moment would wait."""
    while True:
        began_s = time.perf_counter()
        await asyncio.sleep(LAG_EVERY_S)
        lags.append((time.perf_counter() - began_s - LAG_EVERY_S) * 1000)


async def _turn(desk: BatchDesk, first: int, count: int) -> Turn:
    rows = people(first, count)
    lags: list[float] = []
    watcher = asyncio.create_task(_lag(lags))
    asked = AskedBatch(text=TEXT)
    began_s = time.perf_counter()
    receiving = await desk.begin(asked, CALLER)
    for some in chunks(rows):
        await receiving.add(some)
    row, _ = await receiving.finish(None)
    took_s = time.perf_counter() - began_s
    watcher.cancel()
    if row.accepted != count:
        raise RuntimeError(f"only {row.accepted} of {count} were accepted: {row.rejections[:1]}")
    return Turn(count / took_s, tuple(lags))


async def _consents(store: SqliteStore, numbers: Sequence[str]) -> None:
    """Let everybody have agreed; many together, so that they share commits."""
    now_ms = SystemClock().now_ms()
    for first in range(0, len(numbers), 500):
        await asyncio.gather(
            *(
                store.consents.record(
                    NewConsent("default", number, "transactional", "contract", "form", now_ms - 1000, "bench")
                )
                for number in numbers[first : first + 500]
            )
        )
    await store.suppressions.add(Wish("default", "+447900000000", "keyword", keyword="STOP"))


async def _measure(folder: Path, effort: Effort) -> tuple[list[Turn], list[Turn]]:
    """Batches with every rule on and with none, in turns."""
    config = Config.model_validate_json(CONFIG)
    worlds: list[tuple[BatchDesk, SqliteStore]] = []
    for name, rules, settings in (
        ("ruled", rules_of(config), admission_settings(config)),
        ("bare", Rules(), AdmissionSettings()),
    ):
        (folder / name).mkdir(mode=0o700)
        store = await _store(folder / name, rules)
        worlds.append((BatchDesk(store, Admission(store, settings, SystemClock()), SystemClock()), store))
    count, first = 2_000 if effort.quick else 10_000, 0
    rounds = effort.rounds(5, 2)
    await worlds[0][1].add_key(KeyRow("bench", "default", "bench", "bench", b"", ("*",), False, 0))
    await _consents(worlds[0][1], [number_of(i) for i in range(count * rounds)])
    turns: tuple[list[Turn], list[Turn]] = ([], [])
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for i, (desk, _) in enumerate(worlds):
            turns[i].append(await _turn(desk, first, count))
        first += count
    for desk, store in worlds:
        desk.close()
        await store.close()
    return turns


def measure(effort: Effort) -> list[Figure]:
    """Measure batches in turns with and without rules."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with directory(effort.directory) as folder:
        ruled, bare = asyncio.run(_measure(folder, effort))
    ratios = [with_rules.per_second and without.per_second / with_rules.per_second
              for with_rules, without in zip(ruled, bare, strict=True)]  # fmt: skip
    worst = [max(turn.lags_ms) for turn in ruled]
    late = [percentile(turn.lags_ms, 0.99) for turn in ruled]
    return [
        of_samples("messages a second, every rule on", [t.per_second for t in ruled], "/s", Limit(low=3000)),
        of_samples("messages a second, no rule", [t.per_second for t in bare], "/s"),
        of_samples("cost of a message, every rule on / none", ratios, "×", Limit(high=1.5), "in turns"),
        of_samples("the loop's longest pause meanwhile", worst, "ms", Limit(high=20.0)),
        of_samples(
            "the loop's pause, 99th percentile", late, "ms", note=f"{statistics.mean(late):.2f} on average"
        ),
    ]


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
