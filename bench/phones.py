"""Owns the figures of phones: twenty at their platform's pace, the way of a text to one that idles, an hour's replay.

The phones are the companion of the tests, all of them in one process beside a real ``gateway serve``.
Source: docs/link.md; 30 parts in 60 s are the platform's limit, 25 what is used of it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.figures import Effort, Figure, Limit, of_samples, script
from bench.processes import cpu_s, directory
from tests.harness.gateway_process import GatewayProcess, until
from tests.harness.phones import PhoneProcess, config, free_port, offer, usb_url

TITLE = "Phones (2 SIMs each, link over loopback)"
PHONES = 20
SUBMIT_S = 1.0
PARTS, WINDOW_S = 25, 60.0
POSTING = 16
LATENCY_TEXTS = 60
INBOUND, REPORTS = 1_000, 500
WANTED = {
    "core": Limit(high=0.3),
    "share": Limit(low=98.0),
    "latency": Limit(high=50.0),
    "replay": Limit(high=10.0),
}


def measure(effort: Effort) -> list[Figure]:
    """Measure all three."""
    with directory(effort.directory) as folder:
        return asyncio.run(_all(folder, effort))


async def _all(folder: Path, effort: Effort) -> list[Figure]:
    # Two windows after the first burst are the least that shows a steady pace.
    figures = await _pace(folder / "pace", effort.turn_s(200, 80))
    figures += await _latency(folder / "latency")
    return [*figures, *await _replay(folder / "replay")]


@asynccontextmanager
async def _world(
    folder: Path, phones: int, *options: str
) -> AsyncIterator[tuple[GatewayProcess, PhoneProcess]]:
    """A server with so many phones on its cables, all lines up."""
    limit = "[server]\nport = 0\nrate_limit = 10000000\n"
    server = GatewayProcess(folder / "gateway", config(free_port()).replace("[server]\nport = 0\n", limit))
    companions = PhoneProcess(folder / "phones", "--phones", str(phones), *options)
    try:
        await server.start()
        await companions.start()
        for number in range(phones):
            code = (await offer(server))["code"]
            paired = await companions.ask("pair", number, url=usb_url(server), code=code)
            if "refused" in paired:
                raise RuntimeError(f"phone {number} was not paired: {paired}")
            await companions.ask("plug", number, url=usb_url(server))
        await server.lines_up(2 * phones, limit_s=60)
        yield server, companions
    finally:
        await server.close()
        await companions.kill()


async def _post(server: GatewayProcess, count: int) -> None:
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            await server.send(f"+447700{number:06d}", "one part")

    await asyncio.gather(*(client() for _ in range(POSTING)))


# ------------------------------------------------------------------ twenty at their pace


async def _pace(folder: Path, seconds: float) -> list[Figure]:
    options = ("--submit-s", str(SUBMIT_S), "--report-s", "2")
    async with _world(folder, PHONES, *options) as (server, phones):
        for number in range(PHONES):
            await phones.ask("pull", number)
        await _post(server, round(PHONES * PARTS * (seconds / WINDOW_S + 2)))
        for number in range(PHONES):
            await phones.ask("plug", number, url=usb_url(server))
        used_s, began_s = cpu_s(server.pid), time.monotonic()
        await asyncio.sleep(seconds)
        cores = (cpu_s(server.pid) - used_s) / (time.monotonic() - began_s)
        # As the platform counts them: when it is called, not when the radio gets round to it.
        handed = [sorted((await phones.ask("handed", number))["handed"].values()) for number in range(PHONES)]
    shares = [_share(times) for times in handed]
    parts = sum(map(len, handed))
    note = f"{parts} parts and their reports in {seconds:g} s"
    most = max(_most_in_window(times) for times in handed)
    return [
        of_samples(f"{PHONES} phones at their pace: processor", [cores], "cores", WANTED["core"], note),
        Figure(
            "  worst phone, of its pace", min(shares), "%", (min(shares), max(shares)), PHONES,
            low=WANTED["share"].low, note=f"pace {PARTS} parts in {WINDOW_S:g} s",
        ),
        of_samples("  most parts in a window", [most], "parts", Limit(high=30), "the platform asks a person above 30"),
    ]  # fmt: skip


def _share(times_ms: list[int]) -> float:
    """Per cent of the pace: a part may go when the one that is a whole allowance older leaves the window."""
    lags = [(later - earlier) / 1000 for earlier, later in zip(times_ms, times_ms[PARTS:], strict=False)]
    return 100 * WINDOW_S / (sum(lags) / len(lags)) if lags else 0.0


def _most_in_window(times_ms: list[int]) -> int:
    return max((sum(at <= each < at + WINDOW_S * 1000 for each in times_ms) for at in times_ms), default=0)


# ------------------------------------------------------------------ the way of a text


async def _latency(folder: Path) -> list[Figure]:
    async with _world(folder, 1, "--submit-s", "0.01", "--limit-parts", "100000") as (server, phones):
        posted: dict[str, float] = {}
        for number in range(LATENCY_TEXTS):
            to = f"+4477009{number:05d}"
            posted[to] = time.time() * 1000
            await server.reaches(await server.send(to, "one part"), "delivered")
        handed = (await phones.ask("handed"))["handed"]
    samples = sorted(handed[to] - at_ms for to, at_ms in posted.items())
    return [
        of_samples(
            "from POST to the phone's radio, idle",
            samples,
            "ms",
            WANTED["latency"],
            "admission and two commits included",
        )
    ]


# ------------------------------------------------------------------ an hour without a link


async def _replay(folder: Path) -> list[Figure]:
    options = ("--submit-s", "0", "--report-s", "100000", "--limit-parts", "100000")
    async with _world(folder, 1, *options) as (server, phones):
        await _post(server, REPORTS)

        async def sent() -> bool:
            counts = Counter(item["state"] for item in await server.all("/api/v1/messages"))
            return counts["sent"] == REPORTS

        await until(sent, "all are sent", 120, 0.5)
        await phones.ask("drained", limit_s=30)
        await phones.ask("pull")
        await phones.ask("gather", inbound=INBOUND, reports=REPORTS)
        began_s = time.monotonic()
        await phones.ask("plug", url=usb_url(server))
        await phones.ask("drained", limit_s=120)
        took_s = time.monotonic() - began_s
        inbound = Counter(item["text"] for item in await server.all("/api/v1/inbound"))
        states = Counter(item["state"] for item in await server.all("/api/v1/messages"))
    if len(inbound) != INBOUND or set(inbound.values()) != {1} or states["delivered"] != REPORTS:
        raise RuntimeError(f"{len(inbound)} texts, {max(inbound.values())} times at most, {dict(states)}")
    note = f"{INBOUND} texts and {REPORTS} reports, all there, none twice"
    return [of_samples("replay of an hour's journal", [took_s], "s", WANTED["replay"], note)]


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
