"""Owns a person at a browser: a real Chromium at a real gateway, signed in, and what the browser complained of.

Refuses to look inside the gateway; it sees what a person sees, and what the browser's console and network say.
Source: Playwright for Python with the distribution's Chromium; axe-core (WCAG 2.2 AA).
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    async_playwright,
    expect,
)

from tests.harness.gateway_process import GatewayProcess

NAMES = ("chromium", "chromium-browser", "google-chrome")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

QUIET = "[server]\nport = 0\n[serial]\ndiscover = false\n[adb]\nenabled = false\n"

PATIENCE_MS = 30_000
"""For what comes at once on an idle machine, and late on a busy one."""

expect.set_options(timeout=PATIENCE_MS)

_FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--font-render-hinting=none"]


def chromium() -> str | None:
    """Find the distribution's browser."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


needs_chromium = pytest.mark.skipif(
    chromium() is None and not os.environ.get("CI"),
    reason="Chromium is not installed (apt-get install chromium)",
)


def shots() -> Path:
    """Where screenshots go: ``SHOTS``, else a folder that is not kept."""
    folder = Path(os.environ.get("SHOTS", "/tmp/gateway-shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass
class Office:
    """One gateway and one browser. What a page complained of is collected; ``expected`` is what it may."""

    gateway: GatewayProcess
    complaints: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()
    hosts: set[str] = field(default_factory=set)
    """Where pages may be, beside the gateway itself."""
    _undo: AsyncExitStack = field(default_factory=AsyncExitStack)
    _playwright: Playwright | None = None
    _browser: Browser | None = None

    async def open(self) -> None:
        self._playwright = await self._undo.enter_async_context(async_playwright())
        self._browser = await self._playwright.chromium.launch(executable_path=chromium(), args=_FLAGS)

    async def close(self) -> None:
        """End the browser, and say what it complained of."""
        if self._browser is not None:
            await self._browser.close()
        await self._undo.aclose()
        left = [c for c in self.complaints if not any(part in c for part in self.expected)]
        assert left == [], "\n".join(left)

    async def context(
        self, *, width: int = 1280, height: int = 900, dark: bool = False, script: bool = True, **more: Any
    ) -> BrowserContext:
        """Open a browser of its own: no cookies, English, in London."""
        assert self._browser is not None, "not open"
        context = await self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            locale="en-GB",
            timezone_id="Europe/London",
            **more,
        )
        context.set_default_timeout(PATIENCE_MS)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(f"page error: {error.error}"))
        context.on("request", self._request)
        return context

    async def page(self, path: str = "/", *, key: str | None = None, **how: Any) -> Page:
        """Open a page in a browser of its own, signed in with a key (the live one)."""
        context = await self.context(**how)
        await self.sign_in(context, key or self.gateway.live)
        page = await context.new_page()
        await page.goto(self.gateway.url + path)
        return page

    async def sign_in(self, context: BrowserContext, key: str) -> None:
        """Sign in by the form, as a person does who has a key."""
        page = await context.new_page()
        await page.goto(f"{self.gateway.url}/sign-in")
        await page.get_by_label("One-time link or key").fill(key)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(lambda url: "/sign-in" not in url)
        await page.close()

    async def shot(self, page: Page, name: str, *, whole: bool = False) -> None:
        """Keep a picture."""
        await page.screenshot(path=shots() / f"{name}.png", full_page=whole, animations="disabled")

    async def picture(self, page: Page, name: str, *, whole: bool = False) -> None:
        """Keep a picture for the documents, in both colours."""
        for colour in ("dark", "light"):
            await page.emulate_media(color_scheme=colour)
            await self.shot(page, f"{name}-{colour}", whole=whole)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        host = urlsplit(request.url).netloc
        # While it starts again it has no address yet, and its pages still have the old one.
        self.hosts.add(urlsplit(self.gateway.url).netloc)
        if request.url.startswith(("http", "ws")) and host not in self.hosts:
            self.complaints.append(f"request elsewhere: {request.url}")


MakeOffice = Callable[..., Awaitable[Office]]


async def axe_finds_nothing(page: Page) -> None:
    """Let axe look at a page as it stands."""
    results = await Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    found = [
        f"{v['id']}: {v['help']} at {[n['target'] for n in v['nodes']][:4]}"
        for v in results.response["violations"]
    ]
    assert found == [], f"{page.url}\n" + "\n".join(found)


async def no_sideways_scroll(page: Page) -> None:
    """Compare with the width that was set; innerWidth grows with what overflows."""
    size = page.viewport_size
    assert size is not None
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= size["width"], f"{page.url} is {width} px wide at {size['width']}"


async def settled(page: Page) -> None:
    """Wait until the page is live."""
    await page.wait_for_selector("#link-state.good", state="attached")
    await asyncio.sleep(0)
