"""Owns the TCP address of one emulated modem: one peer at a time, unplugged and plugged in again.

Refuses to know AT; octets go to and from the modem.
Source: ser2net's raw mode, which is what socket:// URLs of pyserial speak.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final, cast

from device_bridge.emulator.modem import EmulatedModem

HOST: Final = "127.0.0.1"  # an emulated modem has no access control: never on another interface


class TcpLine:
    """Listens on one port. While the device is away its port is closed, as a stick's tty is gone."""

    def __init__(self, modem: EmulatedModem, port: int) -> None:
        self._modem = modem
        self.port = port
        self._server: asyncio.Server | None = None
        self._peers: set[_Peer] = set()
        self._away: asyncio.TimerHandle | None = None
        self._return: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; ``port`` is the real one afterwards."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Peer(self), HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and drop the peer."""
        if self._away is not None:
            self._away.cancel()
        if self._return is not None:
            self._return.cancel()
        self._stop_listening()
        for peer in tuple(self._peers):
            peer.abort()

    def attach(self, peer: _Peer) -> None:
        """A host opened the port."""
        self._peers.add(peer)
        self._modem.attach(peer)

    def receive(self, peer: _Peer, chunk: bytes) -> None:
        """Pass on octets of the host."""
        self._modem.octets_in(peer, chunk)

    def detach(self, peer: _Peer) -> None:
        """A host closed the port."""
        self._peers.discard(peer)
        self._modem.detach(peer)

    def leave(self, away_s: float) -> None:
        """Close the port for a time."""
        if away_s <= 0:
            return
        self._stop_listening()
        self._away = asyncio.get_running_loop().call_later(away_s, self._come_back)

    def _come_back(self) -> None:
        self._return = asyncio.get_running_loop().create_task(self.start())

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


class _Peer(asyncio.Protocol):
    """One connection."""

    def __init__(self, line: TcpLine) -> None:
        self._line = line
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._line.attach(self)

    def data_received(self, data: bytes) -> None:
        self._line.receive(self, data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - a lost and a closed peer are alike
        self._transport = None
        self._line.detach(self)

    def write(self, octets: bytes) -> None:
        """Send to the host."""
        if self._transport is not None:
            self._transport.write(octets)

    def drop(self, away_s: float) -> None:
        """Send what is written, then close; the port itself is away for a time."""
        if self._transport is not None:
            self._transport.close()
        self._line.leave(away_s)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
