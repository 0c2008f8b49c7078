"""Owns the fixtures of the pages' tests: a server with lines remembered, and people without script at it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.admission import AdmissionSettings
from gateway.store.rows import NewInbound
from tests.harness.furnished import NUMBER, furnish
from tests.harness.visitor import Visitor
from tests.integration.http.api_server import Server, running, see_line
from tests.integration.web.visits import Furnish, MakeServer, Visit, VisitAt


@pytest.fixture
async def make_server(tmp_path: Path) -> AsyncIterator[MakeServer]:
    """Start servers with settings of their own."""
    async with AsyncExitStack() as stack:

        async def make(*, admission: AdmissionSettings | None = None, **changes: Any) -> Server:
            server = await stack.enter_async_context(
                running(tmp_path, admission or AdmissionSettings(), changes)
            )
            server.real = await see_line(
                server.store, "111", emulated=False, number="+447700900111", label="Office"
            )
            server.emulated = await see_line(server.store, "222", emulated=True, number="+99900010001")
            return server

        yield make


@pytest.fixture
async def server(make_server: MakeServer) -> Server:
    """A server as it comes: one real and one emulated line remembered."""
    return await make_server()


@pytest.fixture
async def visit_at() -> AsyncIterator[VisitAt]:
    """Let people come to a server, signed in with a key, or not."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def come(server: Server, key: str | None) -> Visitor:
            visitor = Visitor(f"http://127.0.0.1:{server.port}", session)
            if key is not None:
                answer = await visitor.sign_in(key)
                assert answer.status == 303, answer.text
            return visitor

        yield come


@pytest.fixture
async def visit(server: Server, visit_at: VisitAt) -> Visit:
    """Let people come: ``visit()`` signed in with the live key, ``visit(key)`` with another, ``visit(None)`` not."""

    async def come(key: str | None = "") -> Visitor:
        return await visit_at(server, server.live if key == "" else key)

    return come


@pytest.fixture
async def furnished(server: Server) -> Furnish:
    """Put something on every page of the server: ``await furnished(payload)`` gives ids."""

    async def receive(text: str) -> str:
        assert server.emulated is not None
        new = NewInbound(
            line_id=server.emulated.id,
            sender=NUMBER,
            tpdu=b"\x04",
            at_ms=server.clock.now_ms(),
            type="sms",
            text=text,
            fingerprint=text,
        )
        inbound = await server.store.store_inbound(new)
        assert inbound is not None
        return inbound.id

    async def put(payload: str = "") -> dict[str, str]:
        return await furnish(server, receive, payload)

    return put
