"""Owns which inbound texts are keywords, which only sound like stop, and which of our texts tell how to stop.

Knows no number, no suppression and no answer: what follows from a keyword is decided where it was received.
Source: rules OPT-1, OPT-2, OPT-3, OPT-8, OPT-9; 47 CFR 64.1200(a)(10).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gateway.policy.keyword_table import KeywordTable, Kind, Word, keyword_table
from gateway.policy.normal_form import normalised

LONGEST_WORD = 60
"""Characters in normal form; no keyword is longer, so a longer text is none."""

_SUSPECTED_WORDS = 5
"""OPT-8: a stop word and up to four words more ("stop it", "cancel all this please") is close to a stop."""

_LINK = re.compile(r"https?://\S|\bwww\.\S|\b[a-z0-9-]{1,63}\.[a-z]{2,24}/\S", re.IGNORECASE)

_GLUED = re.compile("[\u0590-\u06ff\u1100-\u11ff\u3040-\u9fff]")
"""Hebrew, Arabic, Korean, Japanese, Chinese: words are written together or with particles (退订回T, להסרה)."""


@dataclass(frozen=True, slots=True)
class Keyword:
    """What an inbound text asks for.

    ``word`` is as the table or the setting writes it, ``language`` the one to answer in. ``conditional``: an everyday
    answer (YES) that is a start only for a number which a keyword suppressed; else it is no keyword.
    """

    kind: Kind
    word: str
    language: str
    conditional: bool = False


@dataclass(frozen=True, slots=True)
class KeywordSettings:
    """What an organisation changes about the table; words in any spelling."""

    preset: Literal["default", "appointments"] = "default"
    add_stop: tuple[str, ...] = ()
    add_start: tuple[str, ...] = ()
    add_help: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class Keywords:
    """Judges texts by the table as it was set; ``warnings`` are sentences for the log at start."""

    def __init__(self, settings: KeywordSettings) -> None:
        """Put the table together.

        Raises:
            ValueError: a word that must stay is removed, one that is no keyword is removed, or one that is added
                means something else already; the text names the word and the fix.
        """
        table = keyword_table()
        removed = table.removed_by.get(settings.preset, frozenset()) | _removed(table, settings.remove)
        self._words = {form: word for form, word in table.words.items() if form not in removed}
        added: tuple[tuple[Kind, tuple[str, ...]], ...] = (
            ("stop", settings.add_stop),
            ("start", settings.add_start),
            ("help", settings.add_help),
        )
        for kind, words in added:
            for written in words:
                self._add(kind, written)
        self._everyday_yes = table.everyday_yes
        self._whole = table.whole
        self._phrases = tuple(map(_sought, table.anywhere))
        stops = [form for form, word in self._words.items() if word.kind == "stop"]
        self._stops = frozenset(stops)
        self._first_words = tuple(f"{stop} " for stop in stops)
        self._plain_stops = tuple(_sought(stop) for stop in stops if stop not in table.everyday_stop)
        self._everyday_stops = tuple(_sought(stop) for stop in stops if stop in table.everyday_stop)
        self.warnings = _warnings(table, self._words)

    def match(self, text: str, reader: str | None = None) -> Keyword | None:
        """Say what a text asks for when it is a keyword and nothing else.

        Args:
            text: An inbound text, whole.
            reader: BCP 47 tag of the contact, where one is known. It chooses the language of words that belong to
                several (STOP, STOPP); a word of one language is answered in that one.
        """
        form = normalised(text)
        word = self._words.get(form) if len(form) <= LONGEST_WORD else None
        if word is None:
            return None
        conditional = word.kind == "start" and form in self._everyday_yes
        return Keyword(word.kind, word.written, _language(word, reader), conditional)

    def suspected(self, text: str) -> bool:
        """Say whether a text means stop without being a keyword, so that a person should look at it."""
        form = normalised(text)
        if form in self._words:
            return False
        words = form.split()
        if len(words) <= _SUSPECTED_WORDS and form.startswith(self._first_words):
            return True
        spelled = "".join(words)  # S.T.O.P.
        if len(spelled) == len(words) and spelled in self._stops:
            return True
        return form in self._whole or _holds(form, self._phrases)

    def has_stop_hint(self, text: str) -> bool:
        """Say whether a text that we send tells its reader how to stop: by a stop word or a link.

        Words of ordinary sentences (end, cancel, baja) count in capitals only.
        """
        if _LINK.search(text):
            return True
        capitals = " ".join(word for word in text.split() if word == word.upper())
        return _holds(normalised(text), self._plain_stops) or _holds(
            normalised(capitals), self._everyday_stops
        )

    def _add(self, kind: Kind, written: str) -> None:
        form = normalised(written)
        if not form or len(form) > LONGEST_WORD:
            raise ValueError(
                f'keywords.{kind}: "{written[:80]}" cannot be a keyword: write 1 to {LONGEST_WORD} letters or digits'
            )
        known = self._words.setdefault(form, Word(kind, written))
        if known.kind != kind:
            raise ValueError(
                f'keywords.{kind}: "{written}" is a {known.kind} keyword already; a word means one thing:'
                " name it in remove first, or take another"
            )


def _removed(table: KeywordTable, remove: Iterable[str]) -> frozenset[str]:
    for written in remove:
        form = normalised(written)
        if form in table.never_removed:
            raise ValueError(
                f'keywords.remove: "{written}" must stay: everyone who sends it wants no more texts, and the law of'
                " many countries takes it so; STOP, STOPALL and UNSUBSCRIBE cannot be removed"
            )
        if form not in table.words:
            raise ValueError(
                f'keywords.remove: "{written[:80]}" is no keyword; name one of the table of keywords'
            )
    return frozenset(map(normalised, remove))


def _warnings(table: KeywordTable, words: dict[str, Word]) -> tuple[str, ...]:
    warnings: list[str] = []
    gone = [table.words[form].written for form in table.words if form in table.us_rules and form not in words]
    if gone:
        warnings.append(
            f"keywords: {', '.join(gone)} no longer stop messages; rules of the US (47 CFR 64.1200(a)(10)) name them"
            " as words that revoke consent: keep them where recipients are in the US"
        )
    if "start" not in words:
        warnings.append(
            "keywords: START is removed, but the answer to STOP tells people to reply START to return"
        )
    return tuple(warnings)


def _language(word: Word, reader: str | None) -> str:
    primary = reader.partition("-")[0].casefold() if reader else ""
    if primary and (not word.languages or primary in word.languages):
        return primary
    return word.languages[0] if word.languages else "en"


def _sought(phrase: str) -> str:
    return phrase if _GLUED.match(phrase) else f" {phrase} "


def _holds(form: str, sought: tuple[str, ...]) -> bool:
    padded = f" {form} "
    return any(phrase in padded for phrase in sought)
