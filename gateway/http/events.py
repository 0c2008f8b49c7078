"""Owns the routes of event streams, and the one that speaks server-sent events.

Knows neither where events come from nor how they look.
Source: the HTTP interface; WHATWG HTML §9.2; rules USR-8.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.http import events_socket
from gateway.http.door import HEADERS
from gateway.http.event_asked import SCOPE, EventsQuery, asked_of, credential_of
from gateway.http.event_streams import STREAMS
from gateway.http.origin import refuse_foreign
from gateway.http.route import Route

if TYPE_CHECKING:
    from gateway.http.call import Call

_RETRY = b"retry: 2000\n\n"
"""How long (ms) a browser waits before it comes back."""

_SETTLE_TURNS = 10
"""Turns of the loop within which a connection that was cut is known as lost."""


async def stream(call: Call) -> web.StreamResponse:
    """Every event as it happens, as server-sent events: id is the cursor to resume with (Last-Event-ID or after), data
    is what webhooks get, with the id of the event. A comment comes every 15 s when nothing else does. stream.gap says
    that events were dropped before the reader came back."""
    request = call.request
    refuse_foreign(request, call.services.settings)
    asked = asked_of(call, call.query(EventsQuery), call.caller, "sse")
    headers = {**HEADERS, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
    headers["X-Request-Id"] = call.request_id
    if request.method == "HEAD":
        return web.Response(headers=headers)
    async with request.app[STREAMS].opened(credential_of(call), asked) as opened:
        response = web.StreamResponse(headers=headers)
        events_socket.bound_buffer(request)
        with suppress(ConnectionError):  # it left before the first octet
            await response.prepare(request)
            await response.write(_RETRY)
            if await opened.run(response.write) == "slow" or opened.stalled:
                await _cut(request)
    return response


async def _cut(request: web.Request) -> None:
    """Drop a connection that takes nothing more, with what it still holds."""
    for _ in range(_SETTLE_TURNS):
        if request.transport is None:
            return
        request.transport.abort()
        await asyncio.sleep(0)


_PROBLEMS = ("invalid_cursor", "origin_not_allowed", "shutting_down")

ROUTES = (
    Route(
        "GET", "/api/v1/events", stream, SCOPE, "Follow events", query=EventsQuery,
        media_type="text/event-stream", problems=_PROBLEMS,
    ),
    Route(
        "GET", "/api/v1/events/ws", events_socket.follow, SCOPE, "Follow events over a WebSocket", status=101,
        query=EventsQuery, problems=_PROBLEMS, key_in_frame=True,
    ),
)  # fmt: skip
