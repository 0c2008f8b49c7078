"""Proves the way of a stick with a PIN SIM: found locked, unlocked by a person over API, page or command line, and
nobody asked again; and that no PIN is tried twice or left anywhere to be read."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from device_bridge.emulator.faults import LineFaults
from tests.harness.air import Air
from tests.harness.gateway_process import ROOT, Answer, GatewayProcess, until
from tests.harness.modem_process import ModemProcess
from tests.harness.visitor import Seen, Visitor
from tests.integration.whole import QUIET, MakeAir, MakeGateway, modems

PIN, WRONG = "83915273", "70264918"


async def told(server: GatewayProcess) -> dict[str, Any]:
    """The only modem as the API shows it."""
    (device,) = (await server.get("/api/v1/devices"))["items"]
    return dict(device)


async def asked_for(server: GatewayProcess, tries_left: int) -> dict[str, Any]:
    """Wait until the modem says that its SIM waits for the PIN."""

    async def there() -> bool:
        items = (await server.get("/api/v1/devices"))["items"]
        return bool(items) and items[0]["sim_pin"] == {"tries_left": tries_left}

    await until(there, f"the PIN is asked for with {tries_left} tries left")
    return await told(server)


async def enter(server: GatewayProcess, pin: str, **more: Any) -> Answer:
    device = await told(server)
    return await server.call("POST", f"/api/v1/devices/{device['id']}/pin", {"pin": pin, **more}, limit_s=30)


def left_anywhere(server: GatewayProcess, pin: str) -> list[str]:
    """Name the files of a server that hold a PIN to be read: database, its log, what the server said."""
    return [
        str(file)
        for file in server.folder.rglob("*")
        if file.is_file() and file.name != "gateway.toml" and pin.encode() in file.read_bytes()
    ]


@pytest.fixture
async def air(make_air: MakeAir) -> Air:
    """One modem whose SIM has a PIN."""
    air = await make_air(lines=1)
    air.network.modem(1).require_pin(PIN)
    return air


@pytest.fixture
async def server(air: Air, make_gateway: MakeGateway) -> GatewayProcess:
    server = await make_gateway(QUIET + modems(*air.ports.values()))
    await asked_for(server, 3)
    return server


@pytest.fixture
async def visitor(server: GatewayProcess) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        visitor = Visitor(server.url, session)
        await visitor.sign_in(server.live)
        yield visitor


async def test_a_right_pin_opens_the_line_for_good_and_moves_with_the_sim(
    air: Air, server: GatewayProcess
) -> None:
    waiting = await server.send("+447700900123", "waits for the PIN")
    answer = await enter(server, PIN)
    device = await told(server)
    assert (answer.status, answer.json) == (200, {"id": device["id"], "unlocked": True, "remembered": True})
    assert device["sim_pin"] is None
    await server.reaches(waiting, "delivered")

    air.network.modem(1).power_on()  # as after a power cut: the PIN is wanted again
    await server.kill()
    await server.start()
    await server.lines_up(1)
    await server.stop()
    air.network.modem(1).power_on()
    server.config = QUIET + modems(f"socket://127.0.0.1:{await air.network.start_tcp(1)}")
    await server.start()
    await server.lines_up(1)
    assert air.network.modem(1).sim.pin_tries == 3
    assert left_anywhere(server, PIN) == []


async def test_a_wrong_pin_costs_one_try_and_is_never_entered_again(air: Air, server: GatewayProcess) -> None:
    sim = air.network.modem(1).sim
    refused = await enter(server, WRONG)
    assert (refused.status, refused.json["code"]) == (502, "device_error")
    assert "The SIM refused the PIN (" in refused.json["detail"]
    assert "2 tries are left." in refused.json["detail"]
    await asked_for(server, 2)
    again = await enter(server, WRONG)
    assert (again.status, again.json["code"]) == (409, "conflict")
    assert "refused this PIN before" in again.json["detail"]
    await server.kill()
    await server.start()
    await asked_for(server, 2)
    assert (await enter(server, WRONG)).status == 409
    assert sim.pin_tries == 2
    assert (await enter(server, PIN)).status == 200
    assert left_anywhere(server, WRONG) == []
    assert left_anywhere(server, PIN) == []


async def test_the_last_try_is_used_only_by_somebody_who_says_so_and_a_puk_is_never_asked_for(
    air: Air, server: GatewayProcess, visitor: Visitor
) -> None:
    sim = air.network.modem(1).sim
    assert (await enter(server, "1111")).status == 502
    assert (await enter(server, "2222")).status == 502
    await asked_for(server, 1)
    kept_back = await enter(server, "3333")
    assert (kept_back.status, kept_back.json["code"]) == (409, "conflict")
    assert "last_try" in kept_back.json["hint"]
    assert sim.pin_tries == 1
    page = await visitor.get(f"/devices/{(await told(server))['id']}")
    assert "One try is left. A wrong PIN locks the SIM" in page.text
    unticked = await visitor.press(page, "Unlock the SIM", pin="3333")
    assert (unticked.status, sim.pin_tries) == (422, 1)
    locked = await visitor.press(unticked, "Unlock the SIM", pin="3333", last_try="1")
    assert "is locked now" in locked.text
    assert "PUK from the operator" in locked.text
    assert not any("Unlock the SIM" in text for form in locked.forms for text, _name, _value in form.buttons)
    blocked = await enter(server, PIN, last_try=True)
    assert (blocked.status, blocked.json["code"]) == (409, "conflict")
    assert "PUK" in blocked.json["hint"]
    assert sim.puk_tries == 10


@pytest.mark.parametrize("body", [{}, {"pin": "123"}, {"pin": "123456789"}, {"pin": "12a4"}, {"pin": 1234}])
async def test_what_is_no_pin_is_refused_by_field_and_costs_nothing(
    air: Air, server: GatewayProcess, body: dict[str, Any]
) -> None:
    device = await told(server)
    answer = await server.call("POST", f"/api/v1/devices/{device['id']}/pin", body)
    assert answer.status == 422
    assert [each["pointer"] for each in answer.json["errors"]] == ["#/pin"]
    assert str(body.get("pin", "no pin")) not in json.dumps(answer.json)
    assert air.network.modem(1).sim.pin_tries == 3


async def test_who_may_not_manage_lines_or_does_not_see_the_modem_cannot_enter_a_pin(
    air: Air, server: GatewayProcess
) -> None:
    path = f"/api/v1/devices/{(await told(server))['id']}/pin"
    made = await server.call("POST", "/api/v1/keys", {"name": "reader", "scopes": ["lines:read"]})
    assert (await server.call("POST", path, {"pin": PIN}, key=made.json["key"])).status == 403
    assert (await server.call("POST", path, {"pin": PIN}, key=server.sandbox)).status == 404
    assert (await server.call("POST", "/api/v1/devices/none/pin", {"pin": PIN})).status == 404
    assert air.network.modem(1).sim.pin_tries == 3
    assert (await enter(server, PIN)).status == 200
    wants_none = await enter(server, PIN)
    assert (wants_none.status, wants_none.json["code"]) == (409, "conflict")


async def test_a_pin_leaves_no_fingerprint_of_its_request(server: GatewayProcess) -> None:
    """Ten thousand hashes tell which PIN it was, so an Idempotency-Key of this route is not kept."""
    device = await told(server)
    path, headers = f"/api/v1/devices/{device['id']}/pin", {"Idempotency-Key": "the same"}
    first = await server.call("POST", path, {"pin": PIN}, headers=headers, limit_s=30)
    second = await server.call("POST", path, {"pin": PIN}, headers=headers)
    assert (first.status, second.status) == (200, 409)
    assert "Idempotency-Replayed" not in second.headers


async def test_AUD_2_the_trail_says_who_entered_a_pin_and_what_became_of_it_but_not_which(
    server: GatewayProcess,
) -> None:
    device = await told(server)
    await enter(server, WRONG)
    await enter(server, PIN)
    entries = (await server.get("/api/v1/audit?action=device.unlocked"))["items"]
    assert [(each["outcome"], each["target"]) for each in entries] == [
        ("done", f"device:{device['id']}"),
        ("refused", f"device:{device['id']}"),
    ]
    assert all(each["actor"].startswith("key:") for each in entries)
    assert PIN not in json.dumps(entries)
    assert WRONG not in json.dumps(entries)


async def test_a_person_is_led_from_what_needs_them_to_the_form_and_sees_the_line_come_up(
    air: Air, server: GatewayProcess, visitor: Visitor
) -> None:
    await server.send("+447700900123", "waits for the PIN")
    overview: list[Seen] = []

    async def led() -> bool:
        overview[:] = [await visitor.get("/")]
        return "1 text waits for it. Enter the PIN (3 tries left; we use one at most)." in overview[0].text

    await until(led, "the overview leads to the PIN")
    where = next(address for text, address in overview[0].links if text == "Enter the PIN")
    page = await visitor.get(where)
    assert 'type="password" inputmode="numeric" autocomplete="off"' in page.html

    nonsense = await visitor.press(page, "Unlock the SIM", pin="12")
    assert (nonsense.status, "A PIN is 4 to 8 digits." in nonsense.text) == (422, True)
    wrong = await visitor.press(nonsense, "Unlock the SIM", pin=WRONG)
    assert wrong.status == 422
    assert "2 tries are left." in wrong.text
    assert WRONG not in wrong.html
    right = await visitor.press(wrong, "Unlock the SIM", pin=f" {PIN} ")
    assert right.status == 200
    assert "The SIM took its PIN." in right.text
    assert "The SIM wants its PIN" not in right.text
    assert PIN not in right.html + right.url
    await server.lines_up(1)
    assert "Enter the PIN" not in (await visitor.get("/")).text
    assert left_anywhere(server, PIN) == []


async def test_a_modem_that_hides_its_sim_is_named_too_and_says_that_it_will_ask_again(
    air: Air, make_gateway: MakeGateway
) -> None:
    hidden = ("+CCID", "^ICCID", "+ICCID", "+CRSM")
    air.network.modem(1).faults = LineFaults(refuse_commands=dict.fromkeys(hidden, "ERROR"))
    server = await make_gateway(QUIET + modems(*air.ports.values()))
    device = await asked_for(server, 3)
    assert device["reason"]["code"] == "sim_pin_required"
    assert (await server.get("/api/v1/lines"))["items"] == []
    findings = (await server.get("/api/v1/doctor"))["items"]
    assert "sim_pin_required" in [each["code"] for each in findings]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        visitor = Visitor(server.url, session)
        await visitor.sign_in(server.live)
        overview = await visitor.get("/")
        where = next(address for text, address in overview.links if text == "Enter the PIN")
        right = await visitor.press(await visitor.get(where), "Unlock the SIM", pin=PIN)
        assert "it will be asked for again" in right.text
    await server.lines_up(1)
    device = await told(server)
    assert (device["sim_pin"], device["reason"], device["notes"]) == (None, None, [])
    air.network.modem(1).power_on()
    await server.kill()
    await server.start()
    await asked_for(server, 3)


async def test_the_page_of_a_modem_shows_no_form_to_who_may_only_look(server: GatewayProcess) -> None:
    made = await server.call("POST", "/api/v1/keys", {"name": "reader", "scopes": ["lines:read"]})
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        reader = Visitor(server.url, session)
        await reader.sign_in(made.json["key"])
        page = await reader.get(f"/devices/{(await told(server))['id']}")
    assert "Somebody who may change lines has to enter it." in page.text
    assert "Unlock the SIM" not in page.text


async def test_a_found_modem_is_unlocked_from_the_command_line(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    faults = tmp_path / "faults.toml"
    faults.write_text(f'[[line]]\nnumber = 1\npin = "{PIN}"\n')
    stick = ModemProcess(tmp_path / "stick")
    await stick.put_in("--faults", str(faults))
    try:
        server = await make_gateway(QUIET + modems(str(stick.port)))
        device = await asked_for(server, 3)
        words = ("devices", "unlock", device["id"], "--data-dir", str(server.data_dir))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        out, err = await process.communicate(f"{PIN}\n".encode())
        assert process.returncode == 0, err
        assert b"is unlocked" in out
        await server.lines_up(1)
    finally:
        await stick.pull()


async def test_a_pin_that_was_changed_elsewhere_is_forgotten_and_asked_for_again(
    air: Air, server: GatewayProcess
) -> None:
    modem = air.network.modem(1)
    assert (await enter(server, PIN)).status == 200
    await server.stop()
    modem.require_pin("2468")
    await server.start()
    await asked_for(server, 2)
    assert [each["event"] for each in server.log() if each["event"].startswith("sim_pin.")] == [
        "sim_pin.forgotten"
    ]
    assert (await enter(server, "2468")).status == 200
    await server.stop()
    modem.power_on()
    await server.start()
    await server.lines_up(1)
    assert modem.sim.pin_tries == 3
