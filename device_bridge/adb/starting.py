"""Owns starting an adb server where none answers, and saying which package of this system brings adb.

Refuses to end or restart one: it belongs to the user. Never listens beyond loopback (`adb -a`).
Source: adb's help text; package names of the distributions' archives.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from device_bridge.adb.errors import NoServer

START_TIMEOUT_S: Final = 20.0
"""Seconds for `adb start-server`: it makes a key pair the first time, which takes a small board some seconds."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_PACKAGES: Final = {
    "debian": "apt-get install adb",
    "ubuntu": "apt-get install adb",
    "raspbian": "apt-get install adb",
    "fedora": "dnf install android-tools",
    "rhel": "dnf install android-tools (from EPEL)",
    "arch": "pacman -S android-tools",
    "alpine": "apk add android-tools",
    "opensuse": "zypper install android-tools",
    "suse": "zypper install android-tools",
    "void": "xbps-install android-tools",
    "nixos": "nix-env -iA nixos.android-tools",
}
_OS_RELEASE: Final = Path("/etc/os-release")


def find_adb() -> Path | None:
    """Find the adb program: the one on PATH, else the one that the wheel of adbutils carries on some platforms."""
    on_path = shutil.which("adb")
    if on_path:
        return Path(on_path)
    spec = importlib.util.find_spec("adbutils")  # found, not imported
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        carried = Path(folder) / "binaries" / "adb"
        if carried.is_file() and os.access(carried, os.X_OK):
            return carried
    return None


def package_hint(os_release: Path = _OS_RELEASE) -> str:
    """Say how adb is installed on this system, by the names that /etc/os-release gives it."""
    names: list[str] = []
    with suppress(OSError, UnicodeDecodeError):
        for line in os_release.read_text().splitlines():
            key, _, value = line.partition("=")
            if key in {"ID", "ID_LIKE"}:
                names += value.strip("\"'").split()
    known = next((_PACKAGES[name] for name in names if name in _PACKAGES), None)
    return (
        f"Install adb: {known}"
        if known
        else "Install adb (Android SDK Platform-Tools, or package android-tools)"
    )


def server_hint() -> str:
    """Say what a person does when no adb server answers."""
    return "Start it with: adb start-server" if find_adb() else package_hint()


async def start_server(host: str, port: int) -> None:
    """Run `adb start-server` for this address and wait until it is done.

    Raises:
        NoServer: not on this computer, no adb here, or it fails; ``reason`` holds what adb says.

    On air: never
    """
    if host not in _LOOPBACK:
        raise NoServer(f"no adb server answers at {host}:{port}", f"Start it on {host} yourself")
    adb = find_adb()
    if adb is None:
        raise NoServer("adb is not installed", package_hint())
    process = await asyncio.create_subprocess_exec(
        *(str(adb), "-P", str(port), "start-server"),
        stdin=asyncio.subprocess.DEVNULL,
        # A server that stays would hold a pipe open for ever.
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # the server outlives us, and Ctrl-C is not meant for it
    )
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            code = await process.wait()
    except asyncio.CancelledError:
        await _end(process)
        raise
    except TimeoutError:
        await _end(process)
        raise NoServer(f"adb start-server did not end within {START_TIMEOUT_S:g} s") from None
    if code:
        raise NoServer(
            f"adb start-server failed with exit code {code}", "Run it by hand to see why: adb start-server"
        )


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a program that is not waited for any more, so that nothing of it is left behind."""
    if process.returncode is None:
        process.kill()
    await process.wait()
