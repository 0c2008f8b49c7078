"""Owns the one form in which texts are compared with words: no case, no marks, no punctuation, single spaces.

Knows no keyword and no rule; the words of a table go through it like the texts.
Source: rule OPT-1; UAX #15 (NFKC, NFKD), Unicode general categories.
"""

from __future__ import annotations

import unicodedata

_REMEMBERED_CHARS = 4_096
"""What became of these characters is kept: all the alphabets one gateway sees, not all of Unicode."""


def normalised(text: str) -> str:
    """Bring a text into the form in which it is compared.

    ``“Ｓtop” 🙏`` and ``STOP.`` become ``stop``, ``S.T.O.P.`` becomes ``s t o p``. White space parts words whatever
    its category, so a line break does not glue two words together. Takes any text; doing it twice changes nothing.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.translate(_FOLDS).split())


class _Folds(dict[int, str | None]):
    """For ``str.translate``: what becomes of each code point, found when it is first met."""

    def __missing__(self, code: int) -> str | None:
        fold = _fold(chr(code))
        if len(self) < _REMEMBERED_CHARS:
            self[code] = fold
        return fold


def _fold(char: str) -> str | None:
    if char == "ı":
        return "i"
    category = unicodedata.category(char)
    if char.isspace():
        return " "
    if category in {"Mn", "Cf", "Cc"}:
        return None
    return " " if category[0] in "PSZC" else char


_FOLDS = _Folds()
