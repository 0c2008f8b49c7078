"""Owns what is known of a phone as a device: who it is, how it fares, what people should know of its cap.

Knows no connection; it says what is news.
Source: docs/link.md (HEALTH).
"""

from __future__ import annotations

from dataclasses import replace

from device_bridge.companion.caps import Cap
from device_bridge.companion.frames import Hello, PhoneHealth
from device_bridge.device import DeviceHealth, DeviceInfo


class About:
    """What one phone said of itself last, kept while it is away."""

    def __init__(self, install_id: str, cap: Cap) -> None:
        self.health = PhoneHealth(None, None, None, None, None, None, None, None, (), None)
        self._cap = cap
        self._way: str | None = None
        self._app: str | None = None
        self._app_code: int | None = None
        self._info = DeviceInfo(install_id, "phone", "")

    @property
    def info(self) -> DeviceInfo:
        return self._info

    def hello(self, hello: Hello, remote: str) -> None:
        """Take what a new connection says; ``remote`` is where it comes from on the LAN."""
        self.health, self._way = hello.health, hello.way
        self._app, self._app_code = hello.app_name, hello.app_code
        self._info = replace(
            self._info,
            address="usb" if hello.way == "usb" else remote,
            maker=hello.maker,
            model=hello.model,
            firmware=f"Android {hello.android} (SDK {hello.sdk})",
        )
        self.changed()

    def changed(self) -> DeviceInfo | None:
        """Put together what is known; returns it when that is news."""
        before, note, said = self._info, self._cap.note, self.health
        health = DeviceHealth(
            way=self._way,
            app_version=self._app,
            app_code=self._app_code,
            battery_percent=said.battery,
            charging=said.charging,
            temperature_c=said.temperature_c,
            airplane=said.airplane,
            free_bytes=said.free_bytes,
            standby_bucket=said.bucket,
            doze_exempt=said.doze_exempt,
            default_sms_app=said.default_sms_app,
            missing_permissions=said.missing_permissions,
            cap=self._cap.known,
        )
        self._info = replace(before, health=health, notes=() if note is None else (note,))
        return None if self._info == before else self._info
