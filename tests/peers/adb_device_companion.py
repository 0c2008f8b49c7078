"""Owns the app on the pretend phone as a process of it: installed, started, paired, killed, removed with its data.

Refuses to speak the link itself: that is the companion peer's, started here at the phone's own loopback address.
Source: docs/link.md, *Where* and *Pairing*.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.peers.companion_peer import CompanionPeer
from tests.peers.companion_settings import PairingRefusedError, PhoneSettings
from tests.peers.companion_socket import HttpRefusalError


class Companion(Protocol):
    """The app, as Android sees it."""

    def started(self, host: str, port: int | None) -> None:
        """Its service is started, with the port of the cable where the starter names it."""

    def paired(self, host: str, port: int, code: str) -> None:
        """The handover provider took a code; the caller does not wait for what the gateway says to it."""

    def killed(self) -> None:
        """Its process ends; what it stored stays."""

    def removed(self) -> None:
        """It is uninstalled: nothing stays."""

    async def close(self) -> None: ...


@dataclass
class SilentCompanion:
    """An app that opens no link and remembers what was asked of it: for tests without a gateway."""

    is_running: bool = False
    ports: list[int | None] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    links_when: str = "paired"
    """``paired``: it counts as linked once it was started and ever got a code; ``never`` is an app that hangs."""

    @property
    def is_linked(self) -> bool:
        return self.is_running and bool(self.codes) and self.links_when == "paired"

    def started(self, host: str, port: int | None) -> None:
        self.is_running = True
        self.ports.append(port)

    def paired(self, host: str, port: int, code: str) -> None:
        self.is_running = True
        self.codes.append(code)

    def killed(self) -> None:
        self.is_running = False

    def removed(self) -> None:
        self.is_running = False
        self.codes.clear()

    async def close(self) -> None:
        self.is_running = False


class LinkedCompanion:
    """The companion peer, run as Android runs an app: one process at most, a folder that outlives it."""

    def __init__(self, folder: Path, settings: PhoneSettings | None = None) -> None:
        self.folder = folder
        self.settings = settings
        self.peer: CompanionPeer | None = None
        self.refusals: list[str] = []
        """What the gateway said to codes that it refused."""
        self.starts = 0
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def started(self, host: str, port: int | None) -> None:
        self._soon(self._start(host, port))

    def paired(self, host: str, port: int, code: str) -> None:
        self._soon(self._pair(host, port, code))

    def killed(self) -> None:
        self._soon(self._stop())

    def removed(self) -> None:
        self._soon(self._remove())

    async def close(self) -> None:
        await asyncio.gather(*self._tasks)
        await self._stop()

    # ------------------------------------------------------------------ one after the other

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._in_turn(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_turn(self, work: Coroutine[Any, Any, None]) -> None:
        async with self._turn:
            await work

    async def _start(self, host: str, port: int | None) -> None:
        if self.peer is None:
            self.peer = CompanionPeer(self.folder, self.settings)
            self.starts += 1
            await self.peer.start()
        if port:
            self.peer.plug(f"ws://{host}:{port}/device/v1/link")
        self.peer.nudge()

    async def _pair(self, host: str, port: int, code: str) -> None:
        await self._start(host, port)
        assert self.peer is not None
        if self.peer.journal.fact("gateway"):
            return
        try:
            await self.peer.pair(f"ws://{host}:{port}/device/v1/link", code)
        except (PairingRefusedError, HttpRefusalError, OSError, EOFError) as error:
            self.refusals.append(str(error))

    async def _stop(self) -> None:
        peer, self.peer = self.peer, None
        if peer is not None:
            await peer.stop()

    async def _remove(self) -> None:
        await self._stop()
        shutil.rmtree(self.folder, ignore_errors=True)
