"""Tells what the sandbox numbers do through HTTP, and what a sandbox key can never reach."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.harness.gateway_process import GatewayProcess, until
from tests.integration.whole import QUIET, MakeAir, MakeGateway, modems

NUMBER = "+9990000000"


async def story(server: GatewayProcess, digit: int, *states: str, limit_s: float = 60.0) -> dict[str, Any]:
    message_id = await server.send(f"{NUMBER}{digit}", f"number {digit}", key=server.sandbox)
    return await server.reaches(message_id, *states, limit_s=limit_s)


def types(message: dict[str, Any]) -> list[str]:
    return [hop["type"].removeprefix("message.") for hop in message["timeline"]]


async def test_each_sandbox_number_does_what_the_interface_page_says(make_gateway: MakeGateway) -> None:
    server = await make_gateway(simulate=4, lines_up=4)
    one, two, three, four, five, six, seven, eight, nine = await asyncio.gather(
        story(server, 1, "delivered"),
        story(server, 2, "undelivered"),
        story(server, 3, "failed"),
        story(server, 4, "delivered"),
        story(server, 5, "sent"),
        story(server, 6, "delivered"),
        story(server, 7, "delivered"),
        story(server, 8, "in_doubt"),
        story(server, 9, "delivered"),
    )
    assert types(one) == ["queued", "submitting", "sent", "delivered"]
    assert types(two) == ["queued", "submitting", "sent", "undelivered"]
    assert two["error"]["hint"]
    assert two["parts_detail"][0]["report_status"] == 0x62
    assert types(three) == ["queued", "submitting", "failed"]
    assert three["error"]["network_code"] == "RP cause 1"
    assert three["error"]["permanent"] is True
    assert types(four).count("submitting") == 3
    assert four["attempts"] == 3
    assert types(five) == ["queued", "submitting", "sent"]
    assert types(six) == ["queued", "submitting", "sent", "delivered"]
    assert types(seven) == ["queued", "submitting", "in_doubt", "delivered"]
    assert types(eight) == ["queued", "submitting", "in_doubt"]
    assert eight["error"]["code"] == "in_doubt"
    assert types(nine) == ["queued", "submitting", "sent", "delivered"]
    inbound = await server.all("/api/v1/inbound")
    # The confirmation of its STOP is answered by another STOP: the emulated person says nothing else.
    assert {(item["from"], item["text"]) for item in inbound} == {(f"{NUMBER}9", "STOP")}
    # Nobody reported on 5 meanwhile, and 8 stays in doubt until a person decides.
    assert (await server.message(five["id"]))["state"] == "sent"
    resolved = await server.call("POST", f"/api/v1/messages/{eight['id']}/resolve", {"as": "failed"})
    assert (resolved.status, resolved.json["state"]) == (200, "failed")
    again = await server.call("POST", f"/api/v1/messages/{eight['id']}/resolve", {"as": "sent"})
    assert again.status == 409


async def test_a_sandbox_key_reaches_emulated_lines_only_and_sees_sandbox_rows_only(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=1)
    server = await make_gateway(QUIET + modems(*air.ports.values()), simulate=1, lines_up=2)
    real = await server.send("+447700900123", "a real text")
    await server.reaches(real, "delivered")
    refused = await server.call(
        "POST", "/api/v1/messages", {"to": "+447700900123", "text": "not from here"}, key=server.sandbox
    )
    assert refused.status in (403, 422), refused.json
    assert refused.json["hint"]
    assert (await server.call("GET", f"/api/v1/messages/{real}", key=server.sandbox)).status == 404
    sandboxed = await server.send(f"{NUMBER}1", "a sandbox text", key=server.sandbox)
    await server.reaches(sandboxed, "delivered")
    assert [m["id"] for m in (await server.get("/api/v1/messages", server.sandbox))["items"]] == [sandboxed]
    assert all(line["emulated"] for line in (await server.get("/api/v1/lines", server.sandbox))["items"])
    assert [each.text for each in air.texts] == ["a real text"]


async def test_the_sandbox_and_an_emulated_modem_that_is_configured_are_different_sims(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=2)
    server = await make_gateway(QUIET + modems(*air.ports.values()), simulate=2, lines_up=4)
    lines = (await server.get("/api/v1/lines"))["items"]
    assert sorted(line["emulated"] for line in lines) == [False, False, True, True]
    assert len({line["iccid"] for line in lines}) == len({line["device"] for line in lines}) == 4


async def test_a_sandbox_number_never_goes_to_a_real_line(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=1)
    server = await make_gateway(QUIET + modems(*air.ports.values()), lines_up=1)
    answer = await server.call("POST", "/api/v1/messages", {"to": f"{NUMBER}1", "text": "nobody there"})
    assert answer.status == 503
    assert answer.json["code"] == "no_line_available"
    assert answer.json["hint"]
    await server.reaches(await server.send("+447700900123", "real"), "delivered")
    assert [each.to for each in air.texts] == ["+447700900123"]


async def test_a_text_to_an_emulated_line_arrives_as_one_received_message(make_gateway: MakeGateway) -> None:
    server = await make_gateway(simulate=2, lines_up=2)
    own = (await server.get("/api/v1/lines"))["items"][0]["number"]
    body = {"from": "+447700900123", "to": own, "text": "Grüße 🎉 " * 30}
    taken = await server.call("POST", "/api/v1/sandbox/inbound", body, key=server.sandbox)
    assert taken.status == 202, taken.json

    async def arrived() -> bool:
        return [item["text"] for item in await server.all("/api/v1/inbound")] == [body["text"]]

    await until(arrived, "the text arrives, joined")
    stranger = await server.call("POST", "/api/v1/sandbox/inbound", body | {"to": "+447700900124"})
    assert stranger.status == 422
    assert stranger.json["errors"][0]["pointer"]


async def test_lines_of_the_sandbox_text_one_another(make_gateway: MakeGateway) -> None:
    server = await make_gateway(simulate=2, lines_up=2)
    numbers = {line["number"] for line in (await server.get("/api/v1/lines"))["items"]}
    target = sorted(numbers)[1]
    message = await server.reaches(
        await server.send(target, "from line to line", key=server.sandbox), "delivered"
    )
    assert message["from"] in numbers

    async def arrived() -> bool:
        items = await server.all("/api/v1/inbound")
        return [(i["text"], i["to"], i["from"]) for i in items] == [
            ("from line to line", target, message["from"])
        ]

    await until(arrived, "the other line received it")
