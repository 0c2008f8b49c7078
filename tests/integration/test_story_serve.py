"""Tells the main story through a real server: from a POST to the air and back, over a socket and over a pty."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from device_bridge.emulator import frames
from device_bridge.sms.segmentation import segment
from device_bridge.sms.submit import SubmitOptions, encode_parts
from tests.harness.air import Air
from tests.harness.gateway_process import GatewayProcess, until
from tests.harness.receiver import WebhookReceiver
from tests.integration.whole import QUIET, MakeAir, MakeGateway, hook, modems

ANN = "+447700900123"
GSM7_LONG = "Parents' evening moved to 18:30 - please tell the others. " * 6
EMOJI_ON_THE_BORDER = "д" * 66 + "🎉" + "д" * 30
TURKISH = "Veli toplantısı 18:30'a alındı, lütfen diğerlerine de haber verin: çok önemli! " * 2


@pytest.fixture(params=["socket", "pty"])
async def attached(
    request: pytest.FixtureRequest,
    make_air: MakeAir,
    make_gateway: MakeGateway,
    receiver: WebhookReceiver,
    tmp_path: Path,
) -> tuple[GatewayProcess, Air, WebhookReceiver]:
    """A server with one configured modem, whichever way it is attached."""
    air = await make_air(lines=1)
    port = air.ports[1]
    if request.param == "pty":
        port = str(tmp_path / "modem")
        await air.network.start_pty(1, Path(port))
    server = await make_gateway(QUIET + hook(receiver) + modems(port), lines_up=1)
    return server, air, receiver


def types_and_witnesses(message: dict[str, Any]) -> list[tuple[str, str]]:
    return [(hop["type"], hop["witness"]) for hop in message["timeline"]]


async def test_a_text_of_each_kind_goes_on_air_as_written_and_every_part_is_reported(
    attached: tuple[GatewayProcess, Air, WebhookReceiver],
) -> None:
    server, air, receiver = attached
    asked: dict[str, dict[str, Any]] = {
        "single": {"text": "Parents evening moved"},
        "gsm7": {"text": GSM7_LONG},
        "emoji": {"text": EMOJI_ON_THE_BORDER},
        "turkish": {"text": TURKISH},
        "flash": {"text": "Fire drill now", "flash": True},
        "data": {"data_base64": base64.b64encode(bytes(range(200))).decode(), "port": 2948},
    }
    ids = {}
    for n, (name, body) in enumerate(asked.items()):
        ids[name] = await server.send(f"+44770090010{n}", **body)
    found = {name: await server.reaches(message_id, "delivered") for name, message_id in ids.items()}
    sent = {name: air.to(message["to"]) for name, message in found.items()}

    for name, message in found.items():
        assert message["parts"] == message["parts_sent"] == message["parts_delivered"] == len(sent[name]), (
            name
        )
        assert [p["state"] for p in message["parts_detail"]] == ["delivered"] * message["parts"], name
        assert [p["report_status"] for p in message["parts_detail"]] == [0] * message["parts"], name
        assert [each.part for each in sent[name]] == list(range(1, message["parts"] + 1)), name
        # The receiver hears of it after the commit that the API has shown already.
        await until(lambda m=message: len(receiver.types_of(m["id"])) == 4, f"webhooks of {name}")
        assert receiver.types_of(message["id"]) == [
            "message.queued",
            "message.submitting",
            "message.sent",
            "message.delivered",
        ], name
    for name in ("single", "gsm7", "emoji", "turkish", "flash"):
        assert "".join(each.text for each in sent[name]) == asked[name]["text"], name
    assert {name: found[name]["encoding"] for name in asked} == {
        "single": "gsm7", "gsm7": "gsm7", "emoji": "ucs2", "turkish": "ucs2", "flash": "gsm7", "data": "8bit",
    }  # fmt: skip
    assert [len(each.text) for each in sent["emoji"]] == [66, 31]  # 67 units would have split the pair
    assert b"".join(each.octets for each in sent["data"]) == bytes(range(200))
    assert all(b"\x05\x04\x0b\x84\x00\x00" in each.header for each in sent["data"])  # IE 05, port 2948
    assert sent["flash"][0].dcs & 0x13 == 0x10  # class 0
    assert sent["single"][0].dcs & 0x10 == 0


async def test_every_hop_of_a_message_stands_in_its_timeline(
    attached: tuple[GatewayProcess, Air, WebhookReceiver],
) -> None:
    server, _, _ = attached
    single = await server.reaches(await server.send(ANN, "one part"), "delivered")
    assert types_and_witnesses(single) == [
        ("message.queued", "gateway"),
        ("message.submitting", "gateway"),
        ("message.sent", "modem"),
        ("message.delivered", "network"),
    ]
    double = await server.reaches(await server.send(ANN, "x" * 200), "delivered")
    hops = types_and_witnesses(double)
    assert hops[:2] == [("message.queued", "gateway"), ("message.submitting", "gateway")]
    assert hops[-1] == ("message.delivered", "network")
    assert hops.count(("part.sent", "modem")) == 2
    assert hops.count(("part.delivered", "network")) == 2
    times = [hop["at"] for hop in double["timeline"]]
    assert times == sorted(times)


async def test_parts_that_come_in_any_order_are_one_received_message(
    attached: tuple[GatewayProcess, Air, WebhookReceiver],
) -> None:
    server, air, receiver = attached
    text = "Пришлите, пожалуйста, расписание на завтра 🎒 " * 5
    tpdus = encode_parts(segment(text), SubmitOptions(to=air.number(1), reference=77, delivery_report=False))
    delivers = [
        frames.deliver_from(frames.parse_submit(tpdu), ANN, air.network.centre.now_ms()) for tpdu in tpdus
    ]
    assert len(delivers) == 4
    for position in (2, 0, 3):
        air.network.inject_tpdu(1, delivers[position])
    air.network.inject_inbound("+447700900777", air.number(1), "meanwhile")
    await until(lambda: bool(receiver.receipts), "the single one is told")
    assert [r.payload["data"]["text"] for r in receiver.receipts] == ["meanwhile"]
    air.network.inject_tpdu(1, delivers[1])
    await until(lambda: len(receiver.receipts) == 2, "the joined one is told")
    told = receiver.receipts[1].payload
    assert (told["type"], told["data"]["text"], told["data"]["from"]) == ("message.received", text, ANN)
    listed = {item["text"]: item for item in await server.all("/api/v1/inbound")}
    assert {shown: (item["parts"], item["complete"]) for shown, item in listed.items()} == {
        text: (4, True),
        "meanwhile": (1, True),
    }
    single = await server.get(f"/api/v1/inbound/{told['data']['id']}")
    assert sorted(single["pdus"]) == sorted(tpdu.hex().upper() for tpdu in delivers)


async def test_a_text_without_a_report_ends_as_sent(
    attached: tuple[GatewayProcess, Air, WebhookReceiver],
) -> None:
    server, air, _ = attached
    message = await server.reaches(await server.send(ANN, "no report please", delivery_report=False), "sent")
    assert message["state"] == "sent"
    assert [each.flags & 0x20 for each in air.to(ANN)] == [0]  # TP-SRR
