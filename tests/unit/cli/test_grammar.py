"""Proves help, usage errors and start-up time of the command line."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from gateway.cli import main
from gateway.cli.commands import COMMANDS
from gateway.cli.parser import build, overview


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
        assert f"  {command.name}" in out


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
    # One good try of ten will do: other work on the machine is not ours to measure.
    assert any(_seconds("--help") <= 0.150 for _ in range(10))


def _seconds(*words: str) -> float:
    started = time.perf_counter()
    run(*words)
    return time.perf_counter() - started


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
def test_each_command_explains_itself_with_an_example(capsys: pytest.CaptureFixture[str], name: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*name.split(), "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert f"usage: gateway {name} " in out
    assert f"  gateway {name}" in out.partition("examples:")[2]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_each_option_says_what_it_does(command: object) -> None:
    for action in build(command)._actions:  # type: ignore[arg-type]
        assert action.help, action.dest


def test_the_version_is_that_of_the_installed_package() -> None:
    status, out, _err = run("--version")
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
