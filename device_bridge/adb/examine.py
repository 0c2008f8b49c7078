"""Owns what the doctor sees of a phone beyond the steps: doors that stand open, and the screen.

Changes nothing.
Source: adbd's properties; Settings.Global.ADB_WIFI_ENABLED (Android 11).
"""

from __future__ import annotations

import re
from typing import Final

from device_bridge.adb.contract import Step
from device_bridge.adb.errors import AdbError, Refused
from device_bridge.adb.handset import Handset, step_of_error
from device_bridge.adb.reconcile import reconcile
from device_bridge.adb.screen import look

_WIRELESS_SDK: Final = 30
_LEGACY_TCP: Final = re.compile(r":5555$")


async def examine(phone: Handset) -> tuple[Step, ...]:
    """Go through all steps without changing anything, then look at the screen and at open doors.

    On air: never
    """
    done = await reconcile(phone, change=False)
    if not any(step.name == "booted" and step.outcome == "ok" for step in done):
        return done  # a phone that does not answer would only cost more deadlines
    more: list[Step] = []
    for name, part in (("screen", look), ("debugging", _debugging)):
        try:
            more.append(await part(phone))
        except Refused as refused:
            more.append(step_of_error(name, refused))
        except AdbError as error:
            more.append(step_of_error(name, error))
            break
    return (*done, *more)


async def _debugging(phone: Handset) -> Step:
    port = (await phone.property("service.adb.tcp.port")).strip()
    if _LEGACY_TCP.search(phone.adb_serial) or (port.isdecimal() and int(port) > 0):
        detail = f"adb on port {port or 5555}, without encryption"
        return Step("debugging", "refused", detail, "Restart the phone, or run: adb usb")
    if (
        phone.sdk >= _WIRELESS_SDK
        and (await phone.ask("settings", "get", "global", "adb_wifi_enabled")) == "1"
    ):
        hint = "Switch off 'Wireless debugging' in Developer options unless you use it"
        return Step("debugging", "refused", "wireless debugging is on", hint)
    return Step(
        "debugging", "ok", "over the cable only", "Switch USB debugging off once the phone hangs on Wi-Fi"
    )
