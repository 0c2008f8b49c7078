"""Owns the errors of reading, signing and checking an APK.

Refuses to know phones: nothing here has touched a device.
Source: the split is that of device_bridge/errors.py; field and octet as in its DecodeError.
"""

from __future__ import annotations

from pathlib import Path

from device_bridge.errors import DeviceBridgeError


class ApkError(DeviceBridgeError, ValueError):
    """Octets are no APK, or not one that may be installed.

    Attributes:
        field: The structure as its specification names it ("end of central directory", "v2 signer"), or an entry.
        octet: Offset in the file, or in the entry that ``field`` names, of the first octet in question.
    """

    def __init__(self, field: str, octet: int, reason: str) -> None:
        super().__init__(f"{field} at octet {octet}: {reason}")
        self.field = field
        self.octet = octet
        self.reason = reason


class SigningKeyError(DeviceBridgeError):
    """The signing key's file cannot be used. ``hint`` says what to do; a new key is never made in its place."""

    def __init__(self, path: Path, reason: str, hint: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
        self.hint = hint
