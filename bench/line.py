"""Owns the figures of one line: ours beside an ideal sender in turns, and beside gammu-smsd and smstools3.

Judges by the service centre's clock alone: the times at which it took each part, warm-up left out.
Source: 115,200 baud, 4 ms to each answer, submit 0.25 s and 1.0 s; ratios are of one run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench import peers
from bench.figures import Effort, Figure, Limit, of_samples, percentile, script
from bench.processes import Child, directory, wait_for
from device_bridge.sms.segmentation import segment
from device_bridge.sms.submit import SubmitOptions, encode_parts

TITLE = "One line beside an ideal sender (115,200 baud, 4 ms to each answer)"
TO = "+4915110000001"
SINGLE = "Your parcel arrives today between 14:00 and 16:00. Reply STOP to end. " * 2
LONG = ("The meeting on Thursday is moved to the small hall; please bring the papers of last time. " * 5)[
    :440
]
WARM_UP = 4
"""Parts left out at the start of each turn: the first has nobody before it, and reports come only after the third."""
SAMPLES_FOR_P95 = 15
"""With fewer it is the worst one, which says nothing."""
OWED = frozenset({"+CMGR", "+CMGD", "+CNMA"})
"""What a modem is owed for a report; counted apart, and done by the ideal sender too."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What one comparison sends."""

    submit_s: float
    parts: int
    report: bool
    commit_delay_ms: float = 0.0

    @property
    def text(self) -> str:
        return SINGLE if self.parts == 1 else LONG

    @property
    def name(self) -> str:
        slow = f", commits +{self.commit_delay_ms:g} ms" if self.commit_delay_ms else ""
        report = "reports on" if self.report else "reports off"
        return f"{self.submit_s:g} s, {self.parts} part{'s' * (self.parts > 1)}, {report}{slow}"

    @property
    def least(self) -> float:
        if self.commit_delay_ms:
            return 98.5
        return 99.0 if self.submit_s < 0.5 else 99.5


@dataclass(slots=True)
class Rate:
    """Parts and seconds of one sender, turn by turn."""

    intervals: list[list[int]] = field(default_factory=list)

    def add(self, accepted_ms: Sequence[int]) -> None:
        """Take the times of one turn."""
        steady = accepted_ms[WARM_UP:]
        self.intervals.append([after - before for before, after in pairwise(steady)])

    @property
    def per_minute(self) -> float:
        every = [interval for turn in self.intervals for interval in turn]
        return 60_000 * len(every) / sum(every)

    def turn_per_minute(self, turn: int) -> float:
        return 60_000 * len(self.intervals[turn]) / sum(self.intervals[turn])


@dataclass(slots=True)
class Comparison:
    """Ours and the ideal sender under one condition."""

    condition: Condition
    ours: Rate = field(default_factory=Rate)
    ideal: Rate = field(default_factory=Rate)
    gaps_ms: list[float] = field(default_factory=list)
    commands: dict[str, int] = field(default_factory=dict)
    sent: int = 0

    @property
    def percent(self) -> float:
        return 100 * self.ours.per_minute / self.ideal.per_minute

    def figures(self) -> list[Figure]:
        turns = [
            100 * self.ours.turn_per_minute(i) / self.ideal.turn_per_minute(i)
            for i in range(len(self.ours.intervals))
        ]
        name = self.condition.name
        rates = f"ours {self.ours.per_minute:.1f}/min, ideal {self.ideal.per_minute:.1f}/min"
        ratio = Figure(
            f"share of ideal: {name}", self.percent, "%", (min(turns), max(turns)), len(turns),
            self.condition.least, note=rates,
        )  # fmt: skip
        if self.condition.commit_delay_ms:
            return [ratio]
        gap = of_samples("  own gap per part", self.gaps_ms, "ms", Limit(high=1.0))
        enough = len(self.gaps_ms) >= SAMPLES_FOR_P95
        p95 = percentile(self.gaps_ms, 0.95)
        owed = sum(n for command, n in self.commands.items() if command in OWED)
        lines = sum(n for command, n in self.commands.items() if command not in OWED)
        per_part = lines / self.sent
        return [
            ratio,
            gap,
            Figure("  own gap per part, p95", p95, "ms", gap.spread, gap.runs, high=3.0 if enough else None),
            Figure(
                "  AT command lines per part", per_part, "", (per_part, per_part), self.sent, high=1.0,
                note=f"and {owed / self.sent:.2f} owed for reports",
            ),
        ]  # fmt: skip


class Bench:
    """One emulated network with a line for each sender, our server and the ideal sender."""

    def __init__(self, submit_s: float, commit_delay_ms: float, folder: Path) -> None:
        self.network = Child("bench.emulated", "--lines", "2", "--submit-s", str(submit_s))
        ours, ideal = self.network.hello
        name = f"{submit_s:g}-{commit_delay_ms:g}"
        self.server = Child(
            "bench.server", "--data-dir", str(folder / f"data-{name}"), "--modem", ours,
            "--commit-delay-ms", str(commit_delay_ms), log=folder / f"server-{name}.log",
        )  # fmt: skip
        self.ideal = Child("bench.ideal", ideal)
        wait_for("the line to come up", 20, lambda: self.server.ask("up") == 1)

    def close(self) -> None:
        for child in (self.ideal, self.server, self.network):
            child.end()

    def turn(self, comparison: Comparison, parts: int) -> None:
        """Let ours send so many parts, then the ideal sender."""
        condition = comparison.condition
        messages = max(1, parts // condition.parts)
        self.network.ask("take")
        self.server.ask("gaps")
        post(self.server.hello, messages, condition)
        taken = self._accepted("1", messages * condition.parts, condition)
        comparison.ours.add(taken["accepted_ms"])
        comparison.gaps_ms += self.server.ask("gaps")[0][WARM_UP:]
        time.sleep(
            0.7
        )  # the last report is read and erased, so that it is no part of the ideal sender's turn
        for name, n in _merged(taken["commands"], self.network.ask("take")["1"]["commands"]).items():
            comparison.commands[name] = comparison.commands.get(name, 0) + n
        comparison.sent += messages * condition.parts
        self.ideal.ask(tpdus(condition) * messages)
        self.ideal.answer()
        comparison.ideal.add(self.network.ask("take")["2"]["accepted_ms"])

    def _accepted(self, line: str, parts: int, condition: Condition) -> dict[str, Any]:
        taken: dict[str, Any] = {"accepted_ms": [], "commands": {}}

        def all_there() -> bool:
            new = self.network.ask("take")[line]
            taken["accepted_ms"] += new["accepted_ms"]
            taken["commands"] = _merged(taken["commands"], new["commands"])
            time.sleep(0.15)
            return len(taken["accepted_ms"]) >= parts

        wait_for(f"{parts} parts on air", 20 + parts * condition.submit_s * 3, all_there)
        return taken


def _merged(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in one.keys() | other.keys()}


def tpdus(condition: Condition) -> list[str]:
    """Encode what the ideal sender sends: the same octets as ours but for times and references."""
    options = SubmitOptions(to=TO, reference=7, delivery_report=condition.report, validity_s=86_400)
    return [tpdu.hex() for tpdu in encode_parts(segment(condition.text), options)]


def post(server: dict[str, str], messages: int, condition: Condition) -> None:
    """Hand messages to the server over HTTP."""
    arguments = ["--count", str(messages), "--connections", "4", "--text", condition.text]
    if not condition.report:
        arguments.append("--no-report")
    with Child("bench.load", server["url"], server["key"], *arguments) as load:
        if load.hello["refused"]:
            raise RuntimeError(f"refused: {load.hello['refused']}")


def compare(conditions: Sequence[Condition], turn_s: float, rounds: int, folder: Path) -> list[Comparison]:
    """Compare under conditions that share submit time and commit delay, in turns."""
    bench = Bench(conditions[0].submit_s, conditions[0].commit_delay_ms, folder)
    comparisons = [Comparison(condition) for condition in conditions]
    try:
        warm = Comparison(conditions[0])
        bench.turn(warm, 3)
        for _ in range(rounds):
            for comparison in comparisons:
                period_s = comparison.condition.submit_s + 0.04
                # At least two parts in a steady row, however short the turn.
                bench.turn(comparison, max(WARM_UP + 4, round(turn_s / period_s)))
    finally:
        bench.close()
    return comparisons


def measure(effort: Effort) -> list[Figure]:
    """Measure everything about one line."""
    figures: list[Figure] = []
    with directory(effort.directory) as folder:
        kinds = [(1, True), (3, True)] if effort.quick else [(1, True), (3, True), (1, False), (3, False)]
        slow, late = (kinds[:1], kinds[:1]) if effort.quick else (kinds, kinds[:2])
        plan = (
            ([Condition(0.25, *kind) for kind in kinds], effort.turn_s(6, 3), effort.rounds(2)),
            ([Condition(1.0, *kind) for kind in slow], effort.turn_s(8, 6), 1),
            ([Condition(0.25, *kind, 10.0) for kind in late], effort.turn_s(6, 3), effort.rounds(2)),
        )
        for conditions, turn_s, rounds in plan:
            for comparison in compare(conditions, turn_s, rounds, folder):
                figures += comparison.figures()
                print(f"  {comparison.condition.name}: {comparison.percent:.2f} % of ideal", flush=True)
        ideal = {f.name: f for f in figures}
        for submit_s in (0.25,) if effort.quick else (0.25, 1.0):
            rate = ideal[f"share of ideal: {Condition(submit_s, 1, report=True).name}"].note
            figures += peers.measure(submit_s, effort, folder, f"1 part, reports on ({rate})")
    return figures


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
