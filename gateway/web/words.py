"""Owns the language of the pages: which there are, which one a request gets, and the functions that look words up.

Knows no page. English stands in the code; a catalogue translates it. What the gateway itself says elsewhere (the
catalogue of problems, findings) is looked up by its English words too.
Source: GNU gettext (msgid, plural forms); RFC 9110 §12.5.4 (Accept-Language).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from gettext import GNUTranslations, NullTranslations
from importlib import resources

DEFAULT = "en"


def _shipped() -> dict[str, NullTranslations]:
    found: dict[str, NullTranslations] = {DEFAULT: NullTranslations()}
    folder = resources.files("gateway.web") / "locale"
    for language in sorted(folder.iterdir(), key=lambda f: f.name) if folder.is_dir() else ():
        catalogue = language / "LC_MESSAGES" / "web.mo"
        if catalogue.is_file():
            with catalogue.open("rb") as file:
                found[language.name] = GNUTranslations(file)
    return found


LANGUAGES = _shipped()
"""Catalogues by language tag; a test may add one of its own."""

_chosen: ContextVar[tuple[str, NullTranslations]] = ContextVar(
    "language", default=(DEFAULT, NullTranslations())
)


def language() -> str:
    """Name the language of the page that is being made."""
    return _chosen.get()[0]


def gettext(words: str) -> str:
    """Look a text up; an empty one stays empty (gettext would answer with the catalogue's head)."""
    return _chosen.get()[1].gettext(words) if words else ""


def ngettext(one: str, many: str, n: int) -> str:
    """Look a text with a number up."""
    return _chosen.get()[1].ngettext(one, many, n)


def mark(words: str) -> str:
    """Mark a text for the catalogue that is looked up later."""
    return words


@contextmanager
def spoken(accepted: str) -> Iterator[None]:
    """Make what follows speak the best language of an Accept-Language header."""
    chosen = best(accepted)
    token = _chosen.set((chosen, LANGUAGES[chosen]))
    try:
        yield
    finally:
        _chosen.reset(token)


def best(accepted: str) -> str:
    """Choose among the languages that there are; English when none of them is wanted."""
    wanted = []
    for piece in accepted.split(","):
        tag, _, weight = piece.strip().partition(";q=")
        try:
            wanted.append((float(weight or 1), tag.lower()))
        except ValueError:
            continue
    for _weight, tag in sorted(wanted, key=lambda each: -each[0]):
        for candidate in (tag, tag.partition("-")[0]):
            if candidate in LANGUAGES:
                return candidate
    return DEFAULT
