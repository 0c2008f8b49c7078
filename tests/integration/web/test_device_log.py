"""Proves the log on the page of a device, and what the page says of an old app, over plain HTTP and without script."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

import pytest

from device_bridge.apk import ApkFacts
from device_bridge.device import DeviceHealth, DeviceInfo
from gateway.clock import SystemClock
from gateway.http.services import KnownPhone
from gateway.log_tail import LogTail
from gateway.phones.actions import PhoneActions
from gateway.phones.companion_app import CompanionApp
from tests.harness.visitor import Seen, Visitor
from tests.integration.http.api_server import Server
from tests.integration.web.visits import MakeServer, VisitAt

AT = "2026-11-29T09:15:30.000000Z"
REAL, EMULATED = "/devices/imei-111", "/devices/imei-222"
NOTHING = "Nothing was logged about it since the start."
LOG = {"X-Regions": "log"}


def say(server: Server, event: str, level: str = "info", **fields: object) -> None:
    """Let a line of the log come, as it comes out of the redactor."""
    server.services.log_tail(None, level, {"timestamp": AT, "level": level, "event": event, **fields})


@pytest.fixture
async def server(make_server: MakeServer) -> Server:
    return await make_server(log_tail=LogTail())


@pytest.fixture
async def visitor(server: Server, visit_at: VisitAt) -> Visitor:
    return await visit_at(server, server.live)


def link(page: Seen, text: str) -> str:
    return next(address for shown, address in page.links if shown == text)


def region(page: Seen) -> str:
    found = re.search(r'<div id="log".*?</div>', page.html, re.DOTALL)
    assert found, page.html
    return found[0]


async def test_lines_about_the_device_and_its_lines_stand_there_newest_first(
    server: Server, visitor: Visitor
) -> None:
    assert server.real is not None
    assert NOTHING in (await visitor.get(REAL)).text
    say(server, "device.attached", device_id="imei-111", model="E3531")
    say(server, "line.changed", "warning", line=server.real.id, state="down")
    say(server, "device.attached", device_id="imei-999", model="Other")
    say(server, "line.changed", line="another", state="up")
    say(server, "http.answered", request="r1")
    page = await visitor.get(REAL)
    assert NOTHING not in page.text
    assert "09:15:30" in page.text
    shown = region(page)
    assert re.findall(r"<code><bdi[^>]*>([^<]+)", shown) == ["line.changed", "device.attached"]
    for word in ("Warning", "Info", "state=down", "model=E3531", f"line={server.real.id}"):
        assert word in shown, word
    assert 'href="#i-warning"' in shown, "the level has a shape beside its word"
    assert "Other" not in page.text


async def test_at_most_fifty_lines_are_shown(server: Server, visitor: Visitor) -> None:
    for n in range(60):
        say(server, "line.changed", device_id="imei-111", n=n)
    shown = region(await visitor.get(REAL))
    assert shown.count("<tr><td") == 50
    assert "n=59<" in shown
    assert "n=9<" not in shown


async def test_a_word_leaves_the_lines_that_hold_it_without_script(server: Server, visitor: Visitor) -> None:
    say(server, "device.not_ready", device_id="imei-111", code="sim_pin_required")
    say(server, "device.attached", device_id="imei-111")
    page = await visitor.press(await visitor.get(REAL), "Show", log="  SIM_pin ")
    assert "device.not_ready" in region(page)
    assert "device.attached" not in region(page)
    assert dict(page.form("Show").fields)["log"] == "SIM_pin"
    none = await visitor.get(f"{REAL}?log=nowhere")
    assert "No line holds this." in none.text
    assert NOTHING not in none.text
    assert link(none, "Show all lines") == f"{REAL}#log-title"
    long = await visitor.get(f"{REAL}?log={'x' * 300}")
    assert dict(long.form("Show").fields)["log"] == "x" * 100
    assert (await visitor.get(f"{REAL}?log=%ff%00%0a")).status == 200


async def test_paused_it_follows_nothing_says_so_and_keeps_the_filter(
    server: Server, visitor: Visitor
) -> None:
    say(server, "device.attached", device_id="imei-111")
    page = await visitor.get(f"{REAL}?log=device")
    assert 'data-live="device line" data-poll="3"' in region(page)
    paused = await visitor.get(link(page, "Pause").partition("#")[0])
    assert paused.url.endswith(f"{REAL}?log=device&paused=1")
    assert "Paused." in region(paused)
    assert "data-live" not in region(paused), "the script fetches and swaps only what has it"
    assert "data-poll" not in region(paused)
    asked = await visitor.get(f"{REAL}?log=device&paused=1", **LOG)
    assert "data-live" not in asked.html, "nor does it come back by a request that was under way"
    still = await visitor.press(paused, "Show", log="attached")
    assert "Paused." in region(still), "another word does not let it go on"
    onward = await visitor.get(link(still, "Go on").partition("#")[0])
    assert onward.url.endswith(f"{REAL}?log=attached")
    assert "data-poll" in region(onward)
    assert "Paused." not in onward.text


async def test_the_log_is_made_alone_when_it_alone_is_asked_for(server: Server, visitor: Visitor) -> None:
    say(server, "device.attached", device_id="imei-111")
    part = await visitor.get(f"{REAL}?log=attached", **LOG)
    assert "device.attached" in part.html
    assert "<html" not in part.html
    assert 'id="device"' not in part.html


EVIL = '"><script>alert(1)</script>'


async def test_what_stands_in_a_line_is_text_and_so_is_the_filter(server: Server, visitor: Visitor) -> None:
    say(server, f"said{EVIL}", EVIL, device_id="imei-111", reason=EVIL, **{f"n{EVIL}": "a\u202eb"})
    page = await visitor.get(f"{REAL}?log=%22%3E%3Cscript%3Ealert")
    assert "<script>alert" not in page.html
    assert f"reason={EVIL}" in page.text
    assert "hidden characters" in page.text
    assert "Unknown" in region(page), "a level that nobody knows"


async def test_the_sandbox_sees_nothing_of_live_devices(server: Server, visit_at: VisitAt) -> None:
    assert server.real is not None
    assert server.emulated is not None
    say(server, "device.failed", device_id="imei-111", address="test", reason="real")
    say(server, "line.changed", line=server.real.id, reason="real")
    say(server, "phone.found", serialno="R58M1", reason="real")
    say(server, "line.changed", line=server.emulated.id, reason="sandbox")
    guest = await visit_at(server, server.sandbox)
    assert (await guest.get(REAL)).status == 404
    assert (await guest.get(REAL, **LOG)).status == 404
    page = await guest.get(EMULATED)
    assert "reason=sandbox" in page.text
    assert "reason=real" not in page.text
    assert "reason=real" not in (await guest.get(f"{EMULATED}?log=real")).text


async def test_the_old_port_of_an_emulated_modem_tells_nothing_of_who_has_it_now(
    server: Server, visit_at: VisitAt
) -> None:
    gone = DeviceInfo(id="imei-222", kind="modem", address="socket://127.0.0.1:4001", emulated=True)
    await server.store.device_seen(gone, False, None)
    say(server, "device.not_ready", address="socket://127.0.0.1:4001", reason="real")
    assert NOTHING in (await (await visit_at(server, server.sandbox)).get(EMULATED)).text


async def test_who_may_not_see_devices_sees_no_log(server: Server, visit_at: VisitAt) -> None:
    say(server, "device.attached", device_id="imei-111")
    guest = await visit_at(server, await server.key("messages:read"))
    assert (await guest.get(REAL)).status == 403
    reader = await visit_at(server, await server.key("lines:read"))
    assert "device.attached" in (await reader.get(REAL)).text


# ------------------------------------------------------------------ an old app


class CarriedApp:
    """The app that this gateway brings, without its file."""

    facts = ApkFacts("org.smsline", version_code=7, version_name="1.4.0", min_sdk=26, target_sdk=35)


class Cables(PhoneActions):
    """The real door to phones, at a desk where one phone lies."""

    def __init__(self, phone: KnownPhone, app: CarriedApp | None) -> None:
        nobody: Any = None
        super().__init__(nobody, nobody, SystemClock(), None, cast("CompanionApp | None", app))
        self.phone = phone

    async def phones(self) -> tuple[KnownPhone, ...]:
        return (self.phone,)


AWAY = KnownPhone("install-1", "R58M1", model="Pixel 4a")
PHONE = "/devices/install-1"
BRINGS = "This gateway brings 1.4.0."
TO_THE_CABLE = "Put the phone on a cable to update it."


async def with_app(make_server: MakeServer, phone: KnownPhone, code: int | None, **more: Any) -> Server:
    server = await make_server(device_actions=Cables(phone, more.get("app", CarriedApp())))
    health = DeviceHealth(way="lan", app_version="1.3.0", app_code=code)
    info = DeviceInfo("install-1", "phone", "192.168.1.9", model="Pixel 4a", health=health)
    await server.store.device_seen(info, True, None)
    return server


@pytest.mark.parametrize(("code", "is_old"), [(6, True), (7, False), (8, False), (None, False)])
async def test_an_app_is_old_when_the_one_here_has_a_higher_code(
    make_server: MakeServer, visit_at: VisitAt, code: int | None, is_old: bool
) -> None:
    server = await with_app(make_server, AWAY, code)
    page = await (await visit_at(server, server.live)).get(PHONE)
    assert "1.3.0" in page.text
    assert (BRINGS in page.text) == is_old
    assert (TO_THE_CABLE in page.text) == is_old


async def test_without_an_app_to_give_nothing_is_called_old(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    server = await with_app(make_server, AWAY, 1, app=None)
    assert "This gateway brings" not in (await (await visit_at(server, server.live)).get(PHONE)).text


async def test_on_a_cable_the_way_to_a_new_app_is_to_set_up_again(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    server = await with_app(make_server, replace(AWAY, state="device"), 6)
    page = await (await visit_at(server, server.live)).get(PHONE)
    said = page.html.partition(BRINGS)[2].partition("</dd>")[0]
    assert f'<a href="{PHONE}/set-up">Set up again</a>' in said
    assert TO_THE_CABLE not in page.text
    reader = await visit_at(server, await server.key("lines:read"))
    seen = await reader.get(PHONE)
    assert BRINGS in seen.text
    assert "Set up again" not in seen.text


async def test_a_phone_that_does_not_trust_us_yet_is_updated_afterwards(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    server = await with_app(make_server, replace(AWAY, state="unauthorized"), 6)
    page = await (await visit_at(server, server.live)).get(PHONE)
    assert "It is updated over the cable once the phone trusts this computer." in page.text
