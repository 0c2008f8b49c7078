"""Owns the only code that opens descriptors for modems: serial ports and TCP connections.

Refuses to know what the bytes mean.
Source: POSIX termios; RFC 793; the URL forms are pyserial's.
"""

from __future__ import annotations

from device_bridge.link.base import ByteLink, OnBytes, PortUnavailable
from device_bridge.link.opening import open_link

__all__ = ["ByteLink", "OnBytes", "PortUnavailable", "open_link"]
