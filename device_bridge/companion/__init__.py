"""Owns the driver of phones: the companion's messages made into a Device with a line for each SIM.

Knows no queue, no SQL, no configuration file and no adb.
Source: docs/link.md; the seam is device_bridge.device.
"""

from __future__ import annotations

from device_bridge.companion.line import PhoneLine
from device_bridge.companion.phone import AndroidPhone
from device_bridge.companion.settings import PhoneTimers

__all__ = ["AndroidPhone", "PhoneLine", "PhoneTimers"]
