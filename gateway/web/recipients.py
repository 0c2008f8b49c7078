"""Owns how numbers that were pasted in any shape are told apart: spaces, commas, lines, a column of a spreadsheet.

Pure: whether something is a number is asked of a judge; what is none stays as it was written.
Source: the notes on what people see, *Send box*; rules NUM-1 (the judge's grammar).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gateway.errors import GatewayError
from gateway.policy.number import Recipient

CHIPS_MOST = 500
"""More are a list: those go by a batch, from a file."""

_APART = re.compile(r"[\n\r\t,;|]+")
_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
_UNSEEN = re.compile("[\u200b-\u200f\u2060\u202a-\u202e\u2066-\u2069\ufeff'\"<>]")
"""Marks of direction that address books copy along, and what stands around a cell."""
_DASHES = re.compile("[\u2010-\u2015\u2212]")

_JOINED_MOST = 7
"""Groups of digits that one number may be written in: "+44 20 79 46 09 58" has six."""

Judge = Callable[[str], Recipient]


@dataclass(frozen=True, slots=True)
class Chip:
    """One number as it is shown back. ``e164`` "" where it is none; ``why`` says what is wrong with it."""

    written: str
    e164: str = ""
    country: str = ""
    sandbox: bool = False
    why: str = ""
    twice: bool = False

    @property
    def good(self) -> bool:
        """Say whether a text will go to it."""
        return bool(self.e164) and not self.twice


def chips(pasted: str, judge: Judge) -> tuple[Chip, ...]:
    """Tell the numbers of a text apart, in order, at most ``CHIPS_MOST``; what comes again is marked."""
    seen: set[str] = set()
    found: list[Chip] = []
    for chip in _each(pasted, judge):
        if len(found) >= CHIPS_MOST:
            break
        again = bool(chip.e164) and chip.e164 in seen
        seen.add(chip.e164)
        found.append(Chip(chip.written, chip.e164, chip.country, chip.sandbox, chip.why, again))
    return tuple(found)


def _each(pasted: str, judge: Judge) -> Iterator[Chip]:
    plain = _DASHES.sub("-", _UNSEEN.sub("", _SPACES.sub(" ", pasted)))
    for cell in _APART.split(plain):
        yield from _of_cell(cell.split(), judge)


def _of_cell(words: list[str], judge: Judge) -> Iterator[Chip]:
    """Read a cell as the longest numbers that it can be cut into."""
    at = 0
    while at < len(words):
        ends = range(min(at + _JOINED_MOST, len(words)), at, -1)
        chip = _first(_judged(" ".join(words[at:end]), judge) for end in ends if _may_join(words, at, end))
        alone = chip if chip is not None else _refused(words, at, judge)
        yield alone
        at += len(alone.written.split())


def _may_join(words: list[str], at: int, end: int) -> bool:
    """A plus begins a number, and two groups of nine digits are two numbers."""
    return not any(word.startswith("+") for word in words[at + 1 : end])


def _first(found: Iterable[Chip]) -> Chip | None:
    return next((chip for chip in found if chip.e164), None)


def _judged(written: str, judge: Judge) -> Chip:
    try:
        recipient = judge(written)
    except GatewayError as error:
        return Chip(written, why=error.detail)
    return Chip(written, recipient.e164, recipient.country or "", recipient.sandbox)


def _refused(words: list[str], at: int, judge: Judge) -> Chip:
    """What is no number: digits that belong together stay together, so that one mistake is one chip."""
    end = at + 1
    while (
        end < len(words)
        and words[at].startswith("+")
        and words[end][:1].isdigit()
        and end - at < _JOINED_MOST
    ):
        end += 1
    return _judged(" ".join(words[at:end]), judge)
