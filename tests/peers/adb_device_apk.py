"""Owns what a phone reads in an APK before it installs it: the binary manifest and the signature, both checked.

Refuses to trust a file name or a sidecar. Shares no code with the package that signs our app.
Source: the platform's page "APK Signature Scheme v2", and ResourceTypes.h for the binary XML.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

BLOCK_MAGIC = b"APK Sig Block 42"
SCHEME_V2 = 0x7109871A
RSA_PKCS1_SHA256, ECDSA_SHA256 = 0x0103, 0x0201
CHUNK = 1024 * 1024
END_OF_DIRECTORY = b"PK\x05\x06"

ATTRIBUTES = {
    0x0101021B: "versionCode",
    0x0101021C: "versionName",
    0x01010003: "name",
    0x0101020C: "minSdkVersion",
    0x01010270: "targetSdkVersion",
}
"""Resource ids of the platform's own attributes; the names in the pool may be stripped, these never."""


class BadApk(Exception):
    """The phone refuses the file; ``code`` is what the package manager prints."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Package:
    """What the phone knows about an app."""

    name: str
    version_code: int
    version_name: str
    min_sdk: int
    target_sdk: int
    signer: str
    """Hex SHA-256 of the signer's certificate."""
    permissions: frozenset[str] = field(default_factory=frozenset)


def read_apk(apk: bytes) -> Package:
    """Read and check one file; raises BadApk with the package manager's own code."""
    try:
        with zipfile.ZipFile(io.BytesIO(apk)) as archive:
            manifest = archive.read("AndroidManifest.xml")
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise BadApk("INSTALL_PARSE_FAILED_NOT_APK", f"Failed to parse: {error}") from error
    facts: dict[str, str | int] = {}
    permissions: set[str] = set()
    for element, attributes in elements(manifest):
        if element == "manifest":
            facts["package"] = attributes.get("package", "")
        if element in ("manifest", "uses-sdk"):
            facts |= {name: value for name, value in attributes.items() if name != "name"}
        if element == "uses-permission":
            permissions.add(str(attributes["name"]))
    return Package(
        str(facts["package"]),
        int(facts["versionCode"]),
        str(facts.get("versionName", "")),
        int(facts.get("minSdkVersion", 1)),
        int(facts.get("targetSdkVersion", 1)),
        signer_of(apk),
        frozenset(permissions),
    )


# ---------------------------------------------------------------------- binary XML


def elements(xml: bytes) -> Iterator[tuple[str, dict[str, str | int]]]:
    """Yield each start tag of a binary XML with its attributes."""
    kind, _, size = struct.unpack_from("<HHI", xml, 0)
    if kind != 0x0003 or size > len(xml):
        raise BadApk("INSTALL_PARSE_FAILED_BAD_MANIFEST", "AndroidManifest.xml is no binary XML")
    strings: list[str] = []
    ids: list[int] = []
    at = 8
    while at < size:
        kind, header, length = struct.unpack_from("<HHI", xml, at)
        if kind == 0x0001:
            strings = _strings(xml[at : at + length])
        elif kind == 0x0180:
            ids = list(struct.unpack_from(f"<{(length - header) // 4}I", xml, at + header))
        elif kind == 0x0102:
            yield _element(xml[at : at + length], header, strings, ids)
        at += length


def _strings(pool: bytes) -> list[str]:
    header, _, count, _, flags, start = struct.unpack_from("<2xHIIIII", pool, 0)
    offsets = struct.unpack_from(f"<{count}I", pool, header)
    return [_string(pool, start + offset, is_utf8=bool(flags & 0x100)) for offset in offsets]


def _string(pool: bytes, at: int, *, is_utf8: bool) -> str:
    if not is_utf8:
        (length,) = struct.unpack_from("<H", pool, at)
        return pool[at + 2 : at + 2 + 2 * length].decode("utf-16-le")
    at += 2 if pool[at] & 0x80 else 1
    length = pool[at]
    at += 1
    if length & 0x80:
        length = (length & 0x7F) << 8 | pool[at]
        at += 1
    return pool[at : at + length].decode()


def _element(
    chunk: bytes, header: int, strings: list[str], ids: list[int]
) -> tuple[str, dict[str, str | int]]:
    name, start, size, count = struct.unpack_from("<4xIHHH", chunk, header)
    found: dict[str, str | int] = {}
    for index in range(count):
        at = header + start + index * size
        _, key, _, _, _, kind, value = struct.unpack_from("<IIIHBBI", chunk, at)
        known = ATTRIBUTES.get(ids[key]) if key < len(ids) else None
        found[known or strings[key]] = strings[value] if kind == 0x03 else value
    return strings[name], found


# ---------------------------------------------------------------------- signature


def signer_of(apk: bytes) -> str:
    """Check the v2 signature over the whole file; returns the certificate's SHA-256."""
    try:
        return _checked_signer(apk)
    except (struct.error, ValueError, InvalidSignature, IndexError, KeyError) as error:
        raise BadApk(
            "INSTALL_PARSE_FAILED_NO_CERTIFICATES", f"Failed to collect certificates: {error!r}"
        ) from error


def _checked_signer(apk: bytes) -> str:
    end = apk.rindex(END_OF_DIRECTORY)
    (directory,) = struct.unpack_from("<I", apk, end + 16)
    if apk[directory - 16 : directory] != BLOCK_MAGIC:
        raise ValueError("no APK signing block")
    (size,) = struct.unpack_from("<Q", apk, directory - 24)
    block = directory - size - 8
    if block < 0 or struct.unpack_from("<Q", apk, block) != (size,):
        raise ValueError("the two sizes of the signing block differ")
    pairs = dict(_pairs(apk[block + 8 : directory - 24]))
    (signer,) = lengths(next(lengths(pairs[SCHEME_V2])))
    signed, signatures, key = lengths(signer)
    digests, certificates, *_ = lengths(signed)
    certificate = next(lengths(certificates))
    public = x509.load_der_x509_certificate(certificate).public_key()
    encoding = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if public.public_bytes(*encoding) != key:
        raise ValueError("the key is not the certificate's")
    _check_signature(public, signed, signatures)
    fixed_end = apk[end : end + 16] + struct.pack("<I", block) + apk[end + 20 :]
    expected = content_digest(apk[:block], apk[directory:end], fixed_end)
    found = [next(lengths(digest[4:])) for digest in lengths(digests)]
    if not found or any(digest != expected for digest in found):
        raise ValueError("the file was changed after it was signed")
    return hashlib.sha256(certificate).hexdigest()


def _check_signature(public: object, signed: bytes, signatures: bytes) -> None:
    for entry in lengths(signatures):
        (algorithm,) = struct.unpack_from("<I", entry)
        signature = next(lengths(entry[4:]))
        if algorithm == RSA_PKCS1_SHA256 and isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
            return
        if algorithm == ECDSA_SHA256 and isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
            return
    raise ValueError("no signature of a known kind")


def lengths(block: bytes) -> Iterator[bytes]:
    """Yield the members of a sequence, each behind its u32 length."""
    at = 0
    while at < len(block):
        (size,) = struct.unpack_from("<I", block, at)
        if at + 4 + size > len(block):
            raise ValueError("a length runs past its block")
        yield block[at + 4 : at + 4 + size]
        at += 4 + size


def _pairs(block: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(block):
        size, number = struct.unpack_from("<QI", block, at)
        yield number, block[at + 12 : at + 8 + size]
        at += 8 + size


def content_digest(*sections: bytes) -> bytes:
    """SHA-256 over the digests of all 1 MiB chunks of the sections."""
    digests = [
        hashlib.sha256(b"\xa5" + struct.pack("<I", len(piece)) + piece).digest()
        for section in sections
        for start in range(0, len(section), CHUNK)
        for piece in [section[start : start + CHUNK]]
    ]
    return hashlib.sha256(b"\x5a" + struct.pack("<I", len(digests)) + b"".join(digests)).digest()
