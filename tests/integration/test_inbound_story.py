"""Tells what received texts do, through HTTP and the emulated network: stops, storms, clinics, rules."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from tests.harness.gateway_process import GatewayProcess, until
from tests.harness.receiver import SECRET
from tests.integration.webhooks_bench import Receiver, listening
from tests.integration.whole import QUIET, MakeGateway
from tests.peers.mail_peer import MailPeer, mail_server
from tests.peers.spellings import STOPS

POLICY = '[policy]\nsender_name = "Hill School"\n'
CONFIRMED = "Hill School: You will get no more messages. To return, reply START."


async def arrives(server: GatewayProcess, words: str, sender: str, line: int = 0) -> dict[str, Any]:
    """Let a text arrive at an emulated line, and wait until it is stored and nothing of its work is open."""
    to = (await server.get("/api/v1/lines"))["items"][line]["number"]
    known = {item["id"] for item in await server.all("/api/v1/inbound")}
    body = {"from": sender, "to": to, "text": words}
    answer = await server.call("POST", "/api/v1/sandbox/inbound", body)
    assert answer.status == 202, answer.json
    found: dict[str, Any] = {}

    async def settled() -> bool:
        for item in await server.all("/api/v1/inbound"):
            if item["id"] not in known and item["from"] == sender:
                found.update(await server.get(f"/api/v1/inbound/{item['id']}"))
                return all(one["state"] not in ("pending", "sending") for one in found["actions"])
        return False

    await until(settled, f"{words!r} of {sender} is settled", 20, 0.03)
    return found


async def texts_to(server: GatewayProcess, number: str) -> list[dict[str, Any]]:
    return await server.all(f"/api/v1/messages?to={number.replace('+', '%2B')}")


async def test_OPT_1_OPT_4_row_31_every_spelling_stops_what_waits_and_is_confirmed(
    make_gateway: MakeGateway,
) -> None:
    server = await make_gateway(QUIET + POLICY, simulate=2, lines_up=2)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()

    async def stops(number: int, spelling: str) -> None:
        sender = f"+99900{number:04d}1"
        waiting = await server.send(sender, "reminder", send_at=tomorrow)
        inbound = await arrives(server, spelling, sender, number % 2)
        assert (inbound["keyword"], inbound["text"]) == ("stop", spelling)
        stopped = await server.message(waiting)
        assert (stopped["state"], stopped["error"]["code"]) == ("cancelled", "recipient_opted_out"), spelling
        (action,) = inbound["actions"]
        assert (action["kind"], action["state"]) == ("confirm", "done"), spelling
        sent = await server.reaches(action["message_id"], "delivered")
        assert (sent["to"], sent["line"]) == (sender, inbound["line"])
        assert sent["text"].startswith("Hill School: ")
        refused = await server.call("POST", "/api/v1/messages", {"to": sender, "text": "again"})
        assert (refused.status, refused.json["code"]) == (403, "recipient_opted_out")

    await asyncio.gather(*(stops(number, spelling) for number, spelling in enumerate(STOPS)))


async def test_OPT_4_row_31_a_stop_in_two_parts_stops(make_gateway: MakeGateway) -> None:
    server = await make_gateway(QUIET + POLICY, simulate=1, lines_up=1)
    inbound = await arrives(server, "STOP" + "!" * 200, "+99900000001")
    assert (inbound["keyword"], inbound["parts"]) == ("stop", 2)
    assert inbound["actions"][0]["state"] == "done"


async def test_OPT_4_row_31_of_five_hundred_the_one_on_air_is_let_go_and_no_other_follows(
    make_gateway: MakeGateway,
) -> None:
    server = await make_gateway(QUIET + POLICY, simulate=2, lines_up=2)
    silent = "+99900000008"  # its line waits 5 s for an answer that does not come
    first = (await server.get("/api/v1/lines"))["items"][0]["id"]
    ids = [await server.send(silent, f"text {n}", line=first) for n in range(500)]

    async def on_air() -> bool:
        return bool((await server.message(ids[0]))["state"] == "submitting")

    await until(on_air, "the first is on air")
    await arrives(server, "STOP", silent, 1)
    states = [(await server.message(message_id))["state"] for message_id in ids]
    assert states == ["submitting", *["cancelled"] * 499]
    await server.reaches(ids[0], "in_doubt")


async def test_OPT_6_row_31_an_auto_responder_that_says_stop_gets_one_confirmation_and_no_loop(
    make_gateway: MakeGateway,
) -> None:
    server = await make_gateway(QUIET + POLICY, simulate=1, lines_up=1)
    machine = "+99900000009"  # answers STOP to every text it gets
    await server.send(machine, "hello")
    said: list[dict[str, Any]] = []

    async def twice() -> bool:
        items = await server.all("/api/v1/inbound")
        said[:] = [await server.get(f"/api/v1/inbound/{item['id']}") for item in reversed(items)]
        return len(said) == 2 and all(one["state"] != "pending" for item in said for one in item["actions"])

    await until(twice, "it has answered the text and the confirmation", 20, 0.05)
    assert [item["actions"][0]["state"] for item in said] == ["done", "skipped"]
    assert said[1]["actions"][0]["reason"] == "limit"
    texts = [message["text"] for message in reversed(await texts_to(server, machine))]
    assert texts == ["hello", CONFIRMED]


async def test_OPT_3_row_31_cancel_is_an_answer_where_appointments_are_made(
    make_gateway: MakeGateway,
) -> None:
    clinic = QUIET + '[policy]\npreset = "appointments"\nsender_name = "Clinic"\n'
    server = await make_gateway(clinic, simulate=1, lines_up=1)
    patient = "+99900000001"
    assert (await arrives(server, "CANCEL", patient))["keyword"] is None
    await server.reaches(await server.send(patient, "Cancelled. See you next time."), "delivered")
    assert (await arrives(server, "STOP", patient))["keyword"] == "stop"
    refused = await server.call("POST", "/api/v1/messages", {"to": patient, "text": "again"})
    assert refused.json["code"] == "recipient_opted_out"
    (wish,) = await server.all("/api/v1/suppressions")
    assert (wish["source"], wish["number"], wish["keyword"]) == ("keyword", patient, "STOP")
    assert (await arrives(server, "START", patient))["actions"][0]["state"] == "done"
    await server.reaches(await server.send(patient, "Welcome back."), "delivered")


async def test_rules_answer_forward_post_and_mail(make_gateway: MakeGateway) -> None:
    async with mail_server(MailPeer()) as mail, listening(Receiver()) as shop:

        async def books(request: web.Request) -> web.StreamResponse:
            return web.Response(
                body=json.dumps({"reply": "Booked for two."}), content_type="application/json"
            )

        shop.answer = books
        rules = f"""
[email]
host = "127.0.0.1"
port = {mail.port}
tls = "none"
sender = "office@school.example"

[[inbound_rule]]
name = "adverts"
sender = "ADS"
ignore = true

[[inbound_rule]]
name = "everything"
tag = "seen=yes"
email = "head@example.org"
go_on = true

[[inbound_rule]]
name = "table"
keyword = "table"
webhook = "{shop.url}"
secret = "{SECRET}"
reply = true

[[inbound_rule]]
name = "urgent"
pattern = "(?i)urgent"
forward_to = "+99900000002"

[[inbound_rule]]
name = "hours"
answer = "We open at nine, {{from}}."
"""
        server = await make_gateway(QUIET + POLICY + rules, simulate=1, lines_up=1)
        guest, other, third = "+99900000011", "+99900000021", "+99900000031"
        booked, urgent, asked, _advert = await asyncio.gather(
            arrives(server, "Table for two?", guest),
            arrives(server, "this is URGENT", other),
            arrives(server, "are you open", third),
            arrives(server, "BUY NOW", "ADS"),
        )
        assert [one["kind"] for one in booked["actions"]] == ["email", "webhook", "answer"]
        assert booked["tags"] == {"seen": "yes"}
        reply = await server.reaches(booked["actions"][2]["message_id"], "delivered")
        assert (reply["to"], reply["text"], reply["line"]) == (guest, "Booked for two.", booked["line"])
        payload = Webhook(SECRET).verify(shop.got[0].body, dict(shop.got[0].headers))
        assert (payload["type"], payload["data"]["text"]) == ("message.received", "Table for two?")
        (forwarded,) = await texts_to(server, "+99900000002")
        assert forwarded["text"] == f"{other}: this is URGENT"
        assert [one["kind"] for one in urgent["actions"]] == ["email", "forward"]
        answer = await server.message(asked["actions"][1]["message_id"])
        assert answer["text"] == f"We open at nine, {third}."
        assert {letter.message["Subject"] for letter in mail.got} == {
            f"SMS from {sender}" for sender in (guest, other, third)
        }
        shown = {item["text"]: item["ignored"] for item in await server.all("/api/v1/inbound")}
        assert shown["BUY NOW"] is True
        assert sum(shown.values()) == 1
