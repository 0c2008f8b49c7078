"""Drives scenario 7 of the notes on what people see: a phone is added by QR code, or it is said why it cannot be."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import expect

from tests.harness.office import MakeOffice, axe_finds_nothing, needs_chromium, no_sideways_scroll, settled
from tests.harness.phones import LINK, phone, two_sims
from tests.peers.companion_settings import PairingRefusedError

pytestmark = needs_chromium

ON_THE_LAN = (
    '[server]\nport = 0\nhost = "0.0.0.0"\n[serial]\ndiscover = false\n[adb]\nenabled = false\n'
    '[link]\nhost = "127.0.0.1"\nport = 0\n'
)


async def test_on_loopback_only_the_page_says_what_to_do_and_shows_no_code(make_office: MakeOffice) -> None:
    office = await make_office()
    page = await office.page("/devices")
    await page.get_by_role("link", name="Add phone").first.click()
    await expect(page.get_by_role("heading", name="Only this computer reaches this server")).to_be_visible()
    await expect(page.get_by_text("gateway serve --host 0.0.0.0")).to_be_visible()
    await expect(page.get_by_text("Or by cable")).to_be_visible()
    assert await page.locator("svg.qr").count() == 0
    await axe_finds_nothing(page)


async def test_a_phone_that_scans_the_code_is_followed_to_its_page_and_nobody_uses_it_twice(
    make_office: MakeOffice, tmp_path: Path
) -> None:
    office = await make_office(ON_THE_LAN, simulate=1)
    page = await office.page("/devices")
    await page.get_by_role("button", name="Add phone").first.click()
    await expect(page.get_by_role("img", name="QR code")).to_be_visible()
    await settled(page)
    await expect(page.locator("[data-until]")).to_have_text(re.compile(r"^4:[0-5]\d$"))
    await axe_finds_nothing(page)
    await office.picture(page, "pairing")
    link = await page.locator("#link").text_content()
    assert link is not None
    assert link.startswith(office.gateway.url + "/pair/"), link

    pocket = await (await office.context(width=390)).new_page()
    await pocket.goto(link)
    await expect(pocket.get_by_role("link", name="Get the app")).to_be_visible()
    app = await pocket.get_by_role("link", name="Open the app").get_attribute("href")
    await axe_finds_nothing(pocket)
    await no_sideways_scroll(pocket)
    await office.shot(pocket, "pairing-phone")
    assert app is not None
    asked = {name: values[0] for name, values in parse_qs(urlsplit(app).query).items()}

    one = phone(tmp_path / "one", sims=two_sims())
    try:
        await one.pair(f"wss://{asked['h']}{LINK}", asked["c"], asked["p"])
        await one.start()
        await page.wait_for_url(f"**/devices/{one.install}?done=paired")
        await expect(page.get_by_role("main").get_by_role("status").first).to_contain_text("connected")
        await expect(page.get_by_role("region", name="SIMs")).to_contain_text("+44 7700 900001")

        other = phone(tmp_path / "other", sims=two_sims())
        with pytest.raises(PairingRefusedError):
            await other.pair(f"wss://{asked['h']}{LINK}", asked["c"], asked["p"])
        office.expected = ("410",)
        await pocket.reload()
        await expect(pocket.get_by_role("alert")).to_contain_text("used already")
        await expect(pocket.get_by_role("link", name="Open the app")).to_have_count(0)
    finally:
        await one.stop()
