"""Owns a real adb server (the distribution's) in a process of its own: its port, its home and key, ended by its pid.

Refuses to touch any other server: never port 5037, never the home of the person who runs the tests.
Source: adb's own help; ADB_EMU=0 keeps it from searching emulators on loopback ports.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.harness.gateway_process import until
from tests.harness.phones import free_port
from tests.peers.adb_device import PretendPhone
from tests.peers.adb_device_companion import Companion
from tests.peers.adb_device_vendors import PIXEL, Personality

COMMAND_S = 30.0
START_S = 30.0
SIZE_DIGITS = 4


def adb_or_skip() -> str:
    """Return the path of adb; without it CI fails and a person's machine skips."""
    found = shutil.which("adb")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("adb is not installed (apt install adb)")
        pytest.skip("adb is not installed (apt install adb)")
    return found


@dataclass(frozen=True, slots=True)
class Said:
    """What one adb command printed."""

    out: str
    err: str
    exit_code: int

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass
class AdbServerProcess:
    """One adb server; start it as often as you like, its port and its key stay."""

    folder: Path
    port: int = 0
    pid: int = 0
    _process: asyncio.subprocess.Process | None = None
    _program: str = field(default_factory=adb_or_skip)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def public_key(self) -> Path:
        return self.home / ".android" / "adbkey.pub"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ADB", "ANDROID"))}
        own = {"HOME": str(self.home), "ADB_EMU": "0", "ADB_MDNS": "0", "ADB_MDNS_AUTO_CONNECT": "0"}
        return {**kept, **own, "TMPDIR": str(self.folder), "ANDROID_ADB_SERVER_PORT": str(self.port)}

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        if not self.port:
            self.port = free_port()
        with (self.folder / "adb.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._program,
                *("-P", str(self.port), "nodaemon", "server"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
            )
        self.pid = self._process.pid
        await until(self._answers, f"adb server on port {self.port}", START_S)

    async def _answers(self) -> bool:
        try:
            return bool(await self.ask("host:version")) and self.public_key.exists()
        except OSError:
            return False

    async def ask(self, request: str) -> str:
        """Put one question of the server's own protocol to it; returns the text of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(b"%04x" % len(request) + request.encode())
            if await reader.readexactly(SIZE_DIGITS) != b"OKAY":
                return ""
            size = int(await reader.readexactly(SIZE_DIGITS), 16)
            return (await reader.readexactly(size)).decode()
        except asyncio.IncompleteReadError:
            return ""
        finally:
            writer.close()

    async def kill(self) -> None:
        """End it with SIGKILL."""
        process, self._process, self.pid = self._process, None, 0
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    # ------------------------------------------------------------------ its own command line

    async def adb(self, *words: str, stdin: bytes = b"", limit_s: float = COMMAND_S) -> Said:
        """Run one command of the stock client against this server."""
        process = await asyncio.create_subprocess_exec(
            self._program,
            *("-P", str(self.port), *words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment,
        )
        try:
            async with asyncio.timeout(limit_s):
                out, err = await process.communicate(stdin)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return Said(out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), process.returncode)

    async def states(self) -> dict[str, str]:
        """Return the state of every listed phone by its adb serial."""
        rows = [line.split("\t") for line in (await self.ask("host:devices")).splitlines()]
        return dict(rows)

    async def reaches(self, serial: str, state: str, limit_s: float = 30.0) -> None:
        """Wait until a phone is in a state (``gone`` when it is not listed)."""

        async def there() -> bool:
            return (await self.states()).get(serial, "gone") == state

        await until(there, f"{serial} is {state}", limit_s)


@dataclass
class AdbWorld:
    """One adb server and the pretend phones on it; leaving it ends them all."""

    server: AdbServerProcess
    phones: list[PretendPhone] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def at(cls, folder: Path) -> AsyncIterator[AdbWorld]:
        """Start a server in a folder of its own."""
        world = cls(AdbServerProcess(folder))
        try:
            await world.server.start()
            yield world
        finally:
            for phone in world.phones:
                await phone.close()
            await world.server.kill()

    async def phone(
        self,
        serialno: str,
        personality: Personality = PIXEL,
        companion: Companion | None = None,
        *,
        trusts_us: bool = True,
        attached: bool = True,
    ) -> PretendPhone:
        """Plug in one more phone, which has allowed this computer before unless said otherwise."""
        phone = PretendPhone(serialno, personality, companion)
        self.phones.append(phone)
        if trusts_us:
            phone.trust(self.server.public_key)
        await phone.plug()
        if attached:
            await self.attach(phone)
        return phone

    async def attach(self, phone: PretendPhone) -> None:
        """Connect the server to a phone, which takes the place of putting in a USB cable."""
        await self.server.adb("connect", phone.serial)
        if phone.keys:
            await self.server.reaches(phone.serial, "device")

    async def detach(self, phone: PretendPhone) -> None:
        """Take the phone off the server's list, which takes the place of pulling a USB cable."""
        await self.server.adb("disconnect", phone.serial)
