"""What may stand in ``to``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.number import NumberPolicy, NumberRefused
from tests.harness.quickest import quickest_s


@pytest.mark.parametrize(
    ("written", "e164"),
    [
        ("+447911123456", "+447911123456"), ("+44 7911 123 456", "+447911123456"),
        ("+44-7911-123456", "+447911123456"), ("+1 (202) 555.0123", "+12025550123"),
        ("+33 6 12 34 56 78", "+33612345678"), ("+39 06 698 1234", "+39066981234"),
    ],
)  # fmt: skip
def test_international_numbers_are_stored_as_e164(written: str, e164: str) -> None:
    assert NumberPolicy().recipient(written).e164 == e164


@pytest.mark.parametrize(
    ("region", "written", "e164"),
    [
        ("GB", "07911 123456", "+447911123456"), ("GB", "00 44 7911 123456", "+447911123456"),
        ("US", "011 44 7911 123456", "+447911123456"), ("US", "202-555-0123", "+12025550123"),
        ("FR", "06.12.34.56.78", "+33612345678"), ("DE", "0151/23456789", "+4915123456789"),
    ],
)  # fmt: skip
def test_national_numbers_are_read_in_the_default_region(region: str, written: str, e164: str) -> None:
    assert NumberPolicy(region).recipient(written).e164 == e164
    with pytest.raises(NumberRefused) as refused:
        NumberPolicy().recipient(written)
    assert refused.value.code == "invalid_number"
    assert "country code" in refused.value.detail


def test_the_sandbox_range_never_reaches_the_library() -> None:
    recipient = NumberPolicy("GB").recipient("+999 0000 0001")
    assert (recipient.e164, recipient.sandbox, recipient.warnings) == ("+99900000001", True, ())
    for wrong in ("+999", "+9991234567890123"):
        with pytest.raises(NumberRefused):
            NumberPolicy().recipient(wrong)
    with pytest.raises(NumberRefused):
        NumberPolicy("GB").recipient("00999 0000 0001")


def test_a_possible_number_outside_assigned_ranges_is_taken_with_a_warning() -> None:
    assert NumberPolicy().recipient("+447700900123").warnings == ("unassigned_range",)
    assert NumberPolicy().recipient("+447911123456").warnings == ()


@pytest.mark.parametrize(
    "written",
    ["++447911123456",
     "+४४७९११", "٠٧٧٠٠", "＋447911123456", "tel:+447911123456", "+447911123456;ext=5", "+44791112345x",
     "*100#",
     "+447911123456\n", "", "+", "1" * 100_000, "+44 7911 123456 ext 5", "+44", "+4479", "+44791112345678901"],
    ids=range(16),
)  # fmt: skip
def test_what_the_library_would_guess_at_is_refused_before_it(written: str) -> None:
    def asked() -> None:
        with pytest.raises(NumberRefused) as refused:
            NumberPolicy("GB").recipient(written)
        assert refused.value.code == "invalid_number"
        assert len(refused.value.detail) < 300

    assert quickest_s(asked, 0.2) < 0.2


@pytest.mark.parametrize(
    "written", ["112", "1-1-2", "911", "999", "000", "08", "114", "116123", "+112", "933", "988"]
)
def test_emergency_numbers_are_refused_whatever_the_region(written: str) -> None:
    for region in (None, "GB", "US", "FR"):
        with pytest.raises(NumberRefused) as refused:
            NumberPolicy(region).recipient(written)
        assert refused.value.code == "emergency_number"


def test_a_region_adds_its_own_emergency_numbers() -> None:
    with pytest.raises(NumberRefused) as refused:
        NumberPolicy("AU").recipient("106")
    assert refused.value.code == "emergency_number"


@given(st.text(max_size=40))
def test_any_text_is_a_recipient_or_refused(text: str) -> None:
    try:
        recipient = NumberPolicy("GB").recipient(text)
    except NumberRefused:
        return
    assert recipient.e164[0] == "+"
    assert recipient.e164[1:].isascii()
    assert recipient.e164[1:].isdigit()
