"""Owns the octets of APK Signature Scheme v2 and v3: the signing block, the signers in it, the digest of contents.

Refuses to sign or to judge; it packs and unpacks, and computes what is to be signed.
Source: source.android.com, "APK Signature Scheme v2" and "v3" (block layout, chunked digest, stripping protection).
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from device_bridge.apk.archive import Archive
from device_bridge.apk.errors import ApkError
from device_bridge.apk.octets import Reader, prefixed, sequence

V2_BLOCK = 0x7109871A
V3_BLOCK = 0xF05368C0
PADDING_BLOCK = 0x42726577
"""Zeros that other signers add to fill a page; the only block beside v2 and v3 that may stand in an APK of ours."""

RSA_SHA256 = 0x0103
"""RSASSA-PKCS1-v1_5 with SHA-256 over chunked SHA-256 digests: deterministic, known to every Android since 7."""

STRIPPING_PROTECTION = 0xBEEFF00D
"""Attribute of a v2 signer: the schemes that sign the same file and must therefore be there (its value: 3)."""

V3_SDKS = (28, 0x7FFFFFFF)
"""Android levels that look at v3 at all (9 and later), up to any."""

_MAGIC = b"APK Sig Block 42"
_CHUNK = 1 << 20  # octets per leaf of the digest, fixed by the scheme
_FRAME = 8 + len(_MAGIC)  # second length and magic


@dataclass(frozen=True, slots=True)
class SignedData:
    """What a signer signs. ``sdks`` stands in v3 only; ``attributes`` are pairs of id and value."""

    digests: tuple[tuple[int, bytes], ...]
    certificates: tuple[bytes, ...]
    sdks: tuple[int, int] | None
    attributes: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Signer:
    """One signer of a scheme. ``signed`` are the octets under the signature; ``sdks`` the unsigned copy of v3."""

    signed: bytes
    sdks: tuple[int, int] | None
    signatures: tuple[tuple[int, bytes], ...]
    public_key: bytes


def content_digest(archive: Archive, contents_end: int) -> bytes:
    """Compute the digest that both schemes sign: SHA-256 over chunks of entries, directory and end record.

    Args:
        archive: The file, with or without a signing block.
        contents_end: Where the entries end, which is where a signing block begins or would begin.
    """
    octets = archive.octets
    end = bytearray(octets[archive.end :])
    struct.pack_into("<I", end, 16, contents_end)  # the directory's offset, as if no block stood before it
    leaves = bytearray()
    count = 0
    for section in (octets[:contents_end], octets[archive.directory : archive.end], bytes(end)):
        for at in range(0, len(section), _CHUNK):
            chunk = section[at : at + _CHUNK]
            leaves += hashlib.sha256(b"\xa5" + struct.pack("<I", len(chunk)) + chunk).digest()
            count += 1
    return hashlib.sha256(b"\x5a" + struct.pack("<I", count) + leaves).digest()


def pack_block(blocks: dict[int, bytes]) -> bytes:
    """Pack the signing block that goes between the entries and the directory."""
    pairs = b"".join(
        struct.pack("<QI", len(value) + 4, block_id) + value for block_id, value in blocks.items()
    )
    size = struct.pack("<Q", len(pairs) + _FRAME)
    return size + pairs + size + _MAGIC


def unpack_block(archive: Archive) -> tuple[int, dict[int, Reader]]:
    """Find the signing block. Returns the offset where it begins, and its blocks by id.

    Raises:
        ApkError: none there, or it does not add up.
    """
    field, octets, directory = "APK Signing Block", archive.octets, archive.directory
    if directory < _FRAME + 8 or octets[directory - len(_MAGIC) : directory] != _MAGIC:
        raise ApkError(field, directory, "is missing: the APK is not signed, or only as before Android 7")
    (size,) = struct.unpack_from("<Q", octets, directory - _FRAME)
    start = directory - size - 8
    if size < _FRAME or start < 0 or struct.unpack_from("<Q", octets, start) != (size,):
        raise ApkError(field, max(start, 0), "its two lengths differ: the file is damaged")
    pairs = Reader(octets[start + 8 : directory - _FRAME], field, start + 8)
    blocks: dict[int, Reader] = {}
    while pairs.left:
        at, length = pairs.octet, pairs.u64()
        if length < 4 or length > pairs.left:
            raise ApkError(field, at, f"a block of {length} octets does not fit")
        block_id, base = pairs.u32(), pairs.octet
        if block_id in blocks:
            raise ApkError(field, at, f"block {block_id:#010x} stands there twice")
        blocks[block_id] = Reader(pairs.take(length - 4), f"block {block_id:#010x}", base)
    return start, blocks


def pack_signed_data(signed: SignedData) -> bytes:
    """Pack what is signed."""
    return (
        prefixed(sequence([_pair(number, prefixed(value)) for number, value in signed.digests]))
        + prefixed(sequence(list(signed.certificates)))
        + _packed_sdks(signed.sdks)
        + prefixed(sequence([_pair(number, value) for number, value in signed.attributes]))
    )


def pack_signer(signer: Signer) -> bytes:
    """Pack the one signer of a scheme: the value of its block."""
    packed = (
        prefixed(signer.signed)
        + _packed_sdks(signer.sdks)
        + prefixed(sequence([_pair(number, prefixed(value)) for number, value in signer.signatures]))
        + prefixed(signer.public_key)
    )
    return prefixed(prefixed(packed))


def unpack_signers(block: Reader, *, v3: bool) -> tuple[Signer, ...]:
    """Unpack the signers of a scheme.

    Raises:
        ApkError: the octets do not add up.
    """
    version = "v3" if v3 else "v2"
    whole = block.prefixed(f"{version} signers")
    block.end()
    signers = []
    for one in whole.items(f"{version} signer"):
        signed = one.prefixed().rest()
        sdks = (one.u32(), one.u32()) if v3 else None
        signatures = tuple(_unpacked_digest(pair) for pair in one.prefixed().items())
        signers.append(Signer(signed, sdks, signatures, one.prefixed().rest()))
        one.end()
    return tuple(signers)


def unpack_signed_data(signed: bytes, *, v3: bool) -> SignedData:
    """Unpack what was signed. Only for octets whose signature has been checked; ``octet`` counts in them.

    Raises:
        ApkError: the octets do not add up.
    """
    whole = Reader(signed, f"{'v3' if v3 else 'v2'} signed data")
    digests = tuple(_unpacked_digest(pair) for pair in whole.prefixed().items())
    certificates = tuple(one.rest() for one in whole.prefixed().items())
    sdks = (whole.u32(), whole.u32()) if v3 else None
    attributes = tuple((pair.u32(), pair.rest()) for pair in whole.prefixed().items())
    if any(whole.rest()):  # apksig ends v2 with an empty fourth sequence
        raise ApkError(f"{'v3' if v3 else 'v2'} signed data", len(signed), "more follows than the scheme has")
    return SignedData(digests, certificates, sdks, attributes)


def _pair(number: int, value: bytes) -> bytes:
    return struct.pack("<I", number) + value


def _packed_sdks(sdks: tuple[int, int] | None) -> bytes:
    return b"" if sdks is None else struct.pack("<2I", *sdks)


def _unpacked_digest(pair: Reader) -> tuple[int, bytes]:
    number, value = pair.u32(), pair.prefixed().rest()
    pair.end()
    return number, value
