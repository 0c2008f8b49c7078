"""Tells how a receiver that goes away and comes back hears of everything, signed, in order, under the same ids."""

from __future__ import annotations

import json
from collections import defaultdict

from tests.harness.gateway_process import until
from tests.harness.receiver import WebhookReceiver
from tests.integration.whole import QUIET, MakeAir, MakeGateway, hook, modems

STORY = ["message.queued", "message.submitting", "message.sent", "message.delivered"]
RETRY_S = 12.0
"""The second try comes after 5 s, give or take a fifth."""


async def test_a_receiver_that_was_down_hears_everything_in_order_when_it_is_back(
    make_air: MakeAir, make_gateway: MakeGateway, receiver: WebhookReceiver
) -> None:
    air = await make_air(lines=1)
    await receiver.down()
    server = await make_gateway(QUIET + hook(receiver) + modems(*air.ports.values()), lines_up=1)
    # Three: one endpoint takes five failures in a row before it is only probed once a minute.
    sent = [await server.send(f"+44770090012{n}", f"text {n}") for n in range(3)]
    for message_id in sent:
        await server.reaches(message_id, "delivered")
    await receiver.up()
    await until(lambda: all(receiver.types_of(each) == STORY for each in sent), "all is told", RETRY_S)
    for message_id in sent:
        timeline = (await server.message(message_id))["timeline"]
        assert receiver.ids_of(message_id) == [(hop["type"], hop["id"]) for hop in timeline]
    assert not receiver.refused
    assert {r.payload["data"]["text"] for r in receiver.receipts} == {f"text {n}" for n in range(3)}


async def test_a_retry_has_the_webhook_id_of_the_first_try_and_later_events_wait_for_it(
    make_air: MakeAir, make_gateway: MakeGateway, receiver: WebhookReceiver
) -> None:
    air = await make_air(lines=1)
    receiver.status = 500
    server = await make_gateway(QUIET + hook(receiver) + modems(*air.ports.values()), lines_up=1)
    message_id = await server.send("+447700900123", "tell me twice")
    await server.reaches(message_id, "delivered")
    await until(lambda: bool(receiver.receipts), "the first try")
    assert [r.type for r in receiver.receipts] == ["message.queued"]
    receiver.status = 204
    await until(lambda: receiver.types_of(message_id) == STORY, "all is told", RETRY_S)
    tries: dict[str, list[int]] = defaultdict(list)
    for receipt in receiver.receipts:
        tries[receipt.webhook_id].append(receipt.answered)
    assert list(tries.values()) == [[500, 204], [204], [204], [204]]


async def test_what_was_not_told_before_a_kill_is_told_by_the_next_run_under_the_same_id(
    make_air: MakeAir, make_gateway: MakeGateway, receiver: WebhookReceiver
) -> None:
    air = await make_air(lines=1)
    receiver.status = 503
    server = await make_gateway(QUIET + hook(receiver) + modems(*air.ports.values()), lines_up=1)
    message_id = await server.send("+447700900123", "told later")
    await server.reaches(message_id, "delivered")
    await until(lambda: bool(receiver.receipts), "the first try")
    await server.kill()
    receiver.status = 204
    await server.start()
    await until(lambda: receiver.types_of(message_id) == STORY, "all is told", RETRY_S)
    assert receiver.receipts[0].webhook_id == receiver.ids_of(message_id)[0][1]


async def test_a_subscription_made_over_the_api_is_signed_with_the_secret_it_was_given(
    make_air: MakeAir, make_gateway: MakeGateway, receiver: WebhookReceiver
) -> None:
    air = await make_air(lines=1)
    server = await make_gateway(QUIET + modems(*air.ports.values()), lines_up=1)
    body = {"url": receiver.url, "events": ["message.delivered", "message.received"]}
    made = await server.call("POST", "/api/v1/webhooks", body)
    assert made.status == 201, made.json
    receiver.secret = made.json["secret"]
    message_id = await server.send("+447700900123", "only the end of it")
    await until(lambda: receiver.types_of(message_id) == ["message.delivered"], "the end is told")
    air.network.inject_inbound("+447700900999", air.number(1), "and what comes in")
    await until(lambda: receiver.receipts[-1].type == "message.received", "what comes in is told")
    tested = await server.call("POST", f"/api/v1/webhooks/{made.json['id']}/test")
    assert tested.status == 202, tested.json
    await until(lambda: receiver.receipts[-1].type == "webhook.test", "the test is told")
    assert not receiver.refused

    async def settled() -> bool:
        deliveries = await server.all(f"/api/v1/webhooks/{made.json['id']}/deliveries")
        assert {d["event_id"] for d in deliveries} == {r.webhook_id for r in receiver.receipts}
        return {d["state"] for d in deliveries} == {"delivered"}

    await until(settled, "each is recorded as delivered")


async def test_SSRF_4_the_gateways_own_ports_are_no_target(make_gateway: MakeGateway) -> None:
    server = await make_gateway(simulate=2, lines_up=2)
    left = json.loads((server.data_dir / "server.json").read_text())
    devices = await server.all("/api/v1/devices")
    emulated = [device["address"].removeprefix("socket://") for device in devices if device["emulated"]]
    assert emulated
    ours = [f"127.0.0.1:{left['link_port']}", *emulated]
    for url in (f"{server.url}/api/v1/messages", *(f"http://{address}/" for address in ours)):
        body = {"url": url, "events": ["message.*"]}
        refused = await server.call("POST", "/api/v1/webhooks", body)
        assert 400 <= refused.status < 500, refused.json
        assert refused.json["errors"][0]["pointer"]
        assert "is the gateway itself" in refused.json["detail"]
