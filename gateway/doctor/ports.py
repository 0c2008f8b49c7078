"""Owns findings about serial ports: missing, not permitted, or held by another program.

Opens no port: permission and holders are read from the file system.
Source: proc(5) /proc/PID/fd; ModemManager's udev property ID_MM_DEVICE_IGNORE.
"""

from __future__ import annotations

import grp
from collections.abc import Iterable, Sequence
from pathlib import Path

from gateway.doctor.finding import Finding
from gateway.doctor.host import Host, name_of

PORT_PATTERNS = ("ttyUSB*", "ttyACM*")
"""Names of USB serial ports on Linux; modems have no others."""

_MODEM_MANAGER = "ModemManager"


def examine_ports(
    host: Host, configured: Sequence[str], ignored: Iterable[str], own_pid: int | None
) -> list[Finding]:
    """Look at each port that is configured or could be a modem's.

    Args:
        configured: ``modem.port`` values; ``socket://`` ones are not looked at.
        ignored: ``serial.ignore``.
        own_pid: Process id of the running gateway, which may hold ports.
    """
    found: list[Finding] = []
    named = {_real(Path(port)): port for port in configured if port.startswith("/")}
    for place, port in named.items():
        if not place.exists():
            found.append(_missing(port))
    skipped = {_real(Path(port)) for port in ignored}
    seen = {_real(path) for pattern in PORT_PATTERNS for path in host.dev.glob(pattern)}
    places = (seen | {p for p in named if p.exists()}) - skipped
    holders = host.holders(frozenset(places))
    for place in sorted(places):
        held = [name for pid, name in holders.get(place, ()) if pid != own_pid]
        found.append(_examine(host, place, named.get(place, str(place)), held))
    manager = _process_named(host, _MODEM_MANAGER)
    if manager is not None and seen - skipped:
        found.append(_modem_manager())
    if not seen and not named:
        found.append(
            Finding(
                "no_serial_port",
                "note",
                "ports",
                "No USB serial port is there",
                "A modem in the right mode shows one or more of them.",
                "Plug a modem in; if nothing appears, try another cable or a powered hub, and look at: dmesg | tail",
            )
        )
    return found


def _examine(host: Host, place: Path, shown: str, holders: Sequence[str]) -> Finding:
    if not host.can_open(place):
        return _denied(host, place, shown)
    if holders:
        return Finding(
            "port_busy",
            "stops",
            shown,
            f"{holders[0]} uses this port",
            "One program at a time can talk to a modem.",
            _stop_hint(holders[0]),
        )
    return Finding("port", "ok", shown, "Port can be opened")


def _missing(port: str) -> Finding:
    return Finding(
        "port_missing",
        "stops",
        port,
        "This port is not there",
        "The configuration names it in [[modem]].",
        "Plug the modem in, or correct the name: ls -l /dev/serial/by-id (those do not change, ttyUSB0 does).",
    )


def _denied(host: Host, place: Path, shown: str) -> Finding:
    gid = place.stat().st_gid
    try:
        group = grp.getgrgid(gid).gr_name
    except KeyError:
        group = str(gid)
    if gid in host.groups:
        hint = f"Give the group access: sudo chmod g+rw {shown}"
    else:
        hint = f"sudo usermod -aG {group} $USER, then log in again (a service: SupplementaryGroups={group})"
    return Finding(
        "port_denied",
        "stops",
        shown,
        "We may not open this port",
        f"It belongs to the group {group}, and this account is not in it." if gid not in host.groups else "",
        hint,
    )


def _modem_manager() -> Finding:
    return Finding(
        "modem_manager",
        "trouble",
        "ports",
        "ModemManager runs and probes every modem",
        "It takes the port for seconds after each plugging in, and its commands mix with ours.",
        'Let it ignore the modem: a udev rule with ENV{ID_MM_DEVICE_IGNORE}="1" (docs/running.md), '
        "or: sudo systemctl disable --now ModemManager",
    )


def _stop_hint(holder: str) -> str:
    if holder == _MODEM_MANAGER:
        return "sudo systemctl disable --now ModemManager, or a udev rule (docs/running.md)"
    return f"Stop {holder}, or name the port in serial.ignore if it is not ours"


def _real(path: Path) -> Path:
    return path.resolve() if path.is_symlink() else path


def _process_named(host: Host, name: str) -> Path | None:
    return next((p for p in host.processes() if name_of(p) == name), None)
