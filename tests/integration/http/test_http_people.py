"""Contacts, groups, consents and suppressions over HTTP: what is kept, what is refused with field and fix, who sees."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.http import people_answers as answers
from gateway.store.people_rows import Wish
from gateway.store.rows import View
from gateway.store.suppressions import lift_by_keyword
from tests.integration.http.api_server import Answer, Server

CONTACTS, GROUPS = "/api/v1/contacts", "/api/v1/groups"
CONSENTS, SUPPRESSIONS = "/api/v1/consents", "/api/v1/suppressions"
ANN, BOB, PLAYER = "+447911123456", "+447911123457", "+99900000001"
ANN_CARD = {
    "name": "Ann Moor", "number": "+44 7911 123456", "email": "ann@example.org", "language": "en-GB",
    "timezone": "Europe/London", "channel": "sms", "tags": {"class": "5B"}, "groups": ["5B"],
}  # fmt: skip


def at(server: Server, seconds: float = 0) -> str:
    moment = datetime.fromtimestamp(server.clock.now_ms() / 1000 + seconds, UTC)
    return moment.isoformat(timespec="milliseconds")


async def added(server: Server, **fields: Any) -> Any:
    answer = await server.call("POST", CONTACTS, {"number": ANN} | fields)
    assert answer.status == 201, answer.json
    return answer.json


async def agree(server: Server, **fields: Any) -> Answer:
    body = {"number": ANN, "purpose": "marketing", "source": "form"} | fields
    return await server.call("POST", CONSENTS, body)


async def opt_out(server: Server, **fields: Any) -> Answer:
    return await server.call("POST", SUPPRESSIONS, {"number": ANN, "source": "phone"} | fields)


def refused(answer: Answer, status: int, code: str, *pointers: str) -> None:
    assert (answer.status, answer.code) == (status, code), answer.json
    if pointers:
        assert answer.pointers() == list(pointers)


# ------------------------------------------------------------------ contacts


async def test_a_contact_is_kept_shown_changed_and_deleted(server: Server) -> None:
    made = await server.call("POST", CONTACTS, ANN_CARD)
    assert made.status == 201
    shown = answers.Contact.model_validate(made.json)
    assert (shown.number, shown.groups, shown.tags) == (ANN, ["5B"], {"class": "5B"})
    path = made.headers["Location"]
    assert path == f"{CONTACTS}/{shown.id}"
    assert (await server.call("GET", path)).json == made.json
    changed = await server.call("PATCH", path, {"name": None, "email": "a@example.org", "groups": ["choir"]})
    answers.Contact.model_validate(changed.json)
    assert (changed.json["name"], changed.json["email"], changed.json["groups"]) == (
        None, "a@example.org", ["choir"],
    )  # fmt: skip
    assert changed.json["number"] == ANN
    assert (await server.call("DELETE", path)).status == 204
    refused(await server.call("GET", path), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "Ann"}, "#"),
        ({"number": "+4477"}, "#/number"),
        ({"number": 447911123456}, "#/number"),
        ({"email": "ann"}, "#/email"),
        ({"email": "ann@example.org\nBcc: all"}, "#/email"),
        ({"email": "a@b", "timezone": "Europe/Nowhere"}, "#/timezone"),
        ({"email": "a@b", "timezone": "../../etc/passwd"}, "#/timezone"),
        ({"email": "a@b", "language": "english please"}, "#/language"),
        ({"email": "a@b", "channel": "pigeon"}, "#/channel"),
        ({"email": "a@b", "tags": {str(n): "x" for n in range(21)}}, "#/tags"),
        ({"email": "a@b", "name": "a\x1b[31m"}, "#/name"),
        ({"email": "a@b", "opted_out": False}, "#/opted_out"),
    ],
)
async def test_a_contact_that_is_wrong_is_refused_with_field_and_fix(
    server: Server, body: dict[str, Any], pointer: str
) -> None:
    answer = await server.call("POST", CONTACTS, body)
    assert (answer.status, answer.pointers()) == (422, [pointer]), answer.json
    assert (await server.call("GET", CONTACTS)).json["items"] == []


async def test_the_number_of_another_contact_is_a_conflict_that_names_it(server: Server) -> None:
    first = await added(server)
    again = await server.call("POST", CONTACTS, {"number": "+44 (7911) 123456"})
    refused(again, 409, "conflict")
    assert "too late" not in again.json["title"].lower()
    assert "contact" in again.json["hint"]
    assert first["id"] in again.json["detail"]
    other = await added(server, number=BOB)
    moved = await server.call("PATCH", f"{CONTACTS}/{other['id']}", {"number": ANN})
    refused(moved, 409, "conflict")
    assert first["id"] in moved.json["detail"]


async def test_a_contact_keeps_one_address_and_null_only_where_it_means_something(server: Server) -> None:
    path = f"{CONTACTS}/{(await added(server))['id']}"
    refused(await server.call("PATCH", path, {"number": None}), 422, "invalid_request", "#/number")
    refused(await server.call("PATCH", path, {"tags": None}), 422, "invalid_request", "#/tags")
    refused(await server.call("PATCH", path, {"groups": None}), 422, "invalid_request", "#/groups")
    assert (await server.call("PATCH", path, {})).json["number"] == ANN


async def test_contacts_are_found_by_group_words_and_number_page_by_page(server: Server) -> None:
    await server.call("POST", CONTACTS, ANN_CARD)
    await added(server, number=BOB, name="Bob Stein")
    first = answers.ContactPage.model_validate((await server.call("GET", f"{CONTACTS}?limit=1")).json)
    assert [one.name for one in first.items] == ["Bob Stein"]
    rest = await server.call("GET", f"{CONTACTS}?limit=1&cursor={first.next}")
    assert [one["name"] for one in rest.json["items"]] == ["Ann Moor"]
    group = (await server.call("GET", GROUPS)).json["items"][0]
    for query, found in (
        ("group=5B", ["Ann Moor"]), (f"group={group['id']}", ["Ann Moor"]), ("q=stein", ["Bob Stein"]),
        ("number=%2B447911123457", ["Bob Stein"]), ("number=+447911123457", ["Bob Stein"]),
        ("q=nobody", []), ("q=%27%20OR%201%3D1--", []),
    ):  # fmt: skip
        listed = await server.call("GET", f"{CONTACTS}?{query}")
        assert [one["name"] for one in listed.json["items"]] == found, query
    refused(await server.call("GET", f"{CONTACTS}?group=7C"), 404, "not_found")
    refused(await server.call("GET", f"{CONTACTS}?number=x"), 422, "invalid_number", "#/number")
    refused(await server.call("GET", f"{CONTACTS}?cursor=x"), 400, "invalid_cursor")


async def test_API_8_a_contact_that_is_posted_twice_with_one_key_is_kept_once(server: Server) -> None:
    headers = {"Idempotency-Key": "c-1"}
    first = await server.call("POST", CONTACTS, {"number": ANN}, headers=headers)
    again = await server.call("POST", CONTACTS, {"number": ANN}, headers=headers)
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"


# ------------------------------------------------------------------ groups


async def test_a_group_is_made_renamed_filled_and_deleted(server: Server) -> None:
    made = await server.call("POST", GROUPS, {"name": "5B"})
    assert made.status == 201
    group = answers.Group.model_validate(made.json)
    path = f"{GROUPS}/{group.id}"
    conflict = await server.call("POST", GROUPS, {"name": "5B"})
    refused(conflict, 409, "conflict")
    assert group.id in conflict.json["detail"]
    ann, bob = await added(server), await added(server, number=BOB)
    filled = await server.call("POST", f"{path}/members", {"contacts": [ann["id"], bob["id"]]})
    assert filled.json["size"] == 2
    refused(await server.call("POST", f"{path}/members", {"contacts": ["nobody"]}), 404, "not_found")
    assert (await server.call("DELETE", f"{path}/members/{ann['id']}")).status == 204
    refused(await server.call("DELETE", f"{path}/members/{ann['id']}"), 404, "not_found")
    renamed = await server.call("PATCH", path, {"name": "6B"})
    assert (renamed.json["name"], renamed.json["size"]) == ("6B", 1)
    assert (await server.call("GET", path)).json == renamed.json
    assert (await server.call("DELETE", path)).status == 204
    refused(await server.call("GET", path), 404, "not_found")
    assert len((await server.call("GET", CONTACTS)).json["items"]) == 2


# ------------------------------------------------------------------ consents


async def test_CON_1_a_consent_keeps_all_that_was_written_down(server: Server) -> None:
    made = await agree(
        server, basis="legitimate", proof={"text": "I agree", "collected_by": "Ms Frost"},
        granted_at=at(server, -3600), expires_at=at(server, 3600), language="de", timezone="Europe/Berlin",
        subject_is_child=True,
        guardian={"name": "Ann Moor", "relation": "mother", "number": BOB, "verified_at": at(server)},
    )  # fmt: skip
    assert made.status == 201, made.json
    shown = answers.Consent.model_validate(made.json)
    assert (shown.state, shown.basis, shown.number) == ("live", "legitimate", ANN)
    assert shown.guardian is not None
    assert shown.guardian.number == BOB
    assert shown.created_by.startswith("key:")
    assert (await server.call("GET", made.headers["Location"])).json == made.json


async def test_CON_1_a_child_needs_a_guardian(server: Server) -> None:
    refused(await agree(server, subject_is_child=True), 422, "invalid_request")
    lonely = {"name": "Ann Moor", "relation": "mother"}
    refused(await agree(server, guardian=lonely), 422, "invalid_request")
    assert (await agree(server, subject_is_child=True, guardian=lonely)).status == 201


async def test_attack_row_41_a_consent_is_not_dated_forward_and_not_back_without_a_proof(
    server: Server,
) -> None:
    refused(await agree(server, granted_at=at(server, 60)), 422, "invalid_request", "#/granted_at")
    refused(await agree(server, granted_at=at(server, -60)), 422, "invalid_request", "#/proof")
    refused(await agree(server, granted_at=at(server, -60), proof={}), 422, "invalid_request", "#/proof")
    scan = {"file_sha256": "ab" * 32}
    assert (await agree(server, granted_at=at(server, -60), proof=scan)).status == 201
    past = at(server, -3600)
    refused(await agree(server, expires_at=past), 422, "invalid_request", "#/expires_at")


async def test_attack_row_41_a_consent_that_is_dated_back_does_not_revive_what_was_withdrawn(
    server: Server,
) -> None:
    granted = await agree(server)
    await server.call("POST", f"{CONSENTS}/{granted.json['id']}/withdraw")
    back = await agree(server, granted_at=at(server, -3600), proof={"text": "signed"})
    assert (back.status, back.json["state"]) == (201, "withdrawn")


async def test_CON_1_a_consent_is_withdrawn_as_easily_as_it_was_given(server: Server) -> None:
    granted = await agree(server)
    path = f"{CONSENTS}/{granted.json['id']}"
    future = {"withdrawn_at": at(server, 3600)}
    refused(await server.call("POST", f"{path}/withdraw", future), 422, "invalid_request", "#/withdrawn_at")
    before = {"withdrawn_at": at(server, -3600)}
    refused(await server.call("POST", f"{path}/withdraw", before), 422, "invalid_request", "#/withdrawn_at")
    withdrawn = await server.call("POST", f"{path}/withdraw", {"source": "letter"})
    shown = answers.Consent.model_validate(withdrawn.json)
    assert (shown.state, shown.withdraws, shown.source) == ("withdrawn", granted.json["id"], "letter")
    assert (await server.call("POST", f"{path}/withdraw")).json == withdrawn.json
    assert (await server.call("GET", path)).json["state"] == "withdrawn"
    page = answers.ConsentPage.model_validate((await server.call("GET", CONSENTS)).json)
    assert [row.id for row in page.items] == [shown.id, granted.json["id"]]


async def test_consents_are_listed_by_number_and_purpose(server: Server) -> None:
    await agree(server)
    await agree(server, purpose="urgent")
    await agree(server, number=BOB)
    for query, count in ((f"number=%2B{ANN[1:]}", 2), ("purpose=urgent", 1), ("purpose=marketing", 2)):
        assert len((await server.call("GET", f"{CONSENTS}?{query}")).json["items"]) == count, query


# ------------------------------------------------------------------ suppressions


async def test_OPT_8_a_wish_that_came_by_any_road_stops_what_waits(server: Server) -> None:
    sent = await server.send({"to": ANN, "text": "hi"})
    made = await opt_out(server, source="letter", note="asked us to stop")
    assert made.status == 201
    shown = answers.Suppression.model_validate(made.json)
    assert (shown.number, shown.source, shown.active, shown.note) == (ANN, "letter", True, "asked us to stop")
    assert (await server.call("GET", made.headers["Location"])).json == made.json
    message = (await server.call("GET", f"/api/v1/messages/{sent.json['id']}")).json
    assert (message["state"], message["error"]["code"]) == ("cancelled", "recipient_opted_out")
    again = await opt_out(server)
    assert (again.status, again.json) == (200, made.json)


async def test_OPT_4_a_keyword_or_an_erasure_cannot_be_pretended(server: Server) -> None:
    for source in ("keyword", "erasure"):
        refused(await opt_out(server, source=source), 422, "invalid_request", "#/source")
    refused(await opt_out(server, number="x"), 422, "invalid_number", "#/number")
    refused(await opt_out(server, numbers=[BOB]), 422, "invalid_request")


async def test_many_numbers_are_suppressed_at_once_and_bad_ones_are_named(server: Server) -> None:
    await opt_out(server)
    numbers = [ANN, "+4477", *(f"+4479111{n:05d}" for n in range(1200))]
    many = await server.call("POST", SUPPRESSIONS, {"numbers": numbers, "source": "web"})
    shown = answers.SuppressedNumbers.model_validate(many.json)
    assert (many.status, shown.total, shown.added, shown.known) == (201, 1202, 1200, 1)
    assert [(r.index, r.number, r.code) for r in shown.rejected] == [(1, "+4477", "invalid_number")]
    too_many = {"numbers": [ANN] * 10_001, "source": "web"}
    refused(await server.call("POST", SUPPRESSIONS, too_many), 422, "invalid_request", "#/numbers")


async def test_OPT_3_a_wish_is_lifted_with_a_reason_by_post_or_delete(server: Server) -> None:
    first = (await opt_out(server)).json
    refused(await server.call("DELETE", f"{SUPPRESSIONS}/{first['id']}"), 422, "invalid_request", "#/reason")
    refused(
        await server.call("POST", f"{SUPPRESSIONS}/{first['id']}/lift", {}),
        422,
        "invalid_request",
        "#/reason",
    )
    lifted = await server.call("POST", f"{SUPPRESSIONS}/{first['id']}/lift", {"reason": "this was an answer"})
    answers.Suppression.model_validate(lifted.json)
    assert (lifted.json["active"], lifted.json["lift_reason"]) == (False, "this was an answer")
    second = (await opt_out(server)).json
    assert second["id"] != first["id"]
    gone = await server.call("DELETE", f"{SUPPRESSIONS}/{second['id']}?reason=asked%20again")
    assert (gone.status, gone.json["lift_reason"]) == (200, "asked again")
    for query, count in (("", 2), ("?active=true", 0), ("?active=false", 2), (f"?number=%2B{BOB[1:]}", 0)):
        page = answers.SuppressionPage.model_validate(
            (await server.call("GET", f"{SUPPRESSIONS}{query}")).json
        )
        assert len(page.items) == count, query


async def test_PRV_4_the_list_is_exported_as_csv_that_no_spreadsheet_computes(server: Server) -> None:
    await opt_out(server, note='=HYPERLINK("http://evil.example")')
    await opt_out(server, number=BOB, note='said "no", twice')
    answer = await server.call("GET", f"{SUPPRESSIONS}?format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="suppressions.csv"'
    assert answer.octets.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.octets.decode("utf-8-sig"))))
    assert [(row["number"], row["active"], row["note"]) for row in rows] == [
        (BOB, "true", 'said "no", twice'), (ANN, "true", '\'=HYPERLINK("http://evil.example")'),
    ]  # fmt: skip


async def test_a_contact_says_that_its_number_is_suppressed(server: Server) -> None:
    contact = await added(server)
    await opt_out(server)
    assert (await server.call("GET", f"{CONTACTS}/{contact['id']}")).json["opted_out"] is True


# ------------------------------------------------------------------ who may and who sees


async def test_KEY_7_a_sandbox_key_keeps_people_with_sandbox_numbers_only(server: Server) -> None:
    key = server.sandbox
    consent = {"number": ANN, "purpose": "marketing", "source": "form"}
    for path, body in (
        (CONTACTS, {"number": ANN}),
        (CONTACTS, {"email": "ann@example.org"}),
        (CONSENTS, consent),
        (SUPPRESSIONS, {"number": ANN, "source": "web"}),
    ):
        refused(await server.call("POST", path, body, key=key), 403, "sandbox_only", "#/number")
    many = await server.call("POST", SUPPRESSIONS, {"numbers": [ANN, PLAYER], "source": "web"}, key=key)
    assert (many.json["added"], [r["code"] for r in many.json["rejected"]]) == (1, ["sandbox_only"])
    made = await server.call("POST", CONTACTS, {"number": PLAYER, "groups": ["5B"]}, key=key)
    assert (made.status, made.json["sandbox"], made.json["opted_out"]) == (201, True, True)
    path = made.headers["Location"]
    refused(await server.call("PATCH", path, {"number": ANN}, key=key), 403, "sandbox_only", "#/number")
    patched = {"number": None, "email": "a@b"}
    refused(await server.call("PATCH", path, patched, key=key), 403, "sandbox_only", "#/number")


async def test_KEY_7_a_sandbox_key_sees_nothing_of_real_people(server: Server) -> None:
    contact = await added(server, groups=["5B"])
    consent = (await agree(server)).json
    wish = (await opt_out(server)).json
    for path, row in ((CONTACTS, contact), (CONSENTS, consent), (SUPPRESSIONS, wish)):
        assert (await server.call("GET", path, key=server.sandbox)).json["items"] == []
        refused(await server.call("GET", f"{path}/{row['id']}", key=server.sandbox), 404, "not_found")
    refused(await server.call("GET", f"{CONTACTS}?group=5B", key=server.sandbox), 404, "not_found")
    lift = await server.call("DELETE", f"{SUPPRESSIONS}/{wish['id']}?reason=x", key=server.sandbox)
    refused(lift, 404, "not_found")


async def test_TEN_1_what_another_tenant_has_looks_like_what_does_not_exist(server: Server) -> None:
    other = await server.key("*", tenant="other")
    contact = await added(server, groups=["5B"])
    group = (await server.call("GET", GROUPS)).json["items"][0]
    consent = (await agree(server)).json
    wish = (await opt_out(server)).json
    for method, path, body in (
        ("GET", f"{CONTACTS}/{contact['id']}", None),
        ("PATCH", f"{CONTACTS}/{contact['id']}", {"name": "x"}),
        ("DELETE", f"{CONTACTS}/{contact['id']}", None),
        ("GET", f"{GROUPS}/{group['id']}", None),
        ("PATCH", f"{GROUPS}/{group['id']}", {"name": "x"}),
        ("POST", f"{GROUPS}/{group['id']}/members", {"contacts": [contact["id"]]}),
        ("DELETE", f"{GROUPS}/{group['id']}/members/{contact['id']}", None),
        ("DELETE", f"{GROUPS}/{group['id']}", None),
        ("GET", f"{CONSENTS}/{consent['id']}", None),
        ("POST", f"{CONSENTS}/{consent['id']}/withdraw", {}),
        ("GET", f"{SUPPRESSIONS}/{wish['id']}", None),
        ("POST", f"{SUPPRESSIONS}/{wish['id']}/lift", {"reason": "x"}),
        ("DELETE", f"{SUPPRESSIONS}/{wish['id']}?reason=x", None),
    ):
        theirs = await server.call(method, path, body, key=other)
        unknown = await server.call(method, path.replace(path.split("/")[4][:36], "0" * 36), body, key=other)
        assert (theirs.status, theirs.code) == (404, "not_found"), (method, path)
        assert theirs.json["detail"] == unknown.json["detail"]
    assert (await server.call("POST", CONTACTS, {"number": ANN}, key=other)).status == 201
    assert not await server.store.suppressions.fact(View("other"), ANN)


async def test_KEY_6_people_need_the_scopes_that_the_description_names(server: Server) -> None:
    reader = await server.key("messages:read")
    writer = await server.key("batches:write")
    assert (await server.call("GET", CONTACTS, key=reader)).status == 200
    refused(await server.call("POST", CONTACTS, {"number": ANN}, key=reader), 403, "forbidden")
    assert (await server.call("POST", CONTACTS, {"number": ANN}, key=writer)).status == 201
    refused(await server.call("GET", SUPPRESSIONS, key=writer), 403, "forbidden")
    refused(await server.call("GET", CONSENTS, key=writer), 403, "forbidden")


async def test_OPT_7_a_complaint_stays_when_the_person_writes_start(server: Server) -> None:
    await opt_out(server, source="complaint")
    start = Wish("default", ANN, "keyword", keyword="start")
    assert await server.store._write(lambda tx: lift_by_keyword(tx, start)) is False
    assert (await server.call("GET", f"{SUPPRESSIONS}?active=true")).json["items"][0]["source"] == "complaint"
