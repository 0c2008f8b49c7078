"""Proves help, usage errors and start-up time of the command line."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from gateway.cli import main
from gateway.cli.commands import COMMANDS
from gateway.cli.parser import build, overview
from tests.harness.quickest import quickest_s

SCREEN_LINES = 34
"""Of the command with the most options; all others stay below 27."""


def run(*words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *words], capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stdout, done.stderr


def usage_error(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.splitlines()


def test_help_fits_one_screen_and_begins_with_examples() -> None:
    status, out, err = run("--help")
    assert (status, err) == (0, "")
    assert len(out.splitlines()) <= 30
    assert max(map(len, out.splitlines())) <= 90
    assert out.index("examples:") < out.index("commands:")
    for command in COMMANDS:
        word, _, verb = command.name.partition(" ")
        assert f"  {command.name}" in out or re.search(rf"^  {word} … .*\b{verb}\b", out, re.MULTILINE)


def test_help_starts_quickly_because_nothing_heavy_is_imported() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, gateway.cli.parser as p; p.overview(); print(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout.split()
    assert not {"pydantic", "aiohttp", "rich", "asyncio", "structlog", "sqlite3", "serial"} & set(loaded)


def test_help_answers_within_its_budget() -> None:
    assert quickest_s(lambda: run("--help"), 0.150) < 0.150


def test_no_command_shows_the_commands_and_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert usage_error(capsys) == overview().splitlines()


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (["serv"], 'no command "serv"', 'did you mean "serve"? All commands: gateway --help'),
        (["xyzzy"], 'no command "xyzzy"', "All commands: gateway --help"),
        (
            ["lines", "usd"],
            'no command "lines usd"',
            'did you mean "lines ussd"? All commands: gateway --help',
        ),
        (
            ["keys", "creat"],
            'no command "keys creat"',
            'did you mean "keys create"? All commands: gateway --help',
        ),
        (
            ["serve", "--prot", "3"],
            'no option "--prot"',
            'did you mean "--port"? All options: gateway serve --help',
        ),
        (
            ["devices", "pear"],
            'no command "devices pear"',
            'did you mean "devices pair"? All commands: gateway --help',
        ),
        (
            ["serve", "--port", "99999"],
            "argument --port: must be between 0 and 65535",
            "gateway serve --help",
        ),
        (["send", "+999"], "the following arguments are required: TEXT", "gateway send --help"),
        (
            ["emulate", "--submit-s", "x"],
            "argument --submit-s: invalid number value: 'x'",
            "gateway emulate --help",
        ),
    ],
)
def test_a_usage_error_is_one_line_why_and_one_line_what_to_do(
    capsys: pytest.CaptureFixture[str], words: list[str], error: str, hint: str
) -> None:
    assert usage_error(capsys, *words) == [f"error: {error}", f"hint:  {hint}"]


@pytest.mark.parametrize("name", [c.name for c in COMMANDS])
def test_each_command_explains_itself_with_an_example(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main([*name.split(), "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert f"usage: gateway {name} " in out
    assert out.index(f"\n  gateway {name}") < out.index("usage:"), "examples come first"
    assert len(out.splitlines()) <= SCREEN_LINES
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_each_option_says_what_it_does(command: object) -> None:
    for action in build(command)._actions:  # type: ignore[arg-type]
        assert action.help, action.dest


def test_how_a_command_is_called_names_what_has_to_be_given() -> None:
    usages = {c.name: build(c).format_usage().strip().removeprefix("usage: gateway ") for c in COMMANDS}
    assert usages["send"] == "send [options] TO TEXT"
    assert usages["batch send"] == "batch send (--text T | --template ID) [options] FILE"
    assert usages["keys create"] == "keys create --name N [options]"
    assert usages["doctor"] == "doctor [options] [DEVICE]"


@pytest.mark.parametrize("word", ["--version", "version"])
def test_the_version_is_that_of_the_installed_package(word: str) -> None:
    status, out, _err = run(word)
    assert status == 0
    assert out.startswith("gateway 0.")


def test_a_reader_that_goes_away_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -u -m gateway --help | true",
        shell=True,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stderr
