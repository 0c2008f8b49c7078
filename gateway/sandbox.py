"""Owns the sandbox lines: an emulated network in this process, driven by the same modem driver as a real stick.

Knows no store and no HTTP. Every emulated modem is reached over a loopback socket.
Source: design, *What the sandbox is*.
"""

from __future__ import annotations

from collections.abc import Callable

from device_bridge.emulator.network import EmulatedNetwork
from device_bridge.emulator.settings import NetworkSettings
from device_bridge.modem import GsmModem, ModemSettings

SUBMIT_TIMEOUT_S = 5.0
"""Sandbox numbers that never answer are shown in doubt before their late report comes, after 10 s."""

SEED = 999
"""Own SIMs: ``gateway emulate`` counts from 0, and a modem of its that is configured must not be the same SIM."""


class Sandbox:
    """The emulated network of ``gateway serve``."""

    def __init__(self, lines: int, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._network = EmulatedNetwork(NetworkSettings(lines=lines, seed=SEED), now_ms)
        self.ports: frozenset[int] = frozenset()
        """Where the modems listen: ports of our own, which no webhook reaches (rules SSRF-4)."""

    async def start(self) -> dict[str, GsmModem]:
        """Let every emulated modem listen; returns a driver for each by its address."""
        devices: dict[str, GsmModem] = {}
        for line in range(1, self._network.settings.lines + 1):
            port = await self._network.start_tcp(line)
            self.ports |= {port}
            address = f"socket://127.0.0.1:{port}"
            settings = ModemSettings(address, emulated=True, submit_timeout_s=SUBMIT_TIMEOUT_S)
            devices[address] = GsmModem(settings, self._now_ms)
        return devices

    async def inbound(self, sender: str, to: str, text: str) -> None:
        """Let a text arrive at an emulated line.

        Raises:
            LookupError: no emulated line has the number ``to``.
            ValueError: ``sender`` or ``text`` cannot be sent.
        """
        self._network.inject_inbound(sender, to, text)

    async def stop(self) -> None:
        await self._network.close()
