"""What leaves as CSV computes nothing in a spreadsheet; names of files name nothing but a file."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.intake.csv_rows import CsvReader
from gateway.intake.export import BOM, csv_cell, csv_line, safe_file_name
from gateway.intake.rejected import RejectedRow, RejectedRows
from gateway.intake.rows import Row


@pytest.mark.parametrize(
    "formula",
    ['=HYPERLINK("http://evil.example","win")', "+1+cmd|'/c calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1",
     "＝1+1", "＋1", "－1", "＠SUM(A1)", "+44 7700 900123", "+1234567890123456", "+٣", "+44\n"],
)  # fmt: skip
def test_PRV_4_attack_row_21_a_formula_becomes_text(formula: str) -> None:
    (cells,) = csv.reader(io.StringIO(csv_cell(formula), newline=""))
    assert cells == ["'" + formula]


@pytest.mark.parametrize("text", ["+447700900123", "+1", "Ann", "a=b", " =1", "5-3", "'=1"])
def test_PRV_4_numbers_and_plain_text_stay_as_they_are(text: str) -> None:
    assert next(csv.reader([csv_cell(text)])) == [text]
    assert "''" not in csv_cell(text)


def test_PRV_4_lines_are_rfc_4180_in_utf_8_after_a_byte_order_mark() -> None:
    assert BOM + csv_line(["Zoë", 'a "b"', "c,d", "e;f", "g\nh", None, -5]) == (
        '\ufeffZoë,"a ""b""","c,d","e;f","g\nh",,-5\r\n'.encode()
    )
    assert csv_line([""]) == b'""\r\n'


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_any_cells_make_one_line_that_a_reader_splits_into_as_many(cells: list[str]) -> None:
    lines = list(csv.reader(io.StringIO(csv_line(cells).decode(), newline="")))
    assert [len(line) for line in lines] == [len(cells)]
    assert not any(cell.startswith(tuple("=-@\t\r\n＝＋－＠")) for cell in lines[0])


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("parents 5B.csv", "parents_5B.csv"), ("../../etc/passwd", "passwd.csv"), ("C:\\x\\y.csv", "y.csv"),
        ("Zoë.csv", "Zoe.csv"), ("a\r\nSet-Cookie: x.csv", "x.csv"), ('a"b.csv', "a_b.csv"), ("", "report.csv"),
        ("....", "report.csv"), ("nul.csv", "report.csv"), ("名前.csv", "report.csv"), (".htaccess", "htaccess.csv"),
        ("a\0b.csv", "a_b.csv"), ("virus.exe", "virus.exe.csv"), ("B.CSV", "B.csv"),
    ],
)  # fmt: skip
def test_attack_row_22_a_file_name_names_no_path_and_no_header(name: str, safe: str) -> None:
    assert safe_file_name(name, "report.csv") == safe


@given(st.text(max_size=300))
def test_any_name_becomes_a_short_ascii_one_with_an_extension(name: str) -> None:
    safe = safe_file_name(name, "report.csv")
    assert 0 < len(safe) <= 100
    assert safe.isascii()
    assert safe.isprintable()
    assert not set(safe) & set('/\\:"; %')
    assert "." in safe[1:]
    assert safe_file_name(safe, "report.csv") == safe


def test_a_name_of_four_kilobytes_is_cut_and_keeps_its_extension() -> None:
    safe = safe_file_name("x" * 4096 + ".ndjson", "report.ndjson")
    assert len(safe) == 100
    assert safe.endswith("x.ndjson")


def test_rejected_rows_are_a_csv_that_can_be_corrected_and_sent_again() -> None:
    file = RejectedRows(["to", "name"])
    rows = (
        RejectedRow(3, "invalid_number", "no country code", ("0770", "=1")),
        RejectedRow(5, "csv_invalid", "ends early", ("+447700900123",)),
        RejectedRow(7, "csv_invalid", "too many cells", ("+447700900124", "Doe", "Ann")),
    )
    octets = BOM + csv_line(file.heading()) + b"".join(csv_line(file.line(row)) for row in rows)
    assert octets.decode() == (
        "\ufeffto,name,row,reason,code\r\n0770,'=1,3,no country code,invalid_number\r\n"
        "+447700900123,,5,ends early,csv_invalid\r\n+447700900124,Doe,7,too many cells,csv_invalid,Ann\r\n"
    )
    reader = CsvReader()
    first = (reader.feed(octets) + reader.end())[0]
    assert isinstance(first, Row)
    assert (first.values["to"], first.values["row"]) == ("0770", "3")


def test_a_column_of_the_upload_keeps_its_name_beside_ours() -> None:
    heading = RejectedRows(["to", "code", "rejected_code"]).heading()
    assert heading == ("to", "code", "rejected_code", "row", "reason", "rejected_rejected_code")
