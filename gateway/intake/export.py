"""Owns what leaves as CSV: cells that no spreadsheet takes for a formula, lines, and the name of the file.

Refuses to know whose rows they are. NDJSON is the exact form; this one is for people with a spreadsheet.
Source: rules PRV-4; RFC 4180; RFC 6266 §4.3; attack list rows 21 and 22.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

BOM = b"\xef\xbb\xbf"
"""Goes before the first line: without it Excel takes UTF-8 for Windows-1252."""

_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_KEPT_FROM_COMPUTING = tuple(f"'{first}" for first in _FORMULA)
_NUMBER = re.compile(r"\+[0-9]{1,15}", re.ASCII)
_TO_QUOTE = re.compile(r'[",;|\t\r\n]|\A\s|\s\Z')
_UNFIT_FOR_A_NAME = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)

_NAME_CHARACTERS = 100
"""Of 255 octets that file systems take, what still can be read in a dialog."""


def csv_cell(text: str) -> str:
    """Write a text as a cell: with a leading ``'`` where a spreadsheet would compute it, in quotes where needed.

    A telephone number in E.164 stays as it is: it is not a formula, and programs read the column.
    """
    if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text):
        text = "'" + text
    if _TO_QUOTE.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def cell_as_meant(text: str) -> str:
    """Read a cell as it was before :func:`csv_cell` kept spreadsheets from computing it."""
    return text[1:] if text.startswith(_KEPT_FROM_COMPUTING) else text


def csv_line(cells: Iterable[str | int | None]) -> bytes:
    """Write a row in UTF-8 with CR LF; numbers stay numbers, None is an empty cell."""
    written = [
        csv_cell(cell) if isinstance(cell, str) else "" if cell is None else str(cell) for cell in cells
    ]
    # A row of one empty cell would be a blank line, which readers skip.
    line = ",".join(written) or '""'
    return (line + "\r\n").encode("utf-8", "replace")


def safe_file_name(name: str, default: str) -> str:
    """Make a name for ``Content-Disposition: attachment`` out of anything: no path, no control, ASCII, short.

    Args:
        name: What somebody called it; may be hostile.
        default: Used when nothing of the name is left; its extension is that of every answer.
    """
    extension = "." + default.rpartition(".")[2]
    stem = re.split(r"[/\\:]", name)[-1]
    if stem.lower().endswith(extension):
        stem = stem[: -len(extension)]
    ascii_stem = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    fit = _UNFIT_FOR_A_NAME.sub("_", ascii_stem).strip("._-")
    if not fit or _RESERVED.fullmatch(fit):
        return default
    return fit[: _NAME_CHARACTERS - len(extension)].rstrip("._-") + extension
