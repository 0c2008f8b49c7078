"""Proves the pages of devices over plain HTTP: a phone on a cable is found, set up, looked at and let go of; and sticks
that are no modem are named with the fix."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from gateway.http.services import StickSeen
from tests.harness.adb import AdbWorld
from tests.harness.gateway_process import GatewayProcess, until
from tests.harness.visitor import Seen, Visitor
from tests.integration.web.visits import MakeServer, VisitAt
from tests.integration.whole import QUIET, MakeGateway
from tests.peers.adb_device import PACKAGE
from tests.peers.adb_device_companion import LinkedCompanion
from tests.peers.adb_device_vendors import PIXEL
from tests.peers.companion_settings import PhoneSettings


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AdbWorld]:
    async with AdbWorld.at(tmp_path / "adb") as one:
        yield one


@dataclass
class Desk:
    """A gateway with an adb server, and somebody at its dashboard without script."""

    gateway: GatewayProcess
    visitor: Visitor

    async def shows(self, path: str, word: str, limit_s: float = 30.0) -> Seen:
        """Load a page until it says a word; returns it."""
        seen: list[Seen] = []

        async def there() -> bool:
            seen[:] = [await self.visitor.get(path)]
            return word in seen[0].text

        try:
            await until(there, f"{path} says {word}", limit_s, 0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}: {seen[0].text}") from None
        return seen[0]


@pytest.fixture
async def desk(world: AdbWorld, make_gateway: MakeGateway) -> AsyncIterator[Desk]:
    gateway = await make_gateway(
        f'{QUIET}[adb]\nserver = "127.0.0.1:{world.server.port}"\n[link]\nhost = "127.0.0.1"\nport = 0\n'
    )
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        visitor = Visitor(gateway.url, session)
        await visitor.sign_in(gateway.live)
        yield Desk(gateway, visitor)


async def test_a_phone_on_a_cable_is_found_set_up_and_removed_without_script(
    desk: Desk, world: AdbWorld, tmp_path: Path
) -> None:
    phone = await world.phone("R58M1", PIXEL, LinkedCompanion(tmp_path / "app"))
    found = await desk.shows("/devices", "It is not set up yet")
    assert "Found: Pixel 4a" in found.text
    where = next(address for text, address in found.links if text == "Set up this phone")
    before = await desk.visitor.get(where)
    assert "What will be changed" in before.text
    assert "Nothing was done yet" in before.text
    assert PACKAGE not in phone.android.apps, "nothing is changed before a person says so"

    ready = await desk.visitor.press(before, "Set up this phone")
    assert "This phone is ready." in ready.text
    assert "App connected" in ready.text
    assert PACKAGE in phone.android.apps
    attached = await desk.shows("/devices", "Google Pixel 4a")
    page = await desk.visitor.get(
        next(address for text, address in attached.links if text == "Google Pixel 4a")
    )
    for word in ("Android 13", "R58M1", "+44 7700 900001", "Link history", "all in order"):
        assert word in page.text, word
    assert "<dt>How</dt><dd>USB</dd>" in page.html

    looked = await desk.visitor.press(page, "Look at everything")
    assert "Step by step" in looked.text
    sure = await desk.visitor.get(next(address for text, address in page.links if text.startswith("Remove")))
    assert "Remove this phone?" in sure.text
    gone = await desk.visitor.press(sure, "Remove this phone", remove_app="yes")
    assert "Phone removed" in gone.text
    assert PACKAGE not in phone.android.apps
    await desk.shows("/devices", "Found: Pixel 4a")


async def test_the_page_of_a_phone_shows_what_was_logged_of_it_and_that_its_app_is_old(
    desk: Desk, world: AdbWorld, tmp_path: Path
) -> None:
    await world.phone("R58M1", PIXEL, LinkedCompanion(tmp_path / "app", PhoneSettings(app_code=0)))
    found = await desk.shows("/devices", "It is not set up yet")
    where = next(address for text, address in found.links if text == "Set up this phone")
    await desk.visitor.press(await desk.visitor.get(where), "Set up this phone")
    attached = await desk.shows("/devices", "Google Pixel 4a")
    where = next(address for text, address in attached.links if text == "Google Pixel 4a")
    page = await desk.shows(where, "line.changed")
    for event in ("device.attached", "phone.paired", "phone.found"):
        assert event in page.html.partition('id="log"')[2], event
    assert "This gateway brings 1." in page.text
    guest = Visitor(desk.gateway.url, desk.visitor.session)
    await guest.sign_in(desk.gateway.sandbox)
    assert (await guest.get(where)).status == 404


async def test_the_steps_are_seen_while_they_are_done(desk: Desk, world: AdbWorld, tmp_path: Path) -> None:
    await world.phone("R58M1", PIXEL, LinkedCompanion(tmp_path / "app"))
    found = await desk.shows("/devices", "Set up this phone")
    where = next(address for text, address in found.links if text == "Set up this phone")
    before = await desk.visitor.get(where)
    pressed = asyncio.create_task(desk.visitor.press(before, "Set up this phone"))
    seen = []
    while not pressed.done():
        page = await desk.visitor.get(where, **{"X-Regions": "progress"})
        seen.append("Going on" in page.text)
    assert any(seen)
    assert "This phone is ready." in (await pressed).text


async def test_a_phone_that_trusts_nobody_says_what_to_tap(
    desk: Desk, world: AdbWorld, tmp_path: Path
) -> None:
    phone = await world.phone(
        "R58M1", PIXEL, LinkedCompanion(tmp_path / "app"), trusts_us=False, attached=False
    )
    await world.attach(phone)
    asking = await desk.shows("/devices", "Allow")
    assert "Set up this phone" not in [text for text, _ in asking.links]
    phone.trust(world.server.public_key)
    await phone.allow()
    await desk.shows("/devices", "It is not set up yet")


async def test_sticks_that_are_no_modem_are_named_with_the_fix(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    stick = StickSeen("Huawei <E3372>", "It shows itself as a CD-ROM", "Install usb-modeswitch")
    server = await make_server(sticks=lambda: (stick,))
    page = await (await visit_at(server, server.live)).get("/devices")
    for word in ("Huawei <E3372>", stick.title, stick.hint):
        assert word in page.text, word
    guest = await (await visit_at(server, server.sandbox)).get("/devices")
    assert "Huawei" not in guest.text


async def test_what_is_ignored_stays_so_until_somebody_wants_to_see_it_again(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    stick = StickSeen("Huawei <E3372>", "It shows itself as a CD-ROM", "Install it", "12d1:1f01@1-2")
    other = StickSeen("Huawei <E3372>", "It shows itself as a CD-ROM", "Install it", "12d1:1f01@1-3")
    server = await make_server(sticks=lambda: (stick, other))
    visitor = await visit_at(server, server.live)
    page = await visitor.get("/devices")
    assert page.text.count("Found: Huawei") == 2
    assert "Ignored (" not in page.text
    page = await visitor.press(page, "Ignore")
    assert "It is ignored now" in page.text
    assert page.text.count("Found: Huawei") == 1, "only the one that was meant"
    assert "Ignored (1)" in page.text
    kept = await server.store.ignored_devices.all("default")
    assert [(each.id, each.kind, each.name) for each in kept] == [(stick.id, "stick", stick.name)]
    page = await visitor.press(page, "Show again")
    assert page.text.count("Found: Huawei") == 2
    trail = (await server.call("GET", "/api/v1/audit")).json["items"]
    assert [entry["action"] for entry in trail if entry["action"].startswith("device.")] == [
        "device.shown_again", "device.ignored",
    ]  # fmt: skip


async def test_only_what_is_found_can_be_ignored_and_not_by_everybody(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    stick = StickSeen("Huawei", "It shows itself as a CD-ROM", "Install it", "12d1:1f01@1-2")
    server = await make_server(sticks=lambda: (stick,))
    visitor = await visit_at(server, server.live)
    token = dict((await visitor.get("/devices")).form("Ignore").fields)["form_token"]
    for path, unknown in (("ignore", "imei-111"), ("ignore", ""), ("show-again", stick.id)):
        answer = await visitor.post(f"/devices/{path}", [("form_token", token), ("id", unknown)])
        assert answer.status == 404, (path, unknown)
    for key, status in ((server.sandbox, 404), (await server.key("lines:read"), 403)):
        guest = await visit_at(server, key)
        page = await guest.get("/devices")
        assert "Ignore" not in [button[0] for form in page.forms for button in form.buttons]
        token = dict(page.form("Sign out").fields)["form_token"]
        answer = await guest.post("/devices/ignore", [("form_token", token), ("id", stick.id)])
        assert answer.status == status
    assert await server.store.ignored_devices.all("default") == ()


async def test_a_phone_on_a_cable_is_ignored_and_shown_again(
    desk: Desk, world: AdbWorld, tmp_path: Path
) -> None:
    await world.phone("R58M1", PIXEL, LinkedCompanion(tmp_path / "app"))
    page = await desk.visitor.press(await desk.shows("/devices", "Found: Pixel 4a"), "Ignore")
    assert "Found: Pixel 4a" not in page.text
    assert "Ignored (1)" in page.text
    await desk.gateway.stop()
    await desk.gateway.start()
    desk.visitor.url = desk.gateway.url
    await desk.visitor.sign_in(desk.gateway.live)
    page = await desk.shows("/devices", "Ignored (1)")
    await desk.visitor.press(page, "Show again")
    await desk.shows("/devices", "Found: Pixel 4a")
