"""Owns what every table has, CSV or workbook: a heading, rows as wide as it, and a column with the numbers.

Refuses to know where cells come from, and whether a number is one: that is for the number policy.
Source: rules API-3; attack list row 22.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from gateway.intake.encoding import UNDECODABLE
from gateway.intake.export import cell_as_meant
from gateway.intake.rows import IntakeRefused, Limits, Row, RowProblem, shown

_LIKE_A_NUMBER = re.compile(r"\+?[0-9(][0-9 ().\-/]{5,23}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d\d?[./]\d\d?[./]\d{2,4}", re.ASCII)

# From the name that says most to the one that says least ("number" may be of a house).
_NUMBER_NAMES = (
    "to", "msisdn", "e164", "mobile number", "mobile phone", "mobile", "cell phone", "cell", "handynummer", "handy",
    "mobilnummer", "mobiltelefon", "mobil", "portable", "telephone portable", "movil", "telefono movil", "celular",
    "cellulare", "mobiel", "gsm", "phone number", "phone", "telephone number", "telephone", "telefonnummer",
    "telefon", "telefono", "telefone", "telefoon", "tel", "sms", "whatsapp", "recipient", "destination", "numero",
    "nummer", "number",
)  # fmt: skip

_NAMED_SHARE = 0.3
"""Of the cells that hold something: a named column may have many that are damaged."""

_UNNAMED_SHARE = 0.8
"""Without a name only the content speaks, and account numbers look much like phone numbers."""


def read_heading(cells: Sequence[str], limits: Limits) -> tuple[str, ...]:
    """Read the names of the columns: white space folded, unique, none empty but at the end of the row.

    Raises:
        IntakeRefused: row 0 and the column at fault.
    """
    names = [" ".join(cell.split()) for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise IntakeRefused("The heading is blank. The first row must name the columns.", 0)
    if len(names) > limits.columns:
        raise IntakeRefused(f"There are {len(names)} columns; at most {limits.columns} are taken.", 0)
    for column, name in enumerate(names, 1):
        reason = _unfit(name, names[: column - 1], limits)
        if reason:
            raise IntakeRefused(reason, 0, column)
    return tuple(names)


def is_heading(cells: Sequence[str]) -> bool:
    """Guess whether a first row names the columns: a number or a hole between cells speaks against it."""
    written = [cell.strip() for cell in cells]
    while written and not written[-1]:
        written.pop()
    return all(written) and not any(map(_like_a_number, written))


def made_heading(cells: Sequence[str]) -> tuple[str, ...]:
    """Name the columns of a table without a heading by their place."""
    return tuple(f"column {place}" for place in range(1, len(cells) + 1))


def read_row(columns: Sequence[str], number: int, fields: Sequence[str]) -> Row | RowProblem | None:
    """Join a row to its heading; None is a blank row. Empty cells beyond the heading count for nothing.

    A file of ours, like that of rejected rows, comes back as it was before it was made safe for spreadsheets.
    """
    width = len(columns)
    if len(fields) != width:
        if not any(fields):
            return None
        if len(fields) < width or any(fields[width:]):
            return _wrong_width(columns, number, fields)
        fields = fields[:width]
    elif not any(fields):
        return None
    return Row(number, dict(zip(columns, map(cell_as_meant, fields), strict=True)))


def unreadable(
    columns: Sequence[str], number: int, fields: Sequence[str], limits: Limits
) -> RowProblem | None:
    """Find the first cell that is damaged or too long.

    Raises:
        IntakeRefused: a cell holds NUL: the file is no text, or not in the encoding that it was taken for.
    """
    for column, cell in enumerate(fields, 1):
        if "\0" in cell:
            raise IntakeRefused('There is a NUL character. Save the file as "CSV UTF-8".', number, column)
        name = shown(columns[column - 1]) if column <= len(columns) else f"Column {column}"
        if len(cell) > limits.field_characters:
            problem = (
                f"{name} has {len(cell)} characters; at most {limits.field_characters} are taken. Shorten it."
            )
            return RowProblem(number, column, problem, tuple(fields))
        if UNDECODABLE in cell:
            problem = (
                f'{name} holds a letter that cannot be read: {shown(cell)}. Save the file as "CSV UTF-8".'
            )
            return RowProblem(number, column, problem, tuple(fields))
    return None


def guess_number_column(columns: Sequence[str], sample: Sequence[Sequence[str]]) -> str | None:
    """Say which column most likely holds the recipients' numbers: by name where the cells agree, else by content.

    Args:
        columns: Names as in the heading.
        sample: Some rows, cell by cell; may be empty.

    Returns:
        One of ``columns``, or None when neither names nor cells speak for one.
    """
    shares = [_share(sample, index) for index in range(len(columns))]
    ranks = [_rank(name) for name in columns]
    named = [i for i, rank in enumerate(ranks) if rank < len(_NUMBER_NAMES)]
    fitting = [i for i in named if shares[i] >= _NAMED_SHARE]
    if fitting:
        return columns[min(fitting, key=lambda i: ranks[i])]
    alike = [i for i in range(len(columns)) if shares[i] >= _UNNAMED_SHARE]
    if alike:
        return columns[max(alike, key=lambda i: (shares[i], -i))]
    return columns[min(named, key=lambda i: ranks[i])] if named else None


def _unfit(name: str, before: Sequence[str], limits: Limits) -> str | None:
    if not name:
        return "This column has no name. Name it, or remove it."
    if len(name) > limits.name_characters:
        return f"A name has {len(name)} characters; at most {limits.name_characters} are taken."
    if UNDECODABLE in name or not name.isprintable():
        return f'The name {shown(name)} holds characters that cannot be read. Save the file as "CSV UTF-8".'
    if _like_a_number(name):
        return f"{shown(name)} is a number, not the name of a column. The first row must name the columns."
    if name in before:
        return f"{shown(name)} already names column {before.index(name) + 1}. Give each its own name."
    return None


def _wrong_width(columns: Sequence[str], number: int, fields: Sequence[str]) -> RowProblem:
    width = len(columns)
    if len(fields) < width:
        missing = f"The row ends before {shown(columns[len(fields)])}"
        reason = f"{missing}: {len(fields)} of {width} columns. Fill it up, or correct a quote or separator."
        return RowProblem(number, len(fields) + 1, reason, tuple(fields))
    reason = f"The row has {len(fields)} cells for {width} columns. Put a cell that holds the separator into quotes."
    return RowProblem(number, width + 1, reason, tuple(fields))


def _share(sample: Sequence[Sequence[str]], index: int) -> float:
    filled = [row[index] for row in sample if index < len(row) and row[index].strip()]
    return sum(map(_like_a_number, filled)) / len(filled) if filled else 0.0


def _like_a_number(cell: str) -> bool:
    written = cell.strip()
    if not _LIKE_A_NUMBER.fullmatch(written) or _DATE.fullmatch(written):
        return False
    return 7 <= sum(map(str.isdigit, written)) <= 17  # 15 of E.164 and an international prefix


def _rank(name: str) -> int:
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    words = " ".join(re.findall(r"[a-z0-9]+", plain))
    return _NUMBER_NAMES.index(words) if words in _NUMBER_NAMES else len(_NUMBER_NAMES)
