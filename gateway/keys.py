"""Owns the format of keys, of the API and of phones: making, checking and comparing them.

Knows no store and no request; a key is text, a stored key is its digest.
Source: CRC-32 as in ISO 3309 (zlib); 32 random base62 characters are 190 bits.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass
from typing import Literal

Kind = Literal["live", "sandbox"]

_DEVICE_PREFIX = "gwd_"
"""Keys of phones: good for the link of one phone only. The API does not take them: they are no :data:`Kind`."""

_PREFIX: dict[Kind, str] = {"live": "gwl_", "sandbox": "gws_"}
_KIND: dict[str, Kind] = {prefix: kind for kind, prefix in _PREFIX.items()}
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PUBLIC_CHARACTERS = 8
_SECRET_CHARACTERS = 32
_CHECK_CHARACTERS = 6  # 62**6 > 2**32, so every CRC-32 fits
_LENGTH = 4 + _PUBLIC_CHARACTERS + _SECRET_CHARACTERS + _CHECK_CHARACTERS

KEY_PATTERN = re.compile(r"\bgw[dlst]_[0-9A-Za-z]{46}\b")
"""What a secret scanner looks for; the checksum then decides."""

ADMIN_KEY_MIN_CHARACTERS = 32
"""Length from which GATEWAY_ADMIN_KEY is taken without a warning: with 32 characters guessing is hopeless."""

DUMMY_DIGEST = hashlib.sha256(b"no key has this digest").digest()
"""Compared with when the public id is unknown, so that both paths cost the same."""


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """A key whose form and checksum are right; whether it is ours is for the digest to say."""

    kind: Kind
    public_id: str
    digest: bytes


def make_key(kind: Kind) -> str:
    """Make a new key of 50 characters: prefix, public id, secret, checksum."""
    return _make(_PREFIX[kind])


def make_device_key() -> str:
    """Make the key of one phone, of the same form and strength as a key of the API."""
    return _make(_DEVICE_PREFIX)


def parse_key(text: str) -> ParsedKey | None:
    """Take a key apart, or None when it cannot be one of ours (form or checksum), without any look-up."""
    kind = _KIND.get(text[:4])
    return ParsedKey(kind, public_id(text), digest(text)) if kind is not None and _is_whole(text) else None


def is_device_key(text: str) -> bool:
    """Say whether form and checksum are those of a phone's key, without any look-up."""
    return text.startswith(_DEVICE_PREFIX) and _is_whole(text)


def public_id(text: str) -> str:
    """Cut out the part that finds the row of a key; it is no secret."""
    return text[4 : 4 + _PUBLIC_CHARACTERS]


def digest(text: str) -> bytes:
    """SHA-256 of the whole key: what is stored. 190 random bits need no slow hash.

    Any text has one, half of a surrogate pair too: it is what no key has, and no defect.
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def same(stored: bytes | None, presented: bytes) -> bool:
    """Compare digests in constant time; None (an unknown id) costs the same and is never equal."""
    return hmac.compare_digest(DUMMY_DIGEST if stored is None else stored, presented) and stored is not None


def _make(prefix: str) -> str:
    body = prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_PUBLIC_CHARACTERS + _SECRET_CHARACTERS))
    return body + _checksum(body)


def _is_whole(text: str) -> bool:
    return (
        len(text) == _LENGTH
        and text.isascii()
        and text[4:].isalnum()
        and _checksum(text[:-_CHECK_CHARACTERS]) == text[-_CHECK_CHARACTERS:]
    )


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    characters = []
    for _ in range(_CHECK_CHARACTERS):
        number, rest = divmod(number, 62)
        characters.append(_ALPHABET[rest])
    return "".join(reversed(characters))
