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
from collections.abc import Iterable, Iterator
from typing import Final

_SIOCGIFADDR: Final = 0x8915  # Linux
_ELSEWHERE: Final = (
    "192.0.2.1"  # TEST-NET-1 (RFC 5737): any address beyond the LAN asks for the default route
)
_BESIDE_THE_LAN: Final = (
    "docker", "br-", "veth", "virbr", "podman", "cni", "lxc", "lxd", "vmnet", "vboxnet",
    "tun", "tap", "wg", "ppp", "tailscale", "zt",
)  # fmt: skip
"""Beginnings of the names of interfaces of containers, virtual machines and VPNs: a phone on the Wi-Fi is not there."""


def lan_addresses() -> tuple[str, ...]:
    """List this machine's IPv4 addresses that phones may reach, the likeliest first.

    Returns:
        Dotted addresses: that of the default route, then the others, those of containers and VPNs last; none of
        loopback or link-local; empty without a network.
    """
    return in_order(_routed(), _of_interfaces())


def in_order(routed: Iterable[str], interfaces: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Sort addresses by how likely a phone of the LAN reaches them; ``interfaces`` are pairs of name and address."""
    named = tuple(interfaces)
    beside = {address for name, address in named if name.startswith(_BESIDE_THE_LAN)}
    found = dict.fromkeys((*routed, *(address for _, address in named)))
    return tuple(sorted(filter(_is_reachable, found), key=lambda address: address in beside))


def _is_reachable(address: str) -> bool:
    parsed = ipaddress.IPv4Address(address)
    return not (parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified)


def _routed() -> Iterator[str]:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((_ELSEWHERE, 9))
        yield probe.getsockname()[0]


def _of_interfaces() -> Iterator[tuple[str, str]]:
    if sys.platform != "linux":
        return  # the number of the request differs; the address of the default route is what matters
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):  # an interface without an IPv4 address
                answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                yield name, socket.inet_ntoa(answer[20:24])
