"""Owns the unsigned app that this package carries, so that a phone needs no JDK.

Refuses to build it: `make companion` does, and a test compares the two octet by octet.
Source: android_companion/ in this repository.
"""

from __future__ import annotations

from importlib.resources import files

from device_bridge.apk.errors import ApkError

CARRIED = "companion-unsigned.apk"


def carried_apk() -> bytes:
    """Read the companion app as it was built, unsigned: ``sign_apk`` makes it installable.

    Raises:
        ApkError: it is not there (a checkout in which it was deleted).
    """
    try:
        return files("device_bridge.apk").joinpath(CARRIED).read_bytes()
    except FileNotFoundError:
        raise ApkError(
            CARRIED, 0, "is missing from this installation: install the package anew, or run `make companion`"
        ) from None
