"""Owns what the rules cost where it counts: a claim with everything in force, a STOP with 100,000 queued, fairness.

The store's own verbs on a real file; the pace is simulated with a clock that is moved by hand.
Source: bare and ruled claims in turns; a window is checked part by part.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from bench.batches import CALLER, CONFIG, chunks, people
from bench.figures import Effort, Figure, Limit, of_samples, script
from bench.processes import directory
from bench.rows import final_rows
from device_bridge.device import DeviceInfo, LineHealth, LineIdentity, LineState, PartSent
from gateway.admission import Admission
from gateway.batches import AskedBatch, BatchDesk
from gateway.clock import SystemClock, day_ends_ms
from gateway.composition import AdmissionSettings
from gateway.config import Config
from gateway.ids import new_id
from gateway.message import NewMessage
from gateway.organisation import rules_of
from gateway.policy.rules import Budget, Rules
from gateway.policy.tariff import Tariff
from gateway.preparation import prepare
from gateway.store.crypto import KeyRing
from gateway.store.people_rows import Wish
from gateway.store.rows import Claim, LineRow, Pace, Prepared
from gateway.store.sqlite import SqliteStore

TITLE = "Rules: claims, STOP, turns, windows"
SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (10_000, 50_000)
BACKLOG = 100_000
CLAIMS = 150
EVERYTHING = Pace(
    per_minute=6_000,
    per_hour=300_000,
    per_day=1_000_000,
    per_month=30_000_000,
    recipients_per_month=1_000_000,
    tariff=Tariff("GBP", 45_000, {"+44": 40_000, "+33": 80_000}),
    budgets=(Budget(line="a", micro_per_month=10**15, currency="GBP"),),
)
BARE = Pace()


class HandClock:
    """A clock that the simulation moves."""

    def __init__(self, now_ms: int) -> None:
        self.wall_ms = now_ms

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic_s(self) -> float:
        return self.wall_ms / 1000


@dataclass(frozen=True, slots=True)
class World:
    store: SqliteStore
    line: LineRow


async def world(folder: Path, rules: Rules, clock: SystemClock | HandClock) -> World:
    store = SqliteStore(
        folder / "gateway.db",
        KeyRing.load(folder / "keys" / "data.json"),
        clock,
        max_queued=5_000_000,
        rules=rules,
    )
    await store.open()
    await store.device_seen(DeviceInfo("imei-1", "modem", "port", emulated=False), True, None)
    identity = LineIdentity("8944000000000000001", "8944000000000000001", "234150000000001", "+447700900001")
    return World(store, await store.line_seen(identity, "imei-1", LineHealth(LineState.UP)))


def message(to: str, now_ms: int, **changes: object) -> NewMessage:
    new = NewMessage(
        id=new_id(), tenant="default", key_id="key", to=to, text="Your appointment is at 14:30", octets=None,
        port=None, encoding="auto", coding="gsm7", parts=1, route="pool:default", line=None, pool=None,
        sandbox=False, priority=0, purpose="transactional", reference=None, batch_id=None, tags={},
        delivery_report=True, flash=False, on_doubt="hold", max_parts=6, created_at_ms=now_ms, send_at_ms=None,
        expires_at_ms=now_ms + 40 * 86_400_000, country="GB",
    )  # fmt: skip
    return replace(new, **changes)  # type: ignore[arg-type]


async def next_of(w: World, pace: Pace) -> Prepared | None:
    """Look, encode and claim what comes next, and let the network take it."""
    looked = await w.store.look(w.line.id, 3, pace)
    if not looked.work:
        return None
    prepared = prepare(looked.work[0], random.randrange(256), w.line.last_seen_ms, more_follow=False)
    claimed = await w.store.claim(Claim(w.line.id, "imei-1", "node", (prepared,), pace))
    if claimed.prepared is None:
        return None
    await w.store.record(PartSent(prepared.attempt_id, 1, 1, w.line.last_seen_ms))
    return claimed.prepared


async def _claims(w: World, pace: Pace, times: int) -> list[float]:
    """Milliseconds of look and claim together, without what the radio says."""
    samples: list[float] = []
    for i in range(times):
        await w.store.admit(message(f"+4479112{i:05d}", int(time.time() * 1000)), None)
    for _ in range(times):
        began_s = time.perf_counter()
        looked = await w.store.look(w.line.id, 3, pace)
        prepared = prepare(looked.work[0], 1, int(time.time() * 1000), more_follow=False)
        await w.store.claim(Claim(w.line.id, "imei-1", "node", (prepared,), pace))
        samples.append((time.perf_counter() - began_s) * 1000)
    return samples


async def _claims_at(folder: Path, size: int, have: int) -> tuple[list[float], list[float]]:
    """Claims with everything in force and with nothing, in turns, beside ``size`` final rows."""
    rules = replace(
        rules_of(Config.model_validate_json(CONFIG)), budgets=(Budget(parts_per_month=10**9),), consent="off"
    )
    pairs: list[tuple[World, Pace]] = []
    for name, said, pace in (("ruled", rules, EVERYTHING), ("bare", Rules(), BARE)):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
        w = await world(folder / name, said, SystemClock())
        await w.store.close()
        await asyncio.to_thread(final_rows, folder / name / "gateway.db", have, size, w.line.id)
        pairs.append((await world(folder / name, said, SystemClock()), pace))
    samples: tuple[list[float], list[float]] = ([], [])
    for _ in range(4):
        for i, (w, pace) in enumerate(pairs):
            samples[i].extend(await _claims(w, pace, CLAIMS // 4))
    for w, _ in pairs:
        await w.store.close()
    return samples


def _claim_figures(folder: Path, sizes: tuple[int, ...]) -> list[Figure]:
    figures: list[Figure] = []
    have, medians = 0, []
    for size in sizes:
        ruled, bare = asyncio.run(_claims_at(folder, size, have))
        have = size
        ratio = statistics.median(ruled) / statistics.median(bare)
        medians.append(statistics.median(ruled))
        figures.append(of_samples(f"look and claim, all limits, {size:,} rows", ruled, "ms"))
        figures.append(
            Figure(f"  against a bare one, {size:,} rows", ratio, "×", (ratio, ratio), len(bare), high=2.0)
        )
    growth = medians[-1] / medians[0]
    figures.append(
        Figure(
            f"  growth over {sizes[-1] // sizes[0]} times the rows",
            growth,
            "×",
            (growth, growth),
            1,
            high=2.0,
        )
    )
    return figures


# ------------------------------------------------------------------ a backlog


async def _backlog(folder: Path, count: int) -> tuple[list[float], list[float]]:
    """STOP with a full queue (ms), and messages between another sender's text and its claim."""
    clock = SystemClock()
    w = await world(folder, Rules(), clock)
    desk = BatchDesk(w.store, Admission(w.store, AdmissionSettings(), clock), clock)
    receiving = await desk.begin(AskedBatch(text="Dear {name}: {class}"), CALLER)
    for some in chunks(people(0, count)):
        await receiving.add(some)
    await receiving.finish(None)
    stops: list[float] = []
    for i in range(30):
        number = f"+447911{i * 997 % count:06d}"
        for _ in range(3):
            await w.store.admit(message(number, clock.now_ms()), None)
        wish = Wish("default", number, "keyword", by="gateway", sandbox=False, keyword="STOP")
        began_s = time.perf_counter()
        await w.store.suppressions.add(wish)
        stops.append((time.perf_counter() - began_s) * 1000)
    waits: list[float] = []
    for i in range(30):
        await next_of(w, BARE)
        single = message(f"+4478{i:08d}", clock.now_ms(), key_id=f"nurse-{i}")
        await w.store.admit(single, None)
        behind = 0
        while (claimed := await next_of(w, BARE)) is not None and claimed.work.message.id != single.id:
            behind += 1
        waits.append(behind)
    desk.close()
    await w.store.close()
    return stops, waits


# ------------------------------------------------------------------ windows


async def _windows(folder: Path, sends: int) -> int:
    """Simulate sends at random moments; returns by how many parts the fullest window was exceeded (never above 0)."""
    clock = HandClock(1_800_000_000_000)
    w = await world(folder, Rules(), clock)
    pace = Pace(per_minute=7, per_hour=150, per_day=900)
    chance = random.Random(7)
    taken: list[int] = []
    while len(taken) < sends:
        clock.wall_ms += chance.choice((0, 0, 900, 3_000, 9_000, 30_000, 61_000))
        await w.store.admit(message("+447911123456", clock.wall_ms), None)
        looked = await w.store.look(w.line.id, 1, pace)
        if not looked.work:
            clock.wall_ms = max(clock.wall_ms, looked.paced_until_ms or 0)
            continue
        prepared = prepare(looked.work[0], 1, clock.wall_ms, more_follow=False)
        claimed = await w.store.claim(Claim(w.line.id, "imei-1", "node", (prepared,), pace))
        if claimed.prepared is not None:
            taken.append(clock.wall_ms)
    await w.store.close()
    by_day: dict[int, int] = {}
    for at_ms in taken:
        by_day[day_ends_ms(at_ms)] = by_day.get(day_ends_ms(at_ms), 0) + 1
    return max(
        _fullest(taken, 60_000) - pace.per_minute,
        _fullest(taken, 3_600_000) - pace.per_hour,
        max(by_day.values()) - pace.per_day,
    )


def _fullest(taken: list[int], window_ms: int) -> int:
    fullest, first = 0, 0
    for last, at_ms in enumerate(taken):
        while taken[first] <= at_ms - window_ms:
            first += 1
        fullest = max(fullest, last - first + 1)
    return fullest


def measure(effort: Effort) -> list[Figure]:
    """Measure claims, a STOP, turns and windows."""
    with directory(effort.directory) as folder:
        figures = _claim_figures(folder, QUICK_SIZES if effort.quick else SIZES)
        for name in ("backlog", "windows"):
            (folder / name).mkdir(mode=0o700)
        count = 10_000 if effort.quick else BACKLOG
        stops, waits = asyncio.run(_backlog(folder / "backlog", count))
        sends = 1_000 if effort.quick else 10_000
        over = asyncio.run(_windows(folder / "windows", sends))
    return [
        *figures,
        of_samples(f"STOP to the last of 3 cancelled, {count:,} queued", stops, "ms", Limit(high=50.0)),
        of_samples(
            f"another sender's text waits behind a backlog of {count:,}", waits, "messages", Limit(high=1.0)
        ),
        Figure(f"parts over any window in {sends:,} sends", over, "parts", (over, over), 1, high=0.0),
    ]


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
