"""Owns the figures of the dashboard in a browser: from an event to its sight, refetches under a storm, a stop with ten
tabs open, and a modem that is put in and pulled.

The real command line, one Chromium, emulated lines. Needs a browser: apt-get install chromium.
Source: the budgets of the dashboard.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import aiohttp
from playwright.async_api import Browser, Page, async_playwright

from bench.figures import Effort, Figure, Limit, of_samples, script
from bench.processes import ROOT, directory

TITLE = "dashboard in a browser"
TABS = 10
STORM = 200
SEEN_WITHIN_MS = 1000
REFETCHES = 6
STOP_S = 2.0
MODEM_SEEN_S = 5.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


def measure(effort: Effort) -> list[Figure]:
    """Start, watch, storm, stop."""
    with directory(effort.directory) as folder:
        return asyncio.run(_measure(effort, folder))


class Served:
    """``gateway serve`` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = folder / "modem"
        config = folder / "gateway.toml"
        config.write_text(f'[serial]\ndiscover = false\n[[modem]]\nport = "{self.port}"\nlabel = "Stick"\n')
        config.chmod(0o600)
        self._out = folder / "out"
        command = [
            sys.executable,
            "-m",
            "gateway",
            "serve",
            "--config",
            str(config),
            "--simulate",
            "2",
            "--data-dir",
            str(folder / "data"),
            "--port",
            "0",
        ]
        with self._out.open("wb") as out, (folder / "err").open("wb") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, cwd=ROOT)

    async def ready(self) -> None:
        """Wait until it says where it is, and its keys."""
        for _ in range(300):
            said = self._out.read_text()
            if "Stop: Ctrl-C" in said:
                break
            await asyncio.sleep(0.05)
        self.url = str(re.findall(r"^Gateway at (\S+)$", said, re.MULTILINE)[0])
        self.key = str(re.findall(r"^Live key\s+(\S+)$", said, re.MULTILINE)[0])

    def put_in(self) -> subprocess.Popen[bytes]:
        """Put the modem in; returns its process once the port is there."""
        command = [sys.executable, "-m", "gateway", "emulate", "--lines", "1", "--pty", str(self.port)]
        modem = subprocess.Popen([*command, "--seed", "7"], stdout=subprocess.PIPE, cwd=ROOT)
        if modem.stdout is None or not modem.stdout.readline():
            raise RuntimeError("the modem has ended")
        return modem

    def pull(self, modem: subprocess.Popen[bytes]) -> None:
        """Pull it out."""
        modem.kill()
        modem.communicate()
        self.port.unlink(missing_ok=True)

    async def stop_s(self) -> float:
        """Stop it; returns how long that took."""
        began_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self.process.wait)
        return time.monotonic() - began_s


async def _measure(effort: Effort, folder: Path) -> list[Figure]:
    served = Served(folder)
    await served.ready()
    try:
        async with async_playwright() as playwright, aiohttp.ClientSession() as session:
            session.headers["Authorization"] = f"Bearer {served.key}"
            chromium = next(path for name in BROWSERS if (path := shutil.which(name)))
            browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = await _signed_in(browser, served)
            seen = [await _seen_after_ms(page, session, served, n) for n in range(effort.rounds(20, 5))]
            refetches = [await _refetches(page, session, served) for _ in range(effort.rounds(5))]
            modems = [await _modem_seen_s(page, served) for _ in range(effort.rounds(5))]
            for _ in range(TABS - 1):
                await (await page.context.new_page()).goto(f"{served.url}/")
            await asyncio.sleep(1)
            stop_s = await served.stop_s()
            await browser.close()
    finally:
        with suppress(ProcessLookupError):
            os.kill(served.process.pid, signal.SIGKILL)
    return [
        of_samples("event → visible", seen, "ms", Limit(high=SEEN_WITHIN_MS)),
        of_samples(f"{STORM} events at once → refetches in 1 s", refetches, "", Limit(high=REFETCHES)),
        of_samples(
            "modem put in → on the page", [put_in for put_in, _ in modems], "s", Limit(high=MODEM_SEEN_S)
        ),
        of_samples(
            "modem pulled → down on the page", [out for _, out in modems], "s", Limit(high=MODEM_SEEN_S)
        ),
        Figure(f"stop with {TABS} tabs open", stop_s, "s", (stop_s, stop_s), 1, None, STOP_S),
    ]


async def _signed_in(browser: Browser, served: Served) -> Page:
    page = await (await browser.new_context()).new_page()
    await page.goto(f"{served.url}/sign-in")
    await page.get_by_label("One-time link or key").fill(served.key)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_selector("#link-state.good")
    return page


async def _modem_seen_s(page: Page, served: Served) -> tuple[float, float]:
    """Put a modem in and pull it; returns the seconds until the page shows the one and the other."""
    await page.goto(f"{served.url}/devices")
    await page.wait_for_selector("#link-state.good")
    stick = page.get_by_role("region", name="Attached").get_by_role("article").filter(has_text="Stick")
    modem = await asyncio.to_thread(served.put_in)
    began_s = time.monotonic()
    await stick.get_by_text("Up", exact=True).wait_for()
    put_in_s = time.monotonic() - began_s
    await asyncio.to_thread(served.pull, modem)
    began_s = time.monotonic()
    await stick.wait_for(state="detached")
    return put_in_s, time.monotonic() - began_s


async def _send(session: aiohttp.ClientSession, served: Served, text: str) -> None:
    body = {"to": "+99900000005", "text": text}
    async with session.post(f"{served.url}/api/v1/messages", json=body) as got:
        if got.status != 202:
            raise RuntimeError(f"POST answers {got.status}")


async def _seen_after_ms(page: Page, session: aiohttp.ClientSession, served: Served, number: int) -> float:
    text = f"seen {number}"
    began_s = time.perf_counter()
    await _send(session, served, text)
    await page.get_by_role("region", name="Latest messages").get_by_text(text, exact=True).wait_for()
    return (time.perf_counter() - began_s) * 1000


async def _refetches(page: Page, session: aiohttp.ClientSession, served: Served) -> float:
    """Let events come as fast as POST takes them for a second, and count what the page asks for in that second."""
    asked: list[float] = []
    page.on(
        "request",
        lambda request: asked.append(time.perf_counter()) if "x-regions" in request.headers else None,
    )
    await asyncio.sleep(1)
    asked.clear()
    began_s = time.perf_counter()
    sent = 0
    while time.perf_counter() - began_s < 1 and sent < STORM:
        await asyncio.gather(*(_send(session, served, f"storm {sent + n}") for n in range(10)))
        sent += 10
    await asyncio.sleep(max(0.0, 1 - (time.perf_counter() - began_s)))
    return float(sum(at - began_s <= 1 for at in asked))


if __name__ == "__main__":
    sys.exit(script(TITLE, measure))
