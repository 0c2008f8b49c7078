"""Owns the whole story of a cable: a real gateway, a real adb server, a phone with nothing on it, a text on air.

Refuses to help: what the phone gets it gets through adb, and everything else is asked over HTTP.
Source: docs/link.md; the figures of the project for attaching and reattaching.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness.adb import AdbWorld
from tests.harness.gateway_process import GatewayProcess, until
from tests.harness.phones import two_sims
from tests.peers.adb_device import PACKAGE, PretendPhone
from tests.peers.adb_device_companion import LinkedCompanion
from tests.peers.adb_device_vendors import LIMIT_DIALOG, PIXEL, XIAOMI_NO_INSTALL, Personality
from tests.peers.companion_radio import read_air
from tests.peers.companion_settings import PhoneSettings

MakeGateway = Callable[..., Awaitable[GatewayProcess]]
IDENTITY = "shell,v2,raw:getprop ro.serialno"
ATTACH_S, REATTACH_S = 20.0, 2.0
RECIPIENT = "+447700900555"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AdbWorld]:
    async with AdbWorld.at(tmp_path / "adb") as one:
        yield one


def config(world: AdbWorld, *more: str, provision: str = "auto") -> str:
    """Write a configuration without pace and sticks, whose phones are those of a world."""
    quiet = "[server]\nport = 0\n[serial]\ndiscover = false\n[sandbox]\nlines = 0\n"
    quiet += "[lines]\nper_minute = 0\nper_day = 0\n"
    adb = f'[adb]\nserver = "127.0.0.1:{world.server.port}"\nprovision = "{provision}"\n'
    return f'{quiet}{adb}[link]\nhost = "127.0.0.1"\nport = 0\n' + "".join(more)


async def bare_phone(
    world: AdbWorld, serialno: str, personality: Personality = PIXEL, **settings: Any
) -> PretendPhone:
    """Make a phone that allows this computer and has never seen the app; not attached yet."""
    folder = world.server.folder / f"app-{serialno}"
    return await world.phone(
        serialno, personality, LinkedCompanion(folder, PhoneSettings(**settings)), attached=False
    )


def air(phone: PretendPhone) -> list[dict[str, Any]]:
    """Return what a phone handed to its telephony, oldest first."""
    assert isinstance(phone.companion, LinkedCompanion)
    ledger = phone.companion.folder / "air.jsonl"
    return read_air(ledger) if ledger.exists() else []


async def on_air(phone: PretendPhone, count: int, limit_s: float = 20.0) -> None:
    try:
        await until(lambda: len(air(phone)) >= count, f"{count} texts on air", limit_s)
    except AssertionError as error:
        rows = "\n".join(phone.services[-15:])
        companion = phone.companion
        assert isinstance(companion, LinkedCompanion)
        ended = companion.peer.ended_with if companion.peer else "not running"
        raise AssertionError(f"{error}\n{rows}\nrefusals: {companion.refusals}; link: {ended}") from None


async def test_from_a_phone_without_the_app_to_a_text_on_air(
    world: AdbWorld, make_gateway: MakeGateway
) -> None:
    server = await make_gateway(config(world))
    phone = await bare_phone(world, "R58M1")

    began_s = time.monotonic()
    await world.attach(phone)
    await server.lines_up(1, ATTACH_S)
    message = await server.send(RECIPIENT, "first words")
    await on_air(phone, 1)
    took_s = time.monotonic() - began_s
    print(f"attach to first text handed to telephony, app not installed: {took_s:.2f} s")

    await server.reaches(message, "DELIVERED", "delivered")
    assert took_s < ATTACH_S
    assert len(air(phone)) == 1
    assert phone.android.apps[PACKAGE].package.permissions <= {
        *phone.android.apps[PACKAGE].granted,
        *(name for name in phone.android.apps[PACKAGE].package.permissions if "SMS" not in name),
    }


async def test_a_phone_on_the_cable_again_sends_within_two_seconds(
    world: AdbWorld, make_gateway: MakeGateway
) -> None:
    server = await make_gateway(config(world))
    phone = await bare_phone(world, "R58M1")
    await world.attach(phone)
    await server.lines_up(1, ATTACH_S)

    await world.detach(phone)
    await until(lambda: not phone.has_tunnel, "the tunnel is gone")
    message = await server.send(RECIPIENT, "while it is away")
    await asyncio.sleep(0.2)
    assert air(phone) == []
    began_s = time.monotonic()
    await world.attach(phone)
    await on_air(phone, 1)
    took_s = time.monotonic() - began_s
    print(f"reattach to a waiting text handed to telephony: {took_s:.2f} s")

    assert took_s < REATTACH_S
    await server.reaches(message, "DELIVERED", "delivered")


async def test_breaks_of_the_cable_lose_nothing_and_send_nothing_twice(
    world: AdbWorld, make_gateway: MakeGateway
) -> None:
    server = await make_gateway(config(world))
    phone = await bare_phone(world, "R58M1", sims=two_sims())
    await world.attach(phone)
    await server.lines_up(2, ATTACH_S)

    messages = []
    for number in range(12):
        messages.append(await server.send(RECIPIENT, f"text {number}"))
        if number % 3 == 1:
            phone.cut()

    for message in messages:
        await server.reaches(message, "DELIVERED", "delivered", limit_s=30)
    assert len(air(phone)) == 12


async def test_a_killed_app_is_started_again_and_sends_what_waits(
    world: AdbWorld, make_gateway: MakeGateway
) -> None:
    server = await make_gateway(config(world))
    phone = await bare_phone(world, "R58M1")
    await world.attach(phone)
    await server.lines_up(1, ATTACH_S)

    phone.companion.killed()
    message = await server.send(RECIPIENT, "after the kill")

    await server.reaches(message, "DELIVERED", "delivered", limit_s=40)
    assert len(air(phone)) == 1


async def test_a_gateway_that_was_killed_finds_its_phone_again(
    world: AdbWorld, make_gateway: MakeGateway
) -> None:
    server = await make_gateway(config(world))
    phone = await bare_phone(world, "R58M1")
    await world.attach(phone)
    await server.lines_up(1, ATTACH_S)
    before = len([line for line in phone.commands.executed if line[:2] == ["pm", "install"]])

    await server.kill()
    await server.start()

    await server.lines_up(1, ATTACH_S)
    await server.reaches(await server.send(RECIPIENT, "again"), "DELIVERED", "delivered")
    assert len([line for line in phone.commands.executed if line[:2] == ["pm", "install"]]) == before
    assert len(phone.reverses.listed) == 1, "the tunnel to the port of the dead gateway was left behind"


async def test_a_restarted_phone_sends_again(world: AdbWorld, make_gateway: MakeGateway) -> None:
    server = await make_gateway(config(world))
    phone = await bare_phone(world, "R58M1")
    await world.attach(phone)
    await server.lines_up(1, ATTACH_S)

    phone.reboot()
    message = await server.send(RECIPIENT, "after the restart")

    await server.reaches(message, "DELIVERED", "delivered", limit_s=40)
    assert len(air(phone)) == 1


async def test_an_adb_server_that_its_user_restarts_costs_a_pause_and_no_text(
    world: AdbWorld, make_gateway: MakeGateway
) -> None:
    server = await make_gateway(config(world))
    phone = await bare_phone(world, "R58M1")
    await world.attach(phone)
    await server.lines_up(1, ATTACH_S)

    await world.server.kill()
    message = await server.send(RECIPIENT, "no server")
    await asyncio.sleep(1)
    with pytest.raises(OSError, match="Connect call failed"):
        await world.server.ask("host:version")
    await world.server.start()
    await world.attach(phone)

    await server.reaches(message, "DELIVERED", "delivered", limit_s=40)
    assert len(air(phone)) == 1


async def test_a_phone_that_nobody_named_is_listed_and_left_alone_until_somebody_asks(
    world: AdbWorld, make_gateway: MakeGateway
) -> None:
    server = await make_gateway(config(world, provision="ask"))
    phone = await bare_phone(world, "R58M1")
    await world.attach(phone)

    async def is_listed() -> bool:
        return "R58M1" in str((await server.get("/api/v1/devices"))["items"])

    await until(is_listed, "the phone is listed")
    await asyncio.sleep(1)
    assert set(phone.services) == {IDENTITY}

    answer = await server.call("POST", "/api/v1/devices/R58M1/provision", {}, limit_s=30)
    assert answer.status in (200, 202), answer.json
    await server.lines_up(1, ATTACH_S)
    await server.reaches(await server.send(RECIPIENT, "asked for"), "DELIVERED", "delivered")

    answer = await server.call("POST", "/api/v1/devices/R58M1/release", {"remove_app": True}, limit_s=30)
    assert answer.status in (200, 202), answer.json
    assert phone.android.apps == {}
    assert phone.reverses.listed == {}
    assert phone.android.doze_exempt == set()


async def test_what_a_maker_refuses_is_told_with_the_switch_to_flip(
    world: AdbWorld, make_gateway: MakeGateway
) -> None:
    server = await make_gateway(config(world))
    phone = await bare_phone(world, "R58M1", XIAOMI_NO_INSTALL)
    await world.attach(phone)

    async def is_told() -> bool:
        return "Install via USB" in str((await server.get("/api/v1/devices"))["items"])

    await until(is_told, "the hint is listed")
    assert phone.android.apps == {}


async def test_neither_codes_nor_texts_nor_numbers_pass_through_a_command_line(
    world: AdbWorld, make_gateway: MakeGateway
) -> None:
    server = await make_gateway(config(world))
    phone = await bare_phone(world, "R58M1")
    await world.attach(phone)
    await server.lines_up(1, ATTACH_S)
    text = "'; reboot; echo '"
    message = await server.send(RECIPIENT, text)
    await server.reaches(message, "DELIVERED", "delivered")

    lines = "\n".join(phone.services)
    assert RECIPIENT.strip("+") not in lines
    assert "; reboot" not in lines
    assert phone.android.boots == 1
    assert "gwd_" not in lines
    assert "gwd_" not in server.complaints
    assert text not in server.complaints


async def test_the_doctor_names_the_dialog_that_holds_texts_back(
    world: AdbWorld, make_gateway: MakeGateway
) -> None:
    server = await make_gateway(config(world))
    phone = await bare_phone(world, "R58M1")
    await world.attach(phone)
    await server.lines_up(1, ATTACH_S)
    phone.android.screen = LIMIT_DIALOG

    answer = await server.call("POST", "/api/v1/devices/R58M1/examine", {}, limit_s=30)

    assert answer.status == 200, answer.json
    screen = next(step for step in answer.json["steps"] if step["name"] == "screen")
    assert screen["outcome"] == "refused"
    assert "limit" in (screen["detail"] + screen["hint"]).lower()


async def test_two_phones_share_the_work_and_one_that_freezes_holds_up_only_itself(
    world: AdbWorld, make_gateway: MakeGateway
) -> None:
    # All texts go to one person: without this they would wait for the line that the first of them went by.
    server = await make_gateway(config(world, "[policy]\nsticky_s = 0\n"))
    first, second = two_sims()
    phones = [
        await bare_phone(world, "R58M1", sims=(first,)),
        await bare_phone(world, "R58M2", sims=(second,)),
    ]
    await asyncio.gather(*(world.attach(phone) for phone in phones))
    lines = await server.lines_up(2, ATTACH_S)
    assert len({line["id"] for line in lines}) == 2

    phones[0].freeze()
    messages = [await server.send(RECIPIENT, f"text {number}") for number in range(6)]
    await on_air(phones[1], 3, limit_s=30)
    phones[0].thaw()

    for message in messages:
        await server.reaches(message, "DELIVERED", "delivered", limit_s=60)
    assert len(air(phones[0])) + len(air(phones[1])) == 6
