"""Owns small signed APKs for the pretend phone: a binary manifest, nothing in it to run, a v2 signature.

Refuses to use the product's own signer: what that makes is checked against the reader next door.
Source: the platform's page "APK Signature Scheme v2", and ResourceTypes.h for the binary XML.
"""

from __future__ import annotations

import datetime as dt
import io
import struct
import zipfile
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.peers.adb_device_apk import (
    ATTRIBUTES,
    BLOCK_MAGIC,
    ECDSA_SHA256,
    END_OF_DIRECTORY,
    SCHEME_V2,
    content_digest,
)

ANDROID = "http://schemas.android.com/apk/res/android"
IDS = {name: number for number, name in ATTRIBUTES.items()}
PERMISSIONS = tuple(
    f"android.permission.{name}"
    for name in (
        "SEND_SMS",
        "RECEIVE_SMS",
        "RECEIVE_MMS",
        "RECEIVE_WAP_PUSH",
        "READ_SMS",
        "READ_PHONE_STATE",
        "READ_PHONE_NUMBERS",
        "CALL_PHONE",
        "POST_NOTIFICATIONS",
        "INTERNET",
        "FOREGROUND_SERVICE",
        "RECEIVE_BOOT_COMPLETED",
        "REQUEST_IGNORE_BATTERY_OPTIMIZATIONS",
    )
)


class Signer:
    """A key and its certificate: one gateway, as the phone sees it."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a gateway")])
        start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        built = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + dt.timedelta(days=10_000))
            .sign(self.key, hashes.SHA256())
        )
        self.certificate = built.public_bytes(serialization.Encoding.DER)

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )


@dataclass(frozen=True, slots=True)
class Recipe:
    """What stands in the manifest."""

    version_code: int = 1
    package: str = "org.smsline.companion"
    min_sdk: int = 26
    target_sdk: int = 35
    permissions: tuple[str, ...] = PERMISSIONS


def stub_apk(signer: Signer, recipe: Recipe = Recipe()) -> bytes:
    """Make a whole signed APK."""
    holder = io.BytesIO()
    with zipfile.ZipFile(holder, "w", zipfile.ZIP_STORED) as archive:
        for name, content in (("AndroidManifest.xml", manifest(recipe)), ("classes.dex", b"dex\n038\0")):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return _signed(holder.getvalue(), signer)


def manifest(recipe: Recipe) -> bytes:
    """Encode the manifest as binary XML."""
    xml = _Xml()
    code, name = str(recipe.version_code), f"1.0.{recipe.version_code}"
    body = xml.start("manifest", {"versionCode": int(code), "versionName": name}, recipe.package)
    body += xml.start("uses-sdk", {"minSdkVersion": recipe.min_sdk, "targetSdkVersion": recipe.target_sdk})
    body += xml.end("uses-sdk")
    for permission in recipe.permissions:
        body += xml.start("uses-permission", {"name": permission}) + xml.end("uses-permission")
    body += xml.end("manifest")
    return xml.whole(body)


class _Xml:
    """Gathers strings while elements are written; the platform's attribute names come first, with their ids."""

    NONE = 0xFFFFFFFF

    def __init__(self) -> None:
        self._strings = [*IDS]

    def _ref(self, text: str) -> int:
        if text not in self._strings:
            self._strings.append(text)
        return self._strings.index(text)

    def start(self, name: str, attributes: dict[str, str | int], package: str | None = None) -> bytes:
        rows = b""
        for key, value in sorted(attributes.items(), key=lambda item: IDS[item[0]]):
            rows += struct.pack("<II", self._ref(ANDROID), self._ref(key)) + self._value(value)
        if package is not None:
            rows += struct.pack("<II", self.NONE, self._ref("package")) + self._value(package)
        count = len(attributes) + (package is not None)
        head = struct.pack("<IIIIHHHHHH", 1, self.NONE, self.NONE, self._ref(name), 20, 20, count, 0, 0, 0)
        return struct.pack("<HHI", 0x0102, 16, 8 + len(head) + len(rows)) + head + rows

    def _value(self, value: str | int) -> bytes:
        if isinstance(value, str):
            return struct.pack("<IHBBI", self._ref(value), 8, 0, 0x03, self._ref(value))
        return struct.pack("<IHBBI", self.NONE, 8, 0, 0x10, value)

    def end(self, name: str) -> bytes:
        return struct.pack("<HHIIIII", 0x0103, 16, 24, 1, self.NONE, self.NONE, self._ref(name))

    def whole(self, body: bytes) -> bytes:
        prefix = self._ref("android")
        bounds = struct.pack("<IIII", 1, self.NONE, prefix, self._ref(ANDROID))
        body = struct.pack("<HHI", 0x0100, 16, 24) + bounds + body
        body += struct.pack("<HHI", 0x0101, 16, 24) + bounds
        ids = struct.pack(f"<{len(IDS)}I", *IDS.values())
        body = self._pool() + struct.pack("<HHI", 0x0180, 8, 8 + len(ids)) + ids + body
        return struct.pack("<HHI", 0x0003, 8, 8 + len(body)) + body

    def _pool(self) -> bytes:
        texts = [struct.pack("<H", len(text)) + text.encode("utf-16-le") + b"\0\0" for text in self._strings]
        starts = [sum(map(len, texts[:index])) for index in range(len(texts))]
        content = b"".join(texts)
        content += b"\0" * (-len(content) % 4)
        start = 28 + 4 * len(texts)
        head = struct.pack("<HHIIIIII", 0x0001, 28, start + len(content), len(texts), 0, 0, start, 0)
        return head + struct.pack(f"<{len(starts)}I", *starts) + content


def _signed(unsigned: bytes, signer: Signer) -> bytes:
    end = unsigned.rindex(END_OF_DIRECTORY)
    (directory,) = struct.unpack_from("<I", unsigned, end + 16)
    files, central, tail = unsigned[:directory], unsigned[directory:end], unsigned[end:]
    digest = struct.pack("<I", ECDSA_SHA256) + _prefixed(content_digest(files, central, tail))
    signed = _prefixed(_prefixed(digest)) + _prefixed(_prefixed(signer.certificate)) + _prefixed(b"")
    signature = signer.key.sign(signed, ec.ECDSA(hashes.SHA256()))
    entry = struct.pack("<I", ECDSA_SHA256) + _prefixed(signature)
    one = _prefixed(signed) + _prefixed(_prefixed(entry)) + _prefixed(signer.public)
    pair = struct.pack("<I", SCHEME_V2) + _prefixed(_prefixed(one))
    pairs = struct.pack("<Q", len(pair)) + pair
    size = struct.pack("<Q", len(pairs) + 24)
    block = size + pairs + size + BLOCK_MAGIC
    moved = tail[:16] + struct.pack("<I", directory + len(block)) + tail[20:]
    return files + block + central + moved


def _prefixed(content: bytes) -> bytes:
    return struct.pack("<I", len(content)) + content
