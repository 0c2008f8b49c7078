"""Drives scenario 6 of the notes on what people see: a modem is put in, tested, pulled out, and put in again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.harness.modem_process import ModemProcess
from tests.harness.office import (
    QUIET,
    MakeOffice,
    axe_finds_nothing,
    needs_chromium,
    no_sideways_scroll,
    settled,
)

pytestmark = needs_chromium

FRIEND = "+447700900123"


@pytest.fixture
async def modem(tmp_path: Path) -> AsyncIterator[ModemProcess]:
    one = ModemProcess(tmp_path / "stick")
    yield one
    await one.pull()


async def test_a_modem_is_found_tested_pulled_and_goes_on_where_it_was(
    make_office: MakeOffice, modem: ModemProcess
) -> None:
    office = await make_office(f'{QUIET}[[modem]]\nport = "{modem.port}"\nlabel = "Shop"\n', simulate=0)
    page = await office.page("/devices")
    await settled(page)
    attached = page.get_by_role("region", name="Attached")
    await expect(attached).to_contain_text("Nothing is attached")

    await modem.put_in("--submit-s", "0.3")
    await expect(attached.get_by_role("link", name="Shop")).to_be_visible()

    await attached.get_by_role("link", name="Shop").click()
    await expect(page.get_by_role("heading", name="Shop")).to_be_visible()
    sim = page.get_by_role("region", name="This SIM")
    await expect(sim).to_contain_text("dBm")
    await expect(sim).to_contain_text("Emulated")
    await page.get_by_role("button", name="Self-test").click()
    await expect(page.get_by_text("Everything that sending needs is there.")).to_be_visible()
    await expect(page.get_by_role("region", name="Self-tests")).to_contain_text("passed")
    await axe_finds_nothing(page)
    await office.shot(page, "line", whole=True)
    await settled(page)

    first = await office.gateway.send(FRIEND, "before", line="Shop")
    await office.gateway.reaches(first, "delivered")
    await modem.pull()
    await expect(page.get_by_text("Down", exact=True).first).to_be_visible()
    waiting = [await office.gateway.send(FRIEND, f"later {n}", line="Shop") for n in range(2)]
    await expect(page.get_by_text("2 texts wait")).to_be_visible()
    await expect(page.locator("#top .note")).to_contain_text("Lost the device")

    await modem.put_in("--submit-s", "0.05")
    for message in waiting:
        await office.gateway.reaches(message, "delivered", limit_s=25)
    await expect(page.get_by_text("Up", exact=True).first).to_be_visible()
    assert len(modem.air()) == 3, "nothing is sent twice"

    await page.set_viewport_size({"width": 320, "height": 800})
    await no_sideways_scroll(page)
