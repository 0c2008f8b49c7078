"""Owns what the host does to a phone through an adb server: find, install, grant, tether, examine, give back.

Knows no message and no number; nothing here puts a text on air.
Source: docs/link.md (USB); README of this package.
"""

from __future__ import annotations

from device_bridge.adb.contract import (
    PACKAGE,
    HostOwner,
    Provision,
    SeenPhone,
    Step,
    StepOutcome,
    Wanted,
    is_outdated,
)
from device_bridge.adb.errors import AdbError, NoServer, Offline, Refused, Unauthorised, Wedged
from device_bridge.adb.host import PhoneHost
from device_bridge.adb.listening import exposure
from device_bridge.adb.server import AdbServer
from device_bridge.adb.starting import find_adb, package_hint
from device_bridge.adb.wire import AdbDevice, Reverse, ShellResult, shown

__all__ = [
    "PACKAGE",
    "AdbDevice",
    "AdbError",
    "AdbServer",
    "HostOwner",
    "NoServer",
    "Offline",
    "PhoneHost",
    "Provision",
    "Refused",
    "Reverse",
    "SeenPhone",
    "ShellResult",
    "Step",
    "StepOutcome",
    "Unauthorised",
    "Wanted",
    "Wedged",
    "exposure",
    "find_adb",
    "is_outdated",
    "package_hint",
    "shown",
]
