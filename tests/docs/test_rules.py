"""Proves that every rule about what is sent has a test that names it, or stands in the list of what is not kept."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/consent.md"
NOT_SUPPORTED = "Not supported"
NAMED = re.compile(r"(?:^|_)((?:NUM|PMP|OPT|CON|QUI|CNT)_\d+|row_\d+)(?=_|$)")


def listed() -> dict[str, Any]:
    return tomllib.loads((ROOT / "tests/vectors/rules.toml").read_text())


def wanted() -> dict[str, str]:
    """Give what each rule and attack says, by the words with which a test names it."""
    rules = {rule["id"].replace("-", "_"): rule["says"] for rule in listed()["rule"]}
    return rules | {f"row_{attack['row']}": attack["says"] for attack in listed()["attack"]}


def names_of_tests(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name


def named_in(source: str) -> set[str]:
    return {word for name in names_of_tests(source) for word in NAMED.findall(name)}


def named() -> set[str]:
    return {word for path in ROOT.glob("tests/**/test_*.py") for word in named_in(path.read_text())}


def excused() -> set[str]:
    """Give the rules that the page says are not kept."""
    text = PAGE.read_text().partition(f"\n## {NOT_SUPPORTED}\n")[2].partition("\n## ")[0]
    return {word.replace("-", "_") for word in re.findall(r"\*\*([A-Z]{3}-\d+)\*\*", text)}


def test_every_rule_has_a_test_that_names_it_or_a_reason_why_it_is_not_kept() -> None:
    found = named() | excused()
    missing = {word: says for word, says in wanted().items() if word not in found}
    assert not missing, "no test names: " + "; ".join(f"{word} ({says})" for word, says in missing.items())


def test_no_test_names_a_rule_that_does_not_exist() -> None:
    rules = {word for word in named() if not word.startswith("row_")}
    assert rules <= set(wanted())


def test_the_page_says_of_every_rule_how_it_is_kept() -> None:
    rows = re.findall(r"^\| ([A-Z]{3}-\d+) \|", PAGE.read_text(), re.MULTILINE)
    assert rows == [rule["id"] for rule in listed()["rule"]]


def test_a_rule_counts_only_when_the_name_of_a_test_says_it_whole() -> None:
    source = """
class TestSome:
    async def test_OPT_4_and_row_31_are_one(self): ...
def test_NUM_12_is_another(): ...
def test_PROMPT_1_is_none(): ...
def helper_QUI_1(): ...
# test_CNT_1 in a comment
"""
    assert named_in(source) == {"OPT_4", "row_31", "NUM_12"}
