"""Owns the empty database that tests begin with: migrated once in a process, and copied where a store will open it.

For tests that are about something else: how a file comes to its schema is shown where no file lies before.
Source: none.
"""

from __future__ import annotations

import asyncio
import tempfile
from functools import cache
from pathlib import Path

from gateway.clock import SystemClock
from gateway.store.crypto import KeyRing
from gateway.store.sqlite import SqliteStore


async def lay(path: Path) -> Path:
    """Lay an empty database at ``path``, unless one is there; returns the path."""
    await asyncio.to_thread(_lay, path)
    return path


def _lay(path: Path) -> None:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(_empty())


@cache
def _empty() -> bytes:
    async def made(path: Path) -> None:
        store = SqliteStore(path, KeyRing.clear(), SystemClock())
        await store.open()
        await store.close()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gateway.db"
        asyncio.run(made(path))
        return path.read_bytes()
