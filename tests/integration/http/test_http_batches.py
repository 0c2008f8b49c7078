"""Owns batches as programs see them: over real sockets, with a real store.

Knows no device; what is sent is another test's.
Source: the HTTP interface; rules API-3, API-8, CNT-2, CNT-3, OPT-5; attack list row 7.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.admission import AdmissionSettings
from gateway.batches import Addressee, AskedBatch, DryRun
from gateway.draft import Caller
from gateway.http.app import description
from gateway.ids import new_id
from gateway.message import Message
from gateway.notification_flow import Doubtful, Reached, Refused
from gateway.representation import rfc3339
from gateway.routing import RouteRule
from gateway.store.batch_rows import Rejection
from gateway.store.notification_fate import error_of
from gateway.store.notification_rows import Due, Tried
from gateway.store.rows import MessageFilter, View
from tests.harness.sealed import flip, sealed_values
from tests.integration.http.api_server import Server, ServerFactory

PATH = "/api/v1/batches"
LIVE = View("default")


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


async def failed_batch(server: Server, **more: Any) -> str:
    body = {"text": "Hi {name}", "recipients": people(2), "valid_for_s": 60, **more}
    answer = await server.call("POST", PATH, body)
    assert answer.status == 202, answer.json
    server.clock.ahead_s += 61
    await server.store.tick()
    batch: str = answer.json["id"]
    return batch


async def sent_again(server: Server, batch: str) -> list[Message]:
    """Send what failed again; returns its messages, oldest first."""
    again = await server.call("POST", f"{PATH}/{batch}/resend")
    assert (again.status, again.json["rejected"]) == (202, []), again.json
    page = await server.store.messages(LIVE, MessageFilter(batch_id=again.json["id"]), 100, None)
    return list(reversed(page.items))


async def test_KEY_6_urgent_texts_go_again_only_with_the_scope_for_them(server: Server) -> None:
    batch = await failed_batch(server, purpose="urgent")
    key = await server.key("batches:write", "messages:read")
    refused = await server.call("POST", f"{PATH}/{batch}/resend", key=key)
    assert (refused.status, refused.code) == (403, "forbidden")
    assert "messages:urgent" in refused.json["detail"]
    assert [message.purpose for message in await sent_again(server, batch)] == ["urgent"] * 2


async def test_a_text_that_was_damaged_on_disk_is_not_among_what_goes_again(
    server: Server, tmp_path: Path
) -> None:
    batch = await failed_batch(server)
    path = tmp_path / "gateway.db"
    flip(path, "message", "text", sealed_values(path, "message", "text")[0])
    assert [message.text for message in await sent_again(server, batch)] == ["Hi Child 1"]


async def test_what_failed_goes_again_with_as_many_parts_as_were_accepted(server: Server) -> None:
    batch = await failed_batch(server, text="{name} " + "x" * 1_100, max_parts=10)
    assert [message.parts for message in await sent_again(server, batch)] == [8, 8]


@pytest.mark.parametrize("later_s", [None, 30])
async def test_what_failed_goes_again_for_as_long_as_was_asked_for(
    server: Server, later_s: int | None
) -> None:
    send_at = {} if later_s is None else {"send_at": rfc3339(server.clock.now_ms() + later_s * 1000)}
    batch = await failed_batch(server, valid_for_s=90 - (later_s or 0), **send_at)
    server.clock.ahead_s += 60
    await server.store.tick()
    for message in await sent_again(server, batch):
        assert message.expires_at_ms - message.created_at_ms == (90 - (later_s or 0)) * 1000


async def test_what_failed_goes_again_by_the_route_rules_and_not_by_the_line_of_its_first_text(
    make_server: ServerFactory,
) -> None:
    rules = (RouteRule(to_prefix="+33", line="Office"),)
    server = await make_server(admission=AdmissionSettings(routes=rules))
    recipients = [{"to": "+33639980001"}, {"to": "+447700900123"}]
    batch = await failed_batch(server, text="Hi", recipients=recipients)
    assert server.real is not None
    routes = [message.route for message in await sent_again(server, batch)]
    assert routes == [f"line:{server.real.id}", "pool:default"]


async def test_a_text_whose_line_a_rule_chose_names_it_before_it_is_sent(make_server: ServerFactory) -> None:
    rules = (RouteRule(to_prefix="+33", line="Office"),)
    server = await make_server(admission=AdmissionSettings(routes=rules))
    assert server.real is not None
    first = await server.send({"to": "+33639980001", "text": "Hi"})
    shown = await server.call("GET", f"/api/v1/messages/{first.json['id']}")
    assert [first.json["line"], shown.json["line"]] == [server.real.id] * 2


async def letters(server: Server) -> dict[str, Due]:
    """Follow what became of texts; returns the e-mails that are due, by their address."""
    await server.store.notifications.follow_messages(None, 200)
    return {due.recipient.email or "": due for due in (await server.store.notifications.due("email", 9)).work}


async def test_what_failed_goes_again_with_an_e_mail_behind_it_for_those_whom_none_may_have_reached(
    server: Server,
) -> None:
    names = ("refused", "sent", "doubtful", "waiting", "")
    recipients = [
        person | ({"email": f"{name}@example.org"} if name else {})
        for person, name in zip(people(len(names)), names, strict=True)
    ]
    mail = {"fallback": ["email"], "subject": "School trip"}
    batch = await failed_batch(server, recipients=recipients, **mail)
    due = await letters(server)
    refused = Refused(error_of("channel_refused", permanent=True), permanent=True)
    for name, verdict in (
        ("refused", refused), ("sent", Reached("sent")), ("doubtful", Doubtful(error_of("channel_in_doubt"))),
    ):  # fmt: skip
        await server.store.notifications.settle(due[f"{name}@example.org"], new_id(), verdict, Tried())
    again = await server.call("POST", f"{PATH}/{batch}/resend")
    assert (again.json["accepted"], again.json["fallback"]) == (5, ["email"])
    assert list(await letters(server)) == ["waiting@example.org"]
    server.clock.ahead_s += 61
    await server.store.tick()
    due = await letters(server)
    assert set(due) == {"waiting@example.org", "refused@example.org"}
    assert due["refused@example.org"].content.subject == "School trip"
    assert due["refused@example.org"].content.body == "Hi Child 0"


async def test_what_failed_of_a_batch_without_e_mails_goes_again_without_them(server: Server) -> None:
    again = await server.call("POST", f"{PATH}/{await failed_batch(server)}/resend")
    assert again.json["fallback"] == []


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


UNFIT = {"too long": "r" * 101, "escape": "a\x1b[2Jb", "bell": "a\x07", "tab": "a\tb", "delete": "a\x7fb"}


@pytest.mark.parametrize("why", UNFIT)
async def test_API_5_a_reference_that_no_message_may_have_rejects_its_row_of_a_table(
    server: Server, why: str
) -> None:
    rows = (("+999100000001", "r1"), ("+999100000002", UNFIT[why]), ("+999100000003", "r" * 100))
    octets = "phone,ours\n" + "".join(f'{to},"{reference}"\n' for to, reference in rows)
    query = "text=Hi&reference_column=ours"
    answer = await server.call(
        "POST", f"{PATH}?{query}", body=octets.encode(), headers={"Content-Type": "text/csv"}
    )
    assert (answer.json["accepted"], answer.json["rejected_count"]) == (2, 1), answer.json
    (row,) = answer.json["rejected"]
    assert (row["index"], row["to"], row["code"]) == (2, "+999100000002", "csv_invalid")
    assert "reference" in row["detail"]
    assert row["detail"].isprintable()


@pytest.mark.parametrize("why", UNFIT)
async def test_API_5_a_reference_that_no_message_may_have_rejects_its_line_of_ndjson(
    server: Server, why: str
) -> None:
    octets = "".join(
        json.dumps({"to": to, "reference": reference}) + "\n"
        for to, reference in (("+999100000001", "r1"), ("+999100000002", UNFIT[why]))
    )
    answer = await server.call(
        "POST", f"{PATH}?text=Hi", body=octets.encode(), headers={"Content-Type": "application/x-ndjson"}
    )
    assert (answer.json["accepted"], answer.json["rejected_count"]) == (1, 1), answer.json
    (row,) = answer.json["rejected"]
    assert (row["index"], row["code"]) == (2, "csv_invalid")
    assert row["detail"].startswith('"reference" ')


@pytest.mark.parametrize("tag", ["a=b%1B", "a%07=b", "a=b%7F", "a=%09b"])
async def test_API_5_a_tag_in_the_address_has_no_control_characters(server: Server, tag: str) -> None:
    answer = await server.call(
        "POST", f"{PATH}?text=Hi&tag=x=y&tag={tag}", body=b"phone\n+999100000001\n",
        headers={"Content-Type": "text/csv"},
    )  # fmt: skip
    assert (answer.status, answer.code, answer.pointers()) == (422, "invalid_request", ["#/tag/1"])


async def test_a_row_that_is_rejected_does_not_keep_its_number_from_the_next(server: Server) -> None:
    to = "+999100000001"
    emails = ("nobody", "ann@example.org", "ann@example.org")
    recipients = [{"to": to, "email": email} for email in emails]
    body = {"text": "Hi", "recipients": recipients, "fallback": ["email"]}
    batch = (await server.call("POST", PATH, body)).json
    codes = [(each["index"], each["code"]) for each in batch["rejected"]]
    assert (batch["accepted"], codes) == (1, [(0, "recipient_field_missing"), (2, "duplicate_recipient")])
    assert "row 2, counted from 1" in batch["rejected"][1]["detail"]


async def all_rejected(server: Server, batch: str, limit: int) -> list[int]:
    """Read the rejected rows page by page; returns their places."""
    places: list[int] = []
    path = f"{PATH}/{batch}/rejected?limit={limit}"
    page = (await server.call("GET", path)).json
    while True:
        places += [each["index"] for each in page["items"]]
        assert len(places) <= 10, "it never ends"
        if page["next"] is None:
            return places
        page = (await server.call("GET", f"{path}&after={page['next']}")).json


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
async def test_rejected_rows_are_read_page_by_page_each_once(server: Server, limit: int) -> None:
    recipients = [{"to": to} for to in ("0770", "+9991000000001", "0771", "0772", "0773")]
    batch = (await server.call("POST", PATH, {"text": "Hi", "recipients": recipients})).json
    assert await all_rejected(server, batch["id"], limit) == [0, 2, 3, 4]


async def test_API_3_a_dry_run_counts_all_that_is_rejected_and_names_the_first_thousand(
    server: Server,
) -> None:
    rows = "".join(f"{number},+9991000{number:05d}\n" for number in range(1_500))
    query = "text=Hi&dry_run=true&number_column=place"
    octets = f"place,phone\n{rows}".encode()
    answer = await server.call("POST", f"{PATH}?{query}", body=octets, headers={"Content-Type": "text/csv"})
    shown = answer.json
    assert (shown["total"], shown["accepted"], shown["rejected_count"]) == (1_500, 0, 1_500)
    assert [each["index"] for each in shown["rejected"]] == list(range(1, 1_001))


async def test_API_3_a_dry_run_keeps_what_it_shows_and_no_more(server: Server) -> None:
    caller = Caller("key", "office", "default", frozenset({"*"}))
    dry = DryRun(keeps=300)
    receiving = await server.services.batches.begin(AskedBatch(text="Hi"), caller, dry=dry)
    await receiving.add([Addressee(n, "0770", {"name": "Ann"}) for n in range(1_000)])
    assert (dry.rejected, dry.causes) == (1_000, {"invalid_number": 1_000})
    assert [one.number for one in dry.rejections] == list(range(300))
    long = DryRun(characters_left=1_000)
    long.reject([Rejection(n, "csv_invalid", "Too long.", {"column 1": "x" * 400}) for n in range(1_000)])
    assert (long.rejected, len(long.rejections)) == (1_000, 3)


async def test_API_3_the_file_of_rejected_rows_leaves_while_it_is_read(server: Server) -> None:
    """The first rows cannot be read; the columns are those of the first that could."""
    unreadable = "".join("cut off\n" for _ in range(1_100))
    octets = f"phone,name\n{unreadable}0770,Ann\n+999100000001,Ben\n".encode()
    answer = await server.call(
        "POST", f"{PATH}?text=Hi&number_column=phone", body=octets, headers={"Content-Type": "text/csv"}
    )
    assert answer.json["rejected_count"] == 1_101, answer.json
    file = await server.call("GET", f"{PATH}/{answer.json['id']}/rejected?format=csv")
    assert file.headers["Transfer-Encoding"] == "chunked"
    lines = file.octets.decode("utf-8-sig").splitlines()
    assert len(lines) == 1_102
    assert lines[0] == "to,phone,name,row,reason,code"
    assert lines[-1].startswith("0770,0770,Ann,1101,")


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
