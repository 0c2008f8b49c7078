"""Owns the table of keywords as the data file tells it, each word in the form in which texts are compared.

Knows no setting and no text that was received.
Source: rules OPT-1, OPT-2, OPT-3, OPT-8; keywords.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from gateway.policy.normal_form import normalised

Kind = Literal["stop", "start", "help"]
KINDS: tuple[Kind, ...] = ("stop", "start", "help")


@dataclass(frozen=True, slots=True)
class Word:
    """One keyword as it is written; ``languages`` in the order of the table, empty where it belongs to all."""

    kind: Kind
    written: str
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeywordTable:
    """All keys and members of sets are normalised; ``removed_by`` is by the name of a preset."""

    words: dict[str, Word]
    removed_by: dict[str, frozenset[str]]
    never_removed: frozenset[str]
    us_rules: frozenset[str]
    everyday_yes: frozenset[str]
    everyday_stop: frozenset[str]
    anywhere: tuple[str, ...]
    whole: frozenset[str]


@cache
def keyword_table() -> KeywordTable:
    """Read the table."""
    content = tomllib.loads(files("gateway.policy").joinpath("keywords.toml").read_text("utf-8"))
    words: dict[str, Word] = {}
    for kind in KINDS:
        for language, written in content[kind].items():
            _collect(words, kind, "" if language == "all" else language, written)
    about, sounds = content["about"], content["sounds_like_stop"]
    return KeywordTable(
        words=words,
        removed_by={name: _forms(written) for name, written in content["removed_by"].items()},
        never_removed=_forms(about["never_removed"]),
        us_rules=_forms(about["us_rules"]),
        everyday_yes=_forms(about["everyday_yes"]),
        everyday_stop=_forms(about["everyday_stop"]),
        anywhere=tuple(normalised(phrase) for phrase in sounds["anywhere"]),
        whole=_forms(sounds["whole"]),
    )


def _collect(words: dict[str, Word], kind: Kind, language: str, all_written: Iterable[str]) -> None:
    for written in all_written:
        form = normalised(written)
        known = words.get(form, Word(kind, written))
        languages = (*known.languages, language) if language else known.languages
        words[form] = Word(kind, known.written, languages)


def _forms(all_written: Iterable[str]) -> frozenset[str]:
    return frozenset(map(normalised, all_written))
