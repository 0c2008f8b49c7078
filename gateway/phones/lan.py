"""Owns by which addresses other machines of the LAN reach this one.

Opens no port and sends nothing; what cannot be found out is left out.
Source: netdevice(7) SIOCGIFADDR; connect(2) on a datagram socket picks the route without a packet.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Final

_SIOCGIFADDR: Final = 0x8915  # Linux
_ELSEWHERE: Final = (
    "192.0.2.1"  # TEST-NET-1 (RFC 5737): any address beyond the LAN asks for the default route
)


def lan_addresses() -> tuple[str, ...]:
    """List this machine's IPv4 addresses that phones may reach, the one of the default route first.

    Returns:
        Dotted addresses, none of loopback or link-local; empty without a network.
    """
    found: list[str] = []
    for address in (*_routed(), *_of_interfaces()):
        parsed = ipaddress.IPv4Address(address)
        useless = parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified
        if not useless and address not in found:
            found.append(address)
    return tuple(found)


def _routed() -> Iterator[str]:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((_ELSEWHERE, 9))
        yield probe.getsockname()[0]


def _of_interfaces() -> Iterator[str]:
    if sys.platform != "linux":
        return  # the number of the request differs; the address of the default route is what matters
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):  # an interface without an IPv4 address
                answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                yield socket.inet_ntoa(answer[20:24])
