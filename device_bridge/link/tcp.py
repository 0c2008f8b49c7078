"""Owns a TCP byte link: `socket://host:port`, a modem behind a terminal server or an emulated one.

Refuses to know what the bytes mean.
Source: RFC 793; Nagle's algorithm is off because a command line of 13 octets must not wait for an ACK.
"""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

from device_bridge.errors import LinkLost
from device_bridge.link.base import ByteLink, OnBytes, PortUnavailable

CONNECT_TIMEOUT_S = 10.0
"""Seconds for the TCP handshake: two lost SYNs (1 s and 2 s) and a slow VPN fit in; a dead host does not."""


class TcpLink(asyncio.Protocol):
    """A connection that is open until ``closed`` says otherwise."""

    def __init__(self, on_bytes: OnBytes) -> None:
        self._on_bytes = on_bytes
        self._transport: asyncio.Transport | None = None
        self._closed: asyncio.Future[LinkLost] = asyncio.get_running_loop().create_future()

    @property
    def closed(self) -> asyncio.Future[LinkLost]:
        return self._closed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A peer that loses power says nothing: keep-alive finds out on an idle line.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        if not self._closed.done():
            self._on_bytes(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish(f"connection lost: {exc}" if exc else "the other end closed the connection")

    def write(self, octets: bytes) -> None:
        if self._closed.done() or self._transport is None or self._transport.is_closing():
            raise LinkLost("the connection is closed")
        self._transport.write(octets)

    def close(self) -> None:
        self._finish("closed by us")
        if self._transport is not None:
            self._transport.abort()

    def _finish(self, reason: str) -> None:
        if not self._closed.done():
            self._closed.set_result(LinkLost(reason))


async def open_tcp(url: str, on_bytes: OnBytes) -> ByteLink:
    """Connect to `socket://host:port`.

    Raises:
        PortUnavailable: the URL is wrong, or nobody listens there.

    On air: never
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port:
        raise PortUnavailable("device_not_ready", f"port = {url!r}: write it as socket://host:port")
    loop = asyncio.get_running_loop()
    try:
        connecting = loop.create_connection(lambda: TcpLink(on_bytes), host, port)
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, link = await connecting
    except (OSError, TimeoutError) as error:
        why = "no answer" if isinstance(error, TimeoutError) else (error.strerror or str(error))
        hint = f"Nothing answers at {host}:{port} ({why}); check that the terminal server or emulator runs"
        raise PortUnavailable("device_lost", hint) from error
    return link
