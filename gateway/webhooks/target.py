"""Owns the decision whether a webhook's URL, and then the very address of its socket, may be asked.

Refuses to trust names: the URL check is a courtesy to whoever writes it, ``guarded`` decides at connect.
Source: rules SSRF-1 and SSRF-5; RFC 3986 §3.2.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from typing import Any

from yarl import URL

from gateway.webhooks.networks import Address, Refusal, Scheme, TargetRules, refuse_address

URL_MAX_CHARACTERS = 2048
LOOPBACK_V4 = ipaddress.IPv4Address("127.0.0.1")

AddrInfo = tuple[Any, ...]
"""(family, type, protocol, canonical name, socket address) as of ``getaddrinfo``."""


class TargetRefused(OSError):
    """A socket was not opened because its address must not be asked. No packet left."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def guarded(scheme: Scheme, rules: TargetRules) -> Callable[[AddrInfo], socket.socket]:
    """Make a socket factory that opens sockets only for addresses that ``rules`` allow.

    It sees what really will be connected to: after the name was resolved, however the address was spelt.

    Raises (when called):
        TargetRefused: no socket was made.
    """

    def make(addr_info: AddrInfo) -> socket.socket:
        family, kind, protocol, _name, where = addr_info
        address = ipaddress.ip_address(str(where[0]).partition("%")[0])
        refusal = refuse_address(address, int(where[1]), scheme, rules)
        if refusal is not None:
            raise TargetRefused(refusal)
        return socket.socket(family, kind, protocol)

    return make


def check_target(url: str, rules: TargetRules) -> Refusal | None:
    """Judge a URL before it is stored or asked; None: nothing is wrong with it as far as can be read.

    A name may still resolve to an address that is refused at connect.
    """
    if len(url) > URL_MAX_CHARACTERS:
        return Refusal("url", f"the URL has {len(url)} characters; {URL_MAX_CHARACTERS} are allowed")
    if any(character <= " " or character in "\\\x7f" for character in url):
        return Refusal(
            "url", "the URL has spaces, control characters or backslashes; percent-encode or drop them"
        )
    try:
        parsed = URL(url)
        host, port = parsed.host, parsed.port
    except ValueError:
        return Refusal(
            "url", "the URL cannot be read; write it like https://example.org/hook, port 1 to 65535"
        )
    authority = re.split(r"[/?#]", url.partition("//")[2], maxsplit=1)[0]
    refusal = _refuse_shape(url, authority, parsed)
    if refusal is not None or not host or not port:
        return refusal
    if _is_disguised(host, authority):
        return Refusal("odd_address", f"{host} is an odd spelling of an address; write four decimal numbers")
    return _refuse_host(host, port, "http" if parsed.scheme == "http" else "https", rules)


def _refuse_shape(url: str, authority: str, parsed: URL) -> Refusal | None:
    if parsed.scheme not in ("http", "https"):
        return Refusal("scheme", "the URL must begin with https:// or http://")
    if "@" in authority:
        return Refusal("userinfo", "the URL names a user; receivers check the signature instead, drop it")
    if "#" in url:
        return Refusal("fragment", "the URL has a fragment, which is never sent; drop it")
    if not parsed.host:
        return Refusal("url", "the URL has no host; write it like https://example.org/hook")
    if not parsed.port:
        return Refusal("port", "the URL's port must be 1 to 65535")
    return None


def _refuse_host(host: str, port: int, scheme: Scheme, rules: TargetRules) -> Refusal | None:
    if "%" in host:
        return Refusal("url", "the URL's address names a network interface; drop what follows %")
    address = _canonical(host)
    if address is None and _last_label(host) == "localhost":
        address = LOOPBACK_V4
    return None if address is None else refuse_address(address, port, scheme, rules)


def _canonical(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_disguised(host: str, authority: str) -> bool:
    """Say whether a host is an IPv4 address in other clothes.

    Resolvers read ``0x7f.1`` and ``2130706433`` as addresses, and digits of other scripts become plain ones.
    """
    address = _canonical(host)
    if address is not None:
        return address.version == 4 and not authority.startswith(host)
    last = _last_label(host)
    return last.isdecimal() or (last.startswith("0x") and all(c in "0123456789abcdef" for c in last[2:]))


def _last_label(host: str) -> str:
    return host.rstrip(".").rpartition(".")[2].lower()
