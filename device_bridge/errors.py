"""Owns the error taxonomy of everything below the gateway: whose fault, and was it on air.

Knows no protocol and no transport; every other module of this package may import it.
Source: the split follows 3GPP TS 23.040 §9.2.3 (coding) and 27.005 §3.2.5 (verdicts of the radio).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from device_bridge.sms.outcome import Outcome


class DeviceBridgeError(Exception):
    """Base of all errors that leave this package."""


class CodecError(DeviceBridgeError, ValueError):
    """Octets or values that do not fit 23.038 or 23.040; nothing touched a device."""


class DecodeError(CodecError):
    """Received octets do not add up.

    Attributes:
        field: TP- element as the standard names it ("TP-OA", "TP-UDL"), or "PDU" for the whole.
        octet: Offset of the first octet in question, counted in the TPDU from 0.
    """

    def __init__(self, field: str, octet: int, reason: str) -> None:
        super().__init__(f"{field} at octet {octet}: {reason}")
        self.field = field
        self.octet = octet
        self.reason = reason


class EncodeError(CodecError):
    """A value cannot be put into a TPDU. ``field`` names the TP- element; nothing was sent."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class NotSubmitted(DeviceBridgeError):
    """Certainly not on air. ``cause`` says why and whether another try can help."""

    def __init__(self, cause: Outcome) -> None:
        super().__init__(cause.title)
        self.cause = cause


class DeviceNotReady(NotSubmitted):
    """The line itself cannot send now (SIM, network, radio, cable); the message's attempt is not counted."""


class Rejected(NotSubmitted):
    """The network or the modem refused this text with a code."""


class InDoubt(DeviceBridgeError):
    """Maybe on air: power, cable or silence after the first octet. Never retried silently."""

    def __init__(self, cause: Outcome) -> None:
        super().__init__(cause.title)
        self.cause = cause


class LinkLost(DeviceBridgeError):
    """The byte link to a device ended (unplugged, closed, refused). Raised below the drivers only."""
