"""Owns the proofs of a pairing: both sides show that they know the code, and which certificate they see.

Knows no request, no clock and no chance: nonce and random octets are given. The code never crosses the wire.
Source: docs/link.md, *Pairing*; RFC 8018 (PBKDF2), RFC 2104 (HMAC); tests/vectors/link.json
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""32 characters of 5 bits, without I, L, O and U, which are misread or make words."""

QR_CODE_LENGTH: Final = 26
"""130 bits: for a QR code or the cable."""
TYPED_CODE_LENGTH: Final = 8
"""40 bits, good enough for 5 tries in 5 minutes."""

ROUNDS: Final = 100_000
"""Of PBKDF2: a tenth of a second on an old phone, and each guess at a proof that was overheard costs as much."""

_MISREAD: Final = str.maketrans("OIL", "011")


def normalise(code: str) -> str:
    """Make of what a person typed the code that was meant: in capitals, O as 0, I and L as 1, the rest dropped.

    Source: tests/vectors/link.json
    """
    return "".join(char for char in code.upper().translate(_MISREAD) if char in ALPHABET)


def make_code(length: int, random_bytes: bytes) -> str:
    """Make a code of random octets, five bits of each.

    Args:
        length: Characters.
        random_bytes: One for each character, of a source fit for secrets.
    """
    if len(random_bytes) != length:
        raise ValueError(f"random_bytes: {length} characters need as many octets, not {len(random_bytes)}")
    return "".join(ALPHABET[octet & 0x1F] for octet in random_bytes)


def phone_proof(code: str, nonce: str, install: str, pin: str) -> str:
    """Say what a phone that knows the code must have sent.

    Costs 100,000 rounds of SHA-256: about 50 ms of a core, so not on an event loop.

    Args:
        code: As made or typed.
        nonce: 16 octets in hex, of the phone's choice.
        install: The phone's install id.
        pin: Lower-case hex SHA-256 of the certificate's SubjectPublicKeyInfo; empty over USB.

    Raises:
        ValueError: ``nonce`` is no hex.
    """
    return _proof(code, nonce, "phone", install, pin)


def gateway_proof(code: str, nonce: str, gateway: str, key: str, pin: str) -> str:
    """Make the proof that the gateway knows the code, over its id and the key it gives. See :func:`phone_proof`."""
    return _proof(code, nonce, "gateway", gateway, key, pin)


def matches(proof: str, expected: str) -> bool:
    """Compare proofs in constant time, whatever the case of their digits."""
    given, wanted = (each.lower().encode("utf-8", "replace") for each in (proof, expected))
    return hmac.compare_digest(given, wanted)


def _proof(code: str, nonce: str, *said: str) -> str:
    password = normalise(code).encode("ascii")
    key = hashlib.pbkdf2_hmac("sha256", password, bytes.fromhex(nonce), ROUNDS, 32)
    return hmac.new(key, b"\0".join(each.encode() for each in said), hashlib.sha256).hexdigest()
