"""Owns finding phones on USB without adb: which are plugged in, and whether USB debugging is on.

Opens no device and asks no adb server; reads what the kernel says of each interface.
Source: the adb interface is class ff, subclass 42, protocol 01 (AOSP adb.h); still image/MTP is 06/01/01 (USB-IF).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_ADB = ("ff", "42", "01")
_MTP = ("06", "01", "01")


@dataclass(frozen=True, slots=True)
class UsbPhone:
    """A phone, or with ``debugging`` False a phone or camera, as USB describes it."""

    name: str
    serial: str | None
    debugging: bool


def usb_phones(sysfs: Path = Path("/sys")) -> tuple[UsbPhone, ...]:
    """List what is plugged in and offers adb, or files as phones and cameras do."""
    found = []
    for device in sorted((sysfs / "bus/usb/devices").glob("*")):
        if ":" in device.name:
            continue  # an interface
        kinds = {_kind(interface) for interface in device.glob(f"{device.name}:*")}
        if _ADB in kinds or _MTP in kinds:
            words = [_read(device / "manufacturer"), _read(device / "product")]
            name = " ".join(word for word in words if word) or device.name
            found.append(UsbPhone(name, _read(device / "serial") or None, debugging=_ADB in kinds))
    return tuple(found)


def _kind(interface: Path) -> tuple[str, str, str]:
    names = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    first, second, third = (_read(interface / name) for name in names)
    return first, second, third


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
