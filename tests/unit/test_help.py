"""Proves what the help makes of documents: safe HTML without style, anchors and links that hold, pages kept."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from gateway.help import index, picture, render
from gateway.help.documents import CONTENTS, names
from gateway.help.markdown import Addresses, Heading, anchor_of, to_html

HERE = Addresses("/sms/help/", frozenset({"phones", "errors"}), CONTENTS)
ROOT = Path(__file__).resolve().parents[2]


def html(text: str) -> str:
    return to_html(text, HERE).html


def test_a_document_cannot_bring_html_of_its_own() -> None:
    shown = html("# T\n\nA <b>word</b>\n\n<script>alert(1)</script>\n\n![x](javascript:alert(1))\n")
    assert "<script" not in shown
    assert "<b>" not in shown
    assert "&lt;script&gt;" in shown
    assert "<img" not in shown


def test_a_link_that_runs_something_is_no_link() -> None:
    assert "href" not in html("[a](javascript:alert(1)) [b](data:text/html,x)")


def test_links_between_documents_lead_to_their_pages() -> None:
    assert 'href="/sms/help/phones#limits"' in html("[a](phones.md#limits)")
    assert 'href="/sms/help/"' in html(f"[a]({CONTENTS}.md)")
    assert 'href="#here"' in html("[a](#here)")
    assert '<a href="https://example.org" rel="noreferrer">' in html("[a](https://example.org)")


def test_a_link_to_a_file_that_a_server_does_not_hold_is_its_words_alone() -> None:
    assert html("See [the *app's* page](../android_companion/README.md) too.") == (
        "<p>See the <em>app's</em> page too.</p>\n"
    )
    assert html("[a](unknown.md)") == "<p>a</p>\n"


def test_pictures_of_the_documents_are_shown_from_the_same_server() -> None:
    assert 'src="/sms/help/screenshots/overview-light.png"' in html("![o](screenshots/overview-light.png)")
    assert "<img" not in html("![o](https://example.org/x.png)")


def test_a_drawing_scrolls_in_a_box_of_its_own_so_that_its_words_stay_readable() -> None:
    shown = html("![States](screenshots/states.svg)")
    assert '<span class="scroll drawing" tabindex="0"><img src="/sms/help/screenshots/states.svg"' in shown
    assert 'alt="States"' in shown
    assert "drawing" not in html("![o](screenshots/overview-light.png)")
    found = picture("states.svg")
    assert found is not None
    assert found.media_type == "image/svg+xml"


def test_the_states_are_shown_as_a_drawing_and_not_as_its_source() -> None:
    page = render("states")
    assert page is not None
    assert "screenshots/states.svg" in page.html
    assert "mermaid" not in page.html


def test_aligned_cells_have_a_class_and_no_style() -> None:
    shown = html("| a | b |\n|---|--:|\n| 1 | 2 |\n")
    assert '<td class="align-right">2</td>' in shown
    assert "style=" not in shown


def test_what_may_be_wider_than_a_phone_scrolls_by_itself() -> None:
    shown = html("| a |\n|---|\n| 1 |\n\n```sh\nx\n```\n")
    assert '<div class="scroll" tabindex="0"><table>' in shown
    assert shown.count("<div") == shown.count("</div>") == 1
    assert '<pre tabindex="0"><code class="language-sh">' in shown


def test_headings_have_the_anchors_that_links_use_and_doubles_are_counted() -> None:
    rendered = to_html("# T\n\n## `kill -9`, and after\n\n## Same\n\n## Same\n", HERE)
    assert rendered.headings[1:] == (
        Heading(2, "kill -9, and after", "kill--9-and-after"),
        Heading(2, "Same", "same"),
        Heading(2, "Same", "same-1"),
    )
    assert '<h2 id="same-1">' in rendered.html
    assert anchor_of("What “sent” means") == "what-sent-means"


def test_the_first_heading_is_left_to_the_frame() -> None:
    page = render("sandbox")
    assert page is not None
    assert page.title == "Sandbox"
    assert "<h1" not in page.html


@pytest.mark.parametrize("name", names())
def test_every_document_is_a_page_whose_links_lead_somewhere(name: str) -> None:
    page = render(name)
    assert page is not None
    assert page.title
    assert "style=" not in page.html.partition("<pre>")[0]
    for target in re.findall(r'href="(/help/[^"]*)"', page.html):
        other, _, anchor = unescape(target).removeprefix("/help/").partition("#")
        there = render(other) if other else index().page
        assert there is not None, target
        assert not anchor or f'id="{anchor}"' in there.html, target


def test_every_document_stands_once_in_the_table_of_contents() -> None:
    listed = [name for chapter in index().chapters for name, _ in chapter.pages]
    assert sorted(listed) == list(names())


def test_the_chapters_are_those_that_a_reader_goes_through() -> None:
    assert [chapter.title for chapter in index().chapters] == ["Start", "How to", "Reference", "Understand"]
    assert all(title for chapter in index().chapters for _, title in chapter.pages)


@pytest.mark.parametrize(
    "asked", ["../README", "..", "", ".", "phones.md", "a/b", "x" * 1000, "README\x00", "ＳＴＯＰ"]
)
def test_a_name_that_is_no_document_finds_nothing(asked: str) -> None:
    assert render(asked) is None
    assert picture(asked) is None


def test_a_page_is_rendered_once() -> None:
    assert render("sandbox") is render("sandbox")


def test_the_help_loads_no_web_framework() -> None:
    for path in (ROOT / "gateway/help").glob("*.py"):
        assert "aiohttp" not in path.read_text()
