"""Owns batches as programs see them: over real sockets, with a real store.

Knows no device; what is sent is another test's.
Source: the HTTP interface; rules API-3, API-8, CNT-2, CNT-3, OPT-5; attack list row 7.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from gateway.http.app import description
from tests.integration.http.api_server import Server

PATH = "/api/v1/batches"


def people(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"to": f"+9991000{number:05d}", "data": {"name": f"Child {number}"}}
        for number in range(first, first + count)
    ]


async def test_a_batch_is_accepted_whole_and_each_message_has_its_own_text(server: Server) -> None:
    answer = await server.call("POST", PATH, {"text": "Hi {name}", "recipients": people(250), "name": "5B"})
    assert answer.status == 202, answer.json
    batch = answer.json
    assert (batch["state"], batch["total"], batch["accepted"], batch["rejected"]) == ("running", 250, 250, [])
    assert batch["counts"] == {"queued": 250}
    assert batch["parts"] == 250
    assert batch["eta_s"] >= 0
    assert "parts a minute" in batch["eta_reason"]
    page = await server.call("GET", f"/api/v1/messages?batch={batch['id']}&limit=500")
    texts = {message["to"]: message["text"] for message in page.json["items"]}
    assert texts["+999100000007"] == "Hi Child 7"
    assert len(texts) == 250
    shown = await server.call("GET", answer.headers["Location"])
    assert shown.json["eta_s"] is not None
    assert shown.json["eta_reason"]


async def test_attack_row_7_bad_rows_are_named_and_the_good_ones_go(server: Server) -> None:
    rows = [*people(3), {"to": "0770"}, *people(1), {"to": "+999100000001", "data": {"nme": "x"}}]
    rows.append({"to": "+999100000009", "data": {"name": "x" * 301}})
    answer = await server.call("POST", PATH, {"text": "Hi {name}", "recipients": rows})
    rejected = {row["index"]: row["code"] for row in answer.json["rejected"]}
    assert rejected == {
        3: "invalid_number",
        4: "duplicate_recipient",
        5: "template_error",
        6: "template_error",
    }
    assert answer.json["accepted"] == 3
    listed = await server.call("GET", f"{PATH}/{answer.json['id']}/rejected")
    assert [row["index"] for row in listed.json["items"]] == [3, 4, 5, 6]
    file = await server.call("GET", f"{PATH}/{answer.json['id']}/rejected?format=csv")
    assert file.octets.startswith(b"\xef\xbb\xbfto,")
    assert b"0770" in file.octets


async def test_attack_row_7_nobody_and_too_many_are_refused(server: Server) -> None:
    nobody = await server.call("POST", PATH, {"text": "Hi", "recipients": []})
    assert (nobody.status, nobody.pointers()) == (422, ["#/recipients"])
    many = await server.call("POST", PATH, {"text": "Hi", "recipients": [{"to": "1"}] * 10_001})
    assert (many.status, many.pointers()) == (422, ["#/recipients"])
    assert await server.stored() == 0


async def test_attack_row_10_a_sandbox_key_reaches_no_real_number_in_a_batch(server: Server) -> None:
    rows = [{"to": "+999100000001"}, {"to": "+447911123456"}]
    answer = await server.call("POST", PATH, {"text": "Hi", "recipients": rows}, key=server.sandbox)
    assert [row["code"] for row in answer.json["rejected"]] == ["sandbox_only"]


async def test_API_8_the_same_key_and_body_give_the_first_answer_and_no_second_batch(server: Server) -> None:
    body = {"text": "Hi {name}", "recipients": people(5)}
    headers = {"Idempotency-Key": "once"}
    first = await server.call("POST", PATH, body, headers=headers)
    again = await server.call("POST", PATH, body, headers=headers)
    assert again.octets == first.octets
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await server.call("POST", PATH, {**body, "text": "Ho {name}"}, headers=headers)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert await server.stored() == 5


async def test_API_8_fifty_at_once_with_one_key_make_one_batch(server: Server) -> None:
    body = {"text": "Hi {name}", "recipients": people(20)}
    answers = await asyncio.gather(
        *(server.call("POST", PATH, body, headers={"Idempotency-Key": "k"}) for _ in range(50))
    )
    assert {answer.status for answer in answers} <= {202, 409}
    assert len({answer.json["id"] for answer in answers if answer.status == 202}) == 1
    assert await server.stored() == 20


async def test_a_table_is_streamed_with_its_columns_as_values(server: Server) -> None:
    csv = 'Name;Mobile;Class\nÄnne;+999100000001;5B\n"O\'Neil; Bob";+999 1000 00002;5A\nbad;0770;5B\n'
    url = f"{PATH}?text=Hi%20%7BName%7D%20of%20%7BClass%7D&tag=kind=letter"
    answer = await server.call("POST", url, body=csv.encode("cp1252"), headers={"Content-Type": "text/csv"})
    assert answer.status == 202, answer.json
    assert answer.json["accepted"] == 2
    assert answer.json["rejected"][0] | {"detail": ""} == {
        "index": 3, "to": "0770", "code": "invalid_number", "detail": "",
    }  # fmt: skip
    page = await server.call("GET", f"/api/v1/messages?batch={answer.json['id']}")
    assert {m["text"] for m in page.json["items"]} == {"Hi Änne of 5B", "Hi O'Neil; Bob of 5A"}
    assert {m["tags"]["kind"] for m in page.json["items"]} == {"letter"}


async def test_lines_of_json_are_streamed(server: Server) -> None:
    lines = "\n".join(json.dumps(row) for row in people(120))
    answer = await server.call(
        "POST",
        f"{PATH}?text=Hi%20%7Bname%7D",
        body=lines.encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert (answer.status, answer.json["accepted"]) == (202, 120)


async def test_attack_row_22_a_broken_file_leaves_nothing_and_says_where(server: Server) -> None:
    good = "".join(f"+99910000{n:04d},x\n" for n in range(300))
    broken = f'number,name\n{good}+999100000001,"open\n'
    answer = await server.call(
        "POST", f"{PATH}?text=Hi", body=broken.encode(), headers={"Content-Type": "text/csv"}
    )
    assert (answer.status, answer.code) == (422, "csv_invalid")
    assert "301" in answer.json["detail"]
    assert await server.stored() == 0
    assert (await server.call("GET", PATH)).json["items"] == []


async def test_a_dry_run_says_what_would_be_sent_and_stores_nothing(server: Server) -> None:
    rows = [*people(4), {"to": "0770"}]
    answer = await server.call("POST", PATH, {"text": "Hi {name}", "recipients": rows, "dry_run": True})
    assert answer.json["accepted"] == 4
    assert answer.json["rejected"][0]["code"] == "invalid_number"
    assert answer.json["sample"][0] == "Hi Child 0"
    assert answer.json["longest"]["parts"] == 1
    assert await server.stored() == 0


async def test_a_paused_batch_goes_on_when_it_is_resumed_and_its_rest_can_be_cancelled(
    server: Server,
) -> None:
    batch = (await server.call("POST", PATH, {"text": "Hi {name}", "recipients": people(3)})).json
    own = f"{PATH}/{batch['id']}"
    assert (await server.call("POST", f"{own}/pause")).json["state"] == "paused"
    assert (await server.call("GET", own)).json["eta_reason"] == "It is paused"
    assert (await server.call("POST", f"{own}/resume")).json["state"] == "running"
    assert (await server.call("DELETE", own)).json["state"] == "cancelled"
    await server.store.tick()
    assert (await server.call("GET", own)).json["counts"] == {"cancelled": 3}
    assert (await server.call("POST", f"{own}/resume")).code == "conflict"


async def test_OPT_5_a_suppressed_number_fails_its_row_and_the_batch_goes_on(server: Server) -> None:
    await server.call("POST", "/api/v1/suppressions", {"number": "+999100000001", "source": "phone"})
    answer = await server.call("POST", PATH, {"text": "Hi {name}", "recipients": people(3)})
    assert [(row["index"], row["code"]) for row in answer.json["rejected"]] == [(1, "recipient_opted_out")]
    assert answer.json["accepted"] == 2


async def test_a_group_is_written_to_with_what_is_known_of_each(server: Server) -> None:
    for number, name in ((1, "Ann"), (2, "Bob")):
        contact = {"name": name, "number": f"+99910000000{number}", "groups": ["5B"], "tags": {"room": "12"}}
        assert (await server.call("POST", "/api/v1/contacts", contact)).status == 201
    answer = await server.call("POST", PATH, {"text": "Hi {name}, room {room}", "group": "5B"})
    assert answer.json["accepted"] == 2, answer.json
    page = await server.call("GET", f"/api/v1/messages?batch={answer.json['id']}")
    assert {m["text"] for m in page.json["items"]} == {"Hi Ann, room 12", "Hi Bob, room 12"}


async def test_a_group_that_is_unknown_or_empty_is_named(server: Server) -> None:
    unknown = await server.call("POST", PATH, {"text": "Hi", "group": "5C"})
    assert (unknown.status, unknown.code, unknown.pointers()) == (404, "not_found", ["#/group"])
    assert '"5C"' in unknown.json["detail"]
    assert (await server.call("POST", "/api/v1/groups", {"name": "5C"})).status == 201
    empty = await server.call("POST", PATH, {"text": "Hi", "group": "5C"})
    assert (empty.status, empty.code, empty.pointers()) == (422, "invalid_request", ["#/group"])


async def test_a_dry_run_asked_for_in_the_wrong_place_is_refused_and_never_sent(server: Server) -> None:
    body = {"text": "Hi {name}", "recipients": people(1)}
    answer = await server.call("POST", f"{PATH}?dry_run=true", body)
    assert (answer.status, answer.code, answer.pointers()) == (422, "invalid_request", ["#/dry_run"])
    assert (await server.call("GET", "/api/v1/messages")).json["items"] == []


async def test_unknown_batches_are_not_found(server: Server) -> None:
    for method, path in (("GET", ""), ("POST", "/pause"), ("POST", "/resend"), ("GET", "/rejected")):
        answer = await server.call(method, f"{PATH}/01935f0c-0000-7000-8000-000000000000{path}")
        assert (answer.status, answer.code) == (404, "not_found")


async def test_what_failed_goes_again_on_the_line_and_with_the_priority_that_were_asked_for(
    server: Server,
) -> None:
    assert server.emulated is not None
    wishes = {"line": server.emulated.id, "priority": 7}
    body = {"text": "Hi {name}", "recipients": people(2), "valid_for_s": 60, **wishes}
    batch = (await server.call("POST", PATH, body)).json
    server.clock.ahead_s += 61
    await server.store.tick()
    again = await server.call("POST", f"{PATH}/{batch['id']}/resend")
    assert (again.status, again.json["accepted"]) == (202, 2), again.json
    page = await server.call("GET", f"/api/v1/messages?batch={again.json['id']}")
    assert [{name: message[name] for name in wishes} for message in page.json["items"]] == [wishes] * 2


async def failed_batch(server: Server) -> str:
    body = {"text": "Hi {name}", "recipients": people(2), "valid_for_s": 60}
    batch: str = (await server.call("POST", PATH, body)).json["id"]
    server.clock.ahead_s += 61
    await server.store.tick()
    return batch


async def test_what_failed_goes_again_once_however_often_it_is_asked_for(server: Server) -> None:
    batch = await failed_batch(server)
    asked = [server.call("POST", f"{PATH}/{batch}/resend") for _ in range(5)]
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status for answer in answers) == [202, 409, 409, 409, 409]
    again = next(answer.json["id"] for answer in answers if answer.status == 202)
    refused = await server.call("POST", f"{PATH}/{batch}/resend")
    assert refused.code == "conflict"
    assert again in refused.json["detail"]
    page = await server.call("GET", "/api/v1/messages?state=queued")
    assert {message["batch_id"] for message in page.json["items"]} == {again}
    server.clock.ahead_s += 86_401
    await server.store.tick()
    assert (await server.call("POST", f"{PATH}/{batch}/resend")).status == 409
    assert (await server.call("POST", f"{PATH}/{again}/resend")).json["accepted"] == 2


async def test_what_was_to_go_again_and_was_cancelled_in_time_can_be_asked_for_anew(server: Server) -> None:
    batch = await failed_batch(server)
    again = (await server.call("POST", f"{PATH}/{batch}/resend")).json["id"]
    assert (await server.call("DELETE", f"{PATH}/{again}")).json["state"] == "cancelled"
    await server.store.tick()
    assert (await server.call("POST", f"{PATH}/{batch}/resend")).status == 202


async def test_API_11_a_batch_that_is_wrong_as_a_whole_is_refused_whole(server: Server) -> None:
    body = {"text": "Hi {name}", "recipients": people(2)}
    for wrong, status, code, pointer in (
        ({"send_at": "2099-01-01T00:00:00Z"}, 422, "send_at_invalid", "#/send_at"),
        ({"pool": "nobody"}, 503, "no_line_available", "#/pool"),
    ):
        answer = await server.call("POST", PATH, body | wrong)
        assert (answer.status, answer.code, answer.pointers()) == (status, code, [pointer])
    assert (await server.call("GET", PATH)).json["items"] == []


async def test_a_line_of_ndjson_has_all_that_a_recipient_in_json_has(server: Server) -> None:
    line = {"to": "+999100000001", "data": {"name": "Ann"}, "language": "en", "reference": "r1"}
    octets = "".join(json.dumps(line | {"email": email}) + "\n" for email in ("ann@example.org", None))
    answer = await server.call(
        "POST",
        f"{PATH}?text=Hi+%7Bname%7D&dry_run=true&allow_duplicates=true",
        body=octets.encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert (answer.status, answer.json["accepted"], answer.json["rejected"]) == (200, 2, [])


async def test_the_file_of_rejected_rows_is_sent_again_as_it_was_written(server: Server) -> None:
    row = {"to": "+999 1000 00001", "data": {"name": "=Ann", "room": "5"}}
    batch = (await server.call("POST", PATH, {"text": "{name}", "recipients": [row]})).json
    assert batch["rejected_count"] == 1
    file = await server.call("GET", f"{PATH}/{batch['id']}/rejected?format=csv")
    again = await server.call(
        "POST",
        f"{PATH}?text=Hi+%7Bname%7D&dry_run=true",
        body=file.octets,
        headers={"Content-Type": "text/csv"},
    )
    assert again.json["sample"] == ["Hi =Ann"]


def fits(shape: dict[str, Any], answer: Any) -> bool:
    """Say whether an answer has exactly the members that a schema names."""
    return set(shape["properties"]) == set(answer)


async def test_every_answer_about_a_batch_has_the_members_that_are_described(server: Server) -> None:
    body = {"text": "Hi {name}", "recipients": people(2)}
    batch = await failed_batch(server)
    calls = {
        ("POST", PATH, "200"): await server.call("POST", PATH, body | {"dry_run": True}),
        ("POST", PATH, "202"): await server.call("POST", PATH, body),
        ("GET", f"{PATH}/{{id}}", "200"): await server.call("GET", f"{PATH}/{batch}"),
        ("POST", f"{PATH}/{{id}}/resend", "202"): await server.call("POST", f"{PATH}/{batch}/resend"),
    }
    for (method, path, status), answer in calls.items():
        assert str(answer.status) == status, answer.json
        described = description()["paths"][path][method.lower()]["responses"][status]["content"]
        name = described["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert fits(description()["components"]["schemas"][name], answer.json), (path, status)
