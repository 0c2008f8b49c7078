"""Proves that a table whose first row is a person already can be read, said or guessed."""

from __future__ import annotations

import io

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from gateway.intake.csv_rows import CsvReader
from gateway.intake.rows import IntakeRefused, Row
from gateway.intake.table import is_heading
from gateway.intake.xlsx import XlsxReader


def read(octets: bytes, headed: bool | None) -> tuple[CsvReader, list[Row]]:
    reader = CsvReader(headed=headed)
    rows = [*reader.feed(octets), *reader.end()]
    return reader, [row for row in rows if isinstance(row, Row)]


@pytest.mark.parametrize("headed", [False, None])
def test_the_first_row_is_a_person_and_columns_are_called_by_their_place(headed: bool | None) -> None:
    reader, rows = read(b"Ann;+447700900001\nBo;+447700900002\n", headed)
    assert [row.number for row in rows] == [1, 2]
    assert rows[0].values == {"column 1": "Ann", "column 2": "+447700900001"}
    assert reader.shape is not None
    assert (reader.shape.columns, reader.shape.number_column) == (("column 1", "column 2"), "column 2")
    assert reader.shape.headed is False


def test_a_heading_is_one_when_it_is_said_or_has_no_number() -> None:
    reader, rows = read(b"name;phone\nBo;+447700900002\n", None)
    assert reader.shape is not None
    assert reader.shape.headed
    assert [row.values for row in rows] == [{"name": "Bo", "phone": "+447700900002"}]
    reader, rows = read(b"name;phone\nBo;+447700900002\n", False)
    assert [row.number for row in rows] == [1, 2]
    assert rows[0].values["column 1"] == "name"


def test_a_number_in_a_heading_is_still_refused_when_a_heading_is_said() -> None:
    with pytest.raises(IntakeRefused, match="is a number, not the name of a column"):
        read(b"Ann;+447700900001\n", True)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["name", "phone"], True),
        (["name", "phone", ""], True),
        (["Ann", "07700 900123"], False),
        (["+447700900001"], False),
        (["name", "", "phone"], False),
        (["number"], True),
    ],
)
def test_what_counts_as_a_heading(cells: list[str], said: bool) -> None:
    assert is_heading(cells) is said


def test_a_workbook_without_heading_is_read_from_its_first_row() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for row in (("Ann", "+447700900001"), ("Bo", "+447700900002")):
        sheet.append(row)
    octets = io.BytesIO()
    book.save(octets)
    reader = XlsxReader(octets.getvalue(), headed=None)
    rows = [row for row in reader.rows() if isinstance(row, Row)]
    assert [row.number for row in rows] == [1, 2]
    assert rows[1].values == {"column 1": "Bo", "column 2": "+447700900002"}
    assert reader.shape.number_column == "column 2"
