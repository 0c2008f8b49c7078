"""Drives scenario 3 of the notes on what people see: the counter below a text counts as the network will."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Locator, Page, expect

from tests.harness.office import Office, axe_finds_nothing, needs_chromium, settled

pytestmark = needs_chromium

TEXTS = (
    "a", "x" * 160, "x" * 161, "x" * 306, "x" * 307, "€" * 80, "€" * 81, "[]{}\\~^|", "x" * 159 + "€", "two\nlines\n",
    "🙂", "🙂" * 35, "🙂" * 36, "x" * 69 + "🙂", "Приве́т", "“quotes” … – and dash", "ñandú, ¿qué?", "ç and Ç",
    "👩\u200d👩\u200d👧 family", "x" * 2000,
)  # fmt: skip


def counter(page: Page) -> Locator:
    return page.locator("[data-counter]")


def box(page: Page) -> Locator:
    return page.get_by_label("Text", exact=True)


async def test_the_counter_says_what_the_preview_says_names_what_costs_and_offers_plain_letters(
    office: Office,
) -> None:
    page = await office.page("/send")
    await settled(page)
    await box(page).fill("x" * 160)
    await expect(counter(page)).to_have_text("160 of 160 · 1 part")
    await box(page).press_sequentially("€")
    await expect(counter(page)).to_have_text("162 of 306 · 2 parts")
    await box(page).press_sequentially("🙂")
    await expect(counter(page)).to_have_text("163 of 201 · 3 parts · Unicode because of 🙂")
    await office.picture(page, "send-box")
    await axe_finds_nothing(page)

    # Plain letters are offered where they save parts, and put in by one press.
    plain = page.get_by_role("button", name="Use plain letters")
    await box(page).fill("x" * 60 + "“quotes” … – dash")
    await expect(counter(page)).to_contain_text("2 parts · Unicode because of “ ” … –")
    await plain.click()
    await expect(box(page)).to_have_value("x" * 60 + '"quotes" ... - dash')
    await expect(counter(page)).to_contain_text("1 part")
    await expect(plain).to_be_hidden()
    for text in TEXTS:
        answer = await office.gateway.call("POST", "/api/v1/messages/preview", {"text": text})
        measured = answer.json
        total = measured["units_used"] + measured["units_left"]
        parts = "1 part" if measured["parts"] == 1 else f"{measured['parts']} parts"
        await box(page).fill(text)
        said = re.escape(f"{measured['units_used']} of {total} · {parts}")
        await expect(counter(page)).to_have_text(re.compile(rf"^{said}( · |$)"))
        if not measured["fits"]:
            await expect(counter(page)).to_contain_text("too long: at most 6 parts")


async def test_typing_is_never_overwritten_while_events_arrive(office: Office) -> None:
    await office.gateway.lines_up(2)
    page = await office.page("/")
    await settled(page)
    written = "Half written while much happens"

    async def happen() -> None:
        for n in range(20):
            await office.gateway.send("+99900000001", f"event {n}")

    busy = asyncio.create_task(happen())
    await box(page).press_sequentially(written, delay=30)
    await busy
    await expect(page.get_by_role("region", name="Latest messages")).to_contain_text("event 19")
    await expect(box(page)).to_have_value(written)
    await expect(box(page)).to_be_focused()


async def test_numbers_are_shown_back_when_the_field_is_left_and_a_wrong_one_is_kept(office: Office) -> None:
    page = await office.page("/")
    await settled(page)
    to = page.get_by_label("To", exact=True)
    await to.fill("+999 0000 0001; 0770\n+44 7700 900123")
    await box(page).focus()
    chips = page.locator("#chips").get_by_role("listitem")
    await expect(chips).to_have_count(3)
    await expect(chips.nth(0)).to_contain_text("+999 00000001 sandbox")
    await expect(chips.nth(1)).to_contain_text("is no number")
    await expect(chips.nth(2)).to_contain_text("+44 7700 900123 GB")
    await box(page).fill("Hello")
    office.expected = ("422",)
    await page.get_by_role("button", name="Send 2 texts").click()
    await expect(page.get_by_text('"0770" has no country code').first).to_be_visible()
    await expect(to).to_be_focused()
    await expect(to).to_have_value("+999 0000 0001; 0770\n+44 7700 900123")
    await expect(box(page)).to_have_value("Hello")
    await axe_finds_nothing(page)
    await to.fill("+999 0000 0001")
    await page.get_by_role("button", name=re.compile("^Send")).click()
    await expect(page.get_by_role("region", name="What is with it")).to_contain_text("Delivered.")
