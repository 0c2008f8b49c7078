"""Proves the GSM 7 bit alphabet and its packing against the vectors, and that each undoes the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.errors import EncodeError
from device_bridge.sms.alphabet import (
    DEFAULT_TABLE,
    ESCAPE,
    EXTENSION_TABLE,
    GSM7_CHARACTERS,
    decode_septets,
    encode_septets,
    is_gsm7,
    locking_table,
    not_gsm7,
    septets_of,
    single_shift_table,
)
from device_bridge.sms.national_locking import LOCKING_ROWS
from device_bridge.sms.national_shift import SINGLE_SHIFT_ROWS
from device_bridge.sms.packing import octet_count, pack, pack_ussd, unpack, unpack_ussd
from tests.unit.sms.sms_vectors import Row, each, table_names

gsm_texts = st.text(st.sampled_from(sorted(GSM7_CHARACTERS)), max_size=200)
septet_strings = st.lists(st.integers(0, 0x7F), max_size=200).map(bytes)


def test_every_table_of_the_gsm7_vectors_has_its_test() -> None:
    assert table_names("gsm7") == {"pack", "unpack", "pack_ussd", "not_encodable"}


@each("gsm7", "pack")
def test_text_becomes_septets_and_octets_and_comes_back(row: Row) -> None:
    septets = encode_septets(row["text"])
    assert septets == bytes.fromhex(row["septets"])
    assert len(septets) == row["septet_count"]
    octets = pack(septets, row["fill_bits"])
    assert octets == bytes.fromhex(row["packed"])
    assert unpack(octets, len(septets), row["fill_bits"]) == septets
    assert decode_septets(septets) == row["text"]


@each("gsm7", "unpack")
def test_octets_become_text_by_their_language_tables(row: Row) -> None:
    septets = unpack(bytes.fromhex(row["packed"]), row["septet_count"], row["fill_bits"])
    assert decode_septets(septets, row["locking"], row["single_shift"]) == row["text"]


@each("gsm7", "pack_ussd")
def test_ussd_packing_pads_with_carriage_return(row: Row) -> None:
    octets = bytes.fromhex(row["packed"])
    assert pack_ussd(encode_septets(row["text"])) == octets
    assert decode_septets(unpack_ussd(octets)) == row["text"]


@each("gsm7", "not_encodable")
def test_the_first_character_that_does_not_fit_is_named(row: Row) -> None:
    assert not is_gsm7(row["text"])
    assert not_gsm7(row["text"])[0] == (row["index"], row["first_offender"])
    with pytest.raises(EncodeError) as caught:
        encode_septets(row["text"])
    assert caught.value.field == "TP-UD"
    assert f"index {row['index']}" in caught.value.reason
    assert f"U+{ord(row['first_offender']):04X}" in caught.value.reason


@given(gsm_texts)
def test_any_gsm_text_comes_back_from_septets(text: str) -> None:
    assert decode_septets(encode_septets(text)) == text
    assert len(encode_septets(text)) == sum(septets_of(char) or 0 for char in text)


@given(septet_strings, st.integers(0, 6))
def test_any_septets_come_back_from_octets(septets: bytes, fill_bits: int) -> None:
    octets = pack(septets, fill_bits)
    assert len(octets) == octet_count(len(septets), fill_bits)
    assert unpack(octets, len(septets), fill_bits) == septets


@given(septet_strings, st.integers(0, 255), st.integers(0, 255))
def test_any_septets_show_something_in_every_language(septets: bytes, locking: int, shift: int) -> None:
    shown = decode_septets(septets, locking, shift)
    assert len(septets) // 2 <= len(shown) <= len(septets)


@given(gsm_texts.map(lambda text: text.rstrip("\r@")))
def test_any_ussd_text_comes_back(text: str) -> None:
    assert decode_septets(unpack_ussd(pack_ussd(encode_septets(text)))) == text


@given(st.binary(max_size=40), st.integers(0, 400), st.integers(0, 6))
def test_unpacking_beyond_the_octets_gives_zero_septets(octets: bytes, count: int, fill_bits: int) -> None:
    septets = unpack(octets, count, fill_bits)
    assert len(septets) == count
    assert all(septet < 0x80 for septet in septets)


@pytest.mark.parametrize("language", sorted(LOCKING_ROWS))
def test_a_locking_table_has_128_positions_of_one_character(language: int) -> None:
    table = locking_table(language)
    assert len(table) == 128
    assert table[ESCAPE] == " "
    assert table[0x20] == " "
    assert table[0x0A] == "\n"
    assert table[0x0D] == "\r"
    # What every language keeps: digits and small Latin letters.
    assert table[0x30:0x3A] == "0123456789"
    assert table[0x61:0x7B] == "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize("language", sorted(SINGLE_SHIFT_ROWS))
def test_a_single_shift_table_has_single_characters_and_the_common_ones(language: int) -> None:
    table = single_shift_table(language)
    assert {len(char) for char in table.values()} == {1}
    assert {septet: table[septet] for septet in EXTENSION_TABLE} == EXTENSION_TABLE


def test_a_language_that_is_not_defined_means_the_default_tables() -> None:
    assert locking_table(2) == locking_table(99) == DEFAULT_TABLE
    assert single_shift_table(99) == EXTENSION_TABLE


def test_an_escape_character_in_a_text_is_refused() -> None:
    with pytest.raises(EncodeError, match=r"U\+001B at index 1"):
        encode_septets("a\x1bb")
