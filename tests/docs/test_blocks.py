"""Proves that every block of a document is run, or stands in a list with the reason why not, and that the rest shows
nothing to type."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from gateway.cli.commands import COMMANDS
from gateway.cli.parser import parse
from tests.harness.pages import ELSEWHERE, NOT_RUN, ROOT, blocks, documents, plain_blocks

GENERATED = {"cli.md"}
"""Examples of the command line stand in its table, and are parsed below."""

NOT_RUN_AT_MOST = 22
"""Blocks that nothing runs: more needs a reason in review."""

TYPED = re.compile(
    r"^(?:\S*/)?(?:gateway|curl|sudo|make|pip|python3?|apt|podman|docker|echo|cd) ", re.MULTILINE
)


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_every_mark_of_a_block_has_its_reason(path: Path) -> None:
    assert {block.mark for block in blocks(path.read_text())} <= {"", *NOT_RUN, *ELSEWHERE}


def test_the_blocks_that_nothing_runs_are_few() -> None:
    left = [
        f"{path.name}: {block.text.splitlines()[0]} ({block.mark})"
        for path in documents()
        for block in blocks(path.read_text())
        if block.mark in NOT_RUN
    ]
    assert len(left) <= NOT_RUN_AT_MOST, "\n".join(left)


def test_every_reason_is_needed() -> None:
    used = {block.mark for path in documents() for block in blocks(path.read_text())}
    assert used - {""} == {*NOT_RUN, *ELSEWHERE}


def test_every_test_that_a_reason_names_exists() -> None:
    there = {path.name for path in ROOT.glob("tests/**/*.py")}
    for reason in (*NOT_RUN.values(), *ELSEWHERE.values()):
        assert set(re.findall(r"`(test_\w+\.py)`", reason)) <= there, reason


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_a_block_without_a_language_shows_what_comes_and_is_nothing_to_type(path: Path) -> None:
    if path.name in GENERATED:
        return
    for block in plain_blocks(path.read_text()):
        assert not TYPED.search(block), f"mark it as sh: {block}"


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_every_fence_is_closed(path: Path) -> None:
    assert len(re.findall(r"^```", path.read_text(), re.MULTILINE)) % 2 == 0


@pytest.mark.parametrize("example", [line for command in COMMANDS for line in command.examples])
def test_every_example_of_the_command_line_is_understood(example: str) -> None:
    words = shlex.split(re.split(r" [|<>] ", example.rpartition(" | ")[2])[0])
    assert words[0] == "gateway"
    assert parse(words[1:]).run


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_every_gateway_command_that_a_block_types_is_understood(path: Path) -> None:
    """Those that nothing runs are at least parsed."""
    for block in blocks(path.read_text()):
        for line in block.text.replace("\\\n", " ").splitlines() if block.language == "sh" else ():
            found = re.match(
                r"^(?:sudo (?:-u \w+ )?|podman exec \w+ )?(?:\S*/)?gateway ([^|>&]+)", line.strip()
            )
            if found:
                assert parse(shlex.split(found[1])).run
