"""Owns the figures of POST /api/v1/messages: requests per second of the real server beside its null handler.

The null handler is the same server on a second port with a store that admits at once and keeps nothing; both are
measured in turns by the same client. Every 202 of the real one is committed and fsynced.
Source: keep-alive, 128 and 32 connections.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from bench.figures import Effort, Figure, Limit, of_samples, script
from bench.processes import Child, directory

TITLE = "POST /api/v1/messages, every 202 fsynced, beside the null handler"
CONNECTIONS = (128, 32)
HALF = 0.5


def measure(effort: Effort) -> list[Figure]:
    """Measure at each number of connections, the two handlers in turns."""
    seconds, rounds = effort.turn_s(4, 2), effort.rounds(3)
    figures: list[Figure] = []
    with (
        directory(effort.directory) as folder,
        Child("bench.server", "--data-dir", str(folder / "data"), log=folder / "server.log") as server,
    ):
        _load(server, "url", 32, 1.0)
        _load(server, "null_url", 32, 1.0)
        for connections in CONNECTIONS:
            real: list[dict[str, Any]] = []
            null: list[dict[str, Any]] = []
            notes: list[str] = []
            for _ in range(rounds):
                null.append(_load(server, "null_url", connections, seconds))
                before, cpu_s = server.ask("counters"), server.cpu_s
                real.append(_load(server, "url", connections, seconds))
                after = server.ask("counters")
                group = (after["units"] - before["units"]) / max(1, after["commits"] - before["commits"])
                notes.append(f"{group:.0f} units a commit, {(server.cpu_s - cpu_s) / seconds:.2f} cores")
            figures += _figures(connections, real, null, notes[-1])
    return figures


def _figures(
    connections: int, real: list[dict[str, Any]], null: list[dict[str, Any]], note: str
) -> list[Figure]:
    ratios = [ours["per_s"] / nothing["per_s"] for ours, nothing in zip(real, null, strict=True)]
    p99 = Limit(high=60.0) if connections == 32 else Limit()
    return [
        of_samples(f"{connections} connections: real / null handler", ratios, "", Limit(low=HALF), note),
        of_samples("  real", [one["per_s"] for one in real], "/s"),
        of_samples("  null handler", [one["per_s"] for one in null], "/s"),
        of_samples("  real, p99", [one["p99_ms"] for one in real], "ms", p99),
    ]


def _load(server: Child, which: str, connections: int, seconds: float) -> dict[str, Any]:
    command = [
        sys.executable, "-m", "bench.load", server.hello[which], server.hello["key"],
        "--connections", str(connections), "--seconds", str(seconds),
    ]  # fmt: skip
    done: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    if done["refused"]:
        raise RuntimeError(f"refused: {done['refused']}")
    return done


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
