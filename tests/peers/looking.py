"""Owns how a test waits for what it cannot be told of: it looks until there is something to see."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE_S = 30.0
T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """Look until there is something to see."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await look()
            if found is not None:
                return found
            await asyncio.sleep(0.01)
