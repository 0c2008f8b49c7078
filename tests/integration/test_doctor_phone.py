"""Owns the story of a phone with five faults, through the API and the command line, on a day of the test's choosing.

Refuses to look inside the gateway: the phone is a pretend one behind a real adb server, only time is the test's.
Source: docs/doctor.md.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.harness.adb import AdbWorld
from tests.harness.gateway_here import GatewayHere, StoryClock
from tests.harness.gateway_process import ROOT, GatewayProcess, until
from tests.integration.whole import QUIET, MakeGateway
from tests.peers.adb_device import PACKAGE, PretendPhone
from tests.peers.adb_device_companion import LinkedCompanion
from tests.peers.adb_device_vendors import LIMIT_DIALOG, PIXEL, Personality

SERIALNO = "R58M1"
SEND_SMS = "android.permission.SEND_SMS"
BACKGROUND = "RUN_ANY_IN_BACKGROUND"
OPEN_TO_THE_NETWORK = replace(PIXEL, props={"service.adb.tcp.port": "5555"})
REPAIRED = {"phone_permission", "phone_doze", "phone_background"}
BY_HAND = {"phone_screen", "phone_debugging"}
SLOW = "[server]\nport = 0\n[serial]\ndiscover = false\n[lines]\nper_minute = 30\nper_day = 0\n"
"""A pace that Android's own limit lets through."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AdbWorld]:
    async with AdbWorld.at(tmp_path / "adb") as one:
        yield one


@pytest.fixture
async def here(tmp_path: Path, world: AdbWorld) -> AsyncIterator[GatewayHere]:
    """A gateway in this process, whose clock is moved by the test."""
    server = GatewayHere(
        tmp_path / "gateway", config(world, SLOW), clock=StoryClock(datetime.now(UTC).isoformat())
    )
    await server.start()
    yield server
    await server.close()


def config(world: AdbWorld, start: str) -> str:
    link = '[link]\nhost = "127.0.0.1"\nport = 0\n'
    return f'{start}[adb]\nserver = "127.0.0.1:{world.server.port}"\nprovision = "auto"\n{link}'


async def connected(server: GatewayProcess, world: AdbWorld, kind: Personality, folder: Path) -> PretendPhone:
    """Plug in a phone and wait until it is set up and quiet."""
    phone = await world.phone(SERIALNO, kind, LinkedCompanion(folder))
    await server.lines_up(1, 30)

    async def whole() -> bool:
        devices = (await server.get("/api/v1/devices"))["items"]
        steps = {step["name"]: step["outcome"] for device in devices for step in device["steps"]}
        return steps.get("heartbeat") == "ok"

    await until(whole, "the whole run has ended", 30, 0.05)
    return phone


def spoil(phone: PretendPhone) -> None:
    """Five things that go wrong on a phone after it was set up (one of them it was born with)."""
    app = phone.android.apps[PACKAGE]
    app.granted.discard(SEND_SMS)
    phone.android.doze_exempt.discard(PACKAGE)
    app.ops[BACKGROUND] = "ignore"
    phone.android.screen = LIMIT_DIALOG


async def post(server: GatewayProcess, path: str, body: Any = None) -> Any:
    answer = await server.call("POST", f"/api/v1/doctor{path}", body or {}, limit_s=60)
    assert answer.status == 200, f"{path}: {answer.status} {answer.json}"
    return answer.json


def of_phone(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for item in items if SERIALNO in item["about"]]


def wrong(items: list[dict[str, Any]]) -> list[str]:
    return [item["code"] for item in of_phone(items) if item["severity"] in ("stops", "trouble")]


def the(items: list[dict[str, Any]], code: str) -> dict[str, Any]:
    return next(item for item in of_phone(items) if item["code"] == code)


async def command_line(server: GatewayProcess, *words: str) -> tuple[str, str, int]:
    """Run ``gateway doctor`` on the data directory of a server."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "doctor", "--data-dir", str(server.data_dir), *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("GATEWAY")},
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return out.decode(), err.decode(), process.returncode


async def test_five_faults_three_repairs_one_undo_and_one_that_is_put_off(
    here: GatewayHere, world: AdbWorld, tmp_path: Path
) -> None:
    phone = await connected(here, world, OPEN_TO_THE_NETWORK, tmp_path / "app")
    app = phone.android.apps[PACKAGE]
    spoil(phone)

    found = (await post(here, "/check"))["items"]
    assert set(wrong(found)) == REPAIRED | BY_HAND
    severities = [item["severity"] for item in found]
    assert severities == sorted(severities, key=["stops", "trouble", "note", "ok"].index)
    assert "SEND_SMS" in the(found, "phone_permission")["title"]
    assert the(found, "phone_permission")["severity"] == "stops"
    for code in BY_HAND:
        assert the(found, code)["fix"] is None
        assert the(found, code)["steps"], code
    for code in REPAIRED:
        assert the(found, code)["fix"]["what"], code
        assert the(found, code)["fix"]["undo"], code

    done = (await post(here, "/fix"))["items"]
    assert {each["finding"]["code"]: each["result"] for each in done} == dict.fromkeys(REPAIRED, "fixed")
    assert SEND_SMS in app.granted
    assert PACKAGE in phone.android.doze_exempt
    assert app.ops[BACKGROUND] == "allow"
    now = (await here.get("/api/v1/doctor"))["items"]
    assert set(wrong(now)) == BY_HAND
    for code in REPAIRED:
        item = the(now, code)
        assert (item["severity"], item["undo"], item["id"]) == ("ok", True, the(found, code)["id"])
        assert item["fixed_at"] is not None

    undone = await post(here, f"/{the(now, 'phone_doze')['id']}/undo")
    assert undone["result"] == "undone"
    assert PACKAGE not in phone.android.doze_exempt
    assert SEND_SMS in app.granted
    again = (await here.get("/api/v1/doctor"))["items"]
    assert set(wrong(again)) == BY_HAND | {"phone_doze"}
    assert the(again, "phone_doze")["fixed_at"] is None

    put_off = await post(here, f"/{the(again, 'phone_debugging')['id']}/snooze", {"days": 7})
    assert put_off["snoozed_until"] is not None
    hidden = (await post(here, "/check"))["items"]
    assert set(wrong(hidden)) == {"phone_screen", "phone_doze"}
    only = (await here.get("/api/v1/doctor?snoozed=true"))["items"]
    assert [item["code"] for item in only] == ["phone_debugging"]

    out, _err, status = await command_line(here, "--json")
    assert status == 1  # a question on the screen stops sending
    shown, listed = json.loads(out), (await here.get("/api/v1/doctor"))["items"]
    for item in (*shown, *listed):
        item.pop("checked_at")
    assert shown == listed

    here.clock.until((datetime.now(UTC) + timedelta(days=7, minutes=1)).isoformat())
    later = (await post(here, "/check"))["items"]
    assert "phone_debugging" in wrong(later)
    assert not here.faults


async def test_the_command_line_repairs_takes_back_and_says_what_is_left_to_a_person(
    here: GatewayHere, world: AdbWorld, tmp_path: Path
) -> None:
    phone = await connected(here, world, PIXEL, tmp_path / "app")
    spoil(phone)

    out, err, status = await command_line(here, SERIALNO, "--fix")
    rows = {row.split("\t")[1]: row.split("\t")[0] for row in out.splitlines()}
    assert {rows[code] for code in REPAIRED} == {"fixed"}
    assert (rows["phone_screen"], status) == ("stops", 1)
    assert "3 fixed" in err
    assert PACKAGE in phone.android.doze_exempt

    phone.android.screen = ""
    out, err, status = await command_line(here, SERIALNO, "--undo")
    assert "3 undone" in err
    assert PACKAGE not in phone.android.doze_exempt
    assert SEND_SMS not in phone.android.apps[PACKAGE].granted
    assert phone.android.apps[PACKAGE].ops[BACKGROUND] == "ignore"
    assert status == 1  # it may not send again


async def test_what_was_taken_back_is_not_done_again_by_the_host_of_phones(
    here: GatewayHere, world: AdbWorld, tmp_path: Path
) -> None:
    phone = await connected(here, world, PIXEL, tmp_path / "app")
    phone.android.doze_exempt.discard(PACKAGE)
    found = (await post(here, "/check"))["items"]
    finding = the(found, "phone_doze")["id"]
    assert (await post(here, f"/{finding}/fix"))["result"] == "fixed"
    assert (await post(here, f"/{finding}/undo"))["result"] == "undone"
    # Off the cable and on again: the host goes through all steps anew.
    await world.detach(phone)
    phone.commands.executed.clear()
    await world.attach(phone)

    def looked_at() -> bool:
        return any(words[:3] == ["cmd", "deviceidle", "whitelist"] for words in phone.commands.executed)

    await until(looked_at, "the host has looked", 30)
    await here.lines_up(1, 30)
    assert PACKAGE not in phone.android.doze_exempt
    assert (await post(here, f"/{finding}/fix"))["result"] == "fixed"
    assert PACKAGE in phone.android.doze_exempt


async def test_a_raised_limit_is_called_fixed_only_after_the_phone_was_restarted(
    make_gateway: MakeGateway, world: AdbWorld, tmp_path: Path
) -> None:
    server = await make_gateway(config(world, QUIET))
    phone = await connected(server, world, PIXEL, tmp_path / "app")
    found = (await post(server, "/check"))["items"]
    low = the(found, "phone_limit")
    assert (low["severity"], low["title"]) == ("trouble", "Android lets out 30 SMS parts in 60 s")
    assert "200" in low["fix"]["what"]

    raised = await post(server, f"/{low['id']}/fix")
    assert raised["result"] == "open"
    assert "restart" in raised["said"]
    assert raised["finding"]["undo"]
    assert phone.android.settings["sms_outgoing_check_max_count"] == "200"

    phone.reboot()

    async def settled() -> bool:
        items = (await post(server, "/check"))["items"]
        return any(i["id"] == low["id"] and i["fixed_at"] is not None for i in items)

    await until(settled, "the check passes after the restart", 60, 0.2)
    assert (await post(server, f"/{low['id']}/undo"))["result"] == "undone"
    assert phone.android.settings == {}


async def test_a_phone_that_is_only_seen_is_set_up_when_it_is_named_and_never_with_everything_else(
    make_gateway: MakeGateway, world: AdbWorld, tmp_path: Path
) -> None:
    server = await make_gateway(config(world, SLOW).replace("auto", "ask"))
    phone = await world.phone(SERIALNO, companion=LinkedCompanion(tmp_path / "app"))

    async def seen() -> bool:
        return bool(of_phone((await server.get("/api/v1/doctor"))["items"]))

    await until(seen, "the phone is seen", 20, 0.05)
    note = the((await server.get("/api/v1/doctor"))["items"], "phone_not_set_up")
    assert (note["severity"], note["fix"]["undo"]) == ("note", None)
    assert (await post(server, "/fix"))["items"] == []
    assert PACKAGE not in phone.android.apps

    done = await post(server, f"/{note['id']}/fix")
    assert (done["result"], done["finding"]["undo"]) == ("fixed", False)
    await server.lines_up(1)
    assert (await server.call("POST", f"/api/v1/doctor/{note['id']}/undo", {})).status == 409


async def test_a_phone_that_was_pulled_is_said_to_be_away_and_what_was_done_can_be_taken_back_later(
    here: GatewayHere, world: AdbWorld, tmp_path: Path
) -> None:
    phone = await connected(here, world, PIXEL, tmp_path / "app")
    phone.android.doze_exempt.discard(PACKAGE)
    finding = the((await post(here, "/check"))["items"], "phone_doze")["id"]
    await post(here, f"/{finding}/fix")
    await world.detach(phone)

    async def away() -> bool:
        return bool((await post(here, f"/{finding}/undo"))["result"] == "failed")

    await until(away, "the phone is away", 20, 0.1)
    assert the((await here.get("/api/v1/doctor"))["items"], "phone_doze")["undo"]
    await world.attach(phone)
    await here.lines_up(1, 30)

    async def back() -> bool:
        return bool((await post(here, f"/{finding}/undo"))["result"] == "undone")

    await until(back, "the phone is back", 20, 0.1)
    assert PACKAGE not in phone.android.doze_exempt
