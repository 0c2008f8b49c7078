"""Drives what needs a second person, and the pages of templates and of who wants no texts, as people use them."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.harness.office import (
    QUIET,
    MakeOffice,
    Office,
    axe_finds_nothing,
    needs_chromium,
    no_sideways_scroll,
    settled,
)

pytestmark = needs_chromium

LEFT_EARLY = "closed before the connection is established"
REFUSED = "422"


async def test_a_second_person_sees_the_texts_and_approves_them_in_sight_of_the_first(
    make_office: MakeOffice,
) -> None:
    office = await make_office(f"{QUIET}[policy]\napproval_over = 3\n")
    office.expected = (LEFT_EARLY, REFUSED)
    gateway = office.gateway
    await gateway.lines_up(2)
    people = [{"to": f"+9990100000{i}", "data": {"name": f"Child {i}"}} for i in range(5)]
    asked = {"text": "Hi {name}, no school today.", "name": "Snow", "recipients": people}
    batch = (await gateway.call("POST", "/api/v1/batches", asked)).json
    await gateway.call("POST", "/api/v1/batches", {**asked, "name": "Second"})
    answer = await gateway.call("POST", "/api/v1/keys", {"name": "Head teacher", "scopes": ["*"]})
    author = await office.page(f"/batches/{batch['id']}")
    await settled(author)
    await expect(author.locator("#progress")).to_contain_text("Held")
    await expect(author.locator("#progress")).to_contain_text("It waits for a second person")
    await author.get_by_role("link", name="To the approvals").click()
    await expect(author.get_by_text("You wrote this yourself").first).to_be_visible()
    await author.goto(f"{gateway.url}/batches/{batch['id']}")

    head = await office.page("/approvals", key=answer.json["key"])
    snow = head.get_by_role("article", name="Snow")
    await expect(snow).to_contain_text("Hi Child 0, no school today.")
    await axe_finds_nothing(head)
    await office.shot(head, "approvals", whole=True)
    await snow.get_by_label("Note").fill("It snows")
    await snow.get_by_role("button", name="Approve 5 messages").click()
    await head.wait_for_url(re.compile("/batches/"))
    await expect(author.locator("#progress")).to_contain_text("100 %")

    await head.goto(f"{gateway.url}/approvals")
    await expect(head.get_by_role("row", name=re.compile("It snows"))).to_be_visible()
    await head.get_by_role("article", name="Second").get_by_role("button", name="Reject 5 messages").click()
    await expect(head.locator("#progress")).to_contain_text("Rejected")


async def test_forms_of_people_and_templates_are_accessible_with_their_errors(office: Office) -> None:
    office.expected = (LEFT_EARLY, REFUSED)
    page = await office.page("/suppressions", width=320, dark=True)
    await page.get_by_text("Add numbers").click()
    await page.get_by_label("Numbers").fill("+99901000030, 0770")
    await page.get_by_role("button", name="Send them no more texts").click()
    await expect(page.get_by_label("Numbers")).to_be_focused()
    await axe_finds_nothing(page)
    await no_sideways_scroll(page)
    await office.shot(page, "suppressions-320", whole=True)
    await page.get_by_role("link", name=re.compile("Remove")).first.click()
    await page.get_by_label("Why may they be texted again?").fill("They asked us to")
    await axe_finds_nothing(page)
    await page.get_by_role("button", name="Text this person again").click()
    await expect(page.get_by_text("They asked us to")).to_be_visible()

    await page.goto(f"{office.gateway.url}/consents")
    await page.get_by_text("Record a consent").click()
    await page.get_by_text("The number is a child's").click()
    await page.get_by_label("Number", exact=True).fill("+99901000044")
    await page.get_by_label("Where it comes from").fill("form")
    await axe_finds_nothing(page)
    await page.get_by_role("button", name="Record that they agreed now").click()
    await page.get_by_text("Withdraw…").first.click()
    await axe_finds_nothing(page)
    await no_sideways_scroll(page)
    await office.shot(page, "consents-320", whole=True)

    await page.goto(f"{office.gateway.url}/templates/new")
    await page.get_by_label("Name").fill("trip")
    await page.get_by_label("Text").fill("Hi {name}")
    await page.get_by_role("button", name="Add a language").click()
    await page.get_by_label("Language 2").fill("de")
    await page.get_by_label("Text 2").fill("Hallo {nmae}")
    await page.get_by_role("button", name="Save template").click()
    await expect(page.get_by_label("Text 2")).to_be_focused()
    await axe_finds_nothing(page)
    await no_sideways_scroll(page)
    await page.get_by_label("Text 2").fill("Hallo {name}")
    await page.get_by_role("button", name="Save template").click()
    await expect(page.get_by_role("heading", name="Versions")).to_be_visible()
    await page.get_by_text("Delete this template").click()
    await axe_finds_nothing(page)
    await no_sideways_scroll(page)
    await office.shot(page, "template-320", whole=True)
