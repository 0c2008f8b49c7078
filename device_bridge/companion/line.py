"""Owns PhoneLine: one SIM of a phone as the seam's Line; it adds identity to what the phone does.

Knows no message of the link and keeps no state of a conversation.
Source: the seam (device_bridge.device).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from device_bridge.device import Capabilities, Cleared, LineHealth, LineIdentity, Outgoing, PartOutcome

if TYPE_CHECKING:
    from device_bridge.companion.phone import AndroidPhone

WINDOW: Final = 3
"""Attempts on the way at a time: telephony sends one after the other, and two waiting hide our own way to the phone."""


class PhoneLine:
    """One SIM of a phone. Implements :class:`device_bridge.device.Line`."""

    def __init__(self, phone: AndroidPhone, identity: LineIdentity, sub: int) -> None:
        self._phone = phone
        self._identity = identity
        self._sub = sub

    @property
    def identity(self) -> LineIdentity:
        return self._identity

    @property
    def sub(self) -> int:
        """The platform's subscription id of this SIM, as of the last list of SIMs."""
        return self._sub

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(flash=False, ussd=True, journal=True, window=WINDOW, cap=self._phone.cap)

    def submit(self, outgoing: Outgoing, cleared: Cleared) -> AsyncIterator[PartOutcome]:
        """Give the attempt to the phone, whole, and yield what becomes of each part, as :class:`Line` says.

        Raises:
            DeviceNotReady: no connection, the line is not up, or the phone refused the job for a reason of its own.
            NotSubmitted: the phone refused this job.
            Rejected: the platform has no way to send this: flash, several parts of data, a part of a set.

        On air: yes
        """
        return self._phone.submit(self, outgoing, cleared)

    async def ussd(self, code: str) -> str:
        """Ask the network a USSD code.

        Raises:
            DeviceNotReady: the line is not up, or the network gives no answer.

        On air: maybe (USSD, never a text)
        """
        return await self._phone.ussd(self, code)

    async def health(self) -> LineHealth:
        """Say what is known now.

        On air: never
        """
        return self._phone.health_of(self)

    def moved(self, identity: LineIdentity, sub: int) -> None:
        """The same SIM in another place, or with another number than was known."""
        self._identity = identity
        self._sub = sub
