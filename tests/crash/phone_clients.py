"""Owns those who live through a chain of kills beside a phone: clients that post, and the server that is killed.

Refuses to know what the phone is made of: the test says how to plug it in again, how it dies and what it put on air.
Source: invariants W1 and W2 of the architecture notes; docs/http.md, *Idempotency-Key*.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.crash.phone_ledger import PhoneLedger, tokens_on_air
from tests.harness.gateway_process import GatewayProcess, Unreachable, timeline_of, until

CLIENTS = 2
DRAIN_S = 90.0


@dataclass(kw_only=True)
class Clients:
    """Clients around one server, and what they remember."""

    server: GatewayProcess
    chance: random.Random
    post_every_s: float
    longest_run_s: float
    ledger: PhoneLedger = field(default_factory=PhoneLedger)
    serving: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    struck: Counter[str] = field(default_factory=Counter)
    _texts: int = 0

    async def live_through(
        self, kills: int, strike: Callable[[int], Awaitable[None]], people: Coroutine[Any, Any, None]
    ) -> None:
        """Strike so many times while clients and people go on, then let them end."""
        living = [asyncio.create_task(self._client()) for _ in range(CLIENTS)]
        living.append(asyncio.create_task(people))
        self.serving.set()
        try:
            for kill in range(1, kills + 1):
                await strike(kill)
                for task in living:
                    if task.done():
                        task.result()
            self.over.set()
            async with asyncio.timeout(30):
                await asyncio.gather(*living)
        finally:
            for task in living:
                task.cancel()

    async def _client(self) -> None:
        """Post without end; a post whose answer is lost is made again with the same key until there is one."""
        while not self.over.is_set():
            self._texts += 1
            token = f"m{self._texts:06d}"
            text = (f"{token} " * (25 if self._texts % 8 == 0 else 1)).strip()
            body = {"to": f"+4477009{self._texts % 100_000:05d}", "text": text, "reference": token}
            await self._post(token, body)
            await asyncio.sleep(self.chance.uniform(0, 2 * self.post_every_s))

    async def _post(self, token: str, body: dict[str, str]) -> None:
        while True:
            await self.serving.wait()
            try:
                answer = await self.server.call(
                    "POST", "/api/v1/messages", body, headers={"Idempotency-Key": token}, limit_s=10
                )
            except Unreachable:
                self.ledger.repeated += 1
                await asyncio.sleep(0.01)
                continue
            assert answer.status == 202, f"{body}: {answer.status} {answer.json}"
            self.ledger.accepted[token] = answer.json["id"]
            return

    async def kill_server(self, plug: Callable[[], Awaitable[None]]) -> None:
        """At any moment of a run, its start included; ``plug`` tells the phone where the next one listens."""
        await asyncio.sleep(self.chance.uniform(0, self.longest_run_s))
        self.serving.clear()
        self.struck["gateway"] += 1
        assert await self.server.kill() == -9, f"it ended by itself: {self.server.complaints[-3000:]}"
        await self.server.launch()
        if self.chance.random() < 0.2:
            await asyncio.sleep(self.chance.uniform(0, 0.4))
            self.struck["gateway starting"] += 1
            await self.server.kill()
            await self.server.launch()
        await self.server.serving()
        await plug()
        self.serving.set()

    async def settled(self, air: Callable[[], list[dict[str, Any]]], may_wait: int) -> None:
        """Wait until nothing waits and nothing is on its way.

        ``may_wait`` messages may stay SUBMITTING without being on air: an app that died at the very call leaves one
        in doubt only after minutes.
        """
        stuck: list[str] = []

        async def is_settled() -> bool:
            stuck.clear()
            aired = {token for token, _ in tokens_on_air(air())}
            for state in ("queued", "submitting", "sent"):
                items = (await self.server.get(f"/api/v1/messages?state={state}&limit=50"))["items"]
                if state == "submitting":
                    on_air = [item for item in items if item["reference"] in aired]
                    items = on_air if len(items) - len(on_air) <= may_wait else items
                stuck.extend(item["id"] for item in items)
            return not stuck

        try:
            await until(is_settled, "everything is delivered or in doubt", DRAIN_S, 0.2)
        except AssertionError as error:
            shown = [timeline_of(await self.server.message(message_id)) for message_id in stuck[:3]]
            raise AssertionError("\n".join([str(error), *shown, self.server.complaints[-3000:]])) from None

    async def messages(self) -> list[dict[str, object]]:
        listed = await self.server.all("/api/v1/messages")
        return [await self.server.message(item["id"]) for item in listed]
