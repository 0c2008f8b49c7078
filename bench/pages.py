"""Owns the figures of the dashboard's pages: bytes, and milliseconds of an answer with 100,000 messages stored.

The real pages, store and session behind a real socket, in one process with the client: what is measured is what a
browser waits for, its own drawing left out.
Source: the budgets of the dashboard.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import sys
import time
from pathlib import Path

import aiohttp
import structlog

from bench.figures import Effort, Figure, percentile, script
from bench.processes import directory
from bench.rows import final_rows
from device_bridge.device import DeviceInfo, LineHealth, LineIdentity, LineState
from gateway.admission import Admission, AdmissionSettings
from gateway.clock import SystemClock
from gateway.http.app import build_app
from gateway.http.keys import new_key
from gateway.http.protocol import listen, make_runner
from gateway.http.services import Services
from gateway.store.crypto import KeyRing
from gateway.store.rows import LineSettings, MessageFilter, View
from gateway.store.sqlite import SqliteStore
from gateway.web import SITE
from gateway.web.assets import ASSETS

TITLE = "pages, 100,000 messages stored"
LINES = 4
ROWS = 100_000
ASKED = 40
PAGE_KIB = 60
P95_MS = 50.0
ASSETS_KIB = 40

PAGES = (
    "/", "/send", "/messages", "/messages?state=failed", "/messages?to=%2B4915110000001", "/messages/{message}",
    "/conversations", "/batches", "/batches/new", "/devices", "/lines/{line}", "/doctor", "/webhooks", "/keys",
    "/suppressions", "/templates", "/settings", "/help", "/help/pace", "/problems",
)  # fmt: skip


def measure(effort: Effort) -> list[Figure]:
    """Fill a database and open every page of it many times."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with directory(effort.directory) as folder:
        path = folder / "gateway.db"
        line = asyncio.run(_remember(path))
        final_rows(path, 0, ROWS // 10 if effort.quick else ROWS, line)
        return [_weight(), *asyncio.run(_open(path, line))]


def _weight() -> Figure:
    kib = sum(len(ASSETS[name].octets) for name in ("style.css", "page.js")) / 1024
    return Figure("style and script", kib, "KiB", (kib, kib), 1, None, ASSETS_KIB)


async def _opened(path: Path) -> SqliteStore:
    store = SqliteStore(path, KeyRing.load(path.parent / "keys" / "data.json"), SystemClock())
    await store.open()
    return store


async def _remember(path: Path) -> str:
    store = await _opened(path)
    for number in range(LINES):
        device = DeviceInfo(id=f"imei-{number}", kind="modem", address=f"port-{number}")
        await store.device_seen(device, True, None)
        identity = LineIdentity(f"89{number:017}", f"89{number:017}", None, f"+4477009{number:05}")
        health = LineHealth(LineState.UP, signal_dbm=-80)
        row = await store.line_seen(identity, device.id, health, LineSettings(label=f"Line {number}"))
    await store.close()
    return row.id


async def _open(path: Path, line: str) -> list[Figure]:
    store = await _opened(path)
    clock = SystemClock()
    services = Services(store, Admission(store, AdmissionSettings(), clock), clock)
    row, key = new_key("default", "bench", ("*",), clock.now_ms(), sandbox=False)
    await store.add_key(row)
    message = (await store.messages(View("default"), MessageFilter(), 1, None)).items[0].id
    runner = make_runner(build_app(services, SITE), services.settings)
    _, port = await listen(runner, "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{port}"
    figures: list[Figure] = []
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(
        headers={"Accept": "text/html", "Origin": origin}, cookie_jar=jar
    ) as session:
        async with session.post(f"{origin}/sign-in", data={"secret": key, "next": "/"}) as got:
            if got.status != 200:
                raise RuntimeError(f"sign-in answers {got.status}")
        for page in PAGES:
            figures += await _page(session, origin + page.format(message=message, line=line), page)
    await runner.cleanup()
    await store.close()
    return figures


async def _page(session: aiohttp.ClientSession, url: str, name: str) -> list[Figure]:
    samples: list[float] = []
    octets = 0
    for _ in range(ASKED + 1):
        began_s = time.perf_counter()
        async with session.get(url) as got:
            octets = len(await got.read())
            if got.status != 200:
                raise RuntimeError(f"{name} answers {got.status}")
        samples.append((time.perf_counter() - began_s) * 1000)
    samples = samples[1:]
    kib = octets / 1024
    if kib > PAGE_KIB:
        raise RuntimeError(f"{name} has {kib:.0f} KiB")
    note = f"median {statistics.median(samples):.1f} ms, {kib:.1f} KiB"
    spread = (min(samples), max(samples))
    return [Figure(f"{name}, p95", percentile(samples, 0.95), "ms", spread, ASKED, None, P95_MS, note)]


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
