"""Owns the figures of sixteen lines in one process: every line's share of the ideal, and the processor it costs.

Each turn has a server of its own, because what was posted in one turn must not be sent in the next.
Source: submit 0.25 s; processor time from proc(5), all threads.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import Effort, Figure, Limit, of_samples, script
from bench.line import WARM_UP, Condition, post, tpdus
from bench.processes import Child, directory, wait_for

TITLE = "Sixteen lines in one process (submit 0.25 s)"
LINES = 16
SUBMIT_S = 0.25
PARTS_PER_S = 4
"""More than a line can carry."""
WARM_UP_S = 2.0
POSTS_PER_S = 500
POSTING_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Case:
    """What happens beside the sending, and what is wanted of it (per cent, cores)."""

    commit_delay_ms: float
    posts: bool
    average: float
    worst: float | None = None
    cores: float | None = None

    @property
    def name(self) -> str:
        said = [f"commits +{self.commit_delay_ms:g} ms"] if self.commit_delay_ms else []
        said += [f"{POSTS_PER_S} POST/s"] if self.posts else []
        return ", ".join(said) or "sending only"


CASES = (
    Case(0, posts=False, average=98, worst=97, cores=0.5),
    Case(0, posts=True, average=98, worst=97, cores=1.0),
    Case(10, posts=False, average=98),
    Case(10, posts=True, average=96),
)


@dataclass(slots=True)
class Turns:
    """What the turns of one case gave."""

    average: list[float] = field(default_factory=list)
    worst: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def measure(effort: Effort) -> list[Figure]:
    """Measure all cases, each beside the ideal sender."""
    seconds, rounds = effort.turn_s(5, 3), effort.rounds(2)
    cases = (CASES[0], CASES[-1]) if effort.quick else CASES
    turns = {case: Turns() for case in cases}
    with (
        directory(effort.directory) as folder,
        Child("bench.emulated", "--lines", str(2 * LINES), "--submit-s", str(SUBMIT_S)) as network,
        Child("bench.ideal", *network.hello[LINES:]) as ideal,
    ):
        for number in range(rounds):
            for case in cases:
                place = folder / f"{CASES.index(case)}-{number}"
                _turn(case, turns[case], (network, place, seconds, _ideal(network, ideal, seconds)))
    return [figure for case in cases for figure in _figures(case, turns[case])]


def _figures(case: Case, turns: Turns) -> list[Figure]:
    said = f"16 lines, {case.name}"
    figures = [of_samples(f"{said}: average", turns.average, "%", Limit(low=case.average), turns.notes[-1])]
    figures.append(of_samples("  worst line", turns.worst, "%", Limit(low=case.worst)))
    figures.append(of_samples("  processor", turns.cores, "cores", Limit(high=case.cores)))
    return figures


def _ideal(network: Child, ideal: Child, seconds: float) -> float:
    """Parts per minute of the ideal sender, average of its lines."""
    network.ask("take")
    ideal.ask(tpdus(Condition(SUBMIT_S, 1, report=True)) * (WARM_UP + round(seconds / (SUBMIT_S + 0.06))))
    ideal.answer()
    taken = network.ask("take")
    rates = [_rate(taken[str(line)]["accepted_ms"], WARM_UP) for line in range(LINES + 1, 2 * LINES + 1)]
    return sum(rates) / len(rates)


def _turn(case: Case, turns: Turns, how: tuple[Child, Path, float, float]) -> None:
    network, place, seconds, best = how
    modems = [argument for address in network.hello[:LINES] for argument in ("--modem", address)]
    log = place.with_suffix(".log")
    with Child(
        "bench.server",
        "--data-dir",
        str(place),
        *modems,
        "--commit-delay-ms",
        str(case.commit_delay_ms),
        log=log,
    ) as server:
        wait_for("sixteen lines to come up", 30, lambda: server.ask("up") == LINES)
        # What is queued before lasts for the whole turn; posted texts come on top of it.
        queued = round(LINES * PARTS_PER_S * (seconds + WARM_UP_S + 3))
        post(server.hello, queued, Condition(SUBMIT_S, 1, report=True))
        load = _posting(server, seconds + WARM_UP_S + 1) if case.posts else None
        time.sleep(WARM_UP_S)
        network.ask("take")
        before, cpu_s, began_s = server.ask("counters"), server.cpu_s, time.monotonic()
        time.sleep(seconds)
        took_s = time.monotonic() - began_s
        turns.cores.append((server.cpu_s - cpu_s) / took_s)
        taken, after = network.ask("take"), server.ask("counters")
        if load is not None:
            load.wait()
        shares = [100 * _rate(taken[str(line)]["accepted_ms"]) / best for line in range(1, LINES + 1)]
        turns.average.append(sum(shares) / LINES)
        turns.worst.append(min(shares))
        commits = (after["commits"] - before["commits"]) / took_s
        units = (after["units"] - before["units"]) / took_s
        escapes = sum(taken[str(line)]["commands"].get("ESC", 0) for line in range(1, LINES + 1))
        turns.notes.append(
            f"ideal {best:.1f}/min a line; {commits:.0f} commits/s of {units:.0f} units/s; {escapes} taken back"
        )
        server.process.kill()  # what is left of the queue is nobody's


def _posting(server: Child, seconds: float) -> subprocess.Popen[bytes]:
    arguments = [
        "--rate",
        str(POSTS_PER_S),
        "--connections",
        str(POSTING_CONNECTIONS),
        "--seconds",
        str(seconds),
    ]
    command = [sys.executable, "-m", "bench.load", server.hello["url"], server.hello["key"], *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def _rate(accepted_ms: list[int], skip: int = 0) -> float:
    steady = accepted_ms[skip:]
    if len(steady) < 3:
        return 0.0
    return 60_000 * (len(steady) - 1) / (steady[-1] - steady[0])


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
