"""Proves the pages that add a phone over Wi-Fi: who gets a code, what the phone's page holds, and when it is over."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from device_bridge.apk import apk_facts, carried_apk
from gateway.web.qr import QUIET_ZONE, qr_code
from tests.harness.gateway_here import GatewayHere, StoryClock
from tests.harness.visitor import Seen, Visitor

STARTS = "2026-03-28T12:00:00+00:00"
CONFIG = (
    '[server]\nport = 0\nhost = "0.0.0.0"\n{more}[serial]\ndiscover = false\n[adb]\nenabled = false\n'
    '[link]\nhost = "127.0.0.1"\nport = 0\n'
)


@dataclass
class Hall:
    """A gateway in this process and somebody at its dashboard; a phone comes without a session."""

    gateway: GatewayHere
    owner: Visitor
    phone: Visitor

    async def offer(self) -> Seen:
        """Press *Add phone*; returns the page with the code."""
        return await self.owner.press(await self.owner.get("/devices"), "Add phone")


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        gateway = GatewayHere(tmp_path, CONFIG.format(more=""), clock=StoryClock(STARTS))
        await gateway.start()
        try:
            with gateway.clock.kept():
                owner = Visitor(gateway.url, session)
                await owner.sign_in(gateway.live)
                yield Hall(gateway, owner, Visitor(gateway.url, session))
        finally:
            await gateway.close()


def link_of(page: Seen) -> str:
    found = re.search(r'id="link">([^<]+)<', page.html)
    assert found is not None, page.text
    return found[1]


def path_of(link: str) -> str:
    parts = urlsplit(link)
    return parts.path + (f"?{parts.query}" if parts.query else "")


async def test_CMP_1_the_link_holds_130_bits_twice_and_no_server_is_sent_the_code(hall: Hall) -> None:
    link = link_of(await hall.offer())
    ticket, code = urlsplit(link).path.rpartition("/")[2], urlsplit(link).fragment
    assert (len(ticket), len(code)) == (26, 26)
    assert ticket != code
    page = await hall.phone.get(path_of(link))
    assert page.status == 200
    assert code not in page.html
    assert re.search(r'href="smsgateway://pair\?h=127\.0\.0\.1:\d+&amp;p=[0-9a-f]{64}&amp;c="', page.html)
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert not any(code in str(line) or ticket in str(line) for line in hall.gateway.records)


async def test_without_script_both_pages_say_what_to_type(hall: Hall) -> None:
    offered = await hall.offer()
    assert re.search(r'class="typed">[0-9A-Z]{4}-[0-9A-Z]{4}<', offered.html)
    assert '<svg class="qr"' in offered.html
    page = await hall.phone.get(path_of(link_of(offered)))
    assert re.search(r'id="open-app" hidden', page.html), (
        "a link without its code would open the app for nothing"
    )
    assert "the eight characters that stand below the QR code" in page.text
    assert re.search(r"Address 127\.0\.0\.1:\d+|Address127\.0\.0\.1:\d+", page.text), page.text


async def test_the_phone_gets_the_app_that_this_installation_signed(hall: Hall) -> None:
    link = link_of(await hall.offer())
    page = await hall.phone.get(path_of(link))
    where = next(address for text, address in page.links if text == "Get the app")
    async with hall.phone.session.get(hall.gateway.url + where) as answer:
        apk = await answer.read()
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/vnd.android.package-archive"
    assert apk_facts(apk).version_code == apk_facts(carried_apk()).version_code
    assert b"APK Sig Block 42" in apk


async def test_after_five_minutes_the_code_its_page_and_the_app_are_over_in_words(hall: Hall) -> None:
    page = await hall.offer()
    where = f"/devices/pair/{urlsplit(link_of(page)).path.rpartition('/')[2]}"
    link = link_of(page)
    hall.gateway.clock.until((datetime.fromisoformat(STARTS) + timedelta(minutes=5, seconds=30)).isoformat())
    over = await hall.phone.get(path_of(link))
    assert over.status == 410
    assert "good for five minutes" in over.text
    assert "smsgateway:" not in over.html
    assert (await hall.phone.get(f"{path_of(link)}/sms-line.apk")).status == 404
    told = await hall.owner.get(where)
    assert "good for five minutes" in told.text
    assert told.form("Make a new code").action.endswith("/devices/pair")


async def test_who_guesses_learns_nothing(hall: Hall) -> None:
    await hall.offer()
    for ticket in ("0" * 26, "x", "A" * 2000):
        page = await hall.phone.get(f"/pair/{ticket}")
        assert page.status == 404, ticket
        assert "smsgateway:" not in page.html
        assert (await hall.phone.get(f"/pair/{ticket}/sms-line.apk")).status == 404


async def test_only_who_manages_lines_makes_codes_and_sees_them(hall: Hall) -> None:
    ticket = urlsplit(link_of(await hall.offer())).path.rpartition("/")[2]
    assert (await hall.phone.get(f"/devices/pair/{ticket}")).status == 303
    made = await hall.gateway.call("POST", "/api/v1/keys", {"name": "reader", "scopes": ["lines:read"]})
    reader = Visitor(hall.gateway.url, hall.phone.session)
    await reader.sign_in(made.json["key"])
    assert (await reader.get(f"/devices/pair/{ticket}")).status == 403
    assert "Add phone" not in [
        button[0] for form in (await reader.get("/devices")).forms for button in form.buttons
    ]
    guest = Visitor(hall.gateway.url, hall.phone.session)
    await guest.sign_in(hall.gateway.sandbox)
    assert (await guest.get(f"/devices/pair/{ticket}")).status == 404


async def test_the_API_gives_the_same_link_and_no_secret_in_a_replay(hall: Hall) -> None:
    head = {"Idempotency-Key": "once"}
    first = await hall.gateway.call("POST", "/api/v1/devices/pair", {}, headers=head)
    again = await hall.gateway.call("POST", "/api/v1/devices/pair", {}, headers=head)
    assert (await hall.phone.get(path_of(first.json["page"]))).status == 200
    assert first.json["page"].endswith(f"#{first.json['code']}")
    assert first.json["hosts"][0] == first.json["host"]
    assert (again.json["page"], again.json["code"]) == (None, None)


async def test_on_loopback_there_is_no_code_but_the_command(tmp_path: Path) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        config = CONFIG.format(more="").replace('host = "0.0.0.0"\n', "")
        gateway = GatewayHere(tmp_path, config, clock=StoryClock(STARTS))
        await gateway.start()
        try:
            owner = Visitor(gateway.url, session)
            await owner.sign_in(gateway.live)
            token = dict((await owner.get("/devices")).form("Sign out").fields)["form_token"]
            for page in (
                await owner.get("/devices/pair"),
                await owner.post("/devices/pair", [("form_token", token)]),
            ):
                assert "gateway serve --host 0.0.0.0" in page.text
                assert "beside the options that it has now" in page.text, "else it starts with other data"
                assert '<svg class="qr"' not in page.html
            assert (await gateway.call("POST", "/api/v1/devices/pair", {})).json["page"] is None
        finally:
            await gateway.close()


async def test_behind_a_public_address_the_link_holds_that(tmp_path: Path) -> None:
    config = CONFIG.format(more='public_url = "https://sms.example/texts/"\n')
    gateway = GatewayHere(tmp_path, config, clock=StoryClock(STARTS))
    await gateway.start()
    try:
        offer = (await gateway.call("POST", "/api/v1/devices/pair", {})).json
        assert offer["page"].startswith("https://sms.example/texts/pair/")
    finally:
        await gateway.close()


def test_the_drawn_code_is_the_symbol_of_the_link() -> None:
    segno = pytest.importorskip("segno")
    link = "http://192.168.1.5:8080/pair/VMNS8KC9226JBA4WPW58JCJ43C#EG2CV1C35V6ZQ8V25W2A7BFFMH"
    drawn = qr_code(link)
    dark = set()
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", drawn.path):
        dark |= {(int(x) + i, int(y)) for i in range(int(length))}
    rows = segno.make_qr(link, error="l").matrix_iter(border=QUIET_ZONE)
    assert dark == {(x, y) for y, row in enumerate(rows) for x, module in enumerate(row) if module}
    assert not any(x < QUIET_ZONE or y < QUIET_ZONE for x, y in dark)
    assert max(x for x, _ in dark) + QUIET_ZONE + 1 == drawn.size
