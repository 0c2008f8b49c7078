"""Proves what holds for every page and for each that will be added: headers, rights, foreign text, forged and broken
requests (rules §13 rows 12, 16 to 20, 27, 42)."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from types import CodeType

import pytest

from gateway.web import PAGES, SITE
from gateway.web.frame import show
from tests.harness.furnished import pages
from tests.harness.visitor import Seen
from tests.integration.http.api_server import Server
from tests.integration.web.visits import Furnish, Visit

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></textarea><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7*7 }}${7*7}",
    "a\u202eb\u2066c\u200bd",
    "e" + "\u0301" * 300,
    "🏴‍☠️🏳️‍🌈",
)
OPEN = frozenset({"/sign-in", "/help", "/problems"})


class Checked(HTMLParser):
    """Looks for what the policy of the pages forbids, and for what foreign text might have become."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.complaints: list[str] = []
        self.ids: list[str] = []
        self._inline = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self._inline = tag if tag in ("script", "style") and not named.get("src") else ""
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.complaints.append(f"{tag} {name}")
            if name in ("href", "src", "action", "formaction") and not re.match(
                r"(/|#|data:image/|smsgateway:|https?://)", value or "#"
            ):
                self.complaints.append(f"{tag} {name}={value}")
        if "id" in named:
            self.ids.append(str(named["id"]))
        if tag in ("iframe", "object", "embed", "base"):
            self.complaints.append(tag)

    def handle_data(self, data: str) -> None:
        if self._inline and data.strip():
            self.complaints.append(f"inline {self._inline}: {data[:60]}")

    def done(self) -> list[str]:
        twice = sorted({each for each in self.ids if self.ids.count(each) > 1})
        return self.complaints + [f"id {each} stands twice" for each in twice]


def checked(page: Seen) -> list[str]:
    reader = Checked()
    reader.feed(page.html)
    return [f"{page.url}: {each}" for each in reader.done()]


async def test_API_17_every_page_has_the_headers_that_pages_have(
    server: Server, visit: Visit, furnished: Furnish
) -> None:
    visitor = await visit()
    for path in pages(SITE.routes, await furnished()):
        page = await visitor.get(path)
        assert page.status == 200, f"{path}: {page.status} {page.text[:300]}"
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        policy = page.headers["Content-Security-Policy"]
        for part in (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ):
            assert part in policy, path
        assert "unsafe" not in policy
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert page.headers["Server"] == "gateway"


async def test_every_page_has_one_heading_a_language_and_nothing_inline(
    server: Server, visit: Visit, furnished: Furnish
) -> None:
    visitor = await visit()
    for path in pages(SITE.routes, await furnished()):
        page = await visitor.get(path)
        assert checked(page) == []
        assert len(re.findall(r"<h1\b", page.html)) == 1, path
        assert '<html lang="en"' in page.html
        assert "Traceback" not in page.html


@pytest.mark.parametrize("payload", HOSTILE)
async def test_row_19_and_20_what_others_wrote_is_shown_as_text_on_every_page(
    server: Server, visit: Visit, furnished: Furnish, payload: str
) -> None:
    visitor = await visit()
    shown = 0
    for path in pages(SITE.routes, await furnished(payload)):
        page = await visitor.get(path)
        assert page.status == 200, f"{path}: {page.status} {page.text[:300]}"
        assert checked(page) == []
        for tag in ("<script>alert", "<img src=x", "<svg onload"):
            assert tag not in page.html, path
        assert "49$" not in page.text
        shown += payload[:5] in page.text
    assert shown > 3, "the payload is seen nowhere, so nothing was proven"


async def test_without_a_session_no_page_shows_anything(
    server: Server, visit: Visit, furnished: Furnish
) -> None:
    nobody = await visit(None)
    for path in pages(SITE.routes, await furnished("Geheimnis")):
        page = await nobody.get(path)
        if any(path == each or path.startswith(f"{each}/") for each in OPEN) or path.startswith("/pair/"):
            assert "Geheimnis" not in page.html
            continue
        assert page.status == 303, path
        assert page.headers["Location"].startswith("/sign-in"), path


async def test_KEY_6_a_session_without_rights_opens_nothing_that_needs_them(
    server: Server, visit: Visit, furnished: Furnish
) -> None:
    ids = await furnished("Geheimnis")
    poor = await visit(await server.key("metrics:read"))
    for route in PAGES:
        if not route.scope or route.method != "GET" or route.media_type != "text/html":
            continue
        for path in pages((route,), ids):
            page = await poor.get(path)
            assert page.status == 403, path
            assert "Geheimnis" not in page.html
            assert route.scope in page.text, path


async def test_KEY_7_no_page_shows_a_sandbox_session_what_is_real(
    server: Server, visit: Visit, furnished: Furnish
) -> None:
    ids = await furnished()
    sent = await server.send({"to": "+447700900123", "text": "Wirklich geheim", "reference": "echt"})
    assert server.real is not None
    ids |= {
        "messages/id": sent.json["id"],
        "lines/id": server.real.id,
        "conversations/number": "+447700900123",
    }
    visitor = await visit(server.sandbox)
    for path in pages(SITE.routes, ids):
        page = await visitor.get(path)
        assert page.status in (200, 403, 404), f"{path}: {page.status}"
        assert "Wirklich" not in page.html, path
        assert "echt" not in page.text, path
        if "/conversations/" not in path:
            assert "7700 900123" not in page.text, path


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
async def test_row_16_no_form_of_another_page_changes_anything(
    server: Server, visit: Visit, furnished: Furnish, headers: dict[str, str]
) -> None:
    ids = await furnished()
    visitor = await visit()
    token = dict((await visitor.get("/")).form("Sign out").fields)["form_token"]
    for route in PAGES:
        if route.method != "POST":
            continue
        path = re.sub(r"\{(\w+)\}", lambda m: ids.get(f"{route.path.split('/')[1]}/{m[1]}", "x"), route.path)  # noqa: B023
        answer = await visitor.post(path, [("form_token", token)], **headers)
        assert answer.status == 403, f"{path}: {answer.status}"
    assert (await visitor.get("/")).status == 200


async def test_row_16_no_form_works_without_the_token_of_its_session(
    server: Server, visit: Visit, furnished: Furnish
) -> None:
    ids = await furnished()
    visitor = await visit()
    for route in PAGES:
        if route.method != "POST" or route.path == "/sign-in":
            continue
        path = re.sub(r"\{(\w+)\}", lambda m: ids.get(f"{route.path.split('/')[1]}/{m[1]}", "x"), route.path)  # noqa: B023
        answer = await visitor.post(path, [("form_token", "0" * 64)])
        assert answer.status == 403, f"{path}: {answer.status}"


async def test_row_18_a_foreign_host_gets_no_page(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.get("/", Host="evil.example")
    assert page.status == 421
    assert "Lines" not in page.text


async def test_row_12_a_key_in_the_address_of_a_page_is_refused_and_not_shown_again(
    server: Server, visit: Visit
) -> None:
    page = await (await visit()).get(f"/?key={server.live}")
    assert page.status == 400
    assert server.live not in page.html


async def test_row_42_what_is_open_says_no_version_and_no_name(server: Server, visit: Visit) -> None:
    nobody = await visit(None)
    for path in ("/sign-in", "/nowhere", "/problems"):
        page = await nobody.get(path)
        assert not re.search(r"aiohttp|python|\d+\.\d+\.\d+", page.html.lower()), path
        assert "Office" not in page.html


async def test_a_page_that_is_not_there_says_so_in_words_and_programs_get_a_problem(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    page = await visitor.get("/nowhere")
    assert page.status == 404
    assert "does not exist" in page.text
    answer = await server.call("GET", "/nowhere")
    assert answer.code == "not_found"


@pytest.mark.parametrize("path", ["/nowhere", "/help/nowhere", "/messages/nowhere"])
async def test_a_page_that_is_not_there_has_the_menu_of_whoever_is_signed_in_and_of_nobody_else(
    server: Server, visit: Visit, path: str
) -> None:
    page = await (await visit(await server.key("messages:read"))).get(path)
    assert page.status == 404
    assert ("Messages", "/messages") in page.links
    assert ("Keys", "/keys") not in page.links
    page.form("Sign out")
    nobody = await (await visit(None)).get(path)
    assert nobody.status in (303, 404)
    assert "/messages" not in [address for _text, address in nobody.links]
    assert "Sign out" not in nobody.html


async def test_more_says_that_the_open_page_is_one_of_its_entries(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.get("/keys")
    assert re.search(r'<summary aria-current="true">More<span class="unseen">: Keys</span>', page.html)
    assert '<summary aria-current="true">' not in (await visitor.get("/messages")).html


async def test_only_the_regions_that_are_asked_for_are_made(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.get("/", **{"X-Regions": "latest,counts,unknown"})
    assert page.status == 200
    assert re.findall(r'data-live="[^"]+"', page.html), page.html
    assert "<html" not in page.html
    assert 'id="latest"' in page.html
    assert 'id="lines"' not in page.html


def codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code, with that of the functions inside it."""
    yield code
    for inside in code.co_consts:
        if isinstance(inside, CodeType):
            yield from codes(inside)


def can_show(function: object, known: set[object]) -> bool:
    """Say whether a function of the pages can answer a page: by the names that it uses, and those that they use."""
    if function is show:
        return True
    if not inspect.isfunction(function) or function in known:
        return False
    if not function.__module__.startswith("gateway.web"):
        return False
    known.add(function)
    names = {name for code in codes(function.__code__) for name in code.co_names}
    used = [function.__globals__.get(name) for name in names]
    used += [getattr(module, name, None) for module in used if inspect.ismodule(module) for name in names]
    return any(can_show(each, known) for each in used)


def test_a_page_that_a_form_answers_is_also_there_by_GET_at_the_address_of_the_form() -> None:
    answering = {route.path for route in PAGES if route.method == "POST" and can_show(route.handle, set())}
    assert answering >= {"/send", "/doctor/{id}/fix", "/keys/{id}/rotate"}, "nothing was proven"
    there = {route.path for route in PAGES if route.method == "GET" and route.media_type == "text/html"}
    assert answering - there == set()


async def test_what_a_form_answered_is_fetched_again_at_its_own_address(
    server: Server, visit: Visit, furnished: Furnish
) -> None:
    ids = await furnished()
    wish = (await server.call("GET", "/api/v1/suppressions")).json["items"][0]["id"]
    visitor = await visit()
    key = await visitor.press(await visitor.get(f"/keys/{ids['keys/id']}"), "Make the new key", grace="now")
    lifted = await visitor.press(
        await visitor.get(f"/suppressions/{wish}"), "Text this person again", reason=""
    )
    assert (key.status, lifted.status) == (200, 422)
    for path in (
        key.url,
        lifted.url,
        f"/webhooks/{ids['webhooks/id']}/rotate",
        f"/approvals/{wish}/approve",
        f"/approvals/{wish}/reject",
        "/batches/new/file",
    ):
        page = await visitor.get(path.removeprefix(visitor.origin), **{"X-Regions": "counts,approvals"})
        assert page.status == 200, path
        assert 'id="counts"' in page.html, path


@pytest.mark.parametrize("path", ["/nowhere", "/messages/nowhere"])
async def test_a_page_that_says_why_there_is_none_asks_for_nothing_more(
    server: Server, visit: Visit, path: str
) -> None:
    page = await (await visit()).get(path)
    assert page.status == 404
    assert "data-live" not in page.html.replace("data-live-word", "")


async def test_KEY_7_what_two_programs_ask_for_at_the_same_time_is_given_to_each_by_its_own_rights(
    server: Server,
) -> None:
    await server.send({"to": "+447700900123", "text": "Wirklich geheim"})

    async def latest(key: str) -> str:
        headers = {"Accept": "text/html", "X-Regions": "latest"}
        return (await server.call("GET", "/", key=key, headers=headers)).octets.decode()

    await latest(server.live)  # the next is made a quarter of a second later, for all who wait
    seen, play = await asyncio.gather(latest(server.live), latest(server.sandbox))
    assert "Wirklich geheim" in seen
    assert "Wirklich geheim" not in play


async def test_files_are_kept_for_ever_under_names_that_change_with_them(
    server: Server, visit: Visit
) -> None:
    nobody = await visit(None)
    page = await nobody.get("/sign-in")
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.html)
    assert len(files) == 3
    for path in files:
        assert re.search(r"\.[0-9a-f]{12}\.(css|js|svg)$", path), path
        file = await nobody.get(path)
        assert file.status == 200
        assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert (await nobody.get("/static/style.css")).status == 404
    assert (await nobody.get("/static/..%2f__init__.py")).status == 404
