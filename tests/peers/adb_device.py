"""Owns a pretend phone: adbd's side of TCP adb, Android's shell behind it, and the app that runs on it.

Refuses to know who asks: behind a real adb server it is a phone. Each phone has a loopback address of its own, so
that two phones can both have a port 47321, as real ones do.
Source: docs/link.md for what the app does once its service runs; the other rooms name theirs.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from tests.peers.adb_device_android import Android
from tests.peers.adb_device_commands import Commands
from tests.peers.adb_device_companion import Companion, SilentCompanion
from tests.peers.adb_device_keys import PublicKey
from tests.peers.adb_device_reverse import Reverses, pipe
from tests.peers.adb_device_shell import serve_shell
from tests.peers.adb_device_sync import serve_sync
from tests.peers.adb_device_vendors import PIXEL, Personality
from tests.peers.adb_device_wire import Door, Stream, Transport

PACKAGE = "org.smsline.companion"
HANDOVER = f"content://{PACKAGE}.handover/pairing"
_addresses = itertools.count(os.getpid() % 250 * 200)


def own_address() -> str:
    """Return a loopback address that no other phone of this process (and hardly one of another) has."""
    number = next(_addresses)
    return f"127.{77 + number // 65_000}.{number // 250 % 250}.{1 + number % 250}"


class PretendPhone:
    """One phone on a TCP port of loopback."""

    def __init__(
        self, serialno: str, personality: Personality = PIXEL, companion: Companion | None = None
    ) -> None:
        self.android = Android(serialno, personality)
        self.companion: Companion = companion or SilentCompanion()
        self.address = own_address()
        self.port = 0
        self.commands = Commands(self)
        self.reverses = Reverses(self.address, "UsbFfs" if personality.sdk > 28 else "(reverse)")
        self.services: list[str] = []
        """Every service that a host opened, in order."""
        self.keys: list[PublicKey] = []
        self.asks = asyncio.Event()
        """Set while *Allow USB debugging?* stands on the screen."""
        self.bad_handovers = 0
        self.boot_s = 0.05
        self.came_up = asyncio.Event()
        self._door = Door(self._banner, lambda: self.keys, lambda _key: self.asks.set(), self._serve)
        self._door.gate.set()
        self._transports: set[Transport] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def serial(self) -> str:
        """Its name at an adb server that connected to it."""
        return f"127.0.0.1:{self.port}"

    @property
    def has_tunnel(self) -> bool:
        """Say whether a byte written by the app would reach a host now."""
        return self._door.gate.is_set() and bool(self.reverses.listed)

    def trust(self, public_key: Path) -> None:
        """Remember a host, as after *Always allow from this computer*."""
        self.keys.append(PublicKey.read(public_key))

    # ------------------------------------------------------------------ the cable

    async def plug(self) -> None:
        """Listen, at the same port as before."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """Close the port and cut every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        await self._all_gone()

    def cut(self) -> None:
        """Cut every connection; the port stays open: a short break."""
        for transport in list(self._transports):
            self.reverses.close(transport)
            transport.drop()

    async def close(self) -> None:
        self.thaw()
        await self.unplug()
        await self.companion.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _all_gone(self) -> None:
        while self._transports:  # noqa: ASYNC110  each ends within one turn of the loop
            await asyncio.sleep(0.001)

    def freeze(self) -> None:
        """Wedge: sockets stay open, nothing is read or written any more."""
        self._door.gate.clear()

    def thaw(self) -> None:
        self._door.gate.set()

    async def allow(self) -> None:
        """Tap *Allow* with *Always allow from this computer*."""
        self.asks.clear()
        for transport in list(self._transports):
            if transport.waiting_for is not None:
                self.keys.append(transport.waiting_for)
                await transport.welcome()

    def reboot(self) -> None:
        """Go down; come up again a moment later, with what was set in force."""
        self._soon(self._rebooting())

    async def _rebooting(self) -> None:
        self.came_up.clear()
        self.companion.killed()
        await self.unplug()
        self.android.boot()
        await asyncio.sleep(self.boot_s)
        await self.plug()
        await asyncio.sleep(self.boot_s)
        self.android.is_booted = True
        self.came_up.set()

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ------------------------------------------------------------------ adbd

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._soon(self._speak(reader, writer))

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = Transport(reader, writer, self._door)
        transport.at_end.append(lambda: self.reverses.close(transport))
        self._transports.add(transport)
        try:
            await transport.run()
        finally:
            self._transports.discard(transport)

    def _banner(self) -> bytes:
        kind = self.android.personality
        facts = {"name": kind.product, "model": kind.model, "device": kind.product}
        props = "".join(f"ro.product.{name}={value};" for name, value in facts.items())
        return f"device::{props}features={','.join(kind.features)}".encode()

    async def _serve(self, transport: Transport, stream: Stream, service: str) -> None:
        self.services.append(service)
        kind, _, rest = service.partition(":")
        if kind.split(",")[0] in ("shell", "exec"):
            await serve_shell(stream, service, self.commands.run)
        elif kind == "sync":
            await serve_sync(stream, self.android.files)
        elif kind == "reverse":
            await self.reverses.serve(transport, stream, rest)
        elif kind == "reboot":
            self.reboot()
        elif kind == "root":
            await stream.write(b"adbd cannot run as root in production builds\n")
        elif kind == "tcp":
            await self._forward(stream, int(rest))

    async def _forward(self, stream: Stream, port: int) -> None:
        try:
            reader, writer = await asyncio.open_connection(self.address, port)
        except OSError:
            return
        await pipe(stream, reader, writer)

    # ------------------------------------------------------------------ the app

    def start_service(self, component: str, extras: dict[str, int]) -> None:
        self.companion.started(self.address, extras.get("usb_port"))

    def stop_app(self, package: str, *, is_removed: bool = False) -> None:
        if package == PACKAGE:
            (self.companion.removed if is_removed else self.companion.killed)()

    async def write_provider(self, uri: str, body: bytes) -> str | None:
        """Take what ``content write`` brings; returns the exception, None when it was taken."""
        if uri != HANDOVER or PACKAGE not in self.android.apps:
            return "java.lang.IllegalStateException: Could not find provider"
        try:
            given = json.loads(body)
            code, port = str(given["code"]), int(given["port"])
        except (ValueError, KeyError, TypeError):
            # The app reads the pipe in a thread of its own: who wrote is never told.
            self.bad_handovers += 1
            return None
        self.companion.paired(self.address, port, code)
        return None
