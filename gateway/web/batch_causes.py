"""Owns the causes of failure of batches that somebody looks at: read again only when something failed since.

Knows no store. Grouping reads every message of a batch, tens of milliseconds for 100,000; while failures pour in it is
done in a small share of the time, and once more when all have ended.
Source: the notes on what people see, *Page of a batch* (failures grouped by cause).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from gateway.http.call import Call
from gateway.store.eta import Failures

_BATCHES = 256
_SHARE = 20
"""Of this many parts of the time, one at most is spent on grouping."""


@dataclass(frozen=True, slots=True)
class _Known:
    ended: int
    again_at_s: float
    causes: tuple[Failures, ...]


class Causes:
    """What was last found out of each batch."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def of(
        self, batch_id: str, ended: int, read: Callable[[], Awaitable[tuple[Failures, ...]]], *, last: bool
    ) -> tuple[Failures, ...]:
        """Give the causes of a batch of which ``ended`` messages failed or were cancelled; ``last``: no more will."""
        known, now_s = self._known.get(batch_id), asyncio.get_running_loop().time
        if known is not None and (known.ended == ended or (not last and now_s() < known.again_at_s)):
            return known.causes
        began_s = now_s()
        causes = await read()
        again_at_s = now_s() + (now_s() - began_s) * _SHARE
        self._known[batch_id] = _Known(ended, again_at_s, causes)
        self._known.move_to_end(batch_id)
        while len(self._known) > _BATCHES:
            self._known.popitem(last=False)
        return causes


CAUSES = web.AppKey("causes", Causes)


def begin(app: web.Application) -> None:
    """Let an application remember why texts of its batches failed."""
    app[CAUSES] = Causes()


def causes_of(call: Call) -> Causes:
    """Find what the application knows of causes."""
    return call.request.app[CAUSES]
