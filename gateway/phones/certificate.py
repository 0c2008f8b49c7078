"""Owns the certificate that phones on the LAN know this gateway by: made on first need, renewed with the same key.

Knows no phone and opens no listener. Phones pin the key, so a new certificate changes nothing for them.
Source: rules CMP-1 (SHA-256 of SubjectPublicKeyInfo), TLS-1 (P-256, 0600), TLS-2; RFC 5280; RFC 7469 §2.4.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import os
import re
import secrets
import socket
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from device_bridge.apk.key_file import sync_folder, write_once
from gateway.phones.lan import lan_addresses

VALID_DAYS = 3650
"""Ten years: phones trust the pinned key, not the date, and nobody visits a phone on a wall to renew one."""

RENEW_DAYS = 365
"""Renewed this long before its end, so that a gateway that starts once a year never shows an old one."""

KEY_FILE = "link.key"
CERTIFICATE_FILE = "link.crt"

_EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)
"""A board without a clock battery starts in 1970; a certificate made then must still hold when it knows the time."""

_DAY = timedelta(days=1)

_HOST = re.compile(r"(?!.{254})[a-z0-9_]([a-z0-9_-]{0,62})?(\.[a-z0-9_]([a-z0-9_-]{0,62})?)*")
"""A name of labels (RFC 1123), with the underscore that some machines carry."""


class CertificateError(Exception):
    """The certificate or its key cannot be made or used. ``hint`` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class LinkCertificate:
    """The certificate of the listener for phones, as it stands on disk."""

    key_file: Path
    certificate_file: Path
    certificate: x509.Certificate

    @property
    def pin(self) -> str:
        """What phones pin: see ``spki_sha256``."""
        return spki_sha256(self.certificate)

    def load_into(self, context: ssl.SSLContext) -> None:
        """Use it for connections that come from now on; those that are open stay as they are.

        Raises:
            CertificateError: the files cannot be read any more.
        """
        try:
            context.load_cert_chain(self.certificate_file, self.key_file)
        except OSError as error:  # ssl.SSLError is one
            raise CertificateError(
                f"{self.certificate_file} and {self.key_file.name} cannot be used: {error}",
                "restore both from the backup",
            ) from error


def spki_sha256(certificate: x509.Certificate) -> str:
    """Compute what a phone pins: SHA-256 of the SubjectPublicKeyInfo, lower-case hex, 64 characters.

    Source: docs/link.md, *Pairing*.
    """
    spki = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(spki).hexdigest()


def link_names(public_names: Iterable[str]) -> tuple[str, ...]:
    """List the names that phones may call this machine by: as configured, its LAN addresses, its host name."""
    own = socket.gethostname()  # what the machine is called is nobody's setting: left out when it is no name
    return tuple(dict.fromkeys([*public_names, *lan_addresses(), *([own] if _host(own) else [])]))


def link_certificate(folder: Path, names: Sequence[str], now_ms: int) -> LinkCertificate:
    """Read the certificate, make it on first need, renew it when it has to change. The key stays for ever.

    Blocks for some milliseconds. It is made anew when a name is missing in it, a year before its end, and when it is
    damaged; a damaged key is refused, because every phone on the LAN would have to be paired again.

    Args:
        folder: Where ``link.key`` and ``link.crt`` stand, both 0600; made (0700) when missing. Belongs in the backup.
        names: Host names and addresses for subjectAltName, in any order (``link_names``).
        now_ms: UTC.

    Raises:
        CertificateError: a name cannot stand in a certificate, or the key is open to others, damaged or not ours.
    """
    key_file, certificate_file = folder / KEY_FILE, folder / CERTIFICATE_FILE
    wanted = _alternative_names(names)
    now = max(datetime.fromtimestamp(now_ms / 1000, UTC), _EARLIEST)
    try:
        key = _key(key_file)
        certificate = _read(certificate_file)
        if certificate is None or not _serves(certificate, key, wanted, now):
            certificate = _make(key, wanted, now)
            _replace(certificate_file, certificate.public_bytes(serialization.Encoding.PEM))
    except OSError as error:
        raise CertificateError(
            f"{error.filename or folder} cannot be used: {error.strerror}",
            "give this user the right to read and write it",
        ) from error
    return LinkCertificate(key_file, certificate_file, certificate)


def server_context(certificate: LinkCertificate) -> ssl.SSLContext:
    """Make the TLS settings of the listener: TLS 1.2 and later, Python's own cipher list, no client certificates.

    Raises:
        CertificateError: see ``LinkCertificate.load_into``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate.load_into(context)
    return context


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        write_once(
            path,
            made.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )
    if path.stat().st_mode & 0o077:
        raise CertificateError(f"{path} can be read by others", f"run: chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError(
            f"{path} holds no P-256 key in PEM",
            "restore it from the backup; without it, remove it and pair every phone on the LAN again",
        )
    return key


def _read(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None  # it can be made anew from the key without anybody noticing


def _serves(
    certificate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    wanted: Sequence[x509.GeneralName],
    now: datetime,
) -> bool:
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        ours = certificate.public_key() == key.public_key()
    except (x509.ExtensionNotFound, ValueError):
        return False
    in_time = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc - RENEW_DAYS * _DAY
    # A name too many does no harm: an address that comes and goes must not make a new certificate each time.
    return ours and in_time and set(wanted) <= set(held)


def _make(
    key: ec.EllipticCurvePrivateKey, names: Sequence[x509.GeneralName], now: datetime
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SMS line gateway")])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)  # clocks differ
        .not_valid_after(now + VALID_DAYS * _DAY)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _alternative_names(names: Sequence[str]) -> list[x509.GeneralName]:
    found: dict[x509.GeneralName, None] = {}
    for name in names:
        host = _host(name)
        if host is None:
            raise CertificateError(
                f"{name!r} can be no name of a host",
                "correct link.public_names: host names and addresses, without scheme and port",
            )
        found[host] = None
    return list(found) or [x509.DNSName("localhost")]


def _host(name: str) -> x509.GeneralName | None:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name.removeprefix("[").removesuffix("]")))
    try:
        ascii_name = name.encode("idna").decode("ascii").lower()
    except ValueError:
        return None
    return x509.DNSName(ascii_name) if _HOST.fullmatch(ascii_name) else None


def _replace(path: Path, octets: bytes) -> None:
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
    sync_folder(path.parent)
