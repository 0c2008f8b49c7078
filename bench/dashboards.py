"""Owns what ten open dashboards cost a line: its own gap and its rate with them and without, in turns.

Source: as bench.line (115,200 baud, 4 ms to each answer, submit 0.25 s); the dashboards are :mod:`bench.tabs`.
"""

from __future__ import annotations

import sys

from bench.figures import Effort, Figure, Limit, of_samples, script
from bench.line import Bench, Comparison, Condition
from bench.processes import Child, directory

TITLE = "A line with ten dashboards open"
TABS = 10
PARTS = 40
CONDITION = Condition(0.25, 1, report=True)


def measure(effort: Effort) -> list[Figure]:
    """Send in turns, alone and watched."""
    alone, watched = Comparison(CONDITION), Comparison(CONDITION)
    with directory(effort.directory) as folder:
        bench = Bench(CONDITION.submit_s, 0.0, folder)
        try:
            for _ in range(effort.rounds(4, 2)):
                bench.turn(alone, PARTS)
                hello = bench.server.hello
                tabs = Child("bench.tabs", hello["url"], hello["key"], "--tabs", str(TABS))
                bench.turn(watched, PARTS)
                tabs.end()
        finally:
            bench.close()
    turns = [
        100 * watched.ours.turn_per_minute(i) / alone.ours.turn_per_minute(i)
        for i in range(len(alone.ours.intervals))
    ]
    rates = f"{watched.ours.per_minute:.1f} and {alone.ours.per_minute:.1f} a minute"
    return [
        of_samples("own gap per part, alone", alone.gaps_ms, "ms", Limit(high=1.0)),
        of_samples(f"own gap per part, {TABS} dashboards", watched.gaps_ms, "ms", Limit(high=1.0)),
        of_samples("rate with dashboards / alone", turns, "%", Limit(low=99.0), rates),
    ]


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
