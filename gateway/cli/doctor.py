"""Owns ``gateway doctor``: gathers what the doctor looks at, shows findings, and repairs file modes if asked.

Knows no rule of what is wrong.
Source: the notes on the command line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.client import Client, NoServer, find, path_of
from gateway.cli.failure import CliError
from gateway.cli.output import Screen, note, screen
from gateway.cli.settled import config_of, data_dir_of
from gateway.escape import escape

if TYPE_CHECKING:
    from gateway.datadir import DataDir
    from gateway.doctor import Finding, Served

_COLOURS = {"stops": "red", "trouble": "yellow", "note": "", "ok": "green", "fixed": "green"}


def doctor(arguments: argparse.Namespace) -> int:
    """Look at everything; 1 when something stops sending."""
    from gateway.doctor import worst_first

    examined = _examine_phone(arguments) if arguments.device else []
    found = worst_first(examined or _examine(arguments))
    if arguments.device and not examined:
        found = tuple(f for f in found if arguments.device.casefold() in f.about.casefold())
        if not found:
            raise CliError(
                f'nothing is known about "{arguments.device}"', "gateway doctor shows all findings"
            )
    out = screen(arguments)
    fixed = _fix(found) if arguments.fix else frozenset()
    if out.as_json:
        out.document([{**f.document(), "fixed": f in fixed} for f in found])
    else:
        _show(out, found, fixed)
    return 1 if any(f.severity == "stops" and f not in fixed for f in found) else 0


def _examine_phone(arguments: argparse.Namespace) -> list[Finding]:
    """Let the running server examine the phone that is named, and repair it if asked; empty when none is meant."""
    from gateway.doctor import about_phone, findings_of_steps

    try:
        client = find(arguments)
        if not client.answers():
            return []
    except NoServer:
        return []
    wanted = str(arguments.device).casefold()
    for device in client.items("/api/v1/devices"):
        names = (str(device.get(name) or "").casefold() for name in ("serialno", "id", "label"))
        if device.get("kind") == "phone" and wanted in names:
            asked = {"fix": bool(arguments.fix), "may_reboot": bool(arguments.may_reboot)}
            try:
                answer = client.post(path_of("devices", str(device["id"]), "examine"), asked)
            except CliError:
                if arguments.fix:
                    raise
                return []  # not on a cable: what it says of itself is all there is
            return findings_of_steps(about_phone(device), answer["steps"])
    return []


def _examine(arguments: argparse.Namespace) -> list[Finding]:
    from device_bridge.adb import find_adb
    from gateway.doctor import (
        AdbSettings,
        Host,
        examine_adb,
        examine_files,
        examine_host,
        examine_ports,
        examine_served,
    )

    config, folder = config_of(arguments), data_dir_of(arguments)
    database = config.store.path(folder.root)
    host = Host(now_ms=time.time_ns() // 1_000_000)
    found = [*examine_host(host, database), *examine_files(folder, database, encrypted=config.store.encrypt)]
    served, missing = _served(arguments)
    found += examine_ports(host, [m.port for m in config.modem], config.serial.ignore, _server_pid(folder))
    adb = AdbSettings(config.adb.enabled, config.adb.server, bool(config.phone), find_adb())
    found += examine_adb(host, adb)
    found += _unusable_sticks(frozenset(config.serial.ignore))
    return found + (examine_served(served) if served is not None else missing)


def _served(arguments: argparse.Namespace) -> tuple[Served | None, list[Finding]]:
    from gateway.doctor import Finding

    try:
        client = find(arguments)
        served = _ask(client) if client.answers() else None
    except NoServer:
        served = None
    except CliError as e:
        return None, [Finding("server_refused", "trouble", "server", e.message, hint=e.hint or "")]
    if served is None:
        title = "No server is running, so lines and webhooks were not looked at"
        return None, [Finding("no_server", "note", "server", title, hint="Start it: gateway serve")]
    return served, []


def _ask(client: Client) -> Served:
    from gateway.doctor import Served

    return Served(
        client.url,
        client.items("/api/v1/lines"),
        client.items("/api/v1/devices"),
        client.items("/api/v1/webhooks"),
    )


def _unusable_sticks(ignored: frozenset[str]) -> list[Finding]:
    """Name sticks that are no AT modem as they are: CD-ROM, HiLink, QMI and MBIM modes."""
    from device_bridge.discovery import SerialDiscovery
    from gateway.doctor import Finding

    scan = asyncio.run(SerialDiscovery(ignored).scan())
    return [
        Finding("modem_mode", "stops", stick.name, stick.title, "", stick.hint) for stick in scan.unusable
    ]


def _server_pid(folder: DataDir) -> int | None:
    try:
        return int(json.loads(Path(folder.server_file).read_text())["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _fix(found: tuple[Finding, ...]) -> frozenset[Finding]:
    fixed = set()
    for finding in found:
        if finding.fix is None:
            continue
        try:
            finding.fix.apply()
            fixed.add(finding)
        except OSError as e:
            note(f"{finding.about}: could not be fixed: {e.strerror or os.strerror(e.errno or 0)}")
    return frozenset(fixed)


def _show(out: Screen, found: tuple[Finding, ...], fixed: frozenset[Finding]) -> None:
    if out.terminal:
        _for_people(out, found, fixed)
    else:
        rows = [[_word(f, fixed), f.code, f.about, f.title, f.why, f.hint] for f in found]
        out.table((), rows)
    counts = {s: sum(f.severity == s and f not in fixed for f in found) for s in ("stops", "trouble", "ok")}
    summary = f"{counts['stops']} stop sending, {counts['trouble']} will cause trouble, {counts['ok']} ok"
    fixable = sum(f.fix is not None and f not in fixed for f in found)
    repair = f"; {fixable} can be repaired: gateway doctor --fix" if fixable else ""
    note(f"{f'{len(fixed)} fixed, ' if fixed else ''}{summary}{repair}")


def _for_people(out: Screen, found: tuple[Finding, ...], fixed: frozenset[Finding]) -> None:
    for about in dict.fromkeys(f.about for f in found):
        out.line(about)
        for f in (f for f in found if f.about == about):
            word = _word(f, fixed)
            print(f"  {out.styled(f'{word:<8}', _COLOURS[word])}{escape(f.title)}")
            for more in () if f in fixed else (f.why, f.hint):
                out.paragraph(more, 10)


def _word(finding: Finding, fixed: frozenset[Finding]) -> str:
    return "fixed" if finding in fixed else finding.severity
