"""Opens the reference of the API as a browser and as a stranger: offline, under our policy, without versions."""

from __future__ import annotations

import os
import re
import shutil
from importlib.metadata import version
from typing import Any

import aiohttp
import pytest

from tests.harness.gateway_process import GatewayProcess
from tests.integration.whole import QUIET, MakeGateway

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LIMIT_MS = 20_000

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"),
    reason="no Chromium is installed (apt-get install chromium)",
)


async def fetched(server: GatewayProcess, path: str) -> tuple[Any, str]:
    async with aiohttp.ClientSession() as session, session.get(server.url + path) as got:
        return got, (await got.read()).decode()


async def test_the_reference_loads_only_files_of_this_server_that_are_kept_for_ever(
    make_gateway: MakeGateway,
) -> None:
    server = await make_gateway(QUIET)
    got, page = await fetched(server, "/docs")
    assert got.status == 200
    policy = got.headers["Content-Security-Policy"]
    assert "'unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"<script>|<style|style=|\son\w+=|https?:", page)
    files = re.findall(r'(?:src|href)="(docs/assets/[^"]+)"', page)
    assert len(files) == 3
    for name in files:
        assert re.search(r"\.[0-9a-f]{12}\.(js|css)$", name)
        got, _ = await fetched(server, f"/{name}")
        assert got.status == 200
        assert got.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert got.headers["Content-Type"] in ("text/javascript; charset=utf-8", "text/css; charset=utf-8")
    got, _ = await fetched(server, "/docs/assets/start.000000000000.js")
    assert got.status == 404


async def test_row_42_the_reference_tells_a_stranger_no_version_number_or_name(
    make_gateway: MakeGateway,
) -> None:
    server = await make_gateway(QUIET, simulate=1, lines_up=1)
    for path in ("/docs", "/docs/plain", "/openapi.json"):
        got, page = await fetched(server, path)
        assert got.status == 200, path
        assert got.headers["Server"] == "gateway"
        assert version("sms-line-gateway") not in re.sub(r'"openapi":"3\.1\.1"', "", page), path
        assert version("aiohttp") not in page
        assert os.uname().nodename not in page.split(), path


async def test_without_script_a_plain_page_says_the_same(make_gateway: MakeGateway) -> None:
    server = await make_gateway(QUIET)
    _, page = await fetched(server, "/docs")
    assert '<noscript><p>This page needs JavaScript. <a href="docs/plain">' in page
    _, plain = await fetched(server, "/docs/plain")
    assert "<script" not in plain
    assert "POST /<wbr>api/<wbr>v1/<wbr>messages</code>" in plain


@needs_chromium
async def test_a_browser_shows_every_operation_offline_without_a_report(make_gateway: MakeGateway) -> None:
    from playwright.async_api import async_playwright

    server = await make_gateway(QUIET, simulate=1, lines_up=1)
    said: list[str] = []
    asked: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"{server.url}/docs")
        operation = page.locator("#operations-messages-post_messages")
        await operation.wait_for(timeout=LIMIT_MS)
        await operation.locator("button").first.click()
        await operation.get_by_text("Idempotency-Key").first.wait_for(timeout=LIMIT_MS)
        await operation.get_by_text("Collect it until Friday").first.wait_for(timeout=LIMIT_MS)
        # Try it out, with a key, as a reader would.
        await page.get_by_role("button", name="Authorize").first.click()
        field = page.locator(".auth-container input").first
        await field.fill(server.live)
        await page.locator(".auth-container button[type=submit]").first.click()
        await page.get_by_role("button", name="Close").first.click()
        await operation.get_by_role("button", name="Try it out").click()
        await operation.get_by_role("button", name="Execute").click()
        await operation.locator(".live-responses-table .response-col_status", has_text="202").wait_for(
            timeout=LIMIT_MS
        )
        await browser.close()
    assert said == []
    assert all(url.startswith((server.url, "data:", "blob:")) for url in asked), asked
