"""Owns the figures of /metrics: milliseconds of an answer with 64 lines known and 100,000 messages stored.

The real route, store and counters behind a real socket, in one process with the client. Every line has met every
state in two encodings, and 40 routes were asked, so that the answer is as long as it becomes after months.
Source: the HTTP interface; limits of the design.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import time
from pathlib import Path

import aiohttp
import structlog

from bench.figures import Effort, Figure, Limit, of_samples, percentile, script
from bench.processes import directory
from bench.rows import final_rows
from device_bridge.device import DeviceInfo, LineHealth, LineIdentity, LineState
from gateway.admission import Admission, AdmissionSettings
from gateway.clock import SystemClock
from gateway.http.app import ROUTES, build_app
from gateway.http.keys import new_key
from gateway.http.protocol import listen, make_runner
from gateway.http.services import Services
from gateway.message import MessageState
from gateway.store.crypto import KeyRing
from gateway.store.noted import Committed, Noted
from gateway.store.rows import LineRow, LineSettings
from gateway.store.sqlite import SqliteStore

TITLE = "/metrics, 64 lines"
LINES = 64
ROWS = (0, 100_000)
SCRAPES = 50
USED_ROUTES = 40
ON_LINES = tuple(state for state in MessageState if state not in (MessageState.QUEUED, MessageState.HELD))
OPEN_METRICS = "application/openmetrics-text;version=1.0.0"


def measure(effort: Effort) -> list[Figure]:
    """Scrape without messages and with many."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    figures: list[Figure] = []
    with directory(effort.directory) as folder:
        path = folder / "gateway.db"
        lines = asyncio.run(_remember(path))
        have = 0
        for rows in ROWS:
            if rows:
                final_rows(path, have, rows, lines[0].id)
                have = rows
            figures += asyncio.run(_scrape(path, lines, rows))
    return figures


async def _opened(path: Path) -> SqliteStore:
    store = SqliteStore(path, KeyRing.load(path.parent / "keys" / "data.json"), SystemClock())
    await store.open()
    return store


async def _remember(path: Path) -> list[LineRow]:
    store = await _opened(path)
    lines: list[LineRow] = []
    for number in range(LINES):
        device = DeviceInfo(id=f"imei-{number}", kind="modem", address=f"port-{number}")
        await store.device_seen(device, True, None)
        identity = LineIdentity(f"89{number:017}", f"89{number:017}", None, f"+4477009{number:05}")
        health = LineHealth(LineState.UP, signal_dbm=-80)
        settings = LineSettings(label=f"Line {number}", per_hour=100, per_month=3000)
        lines.append(await store.line_seen(identity, device.id, health, settings))
    await store.close()
    return lines


async def _scrape(path: Path, lines: list[LineRow], rows: int) -> list[Figure]:
    store = await _opened(path)
    clock = SystemClock()
    services = Services(store, Admission(store, AdmissionSettings(), clock), clock)
    _count(services, lines)
    row, key = new_key("default", "bench", ("metrics:read",), clock.now_ms(), sandbox=False)
    await store.add_key(row)
    runner = make_runner(build_app(services), services.settings)
    _, port = await listen(runner, "127.0.0.1", 0)
    # As at the end of the gateway's start.
    gc.collect()
    gc.freeze()
    figures: list[Figure] = []
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        for name, accept in (("text", "*/*"), ("OpenMetrics", OPEN_METRICS)):
            samples: list[float] = []
            octets = 0
            for _ in range(SCRAPES + 1):
                began_s = time.perf_counter()
                async with session.get(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept}) as got:
                    octets = len(await got.read())
                    if got.status != 200:
                        raise RuntimeError(f"/metrics answers {got.status}")
                samples.append((time.perf_counter() - began_s) * 1000)
            samples = samples[1:]
            p95 = percentile(samples, 0.95)
            spread = (min(samples), max(samples))
            note = f"{octets / 1024:.0f} KiB"
            figures += [
                of_samples(f"{name}, {rows:,} messages", samples, "ms", Limit(high=20.0), note),
                Figure("  p95", p95, "ms", spread, len(samples)),
            ]
    await runner.cleanup()
    await store.close()
    return figures


def _count(services: Services, lines: list[LineRow]) -> None:
    """Tell what months would."""
    tell = services.figures
    for line in lines:
        for state in ON_LINES:
            for coding in ("gsm7", "ucs2"):
                noted = Noted("message", "default", False, line.id, state.value, "id", coding)
                tell.committed(Committed(0.002, 3, [noted]))
        for state_of_part in ("sent", "delivered", "rejected"):
            tell.committed(
                Committed(0.002, 3, [Noted("part", "default", False, line.id, state_of_part, "id")])
            )
    for route in ROUTES[:USED_ROUTES]:
        tell.answered(route.path, route.method, route.status, 0.01)


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
