"""What the door does when a client leaves in the middle of a file: nothing is broken, and nobody is told it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiohttp import web

from gateway.http.door import Door
from gateway.http.services import ApiSettings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Logged = list[MutableMapping[str, Any]]


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[tuple[int, list[int]]]:
    """Serve one handler behind the door; gives the port, and the states of answers that are counted."""
    counted: list[int] = []
    door = Door(ApiSettings())
    door.answered = lambda _route, _method, status, _seconds: counted.append(status)
    app = web.Application(middlewares=[door.middleware()])
    app.router.add_get("/file", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1], counted
    finally:
        await runner.cleanup()


async def asked(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /file HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await writer.drain()
    return reader, writer


def faults(logs: Logged) -> list[str]:
    return [line["event"] for line in logs if line["log_level"] in ("warning", "error")]


async def test_a_client_that_leaves_in_the_middle_of_a_file_is_no_fault() -> None:
    ended = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        finally:
            ended.set()

    with structlog.testing.capture_logs() as logs:
        async with served(endless) as (port, counted):
            reader, writer = await asked(port)
            assert await reader.read(1000)
            writer.transport.abort()
            await asyncio.wait_for(ended.wait(), 30)
    assert faults(logs) == []
    assert counted == [], "nobody got an answer"


async def test_a_connection_of_ours_that_breaks_while_the_client_waits_is_a_fault() -> None:
    async def broken(_request: web.Request) -> web.StreamResponse:
        raise ConnectionResetError("another connection")

    with structlog.testing.capture_logs() as logs:
        async with served(broken) as (port, counted):
            reader, writer = await asked(port)
            assert b" 500 " in await reader.readline()
            writer.close()
    assert faults(logs) == ["http.failed", "http.request"]
    assert counted == [500]
