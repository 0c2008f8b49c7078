"""Proves that log lines name ids alike and pass nothing that the log would remove.

Source: docs/metrics.md (log lines); rules LOG-1 (event names are constants), LOG-2.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from gateway.log import NEVER_LOGGED

ROOT = Path(__file__).resolve().parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception"}
OTHERWISE = {"request_id", "message_id", "line_id", "attempt_id"}


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Each call of a logger in the gateway, with where it stands."""
    for path in sorted((ROOT / "gateway").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                logger = ast.unparse(node.func.value)
                if node.func.attr in LEVELS and (logger == "log" or logger.endswith("._log")):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_there_are_log_lines_to_look_at() -> None:
    assert len(list(calls())) > 80


def test_ids_of_requests_messages_lines_and_attempts_have_one_name_each() -> None:
    assert {at: name for at, call in calls() for name in _names(call) & OTHERWISE} == {}


def test_no_line_passes_what_would_be_removed_from_it() -> None:
    assert {at: name for at, call in calls() for name in _names(call) & NEVER_LOGGED} == {}


def test_LOG_1_an_event_is_a_constant_or_one_of_a_table_of_constants() -> None:
    for at, call in calls():
        event = call.args[0]
        named = isinstance(event, ast.Attribute) and "events" in ast.unparse(event)
        assert named or (isinstance(event, ast.Constant) and isinstance(event.value, str)), at


def _names(call: ast.Call) -> set[str]:
    return {keyword.arg for keyword in call.keywords if keyword.arg is not None}
