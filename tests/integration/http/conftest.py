"""Owns the fixtures that start servers for the tests of the HTTP surface, and stop every one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.admission import AdmissionSettings
from tests.integration.http.api_server import Server, ServerFactory, running, see_line


@pytest.fixture
async def make_server(tmp_path: Path) -> AsyncIterator[ServerFactory]:
    """Start servers with other settings; every one is stopped at the end."""
    async with AsyncExitStack() as stack:

        async def make(
            *, admission: AdmissionSettings | None = None, lines: bool = True, **changes: Any
        ) -> Server:
            server = await stack.enter_async_context(
                running(tmp_path, admission or AdmissionSettings(), changes)
            )
            if lines:
                server.real = await see_line(
                    server.store, "111", emulated=False, number="+447700900111", label="Office"
                )
                server.emulated = await see_line(
                    server.store, "222", emulated=True, number="+99900010001", label="Emulated 1"
                )
            return server

        yield make


@pytest.fixture
async def server(make_server: ServerFactory) -> Server:
    """A server as it comes: one real and one emulated line remembered."""
    return await make_server()
