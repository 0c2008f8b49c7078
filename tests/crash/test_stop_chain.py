"""Proves that a stop is all or nothing: a server is killed again and again while people text STOP, then all is counted.

Each run has its own people: texts wait for them, they all say STOP, and the server dies somewhere on the way. Whoever
is heard is suppressed, has nothing waiting, and is told so once; whoever is not has lost nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.harness.gateway_process import GatewayProcess, Unreachable, until
from tests.harness.zygote import Zygote

pytestmark = [pytest.mark.crash, pytest.mark.timeout(3600)]

LINES = 2
PEOPLE = 8
WAITING = 3
"""Texts that wait for each of them: planned for tomorrow, so that only a stop ends them."""
RUNS_MIN = 10
LONGEST_S = 0.4
"""From the first STOP to the kill: a handful of stops takes less than that, their confirmations included."""
CONFIG = (
    "[server]\nport = 0\n[serial]\ndiscover = false\n[lines]\nper_minute = 0\nper_day = 0\n"
    '[policy]\nsender_name = "Hill School"\n'
)
CONFIRMATION = "Hill School: You will get no more messages. To return, reply START."


@dataclass
class Chain:
    """The server and the people, who live through every run."""

    server: GatewayProcess
    chance: random.Random
    people: dict[str, list[str]] = field(default_factory=dict)
    """Number → ids of the texts that wait for it."""
    stopped: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """One life of the server: texts are accepted, STOPs arrive, it is killed."""
        await self.server.start()
        lines = await self.server.lines_up(LINES)
        self.lines = [line["number"] for line in lines]
        run = [await self._wait_for_somebody() for _ in range(PEOPLE)]
        texting = asyncio.gather(*(self._stop(number) for number in run))
        await asyncio.sleep(self.chance.uniform(0, LONGEST_S))
        assert await self.server.kill() == -9, self.server.complaints[-3000:]
        await texting

    async def _wait_for_somebody(self) -> str:
        number = f"+99901{len(self.people):05d}1"
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        ids = await asyncio.gather(
            *(self.server.send(number, f"reminder {n}", send_at=tomorrow) for n in range(WAITING))
        )
        self.people[number] = list(ids)
        return number

    async def _stop(self, number: str) -> None:
        await asyncio.sleep(self.chance.uniform(0, LONGEST_S / 2))
        body = {"from": number, "to": self.chance.choice(self.lines), "text": "STOP"}
        with contextlib.suppress(Unreachable):
            answer = await self.server.call("POST", "/api/v1/sandbox/inbound", body, limit_s=5)
            assert answer.status == 202, answer.json
            self.stopped.append(number)

    # ------------------------------------------------------------------ the end

    async def settled(self) -> dict[str, list[dict[str, Any]]]:
        """Wait until no work of a stop is open; gives the stored texts by their sender."""
        found: dict[str, list[dict[str, Any]]] = {}

        async def done() -> bool:
            found.clear()
            for item in await self.server.all("/api/v1/inbound"):
                one = await self.server.get(f"/api/v1/inbound/{item['id']}")
                found.setdefault(one["from"], []).append(one)
            return all(
                action["state"] not in ("pending", "sending")
                for texts in found.values()
                for one in texts
                for action in one["actions"]
            )

        await until(done, "every confirmation is sent or given up", 30, 0.1)
        return found

    async def judge(self) -> Counter[str]:
        """Compare what everybody has; returns how many of what there were."""
        stored = await self.settled()
        wishes = {row["number"] for row in await self.server.all("/api/v1/suppressions")}
        counts: Counter[str] = Counter()
        wrong: list[str] = []
        for number, waiting in self.people.items():
            messages = await self.server.all(f"/api/v1/messages?to={number.replace('+', '%2B')}")
            states = {message["id"]: message["state"] for message in messages}
            confirmations = [m for m in messages if m["text"] == CONFIRMATION]
            texts = stored.get(number, [])
            counts["stored" if texts else "never stored"] += 1
            counts["confirmed"] += len(confirmations)
            still = Counter(states[message_id] for message_id in waiting)
            fine = still == ({"cancelled": WAITING} if texts else {"scheduled": WAITING})
            fine &= (number in wishes) == bool(texts)
            fine &= len(texts) <= 1
            done = [a["message_id"] for one in texts for a in one["actions"] if a["state"] == "done"]
            fine &= sorted(done) == sorted(m["id"] for m in confirmations)
            fine &= len(done) == len(texts)
            if not fine:
                wrong.append(
                    f"{number}: {len(texts)} stored, {dict(still)}, {len(confirmations)} confirmed, {done}"
                )
        assert not wrong, "\n".join(wrong)
        return counts


async def test_OPT_4_whenever_it_is_killed_a_stop_is_there_with_all_that_follows_or_not_at_all(
    tmp_path: Path, crash_runs: int, crash_seed: int
) -> None:
    zygote = Zygote()
    server = GatewayProcess(tmp_path, CONFIG, simulate=LINES, zygote=zygote)
    chain = Chain(server, random.Random(crash_seed))
    runs = max(RUNS_MIN, crash_runs // 20)
    try:
        for _ in range(runs):
            await chain.run()
        await server.start()
        counts = await chain.judge()
    finally:
        await server.close()
        zygote.stop()
    print(f"seed {crash_seed}: {runs} kills, {dict(counts)}, {len(chain.stopped)} stops taken by the network")
    assert counts["stored"], "no kill came late enough for any stop"
    assert counts["never stored"], "no kill came early enough for any stop"
