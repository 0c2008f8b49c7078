"""What a text costs."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.tariff import Tariff, parse_amount, show_amount

TARIFF = Tariff("EUR", 90_000, {"+44": 40_000, "+447": 55_000, "+4479": 0, "60777": 200_000})


@pytest.mark.parametrize(
    ("number", "parts", "micro"),
    [
        ("+442079460000", 1, 40_000), ("+447400112233", 1, 55_000), ("+447400112233", 3, 165_000),
        ("+447911123456", 7, 0), ("+33612345678", 2, 180_000), ("60777", 1, 200_000), ("+60777123456", 1, 90_000),
        ("+447400112233", 0, 0),
    ],
)  # fmt: skip
def test_PMP_3_the_longest_prefix_says_what_a_part_costs(number: str, parts: int, micro: int) -> None:
    assert TARIFF.cost_micro(number, parts) == micro


@given(
    st.dictionaries(st.from_regex(r"\+[1-9][0-9]{0,4}", fullmatch=True), st.integers(0, 10**9)),
    st.from_regex(r"\+[1-9][0-9]{6,13}", fullmatch=True),
    st.integers(1, 255),
)
def test_PMP_3_the_cost_is_the_price_of_the_longest_prefix_times_the_parts(
    prices: dict[str, int], number: str, parts: int
) -> None:
    fitting = [prefix for prefix in prices if number.startswith(prefix)]
    price = prices[max(fitting, key=len)] if fitting else 7
    assert Tariff("GBP", 7, prices).cost_micro(number, parts) == price * parts


@pytest.mark.parametrize(
    ("written", "micro", "shown"),
    [
        ("0.055", 55_000, "0.055 EUR"), ("0", 0, "0.00 EUR"), ("1.2", 1_200_000, "1.20 EUR"),
        ("12", 12_000_000, "12.00 EUR"),
        ("0.000001", 1, "0.000001 EUR"), ("0.1", 100_000, "0.10 EUR"), ("999999999.999999", 999_999_999_999_999, None),
        ("007.50", 7_500_000, "7.50 EUR"),
    ],
)  # fmt: skip
def test_amounts_are_read_and_written_exactly(written: str, micro: int, shown: str | None) -> None:
    assert parse_amount(written) == micro
    assert show_amount(micro, "EUR") == (shown or f"{written} EUR")


@pytest.mark.parametrize(
    "written",
    ["", "-1", "+1", "1,5", "1.", ".5", "1e3", "0.0000001", "NaN", "inf", " 1", "1\n", "٣", "1_000", "1000000000",
     "9" * 9_999],
)  # fmt: skip
def test_what_is_no_amount_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(ValueError, match=r"like 0\.055") as refused:
        parse_amount(written)
    assert len(str(refused.value)) < 150


@given(st.integers(0, 10**15 - 1))
def test_what_is_written_reads_back(micro: int) -> None:
    amount, currency = show_amount(micro, "USD").split(" ")
    assert currency == "USD"
    assert parse_amount(amount) == micro
    assert Decimal(amount) * 1_000_000 == micro
    if micro:
        assert show_amount(-micro, "USD") == f"-{amount} USD"


@pytest.mark.parametrize(
    ("currency", "default_micro", "by_prefix"),
    [
        ("eur", 1, {}), ("EURO", 1, {}), ("", 1, {}), ("EUR", -1, {}), ("EUR", 1, {"+44": -1}), ("EUR", 1, {"": 1}),
        ("EUR", 1, {"GB": 1}), ("EUR", 1, {"+44 7": 1}), ("EUR", 1, {"+": 1}),
    ],
)  # fmt: skip
def test_a_tariff_that_no_bill_could_have_is_refused(
    currency: str, default_micro: int, by_prefix: dict[str, int]
) -> None:
    with pytest.raises(ValueError, match=r"write"):
        Tariff(currency, default_micro, by_prefix)
