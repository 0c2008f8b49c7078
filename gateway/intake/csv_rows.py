"""Owns the reading of a CSV stream: octets in, rows out, never more than a block and a row in memory.

Refuses to know who sends it and what a row is for. No I/O.
Source: RFC 4180; rules API-3; attack list row 22.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from itertools import dropwhile

from gateway.intake.delimiter import Delimiter, guess_delimiter, said_delimiter, sample
from gateway.intake.encoding import UNDECODABLE, Encoding, TextDecoder, refuse_no_text
from gateway.intake.records import Records
from gateway.intake.rows import LIMITS, IntakeRefused, Limits, Row, RowProblem, Shape
from gateway.intake.table import (
    guess_number_column,
    is_heading,
    made_heading,
    read_heading,
    read_row,
    unreadable,
)

BLOCK_OCTETS = 16 * 1024
"""What is decoded and split at a time, at fixed places of the stream: no guess depends on how it arrived.

Some hundred rows, enough to guess by; a few milliseconds of work, so that nothing else waits for long.
"""


class CsvReader:
    """Reads a CSV as it arrives; separator and encoding are guessed from its first block unless they are given.

    ``headed`` says whether the first row names the columns; None: guess.
    Feed octets as they come, then call :meth:`end` once. After a refusal the reader is of no more use.
    """

    def __init__(
        self,
        limits: Limits = LIMITS,
        *,
        encoding: Encoding | None = None,
        delimiter: Delimiter | None = None,
        headed: bool | None = True,
    ) -> None:
        self._limits = limits
        self._delimiter: Delimiter | None = delimiter
        self._decoder = TextDecoder(encoding)
        self._octets = bytearray()
        self._octets_read = 0
        self._head: list[list[str]] = []
        self._tail = ""
        self._records: Records | None = None
        self._columns: tuple[str, ...] = ()
        self._headed = headed
        self._number_column: str | None = None
        self._rows_given = 0
        self._suspect = False

    @property
    def shape(self) -> Shape | None:
        """What the file turned out to be; None until its heading was read."""
        if not self._columns:
            return None
        delimiter = self._delimiter or ","
        return Shape(
            self._decoder.encoding, delimiter, self._columns, self._number_column, self._headed is not False
        )

    def feed(self, chunk: bytes) -> list[Row | RowProblem]:
        """Take the next octets and give the rows that are complete; 2 µs a row, so feed a block's worth at a time.

        Raises:
            IntakeRefused: the file cannot be read on; row and column are named.
        """
        self._octets += chunk
        rows: list[Row | RowProblem] = []
        while len(self._octets) >= BLOCK_OCTETS:
            block = bytes(self._octets[:BLOCK_OCTETS])
            del self._octets[:BLOCK_OCTETS]
            rows += self._read(block, last=False)
        return rows

    def end(self) -> list[Row | RowProblem]:
        """Say that no more octets come, and give the rows that were waiting.

        Raises:
            IntakeRefused: the rest cannot be read, a quote is open, or there is no heading.
        """
        rows = self._read(bytes(self._octets), last=True)
        if not self._columns:
            raise IntakeRefused("The file is empty. The first row must name the columns.", 0)
        return rows

    def _read(self, block: bytes, *, last: bool) -> list[Row | RowProblem]:
        if self._octets_read == 0:
            refuse_no_text(block)
        self._octets_read += len(block)
        if self._octets_read > self._limits.file_octets:
            most = self._limits.file_octets // (1024 * 1024)
            raise IntakeRefused(f"The file is larger than {most} MiB. Split it.", code="body_too_large")
        text = self._decoder.decode(block, last=last)
        self._suspect = self._suspect or "\0" in text or UNDECODABLE in text
        lines = self._lines(text, last=last)
        if self._records is None:
            lines = self._begin(lines, last=last)
            if self._records is None:
                return []
        self._records.add(lines, last=last)
        return self._rows(self._records)

    def _lines(self, text: str, *, last: bool) -> list[str]:
        lines = list(io.StringIO(self._tail + text, newline=""))
        # A line that ends in CR may still get its LF.
        self._tail = lines.pop() if lines and not last and not lines[-1].endswith("\n") else ""
        return lines

    def _begin(self, lines: list[str], *, last: bool) -> list[str]:
        """Find the separator once a line is there; until then there are no records."""
        lines = _from_first_text(lines)
        said = said_delimiter(lines[0]) if lines else None
        if said is not None:
            self._delimiter = self._delimiter or said
            lines = _from_first_text(lines[1:])
        if lines or last or len(self._tail) > self._limits.row_octets:
            self._delimiter = self._delimiter or guess_delimiter(lines, whole=last)
            self._head = sample(lines, self._delimiter, whole=last)
            self._records = Records(self._delimiter, self._limits.row_octets)
        return lines

    def _rows(self, records: Records) -> list[Row | RowProblem]:
        rows: list[Row | RowProblem] = []
        while (fields := records.take()) is not None:
            if self._columns:
                row = self._row(records, fields)
                if row is not None:
                    rows.append(row)
                records.number += 1
            elif any(fields):
                rows += self._heading(records, fields)
                records.number += 1
        records.check_tail(self._tail)
        return rows

    def _heading(self, records: Records, fields: list[str]) -> list[Row | RowProblem]:
        """Read the first row; where it is no heading, it is a row already."""
        if self._headed is None:
            self._headed = is_heading(fields)
        if self._headed:
            self._columns = read_heading(fields, self._limits)
            self._number_column = guess_number_column(self._columns, self._head[1:])
            return []
        self._columns = made_heading(fields)
        self._number_column = guess_number_column(self._columns, self._head)
        records.number += 1
        row = self._row(records, fields)
        return [] if row is None else [row]

    def _row(self, records: Records, fields: list[str]) -> Row | RowProblem | None:
        row: Row | RowProblem | None = None
        if self._suspect or records.octets > self._limits.field_characters:
            row = unreadable(self._columns, records.number, fields, self._limits)
        row = row or read_row(self._columns, records.number, fields)
        if row is not None:
            self._rows_given += 1
            if self._rows_given > self._limits.rows:
                reason = f"There are more than {self._limits.rows} rows. Split the file."
                raise IntakeRefused(reason, records.number)
        return row


def _from_first_text(lines: Iterable[str]) -> list[str]:
    return list(dropwhile(lambda line: not line.strip(), lines))
