"""Owns the write of what must not be forgotten: it is tried until the store takes it.

Knows no verb of the store and no limit of patience: whoever waits is ended with the process.
Source: W2 (what was done once is not done again for want of a record).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gateway.store.protocol import StoreUnavailable


async def write_surely(
    write: Callable[[], Awaitable[object]], retry_s: float, waits: Callable[[str], object] | None = None
) -> None:
    """Write something down, however long the store is away.

    Args:
        write: One commit that may be asked for again.
        retry_s: Between two tries.
        waits: Told before each wait why the store took nothing.
    """
    while True:
        try:
            await write()
        except StoreUnavailable as error:
            if waits is not None:
                waits(str(error))
            await asyncio.sleep(retry_s)
        else:
            return
