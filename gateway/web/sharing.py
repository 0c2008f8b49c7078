"""Owns how often a page's regions are made: tabs that show the same share one making, at most four times a second.

Knows no page. A making begins after everybody who shares it has asked, so nobody gets what is older than the event
that made them ask.
Source: the budgets of the dashboard (event to sight within a second; a line's own gap does not move).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable

from aiohttp import web

Make = Callable[[], Awaitable[str]]

APART_S = 0.25
"""Between two makings of the same: as often as the page's script asks at most."""

_REMEMBERED = 1024


class Shared:
    """Makes texts for whoever waits for the same at the same time."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, tuple[asyncio.Task[str], list[Make]]] = {}
        self._begun_s: OrderedDict[Hashable, float] = OrderedDict()

    async def make(self, key: Hashable, make: Make) -> str:
        """Give what ``make`` gives, made once for all who ask for ``key`` before it begins; the last one is used:
        it knows most."""
        if key not in self._waiting:
            makes: list[Make] = []
            self._waiting[key] = (asyncio.create_task(self._later(key, makes)), makes)
        task, makes = self._waiting[key]
        makes.append(make)
        # A tab that is closed takes nothing from the others.
        return await asyncio.shield(task)

    async def _later(self, key: Hashable, makes: list[Make]) -> str:
        try:
            now_s = asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, self._begun_s.get(key, 0.0) + APART_S - now_s))
        finally:
            del self._waiting[key]
        self._begun_s[key] = asyncio.get_running_loop().time()
        self._begun_s.move_to_end(key)
        while len(self._begun_s) > _REMEMBERED:
            self._begun_s.popitem(last=False)
        return await makes[-1]()


SHARED = web.AppKey("shared", Shared)


def begin(app: web.Application) -> None:
    """Give an app what its pages share."""
    app[SHARED] = Shared()
