"""Proves what `gateway serve` does with phones on a cable: a real adb server, pretend phones, a real link.

The steps themselves are proven beside device_bridge.adb; here stands whose phone it is and what a person is told.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.adb import AdbWorld
from tests.harness.gateway_process import GatewayProcess, until
from tests.integration.whole import QUIET, MakeGateway
from tests.peers.adb_device import PACKAGE, PretendPhone
from tests.peers.adb_device_companion import LinkedCompanion

IDENTITY = "getprop ro.serialno"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AdbWorld]:
    async with AdbWorld.at(tmp_path / "adb") as one:
        yield one


def cables(world: AdbWorld, more: str = "", phones: str = "") -> str:
    return (
        f'{QUIET}[adb]\nserver = "127.0.0.1:{world.server.port}"\n{more}'
        f'[link]\nhost = "127.0.0.1"\nport = 0\n{phones}'
    )


async def device(server: GatewayProcess, serialno: str) -> dict[str, Any] | None:
    found = (await server.get("/api/v1/devices"))["items"]
    return next((d for d in found if d["serialno"] == serialno), None)


async def reaches(server: GatewayProcess, serialno: str, state: str, limit_s: float = 30.0) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def there() -> bool:
        found.clear()
        found.update(await device(server, serialno) or {})
        return found.get("state") == state

    try:
        await until(there, f"{serialno} is {state}", limit_s, 0.05)
    except AssertionError as error:
        raise AssertionError(f"{error}: {found}\n{server.complaints[-3000:]}") from None
    return found


def commands(phone: PretendPhone) -> list[str]:
    return [" ".join(words) for words in phone.commands.executed]


async def test_a_phone_that_appears_is_only_seen_until_a_person_wants_it(
    world: AdbWorld, make_gateway: MakeGateway, tmp_path: Path
) -> None:
    server = await make_gateway(cables(world))
    phone = await world.phone("R58M1", companion=LinkedCompanion(tmp_path / "app"))
    seen = await reaches(server, "R58M1", "seen")
    assert (seen["adb"], seen["attached"], seen["steps"]) == ("device", False, [])
    await until(lambda: "gateway devices provision R58M1" in server.said, "the person who started it is told")
    assert set(commands(phone)) == {IDENTITY}

    answer = await server.call("POST", "/api/v1/devices/R58M1/provision", {}, limit_s=60)
    assert (answer.status, answer.json["ok"]) == (200, True), answer.json
    shown = await reaches(server, "R58M1", "attached")
    assert shown["health"]["way"] == "usb"
    assert PACKAGE in phone.android.apps
    lines = await server.lines_up(1)
    assert {line["device"] for line in lines} == {shown["id"]}
    sent = await server.send("+447700900123", "Hello", line=lines[0]["id"])
    await server.reaches(sent, "sent", "delivered")


async def test_a_phone_that_is_named_is_set_up_by_itself_and_its_sims_are_called_as_told(
    world: AdbWorld, make_gateway: MakeGateway, tmp_path: Path
) -> None:
    said = '[[phone]]\nserial = "R58M1"\nlabel = "Office"\npool = "otp"\n'
    server = await make_gateway(cables(world, phones=said))
    await world.phone("R58M1", companion=LinkedCompanion(tmp_path / "app"))
    stranger = await world.phone("R58M2", companion=LinkedCompanion(tmp_path / "app2"))
    await reaches(server, "R58M1", "attached")
    assert {(line["label"], *line["pool"]) for line in await server.lines_up(1)} == {("Office", "otp")}
    await reaches(server, "R58M2", "seen")
    assert set(commands(stranger)) == {IDENTITY}


async def test_auto_sets_up_every_phone_and_off_none(
    world: AdbWorld, make_gateway: MakeGateway, tmp_path: Path
) -> None:
    off = await make_gateway(cables(world, 'provision = "off"\n'))
    phone = await world.phone("R58M1", companion=LinkedCompanion(tmp_path / "app"))
    await reaches(off, "R58M1", "seen")
    assert "provision" not in off.said
    await off.stop()
    assert set(commands(phone)) == {IDENTITY}
    auto = await make_gateway(cables(world, 'provision = "auto"\n'))
    await reaches(auto, "R58M1", "attached")


async def test_a_phone_that_trusts_nobody_yet_says_what_to_tap_and_goes_on_by_itself(
    world: AdbWorld, make_gateway: MakeGateway, tmp_path: Path
) -> None:
    server = await make_gateway(cables(world, 'provision = "auto"\n'))
    phone = await world.phone(
        "R58M1", companion=LinkedCompanion(tmp_path / "app"), trusts_us=False, attached=False
    )
    await world.attach(phone)

    async def said() -> bool:
        found = (await server.get("/api/v1/devices"))["items"]
        return any("Allow" in step["hint"] for d in found for step in d["steps"])

    await until(said, "the hint is shown", 20, 0.05)
    phone.trust(world.server.public_key)
    await phone.allow()
    await reaches(server, "R58M1", "attached")


async def test_a_phone_that_was_released_is_left_alone_also_after_a_restart(
    world: AdbWorld, make_gateway: MakeGateway, tmp_path: Path
) -> None:
    server = await make_gateway(cables(world, 'provision = "auto"\n'))
    phone = await world.phone("R58M1", companion=LinkedCompanion(tmp_path / "app"))
    await reaches(server, "R58M1", "attached")
    body = {"remove_app": True}
    answer = await server.call("POST", "/api/v1/devices/R58M1/release", body, limit_s=60)
    assert (answer.status, answer.json["ok"]) == (200, True), answer.json
    assert PACKAGE not in phone.android.apps
    await reaches(server, "R58M1", "seen")
    await server.stop()
    phone.commands.executed.clear()
    await server.start()
    await reaches(server, "R58M1", "seen")
    assert set(commands(phone)) == {IDENTITY}
    answer = await server.call("POST", "/api/v1/devices/R58M1/provision", {}, limit_s=60)
    assert answer.json["ok"], answer.json
    await reaches(server, "R58M1", "attached")


async def test_a_signing_key_that_is_damaged_is_a_refused_step_that_names_the_file(
    world: AdbWorld, make_gateway: MakeGateway
) -> None:
    server = await make_gateway(cables(world))
    (server.data_dir / "keys" / "app.pem").write_text("nothing")
    await world.phone("R58M1")
    await reaches(server, "R58M1", "seen")
    answer = await server.call("POST", "/api/v1/devices/R58M1/provision", {}, limit_s=60)
    refused = next(step for step in answer.json["steps"] if step["outcome"] == "refused")
    assert refused["name"] == "app"
    assert "app.pem" in refused["detail"] + refused["hint"]


async def test_a_phone_on_a_cable_is_told_anew_when_the_lan_opens(
    world: AdbWorld, make_gateway: MakeGateway, tmp_path: Path
) -> None:
    server = await make_gateway(cables(world, 'provision = "auto"\n'))
    await world.phone("R58M1", companion=LinkedCompanion(tmp_path / "app"))
    phone = await reaches(server, "R58M1", "attached")
    assert (await server.call("POST", "/api/v1/devices/pair", {})).status == 201

    def greeted_twice() -> bool:
        times = [x for x in server.log() if x["event"] == "device.attached" and x["device_id"] == phone["id"]]
        return len(times) == 2

    await until(greeted_twice, "the phone came again")
    await server.lines_up(1)


async def test_the_limit_that_was_read_is_shown_and_kept_to_after_a_restart(
    world: AdbWorld, make_gateway: MakeGateway, tmp_path: Path
) -> None:
    server = await make_gateway(cables(world, 'provision = "auto"\n'))
    await world.phone("R58M1", companion=LinkedCompanion(tmp_path / "app"))
    found = await reaches(server, "R58M1", "attached")
    assert found["health"]["cap"]["parts"] > 0


async def test_an_adb_server_that_comes_later_or_goes_is_no_failure(
    world: AdbWorld, make_gateway: MakeGateway, tmp_path: Path
) -> None:
    await world.server.kill()
    server = await make_gateway(cables(world, 'provision = "auto"\n'))
    answer = await server.call("POST", "/api/v1/devices/R58M1/provision", {})
    assert (answer.status, answer.json["code"]) == (503, "adb_missing")
    await world.server.start()
    await world.phone("R58M1", companion=LinkedCompanion(tmp_path / "app"))
    await reaches(server, "R58M1", "attached")
