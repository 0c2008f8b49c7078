"""Owns which addresses and ports a webhook may reach. Pure, but for asking which addresses are ours.

Refuses to use ``is_private`` and its like, whose meaning changed between Python releases: the tables are here.
Source: rules SSRF-2 to SSRF-5; RFC 6890; https://fetch.spec.whatwg.org/#port-blocking.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

from gateway.own_address import is_this_machine

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Scheme = Literal["http", "https"]


@dataclass(frozen=True, slots=True)
class TargetRules:
    """What this installation allows.

    ``own_ports`` are refused on every address of this machine (our own listeners), ``database_ports`` on every
    address that is not public. ``local_open`` False (more than one tenant): loopback and private networks need
    an entry in ``allowed_networks``.
    """

    allow_public_http: bool = False
    own_ports: frozenset[int] = frozenset()
    database_ports: frozenset[int] = frozenset()
    local_open: bool = True
    allowed_networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a target must not be asked: the name of the rule for programs, and a sentence that says it to people, with
    what to do."""

    rule: str
    detail: str

    def __str__(self) -> str:
        return self.detail


def _table(rule: str, *networks: str) -> tuple[tuple[Network, str], ...]:
    return tuple((ipaddress.ip_network(network), rule) for network in networks)


ALWAYS_REFUSED: tuple[tuple[Network, str], ...] = (
    *_table("metadata", "169.254.169.254/32", "100.100.100.200/32", "168.63.129.16/32"),
    *_table("metadata", "fd00:ec2::254/128", "fd20:ce::254/128"),
    *_table("unspecified", "0.0.0.0/8", "::/128"),
    *_table("link_local", "169.254.0.0/16", "fe80::/10"),
    *_table("site_local", "fec0::/10"),
    *_table("multicast", "224.0.0.0/4", "ff00::/8"),
    *_table("reserved", "240.0.0.0/4", "192.0.0.0/24", "64:ff9b:1::/48", "100::/64"),
    *_table("documentation", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),
    *_table("documentation", "2001:db8::/32", "3fff::/20"),
    *_table("benchmark", "198.18.0.0/15", "2001:2::/48"),
)
NEVER_REACHED = {
    "metadata": "where a cloud gives out the secrets of its machines",
    "unspecified": "no address of any machine",
    "link_local": "an address that holds on one cable only (link-local)",
    "site_local": "an address of a kind that was given up (site-local)",
    "multicast": "an address of many machines at once (multicast)",
    "reserved": "a reserved address",
    "documentation": "an address for examples in documents",
    "benchmark": "an address for measuring networks",
}
"""What each rule of the table is about, as people say it."""

LOOPBACK = tuple(ipaddress.ip_network(n) for n in ("127.0.0.0/8", "::1/128"))
PRIVATE = tuple(
    ipaddress.ip_network(n)
    for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""RFC 4291 §2.4: nothing else in IPv6 is public today, so nothing else is allowed."""

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
TEREDO = ipaddress.IPv6Network("2001::/32")

ADB_PORTS = frozenset({5037, *range(5554, 5586)})
"""The ADB server, and the ports on which devices and emulators of Android listen."""

_FETCH_PORTS = """
    1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119
    123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989
    990 993 995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080
"""
FETCH_PORTS = frozenset(int(port) for port in _FETCH_PORTS.split())


def unwrapped(address: Address) -> tuple[Address, ...]:
    """Give the IPv4 addresses that an IPv6 address carries, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    number = int(address)
    low, high = ipaddress.IPv4Address(number & 0xFFFFFFFF), number >> 32
    if address.ipv4_mapped is not None or address in NAT64:
        return (low,)
    if address in SIX_TO_FOUR:
        return (ipaddress.IPv4Address(number >> 80 & 0xFFFFFFFF),)
    if address in TEREDO:
        # Server, and client with all bits turned (RFC 4380 §4).
        server = ipaddress.IPv4Address(number >> 64 & 0xFFFFFFFF)
        return (server, ipaddress.IPv4Address(int(low) ^ 0xFFFFFFFF))
    if high == 0 and number > 1:
        return (low,)  # ::a.b.c.d, deprecated by RFC 4291 §2.5.5.1
    return (address,)


def is_local(address: Address) -> bool:
    """Say whether an address (unwrapped) is loopback or private."""
    return any(address.version == n.version and address in n for n in (*LOOPBACK, *PRIVATE))


def refuse_address(address: Address, port: int, scheme: Scheme, rules: TargetRules) -> Refusal | None:
    """Judge the address and port that a socket is about to be connected to; None: it may be."""
    for target in unwrapped(address):
        refusal = _refuse_network(target, scheme, rules) or _refuse_port(target, port, rules)
        if refusal is not None:
            return refusal
    return None


def _refuse_network(target: Address, scheme: Scheme, rules: TargetRules) -> Refusal | None:
    for network, rule in ALWAYS_REFUSED:
        if target.version == network.version and target in network:
            what = NEVER_REACHED[rule]
            return Refusal(rule, f"{target} is {what}, which webhooks never reach; use another address")
    if is_local(target):
        listed = any(target.version == n.version and target in n for n in rules.allowed_networks)
        if rules.local_open or listed:
            return None
        return Refusal(
            "local_network", f"{target} is loopback or private; add its network to webhooks.allowed_networks"
        )
    if target.version == 6 and target not in GLOBAL_UNICAST:
        return Refusal("reserved", f"{target} is no public address; use another one")
    if scheme == "http" and not rules.allow_public_http:
        return Refusal(
            "public_http", f"{target} is public: use https, or set webhooks.allow_public_http = true"
        )
    return None


def _refuse_port(target: Address, port: int, rules: TargetRules) -> Refusal | None:
    if port in rules.own_ports and is_this_machine(target):
        return Refusal("own_port", f"port {port} of {target} is the gateway itself; use the receiver's port")
    if not is_local(target) and not is_this_machine(target):
        return None
    if port in ADB_PORTS:
        return Refusal(
            "adb_port", f"port {port} of {target} belongs to Android's debug bridge; use another port"
        )
    if port in rules.database_ports:
        return Refusal("database_port", f"port {port} of {target} is the database; use another port")
    if port in FETCH_PORTS:
        return Refusal(
            "blocked_port", f"port {port} of {target} belongs to another protocol; use another port"
        )
    return None
