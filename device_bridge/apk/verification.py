"""Owns the check of a signed APK before it goes to a phone, and who signed it.

Refuses more than Android does: one signer, our one algorithm, v2 and v3, no unknown block. Trusts no key by itself.
Source: source.android.com, "APK Signature Scheme v2/v3", verification; stripping protection of v2.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from device_bridge.apk.archive import read_archive
from device_bridge.apk.errors import ApkError
from device_bridge.apk.manifest import MANIFEST, ApkFacts, read_manifest
from device_bridge.apk.octets import Reader
from device_bridge.apk.scheme import (
    PADDING_BLOCK,
    RSA_SHA256,
    STRIPPING_PROTECTION,
    V2_BLOCK,
    V3_BLOCK,
    SignedData,
    Signer,
    content_digest,
    unpack_block,
    unpack_signed_data,
    unpack_signers,
)


@dataclass(frozen=True, slots=True)
class VerifiedApk:
    """An APK that is whole. ``signers`` are SHA-256 digests of the signers' certificates, lower-case hex."""

    facts: ApkFacts
    signers: tuple[str, ...]


def verify_apk(apk: bytes) -> VerifiedApk:
    """Make sure that an APK is whole and signed with v2 and v3 by one signer. Who that is, is the caller's to judge.

    Raises:
        ApkError: not signed, signed in another way, cut off or changed in any octet.

    Source: APK Signature Scheme v2 and v3, verification.
    """
    archive = read_archive(apk)
    start, blocks = unpack_block(archive)
    _refuse_other_blocks(blocks)
    digest = content_digest(archive, start)
    v2 = _verified(blocks[V2_BLOCK], digest, v3=False)
    v3 = _verified(blocks[V3_BLOCK], digest, v3=True)
    if v2.certificates != v3.certificates:
        raise ApkError("v3 signer", start, "is another one than that of v2")
    if dict(v2.attributes).get(STRIPPING_PROTECTION, b"")[:4] != b"\x03\x00\x00\x00":
        raise ApkError("v2 signer", start, "does not say that v3 has to be there, so v3 could be taken away")
    for entry in archive.entries:
        archive.content(entry.name)
    facts = read_manifest(archive.content(MANIFEST))
    return VerifiedApk(facts, (hashlib.sha256(v2.certificates[0]).hexdigest(),))


def signer_digests(apk: bytes) -> tuple[str, ...]:
    """Say who signed an APK, after it was verified: a signer that was not checked would prove nothing.

    Returns:
        SHA-256 digests of the signers' certificates, lower-case hex (as ``apksigner verify --print-certs``).

    Raises:
        ApkError: see ``verify_apk``.
    """
    return verify_apk(apk).signers


def _refuse_other_blocks(blocks: dict[int, Reader]) -> None:
    for block_id, block in blocks.items():
        if block_id == PADDING_BLOCK and not any(block.rest()):
            continue
        if block_id not in {V2_BLOCK, V3_BLOCK}:
            raise block.refusal("is none that this check knows, and no signature covers it")
    for block_id, version in ((V2_BLOCK, "v2"), (V3_BLOCK, "v3")):
        if block_id not in blocks:
            raise ApkError("APK Signing Block", 0, f"holds no {version} signature")


def _verified(block: Reader, digest: bytes, *, v3: bool) -> SignedData:
    field, at = f"{'v3' if v3 else 'v2'} signer", block.octet

    def refuse(reason: str) -> NoReturn:
        raise ApkError(field, at, reason)

    signers = unpack_signers(block, v3=v3)
    if len(signers) != 1:
        refuse(f"{len(signers)} signers where one is expected")
    signer = signers[0]
    if not _signature_holds(signer):
        refuse("the signature is not that of the key beside it")
    signed = unpack_signed_data(signer.signed, v3=v3)
    if [number for number, _ in signed.digests] != [RSA_SHA256] or signed.sdks != signer.sdks:
        refuse("what is signed is not what stands beside it")
    if not hmac.compare_digest(signed.digests[0][1], digest):
        refuse("the contents are not those that were signed: changed after signing")
    if len(signed.certificates) != 1 or _public_key(signed.certificates[0]) != signer.public_key:
        refuse("the certificate belongs to another key")
    return signed


def _signature_holds(signer: Signer) -> bool:
    if [number for number, _ in signer.signatures] != [RSA_SHA256]:
        return False
    try:
        key = serialization.load_der_public_key(signer.public_key)
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        key.verify(signer.signatures[0][1], signer.signed, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _public_key(certificate: bytes) -> bytes | None:
    try:
        return (
            x509.load_der_x509_certificate(certificate)
            .public_key()
            .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
    except (ValueError, UnsupportedAlgorithm):
        return None
