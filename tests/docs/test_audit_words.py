"""Proves that every action of the audit trail that is written anywhere has words, and that the page lists them all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from gateway.web.audit_words import ACTIONS, KINDS

ROOT = Path(__file__).resolve().parents[2]
ACTION = re.compile(r"[a-z]+\.[a-z_]+")
SAYS = {"Deed", "_tell", "_deed", "_audited", "record"}
"""What is called with an action, in whatever place."""


def written() -> set[str]:
    """Gather the actions that the code writes: where a deed is made, and where a route names its own."""
    return {
        text for path in (ROOT / "gateway").rglob("*.py") for text in _actions(ast.parse(path.read_text()))
    }


def _actions(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "audited":
            yield from _texts(node.value)
        elif isinstance(node, ast.Call) and _name(node.func) in SAYS:
            for argument in node.args:
                yield from _texts(argument)
        elif isinstance(node, ast.Assign) and [_name(t) for t in node.targets] == ["action"]:
            yield from _texts(node.value)


def _texts(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and ACTION.fullmatch(each.value):
            yield each.value


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


EVENTS = {"suppression.start_ignored", "approval.requested", "approval.decided"}
"""Told to programs by functions of the same names; nobody's deed."""


def test_every_action_that_is_written_has_words_and_no_words_stand_for_nothing() -> None:
    assert written() - EVENTS == set(ACTIONS)


def test_the_page_lists_every_action_with_its_words() -> None:
    rows = re.findall(
        r"^\| `([a-z]+\.[a-z_]+)` \| (.+) \|$", (ROOT / "docs/audit.md").read_text(), re.MULTILINE
    )
    assert dict(rows) == dict(ACTIONS)


def test_what_the_page_lets_people_choose_is_the_beginning_of_some_action() -> None:
    assert {action.partition(".")[0] for action in ACTIONS} >= set(KINDS)
