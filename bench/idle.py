"""Owns the figures of rest: processor and memory of a server with two emulated lines and nothing to do.

Source: proc(5), user and system time of all threads; resident memory at the end.
"""

from __future__ import annotations

import sys
import time

from bench.figures import Effort, Figure, script
from bench.processes import cpu_s, directory
from bench.start import Serving

TITLE = "At rest, two emulated lines"
SETTLE_S = 3.0
CORE_PERCENT = 1.0
MEMORY_MIB = 120.0


def measure(effort: Effort) -> list[Figure]:
    """Watch a server that has nothing to do."""
    seconds = effort.turn_s(30, 6)
    with directory(effort.directory) as folder:
        data_dir = folder / "data"
        data_dir.mkdir(mode=0o700)
        server = Serving(data_dir)
        try:
            time.sleep(SETTLE_S)
            used_s, began_s = cpu_s(server.process.pid), time.monotonic()
            time.sleep(seconds)
            percent = 100 * (cpu_s(server.process.pid) - used_s) / (time.monotonic() - began_s)
            memory = server.memory_mib
        finally:
            server.end()
    note = f"over {seconds:g} s"
    return [
        Figure("processor", percent, "% of a core", (percent, percent), 1, high=CORE_PERCENT, note=note),
        Figure("resident memory", memory, "MiB", (memory, memory), 1, high=MEMORY_MIB),
    ]


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
