"""Owns dashboards that stay open: each holds the socket of events and asks for its regions as the page's script does.

Draws nothing: a browser's own work would take the processor that is measured. Started, it signs in, opens its tabs,
says so in one line, and goes on until its input ends.
Source: gateway/web/static/page.js (four refetches a second at most).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

import aiohttp

REFETCH_S = 0.25
REGIONS = "needs,today,lines,latest,counts"


async def main(url: str, key: str, tabs: int) -> None:
    """Open so many tabs and keep them."""
    jar = aiohttp.CookieJar(unsafe=True)
    headers = {"Origin": url, "Accept": "text/html"}
    async with aiohttp.ClientSession(cookie_jar=jar, headers=headers) as session:
        async with session.post(f"{url}/sign-in", data={"secret": key, "next": "/"}) as got:
            if got.status != 200:
                raise RuntimeError(f"sign-in answers {got.status}")
        opened = [asyncio.Event() for _ in range(tabs)]
        open_tabs = [asyncio.create_task(_tab(session, url, event)) for event in opened]
        await asyncio.gather(*(event.wait() for event in opened))
        print(json.dumps({"tabs": tabs}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for tab in open_tabs:
            tab.cancel()
        await asyncio.gather(*open_tabs, return_exceptions=True)


async def _tab(session: aiohttp.ClientSession, url: str, opened: asyncio.Event) -> None:
    marked = asyncio.Event()

    async def refetch() -> None:
        while True:
            await marked.wait()
            marked.clear()
            async with session.get(f"{url}/", headers={"X-Regions": REGIONS}) as got:
                await got.read()
            await asyncio.sleep(REFETCH_S)

    async with session.ws_connect(f"{url}/api/v1/events/ws") as socket:
        fetching = asyncio.create_task(refetch())
        marked.set()
        opened.set()
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT and "heartbeat" not in message.data:
                    marked.set()
        finally:
            fetching.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("--tabs", type=int, default=10)
    given = parser.parse_args()
    asyncio.run(main(given.url, given.key, given.tabs))
