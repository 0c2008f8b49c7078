"""Proves the send box over plain HTTP and without script: one number, several, wrong ones, options, twice pressed."""

from __future__ import annotations

import asyncio
import re
import time

import pytest

from device_bridge.device import LineHealth, LineIdentity, LineState
from gateway.admission import AdmissionSettings
from gateway.policy.content import ContentRule, compile_rules
from gateway.policy.tariff import Tariff
from gateway.store.rows import LineSettings
from tests.harness.visitor import Seen
from tests.integration.http.api_server import Server
from tests.integration.web.visits import MakeServer, Visit, VisitAt

ANN, BOB = "+99900000001", "+99900000002"


def field(page: Seen, name: str) -> str:
    """What stands in a field of the send form."""
    return dict(page.form("Check").fields).get(name, "")


@pytest.mark.parametrize("path", ["/", "/send"])
async def test_a_text_is_sent_and_its_page_opens(server: Server, visit: Visit, path: str) -> None:
    visitor = await visit()
    page = await visitor.press(
        await visitor.get(path), "Check", to="+999 0000 0001", text="Hello\nyou", do="send"
    )
    assert re.search(r"/messages/[0-9a-f-]{36}\?done=sent$", page.url)
    assert "Hello you" in page.text
    (message,) = (await server.call("GET", "/api/v1/messages")).json["items"]
    assert (message["to"], message["text"]) == (ANN, "Hello\nyou")


async def test_pressing_twice_sends_once_and_another_form_sends_again(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.get("/send")
    fields = [(n, v) for n, v in page.form("Check").fields if n not in ("to", "text")]
    fields += [("to", ANN), ("text", "Hello"), ("do", "send")]
    answers = [await visitor.post("/send", fields) for _ in range(3)]
    assert {answer.status for answer in answers} == {303}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert await server.stored() == 1
    await visitor.press(await visitor.get("/send"), "Check", to=ANN, text="Hello", do="send")
    assert await server.stored() == 2


async def test_several_numbers_become_a_batch_once(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.get("/send")
    fields = [(n, v) for n, v in page.form("Check").fields if n not in ("to", "text")]
    fields += [("to", f"{ANN}, {BOB}\n{ANN}"), ("text", "Hi {name}, as it stands"), ("do", "send")]
    answers = [await visitor.post("/send", fields) for _ in range(2)]
    assert answers[0].status == 303, answers[0].text
    assert answers[0].headers["Location"].startswith("/batches/")
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    items = (await server.call("GET", "/api/v1/messages")).json["items"]
    assert sorted(item["to"] for item in items) == [ANN, BOB]
    assert {item["text"] for item in items} == {"Hi {name}, as it stands"}


async def test_a_wrong_number_is_marked_and_kept_and_nothing_is_sent(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.press(
        await visitor.get("/send"), "Check", to=f"{ANN}, 0770", text="Hello", do="send"
    )
    assert page.status == 422
    assert '"0770" has no country code' in page.text
    assert (field(page, "to"), field(page, "text")) == (f"{ANN}, 0770", "Hello")
    assert re.search(r'name="to"[^>]*aria-invalid="true"', page.html)
    assert "+999 00000001 sandbox" in page.text
    assert await server.stored() == 0


@pytest.mark.parametrize(
    ("filled", "said", "where"),
    [
        ({"to": "", "text": "Hello"}, "Write at least one number", "to"),
        ({"to": ANN, "text": " "}, "Write what the text shall say", "text"),
        ({"to": ANN, "text": "x" * 2000}, "at most 6 are allowed", "text"),
        ({"to": ANN, "text": "Hello", "send_at": "2020-01-01T09:00"}, "has passed", "send_at"),
        ({"to": ANN, "text": "Hello", "send_at": "2099-01-01T09:00"}, "365 days", "send_at"),
        (
            {"to": ANN, "text": "Hello", "send_at": "2099-01-01T09:00", "zone": "Mars/Base"},
            "no such time",
            "send_at",
        ),
        ({"to": ANN, "text": "Hello", "send_at": "0001-01-01T00:00"}, "no such time", "send_at"),
        ({"to": ANN, "text": "Hello", "line": "line:nothing"}, "line", "line"),
        ({"to": ANN, "text": "Hello", "valid_for_s": "7"}, "valid_for_s", "valid_for_s"),
        ({"to": ANN, "text": "Hello", "priority": "77"}, "priority", None),
    ],
)
async def test_what_is_refused_keeps_what_was_typed_and_says_why_at_its_field(
    server: Server, visit: Visit, filled: dict[str, str], said: str, where: str | None
) -> None:
    visitor = await visit()
    page = await visitor.press(await visitor.get("/send"), "Check", **filled, do="send")
    assert page.status == 422, page.text
    assert said in page.text
    assert field(page, "text") == filled["text"]
    assert field(page, "to") == filled["to"]
    if where is None:
        assert 'role="alert"' in page.html
    else:
        assert re.search(rf'id="{where}-error"', page.html)
    assert await server.stored() == 0


async def test_the_last_minute_of_the_calendar_is_refused_in_every_zone(
    server: Server, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = await visit()
    page = await visitor.get("/send")
    try:
        for zone in ("America/New_York", "Asia/Tokyo"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            late = {"to": ANN, "text": "Hello", "send_at": "9999-12-31T23:59"}
            refused = await visitor.press(page, "Check", **late, do="send")
            assert refused.status == 422, zone
            assert 'id="send_at-error"' in refused.html
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_check_counts_and_shows_numbers_and_sends_nothing(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.press(
        await visitor.get("/send"), "Check", to="+44 7700 900123", text="x" * 160 + "“", do="check"
    )
    assert page.status == 200
    assert "161 of 201 · 3 parts · Unicode because of “" in page.text
    assert "+44 7700 900123 GB" in page.text
    assert "In plain letters it needs fewer parts" in page.text
    assert await server.stored() == 0


async def test_the_counter_of_the_server_says_what_the_preview_says(server: Server, visit: Visit) -> None:
    visitor = await visit()
    for text in ("a", "x" * 160, "x" * 161, "€" * 80, "🙂" * 35, "🙂" * 36, "“quotes” … –", "x" * 2000):
        measured = (await server.call("POST", "/api/v1/messages/preview", {"text": text})).json
        page = await visitor.press(await visitor.get("/send"), "Check", to=ANN, text=text, do="check")
        total = measured["units_used"] + measured["units_left"]
        parts = "1 part" if measured["parts"] == 1 else f"{measured['parts']} parts"
        assert f"{measured['units_used']} of {total} · {parts}" in page.text, text


async def test_options_reach_the_message(server: Server, visit: Visit) -> None:
    assert server.emulated is not None
    visitor = await visit()
    options = {
        "line": f"line:{server.emulated.id}", "send_at": "2027-06-01T12:00", "zone": "Europe/Paris",
        "valid_for_s": "3600", "priority": "9", "flash": "1",
    }  # fmt: skip
    await visitor.press(await visitor.get("/send"), "Check", to=ANN, text="Later", do="send", **options)
    (message,) = (await server.call("GET", "/api/v1/messages")).json["items"]
    assert message["send_at"] == "2027-06-01T10:00:00.000Z"
    assert message["expires_at"] == "2027-06-01T11:00:00.000Z"
    assert message["priority"] == 9
    assert message["line"] == server.emulated.id
    assert message["state"] == "scheduled"


async def test_a_template_shows_the_values_that_it_needs_and_sends_with_them(
    server: Server, visit: Visit
) -> None:
    made = await server.call(
        "POST", "/api/v1/templates", {"name": "Reminder", "texts": {"en": "Dear {name}, at {hour}"}}
    )
    visitor = await visit()
    chosen = {"to": ANN, "text": "", "template_id": made.json["id"]}
    page = await visitor.press(await visitor.get("/send"), "Check", **chosen, do="check")
    assert {"data.name", "data.hour"} <= {name for name, _value in page.form("Check").fields}
    missing = await visitor.press(page, "Check", do="send", **{"data.name": "Ann"})
    assert missing.status == 422
    assert "hour" in missing.text
    await visitor.press(missing, "Check", do="send", **{"data.hour": "9"})
    (message,) = (await server.call("GET", "/api/v1/messages")).json["items"]
    assert message["text"] == "Dear Ann, at 9"


async def test_KEY_7_a_sandbox_session_sends_to_the_sandbox_only_and_is_told_so(
    server: Server, visit: Visit
) -> None:
    visitor = await visit(server.sandbox)
    page = await visitor.press(
        await visitor.get("/send"), "Check", to="+447700900123", text="Hello", do="send"
    )
    assert page.status == 422
    assert "sandbox" in page.text
    assert "Office" not in page.html, "no live line is offered"
    assert await server.stored() == 0


async def test_who_may_send_but_make_no_batches_sends_to_one_number_only(
    server: Server, visit: Visit
) -> None:
    visitor = await visit(await server.key("messages:send", "messages:read"))
    page = await visitor.press(
        await visitor.get("/send"), "Check", to=f"{ANN} {BOB}", text="Hello", do="send"
    )
    assert page.status == 422
    assert "batches:write" in page.text
    assert await server.stored() == 0


async def test_more_options_of_the_overview_keep_what_was_typed(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.press(await visitor.get("/"), "More", to=ANN, text="half written", do="more")
    assert (field(page, "to"), field(page, "text")) == (ANN, "half written")
    assert "Time zone" in page.text
    assert await server.stored() == 0


async def test_the_script_is_given_the_numbers_alone_and_nothing_is_sent(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    page = await visitor.get("/send")
    fields = [*page.form("Check").fields, ("to", ANN), ("text", "Hello"), ("do", "send")]
    answer = await visitor.post("/send", fields, **{"X-Regions": "chips"})
    assert answer.status == 200
    assert 'id="chips"' in answer.html
    assert "<html" not in answer.html
    assert await server.stored() == 0


async def test_two_tabs_that_are_filled_in_at_the_same_time_are_each_shown_their_own_numbers(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    fields = (await visitor.get("/send")).form("Check").fields

    async def chips(number: str) -> str:
        filled = [*(f for f in fields if f[0] != "to"), ("to", number)]
        return (await visitor.post("/send", filled, **{"X-Regions": "chips"})).text

    await chips(ANN)
    ann, bob = await asyncio.gather(chips(ANN), chips(BOB))
    assert ("+999 00000001" in ann, "+999 00000001" in bob) == (True, False)
    assert ("+999 00000002" in ann, "+999 00000002" in bob) == (False, True)


async def test_what_the_texts_cost_at_least_and_how_many_go_is_said_before_they_are_sent(
    server: Server, visit: Visit
) -> None:
    assert server.real is not None
    identity = LineIdentity(key="8944111", iccid="8944111", imsi=None, number="+447700900111")
    tariff = LineSettings(tariff=Tariff("GBP", 55_000))
    await server.store.line_seen(
        identity, server.real.device_id or "", LineHealth(state=LineState.UP), tariff
    )
    visitor = await visit()
    two = {"to": "+44 7700 900123, +44 7700 900124", "text": "x" * 161}
    page = await visitor.press(await visitor.get("/send"), "Check", **two, do="check")
    assert "Costs at least 0.22 GBP" in page.text
    assert "Send 2 texts" in page.text
    sandbox = await visitor.press(await visitor.get("/send"), "Check", to=ANN, text="Hello", do="check")
    assert "Costs" not in sandbox.text
    fields = [*page.form("Check").fields, ("do", "send")]
    parts = await visitor.post("/send", fields, **{"X-Regions": "chips,estimate,sends"})
    assert [parts.html.count(f'id="{name}"') for name in ("chips", "estimate", "sends")] == [1, 1, 1]
    assert await server.stored() == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Look at https://example.org", 'The rule "no-links" of this organisation refuses this text'),
        ("My IBAN is", "A second person has to agree before it is sent."),
    ],
)
async def test_a_rule_that_stands_in_the_way_of_a_text_is_named_before_it_is_sent(
    make_server: MakeServer, visit_at: VisitAt, text: str, said: str
) -> None:
    rules = compile_rules(
        [ContentRule("no-links", "https?://", "refuse"), ContentRule("money", "iban", "hold")]
    )
    server = await make_server(admission=AdmissionSettings(content=rules))
    visitor = await visit_at(server, server.live)
    page = await visitor.press(await visitor.get("/send"), "Check", to=ANN, text=text, do="check")
    assert said in page.text
    assert await server.stored() == 0


async def test_a_link_fills_the_box_in(server: Server, visit: Visit) -> None:
    assert server.emulated is not None
    page = await (await visit()).get(f"/send?line={server.emulated.id}&to=%2B99900000001&text=Hello")
    assert field(page, "line") == f"line:{server.emulated.id}"
    assert (field(page, "to"), field(page, "text")) == (ANN, "Hello")
