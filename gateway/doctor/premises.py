"""Owns the look at everything around the gateway: machine, files, ports, adb, sticks, configuration.

Blocks: it reads files of the system, so a running server does it in a thread. Asks no server and no device.
Source: the command line looks in the same way when no server runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device_bridge.adb import find_adb
from device_bridge.discovery import SerialDiscovery, UnusableStick
from gateway.config import Config
from gateway.datadir import DataDir
from gateway.doctor.adb import AdbSettings, examine_adb
from gateway.doctor.configured import examine_configuration
from gateway.doctor.files import examine_files
from gateway.doctor.finding import Finding
from gateway.doctor.host import Host, examine_host
from gateway.doctor.ports import examine_ports


@dataclass(frozen=True, slots=True)
class Premises:
    """Where one gateway stands. ``own_pid``: process that may hold ports, None: no server runs."""

    config: Config
    folder: DataDir
    own_pid: int | None = None


def examine_premises(premises: Premises, host: Host) -> list[Finding]:
    """Look at all of it once; milliseconds, on a machine with thousands of processes up to a second."""
    config, folder = premises.config, premises.folder
    database = config.store.path(folder.root)
    ports = [modem.port for modem in config.modem]
    adb = AdbSettings(config.adb.enabled, config.adb.server, bool(config.phone), find_adb())
    return [
        *examine_host(host, database),
        *examine_files(folder, database, encrypted=config.store.encrypt),
        *examine_ports(host, ports, config.serial.ignore, premises.own_pid),
        *examine_adb(host, adb),
        *examine_configuration(config),
    ]


async def find_unusable_sticks() -> tuple[UnusableStick, ...]:
    """Look at the USB bus for sticks that show no port at all; opens none, for the server may be talking to them."""
    return (await SerialDiscovery(probe=_nobody_asks).scan()).unusable


async def _nobody_asks(_port: str) -> bool:
    return False


def examine_sticks(unusable: Sequence[UnusableStick]) -> list[Finding]:
    """Name sticks that are no AT modem as they are: CD-ROM, HiLink, QMI and MBIM modes."""
    return [
        Finding("modem_mode", "stops", stick.name, stick.title, hint=stick.hint, subject=stick.usb_path)
        for stick in unusable
    ]
