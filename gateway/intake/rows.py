"""Owns the values of an intake: rows, rows that are wrong, files that are refused, and how large each may be.

Refuses to know any format; each reader makes these.
Source: rules API-3; attack list row 22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

RefusalCode = Literal["csv_invalid", "body_too_large"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file and its parts may be; ``row_octets`` is counted as UTF-8, whatever the file's encoding."""

    file_octets: int = 100 * 1024 * 1024
    row_octets: int = 64 * 1024
    rows: int = 100_000
    columns: int = 200
    name_characters: int = 100
    field_characters: int = 10_000


LIMITS = Limits()
"""API-3: what a stream may be. The rest keeps one row from costing more than a row should."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a table turned out to be. ``delimiter`` is empty for workbooks.

    ``headed``: the first row named the columns; else they are called "column 1" and so on.
    ``number_column`` is the column that most likely holds phone numbers, or None when nothing speaks for one.
    """

    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    number_column: str | None
    headed: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table. ``number`` counts from 1 below the heading (or from the top), blank rows included."""

    number: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row that cannot be used; the rest of the file can.

    ``column`` counts from 1, None where the whole row is at fault. ``detail`` says what and the fix. ``fields`` are
    the cells as they were read, for the file of rejected rows.
    """

    number: int
    column: int | None
    detail: str
    fields: tuple[str, ...] = ()


class IntakeRefused(ValueError):
    """The file cannot be used. ``row`` is 0 for the heading; ``detail`` names row, column and the fix."""

    def __init__(
        self,
        reason: str,
        row: int | None = None,
        column: int | None = None,
        code: RefusalCode = "csv_invalid",
    ) -> None:
        self.code = code
        self.row = row
        self.column = column
        self.detail = _place(row, column) + reason
        super().__init__(self.detail)


def shown(text: str) -> str:
    """Quote what a file holds, cut and without what a log or terminal would obey."""
    short = text if len(text) <= 32 else text[:31] + "…"
    return '"' + "".join(c if c.isprintable() else "?" for c in short) + '"'


def _place(row: int | None, column: int | None) -> str:
    places = []
    if row is not None:
        places.append("heading" if row == 0 else f"row {row}")
    if column is not None:
        places.append(f"column {column}")
    return (", ".join(places) + ": ").capitalize() if places else ""
