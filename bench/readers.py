"""Owns the readers of the event stream measurement: many streams in one process, half of either kind, that only count.

Looks for whole events without parsing them, so that the server and not the reader is what is measured.
Source: WHATWG HTML §9.2; RFC 6455.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

TOLD = b'"type":"message.'
"""Stands once in the event of each message that is accepted, whatever the framing."""
_STAMP = re.compile(rb'"timestamp":"([^"]+)Z"')
SAMPLED_EVERY = 50
"""One stream in so many looks at how late its events are."""


@dataclass(slots=True)
class Tally:
    """What all readers have seen; delays in ms."""

    opened: int = 0
    lost_connections: int = 0
    told: list[int] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)


class Reader(asyncio.Protocol):
    """One stream."""

    def __init__(self, tally: Tally, head: bytes, number: int) -> None:
        self._tally = tally
        self._head = head
        self._number = number
        self._tail = b""
        self._begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._head)

    def data_received(self, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            if data[9:12] not in (b"200", b"101"):
                raise RuntimeError(data[:300].decode())
            self._tally.opened += 1
        # A whole event may lie across two reads; what is kept is too short to hold one that was counted.
        whole = self._tail + data
        self._tally.told[self._number] += whole.count(TOLD)
        self._tail = whole[-len(TOLD) + 1 :]
        if self._number % SAMPLED_EVERY == 0:
            now_s = time.time()
            for stamp in _STAMP.findall(data):
                at_s = datetime.fromisoformat(stamp.decode() + "+00:00").timestamp()
                self._tally.delays_ms.append((now_s - at_s) * 1000)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._tally.lost_connections += 1


def head_of(host: str, port: int, key: str, *, socket: bool) -> bytes:
    """Write the request of one stream."""
    lines = [f"GET /api/v1/events{'/ws' if socket else ''} HTTP/1.1", f"Host: {host}:{port}"]
    lines.append(f"Authorization: Bearer {key}")
    if socket:
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        lines.append("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
    return "\r\n".join([*lines, "", ""]).encode()


async def run(url: str, keys: list[str], streams: int) -> None:
    """Open the streams, then answer each line of standard input with what was seen until then."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    tally = Tally(told=[0] * streams)
    loop = asyncio.get_running_loop()
    for number in range(streams):
        head = head_of(host, port, keys[number % len(keys)], socket=bool(number % 2))
        await loop.create_connection(lambda h=head, n=number: Reader(tally, h, n), host, port)  # type: ignore[misc]
    while tally.opened < streams:  # noqa: ASYNC110  each protocol counts for itself
        await asyncio.sleep(0.02)
    print(json.dumps({"opened": tally.opened}), flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        answer: dict[str, Any] = {
            "least": min(tally.told),
            "most": max(tally.told),
            "all": sum(tally.told),
            "lost_connections": tally.lost_connections,
            "delays_ms": tally.delays_ms,
        }
        print(json.dumps(answer), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--key", action="append", default=[])
    parser.add_argument("--streams", type=int, default=500)
    given = parser.parse_args()
    asyncio.run(run(given.url, given.key, given.streams))
    return 0


if __name__ == "__main__":
    sys.exit(main())
