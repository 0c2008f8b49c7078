"""Drives scenario 1 of the notes on what people see: the first minute of somebody who has nothing attached."""

from __future__ import annotations

import re
import shlex
import subprocess
import time

from playwright.async_api import expect

from tests.harness.office import Office, axe_finds_nothing, needs_chromium, settled

pytestmark = needs_chromium


def printed_link(office: Office) -> str:
    found = re.search(r"^Dashboard\s+(\S+)$", office.gateway.said, re.MULTILINE)
    assert found is not None, office.gateway.said
    return found[1]


def printed_curl(office: Office) -> list[str]:
    found = re.search(r"^  (curl .*?)\n(?!\s{4})", office.gateway.said, re.MULTILINE | re.DOTALL)
    assert found is not None, office.gateway.said
    return shlex.split(found[1].replace("\\\n", " "))


async def test_the_printed_link_signs_in_and_the_printed_curl_line_runs_to_delivered_in_sight(
    office: Office,
) -> None:
    began_s = time.monotonic()
    context = await office.context()
    page = await context.new_page()
    await page.goto(printed_link(office))
    await expect(page.get_by_role("heading", name="Lines")).to_be_visible()
    await settled(page)
    assert "#" not in page.url
    done = subprocess.run(printed_curl(office), capture_output=True, text=True, timeout=10, check=True)  # noqa: ASYNC221
    assert '"state":"queued"' in done.stdout
    latest = page.get_by_role("region", name="Latest messages")
    await expect(latest.get_by_text("Hello")).to_be_visible()
    await expect(latest.get_by_text("Delivered")).to_be_visible()
    assert time.monotonic() - began_s < 60
    await axe_finds_nothing(page)

    other = await (await office.context()).new_page()
    await other.goto(printed_link(office))
    await expect(other.get_by_role("alert")).to_contain_text("used already")
    await expect(other.get_by_role("alert")).to_contain_text("gateway login")
    office.expected = ("403",)


async def test_a_link_that_is_pasted_where_the_sign_in_page_is_open_already_signs_in(office: Office) -> None:
    page = await (await office.context()).new_page()
    await page.goto(office.gateway.url + "/")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.goto(printed_link(office))
    await expect(page.get_by_role("heading", name="Lines")).to_be_visible()
    assert "#" not in page.url


async def test_an_overview_with_two_lines_and_something_that_needs_you(office: Office) -> None:
    up = await office.gateway.lines_up(2)
    for line, label in zip(up, ("Office", "Shop"), strict=True):
        answer = await office.gateway.call("PATCH", f"/api/v1/lines/{line['id']}", {"label": label})
        assert answer.status == 200
    texts = (
        ("+99900000001", "Parents' evening moved to 18:30", "delivered"),
        ("+99900000012", "Your parcel arrives between 14:00 and 16:00", "delivered"),
        ("+99900000003", "Reminder: dentist tomorrow 09:15", "failed"),
        ("+99900000005", "School is closed today", "sent"),
        ("+99900000008", "Gate code 4711", "in_doubt"),
    )
    for to, text, state in texts:
        await office.gateway.reaches(await office.gateway.send(to, text), state)
    page = await office.page(height=1000)
    await settled(page)
    needs = page.get_by_role("region", name="thing needs you")
    await expect(needs.get_by_text("1 text is in doubt")).to_be_visible()
    await expect(needs.get_by_role("link", name="Look at it")).to_be_visible()
    for label in ("Office", "Shop"):
        await expect(page.get_by_role("link", name=label, exact=True)).to_be_visible()
    await office.picture(page, "overview")
    await page.set_viewport_size({"width": 390, "height": 844})
    await office.picture(page, "overview-phone")
