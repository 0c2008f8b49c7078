"""Owns how a document becomes HTML: no HTML of its own, no inline style, headings with anchors, links that hold.

Knows no file; it is told which documents exist. Anchors are those that code hosts make of headings, so that one link
works in both places.
Source: CommonMark 0.31; GitHub's tables and heading anchors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

_DOCUMENT: Final = re.compile(r"([A-Za-z0-9-]+)\.md")
_PICTURE: Final = re.compile(r"screenshots/([a-z0-9-]+\.(?:png|svg))")
_ELSEWHERE: Final = re.compile(r"https?://", re.IGNORECASE)
_ALIGNED: Final = re.compile(r"text-align:(\w+)")
_NOT_IN_ANCHORS: Final = re.compile(r"[^\w -]")


class _Renderer(RendererHTML):
    """What may be wider than a phone scrolls by itself, and by the keyboard too."""

    def table_open(self, *_: object) -> str:
        return '<div class="scroll" tabindex="0"><table>\n'

    def table_close(self, *_: object) -> str:
        return "</table></div>\n"

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return super().fence(tokens, idx, options, env).replace("<pre>", '<pre tabindex="0">', 1)

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        shown = super().image(tokens, idx, options, env)
        if not str(tokens[idx].attrGet("src") or "").endswith(".svg"):
            return shown
        # Words in a drawing cannot be read once it is made as narrow as a phone.
        return f'<span class="scroll drawing" tabindex="0">{shown}</span>'


_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: ``level`` 1 to 6, its words, and the fragment that leads to it."""

    level: int
    words: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where links lead: ``base`` is the address of the help with a slash at its end, ``documents`` what is there.

    ``contents`` is the document that stands at ``base`` itself.
    """

    base: str
    documents: frozenset[str]
    contents: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """HTML that is safe to put into a page, and the headings in it."""

    html: str
    headings: tuple[Heading, ...]


def to_html(text: str, addresses: Addresses) -> Rendered:
    """Render a document. Its first heading is left to the frame around it.

    Links to documents lead to their pages; links to other files of the project lose their target and keep their
    words, because a server does not hold those files.
    """
    tokens = parse(text)
    headings = _anchored(tokens)
    shown = _without_first_heading(tokens)
    for token in shown:
        _without_style(token)
        if token.children:
            token.children = list(_relinked(token.children, addresses))
    html = _MARKDOWN.renderer.render(shown, _MARKDOWN.options, {})
    return Rendered(html, headings)


def parse(text: str) -> list[Token]:
    """Read a document into tokens."""
    return _MARKDOWN.parse(text)


def words_of(token: Token) -> str:
    """Give the words of an inline token without its marks."""
    return "".join(child.content for child in token.children or () if child.type in ("text", "code_inline"))


def anchor_of(words: str) -> str:
    """Make the fragment of a heading: small letters, no punctuation, hyphens for spaces."""
    return _NOT_IN_ANCHORS.sub("", words.lower()).replace(" ", "-")


def _anchored(tokens: Sequence[Token]) -> tuple[Heading, ...]:
    found: list[Heading] = []
    used: dict[str, int] = {}
    for i, token in enumerate(tokens):
        if token.type != "heading_open":
            continue
        words = words_of(tokens[i + 1])
        anchor = anchor_of(words)
        before = used.get(anchor, 0)
        used[anchor] = before + 1
        if before:
            anchor = f"{anchor}-{before}"
        token.attrSet("id", anchor)
        found.append(Heading(int(token.tag[1:]), words, anchor))
    return tuple(found)


def _without_first_heading(tokens: list[Token]) -> list[Token]:
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        return tokens[3:]
    return tokens


def _without_style(token: Token) -> None:
    """Say the alignment of a cell by a class: our pages allow no inline style."""
    style = token.attrs.pop("style", None)
    if isinstance(style, str) and (aligned := _ALIGNED.search(style)):
        token.attrSet("class", f"align-{aligned[1]}")


def _relinked(children: Iterable[Token], addresses: Addresses) -> Iterable[Token]:
    dropped = False
    for child in children:
        if child.type == "link_open":
            target = _target(str(child.attrGet("href") or ""), addresses)
            dropped = target is None
            if target is None:
                continue
            child.attrSet("href", target)
            if _ELSEWHERE.match(target):
                child.attrSet("rel", "noreferrer")
        elif child.type == "link_close" and dropped:
            dropped = False
            continue
        elif child.type == "image":
            found = _PICTURE.fullmatch(str(child.attrGet("src") or ""))
            if found is None:
                continue
            child.attrSet("src", f"{addresses.base}screenshots/{found[1]}")
        yield child


def _target(href: str, addresses: Addresses) -> str | None:
    """Say where a link leads in the help; None when it leads to a file that the help does not hold."""
    if href.startswith("#") or _ELSEWHERE.match(href):
        return href
    path, mark, anchor = href.partition("#")
    found = _DOCUMENT.fullmatch(path)
    if found is None:
        return None
    if found[1] == addresses.contents:
        return f"{addresses.base}{mark}{anchor}"
    if found[1] not in addresses.documents:
        return None
    return f"{addresses.base}{found[1]}{mark}{anchor}"
