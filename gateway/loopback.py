"""Owns what an address to listen on means: whether only this machine reaches it.

Knows no socket and no configuration.
Source: RFC 1122 §3.2.1.3 (127/8), RFC 4291 §2.5.3 (::1), RFC 6761 §6.3 (``localhost``).
"""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Say whether an address to listen on is reached from this machine only; of names that is true of ``localhost``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
