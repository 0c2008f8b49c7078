"""The format of keys: made, taken apart, compared."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keys import (
    KEY_PATTERN,
    digest,
    is_device_key,
    make_device_key,
    make_key,
    parse_key,
    public_id,
    same,
)

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def test_a_key_has_prefix_id_secret_and_checksum() -> None:
    live, sandbox = make_key("live"), make_key("sandbox")
    assert (live[:4], sandbox[:4], len(live)) == ("gwl_", "gws_", 50)
    assert KEY_PATTERN.fullmatch(live)
    parsed = parse_key(live)
    assert parsed is not None
    assert (parsed.kind, parsed.public_id, parsed.digest) == ("live", live[4:12], digest(live))
    assert public_id(live) == live[4:12]


def test_the_checksum_is_crc_32_in_base_62() -> None:
    key = make_key("live")
    number = 0
    for character in key[44:]:
        number = number * 62 + BASE62.index(character)
    assert number == zlib.crc32(key[:44].encode())


def test_the_key_of_a_phone_has_the_same_form_and_is_no_key_of_the_api() -> None:
    key = make_device_key()
    assert (key[:4], len(key)) == ("gwd_", 50)
    assert KEY_PATTERN.fullmatch(key)
    assert is_device_key(key)
    assert parse_key(key) is None
    assert not is_device_key(make_key("live"))
    assert not is_device_key(key[:-1] + ("A" if key[-1] != "A" else "B"))


def test_keys_never_repeat() -> None:
    assert len({make_key("live") for _ in range(1000)}) == 1000


@given(st.integers(0, 49), st.sampled_from(BASE62 + "_- é٣"))
def test_one_wrong_character_is_noticed(place: int, character: str) -> None:
    key = "gwl_" + "a" * 40
    key += checksum_of(key)
    changed = key[:place] + character + key[place + 1 :]
    assert (parse_key(changed) is None) == (changed != key)


def checksum_of(body: str) -> str:
    number, out = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        out = BASE62[rest] + out
    return out


@given(st.text(max_size=60))
def test_any_text_is_a_key_or_none(text: str) -> None:
    assert parse_key(text) is None


@pytest.mark.parametrize("text", ["\ud800", "gwl_" + "\udfff" * 46, "a\udc80"])
def test_half_of_a_surrogate_pair_is_a_wrong_key_and_no_defect(text: str) -> None:
    assert parse_key(text) is None
    assert not same(digest("gwl_"), digest(text))


def test_an_unknown_id_is_never_the_same() -> None:
    assert same(digest("a"), digest("a"))
    assert not same(digest("a"), digest("b"))
    assert not same(None, digest("a"))
    assert not same(None, digest("no key has this digest"))
