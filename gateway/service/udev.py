"""Owns the text of the udev rules: modems are left alone by ModemManager, and phones may be opened for adb.

Knows only ids; which of them are modems says the device layer's table.
Source: udev(7); ModemManager's property ID_MM_DEVICE_IGNORE; the interface class ff/42/01 of adb (AOSP, adb.h).
"""

from __future__ import annotations

from device_bridge.modem_modes import STICK_MAKERS
from gateway.service.settings import ServiceSettings


def rules(settings: ServiceSettings) -> str:
    """Write the rules."""
    lines = [
        "# Made by `gateway service install`.",
        'ACTION=="remove", GOTO="sms_gateway_end"',
        "",
        "# What these makers sell are modems, which the gateway drives: ModemManager would take them for itself.",
        '# One that it shall keep: a rule of your own in a file behind this one, with ENV{ID_MM_DEVICE_IGNORE}="0".',
        *(_ignored(vendor) for vendor in sorted(STICK_MAKERS)),
        "",
        *_ports(settings.serial_group),
        "# Phones with USB debugging, whoever made them: adb shows itself by the class of its interface.",
        'SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", IMPORT{builtin}="usb_id"',
        _phones(settings.phone_group),
        "",
        'LABEL="sms_gateway_end"',
    ]
    return "\n".join(lines) + "\n"


def _ignored(vendor: str) -> str:
    device = f'SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", ATTR{{idVendor}}=="{vendor}"'
    return f'{device}, ENV{{ID_MM_DEVICE_IGNORE}}="1"'


def _ports(group: str | None) -> tuple[str, ...]:
    if group is None:
        return ()
    return (
        "# Their ports belong to the group of serial ports.",
        f'SUBSYSTEM=="tty", KERNEL=="ttyUSB*|ttyACM*", GROUP="{group}", MODE="0660"',
        "",
    )


def _phones(group: str | None) -> str:
    owner = f'GROUP="{group}", ' if group is not None else ""
    return (
        'SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ENV{ID_USB_INTERFACES}=="*:ff4201:*",'
        f' {owner}MODE="0660", TAG+="uaccess"'
    )
