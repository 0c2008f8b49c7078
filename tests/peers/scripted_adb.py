"""Owns a fake adb server: answers each request by a script, drips, stops or ends at any octet.

Written from adb's SERVICES.TXT and shell_protocol.h; shares no code with the client.
Knows no phone: a shell is a function from a command line to what it prints.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OKAY = b"OKAY"
Shell = Callable[[str, bytes], tuple[str, str, int]]
"""Command line and standard input to stdout, stderr and exit code."""


def text(said: str) -> bytes:
    octets = said.encode()
    return f"{len(octets):04x}".encode() + octets


def fail(said: str) -> bytes:
    return b"FAIL" + text(said)


def packet(kind: int, octets: bytes) -> bytes:
    return struct.pack("<BI", kind, len(octets)) + octets


def shell_answer(stdout: str = "", stderr: str = "", exit_code: int = 0) -> bytes:
    out = packet(1, stdout.encode()) if stdout else b""
    err = packet(2, stderr.encode()) if stderr else b""
    return OKAY + out + err + packet(3, bytes([exit_code]))


@dataclass
class ScriptedAdb:
    """One server. ``answers`` maps a request to all that is said to it; ``shell`` answers what is not in there.

    ``drip_s``: seconds between octets. ``cut_after`` / ``hang_after``: octets of a *connection* after which it is
    closed, or nothing more is said.
    """

    port: int = 0
    answers: dict[str, bytes] = field(default_factory=dict)
    shell: Shell | None = None
    drip_s: float | None = None
    cut_after: int | None = None
    hang_after: int | None = None
    requests: list[str] = field(default_factory=list)
    lists: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    hung: set[str] = field(default_factory=set)
    """Serial numbers of phones that say nothing to any command."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = _Mouth(self, writer)
        serial = ""
        try:
            while True:
                head = await reader.readexactly(4)
                if head == b"STAT":  # of the sync service: the phone says nothing to it
                    await asyncio.Event().wait()
                request = (await reader.readexactly(int(head, 16))).decode()
                self.requests.append(request)
                if request.startswith("host:transport:"):
                    serial = request.removeprefix("host:transport:")
                elif serial in self.hung:
                    await asyncio.Event().wait()
                if request == "host:track-devices-l":
                    await said.say(OKAY)
                    await self._track(said)
                elif request in self.answers:
                    await said.say(self.answers[request])
                elif request.startswith("host:transport:"):
                    await said.say(OKAY)
                elif request.startswith("shell,v2,raw:") and self.shell is not None:
                    await said.say(OKAY)
                    stdin = await _stdin(reader)
                    answer = shell_answer(*self.shell(request.removeprefix("shell,v2,raw:"), stdin))
                    await said.say(answer.removeprefix(OKAY))
                else:
                    await said.say(fail(f"unknown service {request}"))
        except (asyncio.IncompleteReadError, ConnectionError, _Enough):
            pass
        finally:
            writer.close()

    async def _track(self, said: _Mouth) -> None:
        while (listed := await self.lists.get()) is not None:
            await said.say(listed)
        raise _Enough

    def now(self, *rows: str) -> None:
        """List these phones from now on."""
        listed = text("".join(f"{row}\n" for row in rows))
        self.answers["host:devices-l"] = OKAY + listed
        self.lists.put_nowait(listed)


class _Enough(Exception):
    pass


@dataclass
class _Mouth:
    server: ScriptedAdb
    writer: asyncio.StreamWriter
    said: int = 0

    async def say(self, octets: bytes) -> None:
        for at in range(len(octets)) if self._by_octet() else ():
            if self.said == self.server.hang_after:
                await asyncio.Event().wait()
            if self.said == self.server.cut_after:
                raise _Enough
            self.writer.write(octets[at : at + 1])
            self.said += 1
            await self.writer.drain()
            await asyncio.sleep(self.server.drip_s or 0)
        if not self._by_octet():
            self.writer.write(octets)
            await self.writer.drain()

    def _by_octet(self) -> bool:
        server = self.server
        return any(each is not None for each in (server.drip_s, server.cut_after, server.hang_after))


async def _stdin(reader: asyncio.StreamReader) -> bytes:
    taken = b""
    while True:
        kind, length = struct.unpack("<BI", await reader.readexactly(5))
        octets = await reader.readexactly(length)
        if kind == 4:  # kIdCloseStdin
            return taken
        taken += octets


@asynccontextmanager
async def scripted_adb() -> AsyncIterator[ScriptedAdb]:
    """Listen on a loopback port of its own until the block ends."""
    server = ScriptedAdb()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(server.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    server.answers["host:version"] = OKAY + text("0029")
    try:
        yield server
    finally:
        listening.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
