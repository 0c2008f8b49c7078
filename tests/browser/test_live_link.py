"""Drives scenario 4 of the notes on what people see: ten tabs, and a server that goes away and comes back."""

from __future__ import annotations

import asyncio
import time

from playwright.async_api import Page, expect

from tests.harness.office import QUIET, MakeOffice, Office, needs_chromium, settled
from tests.harness.phones import free_port

pytestmark = needs_chromium

TABS = 10
AT_ONCE_S = 10.0
"""Who waits for a tab waits a minute. How long a stop takes is measured by ``bench.browser``."""


async def reconnected(page: Page) -> None:
    await expect(page.locator("#link-state")).to_have_text("live")


async def test_ten_tabs_outlive_a_server_that_is_stopped_and_started_and_nothing_half_written_is_lost(
    make_office: MakeOffice,
) -> None:
    office = await make_office(QUIET.replace("port = 0", f"port = {free_port()}"))
    office.expected = (
        "ERR_CONNECTION_REFUSED",
        "WebSocket connection",
        "net::ERR",
        "Failed to load resource",
    )
    first = await office.page()
    await settled(first)
    tabs = [first]
    for _ in range(TABS - 1):
        tab = await first.context.new_page()
        await tab.goto(office.gateway.url + "/")
        tabs.append(tab)
    for tab in tabs:
        await settled(tab)
        await expect(tab.get_by_role("heading", name="Lines")).to_be_visible()

    writing = tabs[3]
    await writing.bring_to_front()
    box = writing.get_by_label("Text", exact=True)
    await box.fill("half a sen")
    await box.focus()

    began_s = time.monotonic()
    assert await office.gateway.stop() == 0
    assert time.monotonic() - began_s < AT_ONCE_S, "no tab is waited for"
    await expect(first.locator("#link-state")).to_contain_text("reconnecting")
    await expect(writing.locator("#link-state")).to_contain_text("reconnecting")

    await office.gateway.start()
    await asyncio.gather(*(reconnected(tab) for tab in tabs))
    await office.gateway.lines_up(2)
    await office.gateway.send("+99900000001", "after the restart")
    for tab in tabs:
        latest = tab.get_by_role("region", name="Latest messages")
        await expect(latest.get_by_text("after the restart")).to_be_visible()
    await expect(box).to_have_value("half a sen")
    await expect(box).to_be_focused()
    await expect(
        writing.get_by_role("region", name="Latest messages").get_by_text("Delivered")
    ).to_be_visible()


async def test_a_connection_that_stays_away_says_since_when(make_office: MakeOffice) -> None:
    office = await make_office()
    office.expected = (
        "ERR_CONNECTION_REFUSED",
        "WebSocket connection",
        "net::ERR",
        "Failed to load resource",
    )
    context = await office.context()
    await context.clock.install()
    await office.sign_in(context, office.gateway.live)
    page = await context.new_page()
    await page.goto(office.gateway.url + "/")
    await settled(page)
    await office.gateway.kill()
    await expect(page.locator("#link-state")).to_contain_text("reconnecting")
    await context.clock.run_for(60_000)
    await expect(page.locator("#link-state")).to_contain_text("not connected since")


NO_SOCKETS = """window.WebSocket = class {
  constructor() { setTimeout(() => this.onclose && this.onclose()); }
  close() {}
};"""


async def test_where_sockets_do_not_pass_the_page_is_live_by_server_sent_events(office: Office) -> None:
    context = await office.context()
    await office.sign_in(context, office.gateway.live)
    await context.add_init_script(NO_SOCKETS)
    page = await context.new_page()
    await page.goto(office.gateway.url + "/")
    await settled(page)
    await office.gateway.send("+99900000001", "without a socket")
    latest = page.get_by_role("region", name="Latest messages")
    await expect(latest.get_by_text("without a socket")).to_be_visible()
    await expect(latest.get_by_text("Delivered")).to_be_visible()


async def test_where_nothing_stays_open_the_page_asks_again_by_itself(office: Office) -> None:
    context = await office.context()
    await context.clock.install()
    await office.sign_in(context, office.gateway.live)
    await context.add_init_script(NO_SOCKETS)
    await context.route("**/api/v1/events", lambda route: route.abort())
    office.expected = ("Failed to load resource", "net::ERR_FAILED")
    page = await context.new_page()
    await page.goto(office.gateway.url + "/")
    await expect(page.locator("#link-state")).to_contain_text("reconnecting")
    message = await office.gateway.send("+99900000001", "by asking again")
    await office.gateway.reaches(message, "delivered")
    for _ in range(6):
        await context.clock.run_for(5_000)
    latest = page.get_by_role("region", name="Latest messages")
    await expect(latest.get_by_text("by asking again")).to_be_visible()
