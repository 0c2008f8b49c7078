"""Proves that transliteration keeps what GSM-7 has, comes near for the rest, and names what is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.errors import EncodeError
from device_bridge.sms.alphabet import GSM7_CHARACTERS, is_gsm7
from device_bridge.sms.translit import transliterate
from tests.unit.sms.sms_vectors import attempt


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("“Hello” ‘you’ „da“ «là»", '"Hello" \'you\' "da" "là"'),
        ("Mon–Fri 8—12 … ok", "Mon-Fri 8-12 ... ok"),
        ("a\u00a0b\tc\u202fd", "a b c d"),
        ("one\u2028two", "one\ntwo"),
        ("zero\u200bwidth\ufeff\u00ad", "zerowidth"),
        ("é è ö ñ Ç ß Δ € stay", "é è ö ñ Ç ß Δ € stay"),
        ("őűçêí ŁĞışş", "öücei LGiss"),
        ("e\u0301 stays é, o\u0308 is ö", "é stays é, ö is ö"),
        ("½ ² ™ ﬁ №", "1/2 2 TM fi No"),
        ("Привет", "Privet"),
        ("東京", "DongJing"),
        ("1\ufe0f\u20e3", "1"),
        ("`a´", "'a'"),
    ],
)
def test_a_text_is_spelt_with_what_comes_nearest(text: str, spelt: str) -> None:
    assert transliterate(text) == spelt


@given(st.text(st.sampled_from(sorted(GSM7_CHARACTERS))))
def test_a_text_that_fits_is_left_alone(text: str) -> None:
    assert transliterate(text) == text


@given(st.text(max_size=60))
def test_the_result_always_fits_or_the_character_is_named(text: str) -> None:
    spelt = attempt(transliterate, text)
    if isinstance(spelt, EncodeError):
        assert spelt.field == "TP-UD"
        assert "U+" in spelt.reason
    else:
        assert is_gsm7(spelt)
        assert transliterate(spelt) == spelt


def test_a_character_that_nothing_stands_for_is_named_with_its_index() -> None:
    with pytest.raises(EncodeError, match=r"U\+0007 at index 4"):
        transliterate("ring\x07")
    with pytest.raises(EncodeError, match=r"U\+D83D at index 1"):
        transliterate("a\ud83d")
    with pytest.raises(EncodeError, match=r"U\+E000.* at index 2"):
        transliterate("é\u0301\ue000")
