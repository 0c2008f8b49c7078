"""Owns how results are shown: aligned columns on a terminal, one tab-separated record a line anywhere else.

Knows no command. Foreign text is escaped, so that a label can neither steer the terminal nor break a record.
Source: the notes on the command line (NO_COLOR, --color; no boxes, no wrapping in a pipe).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.escape import escape

_GAP = 3
_FOLDED = 12
"""Cells that a column keeps which gives way: enough for a word."""

_STATES = {"submitting": "sending", "undelivered": "not delivered"}
"""Words of states that are not the state's own name."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Where results go. ``terminal``: a person reads; otherwise a program does."""

    terminal: bool
    colour: bool
    as_json: bool

    def table(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[object]],
        styles: Sequence[str] = (),
        folds: str = "",
    ) -> None:
        """Show records. ``styles`` names a colour per row, which only repeats what a word already says; ``folds``
        is the heading of the column that gives way on a narrow terminal."""
        shown = [[_cell(value) for value in row] for row in rows]
        if not self.terminal:
            for row in shown:
                print("\t".join(row))
            return
        _aligned(headings, shown, styles if self.colour else (), folds)

    def paragraph(self, text: str, indent: int) -> None:
        """Print text for a person, wrapped to the terminal, each line indented."""
        width = max(shutil.get_terminal_size().columns - 1, 40)
        margin = " " * indent
        for line in textwrap.wrap(escape(text), width, initial_indent=margin, subsequent_indent=margin):
            print(line)

    def styled(self, text: str, colour: str) -> str:
        """Colour a word, if colour is wanted at all."""
        code = {"red": 31, "green": 32, "yellow": 33}.get(colour)
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code else text

    def document(self, value: Any) -> None:
        """Print one JSON document."""
        print(json.dumps(value, ensure_ascii=False, indent=2 if self.terminal else None))

    def line(self, text: str) -> None:
        """Print one line."""
        print(escape(text), flush=True)


def screen(arguments: argparse.Namespace) -> Screen:
    """Look at standard output, ``--color``, ``--json`` and ``NO_COLOR``."""
    terminal = sys.stdout.isatty()
    wanted = getattr(arguments, "color", "auto")
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    colour = wanted == "always" or (wanted == "auto" and terminal and not plain)
    return Screen(terminal, colour, bool(getattr(arguments, "json", False)))


def note(text: str) -> None:
    """Tell a person one line beside the result: on standard error."""
    print(escape(text), file=sys.stderr, flush=True)


def about(seconds: float) -> str:
    """Say how long in the unit that people would use."""
    for limit_s, unit_s, unit in ((90, 1, "s"), (5400, 60, "min"), (129_600, 3600, "h")):
        if seconds < limit_s:
            return f"{round(seconds / unit_s)} {unit}"
    return f"{round(seconds / 86_400)} days"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun: ``1 part``, ``2 parts``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def word_of(state: str) -> str:
    """Call the state of a message by the word that people know it by."""
    return _STATES.get(state, state.replace("_", " "))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(str(value))


def _aligned(
    headings: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str], folds: str
) -> None:
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="")
    needed = 0
    for column, heading in enumerate(headings):
        width = max([cell_len(heading), *(cell_len(row[column]) for row in rows)])
        least = min(width, max(_FOLDED, len(heading))) if heading == folds else width
        # no_wrap: rich would narrow every column by turns, widen the others again, and cut what stands too far out.
        table.add_column(heading, overflow="fold", min_width=least, max_width=width, no_wrap=heading != folds)
        needed += least + _GAP
    for i, row in enumerate(rows):
        # Text, not markup: a label like "[red]" is a label.
        table.add_row(*(Text(cell) for cell in row), style=styles[i] if i < len(styles) else None)
    console = Console(highlight=False, no_color=not styles)
    # On a narrow terminal a long line is wrapped by the terminal; rich would cut it, which loses what it says.
    console.width = max(console.width, needed)
    console.print(table)
