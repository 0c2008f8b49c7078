"""Drives scenario 5 of the notes on what people see: a list out of an Excel of Windows becomes a thousand texts."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.harness.gateway_process import GatewayProcess, until
from tests.harness.office import (
    QUIET,
    MakeOffice,
    Office,
    axe_finds_nothing,
    needs_chromium,
    no_sideways_scroll,
    settled,
)

pytestmark = [needs_chromium, pytest.mark.timeout(180)]

LINES = 16
"""Emulated SIMs, as many as there can be: a thousand texts go out in half a minute."""

STOPPED = "+99901000040"

LEFT_EARLY = "closed before the connection is established"
"""What the browser notes of a page that was left before its socket was open."""


def school_list(file: Path) -> Path:
    """1,006 rows in the encoding and with the separator of a German Excel: 3 bad, 2 double, 1 who said stop."""
    rows = [[f"+99901{i:06d}", f"Zoë Müller {i}", f"8:{i % 60:02d}"] for i in range(1, 1007)]
    for at in (10, 11, 12):
        rows[at][0] = "0770"
    rows[20][0], rows[22][0] = rows[19][0], rows[21][0]
    rows[30][0] = STOPPED
    rows[39][0] = "+99901009999"
    rows[499][1] = "Maximiliane-Sophie von und zu Hohenstein-Wertheim"
    lines = ["Handy;name;Uhrzeit", *(";".join(row) for row in rows)]
    file.write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))
    return file


async def counts(gateway: GatewayProcess, batch_id: str) -> dict[str, int]:
    answer: dict[str, Any] = await gateway.get(f"/api/v1/batches/{batch_id}")
    return dict(answer["counts"])


def waiting(found: dict[str, int]) -> int:
    return found.get("queued", 0)


async def to_the_check(page: Page, file: Path) -> None:
    """Steps 1 to 3."""
    await page.get_by_role("link", name="New batch").click()
    await page.get_by_label("CSV or Excel (.xlsx)").set_input_files(file)
    await page.get_by_role("button", name="Read the file").click()
    await expect(page.get_by_text("How it was read: Windows-1252, semicolon, with a heading")).to_be_visible()
    await expect(page.get_by_text("numbers in Handy")).to_be_visible()
    await expect(page.get_by_text("1,006 rows", exact=True)).to_be_visible()
    await page.get_by_label("Text", exact=True).fill("Hallo {name}, der Bus fährt um {Uhrzeit}.")
    await page.get_by_label("Name of the batch").fill("Trip of 5B")
    await page.get_by_role("button", name="Preview").click()
    preview = page.get_by_role("region", name="Preview")
    await expect(preview).to_contain_text("Hallo Zoë Müller 1, der Bus fährt um 8:01.")
    await expect(preview).to_contain_text("The longest, row 500")
    await expect(preview).to_contain_text("Hallo Maximiliane-Sophie von und zu Hohenstein-Wertheim, der Bus")
    await page.get_by_role("button", name="Check 1,006 rows").click()
    await expect(page.get_by_role("heading", name="1,000 messages will be sent")).to_be_visible()


async def test_a_list_of_1006_is_checked_sent_paused_over_a_restart_and_ends_at_1000(
    make_office: MakeOffice, tmp_path: Path
) -> None:
    office = await make_office(QUIET, simulate=LINES)
    gateway = office.gateway
    office.expected = (LEFT_EARLY,)
    await gateway.lines_up(LINES)
    answer = await gateway.call("POST", "/api/v1/suppressions", {"number": STOPPED, "source": "person"})
    assert answer.status == 201
    page = await office.page("/batches")
    await to_the_check(page, school_list(tmp_path / "5B.csv"))

    figures = page.get_by_role("region", name="1,000 messages will be sent")
    for words in ("3 not a number", "2 twice", "1 asked to stop"):
        n, _, why = words.partition(" ")
        await expect(figures.locator("div", has_text=why).filter(has_text=n).last).to_be_visible()
    takes = page.get_by_role("region", name="What it takes")
    await expect(takes).to_contain_text(re.compile(r"about .* after the start"))
    await expect(takes).to_contain_text("parts a minute")
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download them with the reasons").click()
    file = (
        await asyncio.to_thread((await (await downloading.value).path()).read_text, "utf-8-sig")
    ).splitlines()
    assert file[0] == "to,Handy,name,Uhrzeit,row,reason,code"
    codes = [line.rpartition(",")[2] for line in file[1:]]
    assert sorted(codes) == [*["duplicate_recipient"] * 2, *["invalid_number"] * 3, "recipient_opted_out"]
    assert (await gateway.get("/api/v1/messages"))["items"] == [], "nothing is sent before step 4"
    await axe_finds_nothing(page)
    await office.shot(page, "batch-check", whole=True)

    await page.get_by_role("button", name="Send 1,000 messages").click()
    await page.wait_for_url(re.compile(r"/batches/[0-9a-f-]{36}$"))
    batch_id = page.url.rpartition("/")[2]
    await settled(page)
    progress = page.locator("#progress")
    await expect(progress).to_contain_text("Done in about")
    await expect(progress).to_contain_text("parts a minute")
    share = re.compile(r"^6[2-9] % · 6[0-9]{2} of 1,000")
    await expect(progress.get_by_role("heading", name=share)).to_be_visible(timeout=60_000)
    await office.picture(page, "batch", whole=True)

    pressed_s = time.monotonic()
    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_role("status").filter(has_text="Paused. Nothing more")).to_be_visible()
    await asyncio.sleep(max(0.0, pressed_s + 1 - time.monotonic()))
    first = await counts(gateway, batch_id)
    assert waiting(first) > 100
    await _no_more_leave(gateway, batch_id, waiting(first))

    await page.close()
    assert await gateway.stop() == 0
    await gateway.start()
    await gateway.lines_up(LINES)
    await _no_more_leave(gateway, batch_id, waiting(first))

    page = await office.page(f"/batches/{batch_id}")
    await settled(page)
    await expect(page.locator("#progress")).to_contain_text("Paused")
    await office.shot(page, "batch-paused", whole=True)
    await page.get_by_role("button", name=f"Resume: send the other {waiting(first)}").click()
    await expect(page.locator("#progress")).to_contain_text("100 % · 1,000 of 1,000", timeout=60_000)
    await expect(page.locator("#progress")).to_contain_text("Completed")
    done = await counts(gateway, batch_id)
    assert sum(done.values()) == 1000
    assert waiting(done) == 0


async def _no_more_leave(gateway: GatewayProcess, batch_id: str, left: int) -> None:
    """Look at a paused batch for a moment: what waits goes on waiting."""
    for _ in range(3):
        assert waiting(await counts(gateway, batch_id)) == left
        await asyncio.sleep(0.2)


async def test_failures_are_grouped_and_sent_again_and_what_waits_is_cancelled(office: Office) -> None:
    gateway = office.gateway
    office.expected = (LEFT_EARLY,)
    await gateway.lines_up(2)
    people = [{"to": "+99900000003"}, {"to": "+99900000001"}]
    batch = (
        await gateway.call("POST", "/api/v1/batches", {"text": "Hello", "name": "Trip", "recipients": people})
    ).json
    page = await office.page(f"/batches/{batch['id']}")
    causes = page.get_by_role("region", name="Failures")
    await expect(causes).to_contain_text("What did not arrive")
    await expect(causes.get_by_role("row").nth(1)).to_contain_text(re.compile("number"))
    await axe_finds_nothing(page)
    await office.shot(page, "batch-failures", whole=True)
    again = page.get_by_role("button", name="Send the 1 failed again")
    await again.click()
    await expect(page.get_by_role("status").filter(has_text="What failed is sent again")).to_be_visible()
    await expect(page.get_by_text("what failed of this batch")).to_be_visible()

    many = [{"to": f"+99902{i:06d}"} for i in range(400)]
    batch = (await gateway.call("POST", "/api/v1/batches", {"text": "Hello", "recipients": many})).json
    await page.goto(f"{gateway.url}/batches/{batch['id']}")
    await page.get_by_role("button", name="Pause").click()
    await page.get_by_text(re.compile(r"Cancel the rest \(\d+\)")).click()
    await page.get_by_role("button", name=re.compile(r"Cancel \d+ waiting messages")).click()
    await expect(page.get_by_role("status").filter(has_text="The rest is cancelled")).to_be_visible()
    await expect(page.locator("#progress")).to_contain_text("cancelled")

    async def ended() -> bool:
        return not waiting(await counts(gateway, batch["id"]))

    await until(ended, "nothing waits any more")


async def test_every_step_is_accessible_and_fits_a_phone(office: Office, tmp_path: Path) -> None:
    office.expected = (LEFT_EARLY,)
    file = school_list(tmp_path / "5B.csv")
    for width, dark in ((320, True), (1280, False)):
        page = await office.page("/batches/new", width=width, dark=dark)
        await axe_finds_nothing(page)
        await page.get_by_label("CSV or Excel (.xlsx)").set_input_files(file)
        await page.get_by_role("button", name="Read the file").click()
        await page.get_by_text("How it was read").click()
        await page.get_by_label("Text", exact=True).fill("Hallo {name}.")
        await page.get_by_role("button", name="Preview").click()
        await expect(page.get_by_role("region", name="Preview")).to_be_visible()
        await axe_finds_nothing(page)
        await no_sideways_scroll(page)
        await office.shot(page, f"batch-words-{width}", whole=True)
        await page.get_by_role("button", name=re.compile("^Check")).click()
        await expect(page.get_by_role("heading", name=re.compile("will be sent"))).to_be_visible()
        await axe_finds_nothing(page)
        await no_sideways_scroll(page)
        await office.shot(page, f"batch-check-{width}", whole=True)
        await page.context.close()
