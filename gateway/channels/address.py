"""Owns what counts as an e-mail address here: one mailbox, ASCII before the @, a host name that can exist after it.

Refuses names in angle brackets, quoted local parts, comments and lists: each could carry a second recipient; and what
looks like an encoded word, which could carry anything.
Source: RFC 5321 §4.1.2 (Mailbox, Dot-string), §4.5.3.1 (lengths); RFC 5891 (names beyond ASCII); RFC 2606; RFC 2047.
"""

from __future__ import annotations

import re

import idna

# Not "=?": it begins an encoded word, which programs decode wherever they find it (RFC 2047 §2).
_LOCAL = re.compile(r"(?!.*=\?)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*", re.ASCII)
_LOCAL_MAX = 64
_ADDRESS_MAX = 254

_RESERVED = frozenset({"example.com", "example.net", "example.org"})
_RESERVED_ENDS = (".test", ".example", ".invalid", ".localhost", *(f".{host}" for host in sorted(_RESERVED)))


def mail_address(written: str) -> str:
    """Check an address; gives it back with its host in lower case, in ASCII.

    Raises:
        ValueError: it is none that we can send to; the text says why and what to write.
    """
    local, at, host = written.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or len(local) > _LOCAL_MAX:
        raise ValueError(
            "is not an e-mail address; write one like ann@example.org, without a name or brackets"
        )
    try:
        host = host.lower() if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        host = ""
    if not _HOST.fullmatch(host) or len(local) + 1 + len(host) > _ADDRESS_MAX:
        raise ValueError("has no host that can exist after the @; write one like ann@example.org")
    return f"{local}@{host}"


def is_reserved(address: str) -> bool:
    """Say whether a checked address is one of those that RFC 2606 sets aside for trying things out."""
    host = address.rpartition("@")[2]
    return host in _RESERVED or host.endswith(_RESERVED_ENDS)
