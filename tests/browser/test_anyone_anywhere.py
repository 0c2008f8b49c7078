"""Drives scenario 12 of the notes on what people see: every page, narrow and wide, light and dark, by keyboard, without
script, from elsewhere, and below a path."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from gateway.phones.lan import lan_addresses
from gateway.web import PAGES
from tests.harness.furnished import NUMBER, furnish, pages
from tests.harness.gateway_process import until
from tests.harness.office import (
    QUIET,
    MakeOffice,
    Office,
    axe_finds_nothing,
    needs_chromium,
    no_sideways_scroll,
    settled,
)
from tests.harness.phones import free_port
from tests.peers.prefix_proxy import below

pytestmark = needs_chromium

LINKS = """[...document.querySelectorAll('[href],[src],[action]')].flatMap(
    (e) => ['href', 'src', 'action'].map((name) => e.getAttribute(name)).filter(Boolean))"""


async def furnished(office: Office) -> list[str]:
    """Put something on every page; returns their addresses."""
    gateway = office.gateway
    await gateway.lines_up(2)
    line = (await gateway.get("/api/v1/lines"))["items"][0]

    async def receive(text: str) -> str:
        answer = await gateway.call(
            "POST", "/api/v1/sandbox/inbound", {"from": NUMBER, "to": line["number"], "text": text}
        )
        assert answer.status in (200, 201, 202), answer.json
        found: list[dict[str, Any]] = []

        async def there() -> bool:
            found[:] = (await gateway.get("/api/v1/inbound"))["items"]
            return bool(found)

        await until(there, "the text is received")
        return str(found[0]["id"])

    ids = await furnish(gateway, receive)
    await gateway.send("+99900000003", "Nobody has this number")
    return pages(PAGES, ids)


@pytest.mark.timeout(240)
async def test_every_page_is_accessible_in_both_colours_and_fits_every_width(office: Office) -> None:
    addresses = await furnished(office)
    assert len(addresses) > 5
    page = await office.page()
    await settled(page)
    for address in addresses:
        await page.goto(office.gateway.url + address)
        name = (
            re.sub(r"/[0-9a-f-]{36}|/%?\+?[0-9]+", "-one", address).strip("/").replace("/", "-") or "overview"
        )
        for width, dark in ((1280, False), (390, False), (320, True)):
            await page.emulate_media(color_scheme="dark" if dark else "light")
            await page.set_viewport_size({"width": width, "height": 900})
            await no_sideways_scroll(page)
            if width != 390:
                await axe_finds_nothing(page)
            await office.shot(page, f"page-{name}-{width}{'-dark' if dark else ''}", whole=True)


async def test_a_text_is_sent_by_keyboard_alone_with_the_focus_in_sight(office: Office) -> None:
    page = await office.page()
    await settled(page)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await page.keyboard.press("n")
    await page.wait_for_url("**/send")
    await page.get_by_label("To", exact=True).focus()
    await page.keyboard.type("+999 00000001")
    for _ in range(10):
        await page.keyboard.press("Tab")
        if await page.get_by_label("Text", exact=True).evaluate("e => e === document.activeElement"):
            break
    await page.keyboard.type("by keyboard")
    for _ in range(20):
        await page.keyboard.press("Tab")
        assert await _has_visible_focus(page)
        if re.fullmatch(r"Send.*", (await _focused_words(page)) or ""):
            break
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(r"/messages/"))
    await expect(page.get_by_text("by keyboard").first).to_be_visible()


async def _focused_words(page: Page) -> str:
    return str(await page.evaluate("(document.activeElement.textContent || '').trim()"))


async def _has_visible_focus(page: Page) -> bool:
    style = await page.evaluate(
        "(() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]; })()"
    )
    return bool(style[0] != "none" and style[1] != "0px")


async def test_without_script_texts_are_sent_filtered_and_paged(office: Office) -> None:
    sent = [await office.gateway.send("+99900000005", f"text number {n}") for n in range(60)]
    for each in sent:
        await office.gateway.reaches(each, "sent", limit_s=60)
    page = await office.page(script=False)
    await expect(page.get_by_role("heading", name="Lines")).to_be_visible()
    await page.goto(f"{office.gateway.url}/send")
    await page.get_by_label("To", exact=True).fill("+99900000001")
    await page.get_by_label("Text", exact=True).fill("sent without script")
    await page.get_by_role("button", name=re.compile(r"^Send")).first.click()
    await page.wait_for_url(re.compile(r"/messages/"))
    await expect(page.get_by_text("sent without script").first).to_be_visible()
    await page.goto(f"{office.gateway.url}/messages?state=sent")
    await expect(page.get_by_text("text number 59")).to_be_visible()
    await page.get_by_role("link", name="Older").click()
    await expect(page.get_by_text("text number 0", exact=True)).to_be_visible()


async def test_from_another_machine_on_plain_http_everything_works_and_the_risk_is_said(
    make_office: MakeOffice,
) -> None:
    address = next((each for each in lan_addresses() if ":" not in each), None)
    if address is None:
        pytest.skip("this machine has no address but loopback")
    office = await make_office(QUIET.replace("[server]", '[server]\nhost = "0.0.0.0"'))
    office.gateway.url = office.gateway.url.replace("127.0.0.1", address)
    page = await office.page()
    await settled(page)
    assert not await page.evaluate("window.isSecureContext")
    await expect(page.get_by_text("not encrypted")).to_be_visible()
    await page.get_by_label("To", exact=True).fill("+99900000001")
    await page.get_by_label("Text", exact=True).fill("over the LAN")
    await page.get_by_role("button", name=re.compile(r"^Send")).first.click()
    await page.wait_for_url(re.compile(r"/messages/"))
    await expect(page.get_by_text("over the LAN").first).to_be_visible()


async def test_below_a_path_of_somebody_elses_server_every_link_and_the_live_link_hold(
    make_office: MakeOffice,
) -> None:
    port, target = free_port(), [""]
    async with below("/sms", port, target):
        office = await make_office(
            QUIET.replace("[server]", f'[server]\npublic_url = "http://127.0.0.1:{port}/sms"')
        )
        target[0] = office.gateway.url
        office.hosts = {f"127.0.0.1:{port}"}
        office.expected = (
            "ERR_CONNECTION_REFUSED",
            "WebSocket connection",
        )  # the proxy ends before the browser
        addresses = await furnished(office)
        office.gateway.url = f"http://127.0.0.1:{port}/sms"
        page = await office.page()
        await settled(page)
        for address in addresses[:12]:
            answer = await page.goto(office.gateway.url + address)
            assert answer is not None
            assert answer.status == 200, address
            wrong = [link for link in await page.evaluate(LINKS) if re.match(r"/(?!sms(/|$))", link)]
            assert wrong == [], address
        await page.goto(office.gateway.url + "/")
        office.gateway.url = target[0]
        await office.gateway.send("+99900000001", "below a path")
        latest = page.get_by_role("region", name="Latest messages")
        await expect(latest.get_by_text("below a path")).to_be_visible()
        office.gateway.url = f"http://127.0.0.1:{port}/sms"
