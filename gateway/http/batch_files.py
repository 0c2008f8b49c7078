"""Owns how a file becomes the rows of a batch: which columns say what, and how the file is read.

Knows no rule about recipients and not where the octets come from; memory does not grow with the file.
Source: rules API-3; the readers are :mod:`gateway.intake`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from gateway.batches import Addressee, Problem
from gateway.errors import GatewayError, field_error
from gateway.intake.csv_rows import CsvReader
from gateway.intake.delimiter import Delimiter
from gateway.intake.encoding import Encoding
from gateway.intake.ndjson_rows import NdjsonReader, RecipientRow
from gateway.intake.rows import LIMITS, Row, RowProblem, Shape
from gateway.intake.xlsx import XlsxReader
from gateway.message import short_trouble

CSV = "text/csv"
NDJSON = "application/x-ndjson"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
STREAMS = (CSV, NDJSON, XLSX)
"""What a batch may come as beside JSON."""
XLSX_MAX_OCTETS = 16 * 1024 * 1024
"""A workbook is a zip, so it is read whole; this holds 100,000 rows."""
_XLSX_ROWS = 500


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns say what; None: that of the numbers is guessed, others say nothing."""

    number: str | None = None
    language: str | None = None
    email: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class ReadAs:
    """How a table is read where it is not guessed. ``headed`` False: the first row names no columns; None: guess."""

    encoding: Encoding | None = None
    delimiter: Delimiter | None = None
    headed: bool | None = True


class FileRows:
    """One file as rows of a batch. ``shape`` is what it turned out to be, once its first rows were read."""

    def __init__(self, media: str, columns: Columns, read_as: ReadAs = ReadAs()) -> None:
        self.shape: Shape | None = None
        self._media = media
        self._columns = columns
        self._read_as = read_as

    async def read(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Sequence[Addressee | Problem]]:
        """Read the rows as octets come; small chunks hold the loop for a few milliseconds each.

        Raises:
            IntakeRefused: the file cannot be read; row and column are named.
            GatewayError: a column that was named is not there, or none has numbers.
        """
        reads = {XLSX: self._workbook, NDJSON: self._lines}.get(self._media, self._text)
        async for some in reads(chunks):
            yield some

    async def _lines(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Sequence[Addressee | Problem]]:
        lines = NdjsonReader()
        async for chunk in chunks:
            yield [self._of_line(row) for row in lines.feed(chunk)]
        yield [self._of_line(row) for row in lines.end()]

    async def _text(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Sequence[Addressee | Problem]]:
        read_as = self._read_as
        reader = CsvReader(encoding=read_as.encoding, delimiter=read_as.delimiter, headed=read_as.headed)
        async for chunk in chunks:
            some = reader.feed(chunk)
            self.shape = reader.shape
            yield self._of_table(some, reader.shape.number_column if some and reader.shape else None)
        some = reader.end()
        self.shape = reader.shape
        yield self._of_table(some, reader.shape.number_column if reader.shape else None)

    async def _workbook(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Sequence[Addressee | Problem]]:
        octets = bytearray()
        async for chunk in chunks:
            octets += chunk
            if len(octets) > XLSX_MAX_OCTETS:
                raise too_large()
        headed = self._read_as.headed
        book = await asyncio.to_thread(lambda: XlsxReader(bytes(octets), headed=headed))
        self.shape = book.shape
        rows: Iterator[Row | RowProblem] = book.rows()
        while some := await asyncio.to_thread(lambda: list(islice(rows, _XLSX_ROWS))):
            yield self._of_table(some, book.shape.number_column)

    def _of_line(self, row: RecipientRow | RowProblem) -> Addressee | Problem:
        if isinstance(row, RowProblem):
            return _problem(row)
        email = row.email or row.data.get("email")
        return Addressee(row.number, row.to, row.data, row.language, row.reference, email)

    def _of_table(
        self, rows: Sequence[Row | RowProblem], guessed: str | None
    ) -> Sequence[Addressee | Problem]:
        columns = self._columns
        column = columns.number or guessed
        if rows and column is None:
            raise field_error(
                "csv_invalid",
                "No column looks like phone numbers. Name it with number_column, or call its heading number.",
                "number_column",
            )
        return [
            _problem(row) if isinstance(row, RowProblem) else self._of_row(row, row.values, column or "")
            for row in rows
        ]

    def _of_row(self, row: Row, values: Mapping[str, str], column: str) -> Addressee | Problem:
        columns = self._columns
        for named in (column, columns.language, columns.email, columns.reference):
            if named is not None and named not in values:
                known = ", ".join(list(values)[:10])
                raise GatewayError(
                    "csv_invalid", f'There is no column "{named[:60]}". The heading has: {known}.'
                )
        email = values.get(columns.email) if columns.email else _called(values, "email", "e-mail")
        to = values[column].strip()
        reference = values.get(columns.reference, "") if columns.reference else ""
        trouble = short_trouble(reference)
        if trouble is not None:
            detail = f"The reference {trouble}. Correct it, or leave it empty."
            return Problem(row.number, "csv_invalid", detail, {"to": to, **values})
        return Addressee(
            number=row.number,
            to=to,
            values=values,
            language=(values.get(columns.language) or None) if columns.language else None,
            reference=reference or None,
            email=email or None,
        )


def _called(values: Mapping[str, str], *names: str) -> str | None:
    return next((value for name, value in values.items() if name.casefold() in names), None)


def _problem(row: RowProblem) -> Problem:
    shown = {f"column {i}": field for i, field in enumerate(row.fields, start=1)}
    return Problem(row.number, "csv_invalid", row.detail, shown or None)


def too_large() -> GatewayError:
    """The file is larger than any file may be."""
    return GatewayError(
        "body_too_large",
        f"The file is larger than {LIMITS.file_octets // 2**20} MiB. Split it.",
        headers={"Connection": "close"},
    )
