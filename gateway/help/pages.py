"""Owns the pages of the help and their order, each rendered once and kept in memory.

Knows neither the frame around a page nor who may see it (anybody may: nothing in it is about this installation).
Source: docs/README.md for the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

from gateway.help.documents import CONTENTS, names, text_of
from gateway.help.markdown import Addresses, parse, to_html, words_of

BASE = "/help/"
"""Where the pages stand when nothing else is said; with a slash at its end."""


@dataclass(frozen=True, slots=True)
class TocEntry:
    """A heading of a page: ``level`` 2 or 3, its words, and the fragment that leads to it."""

    level: int
    words: str
    anchor: str


@dataclass(frozen=True, slots=True)
class HelpPage:
    """A page: its title as text, its body as safe markup without that title, and what stands in it."""

    name: str
    title: str
    html: Markup
    toc: tuple[TocEntry, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the table of contents: pages as (name, title), in reading order."""

    title: str
    pages: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class HelpIndex:
    """The table of contents: as a page, and as chapters for a menu."""

    page: HelpPage
    chapters: tuple[Chapter, ...]


def render(name: str, base: str = BASE) -> HelpPage | None:
    """Give the page of a document by its name without ``.md``; None when there is none.

    The longest document takes a tenth of a second the first time: ask from a thread, not from a loop.

    Args:
        name: As it stands in an address; anything may be asked.
        base: Address of the help, with a slash at its end; links and pictures begin with it.
    """
    # Only names that exist reach the memory: strangers ask for any.
    return _rendered(name, base) if name in _documents() else None


@lru_cache(maxsize=4)
def index(base: str = BASE) -> HelpIndex:
    """Give the table of contents."""
    return HelpIndex(_rendered(CONTENTS, base), _chapters())


@lru_cache(maxsize=1)
def _documents() -> frozenset[str]:
    return frozenset(names())


@lru_cache(maxsize=256)
def _rendered(name: str, base: str) -> HelpPage:
    text = text_of(name)
    if text is None:  # it went away since the start
        text = f"# {name}\n"
    rendered = to_html(text, Addresses(base, _documents(), CONTENTS))
    title = next((each.words for each in rendered.headings if each.level == 1), name)
    toc = tuple(TocEntry(h.level, h.words, h.anchor) for h in rendered.headings if h.level in (2, 3))
    # Markup of our own making: markdown-it has escaped every word of the document.
    return HelpPage(name, title, Markup(rendered.html), toc)  # noqa: S704


def _chapters() -> tuple[Chapter, ...]:
    """Read the table of contents: a heading begins a chapter, the links below it are its pages."""
    chapters: list[tuple[str, list[tuple[str, str]]]] = []
    tokens = parse(text_of(CONTENTS) or "")
    for i, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            chapters.append((words_of(tokens[i + 1]), []))
        elif token.type == "inline" and chapters:
            linked = [str(c.attrGet("href")) for c in token.children or () if c.type == "link_open"]
            pages = (href.removesuffix(".md") for href in linked if href.endswith(".md"))
            chapters[-1][1].extend((name, _title(name)) for name in pages if name in _documents())
    return tuple(Chapter(title, tuple(pages)) for title, pages in chapters)


def _title(name: str) -> str:
    """Read the title alone: rendering every document for a menu would take a second."""
    tokens = parse((text_of(name) or "").partition("\n")[0])
    return words_of(tokens[1]) if tokens and tokens[0].tag == "h1" else name
