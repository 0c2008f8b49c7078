"""A workbook's first sheet becomes rows as people see them; bombs end before anything opens them."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from datetime import time as time_of_day

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.styles import Font

from gateway.intake.rows import LIMITS, IntakeRefused, Limits, Row, RowProblem
from gateway.intake.xlsx import XlsxReader
from gateway.intake.xlsx_guard import FILE_OCTETS


def workbook(*rows: Sequence[object], second: Sequence[object] = ()) -> bytes:
    book = Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    book.create_sheet("other").append(list(second))
    octets = io.BytesIO()
    book.save(octets)
    return octets.getvalue()


def rewritten(octets: bytes, path: str, change: Callable[[bytes], bytes]) -> bytes:
    """The same package with one part changed (or added)."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(octets)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        parts = {name: old.read(name) for name in old.namelist()}
        parts[path] = change(parts.get(path, b""))
        for name, part in parts.items():
            new.writestr(name, part)
    return out.getvalue()


EVENING = datetime.fromisoformat("2026-11-21T18:30")
SHEET = "xl/worksheets/sheet1.xml"
PEOPLE = workbook(["to", "name"], ["+447700900123", "Ann"])


def read(octets: bytes, limits: Limits = LIMITS) -> list[Row | RowProblem]:
    return list(XlsxReader(octets, limits).rows())


def refusal(octets: bytes, limits: Limits = LIMITS) -> IntakeRefused:
    with pytest.raises(IntakeRefused) as refused:
        read(octets, limits)
    return refused.value


def with_shared_strings(index: bytes) -> bytes:
    """As Excel itself writes texts: in a part of their own, cells hold their places."""
    strings = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>Zo\xc3\xab</t></si></sst>'
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = b'<Override PartName="/xl/sharedStrings.xml" ContentType="%s"/></Types>' % kind
    cell, shared = b't="inlineStr"><is><t>Ann</t></is>', b't="s"><v>%s</v>' % index
    octets = rewritten(PEOPLE, SHEET, lambda sheet: sheet.replace(cell, shared))
    octets = rewritten(octets, "[Content_Types].xml", lambda types: types.replace(b"</Types>", override))
    return rewritten(octets, "xl/sharedStrings.xml", lambda _: strings)


# ------------------------------------------------------------------ cells


def test_texts_that_stand_in_the_table_of_strings_are_read() -> None:
    assert read(with_shared_strings(b"0")) == [Row(1, {"to": "+447700900123", "name": "Zoë"})]


def test_cells_are_the_text_that_people_see() -> None:
    octets = workbook(
        [" number ", "name", "born", "at", "from", "paid", "fee", "note"],
        [447700900123.0, "Zoë", date(2001, 2, 3), EVENING, time_of_day(9, 5), True, 0.1 + 0.2, None],
        [447700900124, " x ", None, None, None, False, -5, "=1"],
    )  # fmt: skip
    reader = XlsxReader(octets)
    first, second = reader.rows()
    assert isinstance(first, Row)
    assert list(first.values.values()) == [
        "447700900123", "Zoë", "2001-02-03", "2026-11-21T18:30:00", "09:05:00", "true", "0.3", "",
    ]  # fmt: skip
    assert isinstance(second, Row)
    # A formula that was never computed has no value.
    assert list(second.values.values()) == ["447700900124", " x ", "", "", "", "false", "-5", ""]
    assert (reader.shape.columns[0], reader.shape.number_column) == ("number", "number")


def test_only_the_first_sheet_is_read_and_blank_rows_keep_their_numbers() -> None:
    octets = workbook([], ["a", "b"], [1, 2], [None, None], [3, None], second=["x"])
    assert read(octets) == [Row(1, {"a": "1", "b": "2"}), Row(3, {"a": "3", "b": ""})]


def test_cells_beyond_the_heading_are_a_problem_of_their_row() -> None:
    (problem,) = read(workbook(["a"], [1, "stray"]))
    assert isinstance(problem, RowProblem)
    assert (problem.number, problem.column, problem.fields) == (1, 2, ("1", "stray"))


def test_an_error_of_a_formula_is_never_sent_as_text() -> None:
    problem, good = read(workbook(["to", "name"], ["1", "#N/A"], ["2", "Ann"]))
    assert isinstance(problem, RowProblem)
    assert (problem.number, problem.column) == (1, 2)
    assert "#N/A" in problem.detail
    assert good == Row(2, {"to": "2", "name": "Ann"})


def test_formatting_to_the_edge_of_the_sheet_is_no_content() -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["to", "name"])
    sheet.append(["1", "Ann"])
    for row in range(1, 1000):
        sheet.cell(row, 300).font = Font(bold=True)
    octets = io.BytesIO()
    book.save(octets)
    assert read(octets.getvalue()) == [Row(1, {"to": "1", "name": "Ann"})]


def test_what_openpyxl_does_not_support_warns_nobody() -> None:
    extension = b'<extLst><ext uri="{CCE6A557-97BC-4B89-ADB6-D9C93CAAB3DF}"/></extLst></worksheet>'
    octets = rewritten(PEOPLE, SHEET, lambda sheet: sheet.replace(b"</worksheet>", extension))
    assert len(read(octets)) == 1


def test_rows_and_columns_are_bounded() -> None:
    octets = workbook(["a"], *([i] for i in range(4)))
    assert len(read(octets, Limits(rows=4))) == 4
    assert refusal(octets, Limits(rows=3)).row == 4
    assert refusal(workbook([f"c{i}" for i in range(201)])).row == 0


def test_a_heading_is_required() -> None:
    assert refusal(workbook()).row == 0
    assert refusal(workbook(["a", "a"])).column == 2
    assert refusal(workbook(["+447700900123"])).column == 1


# ------------------------------------------------------------------ attack list, row 22


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9))
    + b"]>"
)


@pytest.mark.parametrize(
    "path", [SHEET, "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml", "xl/any.bin"]
)
def test_attack_row_22_entities_are_refused_in_every_part_before_one_is_expanded(path: str) -> None:
    root = b"<worksheet><sheetData><row><c><v>&j;</v></c></row></sheetData></worksheet>"
    began = time.process_time()
    refused = refusal(rewritten(PEOPLE, path, lambda _: LAUGHS + root))
    assert "entities" in refused.detail
    assert time.process_time() - began < 1


def test_attack_row_22_entities_are_found_in_utf_16_too() -> None:
    hidden = (
        LAUGHS.decode().replace('version="1.0"', 'version="1.0" encoding="utf-16"') + "<worksheet/>"
    ).encode("utf-16")
    assert "entities" in refusal(rewritten(PEOPLE, SHEET, lambda _: hidden)).detail


def test_attack_row_22_a_zip_bomb_is_refused_by_what_it_says_it_unpacks_to() -> None:
    bomb = rewritten(PEOPLE, "xl/media/image1.png", lambda _: b"\0" * (50 * 1024 * 1024))
    assert len(bomb) < 100_000
    assert "200 times" in refusal(bomb).detail


def test_attack_row_22_more_than_two_hundred_mib_unpacked_are_refused() -> None:
    out = io.BytesIO(PEOPLE)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as package:
        for i in range(5):
            package.writestr(f"xl/media/{i}.png", b"\0" * (50 * 1024 * 1024))
    assert refusal(out.getvalue()).code == "body_too_large"


def crowded(cells: bytes) -> bytes:
    # Octets that do not pack keep the ratio of the package low.
    noise = "".join(f"{i * 2654435761 % 2**32:x}" for i in range(20_000)).encode()
    octets = rewritten(PEOPLE, SHEET, lambda sheet: sheet.replace(b"<sheetData>", b"<sheetData>" + cells))
    return rewritten(octets, "xl/media/noise.bin", lambda _: noise)


def test_attack_row_22_a_row_of_endless_cells_is_refused_before_it_is_in_memory() -> None:
    octets = crowded(b"<row>" + b"<c/>" * 250_000 + b"</row>")
    tracemalloc.start()
    try:
        refused = refusal(octets)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "too many cells" in refused.detail
    assert peak < 10 * 1024 * 1024


def test_attack_row_22_rows_that_a_sheet_only_claims_are_not_counted_through_for_ever() -> None:
    assert "more cells" in refusal(crowded(b"<row r='2000000000'><c><v>1</v></c></row>")).detail


def test_attack_row_22_a_huge_sheet_cannot_pass_for_a_part_that_is_read_whole() -> None:
    rows = b"".join(
        b'<row r="%d"><c r="A%d"><v>%d</v></c></row>' % (i, i, i * 7919) for i in range(1, 80_000)
    )
    octets = rewritten(PEOPLE, SHEET, lambda sheet: sheet.replace(b"<sheetData>", b"<sheetData>" + rows))
    posed = rewritten(
        octets,
        "[Content_Types].xml",
        lambda types: types.replace(b"/xl/workbook.xml", b"/xl/worksheets/sheet1.xml"),
    )
    assert "too large" in refusal(posed).detail


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"", "cannot be read"),
        (b"to,name\n1,Ann\n", "cannot be read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "password"),
        (PEOPLE[:-100], "cannot be read"),
        (b"PK\x05\x06" + b"\0" * 18, "cannot be read"),
        (rewritten(PEOPLE, SHEET, lambda sheet: sheet[:-20]), "damaged"),
        (with_shared_strings(b"99"), "cannot be read"),
        (rewritten(PEOPLE, "xl/workbook.xml", lambda book: b"<workbook/>"), "no sheet"),
        (b"x" * (FILE_OCTETS + 1), "20 MiB"),
    ],
)  # fmt: skip
def test_attack_row_22_what_is_no_whole_workbook_is_refused(octets: bytes, says: str) -> None:
    refused = refusal(octets)
    assert says in refused.detail


@given(st.integers(0, len(PEOPLE) - 1), st.binary(min_size=1, max_size=8))
def test_any_damage_to_a_workbook_gives_rows_problems_or_a_refusal(at: int, damage: bytes) -> None:
    try:
        rows = read(PEOPLE[:at] + damage + PEOPLE[at + len(damage) :])
    except IntakeRefused:
        return
    assert {type(row) for row in rows} <= {Row, RowProblem}


@given(st.sampled_from([SHEET, "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml"]), st.data())
def test_any_damage_to_a_part_gives_rows_problems_or_a_refusal(path: str, data: st.DataObject) -> None:
    def damaged(part: bytes) -> bytes:
        at = data.draw(st.integers(0, len(part)))
        return (
            part[:at]
            + data.draw(st.sampled_from([b"<", b">", b'"', b"9", b"-1", b"e", b"/", b""]))
            + part[at + 1 :]
        )

    try:
        rows = read(rewritten(PEOPLE, path, damaged))
    except IntakeRefused:
        return
    assert {type(row) for row in rows} <= {Row, RowProblem}


def test_a_file_of_libreoffice_is_named_with_what_to_do() -> None:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        package.writestr("content.xml", "<x/>")
    with pytest.raises(IntakeRefused) as refused:
        XlsxReader(octets.getvalue())
    assert refused.value.detail == "This is a LibreOffice file. Save the sheet as .xlsx or CSV."
