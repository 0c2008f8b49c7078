"""Owns findings about adb on this machine, and about phones that are plugged in and cannot be seen through it.

Starts no adb server and asks none: the machine's own files are enough.
Source: rules CMP-4; proc(5) /proc/net/tcp.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from device_bridge.adb import package_hint
from device_bridge.adb.listening import Address, is_loopback, listening
from gateway.doctor.finding import Finding, Severity
from gateway.doctor.host import Host
from gateway.loopback import is_loopback as is_this_machine
from gateway.phones.usb import UsbPhone, usb_phones


@dataclass(frozen=True, slots=True)
class AdbSettings:
    """What the configuration says of adb. ``wanted``: phones are named in it, so adb is needed."""

    enabled: bool
    server: str
    wanted: bool
    program: Path | None = None

    @property
    def port(self) -> int:
        return int(self.server.rpartition(":")[2])


def examine_adb(host: Host, adb: AdbSettings) -> list[Finding]:
    """Look at adb on this machine and at phones on USB, also while no server runs."""
    plugged = usb_phones(host.sysfs)
    found = _exposed(host, adb.port)
    if not adb.enabled:
        return found
    local = is_this_machine(adb.server.rpartition(":")[0])
    if adb.program is None and local and not _listeners(host, adb.port):
        severity: Severity = "stops" if adb.wanted or any(p.debugging for p in plugged) else "note"
        found.append(
            Finding(
                "adb_missing",
                severity,
                "adb",
                "adb is not installed",
                "Phones on USB are reached through it; modems and phones on Wi-Fi are not.",
                f"{package_hint(host.etc / 'os-release')}; then plug the phone in again.",
            )
        )
    elif local:
        found.append(Finding("adb", "ok", "adb", "adb is installed"))
    return found + [_without_debugging(phone) for phone in plugged if not phone.debugging]


def _exposed(host: Host, port: int) -> list[Finding]:
    open_to = [address for address in _listeners(host, port) if not is_loopback(address)]
    if not open_to:
        return []
    return [
        Finding(
            "adb_exposed",
            "trouble",
            "adb",
            f"The adb server listens beyond this machine ({open_to[0]}:{port})",
            "Whoever reaches that port can do anything to every phone that is plugged in.",
            "Somebody started it with -a: adb kill-server, then start it without.",
        )
    ]


def _listeners(host: Host, port: int) -> list[Address]:
    """List the addresses on which anything listens on a port."""
    return listening(port, (host.proc / "net" / "tcp", host.proc / "net" / "tcp6"))


def _without_debugging(phone: UsbPhone) -> Finding:
    return Finding(
        "usb_debugging_off",
        "note",
        phone.name,
        "This phone (or camera) is plugged in without USB debugging",
        "The gateway cannot see a phone before that is switched on.",
        "On the phone: Settings → About phone → tap Build number seven times, then Developer options → USB debugging.",
        steps=(
            "On the phone open Settings → About phone.",
            "Tap Build number seven times.",
            "Open Settings → System → Developer options and switch USB debugging on.",
            "Plug the phone in again and tap Allow.",
        ),
        subject=f"{phone.name} {phone.serial or ''}",
    )
