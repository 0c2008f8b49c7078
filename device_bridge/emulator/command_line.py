"""Owns the syntax of an AT command line: one line in, its commands out.

Refuses to know what a command does.
Source: ITU-T V.250 §5.2–5.4 (basic, S-parameter and extended syntax, concatenation), 3GPP TS 27.007 §4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Form(StrEnum):
    """The four ways in which a command is given."""

    EXECUTE = ""
    READ = "?"
    TEST = "=?"
    SET = "="


@dataclass(frozen=True, slots=True)
class Command:
    """One command: ``+CMGS`` or ``E``. Arguments lose their quotes; one left out is an empty string."""

    name: str
    form: Form
    arguments: tuple[str, ...] = ()

    def number(self, position: int, default: int | None = None) -> int:
        """Read a decimal argument; raises ValueError when it is missing without a default or is no number."""
        text = self.arguments[position] if position < len(self.arguments) else ""
        if not text and default is not None:
            return default
        return int(text)

    def text(self, position: int, default: str = "") -> str:
        """Read an argument as it stands."""
        return self.arguments[position] if position < len(self.arguments) else default


_EXTENDED: Final = re.compile(
    r"""([+^*#$%][A-Z0-9!%./:_-]+)\s*(=\?|\?|=|)((?:"[^"]*"|[^";])*);?""", re.IGNORECASE
)
_BASIC: Final = re.compile(r"(&?[A-Z])(\d*)", re.IGNORECASE)
_S_PARAMETER: Final = re.compile(r"S(\d+)(\?|=)(\d*)", re.IGNORECASE)
_DIAL: Final = re.compile(r"D(.*)", re.IGNORECASE)


def parse_command_line(line: str) -> tuple[Command, ...] | None:
    """Split what follows ``AT`` into commands.

    Args:
        line: A whole line without its CR; anything before ``AT`` is noise of the wire and is skipped.

    Returns:
        The commands, () for a bare AT, None when the line is no command line or breaks the syntax. A line
        without ``AT`` gives None too; the caller tells the two apart by ``"AT" in line.upper()``.
    """
    start = line.upper().find("AT")
    if start < 0:
        return None
    rest = line[start + 2 :].strip()
    commands: list[Command] = []
    while rest:
        taken = _next(rest)
        if taken is None:
            return None
        command, length = taken
        commands.append(command)
        rest = rest[length:].lstrip(" ;")
    return tuple(commands)


def _next(rest: str) -> tuple[Command, int] | None:
    if match := _EXTENDED.match(rest):
        name, form, tail = match.groups()
        if form != "=" and tail.strip():
            return None
        arguments = _arguments(tail) if form == "=" else ()
        return Command(name.upper(), Form(form), arguments), match.end()
    if match := _S_PARAMETER.match(rest):
        return Command(f"S{int(match[1])}", Form(match[2]), (match[3],)), match.end()
    if match := _DIAL.match(rest):
        return Command("D", Form.EXECUTE, (match[1],)), match.end()
    if match := _BASIC.match(rest):
        return Command(match[1].upper(), Form.EXECUTE, (match[2],)), match.end()
    return None


def _arguments(tail: str) -> tuple[str, ...]:
    found = [""]
    quoted = False
    for character in tail:
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            found.append("")
        else:
            found[-1] += character
    return tuple(argument.strip() for argument in found) if tail.strip() else ()
