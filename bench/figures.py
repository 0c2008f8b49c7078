"""Owns what a measured figure is: its value, its spread, the limit it is held to, and the table of all of them.

Knows no measurement.
Source: medians and spread, because one number of one run says nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. ``low`` and ``high`` are the limits it is held to; None = not held to any."""

    name: str
    value: float
    unit: str
    spread: tuple[float, float]
    runs: int
    low: float | None = None
    high: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the limits are kept; None without limits."""
        if self.low is None and self.high is None:
            return None
        above = self.low is None or self.value >= self.low
        return above and (self.high is None or self.value <= self.high)


@dataclass(frozen=True, slots=True)
class Limit:
    """At least ``low``, at most ``high``."""

    low: float | None = None
    high: float | None = None


NO_LIMIT = Limit()


def of_samples(
    name: str, samples: Sequence[float], unit: str, limit: Limit = NO_LIMIT, note: str = ""
) -> Figure:
    """Make a figure of a measurement that was repeated: its median, and its smallest and largest value."""
    spread = (min(samples), max(samples))
    return Figure(name, statistics.median(samples), unit, spread, len(samples), limit.low, limit.high, note)


def percentile(samples: Sequence[float], share: float) -> float:
    """Give the value that a share (0..1) of the samples does not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(title: str, figures: Sequence[Figure]) -> None:
    """Print figures as a table."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("figure", overflow="fold")
    for heading in ("median", "spread", "runs", "wanted", "met"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("note", overflow="fold")
    for figure in figures:
        low, high = figure.spread
        table.add_row(
            figure.name,
            f"{_number(figure.value)} {figure.unit}".strip(),
            f"{_number(low)} … {_number(high)}",
            str(figure.runs),
            _wanted(figure),
            {True: "yes", False: "NO", None: ""}[figure.met],
            figure.note,
        )
    Console(width=None if os.isatty(1) else 150).print(table)


def _number(value: float) -> str:
    if value and abs(value) < 10:
        return f"{value:.3f}"
    return f"{value:,.1f}" if abs(value) < 1000 else f"{value:,.0f}"


def _wanted(figure: Figure) -> str:
    words = []
    if figure.low is not None:
        words.append(f"≥ {figure.low:g}")
    if figure.high is not None:
        words.append(f"≤ {figure.high:g}")
    return " ".join(words)


# ------------------------------------------------------------------ scripts


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure. ``seconds`` is one turn; ``rounds`` how often the turns are repeated."""

    quick: bool
    seconds: float | None
    directory: Path | None

    def turn_s(self, full: float, quick: float) -> float:
        """Seconds of one turn: what the caller asked for, else the script's own."""
        if self.seconds is not None:
            return self.seconds
        return quick if self.quick else full

    def rounds(self, full: int, quick: int = 1) -> int:
        return quick if self.quick else full


Measure = Callable[[Effort], list[Figure]]


def arguments(description: str) -> argparse.ArgumentParser:
    """Make the options that every script has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="short turns: shows that it works, not how well")
    parser.add_argument("--seconds", type=float, default=None, help="length of one turn")
    parser.add_argument("--directory", type=Path, default=None, help="where databases are made")
    parser.add_argument("--results", action="store_true", help="also write bench/results/TIME.json")
    return parser


def effort_of(given: argparse.Namespace) -> Effort:
    """Read the common options."""
    return Effort(given.quick, given.seconds, given.directory)


def keep(figures: Sequence[Figure]) -> Path:
    """Write the figures of a run below ``bench/results``."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / time.strftime("%Y%m%d-%H%M%S.json")
    path.write_text(json.dumps([asdict(figure) | {"met": figure.met} for figure in figures], indent=1))
    return path


def script(title: str, measure: Measure) -> int:
    """Run one measurement from the command line; status 1 when a limit is missed."""
    given = arguments(title).parse_args()
    figures = measure(effort_of(given))
    show(title, figures)
    if given.results:
        print(keep(figures))
    return int(any(figure.met is False for figure in figures))
