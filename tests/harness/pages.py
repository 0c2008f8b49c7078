"""Owns how the blocks of a document are read: their language, their mark, and what the document shows as their answer.

Knows no server and runs nothing.
Source: CommonMark 0.31 §4.5 (the info string of a fence: a language, then one word of ours).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

RUNNABLE = ("sh", "python", "javascript", "php")
"""Languages of blocks that do something; the others show something."""

NOT_RUN = {
    "hardware": "needs a phone or a modem that is really there",
    "root": "changes the machine; `test_service_install.py` does it in a directory",
    "stays": "runs until it is ended; `test_first_minute.py` and `test_story_emulate.py` start it",
    "engine": "needs a container engine; `test_container.py` reads the file that it builds",
    "network": "needs another name for this machine",
}
"""Marks of blocks that no test runs as they stand, and why."""

ELSEWHERE = {
    "server": "`test_webhook_receivers.py` starts it and lets the gateway post to it",
    "test": "run by pytest",
    "stream": "started while texts are sent, until it tells of one",
}
"""Marks of blocks that are run in a way of their own."""

_BLOCK = re.compile(
    r"^```(\w*)(?: (\w+))?\n(.*?)^```$(?=\n\n?(?:```(json|)\n(.*?)^```$)?)", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    """A block that does something. ``shown`` is the answer that stands below it: JSON, lines of text, or nothing."""

    language: str
    mark: str
    text: str
    shown: Any = None


def documents() -> list[Path]:
    """List the documents that people read: the front page and docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(text: str) -> list[Block]:
    """Read the blocks of a document that do something, in their order."""
    found = []
    for language, mark, code, shown_as, shown in _BLOCK.findall(text):
        if language in RUNNABLE:
            answer = (json.loads(shown) if shown_as == "json" else shown) if shown else None
            found.append(Block(language, mark, code, answer))
    return found


def configuration(text: str) -> str:
    """Take the settings that stand before the first block that does something: with them the blocks work."""
    first = re.search(rf"^```(?:{'|'.join(RUNNABLE)})\b", text, re.MULTILINE)
    return "\n".join(re.findall(r"```toml\n(.*?)```", text[: first.start()] if first else "", re.DOTALL))


def plain_blocks(text: str) -> list[str]:
    """Read the blocks without a language: they show what comes, and are nothing to type."""
    return [code for language, _, code, _, _ in _BLOCK.findall(text) if not language]


# ------------------------------------------------------------------ comparing


def differs(shown: Any, real: Any, where: str = "") -> str | None:
    """Compare a shown answer with a real one, which may have more; "…" in a shown text stands for anything."""
    if isinstance(shown, dict) and isinstance(real, dict):
        missing = next((f"{where}.{key} is not there" for key in shown if key not in real), None)
        return missing or _first(differs(value, real[key], f"{where}.{key}") for key, value in shown.items())
    if isinstance(shown, list) and isinstance(real, list):
        if len(shown) > len(real):
            return f"{where} has {len(real)} entries"
        return _first(differs(value, real[i], f"{where}[{i}]") for i, value in enumerate(shown))
    if isinstance(shown, str) and isinstance(real, str) and "\n" in shown:
        return differing_lines(shown, real)
    if isinstance(shown, str) and "…" in shown and real is not None:
        return None
    return None if shown == real else f"{where} is {real!r}, the page shows {shown!r}"


def differing_lines(shown: str, real: str) -> str | None:
    """Compare lines for people: gaps, seconds and ids may differ, "…" stands for anything."""
    wanted, came = [_calm(line) for line in shown.splitlines()], [_calm(line) for line in real.splitlines()]
    if len(wanted) != len(came):
        return f"{len(came)} lines came, the page shows {len(wanted)}: {real!r}"
    for a, b in zip(wanted, came, strict=True):
        if not re.fullmatch(".*".join(map(re.escape, a.split("…"))), b):
            return f"came {b!r}, the page shows {a!r}"
    return None


def _calm(line: str) -> str:
    calm = re.sub(r"\d+\.\d\d s\b", "0.00 s", " ".join(line.split()))
    return re.sub(r"\b[0-9a-f]{8}-[^\s:]*", "ID", calm)


def _first(found: Any) -> str | None:
    return next(filter(None, found), None)
