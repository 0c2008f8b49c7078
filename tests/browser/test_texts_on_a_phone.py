"""Proves in a real browser how texts are listed on a phone, and that a button stays where it is while it is pressed."""

from __future__ import annotations

import re

from playwright.async_api import Locator, Page, expect

from tests.harness.office import Office, axe_finds_nothing, needs_chromium, no_sideways_scroll, settled

pytestmark = needs_chromium

HIDDEN = "Long words before what cannot be seen " * 3 + "\u202etxt"


async def top(where: Locator) -> float:
    box = await where.bounding_box()
    assert box is not None
    return box["y"]


async def row_of(page: Page, text: str) -> Locator:
    row = page.locator("#rows tbody tr").filter(has_text=text)
    await expect(row).to_have_count(1)
    return row


async def test_each_text_is_a_card_of_two_lines_which_opens_wherever_it_is_touched(office: Office) -> None:
    await office.gateway.lines_up(2)
    await office.gateway.reaches(await office.gateway.send("+99900000005", "School is closed"), "sent")
    await office.gateway.reaches(await office.gateway.send("+99900000003", "Gate code"), "failed")
    page = await office.page("/messages", width=390)
    await settled(page)
    row = await row_of(page, "School is closed")
    number, time = row.get_by_role("link"), row.locator("time")
    state, text = row.locator(".state"), row.locator("td.text")
    assert abs(await top(number) - await top(time)) < 8
    assert abs(await top(state) - await top(text)) < 8
    assert await top(state) > await top(number) + 12
    await no_sideways_scroll(page)
    await axe_finds_nothing(page)
    failed = await row_of(page, "Gate code")
    await expect(failed).to_contain_text("The network says this number does not exist")
    await failed.scroll_into_view_if_needed()
    words = await failed.locator("td.text").bounding_box()
    assert words is not None
    await page.mouse.click(words["x"] + words["width"] / 2, words["y"] + words["height"] / 2)
    await expect(page.get_by_role("region", name="What is with it")).to_contain_text("Failed.")


async def test_a_long_text_that_hides_something_shows_its_mark_in_the_list(office: Office) -> None:
    await office.gateway.lines_up(2)
    await office.gateway.reaches(await office.gateway.send("+99900000001", HIDDEN), "delivered")
    for width in (320, 1280):
        page = await office.page("/messages", width=width)
        badge = (await row_of(page, "Long words")).get_by_text("hidden characters")
        box = await badge.bounding_box()
        cell = await page.locator("#rows td.text").first.bounding_box()
        assert box is not None
        assert cell is not None
        assert box["x"] + box["width"] <= cell["x"] + cell["width"] + 1
        await no_sideways_scroll(page)


async def test_a_button_that_is_pressed_slowly_right_after_typing_still_sends(office: Office) -> None:
    await office.gateway.lines_up(2)
    page = await office.page("/send")
    await settled(page)
    await page.get_by_label("To", exact=True).fill("+99900000001")
    await page.get_by_label("Text", exact=True).press_sequentially("Hello")
    button = page.get_by_role("button", name=re.compile("^Send"))
    box = await button.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 20, box["y"] + box["height"] - 4)
    async with page.expect_response(lambda answer: answer.request.method == "POST"):
        await page.mouse.down()
    assert await top(button) == box["y"]
    await page.mouse.up()
    await expect(page.get_by_role("region", name="What is with it")).to_contain_text("Delivered.")
