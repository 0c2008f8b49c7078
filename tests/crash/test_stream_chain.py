"""Kills a server under its event streams, and cuts the streams themselves, then compares what was told with the table.

The readers live through the chain, two of either kind; each comes back with its cursor, as programs do.
Source: the HTTP interface (Last-Event-ID, after); invariant W4.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.harness.event_reader import Ended, EventReader, Kind
from tests.harness.gateway_process import GatewayProcess, Unreachable, until
from tests.harness.zygote import Zygote

pytestmark = [pytest.mark.crash, pytest.mark.timeout(3600)]

CONFIG = "[server]\nport = 0\n[serial]\ndiscover = false\n"
KILLS_OF_RUNS = 0.1
"""Of CRASH_RUNS: 20 in CI, 100 by ``make crash``."""
CUTS_OF_KILLS = 5
"""Streams of either kind that are cut for each kill: 100 in CI."""
CLIENTS = 3
POST_EVERY_S = 0.02
CUT_AFTER_S = (0.0, 0.15)
RUN_S = (0.1, 0.9)
DRAIN_S = 30.0


@dataclass
class Chain:
    """A server that dies, clients that post, and readers that come back."""

    server: GatewayProcess
    session: aiohttp.ClientSession
    chance: random.Random
    serving: asyncio.Event = field(default_factory=asyncio.Event)
    cuts: Counter[Kind] = field(default_factory=Counter)
    broken: Counter[Kind] = field(default_factory=Counter)
    accepted: int = 0

    async def post(self) -> None:
        """Send texts to an emulated line, without end."""
        while True:
            await self.serving.wait()
            try:
                await self.server.send("+99900000001", "Hello", key=self.server.sandbox)
            except Unreachable:
                continue
            self.accepted += 1
            await asyncio.sleep(POST_EVERY_S)

    async def read(self, reader: EventReader, *, cutting: asyncio.Event) -> None:
        """Read without end; now and then the connection breaks, whatever is on its way."""
        while True:
            await self.serving.wait()
            reader.base = self.server.url
            try:
                await reader.open()
                async with asyncio.timeout(self.chance.uniform(*CUT_AFTER_S) if cutting.is_set() else None):
                    while True:
                        await reader.step()
            except TimeoutError:
                reader.cut()
                self.cuts[reader.kind] += 1
            except (Ended, aiohttp.ClientError, OSError):
                reader.cut()
                self.broken[reader.kind] += 1
                await asyncio.sleep(0.01)

    async def live(self, kills: int, cutting: asyncio.Event) -> None:
        """Let the server live and die."""
        done = 0
        while done < kills or min(self.cuts["sse"], self.cuts["ws"]) < kills * CUTS_OF_KILLS:
            await asyncio.sleep(self.chance.uniform(*RUN_S))
            if done < kills:
                self.serving.clear()
                await self.server.kill()
                await self.server.start()
                self.serving.set()
                done += 1
        cutting.clear()

    def committed(self) -> dict[int, str]:
        """Read the public events from the file: seq and id."""
        with closing(sqlite3.connect(self.server.data_dir / "gateway.db")) as file:
            return dict(file.execute("SELECT seq, id FROM event WHERE public = 1 ORDER BY seq").fetchall())


async def test_what_streams_tell_is_what_was_committed_whoever_dies(
    tmp_path: Path, crash_runs: int, crash_seed: int
) -> None:
    print(f"CRASH_SEED={crash_seed}")
    kills = max(1, round(crash_runs * KILLS_OF_RUNS))
    zygote = Zygote()
    server = GatewayProcess(tmp_path, CONFIG, simulate=2, zygote=zygote)
    try:
        await server.start()
        async with aiohttp.ClientSession() as session:
            await chain_of(server, session, kills, random.Random(crash_seed))
    finally:
        await server.close()
        zygote.stop()


async def chain_of(
    server: GatewayProcess, session: aiohttp.ClientSession, kills: int, chance: random.Random
) -> None:
    chain = Chain(server, session, chance)
    chain.serving.set()
    kinds: tuple[Kind, ...] = ("sse", "ws", "sse", "ws")
    readers = [EventReader(session, server.url, server.live, kind, cursor=0) for kind in kinds]
    cutting = asyncio.Event()
    cutting.set()
    posting = [asyncio.create_task(chain.post()) for _ in range(CLIENTS)]
    reading = [asyncio.create_task(chain.read(reader, cutting=cutting)) for reader in readers]
    try:
        await chain.live(kills, cutting)
        for task in posting:
            task.cancel()
        newest = max(chain.committed())
        await until(
            lambda: all((reader.cursor or 0) >= newest for reader in readers), "readers are level", DRAIN_S
        )
        assert not [task for task in reading if task.done()]
    finally:
        for task in (*posting, *reading):
            task.cancel()
        await asyncio.gather(*posting, *reading, return_exceptions=True)
    print(f"{kills} kills, cuts {dict(chain.cuts)}, broken {dict(chain.broken)}; {chain.accepted} accepted")
    committed = {seq: event_id for seq, event_id in chain.committed().items() if seq <= newest}
    for reader in readers:
        told = [(seq, event["id"]) for seq, event in reader.told if seq <= newest]
        assert told == list(committed.items())
        assert "stream.gap" not in {event["type"] for _, event in reader.told}
    assert chain.accepted > kills
