"""Owns the QR code in a terminal: a link as half blocks that a phone's camera reads, or a line why there is none.

Knows nothing of pairing; the link is text.
Source: ISO/IEC 18004 (quiet zone of 4 modules, §6.3.8); segno draws the symbol; U+2580, U+2584, U+2588.
"""

from __future__ import annotations

import codecs
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest

QUIET_ZONE = 4
"""Modules of light around the symbol; fewer, and a dark terminal around it keeps cameras from finding it."""

_DARK_ON_LIGHT = "\x1b[30;47m"
_RESET = "\x1b[0m"
_BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


@dataclass(frozen=True, slots=True)
class Terminal:
    """What the terminal can show. Without ``colour`` its background is taken to be dark."""

    columns: int
    utf8: bool
    colour: bool


def show_qr(link: str) -> None:
    """Print the QR code of a link on standard output, or the line that stands in for it."""
    print(qr_text(link, this_terminal(os.environ)), flush=True)


def this_terminal(environ: Mapping[str, str]) -> Terminal:
    """Look at standard output, ``NO_COLOR`` and ``TERM``."""
    encoding = sys.stdout.encoding or "ascii"
    plain = bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
    return Terminal(shutil.get_terminal_size().columns, codecs.lookup(encoding).name == "utf-8", not plain)


def qr_text(link: str, terminal: Terminal) -> str:
    """Draw a link, two rows of modules a line; black on white in any colour scheme where colours are wanted.

    Args:
        link: Up to about 250 characters; longer ones make a symbol that few terminals are wide enough for.
        terminal: Where it will be shown.

    Returns:
        Lines without the last line feed. Where a symbol cannot be read from this terminal: one line that says why,
        and the link.
    """
    import segno

    # Level L: a screen has no scratches, and every step up makes the symbol wider.
    symbol = segno.make_qr(link, error="l")
    width, _ = symbol.symbol_size(border=QUIET_ZONE)
    if not terminal.utf8:
        return f"No QR code: this terminal does not show UTF-8. The link in it: {link}"
    if terminal.columns < width:
        return f"No QR code: it needs {width} columns, this terminal has {terminal.columns}. The link in it: {link}"
    rows = [[bool(module) for module in row] for row in symbol.matrix_iter(border=QUIET_ZONE)]
    if not terminal.colour:
        # Blocks are light on a dark background, so they draw what is light.
        rows = [[not module for module in row] for row in rows]
    missing = [False] * len(rows[0])
    lines = [
        "".join(_BLOCKS[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip_longest(rows[::2], rows[1::2], fillvalue=missing)
    ]
    if terminal.colour:
        lines = [f"{_DARK_ON_LIGHT}{line}{_RESET}" for line in lines]
    return "\n".join(lines)
