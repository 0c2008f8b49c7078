"""Owns the proof that what was signed verifies, and that nothing else does: every octet, every cut, every scheme."""

from __future__ import annotations

import random
import struct

import pytest

from device_bridge.apk import ApkError, SigningKey, carried_apk, sign_apk, signer_digests, verify_apk
from device_bridge.apk.archive import read_archive
from device_bridge.apk.scheme import V2_BLOCK, V3_BLOCK, pack_block, unpack_block
from tests.unit.apk.apk_files import contents, stored_offsets, unsigned_apk

UNKNOWN_BLOCK = 0x12345678


def with_blocks(apk: bytes, blocks: dict[int, bytes]) -> bytes:
    """The same APK with another signing block, everything else in order."""
    archive = read_archive(apk)
    start, _ = unpack_block(archive)
    end = bytearray(apk[archive.end :])
    block = pack_block(blocks)
    struct.pack_into("<I", end, 16, start + len(block))
    return apk[:start] + block + apk[archive.directory : archive.end] + bytes(end)


def blocks_of(apk: bytes) -> dict[int, bytes]:
    return {block_id: block.rest() for block_id, block in unpack_block(read_archive(apk))[1].items()}


def refusal(apk: bytes) -> ApkError:
    with pytest.raises(ApkError) as caught:
        verify_apk(apk)
    return caught.value


def test_a_signed_apk_names_its_signer_and_its_facts(signed: bytes, key: SigningKey) -> None:
    verified = verify_apk(signed)
    assert verified.signers == (key.digest,)
    assert (verified.facts.package, verified.facts.version_code) == ("org.example.app", 7)


def test_the_carried_app_can_be_signed(key: SigningKey) -> None:
    assert signer_digests(sign_apk(carried_apk(), key)) == (key.digest,)


def test_the_same_apk_and_key_give_the_same_octets(signed: bytes, key: SigningKey) -> None:
    assert sign_apk(unsigned_apk(), key) == signed


def test_what_is_signed_is_aligned_and_holds_the_same_contents(signed: bytes) -> None:
    assert [offset % 4 for offset in stored_offsets(signed)] == [0, 0, 0]
    assert contents(signed) == contents(unsigned_apk())


def test_the_key_of_another_installation_is_another_signer(
    signed: bytes, key: SigningKey, other_key: SigningKey
) -> None:
    theirs = sign_apk(unsigned_apk(), other_key)
    assert signer_digests(theirs) == (other_key.digest,)
    assert other_key.digest != key.digest


def test_signing_again_takes_the_earlier_signature_away(
    signed: bytes, key: SigningKey, other_key: SigningKey
) -> None:
    assert sign_apk(signed, other_key) == sign_apk(unsigned_apk(), other_key)
    assert sign_apk(signed, key) == signed


def test_contents_of_several_chunks_verify(key: SigningKey) -> None:
    large = sign_apk(unsigned_apk(more={"noise": random.Random(1).randbytes(2_500_000)}), key)
    assert len(large) > 2 << 20
    assert signer_digests(large) == (key.digest,)


def test_no_octet_of_a_signed_apk_can_be_changed(signed: bytes) -> None:
    for at in range(len(signed)):
        changed = bytearray(signed)
        changed[at] ^= 1 << at % 8
        refusal(bytes(changed))


def test_a_signed_apk_cannot_be_cut_anywhere(signed: bytes) -> None:
    for length in range(len(signed)):
        refusal(signed[:length])


def test_a_signed_apk_cannot_be_continued(signed: bytes) -> None:
    refusal(signed + b"\0")
    refusal(signed + signed)


def test_an_unsigned_apk_is_refused_as_such() -> None:
    assert "not signed" in refusal(unsigned_apk()).reason


@pytest.mark.parametrize(("taken", "named"), [(V2_BLOCK, "no v2"), (V3_BLOCK, "no v3")])
def test_neither_scheme_can_be_taken_away(signed: bytes, taken: int, named: str) -> None:
    blocks = blocks_of(signed)
    del blocks[taken]
    assert named in refusal(with_blocks(signed, blocks)).reason


def test_a_v3_signer_of_another_key_cannot_be_put_in(signed: bytes, other_key: SigningKey) -> None:
    theirs = blocks_of(sign_apk(unsigned_apk(), other_key))
    mixed = with_blocks(signed, {**blocks_of(signed), V3_BLOCK: theirs[V3_BLOCK]})
    assert refusal(mixed).field == "v3 signer"


def test_two_signers_of_one_scheme_are_refused(signed: bytes, other_key: SigningKey) -> None:
    ours, theirs = blocks_of(signed), blocks_of(sign_apk(unsigned_apk(), other_key))
    both = ours[V2_BLOCK][4:] + theirs[V2_BLOCK][4:]
    doubled = with_blocks(signed, {**ours, V2_BLOCK: struct.pack("<I", len(both)) + both})
    assert "2 signers" in refusal(doubled).reason


def test_a_block_that_no_signature_covers_is_refused(signed: bytes) -> None:
    assert (
        "no signature covers"
        in refusal(with_blocks(signed, {**blocks_of(signed), UNKNOWN_BLOCK: b"x"})).reason
    )


def test_padding_of_other_signers_is_allowed_as_long_as_it_is_empty(signed: bytes, key: SigningKey) -> None:
    padding = 0x42726577
    assert signer_digests(with_blocks(signed, {**blocks_of(signed), padding: bytes(100)})) == (key.digest,)
    refusal(with_blocks(signed, {**blocks_of(signed), padding: bytes(99) + b"x"}))


def test_what_is_no_apk_is_never_signed(key: SigningKey) -> None:
    with pytest.raises(ApkError, match="aapt2 link"):
        sign_apk(unsigned_apk(manifest=b"<manifest/>"), key)
