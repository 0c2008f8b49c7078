"""Owns a reverse proxy that serves another server below a path, as an organisation's web server does.

Shares no code with the gateway. Takes the prefix off, passes everything else on as it is, WebSockets too.
Source: RFC 9110 §7.6 (hop-by-hop fields), RFC 6455.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
from aiohttp import web

_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length", "content-encoding"}
)


@asynccontextmanager
async def below(prefix: str, port: int, target: list[str]) -> AsyncIterator[None]:
    """Serve ``target[0]`` below a prefix on a port of loopback; the target may be named after the start."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as session:

        async def handle(request: web.Request) -> web.StreamResponse:
            path = request.rel_url.raw_path_qs
            if not path.startswith(prefix):
                return web.Response(status=404, text="not below the prefix")
            url = target[0] + path.removeprefix(prefix)
            headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await _socket(session, request, url, headers)
            body = await request.read()
            async with session.request(
                request.method, url, headers=headers, data=body or None, allow_redirects=False
            ) as answer:
                kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP]
                response = web.Response(status=answer.status, body=await answer.read())
                response.headers.clear()
                for name, value in kept:
                    response.headers.add(name, value)
                return response

        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield
        finally:
            await runner.cleanup()


async def _socket(
    session: aiohttp.ClientSession, request: web.Request, url: str, headers: dict[str, str]
) -> web.StreamResponse:
    kept = {k: v for k, v in headers.items() if not k.lower().startswith("sec-websocket")}
    async with session.ws_connect(url, headers=kept) as inner:
        outer = web.WebSocketResponse()
        await outer.prepare(request)

        async def carry() -> None:
            async for message in inner:
                if message.type is aiohttp.WSMsgType.TEXT:
                    await outer.send_str(message.data)
            await outer.close()

        task = asyncio.create_task(carry())
        async for message in outer:
            if message.type is aiohttp.WSMsgType.TEXT:
                await inner.send_str(message.data)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return outer
