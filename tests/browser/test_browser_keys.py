"""Drives scenario 11 of the notes on what people see: keys for programs and people, made, used and revoked."""

from __future__ import annotations

import aiohttp
import pytest
from playwright.async_api import Page, expect

from tests.harness.office import Office, axe_finds_nothing, needs_chromium

pytestmark = needs_chromium

HURRY = "WebSocket is closed before the connection is established"
"""A test clicks faster than a page goes live."""

PLAIN_HTTP = "Object.defineProperty(window, 'isSecureContext', {value: false})"
"""What a browser says of http://192.168.…: it gives no clipboard there."""


async def make(page: Page, name: str, *rights: str, sandbox: bool = False) -> str:
    """Make a key by the form; returns what is shown."""
    await page.get_by_role("link", name="New key").click()
    await page.get_by_label("Name", exact=True).fill(name)
    for right in rights:
        await page.get_by_label(right).check()
    if sandbox:
        await page.get_by_label("Only the sandbox").check()
    await page.get_by_role("button", name="Make the key").click()
    return await page.get_by_label("Key", exact=True).input_value()


async def test_keys_are_shown_once_give_what_they_say_and_end_when_they_are_revoked(office: Office) -> None:
    office.expected = ("403", HURRY, "HTTP Authentication failed")
    context = await office.context()
    await context.add_init_script(PLAIN_HTTP)
    await office.sign_in(context, office.gateway.live)
    page = await context.new_page()
    await page.goto(f"{office.gateway.url}/keys")
    sandbox_key = await make(page, "trying out", "Everything, like", sandbox=True)
    await page.get_by_role("button", name="Copy", exact=True).click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    await axe_finds_nothing(page)
    await page.get_by_role("link", name="Done").click()
    assert sandbox_key not in await page.content()
    reading_key = await make(page, "looking", "Read sent texts", "Read received texts")
    await page.reload()
    await expect(page.get_by_text("was done already")).to_be_visible()
    assert reading_key not in await page.content()
    await office.shot(page, "keys")
    await axe_finds_nothing(page)

    playing = await office.page("/", key=sandbox_key)
    await expect(playing.get_by_text("Sandbox", exact=True).first).to_be_visible()

    reader = await office.page("/", key=reading_key)
    await expect(reader.get_by_label("Text", exact=True)).to_have_count(0)
    await expect(reader.get_by_role("link", name="Webhooks")).to_have_count(0)
    answer = await reader.goto(f"{office.gateway.url}/webhooks")
    assert answer is not None
    assert answer.status == 403
    sent = await office.gateway.call(
        "POST", "/api/v1/messages", {"to": "+99900000001", "text": "no"}, key=reading_key
    )
    assert sent.status == 403

    await page.get_by_role("link", name="Change looking").click()
    await page.get_by_role("button", name="Revoke this key").click()
    await expect(page.get_by_text("The key was revoked")).to_be_visible()
    await reader.goto(f"{office.gateway.url}/messages")
    await expect(reader.get_by_label("One-time link or key")).to_be_visible()

    await page.goto(f"{office.gateway.url}/audit")
    entries = page.get_by_role("region", name="Who did what")
    await expect(entries.get_by_role("row", name="Made a key: looking")).to_be_visible()
    await expect(entries.get_by_role("row", name="Revoked a key: looking")).to_be_visible()
    await expect(entries.get_by_role("row", name="Signed in").first).to_be_visible()


async def test_a_post_and_a_socket_of_another_page_are_refused_though_the_cookie_is_good(
    office: Office,
) -> None:
    office.expected = (HURRY,)
    context = await office.context()
    await office.sign_in(context, office.gateway.live)
    cookies = {c["name"]: c["value"] for c in await context.cookies()}
    jar = aiohttp.CookieJar(unsafe=True)  # an address is no host name to it
    async with aiohttp.ClientSession(cookie_jar=jar, cookies=cookies) as session:
        async with session.get(f"{office.gateway.url}/keys", headers={"Accept": "text/html"}) as mine:
            assert mine.status == 200
            assert "New key" in await mine.text()
        for origin in ("http://evil.example", "http://127.0.0.1:1", "null"):
            headers = {"Origin": origin, "Accept": "text/html"}
            fields = {"name": "stolen", "scopes": "*", "form_token": "guess"}
            async with session.post(f"{office.gateway.url}/keys", data=fields, headers=headers) as answer:
                assert answer.status == 403
                assert "csrf_failed" in await answer.text()
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{office.gateway.url}/api/v1/events/ws", headers=headers)
            assert refused.value.status == 403
    assert all(key["name"] != "stolen" for key in (await office.gateway.get("/api/v1/keys"))["items"])
