"""Proves how pasted numbers are told apart, with the rules of numbers as the judge."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import field_error
from gateway.policy.number import NumberPolicy, NumberRefused, Recipient
from gateway.web.recipients import CHIPS_MOST, chips

POLICY = NumberPolicy("GB")
ANN, BOB = "+447700900123", "+447700900124"


def judge(written: str) -> Recipient:
    try:
        return POLICY.recipient(written)
    except NumberRefused as refused:
        raise field_error(refused.code, refused.detail, "to") from None


@pytest.mark.parametrize(
    "pasted",
    [
        "+447700900123 +447700900124",
        "+44 7700 900123 +44 7700 900124",
        "07700 900123, 07700 900124",
        "07700900123 07700900124",
        "07700 900123;07700 900124",
        "+44 7700 900123\n+44 7700 900124\n",
        "\u202a+44 7700 900123\u202c\r\n\u202a+44 7700 900124\u202c",
        "'+447700900123\t'+447700900124",
        "+44\u00a07700\u00a0900123 | +44 7700\u2011900124",
        "  +44 (0)7700 900123  ,, 07700-900124 ",
    ],
)
def test_two_numbers_are_found_however_they_were_written(pasted: str) -> None:
    assert [chip.e164 for chip in chips(pasted, judge)] == [ANN, BOB]


def test_a_chip_says_the_country_and_the_sandbox() -> None:
    found = chips("+45 12 34 56 78, +999 0000 0001", judge)
    assert [(chip.e164, chip.country, chip.sandbox) for chip in found] == [
        ("+4512345678", "DK", False),
        ("+99900000001", "", True),
    ]


def test_what_is_no_number_is_kept_as_it_was_written_with_the_reason() -> None:
    found = chips("+447700900123, 0770, Ann Miller", judge)
    assert [(chip.written, bool(chip.e164)) for chip in found] == [
        ("+447700900123", True), ("0770", False), ("Ann", False), ("Miller", False),
    ]  # fmt: skip
    assert "0770" in found[1].why


def test_a_wrong_number_with_spaces_is_one_mistake() -> None:
    found = chips("+44 77 00", judge)
    assert [chip.written for chip in found] == ["+44 77 00"]
    assert not found[0].e164


def test_the_same_number_twice_is_sent_to_once() -> None:
    found = chips("+447700900123 07700900123", judge)
    assert [chip.good for chip in found] == [True, False]
    assert found[1].twice


def test_more_than_a_box_holds_is_cut() -> None:
    assert len(chips("\n".join(f"+99900{n:06}" for n in range(CHIPS_MOST + 50)), judge)) == CHIPS_MOST


@settings(max_examples=60)
@given(st.text(alphabet="+0123456789 ,;\n()-/ab", max_size=60))
def test_nothing_that_can_be_pasted_fails_or_loses_a_group(pasted: str) -> None:
    found = chips(pasted, judge)
    kept = "".join(chip.written for chip in found).replace(" ", "")
    assert sorted(kept) == sorted(c for c in pasted if c not in " ,;\n")
