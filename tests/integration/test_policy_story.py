"""Tells how the rules of one configuration file are obeyed by a whole gateway, from the door to the air.

Real server process, real modems over sockets; the emulated network writes down what reached it.
Source: rules PMP-1, QUI-2, CNT-1, CNT-2, OPT-5; routes and cheapest pools of the configuration.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.harness.air import Air
from tests.harness.gateway_process import GatewayProcess, until
from tests.integration.whole import MakeAir, MakeGateway, modems

ANN, BOB = "+447911123456", "+447911123457"
BASE = '[server]\nport = 0\n[serial]\ndiscover = false\n[messages]\ndefault_region = "GB"\n'


def named(air: Air, line: int, label: str, **settings: object) -> str:
    """The section of one SIM."""
    given = {"number": air.number(line), "label": label, **settings}
    return "[[line]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in given.items())


def span_around_now() -> str:
    """A span of the day in UTC that began an hour ago and goes on for hours."""
    now = datetime.now(UTC)
    return f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=5):%H:%M}"


async def key_named(server: GatewayProcess, name: str, *scopes: str) -> str:
    made = await server.call("POST", "/api/v1/keys", {"name": name, "scopes": list(scopes) or ["*"]})
    assert made.status == 201, made.json
    key: str = made.json["key"]
    return key


async def refusal(server: GatewayProcess, to: str, text: str, **more: Any) -> tuple[int, str]:
    answer = await server.call("POST", "/api/v1/messages", {"to": to, "text": text, **more})
    return answer.status, answer.json["code"]


async def test_OPT_3_a_word_of_the_us_rules_that_stops_nothing_any_more_warns_at_start(
    make_gateway: MakeGateway,
) -> None:
    server = await make_gateway(BASE + '[policy]\npreset = "appointments"\n')
    (doubt,) = [line for line in server.log() if line.get("event") == "policy.doubtful"]
    assert doubt["level"] == "warning"
    assert "CANCEL, END, QUIT no longer stop messages" in doubt["hint"]


async def test_a_line_that_rests_keeps_its_texts_and_lets_urgent_ones_pass(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=2)
    config = (
        BASE
        + '[policy]\ntimezone = "UTC"\n'
        + named(air, 1, "Office", quiet_hours=span_around_now())
        + named(air, 2, "Hall")
        + modems(*air.ports.values())
    )
    server = await make_gateway(config, lines_up=2)
    kept = await server.send(ANN, "Your appointment", line="Office")
    urgent = await server.send(ANN, "Gas leak", line="Office", purpose="urgent")
    by_pool = await server.send(BOB, "Your appointment")
    await server.reaches(urgent, "delivered")
    await server.reaches(by_pool, "delivered")
    assert [(each.line, each.text) for each in air.to(ANN)] == [(1, "Gas leak")]
    assert [(each.line, each.text) for each in air.to(BOB)] == [(2, "Your appointment")]
    assert (await server.message(kept))["state"] == "queued"


async def test_the_cheaper_line_carries_what_it_may_and_the_dearer_one_the_rest(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=2)
    config = (
        BASE
        + '[policy]\ncheapest = ["default"]\nsticky_s = 0\n'
        + named(air, 1, "Dear", parts_cost="0.05", currency="GBP")
        + named(air, 2, "Cheap", parts_cost="0.01", currency="GBP", per_day=3)
        + modems(*air.ports.values())
    )
    server = await make_gateway(config, lines_up=2)
    ids = [await server.send(f"+44791112340{n}", f"text {n}") for n in range(3)]
    for message_id in ids:
        await server.reaches(message_id, "delivered")
    assert [each.line for each in air.texts] == [2, 2, 2]
    fourth = await server.send("+447911123410", "text 4")
    await server.reaches(fourth, "delivered")
    assert [each.line for each in air.to("+447911123410")] == [1]


async def test_what_the_file_refuses_or_holds_never_reaches_the_air(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=1)
    config = (
        BASE
        + '[policy]\napproval_keys = ["trainee"]\nnew_country_per_hour = 2\n'
        + '[[content_rule]]\nname = "no-links"\npattern = "https?://"\naction = "refuse"\n'
        + '[[guard]]\nkey = "login"\npreset = "otp"\n'
        + modems(*air.ports.values())
    )
    server = await make_gateway(config, lines_up=1)
    head = await key_named(server, "head", "approvals:decide", "messages:read")
    trainee = await key_named(server, "trainee")
    login = await key_named(server, "login")

    # The door: content, opt-out, premium and pumping.
    await server.call("POST", "/api/v1/suppressions", {"number": BOB, "source": "letter"})
    assert await refusal(server, ANN, "See http://evil.example") == (403, "content_refused")
    assert await refusal(server, BOB, "Hello") == (403, "recipient_opted_out")
    assert await refusal(server, "+449098790123", "vote") == (403, "premium_number")
    assert await refusal(server, ANN, "Sale", purpose="marketing") == (403, "consent_required")
    codes = [
        (await server.call("POST", "/api/v1/messages", {"to": ANN, "text": f"{n}"}, key=login)).status
        for n in range(6)
    ]
    assert codes == [202] * 5 + [429]
    abroad = [await server.send(f"+2637712{n:05d}", "hello") for n in range(3)]
    assert (await server.message(abroad[2]))["held_reason"] == "new_country"

    # A second person: not the author, and only what they saw.
    held = await server.send(ANN, "School is closed", key=trainee)
    assert (await server.message(held))["held_reason"] == "approval"
    asked = next(
        row
        for row in (await server.get("/api/v1/approvals?state=pending"))["items"]
        if row["subject"] == held
    )
    own, word = f"/api/v1/approvals/{asked['id']}/approve", {"digest": asked["digest"]}
    assert (await server.call("POST", own, word, key=trainee)).json["code"] == "approval_self"
    assert (await server.call("POST", own, word, key=head)).status == 200
    await server.reaches(held, "delivered")

    # A restart forgets nothing of it.
    await server.stop()
    await server.start()
    await server.lines_up(1)
    assert (await server.message(abroad[2]))["state"] == "held"
    assert await refusal(server, BOB, "Hello") == (403, "recipient_opted_out")

    async def all_out() -> bool:
        return len(air.texts) == 8

    await until(all_out, "what may go went")
    assert sorted(each.text for each in air.to(ANN)) == sorted([*"01234", "School is closed"])
    assert air.to(BOB) == []
    assert [each.to for each in air.texts if each.to.startswith("+263")] == [
        f"+2637712{n:05d}" for n in range(2)
    ]
