"""Owns the device's side of one adb transport: packets, the handshake with its RSA check, streams and their flow.

Refuses to know what a service means: each opened stream is handed to the phone behind it.
Source: the platform's adb protocol description (messages, AUTH, OPEN/OKAY/WRTE/CLSE), version 0x01000001.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.peers.adb_device_keys import PublicKey

CNXN, AUTH, OPEN, OKAY, WRTE, CLSE = (
    int.from_bytes(name, "little") for name in (b"CNXN", b"AUTH", b"OPEN", b"OKAY", b"WRTE", b"CLSE")
)
VERSION = 0x01000001
"""From this version on nobody looks at the checksum; it is sent all the same."""
MAX_PAYLOAD = 1024 * 1024
TOKEN, SIGNATURE, PUBLIC_KEY = 1, 2, 3
HEADER = struct.Struct("<6I")


class TransportGone(Exception):
    """The transport ended below the stream."""


class OpenRefused(Exception):
    """The host would not open what the phone asked for."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One message of the transport."""

    command: int
    arg0: int
    arg1: int
    payload: bytes = b""

    def packed(self) -> bytes:
        checksum = sum(self.payload) & 0xFFFFFFFF
        size = len(self.payload)
        magic = self.command ^ 0xFFFFFFFF
        return HEADER.pack(self.command, self.arg0, self.arg1, size, checksum, magic) + self.payload


async def read_packet(reader: asyncio.StreamReader) -> Packet:
    """Read one packet; raises TransportGone at the end or when the magic does not fit."""
    try:
        command, arg0, arg1, size, _, magic = HEADER.unpack(await reader.readexactly(HEADER.size))
        if magic != command ^ 0xFFFFFFFF or size > MAX_PAYLOAD:
            raise TransportGone("not an adb packet")
        return Packet(command, arg0, arg1, await reader.readexactly(size))
    except (asyncio.IncompleteReadError, OSError) as error:
        raise TransportGone(str(error)) from error


class Stream:
    """One stream, as the service on the phone sees it: bytes in, bytes out, one packet in flight each way."""

    def __init__(self, transport: Transport, local: int, remote: int) -> None:
        self._transport = transport
        self.local = local
        self.remote = remote
        self._inbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._left = b""
        self._okay = asyncio.Event()
        self._writing = asyncio.Lock()
        self.closed = False

    async def read(self) -> bytes:
        """Return the next bytes, b"" when the host closed; the host may send more once these are taken."""
        if self._left:
            taken, self._left = self._left, b""
            return taken
        if self.closed and self._inbox.empty():
            return b""
        got = await self._inbox.get()
        if got is None:
            return b""
        if not self.closed:
            await self._transport.send(Packet(OKAY, self.local, self.remote))
        return got

    async def readexactly(self, count: int) -> bytes:
        """Return so many bytes; raises TransportGone when the host closes before."""
        gathered = b""
        while len(gathered) < count:
            more = await self.read()
            if not more:
                raise TransportGone("the host closed the stream")
            gathered += more
        self._left = gathered[count:]
        return gathered[:count]

    async def write(self, payload: bytes) -> None:
        """Send bytes, each packet after the OKAY for the one before."""
        step = self._transport.max_payload
        async with self._writing:
            for start in range(0, len(payload), step):
                if self.closed:
                    raise TransportGone("the stream is closed")
                self._okay.clear()
                piece = payload[start : start + step]
                await self._transport.send(Packet(WRTE, self.local, self.remote, piece))
                await self._okay.wait()

    async def close(self) -> None:
        if not self.closed:
            self.ended()
            self._transport.forget(self.local)
            await self._transport.send(Packet(CLSE, self.local, self.remote))

    def took(self, payload: bytes) -> None:
        self._inbox.put_nowait(payload)

    def may_write(self, remote: int) -> None:
        self.remote = remote
        self._okay.set()

    def ended(self) -> None:
        self.closed = True
        self._inbox.put_nowait(None)
        self._okay.set()


@dataclass
class Door:
    """What the transport asks of the phone."""

    banner: Callable[[], bytes]
    trusted: Callable[[], list[PublicKey]]
    knocked: Callable[[PublicKey], None]
    """A host whose signature nobody knows shows its public key."""
    serve: Callable[[Transport, Stream, str], Awaitable[None]]
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Unset: the phone is frozen, its sockets stay open."""


class Transport:
    """One connection of an adb server to the phone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, door: Door) -> None:
        self._reader = reader
        self._writer = writer
        self._door = door
        self._streams: dict[int, Stream] = {}
        self._opening: dict[int, asyncio.Future[int]] = {}
        self._ids = itertools.count(1)
        self._services: set[asyncio.Task[None]] = set()
        self._token = b""
        self.max_payload = 4096
        self.online = asyncio.Event()
        self.waiting_for: PublicKey | None = None
        """The key that a person is asked about just now."""
        self.at_end: list[Callable[[], None]] = []

    # ------------------------------------------------------------------ life

    async def run(self) -> None:
        """Speak until the connection ends."""
        try:
            while True:
                packet = await read_packet(self._reader)
                await self._door.gate.wait()
                await self._take(packet)
        except (TransportGone, OSError):
            pass
        finally:
            self._end()

    def drop(self) -> None:
        """Cut the connection, as a pulled cable would."""
        self._writer.transport.abort()

    def _end(self) -> None:
        for stream in list(self._streams.values()):
            stream.ended()
        for opening in self._opening.values():
            if not opening.done():
                opening.set_exception(OpenRefused("the transport ended"))
        for service in self._services:
            service.cancel()
        for callback in self.at_end:
            callback()
        self._writer.transport.abort()

    async def send(self, packet: Packet) -> None:
        await self._door.gate.wait()
        try:
            self._writer.write(packet.packed())
            await self._writer.drain()
        except OSError as error:
            raise TransportGone(str(error)) from error

    # ------------------------------------------------------------------ handshake

    async def _take(self, packet: Packet) -> None:
        if packet.command == CNXN:
            self.max_payload = min(MAX_PAYLOAD, packet.arg1)
            await self._ask_for_proof()
        elif packet.command == AUTH and packet.arg0 == SIGNATURE:
            if any(key.signed(self._token, packet.payload) for key in self._door.trusted()):
                await self.welcome()
            else:
                await self._ask_for_proof()
        elif packet.command == AUTH and packet.arg0 == PUBLIC_KEY:
            self.waiting_for = PublicKey.parse(packet.payload)
            self._door.knocked(self.waiting_for)
        elif self.online.is_set():
            await self._take_stream(packet)

    async def _ask_for_proof(self) -> None:
        self._token = os.urandom(20)
        await self.send(Packet(AUTH, TOKEN, 0, self._token))

    async def welcome(self) -> None:
        """Let the host in; it sees the phone as ``device`` from now on."""
        self.waiting_for = None
        self.online.set()
        await self.send(Packet(CNXN, VERSION, MAX_PAYLOAD, self._door.banner()))

    # ------------------------------------------------------------------ streams

    async def _take_stream(self, packet: Packet) -> None:
        stream = self._streams.get(packet.arg1)
        if packet.command == OPEN:
            await self._opened_by_host(packet)
        elif packet.command == OKAY and packet.arg1 in self._opening:
            self._opening.pop(packet.arg1).set_result(packet.arg0)
        elif packet.command == CLSE and packet.arg1 in self._opening:
            self._opening.pop(packet.arg1).set_exception(OpenRefused("the host closed it"))
        elif stream is not None and packet.command == OKAY:
            stream.may_write(packet.arg0)
        elif stream is not None and packet.command == WRTE:
            stream.took(packet.payload)
        elif stream is not None and packet.command == CLSE:
            self.forget(stream.local)
            stream.ended()

    async def _opened_by_host(self, packet: Packet) -> None:
        local = next(self._ids)
        stream = Stream(self, local, packet.arg0)
        self._streams[local] = stream
        service = packet.payload.rstrip(b"\0").decode("utf-8", "replace")
        await self.send(Packet(OKAY, local, packet.arg0))
        task = asyncio.create_task(self._serve(stream, service))
        self._services.add(task)
        task.add_done_callback(self._services.discard)

    async def _serve(self, stream: Stream, service: str) -> None:
        try:
            await self._door.serve(self, stream, service)
            await stream.close()
        except TransportGone:
            stream.ended()

    async def open(self, destination: str) -> Stream:
        """Open a stream to the host (``tcp:8000``); raises OpenRefused when nobody listens there."""
        local = next(self._ids)
        opening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._opening[local] = opening
        stream = Stream(self, local, 0)
        self._streams[local] = stream
        await self.send(Packet(OPEN, local, 0, destination.encode() + b"\0"))
        try:
            stream.remote = await opening
        except OpenRefused:
            self.forget(local)
            raise
        return stream

    def forget(self, local: int) -> None:
        self._streams.pop(local, None)
