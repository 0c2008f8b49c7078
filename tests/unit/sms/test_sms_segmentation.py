"""Proves how texts and data fall into parts: the vectors, and what must hold for every text."""

from __future__ import annotations

from typing import Any

import pytest
import regex  # type: ignore[import-untyped]  # ships no annotations
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.errors import EncodeError
from device_bridge.sms.alphabet import GSM7_CHARACTERS, encode_septets
from device_bridge.sms.segmentation import MAX_PARTS, Segmentation, segment, segment_octets
from tests.unit.sms.sms_vectors import Row, each, table_names

SINGLE = {"gsm7": 160, "ucs2": 70, "8bit": 140}
MULTI = {("gsm7", 8): 153, ("gsm7", 16): 152, ("ucs2", 8): 67, ("ucs2", 16): 66}

CLUSTERS = [
    "a",
    "я",
    "€",
    "{",
    "\r\n",
    "\r",
    "\n",
    "é",
    "e\u0301",
    "😀",
    "👨‍👩‍👧‍👦",
    "🇩🇰",
    "👋🏽",
    "1️⃣",
    "हाँ",
    "ő",
]
gsm_texts = st.text(st.sampled_from(sorted(GSM7_CHARACTERS)), max_size=700)
mixed_texts = st.lists(st.sampled_from(CLUSTERS), max_size=400).map("".join)
any_texts = st.one_of(gsm_texts, mixed_texts, st.text(max_size=400))
ref_widths = st.sampled_from([8, 16])


def clusters_begin(text: str) -> set[int]:
    return {match.start() for match in regex.finditer(r"\X", text)}


def utf16_units(text: str) -> int:
    return len(text.encode("utf-16-be")) // 2


def test_every_table_of_the_segmentation_vectors_has_its_test() -> None:
    assert table_names("segmentation") == {"segmentation"}


@each("segmentation", "segmentation")
def test_a_text_falls_into_the_parts_of_the_vectors(row: Row) -> None:
    found = segment(row["text"], ref_bits=row["ref_bits"])
    assert found.coding == row["encoding"]
    assert found.parts == row["parts"]
    boundaries: Any = row.get("grapheme_boundaries", row["boundaries"])
    assert [part.start for part in found.segments] == [0, *boundaries]
    if boundaries == row["boundaries"]:
        assert [part.units for part in found.segments] == row["units"]
    assert found.units == sum(row["units"])


@given(any_texts, ref_widths)
def test_parts_join_to_the_text_and_keep_their_limits(text: str, ref_bits: int) -> None:
    found = segment(text, ref_bits=ref_bits)
    assert "".join(part.text or "" for part in found.segments) == text
    limit = SINGLE[found.coding] if found.parts == 1 else MULTI[found.coding, ref_bits]
    position = 0
    for part in found.segments:
        assert part.start == position
        position += len(part.text or "")
        assert part.units == (
            len(encode_septets(part.text or "")) if found.coding == "gsm7" else utf16_units(part.text or "")
        )
        assert part.units <= limit
    assert found.units_left == limit - found.segments[-1].units


@given(any_texts)
def test_no_part_begins_inside_a_grapheme_cluster_that_a_part_can_hold(text: str) -> None:
    found = segment(text)
    begins = clusters_begin(text)
    for part in found.segments[1:]:
        if part.start not in begins:
            first = max(begin for begin in begins if begin < part.start)
            cluster = regex.match(r"\X", text[first:]).group()
            assert utf16_units(cluster) > MULTI[found.coding, 8]


@given(any_texts)
def test_no_more_parts_than_needed_when_the_next_cluster_would_have_fitted(text: str) -> None:
    found = segment(text)
    limit = MULTI[found.coding, 8]
    for part, following in zip(found.segments, found.segments[1:], strict=False):
        cluster = regex.match(r"\X", text[following.start :]).group()
        width = len(encode_septets(cluster)) if found.coding == "gsm7" else utf16_units(cluster)
        assert part.units + width > limit


@given(mixed_texts)
def test_what_forces_ucs2_is_listed_with_its_index(text: str) -> None:
    found = segment(text)
    assert (found.coding == "ucs2") == bool(found.forces_ucs2)
    for index, char in found.forces_ucs2:
        assert text[index] == char
        assert char not in GSM7_CHARACTERS


@given(st.binary(max_size=700), st.sampled_from([None, 0, 2948, 65535]), ref_widths)
def test_data_joins_again_and_keeps_its_limits(octets: bytes, port: int | None, ref_bits: int) -> None:
    found = segment_octets(octets, port, ref_bits)
    assert found.coding == "8bit"
    assert b"".join(part.octets or b"" for part in found.segments) == octets
    elements = (0 if port is None else 6) + (0 if found.parts == 1 else {8: 5, 16: 6}[ref_bits])
    limit = 140 - (1 + elements if elements else 0)
    assert all(part.units == len(part.octets or b"") <= limit for part in found.segments)
    assert found.units_left == limit - found.segments[-1].units


def test_a_port_takes_room_from_a_text() -> None:
    assert segment("x" * 152, port=49999).parts == 1
    assert segment("x" * 153, port=49999).parts == 2
    assert segment("x" * 153, port=49999).segments[0].units == 146


def test_ucs2_can_be_asked_for_and_gsm7_can_be_insisted_on() -> None:
    assert segment("plain", "ucs2").coding == "ucs2"
    assert segment("plain", "ucs2").forces_ucs2 == ()
    with pytest.raises(EncodeError, match="index 2") as caught:
        segment("okś", "gsm7")
    assert caught.value.field == "TP-UD"


def test_transliteration_changes_the_text_that_goes_out() -> None:
    found = segment("“Zażółć”…", "gsm7-translit")
    assert found.coding == "gsm7"
    assert found.text == '"Zazolc"...'
    assert found.encoding == "gsm7-translit"


def test_a_lone_surrogate_is_refused_by_index() -> None:
    with pytest.raises(EncodeError, match=r"U\+D83D at index 3") as caught:
        segment("ab \ud83d c")
    assert caught.value.field == "TP-UD"


@pytest.mark.parametrize(("char", "limit"), [("x", 153), ("я", 67)])
def test_255_parts_are_the_most(char: str, limit: int) -> None:
    assert segment(char * limit * MAX_PARTS).parts == MAX_PARTS
    with pytest.raises(EncodeError, match="255 parts hold"):
        segment(char * (limit * MAX_PARTS + 1))
    with pytest.raises(EncodeError, match="255 parts hold"):
        # Every part loses a unit to a cluster that must stay whole, which the first look cannot see.
        segment(("я" * 66 + "🇩🇰") * 250)


def test_255_parts_of_data_are_the_most() -> None:
    assert segment_octets(bytes(134 * 255), None).parts == MAX_PARTS
    with pytest.raises(EncodeError, match="octets: shorten it"):
        segment_octets(bytes(134 * 255 + 1), None)


def test_a_megabyte_is_refused_before_it_is_cut() -> None:
    with pytest.raises(EncodeError, match="1048576 septets"):
        segment("x" * 1048576)


def test_empty_text_and_empty_data_make_one_empty_part() -> None:
    for found in (segment(""), segment_octets(b"", None)):
        assert isinstance(found, Segmentation)
        assert (found.parts, found.units) == (1, 0)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(EncodeError, match="0 to 65535"):
        segment("x", port=port)
    with pytest.raises(EncodeError, match="0 to 65535"):
        segment_octets(b"x", 1, source_port=port)


def test_a_reference_has_8_or_16_bits() -> None:
    with pytest.raises(EncodeError, match="use 8 or 16"):
        segment("x", ref_bits=7)
