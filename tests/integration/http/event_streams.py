"""Owns what the tests of event streams share: readers of a running server, and events to read."""

from __future__ import annotations

import asyncio

import pytest

from gateway.store.rows import Event, NewInbound, View
from tests.harness.event_reader import EventReader, Kind
from tests.integration.http.api_server import TENANT, Server

SSE, WS = "/api/v1/events", "/api/v1/events/ws"
REAL = "+447911123456"
BOTH = pytest.mark.parametrize("kind", ["sse", "ws"])


def reader(
    server: Server, kind: Kind, *, key: str | None = "", cursor: int | None = None, narrowed: str = ""
) -> EventReader:
    """Make a reader that is not open yet; ``key`` "" = the live key."""
    shown = server.live if key == "" else key
    return EventReader(server.session, f"http://127.0.0.1:{server.port}", shown, kind, cursor, narrowed)


async def emit(server: Server, count: int, event_type: str = "policy.alert", size: int = 0) -> None:
    """Commit events, each with its number."""
    said = {"said": "x" * size} if size else {}
    await asyncio.gather(
        *(server.store.emit(TENANT, event_type, {"number": number, **said}) for number in range(count))
    )


async def receive(server: Server, text: str) -> None:
    """Let a text come in at the real line."""
    assert server.real is not None
    new = NewInbound(
        server.real.id, REAL, b"\x00", server.clock.now_ms(), "sms", text=text, fingerprint=text
    )  # fmt: skip
    await server.store.store_inbound(new)


async def committed(server: Server) -> tuple[Event, ...]:
    """Read every public event of the tenant."""
    return await server.store.events_after(View(TENANT), 0, 100_000)


async def seqs(server: Server) -> list[int]:
    return [event.seq for event in await committed(server)]
