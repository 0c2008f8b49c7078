"""Owns signing the app: an unsigned APK in, the same APK aligned and signed with v2 and v3 out.

Refuses to know files, phones and how the key is kept.
Source: source.android.com, "APK Signature Scheme v2" and "v3"; v3 is what lets a later version change the key.
"""

from __future__ import annotations

import struct

from device_bridge.apk.archive import laid_out, read_archive
from device_bridge.apk.keys import SigningKey
from device_bridge.apk.manifest import apk_facts
from device_bridge.apk.scheme import (
    RSA_SHA256,
    STRIPPING_PROTECTION,
    V2_BLOCK,
    V3_BLOCK,
    V3_SDKS,
    SignedData,
    Signer,
    content_digest,
    pack_block,
    pack_signed_data,
    pack_signer,
)


def sign_apk(unsigned: bytes, key: SigningKey) -> bytes:
    """Sign an APK so that phones with Android 7 and later install it.

    The contents are laid out as Android wants them (see ``laid_out``), an earlier signature is dropped. The same
    APK and key give the same octets, so what is on a phone can be compared with what would be installed.

    Args:
        unsigned: An APK with a manifest, of any alignment.
        key: The installation's key; a phone takes updates from this one only.

    Raises:
        ApkError: no APK, or one that Android would refuse.

    Source: APK Signature Scheme v2 and v3.
    """
    apk_facts(unsigned)  # refuse what is no APK before anything carries our signature
    archive = read_archive(laid_out(read_archive(unsigned)))
    digest = content_digest(archive, archive.directory)
    block = pack_block(
        {
            V2_BLOCK: _signer(key, digest, None, ((STRIPPING_PROTECTION, struct.pack("<I", 3)),)),
            V3_BLOCK: _signer(key, digest, V3_SDKS, ()),
        }
    )
    contents, directory = archive.octets[: archive.directory], archive.octets[archive.directory : archive.end]
    end = bytearray(archive.octets[archive.end :])
    struct.pack_into("<I", end, 16, archive.directory + len(block))
    return contents + block + directory + bytes(end)


def _signer(
    key: SigningKey, digest: bytes, sdks: tuple[int, int] | None, attributes: tuple[tuple[int, bytes], ...]
) -> bytes:
    signed = pack_signed_data(SignedData(((RSA_SHA256, digest),), (key.certificate,), sdks, attributes))
    return pack_signer(Signer(signed, sdks, ((RSA_SHA256, key.sign(signed)),), key.public_key))
