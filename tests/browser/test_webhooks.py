"""Drives scenario 10 of the notes on what people see: a receiver that fails first, and what a person sees of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import expect

from tests.harness.office import Office, axe_finds_nothing, needs_chromium

pytestmark = needs_chromium

HURRY = "WebSocket is closed before the connection is established"
"""A test clicks faster than a page goes live."""


@dataclass
class Receiver:
    """Keeps what came as it came; answers ``status``."""

    status: int = 500
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.came.append((headers, await request.read()))
        return web.Response(status=self.status, text="" if self.status < 300 else "database <b>away</b>")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    one = Receiver()
    app = web.Application()
    app.router.add_post("/hook", one.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield one
    await runner.cleanup()


async def test_a_receiver_that_failed_is_tried_again_by_hand_and_the_printed_check_accepts_the_signature(
    office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.expected = (HURRY,)
    page = await office.page("/webhooks")
    await expect(page.get_by_text("Programs learn of each change here")).to_be_visible()
    await page.get_by_role("link", name="Add a webhook").first.click()
    await page.get_by_label("Address (URL)").fill(receiver.url)
    await page.get_by_role("button", name="Add the webhook").click()
    secret = await page.get_by_role("textbox", name="Secret").input_value()
    printed = await page.get_by_role("region", name="Code in Python").inner_text()
    await axe_finds_nothing(page)
    await office.shot(page, "webhook-secret")
    assert secret.startswith("whsec_")

    await page.get_by_role("button", name="Send a test").click()
    await expect(page.get_by_text("HTTP 500")).to_be_visible()
    await expect(page.get_by_text("Tried, again later")).to_be_visible()
    await expect(page.get_by_text("database <b>away</b>")).to_be_visible()
    headers, body = receiver.came[0]
    shown = await page.get_by_role("region", name="Body").inner_text()
    assert shown == body.decode()
    assert headers["webhook-id"] in await page.get_by_role("region", name="Headers").inner_text()
    await axe_finds_nothing(page)
    await office.shot(page, "webhook-test")

    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    code: dict[str, Any] = {}
    exec(printed, code)
    assert code["verified"](body, headers)["type"] == "webhook.test"

    await office.gateway.send("+99900000001", "For the webhook")
    await page.get_by_role("link", name=re.compile("127.0.0.1")).click()
    assert secret not in await page.content()
    await expect(page.get_by_role("region", name="Health")).to_contain_text("Failing since")
    deliveries = page.get_by_role("region", name="Deliveries")
    await expect(deliveries.get_by_text("message.queued")).to_be_visible()
    await expect(deliveries.get_by_text(re.compile(r"\d tr(y|ies) · next")).first).to_be_visible()
    await office.shot(page, "webhook")
    await axe_finds_nothing(page)

    receiver.status = 200
    await deliveries.get_by_role("link", name="A test", exact=True).click()
    await page.get_by_role("button", name=re.compile("Try now|Redeliver")).click()
    await expect(page.get_by_text("HTTP 200")).to_be_visible()
    await expect(page.get_by_text("Delivered")).to_be_visible()
    taken = [sent for sent in receiver.came if b"webhook.test" in sent[1]]
    assert {sent[0]["webhook-id"] for sent in taken} == {headers["webhook-id"]}
    assert len(taken) >= 2


async def test_the_secret_is_gone_after_a_reload(office: Office) -> None:
    office.expected = (HURRY,)
    page = await office.page("/webhooks/new")
    await page.get_by_label("Address (URL)").fill("http://192.168.1.5/hook")
    await page.get_by_role("button", name="Add the webhook").click()
    secret = await page.get_by_role("textbox", name="Secret").input_value()
    await page.reload()
    await expect(page.get_by_text("secret was shown")).to_be_visible()
    assert secret not in await page.content()
    assert len((await office.gateway.get("/api/v1/webhooks"))["items"]) == 1
