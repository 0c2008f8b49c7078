"""Owns the QR code on a page: a link as one SVG path, dark on light in any colour scheme, or a camera reads nothing.

Knows nothing of pairing; the link is text.
Source: ISO/IEC 18004 (quiet zone of 4 modules, §6.3.8); segno makes the symbol.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import segno

QUIET_ZONE = 4


@dataclass(frozen=True, slots=True)
class QrCode:
    """A symbol: ``size`` modules a side with its quiet zone, ``path`` draws the dark ones in an SVG of that size."""

    size: int
    path: str


def qr_code(link: str) -> QrCode:
    """Draw a link of up to about 250 characters, a run of dark modules a stroke."""
    # Level L: a screen has no scratches, and every step up makes the modules smaller.
    symbol = segno.make_qr(link, error="l")
    size, _ = symbol.symbol_size(border=QUIET_ZONE)
    strokes = []
    for y, row in enumerate(symbol.matrix_iter(border=QUIET_ZONE)):
        x = 0
        for dark, run in groupby(row, key=bool):
            length = len(list(run))
            if dark:
                strokes.append(f"M{x} {y}h{length}v1h-{length}z")
            x += length
    return QrCode(int(size), "".join(strokes))
