"""Owns findings about phones: adb on this machine, what is plugged in, and what the running server says of each phone.

Starts no adb server and asks none: the machine's own files and the server's JSON are enough.
Source: rules CMP-4; proc(5) /proc/net/tcp; GET /api/v1/devices.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device_bridge.adb import package_hint
from device_bridge.adb.listening import Address, is_loopback, listening
from gateway.doctor.finding import Finding, Severity
from gateway.doctor.host import Host
from gateway.phones.usb import UsbPhone, usb_phones

Json = dict[str, Any]

ADB_PORT = 5037
BATTERY_LOW_PERCENT = 20
FREE_LOW_BYTES = 100_000_000
"""Under this Android begins to refuse: its own low-storage warning comes at about 500 MB or 5 %."""

_BY_OUTCOME: dict[str, Severity] = {
    "ok": "ok", "fixed": "ok", "refused": "stops", "waiting": "trouble", "skipped": "note",
}  # fmt: skip

_TEXTS_STILL_GO = frozenset({"doze", "background", "limit", "exposure", "debugging"})
"""Steps without which a phone sends today: slower, less safely, or not for long with the screen off."""


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
    local = _is_loopback(adb.server.rpartition(":")[0])
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


def examine_phones(devices: Sequence[Json]) -> list[Finding]:
    """Turn what the server says of phones into findings."""
    found: list[Finding] = []
    for device in devices:
        if device.get("kind") == "phone":
            found += _phone(device)
    return found


def findings_of_steps(about: str, steps: Sequence[Json]) -> list[Finding]:
    """Turn the steps of an examination into findings."""
    return [
        Finding(
            f"phone_{step['name']}",
            _severity(str(step["name"]), str(step["outcome"])),
            about,
            f"{step['name']}: {'repaired: ' if step['outcome'] == 'fixed' else ''}{step['detail']}",
            "",
            str(step["hint"]),
        )
        for step in steps
    ]


def about_phone(device: Json) -> str:
    """Name a phone as the doctor does: model, and the serial number that commands take."""
    words = [str(device[k]) for k in ("maker", "model") if device.get(k)] or ["phone"]
    name = str(device.get("serialno") or device["id"])
    return f"{' '.join(words)} ({name})"


def _severity(step: str, outcome: str) -> Severity:
    if outcome == "refused" and step in _TEXTS_STILL_GO:
        return "trouble"
    return _BY_OUTCOME.get(outcome, "note")


# ------------------------------------------------------------------ the machine


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


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _without_debugging(phone: UsbPhone) -> Finding:
    return Finding(
        "usb_debugging_off",
        "note",
        phone.name,
        "This phone (or camera) is plugged in without USB debugging",
        "The gateway cannot see a phone before that is switched on.",
        "On the phone: Settings → About phone → tap Build number seven times, then Developer options → USB debugging.",
    )


# ------------------------------------------------------------------ what the server says


def _phone(device: Json) -> list[Finding]:
    about = about_phone(device)
    if device.get("state") == "seen":
        return [_seen(about, device)]
    steps = device.get("steps") or ()
    found = findings_of_steps(about, [s for s in steps if s["outcome"] in ("refused", "waiting")])
    health = device.get("health") or {}
    if device.get("attached"):
        found += _health(about, health)
        if not found:
            way = {"usb": "USB", "lan": "Wi-Fi"}.get(str(health.get("way")), "its link")
            found.append(Finding("phone", "ok", about, f"Connected over {way}"))
    return found


def _seen(about: str, device: Json) -> Finding:
    for step in device.get("steps") or ():
        if step["outcome"] in ("refused", "waiting"):
            return findings_of_steps(about, [step])[0]
    return Finding(
        "phone_not_set_up",
        "note",
        about,
        "This phone is on a cable and not set up",
        "Nothing is done to a phone before you say so.",
        f"gateway devices provision {device.get('serialno')}",
    )


def _health(about: str, health: Json) -> list[Finding]:
    found = []
    missing = [str(name).rpartition(".")[2] for name in health.get("missing_permissions") or ()]
    serial = about.rpartition("(")[2].rstrip(")")
    if missing:
        found.append(
            Finding(
                "phone_permission",
                "stops" if "SEND_SMS" in missing else "trouble",
                about,
                f"The app lacks {', '.join(missing)}",
                "Without them it cannot send, receive or tell its SIMs.",
                f"Over USB: gateway doctor {serial} --fix; or on the phone: Settings → Apps → SMS line → Permissions.",
            )
        )
    if health.get("doze_exempt") is False:
        found.append(
            Finding(
                "phone_doze",
                "trouble",
                about,
                "Battery saving may stop the app",
                "Texts then wait until somebody switches the screen on.",
                f"Over USB: gateway doctor {serial} --fix; or in the app: Run while the screen is off.",
            )
        )
    return found + _supplies(about, health)


def _supplies(about: str, health: Json) -> list[Finding]:
    found = []
    battery, charging = health.get("battery_percent"), health.get("charging")
    if battery is not None and battery <= BATTERY_LOW_PERCENT and charging is False:
        hint = "Plug it into a charger; a phone that hangs on the wall stays on one."
        found.append(
            Finding("phone_battery", "trouble", about, f"Battery at {battery} %, not charging", "", hint)
        )
    free = health.get("free_bytes")
    if free is not None and free < FREE_LOW_BYTES:
        hint = "Delete something on the phone: without space the app can take no text and keep none."
        found.append(Finding("phone_full", "trouble", about, f"{free // 1_000_000} MB free", "", hint))
    return found
