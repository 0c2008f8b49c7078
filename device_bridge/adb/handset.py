"""Owns one phone as the steps see it: its commands by name, its ledger, and how a refusal becomes a step.

Knows neither order nor policy; each command has its own deadline.
Source: README, *What is asked of a phone*.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from device_bridge.adb import readings
from device_bridge.adb.contract import HostOwner, Step, Wanted
from device_bridge.adb.errors import AdbError, Offline
from device_bridge.adb.refusals import explain
from device_bridge.adb.server import AdbServer
from device_bridge.adb.wire import ShellResult, shown

ASK_TIMEOUT_S: Final = 8.0
"""Seconds for a question: milliseconds when the phone is awake, some seconds for Java tools on an old one."""

CHANGE_TIMEOUT_S: Final = 20.0  # am, appops and settings start a virtual machine on older versions
PUSH_TIMEOUT_S: Final = 60.0  # 150 kB; USB 1.1 through a bad hub still takes under a second
INSTALL_TIMEOUT_S: Final = 150.0
"""Seconds for `pm install`: verification and a question on the screen may take two minutes."""

_POLL_S: Final = 0.05  # of `linked`, which is a look at a dictionary

_FAILED: Final = ("Exception", "Error:", "Failure [", "Error while accessing")


@dataclass(slots=True)
class Handset:
    """A phone in state ``device`` whose serial number is known and ours.

    ``maker``, ``model`` and ``sdk`` are known once the step "booted" is ok. ``is_gone`` says whether the connection
    that this stands for has ended, even when a new one is there.
    """

    server: AdbServer
    owner: HostOwner
    now_ms: Callable[[], int]
    adb_serial: str
    serialno: str
    wanted: Wanted
    maker: str = ""
    model: str = ""
    sdk: int = 0
    tunnel_is_new: bool = False
    restarting: bool = False
    usb_port: int | None = None
    app: readings.InstalledApp | None = None
    is_gone: Callable[[], bool] = lambda: False

    @property
    def package(self) -> str:
        return self.wanted.package

    @property
    def provision_hint(self) -> str:
        """What a person types so that this phone is brought in order."""
        return f"gateway devices provision {self.serialno}"

    async def ask(self, *words: str, timeout_s: float = ASK_TIMEOUT_S) -> str:
        """Run a command that changes nothing and give all that it says.

        Raises:
            AdbError: it could not be run.
        """
        return (await self.server.shell(self.adb_serial, words, timeout_s=timeout_s)).text

    async def change(
        self, *words: str, stdin: bytes = b"", timeout_s: float = CHANGE_TIMEOUT_S
    ) -> ShellResult:
        """Run a command that changes something; see :func:`failed` for its result.

        Raises:
            AdbError: it could not be run to its end.
        """
        return await self.server.shell(self.adb_serial, words, stdin=stdin, timeout_s=timeout_s)

    async def property(self, name: str) -> str:
        """Read a system property, stripped; empty where there is none."""
        return (await self.ask("getprop", name)).strip()

    async def read_app(self) -> readings.InstalledApp | None:
        """Read what the package manager knows of our app, and keep it."""
        text = await self.ask("dumpsys", "package", self.package, timeout_s=CHANGE_TIMEOUT_S)
        self.app = readings.installed_app(text, self.package)
        return self.app

    async def remember(self, name: str, value: str | None) -> None:
        """Keep a value of this phone's ledger; None forgets it."""
        await self.owner.remember(self.serialno, name, value)

    async def remember_first(self, name: str, value: str) -> None:
        """Keep a value unless there is one: what was there before us is known only the first time."""
        if await self.recall(name) is None:
            await self.remember(name, value)

    async def recall(self, name: str) -> str | None:
        """Give a value of this phone's ledger."""
        return await self.owner.recall(self.serialno, name)

    async def linked_within(self, timeout_s: float) -> bool:
        """Wait until the companion is connected, not longer than the deadline.

        Raises:
            Offline: the cable broke meanwhile: the tunnel went with it, so the app cannot come this way any more.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        while not self.wanted.linked(self.serialno):
            if self.is_gone():
                raise Offline("the phone went away while its app was waited for")
            if loop.time() >= until:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    def refused(self, name: str, result: ShellResult) -> Step:
        """Make the step of a command that the phone refused."""
        detail, hint = explain(result.text or f"exit code {result.exit_code}", self.maker)
        return Step(name, "refused", detail, hint)


def failed(result: ShellResult) -> bool:
    """Say whether a command failed: by its exit code, or by its text where a vendor's tool exits 0."""
    return result.exit_code != 0 or any(word in result.text for word in _FAILED)


def step_of_error(name: str, error: AdbError) -> Step:
    """Make the step of a command that could not be run."""
    return Step(name, "refused", shown(error.reason), error.hint)
