"""Owns the one place that reads octets of a TPDU in order and says which element was cut off, and where.

Knows no element by itself. Errors count octets from the start of the TPDU.
Source: 3GPP TS 23.040 §9.2.2
"""

from __future__ import annotations

from device_bridge.errors import DecodeError


class Cursor:
    """Walks through octets; every step names the TP- element it is for."""

    __slots__ = ("at", "octets")

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.at = 0

    def octet(self, field: str) -> int:
        """Read one octet.

        Raises:
            DecodeError: the TPDU ends here.
        """
        at = self.at
        if at >= len(self.octets):
            raise DecodeError(field, at, "the TPDU ends before this element")
        self.at = at + 1
        return self.octets[at]

    def take(self, count: int, field: str) -> bytes:
        """Read ``count`` octets.

        Raises:
            DecodeError: fewer are left.
        """
        at = self.at
        end = at + count
        if end > len(self.octets):
            raise DecodeError(field, at, f"{count} octets are announced, {len(self.octets) - at} are there")
        self.at = end
        return self.octets[at:end]

    @property
    def left(self) -> int:
        """Count the octets not yet read."""
        return len(self.octets) - self.at
