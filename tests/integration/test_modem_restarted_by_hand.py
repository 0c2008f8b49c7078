"""Tells how a person restarts a modem: by API, page and command line; and when that is refused, in words."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from tests.harness.gateway_process import GatewayProcess, until
from tests.harness.visitor import Visitor
from tests.integration.whole import QUIET, MakeAir, MakeGateway, modems

FRIEND = "+447700900123"


async def only_device(server: GatewayProcess) -> str:
    (device,) = (await server.get("/api/v1/devices"))["items"]
    return str(device["id"])


async def restart(server: GatewayProcess, device: str, **more: Any) -> Any:
    return await server.call("POST", f"/api/v1/devices/{device}/restart", **more)


async def test_the_line_is_down_meanwhile_and_what_waits_goes_out_afterwards(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=1)
    server = await make_gateway(QUIET + modems(air.ports[1]), lines_up=1)
    answer = await restart(server, await only_device(server))
    assert (answer.status, answer.json) == (202, {"id": await only_device(server), "restarting": True})

    async def was_down() -> bool:
        return any(entry["event"] == "line.changed" and entry["state"] != "up" for entry in server.log())

    await until(was_down, "the line is down")
    message = await server.send(FRIEND, "Hello")
    await server.lines_up(1)
    await server.reaches(message, "delivered")
    assert len(air.to(FRIEND)) == 1
    (entry,) = [e for e in await server.all("/api/v1/audit") if e["action"] == "device.restarted"]
    assert entry["outcome"] == "done"


async def test_it_is_refused_while_a_text_is_on_air(make_air: MakeAir, make_gateway: MakeGateway) -> None:
    air = await make_air(lines=1, submit_s=1.5)
    on_pdu = asyncio.Event()
    air.tell_of_pdus(on_pdu.set)
    server = await make_gateway(QUIET + modems(air.ports[1]), lines_up=1)
    message = await server.send(FRIEND, "Hello")
    await asyncio.wait_for(on_pdu.wait(), 15)
    refused = await restart(server, await only_device(server))
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    assert "on air" in refused.json["detail"]
    await server.reaches(message, "delivered")
    assert (await restart(server, await only_device(server))).status == 202


async def test_a_sandbox_key_restarts_emulated_modems_only(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=1, seed=7)
    server = await make_gateway(QUIET + modems(air.ports[1]), simulate=1, lines_up=2)
    devices = (await server.get("/api/v1/devices"))["items"]
    answers = {d["emulated"]: await restart(server, d["id"], key=server.sandbox) for d in devices}
    assert {emulated: answer.status for emulated, answer in answers.items()} == {True: 202, False: 404}
    assert (await restart(server, "nobody")).status == 404


async def test_a_person_restarts_it_on_its_page(make_air: MakeAir, make_gateway: MakeGateway) -> None:
    air = await make_air(lines=1)
    server = await make_gateway(QUIET + modems(air.ports[1]), lines_up=1)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        visitor = Visitor(server.url, session)
        await visitor.sign_in(server.live)
        page = await visitor.get(f"/devices/{await only_device(server)}")
        done = await visitor.press(page, "Restart")
        assert "The modem restarts" in done.text
        await server.lines_up(1)
