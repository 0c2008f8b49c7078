"""Owns the stores that every contract of a store runs on: SQLite now, PostgreSQL by one more line.

Knows no verb.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from gateway.store.sqlite import SqliteStore
from tests.peers.store_world import MakeWorld, World, world

STORES = [pytest.param(SqliteStore, id="sqlite")]


@pytest.fixture(params=STORES)
def make_world(request: pytest.FixtureRequest, tmp_path: Path) -> MakeWorld:
    """Make a world with other rules: ``async with make_world(rules=…) as w``."""
    return partial(world, tmp_path / "gateway.db", request.param)


@pytest.fixture(params=STORES)
async def w(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path / "gateway.db", request.param) as opened:
        yield opened
