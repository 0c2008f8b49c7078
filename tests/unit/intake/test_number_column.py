"""Which column holds the numbers: by name where its cells agree, else by content."""

from __future__ import annotations

import pytest

from gateway.intake.table import guess_number_column

MOBILES = ("+447700900123", "07700 900124", "(0)171/1234567")


def guess(**cells: str | tuple[str, ...]) -> str | None:
    columns = list(cells)
    lists = [(each,) * 3 if isinstance(each, str) else each for each in cells.values()]
    return guess_number_column(columns, list(zip(*lists, strict=True)))


@pytest.mark.parametrize(
    "name",
    ["to", "Number", "Phone", "MOBILE", "tel", "Tel.", "Telephone", "msisdn", "Handy", "Telefon", "Mobil", "numéro",
     "Móvil", "Mobile number", "Handy-Nummer", "Cell phone"],
)  # fmt: skip
def test_a_column_is_known_by_its_name_in_many_languages(name: str) -> None:
    expected = None if name == "Handy-Nummer" else name
    assert guess_number_column(["class", name, "id"], []) == expected


def test_a_house_number_is_passed_over_for_the_column_with_phone_numbers() -> None:
    assert guess(number="12", mobile=MOBILES) == "mobile"
    assert guess(number="12", contact=MOBILES) == "contact"


def test_the_mobile_is_preferred_to_the_landline() -> None:
    assert guess(phone="+442079460000", mobile=MOBILES) == "mobile"
    assert guess(mobile="", phone=MOBILES) == "phone"


def test_content_speaks_where_no_name_does() -> None:
    assert guess(name="Ann", spalte=MOBILES, born="01.02.2003") == "spalte"
    assert guess(name="Ann", born="2003-02-01", fee="12.50") is None


def test_a_name_alone_is_enough_when_its_cells_are_no_numbers_and_no_other_column_fits() -> None:
    assert guess(name="Ann", phone="unknown") == "phone"
