"""What a program meets that sends texts: the answer, the defaults, the routes, idempotency, lists."""

from __future__ import annotations

import asyncio

import pytest

from gateway.admission import AdmissionSettings
from gateway.http import answers
from gateway.representation import rfc3339
from tests.integration.http.api_server import Server, ServerFactory, see_line

REAL = "+447911123456"
SANDBOX = "+99900000001"


async def test_a_text_is_accepted_with_its_location_and_every_field_of_the_interface(server: Server) -> None:
    sent = {
        "to": REAL, "text": "Parents' evening moved to 18:30", "reference": "ref_789", "priority": 5,
        "send_at": None, "valid_for_s": 3600, "delivery_report": True, "flash": False, "encoding": "auto",
        "max_parts": 6, "line": None, "pool": None, "on_doubt": "hold", "purpose": "transactional",
        "tags": {"class": "5B"},
    }  # fmt: skip
    answer = await server.send(sent)
    assert answer.status == 202
    assert answer.headers["Location"] == f"/api/v1/messages/{answer.json['id']}"
    message = answers.Message.model_validate(answer.json)
    assert (message.state, message.to, message.parts, message.encoding) == ("queued", REAL, 1, "gsm7")
    assert (message.reference, message.priority, message.tags) == ("ref_789", 5, {"class": "5B"})
    assert list(answer.json)[:6] == ["id", "direction", "state", "to", "from", "line"]


async def test_defaults_are_those_of_the_interface(server: Server) -> None:
    answer = await server.send({"to": REAL, "text": "hi"})
    created, expires = answer.json["created_at"], answer.json["expires_at"]
    assert created[11:] == expires[11:]
    assert (answer.json["priority"], answer.json["purpose"], answer.json["tags"]) == (0, "transactional", {})


async def test_a_message_shows_its_parts_and_timeline(server: Server) -> None:
    made = (await server.send({"to": REAL, "text": "hi"})).json
    shown = await server.call("GET", f"/api/v1/messages/{made['id']}")
    whole = answers.MessageWithHistory.model_validate(shown.json)
    assert whole.parts_detail == []
    assert [hop.type for hop in whole.timeline] == ["message.queued"]


async def test_a_time_ahead_is_shown_as_scheduled_and_expires_counted_from_it(server: Server) -> None:
    answer = await server.send(
        {"to": REAL, "text": "hi", "send_at": "2999-01-01T00:00:00Z", "valid_for_s": 60}
    )
    assert (answer.status, answer.code) == (422, "send_at_invalid")
    soon_ms = server.clock.now_ms() + 3_600_000
    soon = answers_time(soon_ms)
    answer = await server.send({"to": REAL, "text": "hi", "send_at": soon, "valid_for_s": 60})
    assert (answer.status, answer.json["state"], answer.json["send_at"]) == (202, "scheduled", soon)
    assert answer.json["expires_at"] == answers_time(soon_ms + 60_000)


def answers_time(at_ms: int) -> str:
    return rfc3339(at_ms) or ""


async def test_data_needs_its_port_and_comes_back_as_base64(server: Server) -> None:
    answer = await server.send({"to": REAL, "data_base64": "3q2+7w==", "port": 16000})
    assert (answer.status, answer.json["encoding"], answer.json["data_base64"]) == (202, "8bit", "3q2+7w==")
    assert answer.json["text"] is None
    without = await server.send({"to": REAL, "data_base64": "3q2+7w=="})
    assert (without.status, without.code) == (422, "invalid_request")


async def test_a_text_too_long_says_how_many_characters_and_what_forces_ucs2(server: Server) -> None:
    answer = await server.send({"to": REAL, "text": "“" + "a" * 500, "max_parts": 6})
    assert (answer.status, answer.code, answer.pointers()) == (422, "text_too_long", ["#/text"])
    assert "needs 8 parts; at most 6" in answer.json["detail"]
    assert "“" in answer.json["detail"]
    assert "then 4 parts" in answer.json["detail"]
    assert "raise max_parts" in answer.json["detail"]


async def test_a_megabyte_of_text_is_refused_without_being_cut_into_parts(server: Server) -> None:
    started = asyncio.get_running_loop().time()
    answer = await server.send({"to": REAL, "text": "a" * 1_000_000})
    assert (answer.status, answer.code) == (422, "text_too_long")
    assert asyncio.get_running_loop().time() - started < 1.0


@pytest.mark.parametrize("encoding", ["auto", "ucs2"])
async def test_a_text_beyond_255_parts_is_too_long_and_not_a_matter_of_characters(
    server: Server, encoding: str
) -> None:
    body = {"to": REAL, "text": "👍🏽" * 9000, "encoding": encoding, "max_parts": 255}
    answer = await server.send(body)
    assert (answer.status, answer.code, answer.pointers()) == (422, "text_too_long", ["#/text"])
    data = await server.send({"to": REAL, "data_base64": "A" * 60_000, "port": 1, "max_parts": 255})
    assert (data.status, data.code, data.pointers()) == (422, "text_too_long", ["#/data_base64"])


async def test_gsm7_refuses_what_does_not_fit_and_names_it(server: Server) -> None:
    answer = await server.send({"to": REAL, "text": "snow ☃", "encoding": "gsm7"})
    assert (answer.status, answer.code, answer.pointers()) == (422, "text_not_encodable", ["#/text"])


# ------------------------------------------------------------------ routes


@pytest.mark.parametrize("name", ["id", "iccid", "number", "label"])
async def test_a_line_is_named_by_id_iccid_number_or_label(server: Server, name: str) -> None:
    assert server.real is not None
    answer = await server.send({"to": REAL, "text": "hi", "line": getattr(server.real, name)})
    assert (answer.status, answer.json["line"]) == (202, server.real.id)


async def test_an_unknown_line_is_named_and_a_foreign_sender_is_refused(server: Server) -> None:
    answer = await server.send({"to": REAL, "text": "hi", "line": "Kitchen"})
    assert (answer.status, answer.code, answer.pointers()) == (422, "unknown_line", ["#/line"])
    answer = await server.send({"to": REAL, "text": "hi", "line": "+447700900999"})
    assert (answer.status, answer.code) == (403, "sender_not_owned")


async def test_without_any_line_ever_seen_the_answer_says_what_to_attach(make_server: ServerFactory) -> None:
    server = await make_server(lines=False)
    answer = await server.send({"to": REAL, "text": "hi"})
    assert (answer.status, answer.code) == (503, "no_line_available")
    assert "Attach" in answer.json["detail"]
    assert answer.headers["Retry-After"]
    assert await server.stored() == 0


async def test_a_line_seen_later_is_used_at_once(make_server: ServerFactory) -> None:
    server = await make_server(lines=False)
    assert (await server.send({"to": REAL, "text": "hi"})).status == 503
    await see_line(server.store, "333", emulated=False)
    assert (await server.send({"to": REAL, "text": "hi"})).status == 202


async def test_emulated_and_real_lines_do_not_mix(server: Server) -> None:
    assert server.real is not None
    assert server.emulated is not None
    for body in (
        {"to": REAL, "text": "hi", "line": server.emulated.id},
        {"to": SANDBOX, "text": "hi", "line": server.real.id},
        {"to": SANDBOX, "text": "hi", "pool": "default"},
        {"to": REAL, "text": "hi", "pool": "sandbox"},
    ):
        answer = await server.send(body)
        assert (answer.status, answer.code) == (403, "sandbox_only"), body


async def test_a_live_key_may_use_the_sandbox(server: Server) -> None:
    answer = await server.send({"to": SANDBOX, "text": "hi"})
    assert (answer.status, answer.json["to"]) == (202, SANDBOX)


async def test_a_sandbox_key_reaches_nothing_real(server: Server) -> None:
    assert server.real is not None
    for body in (
        {"to": REAL, "text": "hi"},
        {"to": SANDBOX, "text": "hi", "line": server.real.id},
        {"to": SANDBOX, "text": "hi", "line": "no such line"},
        {"to": SANDBOX, "text": "hi", "line": SANDBOX},
        {"to": REAL, "text": "hi", "pool": "sandbox"},
        {"to": SANDBOX, "text": "hi", "pool": "default"},
    ):
        answer = await server.send(body, key=server.sandbox)
        assert (answer.status, answer.code) == (403, "sandbox_only"), body
    assert await server.stored() == 0


async def test_a_sandbox_key_sees_only_sandbox_rows(server: Server) -> None:
    real = (await server.send({"to": REAL, "text": "real"})).json["id"]
    own = (await server.send({"to": SANDBOX, "text": "own"}, key=server.sandbox)).json["id"]
    listed = await server.call("GET", "/api/v1/messages", key=server.sandbox)
    assert [item["id"] for item in listed.json["items"]] == [own]
    assert (await server.call("GET", f"/api/v1/messages/{real}", key=server.sandbox)).status == 404
    assert (await server.call("DELETE", f"/api/v1/messages/{real}", key=server.sandbox)).status == 404
    lines = await server.call("GET", "/api/v1/lines", key=server.sandbox)
    assert [line["emulated"] for line in lines.json["items"]] == [True]


async def test_urgent_needs_its_scope(server: Server) -> None:
    key = await server.key("messages:send")
    answer = await server.send({"to": REAL, "text": "hi", "purpose": "urgent"}, key=key)
    assert (answer.status, answer.code) == (403, "forbidden")
    assert "messages:urgent" in answer.json["detail"]


async def test_a_full_queue_is_said_and_nothing_is_stored(make_server: ServerFactory) -> None:
    server = await make_server(max_queued=2)
    for _ in range(2):
        assert (await server.send({"to": REAL, "text": "hi"})).status == 202
    answer = await server.send({"to": REAL, "text": "hi"})
    assert (answer.status, answer.code) == (503, "queue_full")
    assert answer.headers["Retry-After"]
    assert await server.stored() == 2


async def test_national_numbers_need_a_default_region(make_server: ServerFactory) -> None:
    server = await make_server(admission=AdmissionSettings(default_region="GB"))
    answer = await server.send({"to": "07911 123456", "text": "hi"})
    assert (answer.status, answer.json["to"]) == (202, "+447911123456")


# ------------------------------------------------------------------ changes


async def test_a_queued_message_is_cancelled_once(server: Server) -> None:
    made = (await server.send({"to": REAL, "text": "hi"})).json["id"]
    cancelled = await server.call("DELETE", f"/api/v1/messages/{made}")
    assert (cancelled.status, cancelled.json["state"]) == (200, "cancelled")
    again = await server.call("DELETE", f"/api/v1/messages/{made}")
    assert (again.status, again.code) == (409, "conflict")
    assert "message" in again.json["hint"]


async def test_resolve_fits_only_a_message_in_doubt(server: Server) -> None:
    made = (await server.send({"to": REAL, "text": "hi"})).json["id"]
    answer = await server.call("POST", f"/api/v1/messages/{made}/resolve", {"as": "sent"})
    assert (answer.status, answer.code) == (409, "conflict")
    answer = await server.call("POST", f"/api/v1/messages/{made}/resolve", {"as": "maybe"})
    assert (answer.status, answer.pointers()) == (422, ["#/as"])


async def test_preview_counts_units_and_says_what_forces_ucs2(server: Server) -> None:
    answer = await server.call("POST", "/api/v1/messages/preview", {"text": "It’s 5 o’clock"})
    shown = answers.Preview.model_validate(answer.json)
    assert (shown.encoding, shown.parts, shown.units_used, shown.units_left) == ("ucs2", 1, 14, 56)
    assert [c.index for c in shown.forces_ucs2] == [2, 8]
    assert shown.forces_ucs2[0].name == "RIGHT SINGLE QUOTATION MARK"
    assert (shown.gsm7_text, shown.gsm7_parts) == ("It's 5 o'clock", 1)
    assert await server.stored() == 0


async def test_an_unknown_id_is_404_for_every_verb(server: Server) -> None:
    for method, path, body in (
        ("GET", "/api/v1/messages/{id}", None),
        ("DELETE", "/api/v1/messages/{id}", None),
        ("POST", "/api/v1/messages/{id}/resolve", {"as": "sent"}),
        ("GET", "/api/v1/inbound/{id}", None),
        ("PATCH", "/api/v1/lines/{id}", {"label": "x"}),
        ("GET", "/api/v1/webhooks/{id}", None),
        ("DELETE", "/api/v1/keys/{id}", None),
    ):
        for unknown in ("01935f0c-0000-7000-8000-000000000001", "nonsense", "'%20OR%201=1--"):
            answer = await server.call(method, path.replace("{id}", unknown), body)
            assert (answer.status, answer.code) == (404, "not_found"), (method, path, unknown)


async def test_ids_of_another_tenant_look_unknown(server: Server) -> None:
    made = (await server.send({"to": REAL, "text": "hi"})).json["id"]
    foreign = await server.key(tenant="other")
    for method, body in (("GET", None), ("DELETE", None)):
        known = await server.call(method, f"/api/v1/messages/{made}", body, key=foreign)
        unknown = await server.call(
            method, "/api/v1/messages/01935f0c-0000-7000-8000-000000000001", body, key=foreign
        )
        assert known.status == unknown.status == 404
        assert {**known.json, "instance": ""} == {**unknown.json, "instance": ""}
    assert (await server.call("GET", "/api/v1/messages", key=foreign)).json["items"] == []
    refused = await server.send({"to": REAL, "text": "hi", "line": "Office"}, key=foreign)
    assert (refused.status, refused.code) == (422, "unknown_line")


# ------------------------------------------------------------------ idempotency


async def test_the_same_key_fifty_times_at_once_makes_one_message(server: Server) -> None:
    body = {"to": REAL, "text": "hi"}
    headers = {"Idempotency-Key": '"8e03978e-40d5-43e8-bc93-6894a57f9324"'}
    answers_ = await asyncio.gather(*(server.send(body, headers=headers) for _ in range(50)))
    assert {answer.status for answer in answers_} == {202}
    assert len({answer.json["id"] for answer in answers_}) == 1
    assert len({answer.octets for answer in answers_}) == 1
    assert sum(answer.headers.get("Idempotency-Replayed") == "true" for answer in answers_) == 49
    assert await server.stored() == 1


async def test_another_body_with_the_same_key_is_refused(server: Server) -> None:
    headers = {"Idempotency-Key": "k1"}
    assert (await server.send({"to": REAL, "text": "hi"}, headers=headers)).status == 202
    reordered = await server.call(
        "POST", "/api/v1/messages", body=b'{ "text":"hi",  "to":"%s"}' % REAL.encode(), headers=headers
    )
    assert (reordered.status, reordered.headers["Idempotency-Replayed"]) == (202, "true")
    other = await server.send({"to": REAL, "text": "ho"}, headers=headers)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert await server.stored() == 1


async def test_an_idempotency_key_belongs_to_one_credential(server: Server) -> None:
    headers = {"Idempotency-Key": "k1"}
    other = await server.key()
    first = await server.send({"to": REAL, "text": "hi"}, headers=headers)
    second = await server.send({"to": REAL, "text": "hi"}, headers=headers, key=other)
    assert first.json["id"] != second.json["id"]


@pytest.mark.parametrize("key", ["", "with space", '"open', "x" * 256, '"sp ace"', "ümlaut"])
async def test_a_bad_idempotency_key_is_refused(server: Server, key: str) -> None:
    body = b'{"to":"+447911123456","text":"hi"}'
    raw = await server.raw(
        b"POST /api/v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer "
        + server.live.encode() + b"\r\nContent-Type: application/json\r\nIdempotency-Key: " + key.encode()
        + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )  # fmt: skip
    assert b" 400 " in raw.split(b"\r\n", 1)[0]
    assert b"idempotency_key_invalid" in raw
    assert await server.stored() == 0


async def test_other_posts_replay_their_first_answer_without_the_secret(server: Server) -> None:
    headers = {"Idempotency-Key": "make-key"}
    body = {"name": "crm", "scopes": ["messages:send"]}
    first = await server.call("POST", "/api/v1/keys", body, headers=headers)
    again = await server.call("POST", "/api/v1/keys", body, headers=headers)
    assert (first.status, again.status) == (201, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json == {**first.json, "key": None}
    other = await server.call("POST", "/api/v1/keys", {**body, "name": "x"}, headers=headers)
    assert (other.status, other.code) == (422, "idempotency_key_reused")


# ------------------------------------------------------------------ lists


async def test_paging_repeats_and_skips_nothing_while_rows_come_in(server: Server) -> None:
    made = [(await server.send({"to": REAL, "text": str(n)})).json["id"] for n in range(25)]
    seen: list[str] = []
    path = "/api/v1/messages?limit=10"
    while path:
        page = await server.call("GET", path)
        answers.MessagePage.model_validate(page.json)
        seen += [item["id"] for item in page.json["items"]]
        await server.send({"to": REAL, "text": "new"})
        link = page.headers.get("Link")
        path = link[1 : link.index(">")] if link else ""
        assert (page.json["next"] is None) == (link is None)
    assert seen == list(reversed(made))


async def test_filters_narrow_and_are_taken_literally(server: Server) -> None:
    one = (await server.send({"to": REAL, "text": "hi", "reference": "r1"})).json["id"]
    two = (await server.send({"to": SANDBOX, "text": "hi", "reference": "' OR 1=1--"})).json["id"]

    async def ids(query: str) -> list[str]:
        answer = await server.call("GET", f"/api/v1/messages?{query}")
        assert answer.status == 200, answer.json
        return [item["id"] for item in answer.json["items"]]

    assert await ids("reference=r1") == [one]
    assert await ids("reference=%27%20OR%201%3D1--") == [two]
    assert await ids("to=%2B447911%20123456") == await ids("to=+447911123456") == [one]
    assert await ids("line=%27%20OR%201%3D1--") == []
    assert await ids("batch=%27%20OR%201%3D1--") == []
    assert await ids("state=queued,sent&state=failed") == [two, one]
    assert await ids("state=sent") == []
    later = {"to": REAL, "text": "later", "send_at": answers_time(server.clock.now_ms() + 60_000)}
    three = (await server.send(later)).json["id"]
    assert await ids("state=scheduled") == [three]
    assert await ids("state=queued") == [two, one]
    assert await ids("state=queued&state=scheduled") == [three, two, one]
    assert await ids("state=scheduled,sent") == [three]
    await server.call("DELETE", f"/api/v1/messages/{three}")
    assert await ids("state=cancelled") == [three]
    assert await ids("state=cancelled,scheduled") == [three]
    assert await ids("since=2999-01-01T00:00:00Z") == []
    assert await ids("until=2999-01-01T00:00:00%2B01:00") == [three, two, one]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "invalid_request"),
        ("limit=501", "invalid_request"),
        ("limit=x", "invalid_request"),
        ("limit=10&limit=20", "invalid_request"),
        ("colour=red", "invalid_request"),
        ("state=lost", "invalid_request"),
        ("since=yesterday", "invalid_request"),
        ("since=2026-11-21T09:00:00", "invalid_request"),
        ("to=%27%20OR%201=1--", "invalid_number"),
        ("state=" + ",".join(["queued"] * 900), "invalid_request"),
        ("cursor=abc", "invalid_cursor"),
        ("cursor=%00", "invalid_cursor"),
        ("cursor=" + "A" * 513, "invalid_request"),
        ("cursor=AZNfDAAAcACAAAAAAAAAAT0xWA_f7odO", "invalid_cursor"),
    ],
)
async def test_a_wrong_query_is_named(server: Server, query: str, code: str) -> None:
    answer = await server.call("GET", f"/api/v1/messages?{query}")
    assert answer.code == code
    assert answer.status in (400, 422)


async def test_a_cursor_of_another_list_or_tenant_is_foreign(server: Server) -> None:
    for n in range(3):
        await server.send({"to": REAL, "text": str(n)})
    cursor = (await server.call("GET", "/api/v1/messages?limit=1")).json["next"]
    assert (await server.call("GET", f"/api/v1/messages?cursor={cursor}")).status == 200
    assert (await server.call("GET", f"/api/v1/inbound?cursor={cursor}")).code == "invalid_cursor"
    foreign = await server.key(tenant="other")
    assert (
        await server.call("GET", f"/api/v1/messages?cursor={cursor}", key=foreign)
    ).code == "invalid_cursor"


async def test_a_stopping_server_takes_nothing_new_and_still_shows(server: Server) -> None:
    made = (await server.send({"to": REAL, "text": "hi"})).json["id"]
    server.services.stopping.set()
    answer = await server.send({"to": REAL, "text": "hi"})
    assert (answer.status, answer.code) == (503, "shutting_down")
    assert answer.headers["Retry-After"]
    assert (await server.call("GET", f"/api/v1/messages/{made}")).status == 200
    ready = await server.call("GET", "/health/ready", key=None)
    assert (ready.status, ready.code) == (503, "shutting_down")


async def test_national_numbers_are_read_in_the_country_of_the_sim(make_server: ServerFactory) -> None:
    server = await make_server(lines=False)
    await see_line(server.store, "444", emulated=False, imsi="234150000000001")
    answer = await server.send({"to": "07911 123456", "text": "hi"})
    assert (answer.status, answer.json["to"]) == (202, "+447911123456")
    await see_line(server.store, "555", emulated=False, imsi="208200000000001")
    answer = await server.send({"to": "07911 123456", "text": "hi"})
    assert (answer.status, answer.code) == (422, "invalid_number")
