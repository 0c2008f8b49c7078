"""Drives what a live page does with its regions: what no event tells of is seen all the same, what somebody uses stays
where it is, and what nobody sees counts as seen by nobody."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from playwright.async_api import BrowserContext, Locator, Page, Request, expect

from tests.harness.gateway_process import until
from tests.harness.office import QUIET, MakeOffice, Office, needs_chromium, settled

pytestmark = needs_chromium

LEFT_EARLY = "closed before the connection is established"
"""A test clicks faster than a page goes live."""
BUSY = "+99900000004"
"""The network refuses it twice for now (cause 42) and takes it then (docs/sandbox.md)."""

IN_THE_BACKGROUND = """Object.defineProperty(Document.prototype, "hidden", {
  get: () => sessionStorage.getItem("hidden") === "yes", configurable: true,
});"""


def asked_for(page: Page) -> list[str]:
    """The regions that a page asks for from now on, each time it does."""
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.extend(request.headers.get("x-regions", "").split(","))

    page.on("request", note)
    return asked


async def exchanged(region: Locator) -> None:
    """Wait until a region that was marked is another one."""
    await expect(region).not_to_have_attribute("data-before", "")


async def marked(region: Locator) -> None:
    await region.evaluate("(region) => { region.dataset.before = ''; }")


async def hide(page: Page, *, hidden: bool) -> None:
    """Put a tab into the background, or bring it back: a browser without windows never does."""
    await page.evaluate(
        "(yes) => { sessionStorage.setItem('hidden', yes); document.dispatchEvent(new Event('visibilitychange')); }",
        "yes" if hidden else "no",
    )


async def in_background(office: Office, path: str) -> Page:
    context: BrowserContext = await office.context()
    await office.sign_in(context, office.gateway.live)
    await context.add_init_script(IN_THE_BACKGROUND)
    page = await context.new_page()
    await page.goto(office.gateway.url + path)
    await settled(page)
    return page


async def test_a_text_that_went_back_to_the_queue_is_no_longer_said_to_be_on_the_radio(
    make_office: MakeOffice,
) -> None:
    office = await make_office(simulate=1)
    (line,) = await office.gateway.lines_up(1)
    message = await office.gateway.send(BUSY, "Later")
    page = await office.page(f"/messages/{message}")
    overview = await page.context.new_page()
    await overview.goto(office.gateway.url)
    await settled(overview)

    async def refused() -> bool:
        found = await office.gateway.message(message)
        return bool(found["state"] == "queued" and found["attempts"])

    await until(refused, "the network refuses it for now", poll_s=0.02)
    # From here on nothing happens to it, and of none of this an event tells.
    paused = await office.gateway.call("PATCH", f"/api/v1/lines/{line['id']}", {"paused": True})
    assert paused.status == 200
    fate = page.get_by_role("region", name="What is with it")
    await expect(fate).to_contain_text("Queued.")
    await expect(fate).not_to_contain_text("on the radio")
    card = overview.get_by_role("region", name="Lines").get_by_role("article")
    await expect(card).to_contain_text("Paused")
    await expect(card.get_by_role("button", name="Resume")).to_be_visible()
    latest = overview.get_by_role("region", name="Latest messages")
    await expect(latest.get_by_text("Queued")).to_be_visible()


async def test_a_conversation_in_a_background_tab_marks_nothing_as_read_until_it_is_looked_at(
    office: Office,
) -> None:
    lines = await office.gateway.lines_up(2)

    async def arrives(text: str) -> None:
        body = {"from": "+99900000001", "to": lines[0]["number"], "text": text}
        assert (await office.gateway.call("POST", "/api/v1/sandbox/inbound", body)).status in (200, 202, 204)

    await arrives("Is my parcel there?")
    page = await in_background(office, "/conversations/+99900000001")
    inbox = page.get_by_role("navigation", name="Pages").get_by_role("link", name=re.compile(r"^Inbox"))
    await expect(inbox).to_have_text("Inbox")
    await hide(page, hidden=True)
    await arrives("I come at six.")
    await expect(page.get_by_text("I come at six.")).to_have_count(1)
    await expect(inbox).to_have_text("Inbox1")
    await hide(page, hidden=False)
    await expect(inbox).to_have_text("Inbox")


async def test_a_list_of_which_somebody_ticks_rows_is_asked_for_when_they_let_go_and_not_before(
    office: Office,
) -> None:
    await office.gateway.lines_up(2)
    first = await office.gateway.send("+99900000006", "Delivered in a while")
    await office.gateway.reaches(first, "sent")
    page = await office.page("/messages")
    await settled(page)
    row = page.get_by_role("row").filter(has_text="Delivered in a while")
    await row.get_by_role("checkbox").check()
    asked = asked_for(page)
    for n in (1, 2):
        await office.gateway.send("+99900000005", f"new {n}")
        await expect(page.get_by_role("link", name=f"{n} new on top")).to_be_visible()
    await office.gateway.reaches(first, "delivered")
    third = await office.gateway.send("+99900000001", "new 3")
    await office.gateway.reaches(third, "delivered")
    await expect(page.get_by_role("link", name="3 new on top")).to_be_visible()
    assert "fresh" in asked
    assert "rows" not in asked, (
        "the row under the hand is left alone, and nothing is fetched to be thrown away"
    )
    await row.get_by_role("checkbox").blur()
    await expect(row).to_contain_text("Delivered")
    await expect(row.get_by_role("checkbox")).to_be_checked()


async def test_a_button_that_has_the_keyboard_keeps_it_when_its_region_is_exchanged(office: Office) -> None:
    await office.gateway.lines_up(2)
    page = await office.page()
    await settled(page)
    lines = page.get_by_role("region", name="Lines")
    second = lines.get_by_role("button", name="Pause").nth(1)
    await second.focus()
    await marked(lines)
    await office.gateway.send("+99900000001", "another part today")
    await exchanged(lines)
    await expect(second).to_be_focused()

    latest = page.get_by_role("region", name="Latest messages")
    link = latest.get_by_role("link").first
    await link.focus()
    await marked(latest)
    await office.gateway.send("+99900000002", "now there are two")
    await exchanged(latest)
    await expect(latest.get_by_role("link").nth(1)).to_be_focused()
    assert await link.get_attribute("href") != await latest.get_by_role("link").nth(1).get_attribute("href")


async def test_where_the_button_itself_is_gone_the_keyboard_goes_on_from_its_region(office: Office) -> None:
    line, _other = await office.gateway.lines_up(2)
    page = await office.page()
    await settled(page)
    lines = page.locator("#lines")
    pause = lines.locator(f"form[action='/lines/{line['id']}/pause'] button")
    await pause.focus()
    answer = await office.gateway.call("PATCH", f"/api/v1/lines/{line['id']}", {"paused": True})
    assert answer.status == 200
    await expect(pause).to_have_count(0)
    await expect(lines).to_be_focused()
    await page.keyboard.press("Tab")
    assert await lines.evaluate("(region) => region.contains(document.activeElement)")


async def test_what_is_open_and_what_has_the_keyboard_stay_while_a_story_goes_on(
    make_office: MakeOffice,
) -> None:
    office = await make_office(simulate=1)
    (line,) = await office.gateway.lines_up(1)
    await office.gateway.call("PATCH", f"/api/v1/lines/{line['id']}", {"paused": True})
    message = await office.gateway.send("+99900000001", "Hello")
    page = await office.page(f"/messages/{message}")
    await settled(page)
    story = page.locator("#story")
    as_json = story.get_by_text("As the API says it")
    await as_json.click()
    await as_json.focus()
    await marked(story)
    await office.gateway.call("PATCH", f"/api/v1/lines/{line['id']}", {"paused": False})
    await exchanged(story)
    await expect(story).to_contain_text("Delivered.")
    await expect(story.get_by_label("JSON")).to_be_visible()
    assert await page.evaluate("document.activeElement.textContent.trim()") == "As the API says it"


async def test_a_story_in_which_nothing_moves_is_looked_at_and_left_as_it_is(office: Office) -> None:
    await office.gateway.lines_up(2)
    message = await office.gateway.send("+99900000005", "No report comes")
    await office.gateway.reaches(message, "sent")
    page = await office.page(f"/messages/{message}")
    await settled(page)
    story = page.locator("#story")
    await expect(story).to_contain_text("No delivery report yet")
    async with page.expect_response(lambda answer: "story" in answer.request.headers.get("x-regions", "")):
        pass  # that of the link that came up
    await marked(story)
    for _ in range(2):
        async with page.expect_response(
            lambda answer: "story" in answer.request.headers.get("x-regions", "")
        ):
            pass
    await expect(story).to_have_attribute("data-before", "")


async def test_a_page_that_a_form_answered_is_left_without_sending_the_form_again(office: Office) -> None:
    office.expected = ("422", "401", "WebSocket connection", "Failed to load resource")
    made = await office.gateway.call(
        "POST", "/api/v1/keys", {"name": "desk", "scopes": ["suppressions:manage", "events:read"]}
    )
    page = await office.page("/suppressions", key=made.json["key"])
    await settled(page)
    await page.get_by_text("Add numbers").click()
    await page.get_by_label("Numbers").fill("+99901000031\n0770")
    await page.get_by_role("button", name="Send them no more texts").click()
    await expect(page.get_by_text("1 number was not taken")).to_be_visible()
    await settled(page)
    methods: list[str] = []
    page.on("request", lambda request: methods.append(request.method))
    ended = await office.gateway.call("DELETE", f"/api/v1/keys/{made.json['id']}")
    assert ended.status == 200
    # Somebody comes back to the tab, whose session is over.
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await page.wait_for_url("**/sign-in?next=*")
    assert "POST" not in methods


async def test_a_new_key_stays_in_sight_though_it_ended_the_session_that_made_it(office: Office) -> None:
    office.expected = ("HTTP Authentication failed", LEFT_EARLY, "401")
    keys = (await office.gateway.get("/api/v1/keys"))["items"]
    mine = next(key["id"] for key in keys if not key["sandbox"])
    page = await office.page(f"/keys/{mine}")
    await page.get_by_label("The old key").select_option("now")
    await page.get_by_role("button", name="Make the new key").click()
    shown = page.get_by_label("Key", exact=True)
    await expect(shown).to_have_value(re.compile("^gwl_"))
    asked = asked_for(page)
    # Somebody comes back from where they keep their keys.
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    probe = "fetch(location.href, {redirect: 'manual', headers: {Accept: 'text/html'}})"
    kind = await page.evaluate(f"{probe}.then((answer) => answer.type)")
    assert kind == "opaqueredirect", "the session is over"
    await expect(shown).to_have_value(re.compile("^gwl_"))
    assert set(asked) == {""}, "no region is fetched"


async def test_what_was_typed_stays_when_the_keyboard_goes_on_to_the_button(make_office: MakeOffice) -> None:
    office = await make_office(f"{QUIET}[policy]\napproval_over = 1\n")
    office.expected = (LEFT_EARLY,)
    gateway = office.gateway
    await gateway.lines_up(2)
    people = [{"to": f"+9990100000{i}"} for i in range(2)]

    async def asks(name: str) -> None:
        body = {"text": "No school today.", "name": name, "recipients": people, "allow_duplicates": True}
        assert (await gateway.call("POST", "/api/v1/batches", body)).status == 202

    await asks("Snow")
    head = (await gateway.call("POST", "/api/v1/keys", {"name": "Head", "scopes": ["*"]})).json
    page = await office.page("/approvals", key=head["key"])
    await settled(page)
    snow = page.get_by_role("article", name="Snow")
    await snow.get_by_label("Note").fill("It snows")
    asked = asked_for(page)
    await asks("Storm")
    await page.keyboard.press("Tab")
    await expect(snow.get_by_role("button", name="Approve 2 messages")).to_be_focused()
    await until(lambda: "counts" in asked, "the page follows")
    await expect(snow.get_by_label("Note")).to_have_value("It snows")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile("/batches/"))
    await page.goto(f"{gateway.url}/approvals")
    await expect(page.get_by_role("row", name=re.compile("It snows"))).to_be_visible()
    await expect(page.get_by_role("article", name="Storm")).to_be_visible()


async def test_a_box_that_was_scrolled_stays_so_when_its_region_is_exchanged(office: Office) -> None:
    await office.gateway.lines_up(2)
    soon = datetime.now(UTC) + timedelta(hours=1)
    message = await office.gateway.send("+99900000001", "x", send_at=soon.isoformat(), tags={"class": "5B"})
    page = await office.page(f"/messages/{message}")
    await settled(page)
    await page.get_by_text("As the API says it").click()
    box = page.locator("#json")
    await box.evaluate(
        "(box) => { box.style.maxHeight = '5rem'; box.scrollTop = 40; box.dataset.before = ''; }"
    )
    moved = await office.gateway.call("PATCH", f"/api/v1/messages/{message}", {"valid_for_s": 7200})
    assert moved.status == 200, moved.json
    await exchanged(box)
    await box.evaluate("(box) => { box.style.maxHeight = '5rem'; }")
    assert await box.evaluate("(box) => box.scrollTop") > 0
