"""Owns the client of the POST measurements: keep-alive connections that each send the next request at once.

Parses no more of an answer than it must, so that the server and not the client is what is measured.
Source: RFC 9112 §6.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

_LENGTH = b"Content-Length: "
NUMBERS = 5_000
"""Recipients are taken in turn out of so many: a bulk job knows its people, the next one begins again."""


@dataclass(slots=True)
class Job:
    """What is asked for and what came of it. ``left`` counts requests still to be begun; None = until told."""

    host: str
    port: int
    key: str
    text: str
    report: bool
    left: int | None = None
    stopped: bool = False
    serial: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)

    def request(self) -> bytes:
        """Write the next request."""
        self.serial += 1
        to = f"+49151{10_000_000 + self.serial % NUMBERS}"
        body = json.dumps({"to": to, "text": self.text, "delivery_report": self.report}).encode()
        head = (
            f"POST /api/v1/messages HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
            f"Authorization: Bearer {self.key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def may_begin(self) -> bool:
        if self.stopped or self.left == 0:
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._heard = b""
        self._transport: asyncio.Transport | None = None
        self._began_s = 0.0
        self.idle = asyncio.Event()
        self.paced = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def begin(self) -> None:
        """Send the next request, or rest when there is none."""
        if not self._job.may_begin():
            self.idle.set()
            return
        self.idle.clear()
        self._began_s = time.perf_counter()
        assert self._transport is not None
        self._transport.write(self._job.request())

    def data_received(self, data: bytes) -> None:
        self._heard += data
        end = self._heard.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._heard.find(_LENGTH)
        length = int(self._heard[at + len(_LENGTH) : self._heard.index(b"\r\n", at)])
        if len(self._heard) < end + 4 + length:
            return
        status = int(self._heard[9:12])
        self._heard = b""
        if status == 202:
            self._job.latencies_ms.append((time.perf_counter() - self._began_s) * 1000)
        else:
            self._job.refused[status] = self._job.refused.get(status, 0) + 1
        if self.paced:
            self.idle.set()
        else:
            self.begin()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.idle.set()


async def _paced(job: Job, clients: list[Client], rate: float) -> None:
    """Begin requests at an even rate on whatever connection is idle."""
    loop = asyncio.get_running_loop()
    next_s = loop.time()
    free = [client for client in clients if client.idle.is_set()]
    while not job.stopped:
        while next_s <= loop.time():
            free = free or [client for client in clients if client.idle.is_set()]
            if not free:
                break
            free.pop().begin()
            next_s += 1 / rate
        await asyncio.sleep(0.002)


async def run(job: Job, connections: int, seconds: float | None, rate: float | None) -> dict[str, Any]:
    """Do the job; returns requests, seconds and latencies."""
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: Client(job), job.host, job.port))[1] for _ in range(connections)
    ]
    began_s = time.perf_counter()
    pacing: asyncio.Task[None] | None = None
    if rate is None:
        for client in clients:
            client.begin()
    else:
        for client in clients:
            client.paced = True
            client.idle.set()
        pacing = asyncio.create_task(_paced(job, clients, rate))
    if seconds is not None:
        await asyncio.sleep(seconds)
        job.stopped = True
    took_s = time.perf_counter() - began_s
    counted = len(job.latencies_ms)
    await asyncio.gather(*(client.idle.wait() for client in clients))
    if seconds is None:
        took_s, counted = time.perf_counter() - began_s, len(job.latencies_ms)
    if pacing is not None:
        await pacing
    ordered = sorted(job.latencies_ms) or [0.0]
    return {
        "requests": counted,
        "seconds": took_s,
        "per_s": counted / took_s,
        "p50_ms": ordered[len(ordered) // 2],
        "p99_ms": ordered[int(len(ordered) * 0.99)],
        "refused": job.refused,
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--count", type=int, default=None)
    parser.add_argument(
        "--rate", type=float, default=None, help="requests per second; default: as fast as it goes"
    )
    parser.add_argument("--text", default="Your parcel arrives today between 14:00 and 16:00.")
    parser.add_argument("--no-report", action="store_true")
    given = parser.parse_args()
    parts = urlsplit(given.url)
    job = Job(parts.hostname or "", parts.port or 80, given.key, given.text, not given.no_report, given.count)
    print(json.dumps(asyncio.run(run(job, given.connections, given.seconds, given.rate))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
