"""Owns the public keys of adb hosts: the platform's own RSA key format and the check of a signed token.

Refuses to know any private key: the host under test holds its own.
Source: the platform's crypto_utils (RSAPublicKey: words, n0inv, modulus, rr, exponent; little endian) and RFC 8017.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA1

MODULUS_BYTES = 256
LAYOUT = struct.Struct(f"<II{MODULUS_BYTES}s{MODULUS_BYTES}sI")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One host's key, and the name that the phone shows beside it."""

    modulus: int
    exponent: int
    name: str

    @classmethod
    def parse(cls, line: bytes) -> PublicKey:
        """Read what the host sends in AUTH, and what stands in ``adbkey.pub``: base64, a space, user@host."""
        text, _, name = line.rstrip(b"\0\n").partition(b" ")
        words, _, modulus, _, exponent = LAYOUT.unpack(base64.b64decode(text))
        if words * 4 != MODULUS_BYTES:
            raise ValueError(f"a key of {words} words; adb keys have {MODULUS_BYTES // 4}")
        return cls(int.from_bytes(modulus, "little"), exponent, name.decode())

    @classmethod
    def read(cls, file: Path) -> PublicKey:
        return cls.parse(file.read_bytes())

    def signed(self, token: bytes, signature: bytes) -> bool:
        """Tell whether this key signed the token (which stands in the place of a SHA-1 digest)."""
        key = rsa.RSAPublicNumbers(self.exponent, self.modulus).public_key()
        try:
            key.verify(signature, token, padding.PKCS1v15(), utils.Prehashed(SHA1()))
        except InvalidSignature:
            return False
        return True
