"""Walks through everything that a server shows without a key, as a reader would: each link leads somewhere."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urljoin, urlsplit

import aiohttp

from gateway.errors import CATALOGUE
from gateway.errors.network_numbers import numbers_of
from gateway.help.documents import names
from tests.harness.gateway_process import GatewayProcess
from tests.integration.whole import QUIET, MakeGateway

STARTS = ("/help", "/problems", "/docs/plain")
LINK = re.compile(r'\s(?:href|src)="([^"]*)"')
OURS = ("/help", "/problems", "/docs", "/openapi.json")
"""Below these everything is open; other links of a frame lead to pages that want a sign-in."""


async def text_of(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as got:
        assert got.status == 200, f"{url}: {got.status}"
        return (await got.read()).decode(errors="replace")


async def walked(server: GatewayProcess) -> dict[str, str]:
    """Follow every link below the open pages; gives address and text."""
    found: dict[str, str] = {}
    left = [server.url + start for start in STARTS]
    async with aiohttp.ClientSession() as session:
        while left:
            url = left.pop().partition("#")[0]
            if url in found:
                continue
            found[url] = await text_of(session, url)
            for link in map(unescape, LINK.findall(found[url])):
                target = urljoin(url, link)
                if target.startswith(server.url) and urlsplit(target).path.startswith(OURS):
                    left.append(target)
    return found


async def test_every_page_that_is_open_to_all_leads_only_to_pages_and_places_that_exist(
    make_gateway: MakeGateway,
) -> None:
    server = await make_gateway(QUIET)
    found = await walked(server)
    paths = {urlsplit(url).path for url in found}
    assert {f"/help/{name}" for name in names()} <= paths
    assert {f"/problems/{code}" for code in CATALOGUE} <= paths
    for url, text in found.items():
        for link in map(unescape, LINK.findall(text)):
            target, _, anchor = urljoin(url, link).partition("#")
            if anchor and target in found:
                assert f'id="{anchor}"' in found[target], f"{link} in {url}"


async def test_the_page_of_a_code_says_everything_that_the_catalogue_knows(make_gateway: MakeGateway) -> None:
    server = await make_gateway(QUIET)
    async with aiohttp.ClientSession() as session:
        for code, entry in CATALOGUE.items():
            raw = await text_of(session, f"{server.url}/problems/{code}")
            shown = unescape(raw)
            for words in (entry.title, entry.meaning, *entry.causes, entry.did, entry.hint, entry.evidence):
                assert words in shown, f"{code}: {words}"
            for number, meaning in numbers_of(code):
                assert number in shown
                assert meaning in shown
            assert " style=" not in raw


async def test_the_help_is_shown_without_a_key_and_without_anything_from_elsewhere(
    make_gateway: MakeGateway,
) -> None:
    server = await make_gateway(QUIET)
    async with aiohttp.ClientSession() as session:
        for name in names():
            page = await text_of(session, f"{server.url}/help/{name}")
            assert not re.search(r'\ssrc="(?:https?:)?//', page), name
            assert not re.search(r"<(?:script|style)>", page), name
            assert "<h1" in page
