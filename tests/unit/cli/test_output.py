"""Proves that a table on a terminal loses nothing, however narrow the terminal is."""

from __future__ import annotations

import pytest

from gateway.cli.output import Screen

ROWS = [["Office", "+447700900101", "a very long name of a device that gives way", "needs attention"]]
HEADINGS = ("LINE", "NUMBER", "DEVICE", "STATE")


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
def test_no_cell_is_cut_at_any_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    Screen(terminal=True, colour=False, as_json=False).table(HEADINGS, ROWS, folds="DEVICE")
    out = capsys.readouterr().out
    assert "needs attention" in out
    assert "+447700900101" in out
    assert "…" not in out
    letters = "".join("".join(line[24:].split("needs attention")[0].split()) for line in out.splitlines()[1:])
    assert "averylongnameofadevicethatgivesway" in letters


@pytest.mark.parametrize("columns", [40, 80, 100, 120, 200])
def test_no_cell_is_cut_beside_another_wide_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    hint = "Switch on USB debugging (Security settings) in Developer options, then unplug the phone"
    rows = [["3f2b8c1e-6a54-4d99-86c4-cf53eeedf8e4", "Google Pixel 4a", "127.0.0.1", "attached", hint]]
    headings = ("DEVICE", "MODEL", "AT", "STATE", "REMARK")
    Screen(terminal=True, colour=False, as_json=False).table(headings, rows, folds="REMARK")
    lines = capsys.readouterr().out.splitlines()
    begins = lines[0].index("REMARK")
    assert "".join("".join(line[begins:].split()) for line in lines[1:]) == "".join(hint.split())


def test_markup_and_controls_in_a_cell_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(terminal=True, colour=False, as_json=False).table(("LINE",), [["[red]a[/red]\x1b[31m"]])
    assert "[red]a[/red]\\x1b[31m" in capsys.readouterr().out


def test_a_terminal_without_colour_gets_no_escape_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(terminal=True, colour=False, as_json=False)
    screen.table(("LINE",), [["x"]], ["red"])
    screen.paragraph(screen.styled("a long text", "red"), 2)
    assert "\x1b" not in capsys.readouterr().out


def test_cells_in_a_pipe_are_empty_for_nothing_and_words_for_truth(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Screen(terminal=False, colour=False, as_json=False).table((), [[None, True, False, 0, "a\tb"]])
    assert capsys.readouterr().out == "\tyes\tno\t0\ta\\tb\n"
