"""Drives scenario 6 of the notes on what people see: a modem is put in, tested, pulled out, and put in again."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

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
SEEN_S = 5.0
"""From the plug to the page: scenario 6."""


@pytest.fixture
async def modem(tmp_path: Path) -> AsyncIterator[ModemProcess]:
    one = ModemProcess(tmp_path / "stick")
    yield one
    await one.pull()


async def _seen_s(page: Page, modem: ModemProcess) -> tuple[float, float]:
    """Put it in and pull it; returns the seconds until the page shows it, and until it is gone from there."""
    stick = page.get_by_role("region", name="Attached").get_by_role("article").filter(has_text="Shop")
    await modem.put_in()
    began_s = time.monotonic()
    await expect(stick).to_be_visible()
    found_s = time.monotonic() - began_s
    await modem.pull()
    began_s = time.monotonic()
    await expect(stick).to_have_count(0)
    return found_s, time.monotonic() - began_s


async def test_a_modem_is_found_tested_pulled_and_goes_on_where_it_was(
    make_office: MakeOffice, modem: ModemProcess
) -> None:
    office = await make_office(f'{QUIET}[[modem]]\nport = "{modem.port}"\nlabel = "Shop"\n', simulate=0)
    page = await office.page("/devices")
    await settled(page)
    attached = page.get_by_role("region", name="Attached")
    await expect(attached).to_contain_text("Nothing is attached")

    # One of three: how busy the machine is is not what is asked. ``bench.browser`` measures it.
    took_s = [await _seen_s(page, modem) for _ in range(3)]
    assert min(found for found, _ in took_s) < SEEN_S, took_s
    assert min(down for _, down in took_s) < SEEN_S, took_s

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
