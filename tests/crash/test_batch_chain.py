"""Kills a server while batches come in, run, wait paused and are being cancelled, and counts what is left of each.

The client and the modems live through the chain. A client insists: it sends the same file with the same key until it
is answered 202.
Source: invariants W1 and W2; rules API-3 and API-8.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.crash.batch_ledger import (
    HALF_RECEIVED,
    BatchLedger,
    StoreFile,
    Upload,
    check_air,
    check_batches,
    check_whole,
)
from tests.crash.ledger import Verdict
from tests.harness.air import Air
from tests.harness.gateway_process import GatewayProcess, Unreachable, until
from tests.harness.zygote import Zygote

pytestmark = [pytest.mark.crash, pytest.mark.timeout(3600)]

KILLS_OF_RUNS = 0.15
"""Of CRASH_RUNS: 30 in CI, 150 by ``make crash``."""
LINES = 2
ROWS = {"small": 30, "json": 2_000, "csv": 20_000, "ndjson": 20_000}
"""Recipients of each kind of upload. Small ones are sent to the last; of the others the rest is cancelled."""
WEIGHTS = {"small": 56, "json": 36, "csv": 4, "ndjson": 4}
KILLS_OF_ONE = 2
"""At most so many kills while one upload is made."""
PIECE_ROWS = 250
END_S = 120.0
PAUSED_S = 0.5
FULL_S = 1.0


@dataclass
class Chain:
    """The world around the server, and what it remembers."""

    server: GatewayProcess
    air: Air
    chance: random.Random
    session: aiohttp.ClientSession
    store: StoreFile
    ledger: BatchLedger = field(default_factory=BatchLedger)
    struck: Counter[str] = field(default_factory=Counter)
    took_s: dict[str, float] = field(default_factory=dict)
    """How long each kind takes from the first octet to the answer, when nobody kills."""
    kills_left: int = 0

    async def run(self, kills: int) -> None:
        await self.server.start()
        await self.server.lines_up(LINES)
        for kind in ROWS:
            await self._story(kind, 0)
        self.kills_left = kills
        for kind in ROWS:
            await self._story(kind, 1)
        while self.kills_left:
            kind = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            await self._story(kind, self.chance.randint(1, KILLS_OF_ONE))

    async def _story(self, kind: str, kills: int) -> None:
        """Upload, and end what would take too long to send; ``kills``: while it is uploaded."""
        upload = Upload(f"b{len(self.ledger.uploads):04d}", kind, ROWS[kind])
        self.ledger.uploads[upload.token] = upload
        await self._upload(upload, kills)
        path = f"/api/v1/batches/{self.ledger.accepted[upload.token]}"
        if kind == "small":
            await self._kill_perhaps("running", 0.3)
            return
        if kills and self.chance.random() < 0.5:
            await self._paused(path)
        await self._cancelled(path)

    # ------------------------------------------------------------------ an upload

    async def _upload(self, upload: Upload, kills: int) -> None:
        while True:
            began_s = time.monotonic()
            posting = asyncio.create_task(self._post(upload))
            if kills and self.kills_left:
                kills -= 1
                await self._strike(upload, posting)
            try:
                status, batch = await posting
            except Unreachable:
                self.ledger.repeated += 1
                continue
            if status == 503 and batch["code"] == "queue_full":
                # What earlier runs left half received, or cancelled, still counts until it is gone.
                await asyncio.sleep(FULL_S)
                continue
            assert status == 202, f"{upload}: {status} {batch}"
            self.took_s.setdefault(upload.kind, time.monotonic() - began_s)
            first = self.ledger.accepted.setdefault(upload.token, batch["id"])
            assert first == batch["id"], f"{upload} was accepted as {first} and as {batch['id']}"
            if not (kills and self.kills_left):
                return

    async def _post(self, upload: Upload) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.server.live}", "Idempotency-Key": upload.token}
        url = f"{self.server.url}/api/v1/batches"
        content: dict[str, Any]
        if upload.kind in ("small", "json"):
            content = {"json": _body(upload)}
        else:
            headers["Content-Type"] = "text/csv" if upload.kind == "csv" else "application/x-ndjson"
            query = {"text": f"{upload.token} {{name}}", "reference": upload.token}
            content = {"data": _pieces(upload), "params": query}
        limit = aiohttp.ClientTimeout(total=120)
        try:
            async with self.session.post(url, headers=headers, timeout=limit, **content) as got:
                return got.status, await got.json()
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Unreachable(f"{upload}: {error!r}") from error

    async def _strike(self, upload: Upload, posting: asyncio.Task[tuple[int, Any]]) -> None:
        """At any moment of the upload, at its end, or between its last commit and the answer."""
        moment = self.chance.choice(("anywhere", "anywhere", "at its end", "committed"))
        took_s = self.took_s[upload.kind]
        if moment == "anywhere":
            await asyncio.sleep(self.chance.uniform(0, took_s))
        elif moment == "at its end":
            await asyncio.sleep(self.chance.uniform(0.8, 1.2) * took_s)
        else:
            await until(
                lambda: posting.done() or self.store.is_let_go(upload.token), "the last commit", END_S, 0.001
            )
        await self._kill(f"{upload.kind} {moment}")

    # ------------------------------------------------------------------ what becomes of it

    async def _paused(self, path: str) -> None:
        """Paused is paused, whoever dies: nothing of it is claimed any more."""
        before = await self._insist("POST", f"{path}/pause")
        await self._kill_perhaps("paused", 1.0)
        await self.server.lines_up(LINES)
        await asyncio.sleep(PAUSED_S)
        after = await self.server.get(path)
        assert after["state"] == before["state"] == "paused", after
        assert after["counts"]["queued"] >= before["counts"]["queued"], (
            f"{before['counts']} → {after['counts']}"
        )

    async def _cancelled(self, path: str) -> None:
        """Its messages end a few at a time, beside all that follows; the next run goes on with it."""
        await self._insist("DELETE", path)
        if self.chance.random() < 0.5:
            await self._kill_perhaps("cancelling", 1.0)
        assert (await self.server.get(path))["state"] == "cancelled"

    async def _insist(self, method: str, path: str) -> Any:
        answer = await self.server.call(method, path, limit_s=30)
        assert answer.status == 200, answer
        return answer.json

    # ------------------------------------------------------------------ kills

    async def _kill_perhaps(self, what: str, within_s: float) -> None:
        if self.kills_left:
            await asyncio.sleep(self.chance.uniform(0, within_s))
            await self._kill(what)

    async def _kill(self, what: str) -> None:
        """End the run, check what it left as the next one finds it, and begin that; every fourth dies starting."""
        self.kills_left -= 1
        self.struck[what] += 1
        assert await self.server.kill() == -9, f"it ended by itself: {self.server.complaints[-3000:]}"
        await self.server.launch()
        if self.chance.random() < 0.25:
            await asyncio.sleep(self.chance.uniform(0, 0.6))
            self.struck["starting"] += 1
            assert await self.server.kill() == -9, f"it ended by itself: {self.server.complaints[-3000:]}"
            await self.server.launch()
        await self.server.serving()
        verdict = Verdict()
        check_whole(verdict, self.store)
        verdict.raise_if_wrong(f"after a kill ({what})")

    async def drained(self) -> None:
        def settled() -> bool:
            waiting = "SELECT count(*) FROM message WHERE state IN ('queued', 'submitting', 'sent')"
            return self.store.rows(f"SELECT ({waiting}) + ({HALF_RECEIVED})") == [(0,)]

        await until(settled, "everything is delivered, cancelled or in doubt", END_S, 0.2)


def _body(upload: Upload) -> dict[str, Any]:
    people = [{"to": upload.number(row), "data": {"name": f"child {row}"}} for row in range(upload.rows)]
    return {"text": f"{upload.token} {{name}}", "reference": upload.token, "recipients": people}


async def _pieces(upload: Upload) -> AsyncIterator[bytes]:
    if upload.kind == "csv":
        yield b"number,name\n"
    for first in range(0, upload.rows, PIECE_ROWS):
        rows = range(first, min(first + PIECE_ROWS, upload.rows))
        if upload.kind == "csv":
            yield "".join(f"{upload.number(row)},child {row}\n" for row in rows).encode()
        else:
            lines = ({"to": upload.number(row), "data": {"name": f"child {row}"}} for row in rows)
            yield "".join(json.dumps(line) + "\n" for line in lines).encode()


@asynccontextmanager
async def chain(folder: Path, seed: int) -> AsyncIterator[Chain]:
    zygote = Zygote()
    air = Air(lines=LINES)
    await air.start()
    modems = "".join(f'[[modem]]\nport = "{port}"\n' for port in air.ports.values())
    config = (
        "[server]\nport = 0\n[serial]\ndiscover = false\n[lines]\nper_minute = 0\nper_day = 0\n"
        f'[policy]\nhome_countries = ["GB"]\n{modems}'
    )
    server = GatewayProcess(folder, config, zygote=zygote)
    try:
        async with aiohttp.ClientSession() as session:
            store = StoreFile(server.data_dir / "gateway.db")
            yield Chain(server, air, random.Random(seed), session, store)
    finally:
        await server.close()
        await air.close()
        zygote.stop()


async def test_API_8_W1_killed_while_batches_come_in_run_and_end_each_is_there_once_or_not_at_all(
    tmp_path: Path, crash_runs: int, crash_seed: int
) -> None:
    kills = round(crash_runs * KILLS_OF_RUNS)
    began_s = time.monotonic()
    async with chain(tmp_path, crash_seed) as world:
        await world.run(kills)
        ran_s = time.monotonic() - began_s
        await world.drained()
        verdict = Verdict()
        check_whole(verdict, world.store)
        check_batches(verdict, world.ledger, world.store)
        check_air(verdict, world.ledger, world.store, world.air)
        story = (
            f"seed {crash_seed}: {kills} kills {dict(world.struck)} in {ran_s:.0f} s, "
            f"{world.ledger.repeated} uploads repeated, {dict(verdict.counts)}, "
            f"unkilled { ({kind: round(s, 2) for kind, s in world.took_s.items()}) } s"
        )
        print(story)
        verdict.raise_if_wrong(story)
