"""Drives the log on the page of a device in a real browser: it follows, stands still when paused, and goes on."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.harness.gateway_process import until
from tests.harness.office import MakeOffice, axe_finds_nothing, needs_chromium, no_sideways_scroll, settled

pytestmark = needs_chromium


async def test_the_log_of_a_device_follows_pauses_and_goes_on(make_office: MakeOffice) -> None:
    office = await make_office()
    gateway = office.gateway
    await gateway.lines_up(2)
    device = (await gateway.get("/api/v1/devices"))["items"][0]["id"]

    async def restart() -> None:
        answer = await gateway.call("POST", f"/api/v1/devices/{device}/restart")
        assert answer.status == 202, answer.json

    page = await office.page(f"/devices/{device}")
    await settled(page)
    log = page.get_by_role("region", name="Log")
    asked = log.get_by_text("modem.restart_asked")
    await expect(log.get_by_text("device.attached")).to_have_count(1)
    await restart()
    await expect(asked).to_have_count(1)

    await log.get_by_label("Only lines that hold").fill("RESTART")
    await log.get_by_role("button", name="Show").click()
    await expect(asked).to_have_count(1)
    await expect(log.get_by_text("device.attached")).to_have_count(0)
    await log.get_by_role("link", name="Pause").click()
    await expect(log.get_by_text("Paused.")).to_be_visible()
    await settled(page)
    await page.set_viewport_size({"width": 320, "height": 800})
    await no_sideways_scroll(page)
    await axe_finds_nothing(page)
    await office.shot(page, "device-log-320", whole=True)

    asked_for: list[str] = []
    page.on("request", lambda request: asked_for.append(request.headers.get("x-regions", "")))
    beside = await office.page(f"/devices/{device}")
    await gateway.lines_up(2)
    await restart()
    await expect(beside.get_by_role("region", name="Log").get_by_text("modem.restart_asked")).to_have_count(2)
    await office.shot(beside, "device-log", whole=True)
    # What the restart told has reached this page too, and it did not ask for its log.
    await until(lambda: any("device" in regions.split(",") for regions in asked_for), "the page follows")
    assert not any("log" in regions.split(",") for regions in asked_for)
    await expect(asked).to_have_count(1)

    await log.get_by_role("link", name="Go on").click()
    await expect(page).to_have_url(re.compile(r"\?log=RESTART#log-title$"))
    await expect(asked).to_have_count(2)
