"""Owns the proof that the QR code in a terminal is read by somebody else's reader, in any colour scheme.

Turns the text into pixels as a terminal would, and gives them to zxing.
"""

from __future__ import annotations

import re

import pytest
import zxingcpp

from gateway.cli.qr import QUIET_ZONE, Terminal, qr_text, show_qr

LINK = f"smsgateway://pair?h=192.168.100.105:8443&p={'0123456789abcdef' * 4}&c=0123456789ABCDEFGHJKMNPQRS"
LIT = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
BLACK, WHITE = 0, 255
CELL = 4  # pixels a module


def pixels(text: str, foreground: int, background: int) -> list[list[int]]:
    """Show text as a terminal does, two modules a cell, on a screen that is a little larger."""
    rows = [[background] * 80 for _ in range(4)]
    for line in text.split("\n"):
        colours = (BLACK, WHITE) if line.startswith("\x1b[30;47m") else (foreground, background)
        cells = [LIT[c] for c in re.sub(r"\x1b\[[0-9;]*m", "", line)]
        for half in (0, 1):
            row = [colours[0] if cell[half] else colours[1] for cell in cells]
            rows.append([background] * 4 + row + [background] * (76 - len(row)))
    return rows + [[background] * 80 for _ in range(4)]


def read(rows: list[list[int]]) -> list[str]:
    large = bytes(pixel for row in rows for _ in range(CELL) for pixel in row for _ in range(CELL))
    image = memoryview(large).cast("B", (len(rows) * CELL, 80 * CELL))
    return [found.text for found in zxingcpp.read_barcodes(image, try_invert=False)]


@pytest.mark.parametrize(
    ("colour", "foreground", "background"),
    [(True, WHITE, BLACK), (True, BLACK, WHITE), (False, WHITE, BLACK)],
    ids=["colours on dark", "colours on light", "no colours, on dark"],
)
def test_a_reader_that_knows_no_inverted_codes_reads_the_link(
    colour: bool, foreground: int, background: int
) -> None:
    text = qr_text(LINK, Terminal(80, utf8=True, colour=colour))
    assert read(pixels(text, foreground, background)) == [LINK]


def test_a_pairing_link_fits_a_terminal_of_60_columns() -> None:
    assert "\n" in qr_text(LINK, Terminal(60, utf8=True, colour=True))


def test_every_line_is_as_wide_as_the_symbol_and_begins_with_the_quiet_zone() -> None:
    lines = qr_text(LINK, Terminal(80, utf8=True, colour=False)).split("\n")
    assert len({len(line) for line in lines}) == 1
    assert {line[:QUIET_ZONE] for line in lines[:-1]} == {"█" * QUIET_ZONE}
    assert set(lines[0]) == set(lines[1]) == {"█"}


def test_a_narrow_terminal_gets_one_line_with_the_link_and_the_width_it_lacks() -> None:
    width = len(qr_text(LINK, Terminal(80, utf8=True, colour=False)).split("\n")[0])
    text = qr_text(LINK, Terminal(width - 1, utf8=True, colour=True))
    assert "\n" not in text
    assert f"{width} columns" in text
    assert LINK in text
    assert "\n" in qr_text(LINK, Terminal(width, utf8=True, colour=True))


def test_a_terminal_without_utf_8_gets_one_line_with_the_link() -> None:
    text = qr_text(LINK, Terminal(80, utf8=False, colour=True))
    assert text.isascii()
    assert LINK in text
    assert "UTF-8" in text


@pytest.mark.parametrize(
    ("variable", "value", "coloured"),
    [("NO_COLOR", "1", False), ("TERM", "dumb", False), ("TERM", "xterm", True)],
)
def test_colours_follow_the_usual_variables(
    variable: str,
    value: str,
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv(variable, value)
    show_qr(LINK)
    shown = capsys.readouterr().out
    assert ("\x1b" in shown) is coloured
    assert read(pixels(shown.rstrip("\n"), WHITE, BLACK)) == [LINK]
