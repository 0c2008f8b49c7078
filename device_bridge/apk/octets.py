"""Owns reading little-endian, length-prefixed octets, with the name and the offset of what does not add up.

Refuses to know what the values mean.
Source: APK Signature Scheme v2, "length-prefixed" (all numbers little-endian); ResourceTypes.h of Android.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from device_bridge.apk.errors import ApkError


class Reader:
    """A window on octets that is read from the front; every refusal names field and offset in the whole."""

    def __init__(self, octets: bytes, field: str, base: int = 0, at: int = 0) -> None:
        self._octets = octets
        self._field = field
        self._base = base
        self._at = at

    @property
    def octet(self) -> int:
        """Offset of the next octet in the whole."""
        return self._base + self._at

    @property
    def left(self) -> int:
        """Octets not read yet."""
        return max(len(self._octets) - self._at, 0)

    def refusal(self, reason: str) -> ApkError:
        """Make the error for what stands at this place."""
        return ApkError(self._field, self.octet, reason)

    def take(self, count: int) -> bytes:
        """Read ``count`` octets.

        Raises:
            ApkError: fewer are left.
        """
        if count > self.left:
            raise self.refusal(f"{count} octets announced, {self.left} left")
        taken = self._octets[self._at : self._at + count]
        self._at += count
        return taken

    def u16(self) -> int:
        return self._number("<H", 2)

    def u32(self) -> int:
        return self._number("<I", 4)

    def u64(self) -> int:
        return self._number("<Q", 8)

    def prefixed(self, field: str | None = None) -> Reader:
        """Read a length of four octets and open that many; ``field`` names them in errors."""
        length = self.u32()
        base = self.octet
        return Reader(self.take(length), field or self._field, base)

    def items(self, field: str | None = None) -> Iterator[Reader]:
        """Read length-prefixed items until nothing is left."""
        while self.left:
            yield self.prefixed(field)

    def rest(self) -> bytes:
        """Read all that is left."""
        return self.take(self.left)

    def end(self) -> None:
        """Make sure that nothing is left.

        Raises:
            ApkError: something is.
        """
        if self.left:
            raise self.refusal(f"{self.left} octets too many")

    def _number(self, form: str, size: int) -> int:
        (number,) = struct.unpack(form, self.take(size))
        return int(number)


def prefixed(octets: bytes) -> bytes:
    """Put the length, four octets, before ``octets``."""
    return struct.pack("<I", len(octets)) + octets


def sequence(items: list[bytes]) -> bytes:
    """Put the length before each item."""
    return b"".join(prefixed(item) for item in items)
