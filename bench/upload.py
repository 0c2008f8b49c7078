"""Owns the figures of a file: 100,000 rows of CSV into a real server, its memory and its answers meanwhile.

The server is a process of its own with a modem of an emulated network; the rules are those of the configuration.
Source: HTTP over loopback, memory from proc(5).
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

from bench.figures import Effort, Figure, of_samples, percentile, script
from bench.processes import Child, directory, wait_for
from bench.start import Serving

TITLE = "A file of rows"
ROWS, QUICK_ROWS = 100_000, 10_000
TEXT = "Dear {name}, parents' evening of class {class} has moved to 18:30."
PIECE = 64 * 1024
EVERY_S = 0.02
MORE = """[lines]
per_minute = 1
[messages]
max_queued = 5000000
[policy]
home_countries = ["GB"]
[[modem]]
port = "{port}"
"""


def table(rows: int) -> bytes:
    """A list of people as a spreadsheet writes it."""
    lines = [f"+447911{i:06d};Child {i};{i % 9}B" for i in range(rows)]
    return ("number;name;class\n" + "\n".join(lines) + "\n").encode()


def pieces(body: bytes) -> Iterator[bytes]:
    for first in range(0, len(body), PIECE):
        yield body[first : first + PIECE]


class Watch:
    """Asks the server every 20 ms how it is, and reads its memory."""

    def __init__(self, server: Serving, key: str) -> None:
        self.waits_ms: list[float] = []
        self.memory_mib: list[float] = []
        self._server = server
        self._key = key
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        address = urlsplit(self._server.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        while not self._over.wait(EVERY_S):
            began_s = time.perf_counter()
            connection.request("GET", "/health/live")
            connection.getresponse().read()
            self.waits_ms.append((time.perf_counter() - began_s) * 1000)
            self.memory_mib.append(self._server.memory_mib)


def upload(server: Serving, key: str, body: bytes) -> tuple[dict[str, object], float]:
    """Send a file as it would come from a disk; returns the answer and the seconds until it."""
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=600)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "text/csv", "Transfer-Encoding": "chunked"}
    began_s = time.perf_counter()
    connection.request(
        "POST", f"/api/v1/batches?text={quote(TEXT)}", pieces(body), headers, encode_chunked=True
    )
    answer = connection.getresponse()
    document = json.loads(answer.read())
    took_s = time.perf_counter() - began_s
    if answer.status != 202:
        raise RuntimeError(f"the file was refused: {document}")
    return document, took_s


def _measured(folder: Path, rows: int) -> list[Figure]:
    with Child("bench.emulated", "--lines", "1", "--submit-s", "3") as air:
        data_dir = folder / "data"
        data_dir.mkdir(mode=0o700)
        server = Serving(data_dir, MORE.format(port=air.hello[0]))
        try:
            key = (data_dir / "cli.key").read_text().strip()
            wait_for("the line to be up", 30, lambda: _lines_up(server, key) > 2)
            upload(server, key, table(1_000))  # what is made once is made
            before_mib = server.memory_mib
            with Watch(server, key) as watch:
                document, took_s = upload(server, key, table(rows))
            if document["accepted"] != rows:
                raise RuntimeError(f"only {document['accepted']} of {rows} rows were accepted")
        finally:
            server.end()
    grown = [mib - before_mib for mib in watch.memory_mib]
    return [
        Figure(f"{rows:,} rows of CSV to the answer", took_s, "s", (took_s, took_s), 1, high=40.0),
        Figure("  memory beside that before", max(grown), "MiB", (min(grown), max(grown)), len(grown), high=30.0),
        of_samples(
            "  another request meanwhile", watch.waits_ms, "ms",
            note=f"99 % within {percentile(watch.waits_ms, 0.99):.1f} ms",
        ),
    ]  # fmt: skip


def _lines_up(server: Serving, key: str) -> int:
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.request("GET", "/api/v1/lines", headers={"Authorization": f"Bearer {key}"})
    items = json.loads(connection.getresponse().read())["items"]
    return sum(line["state"] == "up" for line in items)


def measure(effort: Effort) -> list[Figure]:
    """Upload one file."""
    with directory(effort.directory) as folder:
        return _measured(folder, QUICK_ROWS if effort.quick else ROWS)


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
