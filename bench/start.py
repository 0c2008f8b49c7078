"""Owns the figure of a start: from `gateway serve` to the first answer that a message could be stored.

Run alone it starts on an empty database; beside many rows it is part of bench.growth.
Source: GET /health/ready.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from bench.figures import Effort, Figure, Limit, of_samples, script
from bench.processes import directory, memory_bytes, wait_for

TITLE = "Start of the server"
WANTED = Limit(high=2.0)
PATIENCE_S = 60.0


class Serving:
    """A `gateway serve` with two emulated lines, and when it answered. ``more`` is added to its configuration."""

    def __init__(self, data_dir: Path, more: str = "") -> None:
        config = data_dir.with_name(f"{data_dir.name}.toml")
        config.write_text("[server]\nport = 0\n[serial]\ndiscover = false\n" + more)
        self._file = data_dir / "server.json"
        self._file.unlink(missing_ok=True)
        command = [
            sys.executable, "-m", "gateway", "serve", "--config", str(config), "--data-dir", str(data_dir),
        ]  # fmt: skip
        began_s = time.monotonic()
        with data_dir.with_name(f"{data_dir.name}.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for("the server to answer", PATIENCE_S, self._ready)
        self.took_s = time.monotonic() - began_s

    def _ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"gateway serve ended with status {self.process.returncode}")
        try:
            address = urlsplit(json.loads(self._file.read_text())["url"])
            connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, ValueError):
            return False

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(json.loads(self._file.read_text())["url"])

    @property
    def memory_mib(self) -> float:
        return memory_bytes(self.process.pid) / 1024 / 1024

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def starts(data_dir: Path, times: int, name: str, limit: Limit = WANTED) -> Figure:
    """Start several times on one data directory; seconds to the first answer."""
    samples: list[float] = []
    for _ in range(times):
        server = Serving(data_dir)
        samples.append(server.took_s)
        server.end()
    return of_samples(name, samples, "s", limit)


def measure(effort: Effort) -> list[Figure]:
    """Start on a database that a first start has made."""
    with directory(effort.directory) as folder:
        data_dir = folder / "data"
        data_dir.mkdir(mode=0o700)
        first = starts(data_dir, 1, "very first start, database and keys made", Limit())
        return [first, starts(data_dir, effort.rounds(3), "start to serving on an empty database")]


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
