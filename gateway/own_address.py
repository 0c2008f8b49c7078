"""Owns whether an address is one of this machine's own, as its kernel says.

Knows no list of interfaces: it would be old when it is read. Sends nothing.
Source: bind(2), EADDRNOTAVAIL; RFC 1122 §3.2.1.3 (127/8), RFC 4291 §2.5.3 (::1).
"""

from __future__ import annotations

import ipaddress
import socket


def is_this_machine(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Say whether an address is one of ours: only on such a one can a socket be bound. Sends nothing."""
    if address.is_loopback:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.bind((str(address), 0))
    except OSError:
        return False
    return True
