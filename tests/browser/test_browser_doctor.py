"""Drives scenario 8 of the notes on what people see: a phone with five faults on the doctor's page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.harness.adb import AdbWorld
from tests.harness.office import MakeOffice, axe_finds_nothing, needs_chromium, no_sideways_scroll
from tests.integration.test_doctor_phone import OPEN_TO_THE_NETWORK, SLOW, config, connected, spoil
from tests.peers.adb_device import PACKAGE

pytestmark = needs_chromium


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AdbWorld]:
    async with AdbWorld.at(tmp_path / "adb") as one:
        yield one


async def test_five_faults_are_sorted_repaired_taken_back_and_put_off(
    make_office: MakeOffice, world: AdbWorld, tmp_path: Path
) -> None:
    office = await make_office(config(world, SLOW), simulate=0)
    phone = await connected(office.gateway, world, OPEN_TO_THE_NETWORK, tmp_path / "app")
    spoil(phone)
    page = await office.page("/doctor")
    await page.get_by_role("button", name="Check again").click()
    await expect(page.get_by_role("main").get_by_role("status").first).to_contain_text("looked at again")
    stops = page.get_by_role("region", name="Stops sending")
    trouble = page.get_by_role("region", name="Will cause trouble")
    await expect(stops).to_contain_text("SEND_SMS")
    assert await stops.get_by_role("button", name="Fix").count() >= 1
    await axe_finds_nothing(page)
    await office.picture(page, "doctor-before", whole=True)

    await page.get_by_role("button", name="Fix the 3 that can be fixed").click()
    await expect(page.get_by_role("heading", name="3 fixed")).to_be_visible()
    fixed = page.get_by_role("region", name="Fixed, and checked")
    await expect(fixed.get_by_role("button", name="Undo")).to_have_count(3)
    assert PACKAGE in phone.android.doze_exempt
    by_hand = page.get_by_text("Do this by hand")
    assert await by_hand.count() >= 2
    await axe_finds_nothing(page)
    await office.picture(page, "doctor-after", whole=True)

    await fixed.get_by_role("row", name="attery").get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("main").get_by_role("status").first).to_contain_text("Taken back")
    await expect(fixed.get_by_role("button", name="Undo")).to_have_count(2)
    assert PACKAGE not in phone.android.doze_exempt

    before = await page.get_by_role("button", name="Not now").count()
    await trouble.get_by_role("button", name="Not now").first.click()
    await expect(page.get_by_role("region", name="Put off")).to_contain_text("until")
    assert await page.get_by_role("button", name="Not now").count() == before - 1
    await page.get_by_role("button", name="Tell me again").click()
    await expect(page.get_by_role("button", name="Not now")).to_have_count(before)

    await page.set_viewport_size({"width": 320, "height": 800})
    await no_sideways_scroll(page)

    await page.goto(f"{office.gateway.url}/audit?action=doctor")
    entries = page.get_by_role("region", name="Who did what")
    for done, times in (("Repaired something", 3), ("Took a repair back", 1), ("Put a finding off", 1)):
        await expect(entries.get_by_role("row", name=done)).to_have_count(times)
    await no_sideways_scroll(page)
