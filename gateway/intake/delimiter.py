"""Owns the guess which character parts the columns of a CSV.

Refuses to know streams: it is given the lines at the beginning of one.
Source: RFC 4180; the separators that spreadsheets write by their locale; Excel's own "sep=;" line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Literal, get_args

Delimiter = Literal[",", ";", "\t", "|"]
DELIMITERS: tuple[Delimiter, ...] = get_args(Delimiter)

_SAMPLED_RECORDS = 100
_SEP_LINE = re.compile(r'"?sep=([,;\t|])"?\s*')


def said_delimiter(line: str) -> Delimiter | None:
    """Read Excel's line that names the separator; None for any other line."""
    match = _SEP_LINE.fullmatch(line)
    return next((each for each in DELIMITERS if match and match.group(1) == each), None)


def guess_delimiter(lines: Sequence[str], *, whole: bool) -> Delimiter:
    """Choose the separator by which most rows have as many cells as the heading; a comma when all are one cell.

    Args:
        lines: The beginning of the file, each with its line end.
        whole: The lines are the whole file; else the last record may be cut and does not count.
    """
    best, best_score = DELIMITERS[0], (0.0, 1)
    for delimiter in DELIMITERS:
        records = sample(lines, delimiter, whole=whole)
        width = len(records[0]) if records else 1
        if width < 2:
            continue
        alike = sum(1 for record in records if len(record) == width) / len(records)
        if (alike, width) > best_score:
            best, best_score = delimiter, (alike, width)
    return best


def sample(lines: Iterable[str], delimiter: str, *, whole: bool) -> list[list[str]]:
    """Split some records at the beginning, heading first, blank ones left out."""
    try:
        records = list(islice(csv.reader(lines, delimiter=delimiter), _SAMPLED_RECORDS))
    except csv.Error:  # a quote that opened and swallowed more than the reader takes
        return []
    if not whole and len(records) < _SAMPLED_RECORDS:
        records = records[:-1]
    return [record for record in records if any(record)]
