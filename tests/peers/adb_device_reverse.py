"""Owns ``reverse:`` on the phone: listeners on its loopback that open streams to the host, and their list.

Refuses to keep one beyond the transport it was made on: any break takes them all, as on a phone.
Source: the platform's handle_forward_request (texts of its failures) and format_listeners.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from dataclasses import dataclass, field

from tests.peers.adb_device_wire import OpenRefused, Stream, Transport, TransportGone


@dataclass
class Listener:
    """One reversed port; it lives as long as the transport it was made on."""

    remote: str
    transport: Transport
    server: asyncio.Server
    piping: set[asyncio.Task[None]] = field(default_factory=set)

    def close(self) -> None:
        self.server.close()
        for task in list(self.piping):
            task.cancel()


class Reverses:
    """The reversed ports of one phone, whichever host asked for them."""

    def __init__(self, address: str, prefix: str) -> None:
        self._address = address
        self._prefix = prefix
        self._listeners: dict[str, Listener] = {}

    def close(self, transport: Transport | None = None) -> None:
        """Take away what one transport made, or all."""
        for local, listener in list(self._listeners.items()):
            if transport in (None, listener.transport):
                self._listeners.pop(local).close()

    @property
    def listed(self) -> dict[str, str]:
        return {local: listener.remote for local, listener in self._listeners.items()}

    async def serve(self, transport: Transport, stream: Stream, request: str) -> None:
        """Answer one request after ``reverse:``."""
        await stream.write(await self._answer(transport, request))

    async def _answer(self, transport: Transport, request: str) -> bytes:
        if request == "list-forward":
            return _counted("".join(f"{self._prefix} {one} {to}\n" for one, to in self.listed.items()))
        if request == "killforward-all":
            self.close()
            return b"OKAY"
        verb, _, rest = request.partition(":")
        if verb == "killforward":
            listener = self._listeners.pop(rest, None)
            if listener is None:
                return b"FAIL" + _counted(f"listener '{rest}' not found")
            listener.close()
            return b"OKAY"
        if verb == "forward":
            return await self._add(transport, rest)
        return b"FAIL" + _counted(f"unknown reverse request: {request}")

    async def _add(self, transport: Transport, rest: str) -> bytes:
        may_rebind = not rest.startswith("norebind:")
        local, _, remote = rest.removeprefix("norebind:").partition(";")
        if local in self._listeners:
            if not may_rebind:
                return b"FAIL" + _counted("cannot rebind existing socket")
            self._listeners[local].remote = remote
            return b"OKAY"
        try:
            port = int(local.removeprefix("tcp:"))
            listener = await self._listen(transport, port, remote)
        except (OSError, ValueError) as error:
            number = getattr(error, "errno", None) or errno.EINVAL
            return b"FAIL" + _counted(f"cannot bind listener: {os.strerror(number)}")
        bound = listener.server.sockets[0].getsockname()[1]
        self._listeners[f"tcp:{bound}"] = listener
        return b"OKAY" + (_counted(str(bound)) if port == 0 else b"")

    async def _listen(self, transport: Transport, port: int, remote: str) -> Listener:
        holder: list[Listener] = []

        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._pipe(holder[0], reader, writer))
            holder[0].piping.add(task)
            task.add_done_callback(holder[0].piping.discard)
            # Also of one that is cancelled before or while the host is asked for a stream.
            task.add_done_callback(lambda _: writer.transport.abort())

        server = await asyncio.start_server(accepted, self._address, port)
        holder.append(Listener(remote, transport, server))
        return holder[0]

    @staticmethod
    async def _pipe(listener: Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            stream = await listener.transport.open(listener.remote)
        except (OpenRefused, TransportGone):
            writer.transport.abort()
            return
        await pipe(stream, reader, writer)


async def pipe(stream: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes both ways until either side ends."""

    async def up() -> None:
        while chunk := await reader.read(65536):
            await stream.write(chunk)

    async def down() -> None:
        while chunk := await stream.read():
            writer.write(chunk)
            await writer.drain()

    both = [asyncio.create_task(up()), asyncio.create_task(down())]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in both:
            task.cancel()
        for outcome in await asyncio.gather(*both, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, (OSError, TransportGone)):
                raise outcome
        writer.transport.abort()
        with contextlib.suppress(TransportGone):
            await stream.close()


def _counted(text: str) -> bytes:
    return b"%04x" % len(text.encode()) + text.encode()
