"""Drives scenario 9 of the notes on what people see: a text that is answered with STOP, in the inbox."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.harness.office import Office, axe_finds_nothing, needs_chromium, no_sideways_scroll, settled

pytestmark = needs_chromium

STOPS = "+99900000009"

HURRY = "WebSocket is closed before the connection is established"
"""A test clicks faster than a page goes live."""


async def test_a_stop_is_counted_shown_as_an_event_and_refuses_what_follows(office: Office) -> None:
    office.expected = ("422", HURRY)
    page = await office.page("/")
    await settled(page)
    message = await office.gateway.send(STOPS, "Your table is ready.")
    await office.gateway.reaches(message, "delivered")
    await expect(page.get_by_role("link", name=re.compile(r"^Inbox\s*1$"))).to_be_visible()

    await page.get_by_role("link", name=re.compile(r"^Inbox")).click()
    listed = page.get_by_role("region", name="Conversations")
    await expect(listed.get_by_text("STOP")).to_be_visible()
    await office.shot(page, "inbox")
    await listed.get_by_role("link", name="+999 00000009").click()
    said = page.get_by_role("region", name="What was said")
    await expect(said.get_by_text("Your table is ready.")).to_be_visible()
    await expect(said.get_by_text("asked for no more texts").first).to_be_visible()
    await expect(said.get_by_text("wants no texts")).to_be_visible()
    await expect(page.get_by_role("link", name="Inbox", exact=True).first).to_be_visible()
    await axe_finds_nothing(page)
    wishes = await office.gateway.get("/api/v1/suppressions")
    assert [(w["number"], w["keyword"]) for w in wishes["items"]] == [(STOPS, "STOP")]

    await page.get_by_label("Text", exact=True).fill("One more thing")
    await page.get_by_role("button", name="Send answer").click()
    refusal = page.get_by_role("alert")
    await expect(refusal).to_contain_text("recipient_opted_out")
    await expect(refusal.get_by_role("link", name="Suppressions")).to_be_visible()
    await expect(page.get_by_label("Text", exact=True)).to_have_value("One more thing")
    await office.shot(page, "conversation-refused")

    await refusal.get_by_role("link", name="Suppressions").click()
    await page.get_by_role("link", name="Remove…").click()
    await page.get_by_label("Why").fill("She rang and asked for it")
    await page.get_by_role("button", name="Text this person again").click()
    await page.goto(f"{office.gateway.url}/audit?action=suppression")
    entries = page.get_by_role("region", name="Who did what")
    await expect(entries.get_by_role("row", name="Lifted a suppression")).to_be_visible()
    await expect(entries.get_by_role("row", name="Added a suppression")).to_be_visible()
    await axe_finds_nothing(page)
    await office.shot(page, "audit", whole=True)


async def test_an_answer_is_written_while_texts_come_in_and_goes_from_the_same_line(office: Office) -> None:
    office.expected = (HURRY,)
    lines = await office.gateway.lines_up(2)
    second = lines[1]

    async def arrives(text: str) -> None:
        body = {"from": "+99900000001", "to": second["number"], "text": text}
        assert (await office.gateway.call("POST", "/api/v1/sandbox/inbound", body)).status in (200, 202, 204)

    await arrives("Is my parcel there?")
    page = await office.page("/conversations", width=390)
    await page.get_by_role("link", name="+999 00000001").click()
    await settled(page)
    text = page.get_by_label("Text", exact=True)
    await text.fill("Yes, until")
    await arrives("I come at six.")
    await expect(page.get_by_text("I come at six.")).to_be_visible()
    await expect(text).to_have_value("Yes, until")
    await text.press_sequentially(" seven.")
    await expect(page.get_by_text("17 of 160 · 1 part")).to_be_visible()
    await page.get_by_role("button", name="Send answer").click()
    said = page.get_by_role("region", name="What was said")
    await expect(said.get_by_text("Yes, until seven.")).to_be_visible()
    await expect(said.get_by_text("Delivered").first).to_be_visible()
    sent = (await office.gateway.get("/api/v1/messages"))["items"][0]
    assert sent["line"] == second["id"]
    await no_sideways_scroll(page)
    await axe_finds_nothing(page)
    await office.shot(page, "conversation-phone", whole=True)
