"""Owns sticks that come and go: each modem that is found is attached, each port that is gone is let go of.

Knows no driver beyond its settings, and no store.
Source: design, *Layout* (discovery); sticks that are no AT modem are named with the fix.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from device_bridge.device import Device
from device_bridge.discovery import SerialDiscovery
from gateway.attachment import Attachments, SettingsOf

log = structlog.get_logger(__name__)


async def watch_sticks(
    ignored: frozenset[str],
    attachments: Attachments,
    open_modem: Callable[[str], Device],
    settings_of: SettingsOf,
) -> None:
    """Attach sticks that appear, let go of ports that are gone, name those that are no AT modem; never ends."""
    attached: set[str] = set()
    named: set[str] = set()
    async for scan in SerialDiscovery(ignored).watch():
        present = {modem.port for modem in scan.found}
        for port in attached - present:
            await attachments.forget(port)
        for port in present - attached:
            attachments.watch(port, open_modem(port), settings_of)
        attached = present
        for stick in scan.unusable:
            if stick.usb_path not in named:
                log.warning("stick.unusable", stick=stick.name, mode=stick.mode, hint=stick.hint)
        named = {stick.usb_path for stick in scan.unusable}
