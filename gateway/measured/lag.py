"""Owns the watch on the event loop: how much later than asked a sleeper wakes is how long everybody waits.

Knows nothing else.
Source: asyncio; the loop's own clock.
"""

from __future__ import annotations

import asyncio

from gateway.measured.figures import Distribution

LOOK_S = 0.1
"""Ten looks a second cost 0.05 % of a core, and meet every pause of a tenth of a second."""


async def watch_lag(lag: Distribution) -> None:
    """Count how late the loop wakes a sleeper, in s, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + LOOK_S
        await asyncio.sleep(LOOK_S)
        lag.add(max(loop.time() - due_s, 0.0))
