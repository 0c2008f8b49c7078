"""Owns how fast batches go that somebody looks at: parts in the last minute, from what was seen of them.

Knows no store: a look at a batch brings its count. Nobody looks: nothing is kept.
Source: the notes on what people see, *Page of a batch* (parts a minute).
"""

from __future__ import annotations

from collections import OrderedDict, deque

from aiohttp import web

from gateway.http.call import Call

WINDOW_S = 60.0
_LEAST_S = 5.0
"""Shorter spans say nothing: one part more or less would be a third of it."""

_BATCHES = 256
_LOOKS = 300


class Paces:
    """What was seen of each batch in the last minute."""

    def __init__(self) -> None:
        self._looks: OrderedDict[str, deque[tuple[float, int]]] = OrderedDict()

    def seen(self, batch_id: str, now_s: float, parts: int) -> int | None:
        """Note how many parts are settled now; say how many that is a minute, None while nobody can say."""
        looks = self._looks.setdefault(batch_id, deque(maxlen=_LOOKS))
        self._looks.move_to_end(batch_id)
        while len(self._looks) > _BATCHES:
            self._looks.popitem(last=False)
        looks.append((now_s, parts))
        while now_s - looks[0][0] > WINDOW_S:
            looks.popleft()
        first_s, first = looks[0]
        span_s = now_s - first_s
        return round((parts - first) * 60 / span_s) if span_s >= _LEAST_S else None


PACES = web.AppKey("paces", Paces)


def begin(app: web.Application) -> None:
    """Let an application remember how fast its batches go."""
    app[PACES] = Paces()


def paces_of(call: Call) -> Paces:
    """Find what the application has seen."""
    return call.request.app[PACES]
