"""Owns the driver of serial modems: AT dialogue and byte link made into a Device with one line.

Knows no queue, no SQL, no HTTP and no configuration file.
Source: 3GPP TS 27.005 and 27.007; the seam is device_bridge.device.
"""

from __future__ import annotations

from device_bridge.modem.driver import GsmModem
from device_bridge.modem.line import GsmLine
from device_bridge.modem.settings import ModemSettings, PinMemory, PinMemoryOfProcess, Timers
from device_bridge.modem.sim_lock import PinAnswer, PinVerdict, PinWanted
from device_bridge.modem.submission import GapSample

__all__ = [
    "GapSample",
    "GsmLine",
    "GsmModem",
    "ModemSettings",
    "PinAnswer",
    "PinMemory",
    "PinMemoryOfProcess",
    "PinVerdict",
    "PinWanted",
    "Timers",
]
