"""Owns cutting vCards out of a file, and of each card the few lines that a contact is made of.

Refuses to know what the lines mean. It lets nothing through that the grammar does not allow, since the expressions of
the library that reads the lines take exponential time on such.
Source: RFC 6350 §3.2 and §3.3, RFC 2426 §2.6, vCard 2.1 §2.1 (folding, quoted-printable).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

WANTED = frozenset({"VERSION", "KIND", "FN", "N", "ORG", "TEL", "EMAIL", "LANG", "CATEGORIES"})

_LINE_CHARACTERS = 10_000
_CARD_LINES = 500
"""Of those that are wanted; an address book entry has ten."""

_NAME = re.compile(r"(?:[A-Za-z0-9-]+\.)?([A-Za-z0-9-]+)[;:]")
_VALUE = r'(?:"[^"]*+"|[^";:,]*+)'
_HEADER = re.compile(
    rf"(?:[A-Za-z0-9-]++\.)?[A-Za-z0-9-]++(?:;[A-Za-z0-9-]++(?:={_VALUE}(?:,{_VALUE})*+)?)*+:"
)


@dataclass(frozen=True, slots=True)
class Card:
    """One card: its lines unfolded, or in ``damage`` what is wrong with it. ``number`` counts from 1."""

    number: int
    lines: tuple[str, ...]
    damage: str | None = None


def cut_cards(text: str) -> Iterator[Card]:
    """Give every card of a file; what stands between cards is not looked at."""
    number = 0
    begun: _Cutter | None = None
    for line in re.split(r"\r\n|\r|\n", text):
        marker = line.strip().upper()
        if marker == "BEGIN:VCARD":
            if begun is not None:
                yield begun.card("The card before this line has no END:VCARD. Add it.")
            number += 1
            begun = _Cutter(number)
        elif begun is not None and marker == "END:VCARD":
            yield begun.card()
            begun = None
        elif begun is not None:
            begun.take(line)
    if begun is not None:
        yield begun.card("The card has no END:VCARD; the file may be cut. Add it.")


class _Cutter:
    """Joins the physical lines of one card. A line that is not wanted is dropped with all that continues it."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._lines: list[list[str]] = []
        self._wanted = False
        self._soft_break = False
        self._characters = 0
        self._damage: str | None = None

    def take(self, line: str) -> None:
        if self._soft_break:
            self._soft_break = False
            self._continue(line)
        elif line[:1] in (" ", "\t"):
            if self._wanted:
                self._continue(line[1:])
        elif line.strip():
            self._start(line)

    def card(self, damage: str | None = None) -> Card:
        lines = tuple("".join(pieces) for pieces in self._lines)
        return Card(self._number, lines, damage or self._damage or _damage_of(lines))

    def _start(self, line: str) -> None:
        match = _NAME.match(line)
        if match is None and not self._wanted and self._lines:
            return  # base64 of a picture, which some programs do not indent
        self._wanted = match is None or match.group(1).upper() in WANTED
        if not self._wanted:
            return
        if len(self._lines) == _CARD_LINES:
            self._damage = f"The card has more than {_CARD_LINES} lines. Remove what nobody needs."
            self._wanted = False
            return
        self._lines.append([])
        self._characters = 0
        self._continue(line)

    def _continue(self, piece: str) -> None:
        self._characters += len(piece)
        if self._characters > _LINE_CHARACTERS:
            self._damage = f"A line has more than {_LINE_CHARACTERS} characters. Shorten it."
            return
        pieces = self._lines[-1]
        if piece.endswith("=") and "QUOTED-PRINTABLE" in (pieces[0] if pieces else piece).upper():
            self._soft_break = True
            piece = piece[:-1]
        pieces.append(piece)


def _damage_of(lines: tuple[str, ...]) -> str | None:
    for line in lines:
        if not _HEADER.match(line):
            return 'A line is not of the form "NAME;PARAMETER=VALUE:VALUE". Export the card again.'
    return None
