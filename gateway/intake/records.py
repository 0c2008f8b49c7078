"""Owns cutting lines of a CSV into records, where a quoted cell may hold line ends and records come in pieces.

Refuses to know encodings and headings. The splitting itself is the standard library's.
Source: RFC 4180 §2; rules API-3 (64 KiB a row); attack list row 22.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence

from gateway.intake.rows import IntakeRefused


class Records:
    """Gives whole records out of lines; a record whose end has not come yet waits and costs no more than a row may.

    ``number`` is that of the record that comes next, for refusals; the caller counts it on.
    """

    def __init__(self, delimiter: str, row_octets: int) -> None:
        self.number = 0
        self._delimiter = delimiter
        self._row_octets = row_octets
        self._lines = _Lines(row_octets)
        self._reader = csv.reader(self._lines, delimiter=delimiter)

    @property
    def octets(self) -> int:
        """Size in UTF-8 of the record that was given last."""
        return self._lines.octets

    def add(self, lines: Sequence[str], *, last: bool) -> None:
        """Take further lines, each with its line end; ``last`` when no more come."""
        self._lines.waiting.extend(lines)
        self._lines.last = last

    def take(self) -> list[str] | None:
        """Give the next whole record; None when its end has not come, or nothing is left.

        Raises:
            IntakeRefused: a quote that never closes, or a row over its limit.
        """
        self._lines.begin()
        try:
            return next(self._reader)
        except (_MoreNeeded, StopIteration):
            self._lines.put_back()
            return None
        except _Unclosed:
            column = len(self._cells(self._lines.taken))
            raise self._refused(
                'A quote (") opens here and never closes. Close or double it.', column
            ) from None
        except _TooLong:
            raise self._too_long(self._lines.taken) from None
        except csv.Error as error:
            raise self._refused(f"This cannot be read as CSV: {error}. Correct the row.", None) from None

    def check_tail(self, tail: str) -> None:
        """Refuse a record that is over its limit although neither its end nor that of its line has come."""
        begun = [*self._lines.waiting, tail]
        if sum(map(_octets, begun)) > self._row_octets:
            raise self._too_long(begun)

    def _too_long(self, lines: Sequence[str]) -> IntakeRefused:
        cells = self._cells(lines)
        longest = max(range(len(cells)), key=lambda i: len(cells[i]), default=0)
        reason = f"The row is longer than {self._row_octets // 1024} KiB. Shorten it, or close a quote that is open."
        return self._refused(reason, longest + 1)

    def _refused(self, reason: str, column: int | None) -> IntakeRefused:
        return IntakeRefused(reason, self.number, column)

    def _cells(self, lines: Sequence[str]) -> list[str]:
        """Split what there is of a broken record; cut, since the splitter has a limit of its own."""
        begun = "".join(lines)[: self._row_octets]
        return next(csv.reader(begun.splitlines(keepends=True), delimiter=self._delimiter), [])


class _MoreNeeded(Exception):
    pass


class _Unclosed(Exception):
    pass


class _TooLong(Exception):
    pass


class _Lines:
    """Hands lines to the splitter and keeps those of the record that it is at, to begin it anew with more of them.

    The splitter asks for a further line of the same record only while a quote is open.
    """

    def __init__(self, row_octets: int) -> None:
        self.waiting: deque[str] = deque()
        self.taken: list[str] = []
        self.octets = 0
        self.last = False
        self._row_octets = row_octets

    def begin(self) -> None:
        self.taken.clear()
        self.octets = 0

    def put_back(self) -> None:
        self.waiting.extendleft(reversed(self.taken))
        self.begin()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self.waiting:
            if not self.last:
                raise _MoreNeeded
            if self.taken:
                raise _Unclosed
            raise StopIteration
        line = self.waiting.popleft()
        self.taken.append(line)
        self.octets += _octets(line)
        if self.octets > self._row_octets:
            raise _TooLong
        return line


def _octets(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
