"""Owns the reading of Excel workbooks: the first sheet as rows, its cells as the text a person sees.

Refuses to know formulas and macros: of a formula only the value counts that was saved with it.
Source: ECMA-376-1 §18 (SpreadsheetML); attack list row 22.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from itertools import chain, islice
from typing import TypeVar

from gateway.intake.rows import LIMITS, IntakeRefused, Limits, Row, RowProblem, Shape, shown
from gateway.intake.table import (
    guess_number_column,
    is_heading,
    made_heading,
    read_heading,
    read_row,
    unreadable,
)
from gateway.intake.xlsx_guard import FILE_OCTETS, check_workbook

T = TypeVar("T")

_SAMPLED_ROWS = 100
_SHEET_ROWS = 1_048_576
"""What Excel has; a sheet that says it has more would be counted through for hours."""

_BLOCK_ROWS = 64
_ERRORS = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"})
"""Cells of type ``e`` (ECMA-376-1 §18.18.11)."""
_SHEET_CELLS = LIMITS.rows * LIMITS.columns
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OPEN_DOCUMENT = b"mimetypeapplication/vnd.oasis.opendocument."
_OPEN_DOCUMENT_AT = 30
"""Behind the header of the first file of the package, which is stored as it is (OpenDocument 1.3 part 2 §3.3)."""


class XlsxReader:
    """Reads the first sheet of a workbook row by row; blocks for seconds on large ones, so give it a thread.

    ``headed`` says whether the first row names the columns; None: guess.

    Raises:
        IntakeRefused: when made, not a workbook, or one that is unsafe to open.
    """

    def __init__(self, octets: bytes, limits: Limits = LIMITS, *, headed: bool | None = True) -> None:
        self._limits = limits
        cells = _cells(octets)
        self._rows = ((number, row) for number, row in enumerate(cells) if any(row))
        heading_at, heading = next(self._rows, (0, []))
        if not heading:
            raise IntakeRefused("The first sheet is empty. The first row must name the columns.", 0)
        headed = is_heading(heading) if headed is None else headed
        self._heading_at = heading_at if headed else heading_at - 1
        self._columns = read_heading(heading, limits) if headed else made_heading(heading)
        first = [] if headed else [(heading_at, heading)]
        self._head = [*first, *islice(self._rows, _SAMPLED_ROWS)]
        number_column = guess_number_column(self._columns, [row for _, row in self._head])
        self.shape = Shape("xlsx", "", self._columns, number_column, headed)

    def rows(self) -> Iterator[Row | RowProblem]:
        """Give the rows below the heading, once; blank ones are left out, their numbers too.

        Raises:
            IntakeRefused: too many rows, or the sheet is damaged further down.
        """
        for given, (at, fields) in enumerate(chain(self._head, self._rows)):
            number = at - self._heading_at
            if given == self._limits.rows:
                raise IntakeRefused(f"There are more than {self._limits.rows} rows. Split the sheet.", number)
            row = self._read(number, fields)
            if row is not None:
                yield row

    def _read(self, number: int, fields: list[str]) -> Row | RowProblem | None:
        # A sheet has no separators to miscount: cells that are missing at the end are empty ones.
        fields = fields + [""] * (len(self._columns) - len(fields))
        for column, cell in enumerate(fields, 1):
            if cell in _ERRORS:
                reason = f"The cell shows the error {shown(cell)}. Correct its formula."
                return RowProblem(number, column, reason, tuple(fields))
        problem = unreadable(self._columns, number, fields, self._limits)
        return problem or read_row(self._columns, number, fields)


def _cells(octets: bytes) -> Iterator[list[str]]:
    """Give the rows of the first sheet as text; all that openpyxl may raise becomes a refusal."""
    if len(octets) > FILE_OCTETS:
        most = FILE_OCTETS // (1024 * 1024)
        raise IntakeRefused(f"The workbook is larger than {most} MiB. Save it as CSV.", code="body_too_large")
    if octets.startswith(_OLD_WORKBOOK):
        raise IntakeRefused(
            "This is an old workbook (.xls) or one with a password. Save it as .xlsx without one."
        )
    if octets.startswith(_OPEN_DOCUMENT, _OPEN_DOCUMENT_AT):
        raise IntakeRefused("This is a LibreOffice file. Save the sheet as .xlsx or CSV.")
    try:
        yield from _sheet(octets)
    except IntakeRefused:
        raise
    except Exception as error:  # noqa: BLE001 - openpyxl raises whatever a damaged part leads to
        reason = (
            f"This cannot be read as an Excel workbook ({type(error).__name__}). Save it anew, or as CSV."
        )
        raise IntakeRefused(reason) from None


def _sheet(octets: bytes) -> Iterator[list[str]]:
    with zipfile.ZipFile(io.BytesIO(octets)) as package:
        check_workbook(package, len(octets))
    rows = _quietly(lambda: _first_sheet(octets))
    read = cells = 0
    while block := _quietly(lambda: list(islice(rows, _BLOCK_ROWS))):
        read += len(block)
        cells += sum(map(len, block))
        if read > _SHEET_ROWS or cells > _SHEET_CELLS:
            raise IntakeRefused("The sheet has more cells than a list of people. Save the list alone.", read)
        yield from map(_row, block)


def _first_sheet(octets: bytes) -> Iterator[tuple[object, ...]]:
    from openpyxl import load_workbook  # noqa: PLC0415 - 12 MiB and 70 ms, for those who bring workbooks

    workbook = load_workbook(io.BytesIO(octets), read_only=True, data_only=True, keep_links=False)
    if not workbook.worksheets:
        raise IntakeRefused("The workbook has no sheet with cells.")
    sheet = workbook.worksheets[0]
    sheet.reset_dimensions()  # they are only what the writer said
    return iter(sheet.iter_rows(values_only=True))


def _quietly(step: Callable[[], T]) -> T:
    """Take one step without openpyxl's warnings: what it does not support, nobody misses who only reads values.

    Never around a ``yield``: the filters are those of the process.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="openpyxl")
        return step()


def _row(values: tuple[object, ...]) -> list[str]:
    width = len(values)
    while width and values[width - 1] is None:
        width -= 1
    return [_text(value) for value in values[:width]]


def _text(value: object) -> str:
    """Write a cell as people write it: numbers without ".0", dates in ISO 8601, true and false."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case float():
            return format(value, ".15g")  # what Excel shows of the seventeen digits that it stores
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return str(value)
