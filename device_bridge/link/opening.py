"""Owns the choice of link by the form of the port: `socket://host:port`, or a path.

Knows no device behind it.
Source: pyserial's URL handlers; forms without a descriptor of their own are refused, not half supported.
"""

from __future__ import annotations

from device_bridge.link.base import ByteLink, OnBytes, PortUnavailable
from device_bridge.link.serial_port import open_serial
from device_bridge.link.tcp import open_tcp


async def open_link(port: str, baudrate: int, on_bytes: OnBytes) -> ByteLink:
    """Open a port by its pyserial URL or path.

    Args:
        port: "/dev/serial/by-id/…", "/dev/pts/7" or "socket://host:port".
        baudrate: Bits per second; ignored by sockets, ptys and most USB sticks.
        on_bytes: Gets every chunk that comes.

    Raises:
        PortUnavailable: with the fix.

    On air: never
    """
    if port.startswith("socket://"):
        return await open_tcp(port, on_bytes)
    if "://" in port:
        hint = f"port = {port!r}: use a path such as /dev/ttyUSB0, or socket://host:port"
        raise PortUnavailable("device_not_ready", hint)
    return await open_serial(port, baudrate, on_bytes)
