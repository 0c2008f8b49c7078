"""Drives scenario 2 of the notes on what people see: what became of a text is said as it is, by whom, with proof."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from tests.harness.office import Office, axe_finds_nothing, needs_chromium, no_sideways_scroll, settled

pytestmark = needs_chromium

LINES_LATE_MS = 20_000
"""A modem that keeps silent holds its line for five seconds; two lines carry six texts."""


def fate(page: Page) -> Locator:
    return page.get_by_role("region", name="What is with it")


def timeline(page: Page) -> Locator:
    return page.get_by_role("region", name="Timeline")


async def opened(office: Office, page: Page, ids: dict[int, str], number: int) -> None:
    await page.goto(f"{office.gateway.url}/messages/{ids[number]}")
    await settled(page)


async def test_the_truth_about_five_texts_with_witness_and_proof(office: Office) -> None:
    await office.gateway.lines_up(2)
    ids = {n: await office.gateway.send(f"+9990000000{n}", f"Truth {n}") for n in (3, 2, 5)}
    page = await office.page()

    await opened(office, page, ids, 3)
    await expect(fate(page)).to_contain_text(
        "Failed. The network says this number does not exist. It was not sent."
    )
    await expect(fate(page)).to_contain_text("RP cause 1")
    refused = timeline(page).get_by_role("listitem").last
    await expect(refused).to_contain_text("the network says so")
    await refused.get_by_text("Evidence").click()
    await expect(refused).to_contain_text("+CMS ERROR: 1")
    handed = timeline(page).get_by_role("listitem").filter(has_text="Handed to")
    await handed.get_by_text("Evidence").click()
    submit = handed.get_by_role("table")
    await expect(submit.get_by_role("row").filter(has_text="TP-DA")).to_contain_text("+99900000003")
    await expect(submit.get_by_role("row").filter(has_text="TP-UD").last).to_contain_text("Truth 3")
    await office.picture(page, "timeline", whole=True)
    await axe_finds_nothing(page)

    await opened(office, page, ids, 2)
    await expect(fate(page)).to_contain_text("Not delivered.")
    await expect(fate(page)).to_contain_text("It left here, but did not reach the phone.")
    report = timeline(page).get_by_role("listitem").last
    await report.get_by_text("Evidence").click()
    await expect(report.get_by_role("row").filter(has_text="TP-ST")).to_contain_text("0x62")
    await expect(report).to_contain_text("the network says so")

    await opened(office, page, ids, 5)
    await expect(fate(page)).to_contain_text("Sent. The network took it")
    await expect(fate(page)).to_contain_text("No delivery report yet")

    # Sent when they are looked at: the first is in doubt for five seconds only.
    ids |= {n: await office.gateway.send(f"+9990000000{n}", f"Truth {n}") for n in (7, 8)}
    await opened(office, page, ids, 7)
    await expect(fate(page)).to_contain_text("In doubt.", timeout=LINES_LATE_MS)
    await expect(timeline(page).get_by_text("the modem says so")).to_be_visible()
    # Nothing is pressed and nothing reloaded: the late report settles it.
    await expect(fate(page)).to_contain_text("Delivered.", timeout=LINES_LATE_MS)
    await expect(timeline(page).get_by_text("it may have been sent")).to_be_visible()

    await opened(office, page, ids, 8)
    await expect(fate(page)).to_contain_text("In doubt.", timeout=LINES_LATE_MS)
    await expect(page.get_by_role("button", name="Leave it")).to_be_visible()
    await expect(fate(page)).to_contain_text("the recipient gets a second copy")
    await office.shot(page, "message-in-doubt", whole=True)
    await axe_finds_nothing(page)
    await page.get_by_role("button", name="It did not arrive: send again").click()
    person = timeline(page).get_by_role("listitem").filter(has_text="a second copy is possible")
    await expect(person).to_be_visible()
    await expect(person).not_to_contain_text("this gateway says so")
    second = timeline(page).get_by_role("listitem").filter(has_text="try 2").first
    await expect(second).to_contain_text("Handed to", timeout=LINES_LATE_MS)
    await expect(page.get_by_role("region", name="Parts").get_by_role("row")).to_have_count(3)


async def test_an_open_proof_stays_open_while_the_page_lives_and_fits_a_phone(office: Office) -> None:
    await office.gateway.lines_up(2)
    message = await office.gateway.send("+99900000006", "Delivered later " * 12)
    page = await office.page(f"/messages/{message}", width=390, dark=True)
    await settled(page)
    handed = timeline(page).get_by_role("listitem").filter(has_text="Handed to")
    await handed.get_by_text("Evidence").click()
    await expect(handed.get_by_text("part 1 of 2")).to_be_visible()
    await expect(fate(page)).to_contain_text("Sent.")
    await expect(handed.get_by_text("part 1 of 2")).to_be_visible()
    await no_sideways_scroll(page)
    await axe_finds_nothing(page)


async def test_a_text_runs_through_the_list_and_a_new_one_only_knocks(office: Office) -> None:
    await office.gateway.lines_up(2)
    await office.gateway.send("+99900000005", "The first")
    page = await office.page("/messages")
    await settled(page)
    first = page.get_by_role("row").filter(has_text="The first")
    await expect(first).to_contain_text("Sent")
    await first.get_by_role("checkbox").check()
    await office.gateway.send("+99900000001", "The second")
    await expect(page.get_by_role("link", name="1 new on top")).to_be_visible()
    await expect(page.get_by_text("The second")).to_have_count(0)
    await expect(first.get_by_role("checkbox")).to_be_checked()
    await page.get_by_role("link", name="1 new on top").click()
    await expect(page.get_by_role("row").filter(has_text="The second")).to_contain_text("Delivered")
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await page.keyboard.type("second")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("row").filter(has_text="The second")).to_be_visible()
    await expect(page.get_by_text("The first")).to_have_count(0)
    await office.shot(page, "messages")
