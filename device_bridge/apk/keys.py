"""Owns the key that signs the app for the phones of one installation: making it once, keeping it, reading it.

Refuses to make a second one in its place: with another key no phone takes an update. Asks no clock.
Source: Android app signing (the certificate's octets are the identity); RFC 5280; files by rules TLS-1 (0600).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from device_bridge.apk.errors import SigningKeyError
from device_bridge.apk.key_file import write_once

KEY_BITS = 2048
"""RSA, the size that Android's own tools make and that every Android takes. Its signatures are deterministic."""

VALID_FROM = datetime(2025, 1, 1, tzinfo=UTC)
VALID_UNTIL = datetime(2055, 1, 1, tzinfo=UTC)
"""Thirty years, as fixed dates: Android compares certificates and asks for no date, and a board may have no clock."""

_RESTORE = (
    "restore it from the backup; without it, remove the app from every phone, then this file, and start again"
)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key and its certificate (DER), whose octets are what a phone knows the signer by."""

    private: rsa.RSAPrivateKey
    certificate: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the certificate, lower-case hex: the signer as Android and apksigner name it."""
        return hashlib.sha256(self.certificate).hexdigest()

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, octets: bytes) -> bytes:
        """Sign with RSASSA-PKCS1-v1_5 and SHA-256: the same octets give the same signature."""
        return self.private.sign(octets, padding.PKCS1v15(), hashes.SHA256())

    @classmethod
    def load_or_create(cls, path: Path) -> SigningKey:
        """Read the key, or make one on first need. Making one takes up to a second on a small board: use a thread.

        Args:
            path: A PEM file, 0600: private key and certificate. Its folder is made (0700) when missing. Belongs in
                the backup.

        Raises:
            SigningKeyError: it is open to others, damaged, or cannot be read or written.
        """
        try:
            if not path.exists():
                write_once(path, _pem(*_made()))
            if path.stat().st_mode & 0o077:
                raise SigningKeyError(path, "can be read by others", f"run: chmod 600 {path}")
            return _parsed(path, path.read_bytes())
        except OSError as error:
            raise SigningKeyError(
                path, f"cannot be used: {error.strerror}", "give this user the right to read and write it"
            ) from error


def _made() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    private = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"SMS line gateway {secrets.token_hex(4)}")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_UNTIL)
        .sign(private, hashes.SHA256())
    )
    return private, certificate


def _pem(private: rsa.RSAPrivateKey, certificate: x509.Certificate) -> bytes:
    key = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key + certificate.public_bytes(serialization.Encoding.PEM)


def _parsed(path: Path, pem: bytes) -> SigningKey:
    try:
        private = serialization.load_pem_private_key(pem, password=None)
        certificate = x509.load_pem_x509_certificate(pem)
    except (ValueError, TypeError) as error:
        raise SigningKeyError(path, f"holds no key and certificate in PEM: {error}", _RESTORE) from error
    if not isinstance(private, rsa.RSAPrivateKey):
        raise SigningKeyError(path, "is not an RSA key", _RESTORE)
    if certificate.public_key() != private.public_key():
        raise SigningKeyError(path, "the certificate belongs to another key", _RESTORE)
    return SigningKey(private, certificate.public_bytes(serialization.Encoding.DER))
