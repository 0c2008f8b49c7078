"""Proves that the page about the doctor names exactly the findings that the code can make."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from gateway.doctor.phone_steps import STEPS

ROOT = Path(__file__).resolve().parents[2]
MAKERS = {"Finding": 0, "finding": 0, "_of": 1, "_of_line": 1}
"""Functions that make a finding, and which of their arguments is its code."""


def codes_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
            place = MAKERS[node.func.id]
            if len(node.args) > place and isinstance(node.args[place], ast.Constant):
                yield str(node.args[place].value)  # type: ignore[attr-defined]  # a Constant, as was just seen


def test_every_finding_stands_in_the_page_of_the_doctor_and_the_other_way_round() -> None:
    files = [*(ROOT / "gateway/doctor").glob("*.py"), ROOT / "gateway/cli/doctor.py"]
    in_code = {code for path in files for code in codes_in(path)}
    in_code |= {words.code for words in STEPS.values()} | {"line_down"}  # of a line without a reason
    page = (ROOT / "docs/doctor.md").read_text()
    in_tables = set(re.findall(r"^\| `([a-z_]+)` \| [^|]+ \| [^|]+ \| [^|]* \|", page, re.MULTILINE))
    in_order = set(re.findall(r"`(\w+)`", page.rpartition("\n\n")[2].partition(", or as")[2]))
    assert in_tables | in_order == in_code
    assert not in_tables & in_order
