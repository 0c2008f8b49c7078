"""Owns sticks that come and go: each modem that is found is attached, each port that is gone or ignored is let go of.

Knows no driver beyond its settings, and of the store only which ports people ignore.
Source: design, *Layout* (discovery); sticks that are no AT modem are named with the fix.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from device_bridge.device import Device
from device_bridge.discovery import POLL_S, Scan, SerialDiscovery, UnusableStick
from gateway.attachment import Attachments, SettingsOf
from gateway.store.protocol import StoreUnavailable

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class StickWatch:
    """Looks at the USB bus again and again.

    ``ignored_ports`` says which modems people do not want, beside those that ``discovery`` was told of at the start.
    ``unusable`` holds the sticks without a port of the last look, for whoever shows them.
    """

    discovery: SerialDiscovery
    attachments: Attachments
    open_modem: Callable[[str], Device]
    settings_of: SettingsOf
    ignored_ports: Callable[[], Awaitable[frozenset[str]]]
    unusable: list[UnusableStick] = field(default_factory=list)
    _attached: set[str] = field(default_factory=set)
    _named: set[str] = field(default_factory=set)
    _ignored: frozenset[str] = frozenset()

    async def run(self, period_s: float = POLL_S) -> None:
        """Attach sticks that appear, let go of ports that are gone, name those that are no AT modem; never ends."""
        while True:
            await self.look()
            await asyncio.sleep(period_s)

    async def look(self) -> None:
        """Look once."""
        scan = await self.discovery.scan()
        try:
            self._ignored = await self.ignored_ports()
        except StoreUnavailable as error:
            log.warning("stick.ignored_unknown", reason=str(error))  # as at the last look
        present = {modem.port for modem in scan.found} - self._ignored
        for port in self._attached - present:
            await self.attachments.forget(port)
        for port in present - self._attached:
            self.attachments.watch(port, self.open_modem(port), self.settings_of)
        self._attached = present
        self._name(scan)

    def _name(self, scan: Scan) -> None:
        for stick in scan.unusable:
            if stick.usb_path not in self._named:
                log.warning("stick.unusable", stick=stick.name, mode=stick.mode, hint=stick.hint)
        self.unusable[:] = scan.unusable
        self._named = {stick.usb_path for stick in scan.unusable}
