"""Owns the conversation with one adb server from asyncio: one connection and one total deadline per operation.

Refuses to restart or end a server, ever, and to start one unless it is told that it may; knows no step of ours.
Source: adb's SERVICES.TXT; measured against adb 29.0.6 and 36.0.0.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from device_bridge.adb import starting, wire
from device_bridge.adb.errors import NoServer, Offline, Refused, Wedged, of_fail_text
from device_bridge.adb.wire import AdbDevice, Reverse, ShellResult

SERVER_TIMEOUT_S: Final = 5.0
"""Seconds for what the server answers by itself; it takes under a millisecond, a swapping host some seconds."""

TUNNEL_TIMEOUT_S: Final = 10.0  # the phone's adb answers in milliseconds; a busy one in a second or two
_WEDGED_HINT: Final = "Unplug the phone and plug it in again; if that does not help, restart the phone"


class AdbServer:
    """An adb server at a TCP port, this computer's usual one by default.

    Args:
        host: Where it listens; only one on loopback can be started.
        may_start: Whether :meth:`start` is allowed at all.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 5037, *, may_start: bool = False) -> None:
        self.host = host
        self.port = port
        self.may_start = may_start

    async def version(self) -> int:
        """Ask for the protocol version of the server (41 for adb 29 to 36).

        Raises:
            NoServer: nobody answers there.

        On air: never
        """
        async with self._deadline(SERVER_TIMEOUT_S, "the adb server"), self._asked("host:version") as reader:
            text = await _text(reader)
        try:
            return int(text, 16)
        except ValueError:
            raise Refused(f"the adb server calls its version {wire.shown(text)!r}") from None

    async def start(self) -> None:
        """Start an adb server where none answers; one that answers is left alone.

        Raises:
            NoServer: not allowed, no adb on this computer, or it does not come up; ``hint`` says which package.

        On air: never
        """
        try:
            await self.version()
        except NoServer:
            if not self.may_start:
                raise
            await starting.start_server(self.host, self.port)
            await self.version()

    async def track(self) -> AsyncIterator[tuple[AdbDevice, ...]]:
        """Yield the whole list at once and at each change, until the server ends.

        Raises:
            NoServer: nobody answers, or the server ended: ask again later.

        On air: never
        """
        reader, writer = await self._connect()
        try:
            async with self._deadline(SERVER_TIMEOUT_S, "the adb server"):
                await _ask(reader, writer, "host:track-devices-l")
            while True:
                # Silence is normal between lists, not inside one.
                digits = await _exactly(reader, 4)
                async with self._deadline(SERVER_TIMEOUT_S, "the adb server"):
                    octets = await _exactly(reader, wire.hex_length(digits))
                yield wire.device_list(octets.decode("utf-8", "replace"))
        except Offline as ended:
            raise NoServer("the adb server ended while it listed phones") from ended
        finally:
            writer.transport.abort()

    async def devices(self) -> tuple[AdbDevice, ...]:
        """List the phones as they are now: adb 29 tracks no change to ``unauthorized``, and ``offline`` late.

        Raises:
            NoServer: nobody answers there.

        On air: never
        """
        async with (
            self._deadline(SERVER_TIMEOUT_S, "the adb server"),
            self._asked("host:devices-l") as reader,
        ):
            return wire.device_list(await _text(reader))

    async def shell(
        self, serial: str, words: tuple[str, ...], *, stdin: bytes = b"", timeout_s: float
    ) -> ShellResult:
        """Run one command of fixed words on a phone.

        Args:
            serial: The phone's name at the adb server.
            words: Command and arguments, each of ``A-Z a-z 0-9 . _ : / = + , -``; the phone's shell sees them.
            stdin: What the command reads; the place for everything that is not a fixed word.
            timeout_s: Seconds for the whole, from connecting to the exit code.

        Raises:
            Refused: a word that may not stand there; nothing was asked.
            Wedged: no exit code in time. The command may still be running on the phone.
            Offline: the phone went away before the exit code.
            Unauthorised, NoServer: as they say.

        On air: never (no command of ours sends a text)
        """
        line = wire.command_line(words)
        async with (
            self._deadline(timeout_s, words[0]),
            self._opened(serial, f"shell,v2,raw:{line}") as (reader, writer),
        ):
            writer.write(wire.stdin_packets(stdin))
            return await _shell_answer(reader)

    async def reverse_list(self, serial: str) -> tuple[Reverse, ...]:
        """Ask a phone which of its ports lead to ports of this computer.

        Raises:
            AdbError: as :meth:`shell`.

        On air: never
        """
        async with (
            self._deadline(TUNNEL_TIMEOUT_S, "reverse"),
            self._opened(serial, "reverse:list-forward") as (reader, _),
        ):
            return wire.reverse_table(await _text(reader))

    async def reverse_add(
        self, serial: str, phone_port: int, host_port: int, *, norebind: bool = True
    ) -> int:
        """Let a port of the phone lead to a port of this computer, and give the phone's port.

        Args:
            phone_port: 0 lets the phone choose.
            norebind: Leave a tunnel alone that somebody else made on that port.

        Raises:
            Refused: the port is taken; ``reason`` is the phone's text.
            AdbError: as :meth:`shell`.

        On air: never
        """
        service = f"reverse:forward:{'norebind:' if norebind else ''}tcp:{phone_port};tcp:{host_port}"
        async with (
            self._deadline(TUNNEL_TIMEOUT_S, "reverse"),
            self._opened(serial, service) as (reader, _),
        ):
            await _okay(reader)
            if phone_port:
                return phone_port
            text = await _text(reader)
        if not text.isdecimal() or not 0 < int(text) < 65536:
            raise Refused(f"the phone says that it chose port {wire.shown(text)!r}")
        return int(text)

    async def reverse_remove(self, serial: str, phone_port: int) -> None:
        """Take back one tunnel.

        Raises:
            Refused: there is none on that port.
            AdbError: as :meth:`shell`.

        On air: never
        """
        async with (
            self._deadline(TUNNEL_TIMEOUT_S, "reverse"),
            self._opened(serial, f"reverse:killforward:tcp:{phone_port}") as (reader, _),
        ):
            await _okay(reader)

    async def reconnect(self, serial: str) -> None:
        """Let the server open its connection to one phone anew; for one that stays listed as offline.

        Not `adb connect`: that answers "already connected" for such a phone and does nothing.

        Raises:
            AdbError: as :meth:`shell`.

        On air: never
        """
        if not wire.is_plain_serial(serial):
            raise Refused(f"{wire.shown(serial)!r} cannot be the serial number of a phone")
        async with (
            self._deadline(SERVER_TIMEOUT_S, "reconnect"),
            self._asked(f"host-serial:{serial}:reconnect") as reader,
        ):
            await _text(reader)

    async def push(self, serial: str, octets: bytes, path: str, *, timeout_s: float) -> None:
        """Write a file on the phone, readable by all.

        Raises:
            AdbError: as :meth:`shell`; ``Refused`` where the phone does not take the file.

        On air: never
        """
        # adbutils takes a third of a second to import: only where a file is pushed.
        from device_bridge.adb.push import push_file  # noqa: PLC0415

        await push_file((self.host, self.port), serial, (octets, path), timeout_s)

    # ------------------------------------------------------------------ below

    @asynccontextmanager
    async def _opened(
        self, serial: str, service: str
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        if not wire.is_plain_serial(serial):
            raise Refused(f"{wire.shown(serial)!r} cannot be the serial number of a phone")
        reader, writer = await self._connect()
        try:
            await _ask(reader, writer, f"host:transport:{serial}")
            await _ask(reader, writer, service)
            yield reader, writer
        finally:
            writer.transport.abort()

    @asynccontextmanager
    async def _asked(self, service: str) -> AsyncIterator[asyncio.StreamReader]:
        reader, writer = await self._connect()
        try:
            await _ask(reader, writer, service)
            yield reader
        except Offline as ended:
            raise NoServer(f"the adb server at {self.host}:{self.port} closed the connection") from ended
        finally:
            writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(SERVER_TIMEOUT_S):
                return await asyncio.open_connection(self.host, self.port)
        except (OSError, TimeoutError) as error:
            where = f"{self.host}:{self.port}"
            raise NoServer(f"no adb server answers at {where}", starting.server_hint()) from error

    @asynccontextmanager
    async def _deadline(self, timeout_s: float, what: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(timeout_s):
                yield
        except TimeoutError as error:
            raise Wedged(f"{what}: no answer within {timeout_s:g} s", _WEDGED_HINT) from error


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, service: str) -> None:
    writer.write(wire.request(service))
    await _okay(reader)


async def _okay(reader: asyncio.StreamReader) -> None:
    word = await _exactly(reader, 4)
    if word == b"OKAY":
        return
    if word == b"FAIL":
        raise of_fail_text(wire.shown(await _text(reader)))
    raise Refused(f"{wire.shown(repr(word))} instead of OKAY: is it an adb server that listens there?")


async def _text(reader: asyncio.StreamReader) -> str:
    octets = await _exactly(reader, wire.hex_length(await _exactly(reader, 4)))
    return octets.decode("utf-8", "replace")


async def _exactly(reader: asyncio.StreamReader, count: int) -> bytes:
    try:
        return await reader.readexactly(count)
    except (asyncio.IncompleteReadError, OSError) as error:
        raise Offline("the stream ended before the answer was complete", "Check the cable") from error


async def _shell_answer(reader: asyncio.StreamReader) -> ShellResult:
    streams = {wire.STDOUT: bytearray(), wire.STDERR: bytearray()}
    while True:
        kind, length = wire.packet_header(await _exactly(reader, 5))
        octets = await _exactly(reader, length)
        if kind == wire.EXIT:
            code = octets[0] if octets else 255
            return ShellResult(bytes(streams[wire.STDOUT]), bytes(streams[wire.STDERR]), code)
        streams[kind] += octets
        if len(streams[kind]) > wire.MAX_OUTPUT:
            raise Refused(f"the command gave more than {wire.MAX_OUTPUT} octets")
