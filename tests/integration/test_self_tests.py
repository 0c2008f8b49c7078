"""Tells how a line texts itself: through queue, radio and inbox and back, by API, page and command line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from device_bridge.emulator.numbers import Fate
from gateway.policy.self_test import TAG, code_in
from tests.harness.air import Air
from tests.harness.gateway_here import GatewayHere, StoryClock
from tests.harness.gateway_process import GatewayProcess, until
from tests.harness.visitor import Visitor
from tests.integration.whole import QUIET, MakeAir, MakeGateway, modems

LOOKED = ["network", "signal", "message_centre", "store"]
EVERY_TEXT = '[[inbound_rule]]\nname = "thanks"\nanswer = "Thank you"\n'
OWN = "+447700900301"
NOBODYS = "+447700900199"
REPORTS_NEVER_S = 86_400.0


async def texts_itself(server: GatewayProcess, line: dict[str, Any], **more: Any) -> Any:
    return await server.call(
        "POST", f"/api/v1/lines/{line['id']}/self-test", {"send": True}, limit_s=30, **more
    )


def has_number(air: Air) -> None:
    """Give the SIM a number of a country beside its own of the sandbox, which no real line may text."""
    air.network.centre.add_line(1, OWN, air.network.centre.mailbox(1))


async def numbered(server: GatewayProcess, number: str = OWN) -> dict[str, Any]:
    """Say what the only line's own number is, as a person does."""
    (line,) = (await server.get("/api/v1/lines"))["items"]
    answer = await server.call("PATCH", f"/api/v1/lines/{line['id']}", {"number": number})
    assert answer.status == 200, answer.json
    changed: dict[str, Any] = answer.json
    return changed


async def text_of_the_test(server: GatewayProcess, line: dict[str, Any]) -> dict[str, Any]:
    """Find the line's text to itself."""
    (found,) = [m for m in await server.all("/api/v1/messages") if TAG in m["tags"]]
    assert found["to"] == line["number"]
    return found


async def test_a_sandbox_line_proves_the_whole_way_and_rings_nowhere(make_gateway: MakeGateway) -> None:
    server = await make_gateway(QUIET + EVERY_TEXT, simulate=1, lines_up=1)
    (line,) = (await server.get("/api/v1/lines"))["items"]
    tested = (await texts_itself(server, line)).json
    assert tested["ok"], tested
    assert [step["name"] for step in tested["steps"]] == [*LOOKED, "sent", "delivered", "received"]
    seconds = [step["seconds"] for step in tested["steps"]]
    assert seconds[:4] == [None] * 4
    assert all(0 < each < 20 for each in seconds[4:]), seconds
    text = await text_of_the_test(server, line)
    assert (text["state"], text["priority"], text["purpose"]) == ("delivered", 9, "transactional")
    (got,) = await server.all("/api/v1/inbound")
    assert (got["ignored"], got["tags"], got["text"]) == (True, text["tags"], text["text"])
    assert code_in(got["text"]) == text["tags"][TAG]
    assert (await server.get(f"/api/v1/inbound/{got['id']}"))["actions"] == []
    assert (await server.get("/api/v1/lines"))["items"][0]["sent_today"] == 1
    (entry,) = [e for e in await server.all("/api/v1/audit") if e["action"] == "line.texted"]
    assert (entry["target"], entry["detail"]) == (f"line:{line['id']}", {"message": text["id"]})


async def test_a_real_modem_texts_itself(make_air: MakeAir, make_gateway: MakeGateway) -> None:
    air = await make_air(lines=1)
    server = await make_gateway(QUIET + modems(air.ports[1]), lines_up=1)
    has_number(air)
    tested = (await texts_itself(server, await numbered(server))).json
    assert tested["ok"], tested
    assert len(air.to(OWN)) == 1


async def test_without_asking_nothing_is_sent(make_gateway: MakeGateway) -> None:
    server = await make_gateway(simulate=1, lines_up=1)
    (line,) = (await server.get("/api/v1/lines"))["items"]
    for body in (None, {}, {"send": False}):
        answer = await server.call("POST", f"/api/v1/lines/{line['id']}/self-test", body)
        assert [step["name"] for step in answer.json["steps"]] == LOOKED
    assert await server.all("/api/v1/messages") == []


async def test_a_line_without_a_number_says_where_to_set_it(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=1)
    air.network.modem(1).faults.refuse_commands["+CNUM"] = "ERROR"
    server = await make_gateway(QUIET + modems(air.ports[1]), lines_up=1)
    (line,) = (await server.get("/api/v1/lines"))["items"]
    assert line["number"] is None
    refused = await texts_itself(server, line)
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    assert "Own number" in refused.json["detail"]
    assert air.tries() == []
    has_number(air)
    assert (await texts_itself(server, await numbered(server))).json["ok"]


async def test_two_at_once_on_one_line_are_one(make_air: MakeAir, make_gateway: MakeGateway) -> None:
    air = await make_air(lines=1, submit_s=0.5)
    server = await make_gateway(QUIET + modems(air.ports[1]), lines_up=1)
    has_number(air)
    line = await numbered(server)
    answers = await asyncio.gather(texts_itself(server, line), texts_itself(server, line))
    assert sorted(answer.status for answer in answers) == [200, 409]
    (refused,) = [answer.json for answer in answers if answer.status == 409]
    assert "already" in refused["detail"]
    assert len(air.tries()) == 1


async def test_a_paused_line_is_resumed_first(make_gateway: MakeGateway) -> None:
    server = await make_gateway(simulate=1, lines_up=1)
    (line,) = (await server.get("/api/v1/lines"))["items"]
    await server.call("PATCH", f"/api/v1/lines/{line['id']}", {"paused": True})
    refused = await texts_itself(server, line)
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    assert "paused" in refused.json["detail"]
    assert await server.all("/api/v1/messages") == []


async def test_who_may_not_send_cannot_make_a_line_text_itself(make_gateway: MakeGateway) -> None:
    server = await make_gateway(simulate=1, lines_up=1)
    (line,) = (await server.get("/api/v1/lines"))["items"]
    made = await server.call(
        "POST", "/api/v1/keys", {"name": "watch", "scopes": ["lines:manage", "lines:read"]}
    )
    refused = await texts_itself(server, line, key=made.json["key"])
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert "messages:send" in refused.json["detail"]


async def test_a_refused_text_ends_the_test_at_once_with_the_networks_cause(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=1)
    server = await make_gateway(QUIET + modems(air.ports[1]), lines_up=1)
    line = await numbered(server, NOBODYS)  # typed wrong
    air.decide(NOBODYS, Fate(refusals=-1, cause=1))
    tested = (await texts_itself(server, line)).json
    assert not tested["ok"]
    last = tested["steps"][-1]
    assert (last["name"], last["ok"]) == ("sent", False)
    assert last["detail"].startswith("The network says this number does not exist")


async def test_a_line_that_is_down_sends_nothing(make_air: MakeAir, make_gateway: MakeGateway) -> None:
    air = await make_air(lines=1)
    server = await make_gateway(QUIET + modems(air.ports[1]), lines_up=1)
    (line,) = (await server.get("/api/v1/lines"))["items"]
    air.network.modem(1).lose_network()

    async def is_down() -> bool:
        return bool((await server.get("/api/v1/lines"))["items"][0]["state"] != "up")

    await until(is_down, "the line is down")
    tested = (await texts_itself(server, line)).json
    assert [step["name"] for step in tested["steps"]] == [*LOOKED, "sent"]
    assert tested["steps"][-1]["detail"].startswith("No text was sent")
    assert await server.all("/api/v1/messages") == []


async def test_killed_in_the_middle_it_leaves_an_ordinary_message(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=1, ack_timeout_s=0.5)
    server = await make_gateway(QUIET + EVERY_TEXT + modems(air.ports[1]), lines_up=1)
    has_number(air)
    line = await numbered(server)
    on_air = asyncio.Event()
    air.tell_of_submissions(on_air.set)
    asked = asyncio.create_task(texts_itself(server, line))

    await asyncio.wait_for(on_air.wait(), 15)
    await server.kill()
    await asyncio.gather(asked, return_exceptions=True)
    await server.start()
    await server.lines_up(1)

    async def came_in() -> bool:
        return any(got["ignored"] for got in await server.all("/api/v1/inbound"))

    await until(came_in, "the text of the run before comes in, and is known")
    assert (await text_of_the_test(server, line))["state"] in ("in_doubt", "sent", "delivered")
    assert len(air.to(OWN)) == 1
    again = await numbered(server)  # the SIM has told its own since
    assert (await texts_itself(server, again)).json["ok"], "and nothing stands in the way of the next"


async def test_a_server_that_stops_does_not_wait_for_it(make_air: MakeAir, make_gateway: MakeGateway) -> None:
    air = await make_air(lines=1, report_delay_s=REPORTS_NEVER_S)
    server = await make_gateway(QUIET + modems(air.ports[1]), lines_up=1)
    has_number(air)
    line = await numbered(server)
    asked = asyncio.create_task(texts_itself(server, line))

    async def came_in() -> bool:
        return bool(await server.all("/api/v1/inbound"))

    await until(came_in, "the text comes in, and only its report is waited for")
    assert await server.stop(limit_s=20) == 0
    answer = await asked
    assert (answer.status, answer.json["code"]) == (503, "shutting_down")


@pytest.fixture
async def air_without_reports(make_air: MakeAir) -> Air:
    return await make_air(lines=1, report_delay_s=REPORTS_NEVER_S)


@pytest.fixture
async def here(tmp_path: Path, air_without_reports: Air) -> AsyncIterator[GatewayHere]:
    starts = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    config = QUIET + modems(air_without_reports.ports[1])
    gateway = GatewayHere(tmp_path / "here", config, clock=StoryClock(starts))
    await gateway.start()
    yield gateway
    await gateway.close()


async def test_a_network_without_reports_is_said_to_send_none_and_the_page_moves_meanwhile(
    here: GatewayHere, air_without_reports: Air
) -> None:
    await here.lines_up(1)
    has_number(air_without_reports)
    line = await numbered(here)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        visitor = Visitor(here.url, session)
        await visitor.sign_in(here.live)
        path = f"/lines/{line['id']}"
        began_s = time.monotonic()
        page = await visitor.press(await visitor.get(path), "Text itself")
        assert time.monotonic() - began_s < 60, "it does not hang"
        assert "The line texts itself" in page.text
        assert 'data-poll="1"' in page.html
        assert "Text itself" not in [b[0] for form in page.forms for b in form.buttons]

        async def is_back() -> bool:
            return "came in again" in (await visitor.get(path)).text

        await until(is_back, "the page shows that the text came in", poll_s=0.1)
        page = await visitor.get(path)
        assert "not yet" in page.text
        here.clock.until(datetime.fromtimestamp(here.clock.now_ms() / 1000 + 121, UTC).isoformat())

        async def is_over() -> bool:
            return "not passed" in (await visitor.get(path)).text

        await until(is_over, "the test ends", poll_s=0.1)
        page = await visitor.get(f"{path}?done=texted")
        assert "Something is missing" in page.text
        assert "No delivery report came in time" in page.text
        assert "not yet" not in page.text
        for name in ("Sent", "Received"):
            assert f"{name} OK after" in " ".join(page.text.split()), page.text
    assert here.faults == []
