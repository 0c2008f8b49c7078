"""Owns the proof of encryption at rest: layout, binding to a row, rings and their faults.

Source: rules DAT-1; NIST SP 800-38D.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.crypto import DamagedRow, KeyRing, KeyRingError
from tests.peers.store_world import RING

WHERE = "message|text|1"


@given(st.binary(max_size=500))
def test_what_is_sealed_opens_for_the_same_row(value: bytes) -> None:
    sealed = RING.seal(WHERE, value)
    assert RING.open(WHERE, sealed) == value
    assert len(sealed) == len(value) + 33
    assert sealed[:5] == b"\x01\x01\x02\x03\x04"


def test_the_same_text_never_looks_the_same_twice() -> None:
    assert RING.seal(WHERE, b"yes") != RING.seal(WHERE, b"yes")


@given(st.binary(min_size=1, max_size=40), st.data())
def test_any_changed_bit_behind_the_key_id_is_damage(value: bytes, data: st.DataObject) -> None:
    sealed = bytearray(RING.seal(WHERE, value))
    sealed[data.draw(st.integers(5, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(DamagedRow) as damaged:
        RING.open(WHERE, bytes(sealed))
    assert damaged.value.where == WHERE


def test_a_sealed_value_never_passes_for_one_in_clear_when_its_mark_was_changed() -> None:
    sealed = RING.seal(WHERE, b"text")
    assert RING.open(WHERE, b"\x00" + sealed[1:]) == b"text"
    with pytest.raises(DamagedRow):
        RING.open("message|text|2", b"\x00" + sealed[1:])


@pytest.mark.parametrize("length", [5, 10, 17, 20])
def test_a_value_that_was_cut_short_is_damage(length: int) -> None:
    with pytest.raises(DamagedRow):
        RING.open(WHERE, RING.seal(WHERE, b"text")[:length])


def test_a_value_of_another_row_is_damage() -> None:
    with pytest.raises(DamagedRow):
        RING.open("message|text|2", RING.seal(WHERE, b"text"))


def test_a_missing_key_is_named() -> None:
    other = KeyRing({b"\xaa\xbb\xcc\xdd": bytes(32)}, b"\xaa\xbb\xcc\xdd")
    with pytest.raises(KeyRingError, match="aabbccdd"):
        RING.open(WHERE, other.seal(WHERE, b"text"))


def test_an_old_key_still_opens_what_it_sealed() -> None:
    old, new = (b"\x01" * 4, bytes(32)), (b"\x02" * 4, b"\x07" * 32)
    sealed = KeyRing(dict([old]), old[0]).seal(WHERE, b"text")
    rotated = KeyRing(dict([old, new]), new[0])
    assert rotated.open(WHERE, sealed) == b"text"
    assert rotated.seal(WHERE, b"text")[1:5] == new[0]
    assert rotated.newest_id == "02020202"


def test_a_ring_is_made_once_for_the_owner_only_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "data.json"
    sealed = KeyRing.load(path).seal(WHERE, b"text")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert KeyRing.load(path).open(WHERE, sealed) == b"text"


def test_a_ring_that_others_can_read_is_refused_with_the_fix(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    KeyRing.load(path)
    path.chmod(0o644)
    with pytest.raises(KeyRingError, match="chmod 600"):
        KeyRing.load(path)


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    KeyRing.load(tmp_path / "other.json")
    text = (tmp_path / "other.json").read_text()
    assert KeyRing.load(path, text).key_ids == tuple(json.loads(text)["keys"])
    assert not path.exists()


NO_RINGS = [
    "",
    "[]",
    "{}",
    '{"keys": {}}',
    '{"newest": "zz", "keys": {}}',
    '{"newest": 1, "keys": {"01": 2}}',
]


@pytest.mark.parametrize("text", NO_RINGS)
def test_what_is_no_ring_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyRingError, match=r"data\.json is not a key ring"):
        KeyRing.load(path)
