"""Owns the values behind a prefix: commas, quotes, nested ranges, left-out fields.

Knows no command.
Source: V.250 §5.4.2 (values) and §5.4.3 (ranges in answers to `=?`).
"""

from __future__ import annotations

import re

_INTEGER = re.compile(r"-?\d{1,9}")
_RANGE = re.compile(r"(\d{1,4})(?:\s*-\s*(\d{1,4}))?")


def after_colon(line: str) -> str:
    """Return what stands behind the first colon, or the whole line where there is none."""
    _, colon, rest = line.partition(":")
    return rest.strip() if colon else line.strip()


def values(line: str) -> tuple[str, ...]:
    """Split a line's values at its commas, outside quotes and parentheses; quotes are taken off.

    `+CMTI: "SM",3` gives ("SM", "3"); `+CDS: ,25` gives ("", "25"); lists in parentheses stay whole.
    """
    found: list[str] = []
    value, depth, quoted = "", 0, False
    for char in after_colon(line):
        if char == '"':
            quoted = not quoted
            continue
        if not quoted and char in "()":
            depth += 1 if char == "(" else -1
        if char == "," and depth <= 0 and not quoted:
            found.append(value.strip())
            value = ""
        else:
            value += char
    found.append(value.strip())
    return tuple(found)


def integer(text: str) -> int | None:
    """Return a whole number, or None where there is none."""
    return int(text) if _INTEGER.fullmatch(text) else None


def field(line: str, index: int) -> str:
    """Return one value of a line, or "" where the modem left it out."""
    found = values(line)
    return found[index] if index < len(found) else ""


def numbers(text: str) -> frozenset[int]:
    """Return the numbers of a list such as `(0-2,7)`; a single number stands for itself.

    Source: V.250 §5.4.3.1
    """
    found: set[int] = set()
    for low, high in _RANGE.findall(text):
        found.update(range(int(low), int(high or low) + 1))
    return frozenset(found)
