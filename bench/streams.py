"""Owns the figures of event streams: many readers while messages are accepted, beside the same load without readers.

Half of the readers take server-sent events, half WebSockets; texts are included. A message that is accepted makes two
events here: it is held, for its number is near others, and policy.alert says so.
Source: proc(5) for the server's processor time and memory; the readers count what they were told.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from typing import Any

from bench.figures import Effort, Figure, Limit, of_samples, percentile, script
from bench.processes import Child, directory, memory_bytes

TITLE = "Event streams: 500 readers, 200 messages or 400 events a second"
STREAMS = 500
KEYS = 5
PER_S = 200
SETTLE_S = 2.0
"""After the last event: everything that is on its way has come."""
CORES = 1.0
GROWTH_MIB = 64.0
MIB = 2**20


def measure(effort: Effort) -> list[Figure]:
    """Measure the server without readers, then with them."""
    seconds, rounds = effort.turn_s(10, 4), effort.rounds(3)
    with (
        directory(effort.directory) as folder,
        Child("bench.server", "--data-dir", str(folder / "data"), log=folder / "server.log") as server,
    ):
        keys = [_key(server, number) for number in range(KEYS)]
        _load(server, seconds=1.0)
        alone = [_turn(server, seconds)[0] for _ in range(rounds)]
        before_mib = memory_bytes(server.process.pid) / MIB
        shown = [part for key in keys for part in ("--key", key)]
        with Child("bench.readers", server.hello["url"], *shown, "--streams", str(STREAMS)) as readers:
            open_mib = memory_bytes(server.process.pid) / MIB
            accepted = 0
            read: list[float] = []
            peak: list[float] = []
            for _ in range(rounds):
                cores, more = _turn(server, seconds)
                accepted += more
                read.append(cores)
                peak.append(memory_bytes(server.process.pid) / MIB)
            time.sleep(SETTLE_S)
            told = readers.ask("told")
    return [
        *_figures(alone, read, told, accepted),
        of_samples("memory of open streams", [(open_mib - before_mib) * 1024 / STREAMS], "KiB each"),
        of_samples(
            "memory grown while they read", [mib - open_mib for mib in peak], "MiB", Limit(high=GROWTH_MIB)
        ),
    ]


def _figures(alone: list[float], read: list[float], told: dict[str, Any], accepted: int) -> list[Figure]:
    lost = accepted * STREAMS - told["all"]
    twice = max(0, told["most"] - accepted)
    delays = told["delays_ms"]
    spread = (min(delays), max(delays))
    note = f"{accepted} messages, {told['all']:,} told; {told['lost_connections']} connections lost"
    return [
        of_samples("processor, with readers", read, "cores", Limit(high=CORES)),
        of_samples("  the same requests without", alone, "cores"),
        Figure("events lost", lost, "", (lost, lost), 1, high=0, note=note),
        Figure("events told twice", twice, "", (twice, twice), 1, high=0),
        Figure("from commit to reader, median", percentile(delays, 0.5), "ms", spread, len(delays)),
        Figure("from commit to reader, p99", percentile(delays, 0.99), "ms", spread, len(delays)),
    ]


def _turn(server: Child, seconds: float) -> tuple[float, int]:
    """Let one load go; returns what it costs at the full rate (a busy machine may not reach it), and how many messages
    were accepted."""
    before, cpu_s = _accepted(server), server.cpu_s
    _load(server, seconds)
    used_s = server.cpu_s - cpu_s
    accepted = _accepted(server) - before
    return used_s / accepted * PER_S, accepted


def _load(server: Child, seconds: float) -> None:
    """Post messages at an even rate."""
    command = [
        sys.executable, "-m", "bench.load", server.hello["url"], server.hello["key"], "--connections", "8",
        "--seconds", str(seconds), "--rate", str(PER_S),
    ]  # fmt: skip
    done: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    if done["refused"]:
        raise RuntimeError(f"refused: {done['refused']}")


def _accepted(server: Child) -> int:
    return int(_ask(server, "reports/usage")["totals"]["messages"])


def _key(server: Child, number: int) -> str:
    """Make one of the keys of the readers: one may have a hundred streams."""
    asked = {"name": f"reader {number}", "scopes": ["events:read", "messages:read"]}
    return str(_ask(server, "keys", json.dumps(asked).encode())["key"])


def _ask(server: Child, path: str, body: bytes | None = None) -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {server.hello['key']}"}
    request = urllib.request.Request(f"{server.hello['url']}/api/v1/{path}", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
