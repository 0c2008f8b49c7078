"""Numbers that cost extra, short codes, emergency numbers, and what a recipient says of its country."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CATALOGUE
from gateway.policy.number import NumberPolicy, NumberRefused, NumberRules, Recipient
from tests.harness.quickest import quickest_s


def refusal(written: str, policy: NumberPolicy | None = None, lines: tuple[str, ...] = ()) -> tuple[str, str]:
    with pytest.raises(NumberRefused) as refused:
        (policy or NumberPolicy()).recipient(written, lines)
    assert refused.value.code in CATALOGUE
    return refused.value.code, refused.value.detail


@pytest.mark.parametrize(
    "written",
    ["++447911123456", "+४४7911123456", "+447911123456;ext=5", "*31#447911123456", "tel:+447911123456",
     "1" * 100_000, "+" + "4" * 100_000, "(" * 100_000, " " * 100_000, "1" + " " * 100_000],
    ids=range(10),
)  # fmt: skip
def test_NUM_1_attack_row_29_what_is_not_written_as_a_number_is_refused_within_20_ms(written: str) -> None:
    policy = NumberPolicy("GB")
    code, detail = refusal(written, policy, ("GB", "FR"))
    assert quickest_s(lambda: refusal(written, policy, ("GB", "FR")), 0.02) < 0.02
    assert code == "invalid_number"
    assert len(detail) < 200


@pytest.mark.parametrize("written", ["+447700900123", "+12025550123", "+447911123456"])
def test_NUM_2_a_number_of_an_unassigned_range_is_taken_with_a_warning_or_refused(written: str) -> None:
    recipient = NumberPolicy().recipient(written)
    strict = NumberPolicy(rules=NumberRules(check="valid"))
    if recipient.warnings:
        assert recipient.warnings == ("unassigned_range",)
        code, detail = refusal(written, strict)
        assert code == "invalid_number"
        assert "messages.number_check" in detail
    else:
        assert strict.recipient(written) == recipient
    assert bool(recipient.warnings) == (written == "+447700900123")


@pytest.mark.parametrize(("written", "region"), [("0770", "GB"), ("0770 1", "GB"), ("+15551234", None)])
def test_NUM_2_a_number_without_its_area_code_reaches_nobody_and_is_refused(
    written: str, region: str | None
) -> None:
    code, detail = refusal(written, NumberPolicy(region))
    assert (code, "area code is missing" in detail) == ("invalid_number", True)


def test_NUM_2_a_country_keeps_every_number_of_its_own_phones() -> None:
    for region in phonenumbers.SUPPORTED_REGIONS:
        mobile = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if mobile is None:
            continue
        e164 = phonenumbers.format_number(mobile, phonenumbers.PhoneNumberFormat.E164)
        assert NumberPolicy().recipient(e164).e164 == e164
        written = phonenumbers.format_number(mobile, phonenumbers.PhoneNumberFormat.NATIONAL).lstrip("(")
        if region not in ("ET", "AR") and len(written) >= 5:  # theirs begin like their emergency numbers
            assert NumberPolicy(region).recipient(written, (region,)).e164 == e164


@pytest.mark.parametrize(
    ("written", "country", "calling_code"),
    [
        ("+447911123456", "GB", 44), ("+441624670000", "GB", 44), ("+18765230123", "US", 1), ("+33612345678", "FR", 33),
        ("+77710009998", "RU", 7), ("+80012345678", "001", 800), ("+39066981234", "IT", 39),
    ],
)  # fmt: skip
def test_NUM_3_the_country_of_a_number_is_that_of_its_calling_code(
    written: str, country: str, calling_code: int
) -> None:
    recipient = NumberPolicy().recipient(written)
    assert (recipient.country, recipient.calling_code, recipient.short) == (country, calling_code, False)


def test_NUM_3_the_sandbox_has_no_country() -> None:
    assert NumberPolicy("GB").recipient("+99900001") == Recipient("+99900001", sandbox=True)


def test_NUM_3_prefixes_of_other_countries_are_understood_through_the_default_region() -> None:
    for region, written in (("GB", "0033 6 12 34 56 78"), ("US", "011 33 6 12 34 56 78")):
        recipient = NumberPolicy(region).recipient(written, ("US",))
        assert (recipient.e164, recipient.country) == ("+33612345678", "FR")


@pytest.mark.parametrize(
    "written",
    ["+19002345678", "+19001234567", "+1 900 000 0000", "+449098790000", "+448712345678", "+33891123456",
     "+80812345678", "+870773111632", "+878101234567890", "+881612345678", "+882161234567", "+883510012345",
     "+979123456789"],
)  # fmt: skip
def test_NUM_4_numbers_that_cost_extra_are_refused(written: str) -> None:
    code, detail = refusal(written)
    assert code == "premium_number"
    assert "policy.allow_numbers" in detail


def test_NUM_4_a_listed_prefix_lets_a_premium_number_pass_and_no_other() -> None:
    policy = NumberPolicy(rules=NumberRules(allow_numbers=("+44909", "+8816")))
    assert policy.recipient("+449098790000").country == "GB"
    assert policy.recipient("+881612345678").country == "001"
    assert refusal("+19002345678", policy)[0] == "premium_number"
    assert refusal("+33891123456", policy)[0] == "premium_number"


def test_NUM_4_freephone_and_ordinary_unassigned_numbers_are_not_premium() -> None:
    for written in ("+448001111111", "+18002345678", "+447700900123", "+446912345678", "+18811234567"):
        assert NumberPolicy().recipient(written).e164 == written


def test_NUM_4_a_premium_short_code_needs_its_own_entry_beside_that_of_short_codes() -> None:
    listed = NumberRules(allow_short_codes=("3639",))
    assert refusal("3639", NumberPolicy("FR", listed))[0] == "premium_number"
    assert refusal("3639", NumberPolicy(rules=listed), ("DE", "FR"))[0] == "premium_number"
    assert refusal("36 39", NumberPolicy("GB"), ("FR",))[0] == "premium_number"
    both = NumberPolicy("FR", NumberRules(allow_numbers=("3639",), allow_short_codes=("3639",)))
    assert both.recipient("3639") == Recipient("3639", sandbox=False, country="FR", short=True)


@pytest.mark.parametrize("written", ["600", "60777", "6-0-7-7-7", "12345678"])
def test_NUM_5_few_digits_without_a_country_code_are_a_short_code_that_must_be_listed(written: str) -> None:
    digits = written.replace("-", "")
    for region in (None, "GB"):
        code, detail = refusal(written, NumberPolicy(region), ("GB",))
        assert code == "short_code_not_allowed"
        assert "policy.allow_short_codes" in detail
        assert "country code" in detail
        policy = NumberPolicy(region, NumberRules(allow_short_codes=(digits,)))
        recipient = policy.recipient(written, ("GB",))
        assert (recipient.e164, recipient.short, recipient.country) == (digits, True, "GB")
        assert refusal(digits[:-1] + "5", policy)[0] in ("short_code_not_allowed", "emergency_number")


def test_NUM_5_a_short_number_that_its_country_assigned_is_a_telephone_number() -> None:
    for region, written, e164 in (("SG", "8123 4567", "+6581234567"), ("NO", "40612345", "+4740612345")):
        recipient = NumberPolicy(region).recipient(written)
        assert (recipient.e164, recipient.short) == (e164, False)
        assert refusal(written, NumberPolicy("GB"))[0] == "short_code_not_allowed"


def test_NUM_5_digits_behind_a_leading_zero_are_a_local_number_and_no_code() -> None:
    assert refusal("0770")[0] == "invalid_number"
    rules = NumberRules(allow_short_codes=("0770", "0845464"))
    assert refusal("0770", NumberPolicy(rules=rules))[0] == "invalid_number"
    assert not NumberPolicy("GB", rules).recipient("0845464").short


def test_NUM_5_two_digits_are_nothing() -> None:
    assert refusal("42", NumberPolicy("GB"))[0] == "invalid_number"
    assert refusal("4-", NumberPolicy("GB"))[0] == "invalid_number"
    assert refusal("42")[0] == "invalid_number"


@pytest.mark.parametrize(
    "written",
    ["000", "08", "110", "111", "112", "113", "114", "116000", "116117", "117", "118", "119", "911", "933", "988",
     "995", "999", "+911", "1 1 2"],
)  # fmt: skip
def test_NUM_6_attack_row_29_the_emergency_numbers_of_the_world_are_refused_and_no_setting_helps(
    written: str,
) -> None:
    digits = written.replace(" ", "")
    rules = NumberRules(allow_numbers=(digits,), allow_short_codes=(digits,))
    for region in (None, "GB", "JP"):
        code, detail = refusal(written, NumberPolicy(region, rules))
        assert code == "emergency_number"
        assert "call" in detail


@pytest.mark.parametrize(
    ("country", "written"), [("AU", "106"), ("FR", "15"), ("FR", "17"), ("US", "911123"), ("GB", "1121")]
)
def test_NUM_6_the_country_of_any_line_adds_its_own_emergency_numbers(country: str, written: str) -> None:
    rules = NumberRules(allow_short_codes=(written,))
    assert refusal(written, NumberPolicy(country, rules))[0] == "emergency_number"
    assert refusal(written, NumberPolicy("DK" if country != "DK" else "NO", rules), ("CH", country))[0] == (
        "emergency_number"
    )


def test_NUM_6_a_line_abroad_does_not_take_ordinary_numbers_away() -> None:
    recipient = NumberPolicy("US").recipient("1 787 234 5678", ("FR",))  # 17 is the French police
    assert recipient.e164 == "+17872345678"


@pytest.mark.parametrize("written", ["+49112", "+49 110", "+49-112"])
def test_NUM_6_a_country_code_before_an_emergency_number_hides_nothing(written: str) -> None:
    assert refusal(written, NumberPolicy("GB", NumberRules(allow_numbers=("+49",))))[0] == "emergency_number"


def test_numbers_with_a_country_code_are_judged_once_whatever_the_lines() -> None:
    policy = NumberPolicy("GB")
    first = policy.recipient("+447400112233", ("GB",))
    assert policy.recipient("+44 7400 112233", ("FR", "DE")) is first


@given(
    st.text("0123456789+ ().-/", max_size=26),
    st.sampled_from([None, "GB", "US", "FR", "SG", "IT"]),
    st.sampled_from([(), ("GB",), ("FR", "US"), ("ZZ",), ("001",)]),
)
def test_any_digits_are_a_recipient_or_a_refusal_that_says_what_to_do(
    written: str, region: str | None, lines: tuple[str, ...]
) -> None:
    policy = NumberPolicy(region)
    judged: Recipient | NumberRefused
    try:
        judged = policy.recipient(written, lines)
    except NumberRefused as refused:
        judged = refused
    if isinstance(judged, NumberRefused):
        assert judged.code in CATALOGUE
        assert judged.detail.endswith(".")
        assert len(judged.detail) < 300
    else:
        assert not judged.short
        assert policy.recipient(judged.e164).e164 == judged.e164
