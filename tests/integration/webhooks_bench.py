"""Owns what the webhook tests stand on: a real receiver, a real store, a clock that the test moves.

Knows nothing of how the sender works inside; it looks at requests that arrive and at rows in the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.ids import new_id
from gateway.lifecycle import Happening
from gateway.message import NewMessage
from gateway.store.crypto import KeyRing
from gateway.store.rows import DeliveryRow, DeliveryState, View, WebhookRow
from gateway.store.sqlite import SqliteStore
from gateway.webhooks import WebhookSender, WebhookSettings
from tests.harness.empty_store import lay

PATIENCE_S = 20.0
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_C2FtcGxlLXNlY3JldC1vZi0yNC1vY3RldHMh"
VIEW = View("default")


class HandClock:
    """Wall time that stands still until a test moves it; it starts at the real time, so that signatures are fresh."""

    def __init__(self) -> None:
        self.ms = time.time_ns() // 1_000_000

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return time.monotonic()


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def ok(request: web.Request) -> web.StreamResponse:
    return web.Response()


def status(code: int, **headers: str) -> Answering:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, headers=headers)

    return answer


@dataclass
class Receiver:
    """A web server on loopback; ``answer`` may be changed at any time."""

    answer: Answering = ok
    got: list[Received] = field(default_factory=list)
    arrivals: asyncio.Queue[Received] = field(default_factory=asyncio.Queue)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(request.path, headers, await request.read())
        self.got.append(received)
        self.arrivals.put_nowait(received)
        return await self.answer(request)

    async def next(self) -> Received:
        async with asyncio.timeout(PATIENCE_S):
            return await self.arrivals.get()


@contextlib.asynccontextmanager
async def listening(receiver: Receiver, ssl: Any = None) -> AsyncIterator[Receiver]:
    """Serve at ``receiver.port`` (0: any); on a second time the same port, as after a restart."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", receiver.port, ssl_context=ssl, reuse_address=True)
    await site.start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        await runner.cleanup()


@dataclass
class Bench:
    """A store with a sender at work on it."""

    store: SqliteStore
    clock: HandClock
    sender: WebhookSender

    async def subscribe(self, url: str, **more: Any) -> WebhookRow:
        row = WebhookRow(
            id=new_id(),
            tenant="default",
            url=url,
            events=("*",),
            secrets=(SECRET,),
            include_text=True,
            sandbox=False,
            enabled=True,
            created_at_ms=self.clock.now_ms(),
        )
        row = replace(row, **more)
        await self.store.add_webhook(row)
        return row

    async def message(self, text: str = "Parents' evening moved to 18:30") -> str:
        now_ms = self.clock.now_ms()
        new = NewMessage(
            id=new_id(), tenant="default", key_id="test", to="+447700900123", text=text, octets=None,
            port=None, encoding="auto", coding="gsm7", parts=1, route="pool:default", line=None, pool=None,
            sandbox=False, priority=0, purpose="transactional", reference=None, batch_id=None, tags={},
            delivery_report=True, flash=False, on_doubt="hold", max_parts=6, created_at_ms=now_ms,
            send_at_ms=None, expires_at_ms=now_ms + 10 * 86_400_000,
        )  # fmt: skip
        return (await self.store.admit(new, None)).message.id

    async def change(self, message_id: str, happening: Happening) -> None:
        await self.store.change(VIEW, message_id, happening, "person:test")

    async def rows(self, hook: WebhookRow, state: DeliveryState | None = None) -> tuple[DeliveryRow, ...]:
        """Deliveries of an endpoint in the order of their events."""
        page = await self.store.deliveries(hook.id, state, 1000, None)
        return tuple(sorted(page.items, key=lambda row: row.event_seq))

    async def until(self, hook: WebhookRow, reached: Callable[[tuple[DeliveryRow, ...]], bool]) -> None:
        """Wait until the deliveries of an endpoint are as they should be."""
        changed = self.store.signal("deliveries")
        async with asyncio.timeout(PATIENCE_S):
            while not reached(await self.rows(hook)):
                await changed.wait()
                changed.clear()

    async def hook(self, hook: WebhookRow) -> WebhookRow:
        return await self.store.webhook(VIEW, hook.id)

    def later(self, ms: int) -> None:
        self.clock.ms += ms
        self.sender.wake()

    async def to_next_try(self) -> int:
        """Move the clock to when the store has something due; returns by how many ms."""
        at_ms = await self.store.next_delivery_at_ms()
        assert at_ms is not None
        step_ms = max(0, at_ms - self.clock.ms)
        self.later(step_ms)
        return step_ms


@contextlib.asynccontextmanager
async def bench(path: Path, settings: WebhookSettings | None = None, **more: Any) -> AsyncIterator[Bench]:
    """Open a store in ``path`` with a sender at work; both are closed at the end."""
    clock = more.pop("clock", None) or HandClock()
    store = SqliteStore(await lay(path / "gateway.db"), KeyRing.clear(), clock)
    await store.open()
    sender = WebhookSender(store, clock, settings, **{"jitter": lambda: 0.0, **more})
    task = asyncio.create_task(sender.run())
    try:
        yield Bench(store, clock, sender)
    finally:
        await sender.stop()
        await task
        await store.close()


def all_are(state: DeliveryState, count: int) -> Callable[[tuple[DeliveryRow, ...]], bool]:
    return lambda rows: len(rows) == count and all(row.state == state for row in rows)


def tried(times: int) -> Callable[[tuple[DeliveryRow, ...]], bool]:
    return lambda rows: rows[0].attempt == times
