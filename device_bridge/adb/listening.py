"""Owns seeing whether an adb server of this computer listens beyond loopback, where anybody may use our phones.

Only reads; Linux.
Source: proc_net_tcp(5): addresses in hex, words in the byte order of the machine, state 0A = LISTEN.
"""

from __future__ import annotations

import ipaddress
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from device_bridge.adb.contract import Step

_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTEN: Final = "0A"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def exposure(port: int, tables: tuple[Path, ...] = _TABLES) -> Step:
    """Make the step that says whether TCP ``port`` is listened on beyond loopback."""
    open_to = [address for address in listening(port, tables) if not is_loopback(address)]
    if not open_to:
        return Step("exposure", "ok", f"port {port} is open on this computer only")
    detail = f"the adb server listens on {', '.join(map(str, open_to))} port {port}: anybody there can use the phones"
    hint = "End it (adb kill-server) and start it without -a"
    return Step("exposure", "refused", detail, hint)


def listening(port: int, tables: tuple[Path, ...] = _TABLES) -> list[Address]:
    """List the addresses of this computer on which anything listens on TCP ``port``."""
    found: list[Address] = []
    for table in tables:
        with suppress(OSError):
            for line in table.read_text().splitlines()[1:]:
                fields = line.split()
                if len(fields) > 3 and fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    found.append(_address(fields[1].rpartition(":")[0]))
    return found


def _address(digits: str) -> Address:
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    octets = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    return ipaddress.ip_address(octets)


def is_loopback(address: Address) -> bool:
    """Say whether only programs of this computer reach it, in either of its two notations."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
