"""Owns the file of rejected rows: the rows of an upload that were not taken, each with its place, reason and code.

Refuses to know why: whoever rejected a row says so. The file can be corrected and sent again.
Source: rules PRV-4, API-6 (every refusal names the place and the fix).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was not taken. ``fields`` are its cells in the order of the upload's columns."""

    number: int
    code: str
    reason: str
    fields: tuple[str, ...]


class RejectedRows:
    """Lays rejected rows out as a table: the columns of the upload, then ``row``, ``reason`` and ``code``.

    A column of the upload that has one of these names keeps it; ours is then called ``rejected_row`` and so on.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)

    def heading(self) -> tuple[str, ...]:
        """Name the columns."""
        return (*self._columns, *(_free_name(name, self._columns) for name in ("row", "reason", "code")))

    def line(self, rejected: RejectedRow) -> tuple[str | int, ...]:
        """Lay out one row; cells that it lacks are empty, those beyond the heading stand at its end."""
        width = len(self._columns)
        cells = (*rejected.fields[:width], *("",) * (width - len(rejected.fields)))
        return (*cells, rejected.number, rejected.reason, rejected.code, *rejected.fields[width:])


def fields_of(columns: Sequence[str], values: Mapping[str, str]) -> tuple[str, ...]:
    """Lay the values of a row out in the order of the columns again."""
    return tuple(values.get(name, "") for name in columns)


def _free_name(name: str, taken: Sequence[str]) -> str:
    return next(each for each in _prefixed(name) if each not in taken)


def _prefixed(name: str) -> Iterator[str]:
    while True:
        yield name
        name = f"rejected_{name}"
