"""Proves that every visible word goes through gettext: in a language in which each is bracketed, none stands bare."""

from __future__ import annotations

import re
from collections.abc import Iterator
from gettext import NullTranslations
from html.parser import HTMLParser

import pytest

from gateway.web import SITE, words
from tests.harness.furnished import pages
from tests.integration.http.api_server import Server
from tests.integration.web.visits import Furnish, Visit

PSEUDO = "xx"
OURS = frozenset({"title", "aria-label", "placeholder", "alt"})
VOID = frozenset({"meta", "link", "input", "br", "img", "use", "path", "rect", "circle", "hr", "wbr"})
QUIET = frozenset({"bdi", "code", "kbd", "time", "pre", "script", "style", "samp", "option-data"})
"""Elements whose content is data: foreign text, codes, times."""


class Bracketed(NullTranslations):
    """A language of brackets."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


@pytest.fixture
def pseudo() -> Iterator[None]:
    words.LANGUAGES[PSEUDO] = Bracketed()
    yield
    del words.LANGUAGES[PSEUDO]


class Bare(HTMLParser):
    """Gathers words that stand outside of brackets; what is marked ``translate="no"`` or ``lang`` is data."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._quiet: list[bool] = [False]
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        quiet = (
            self._quiet[-1]
            or tag in QUIET
            or named.get("translate") == "no"
            or (tag != "html" and "lang" in named)
        )
        # The title of a page about one thing begins with that thing's name.
        quiet = quiet or tag == "title"
        if not quiet and tag != "time":
            self.found += [f"{tag} {n}={v}" for n, v in attrs if n in OURS and v and bare(v)]
        if tag not in VOID:
            self._quiet.append(quiet)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self._quiet.pop()

    def handle_data(self, data: str) -> None:
        # A sentence may hold a link or a time, so its brackets may be apart.
        if not self._quiet[-1] and bare(data, self._depth):
            self.found.append(" ".join(data.split()))
        self._depth += data.count("⟦") - data.count("⟧")


def bare(text: str, depth: int = 0) -> bool:
    """Say whether a letter stands outside of all brackets."""
    for character in text:
        depth += {"⟦": 1, "⟧": -1}.get(character, 0)
        if depth == 0 and re.match(r"[A-Za-z]", character):
            return True
    return False


async def test_no_page_has_a_word_that_no_catalogue_can_translate(
    server: Server, visit: Visit, furnished: Furnish, pseudo: None
) -> None:
    ids = await furnished()
    visitor = await visit()
    visitor.headers["Accept-Language"] = PSEUDO
    complaints = []
    for path in pages(SITE.routes, ids):
        page = await visitor.get(path)
        if page.status != 200 or "text/html" not in page.headers["Content-Type"]:
            continue
        reader = Bare()
        reader.feed(page.html)
        complaints += [f"{path}: {words_}" for words_ in dict.fromkeys(reader.found)]
    assert complaints == [], "\n".join(complaints)


async def test_the_best_language_of_the_reader_is_spoken() -> None:
    assert words.best("de, en;q=0.5") == "en"
    assert words.best("") == "en"
    assert words.best("en-GB,en;q=0.9,de;q=0.8") == "en"
    assert words.best(";;q=x,*") == "en"
