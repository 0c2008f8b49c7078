"""A GSM network in a box: a service centre and AT modems on TCP or a pty, for the sandbox, benches and tests.

Knows no gateway and no driver; whoever opens a port sees a decent generic modem.
Source: 3GPP TS 27.005, 27.007, 23.040.
"""

from __future__ import annotations

from device_bridge.emulator.faults import ALWAYS, Cut, LineFaults, NoisePlace, NumberRefusal, SlowAnswer
from device_bridge.emulator.network import EmulatedNetwork
from device_bridge.emulator.run import run_emulator
from device_bridge.emulator.settings import EmulateSettings, NetworkSettings

__all__ = [
    "ALWAYS",
    "Cut",
    "EmulateSettings",
    "EmulatedNetwork",
    "LineFaults",
    "NetworkSettings",
    "NoisePlace",
    "NumberRefusal",
    "SlowAnswer",
    "run_emulator",
]
