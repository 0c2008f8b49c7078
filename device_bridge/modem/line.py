"""Owns GsmLine: the SIM in a modem as the seam's Line; it adds identity to what the modem does.

Knows no AT command and keeps no state of the conversation.
Source: the seam (device_bridge.device).
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from device_bridge.device import Capabilities, Cleared, LineHealth, LineIdentity, Outgoing, PartOutcome
from device_bridge.modem.submission import GapSample

if TYPE_CHECKING:
    from device_bridge.modem.driver import GsmModem


class GsmLine:
    """The SIM in a modem. Implements :class:`device_bridge.device.Line`."""

    def __init__(self, modem: GsmModem, identity: LineIdentity) -> None:
        self._modem = modem
        self._identity = identity

    @property
    def identity(self) -> LineIdentity:
        return self._identity

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(ussd=True)

    @property
    def gap_samples(self) -> deque[GapSample]:
        """Our own share of the time between parts, by the in-process clock; the newest 4096."""
        return self._modem.gap_samples

    def submit(self, outgoing: Outgoing, cleared: Cleared) -> AsyncIterator[PartOutcome]:
        """See :class:`device_bridge.device.Line`. An exception of ``cleared`` comes out after the part is taken back.

        On air: yes
        """
        return self._modem.submit(self, outgoing, cleared)

    async def ussd(self, code: str) -> str:
        """Ask the network a USSD code.

        Raises:
            DeviceNotReady: the line is not up, or the network gives no answer.

        On air: maybe (USSD, never a text)
        """
        return await self._modem.ussd(self, code)

    async def health(self) -> LineHealth:
        """Say what is known now.

        On air: never
        """
        return self._modem.health_of(self)
