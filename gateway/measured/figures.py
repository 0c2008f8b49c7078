"""Owns what is counted while the process runs: each figure is told where it happens and costs well under 1 µs there.

Knows no Prometheus and no lock: everything is told on the event loop. Counting with the library's own metrics takes
1 to 3 µs each, because they lock and look their labels up; the library writes the answer instead.
Source: https://prometheus.io/docs/practices/histograms/ (cumulative buckets, fixed bounds).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from gateway.store.noted import Committed, Noted

MESSAGE_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0)
"""From one part on a quick radio to a day: a validity of 24 hours is common."""
REQUEST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
LAG_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
COMMIT_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""A disk takes 0.2 ms, an SD card 10 ms, one that is about to fail seconds."""
GROUP_UNITS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Others are counted as one: a client chooses the word."""

World = tuple[str, bool]
"""Tenant, and whether it is the sandbox's."""


class Distribution:
    """How often a value fell between bounds; the last count is of those above all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def copy(self) -> Distribution:
        """Copy the counts."""
        other = Distribution(self.bounds)
        other.counts, other.total = self.counts[:], self.total
        return other


class Figures:
    """The figures of one running gateway, from zero at its start."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, str], Distribution] = {}
        self.lag = Distribution(LAG_S)
        self.commit = Distribution(COMMIT_S)
        self.group = Distribution(GROUP_UNITS)
        self.messages: Counter[tuple[World, str, str, str]] = Counter()
        """By world, state, line id ("" where no line has it) and coding."""
        self.parts: Counter[tuple[World, str, str]] = Counter()
        self.received: Counter[tuple[World, str, str]] = Counter()
        self.sent: dict[World, Distribution] = {}
        self.delivered: dict[World, Distribution] = {}
        self.webhooks: Counter[tuple[World, str]] = Counter()

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request by the template of its route."""
        key = (route, method if method in METHODS else "other", f"{status // 100}xx")
        known = self.requests.get(key)
        if known is None:
            known = self.requests[key] = Distribution(REQUEST_S)
        known.add(seconds)

    def committed(self, done: Committed) -> None:
        """Count a commit and what it did."""
        self.commit.add(done.seconds)
        self.group.add(done.units)
        for noted in done.noted:
            self._note(noted)

    def _note(self, noted: Noted) -> None:
        world = (noted.tenant, noted.sandbox)
        line = noted.line or ""
        if noted.what == "message":
            self.messages[world, noted.state, line, noted.coding] += 1
            if noted.sent_after_s is not None:
                _of(self.sent, world).add(noted.sent_after_s)
            if noted.delivered_after_s is not None:
                _of(self.delivered, world).add(noted.delivered_after_s)
        elif noted.what == "part":
            self.parts[world, noted.state, line] += 1
        else:
            self.received[world, noted.state, line] += 1

    def webhook_tried(self, world: World, outcome: str) -> None:
        """Count one try of a delivery."""
        self.webhooks[world, outcome] += 1

    def snapshot(self) -> Figures:
        """Copy everything, to be read in another thread."""
        other = Figures()
        other.requests = {key: each.copy() for key, each in self.requests.items()}
        other.lag, other.commit, other.group = self.lag.copy(), self.commit.copy(), self.group.copy()
        other.messages, other.parts = self.messages.copy(), self.parts.copy()
        other.received, other.webhooks = self.received.copy(), self.webhooks.copy()
        other.sent = {world: each.copy() for world, each in self.sent.items()}
        other.delivered = {world: each.copy() for world, each in self.delivered.items()}
        return other


def _of(distributions: dict[World, Distribution], world: World) -> Distribution:
    known = distributions.get(world)
    if known is None:
        known = distributions[world] = Distribution(MESSAGE_S)
    return known
