"""Notifications over HTTP: what is accepted, what is refused and where the fault is, and how they are shown."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.composition import AdmissionSettings
from gateway.http import notification_answers as answers
from gateway.notification_desk import Offers
from gateway.notification_flow import Reached
from gateway.policy.content import ContentRule, compile_rules
from gateway.store.notification_rows import Tried
from tests.integration.http.api_server import Answer, Server, ServerFactory

PATH = "/api/v1/notifications"
PHONE = "+447700900123"
SANDBOX = "+99900000001"


def asked(*channels: str, **changes: Any) -> dict[str, Any]:
    recipient = changes.pop("recipient", {"phone": PHONE, "email": "ann@example.org"})
    body = {"channels": list(channels or ("sms", "email")), "body": "It moved to 18:30", **changes}
    return {"recipient": recipient, "notification": body}


async def send(server: Server, body: dict[str, Any], **more: Any) -> Answer:
    return await server.call("POST", f"{PATH}/send", body, **more)


async def bulk(server: Server, body: dict[str, Any], **more: Any) -> Answer:
    return await server.call("POST", f"{PATH}/bulk", body, **more)


async def due(server: Server, channel: Any = "sms") -> list[Any]:
    return list((await server.store.notifications.due(channel, 100)).work)


async def test_a_notification_is_accepted_and_shown_in_the_shape_of_the_interface(server: Server) -> None:
    body = asked(template_id=None, subject="Parents", data={"time": "18:30"}, body="Moved to {time}")
    accepted = await send(server, {**body, "idempotency_key": "k-1"})
    assert accepted.status == 202, accepted.json
    assert set(accepted.json) == {"notification_id", "status"}
    assert accepted.json["status"] == "queued"
    notification_id = accepted.json["notification_id"]
    assert accepted.headers["Location"] == f"{PATH}/{notification_id}"
    shown = await server.call("GET", f"{PATH}/{notification_id}")
    answers.Notification.model_validate(shown.json)
    assert (shown.json["status"], shown.json["channel"], shown.json["attempts"]) == ("queued", "sms", [])
    (one,) = await due(server)
    assert (one.content.body, one.content.subject) == ("Moved to 18:30", "Parents")


async def test_an_attempt_is_shown_with_its_channel_and_what_it_was_told(server: Server) -> None:
    accepted = await send(server, asked("email"))
    (one,) = await due(server, "email")
    await server.store.notifications.settle(one, one.id, Reached("sent"), Tried())
    shown = await server.call("GET", f"{PATH}/{accepted.json['notification_id']}")
    answers.Notification.model_validate(shown.json)
    assert shown.json["status"] == "sent"
    assert shown.json["attempts"][0]["channel"] == "email"
    listed = await server.call("GET", f"{PATH}?status=sent&limit=1")
    answers.NotificationPage.model_validate(listed.json)
    assert [item["notification_id"] for item in listed.json["items"]] == [shown.json["notification_id"]]


@pytest.mark.parametrize("where", ["header", "body", "both"])
async def test_API_8_a_key_in_header_or_body_gives_the_first_answer_again(server: Server, where: str) -> None:
    in_body = {"idempotency_key": "k-1"} if where != "header" else {}
    headers = {"Idempotency-Key": '"k-1"'} if where != "body" else {}
    first = await send(server, asked() | in_body, headers=headers)
    # However the key is given the second time, it is the same key.
    again = await send(server, asked() | {"idempotency_key": "k-1"})
    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(await due(server)) == 1
    other = await send(server, asked(body="another text") | in_body, headers=headers)
    assert (other.status, other.code) == (422, "idempotency_key_reused")


async def test_API_8_a_repeated_request_gets_its_first_answer_though_its_template_is_gone(
    server: Server,
) -> None:
    template = await server.call("POST", "/api/v1/templates", {"name": "evening", "texts": {"en": "Moved"}})
    body = asked(body=None, template_id=template.json["id"]) | {"idempotency_key": "k-1"}
    first = await send(server, body)
    assert first.status == 202, first.json
    assert (await server.call("DELETE", f"/api/v1/templates/{template.json['id']}")).status == 204
    again = await send(server, body)
    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(await due(server)) == 1
    other = await send(server, asked(body="another text") | {"idempotency_key": "k-1"})
    assert (other.status, other.code) == (422, "idempotency_key_reused")


async def test_API_8_two_different_keys_in_one_request_are_refused(server: Server) -> None:
    refused = await send(server, asked() | {"idempotency_key": "a"}, headers={"Idempotency-Key": "b"})
    assert refused.status == 422
    assert refused.pointers() == ["#/idempotency_key"]
    assert await due(server) == []


async def test_a_body_without_data_is_sent_as_it_is_written_and_with_data_it_is_filled(
    server: Server,
) -> None:
    assert (await send(server, asked(body="{a} }{"))).status == 202
    (one,) = await due(server)
    assert one.content.body == "{a} }{"
    refused = await send(server, asked(body="Hi {name}", data={}))
    assert (refused.code, refused.pointers()) == ("template_error", ["#/notification/data"])
    surplus = await send(server, asked(body="Hi {name}", data={"name": "Ann", "x": "1"}))
    assert surplus.code == "template_error"
    broken = await send(server, asked(body="Hi {x.__class__}", data={"x": "1"}))
    assert (broken.code, broken.pointers()) == ("template_error", ["#/notification/body"])


async def test_CNT_3_values_are_text_in_a_text_and_escaped_in_html(server: Server) -> None:
    value = "<b>{y}</b>" + "&" * 290
    accepted = await send(server, asked("email", body="Hi {x}", html="<p>{x}</p>", data={"x": value}))
    assert accepted.status == 202, accepted.json
    (one,) = await due(server, "email")
    assert one.content.body == f"Hi {value}"
    assert one.content.html == "<p>&lt;b&gt;{y}&lt;/b&gt;" + "&amp;" * 290 + "</p>"


async def test_html_may_be_indented_with_tabs_as_in_a_template(server: Server) -> None:
    html = "<p>\n\tMoved\n</p>"
    assert (await send(server, asked("email", html=html))).status == 202
    (one,) = await due(server, "email")
    assert one.content.html == html
    refused = await send(server, asked("email", html="<p>\x1b</p>"))
    assert (refused.code, refused.pointers()) == ("invalid_request", ["#/notification/html"])


async def test_a_template_is_filled_in_the_language_of_the_reader(server: Server) -> None:
    template = await server.call(
        "POST",
        "/api/v1/templates",
        {"name": "evening", "texts": {"en": "Hi {name}", "de": "Hallo {name}"}, "default_language": "en",
         "subject": "For {name}"},
    )  # fmt: skip
    assert template.status == 201, template.json
    body = {
        "channels": ["sms"],
        "template_id": template.json["id"],
        "recipients": [
            {"phone": PHONE, "language": "de-AT", "data": {"name": "Ann"}},
            {"phone": "+447700900124", "data": {"name": "Bob"}},
            {"phone": "+447700900125", "data": {}},
        ],
    }
    accepted = await bulk(server, body)
    assert accepted.status == 202, accepted.json
    assert [(r["index"], r["code"]) for r in accepted.json["rejected"]] == [(2, "template_error")]
    assert sorted(one.content.body for one in await due(server)) == ["Hallo Ann", "Hi Bob"]
    single = asked(body=None, template_id=template.json["id"], data={"name": "Eve"})
    assert (await send(server, single)).status == 202
    unknown = await send(server, asked(body=None, template_id="nothing"))
    assert (unknown.status, unknown.code) == (404, "template_not_found")


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (asked(recipient={"phone": PHONE}), "recipient_field_missing", "#/recipient/email"),
        (asked("webhook"), "recipient_field_missing", "#/recipient/webhook"),
        (asked(recipient={"phone": "++44", "email": "a@example.org"}), "invalid_number", "#/recipient/phone"),
        (asked("email", recipient={"email": "a@b"}), "invalid_request", "#/recipient/email"),
        (asked("sms", "sms"), "invalid_request", "#/notification/channels/1"),
        (asked("sms", "pigeon"), "invalid_request", "#/notification/channels/1"),
        (asked("whatsapp"), "channel_unavailable", "#/notification/channels/0"),
        (asked("sms", body="x" * 2_000), "text_too_long", "#/notification/body"),
        (asked(subject="two\nlines"), "invalid_request", "#/notification/subject"),
        (asked(body=None), "invalid_request", "#/notification"),
        (asked(fallback_after_s=5), "invalid_request", "#/notification/fallback_after_s"),
        ({**asked(), "tenant": "other"}, "invalid_request", "#/tenant"),
    ],
)
async def test_a_refusal_names_the_member_and_stores_nothing(
    server: Server, body: dict[str, Any], code: str, pointer: str
) -> None:
    refused = await send(server, body)
    assert (refused.code, refused.pointers()) == (code, [pointer]), refused.json
    assert await due(server) == []
    assert await due(server, "email") == []


async def test_a_channel_without_configuration_is_refused_at_the_door_and_names_the_section(
    make_server: ServerFactory,
) -> None:
    server = await make_server(offers=Offers({"email": "the section [email] sets no host"}))
    refused = await send(server, asked())
    assert (refused.status, refused.code) == (422, "channel_unavailable")
    assert refused.pointers() == ["#/notification/channels/1"]
    assert "[email]" in refused.json["detail"]


async def test_SSRF_5_the_url_of_a_recipient_is_judged_when_it_is_written(make_server: ServerFactory) -> None:
    server = await make_server(refuse_target=lambda url: "never reached" if "169" in url else None)
    for url, status in (("http://169.254.169.254/", 422), ("https://example.org/hook", 202)):
        answer = await send(server, asked("webhook", recipient={"webhook": url}))
        assert answer.status == status, answer.json
        if status == 422:
            assert answer.code == "webhook_target_refused"


async def test_KEY_7_a_sandbox_key_reaches_nobody_real_by_any_channel(server: Server) -> None:
    key = server.sandbox
    for body in (
        asked("sms"),
        asked("email", recipient={"email": "ann@school.de"}),
        asked("slack", recipient={}),
    ):
        refused = await send(server, body, key=key)
        assert (refused.status, refused.code) == (403, "sandbox_only"), refused.json
    mixed = await bulk(
        server,
        {"channels": ["sms"], "body": "x", "recipients": [{"phone": SANDBOX}, {"phone": PHONE}]},
        key=key,
    )
    assert [(r["index"], r["code"]) for r in mixed.json["rejected"]] == [(1, "sandbox_only")]
    real = await send(server, asked())
    tried = await send(server, asked(recipient={"phone": SANDBOX, "email": "ann@example.org"}), key=key)
    assert tried.status == 202
    assert (await server.call("GET", f"{PATH}/{real.json['notification_id']}", key=key)).status == 404
    assert (await server.call("GET", f"{PATH}/{tried.json['notification_id']}", key=key)).status == 200


async def test_scopes_are_asked_for(server: Server) -> None:
    reader, sender = await server.key("messages:read"), await server.key("messages:send")
    assert (await send(server, asked(), key=reader)).status == 403
    assert (await bulk(server, {}, key=reader)).status == 403
    accepted = await send(server, asked(), key=sender)
    assert accepted.status == 202
    assert (await send(server, asked(purpose="urgent"), key=sender)).code == "forbidden"
    path = f"{PATH}/{accepted.json['notification_id']}"
    assert (await server.call("GET", path, key=sender)).status == 403
    assert (await server.call("GET", path, key=reader)).status == 200


async def test_TEN_1_another_tenants_notification_answers_as_an_unknown_one(server: Server) -> None:
    mine = await send(server, asked())
    many = await bulk(server, {"channels": ["sms"], "body": "x", "recipients": [{"phone": PHONE}]})
    foreign = await server.key(tenant="other")
    for path, unknown in (
        (f"{PATH}/{mine.json['notification_id']}", f"{PATH}/nothing"),
        (f"{PATH}/bulk/{many.json['id']}", f"{PATH}/bulk/nothing"),
    ):
        one = await server.call("GET", path, key=foreign)
        other = await server.call("GET", unknown, key=foreign)
        assert one.status == other.status == 404
        assert {**one.json, "instance": ""} == {**other.json, "instance": ""}


# ------------------------------------------------------------------ many


async def test_a_bulk_answers_like_a_batch_and_each_becomes_a_notification(server: Server) -> None:
    body = {
        "channels": ["sms", "email"],
        "subject": "Evening",
        "body": "Hi {name}",
        "recipients": [
            {"phone": PHONE, "email": "ann@example.org", "data": {"name": "Ann"}},
            {"phone": "++44", "data": {"name": "Bad"}},
            {"phone": "+447700900124", "data": {"name": "Bob"}},
            {"email": "eve@example.org", "data": {"name": "Eve"}},
            {"data": {"name": "Nobody"}},
        ],
    }
    accepted = await bulk(server, body)
    assert accepted.status == 202, accepted.json
    answers.Bulk.model_validate(accepted.json)
    assert (accepted.json["total"], accepted.json["accepted"], accepted.json["counts"]) == (
        5,
        3,
        {"queued": 3},
    )
    assert accepted.json["state"] == "running"
    assert [(r["index"], r["to"], r["code"]) for r in accepted.json["rejected"]] == [
        (1, "++44", "invalid_number"),
        (4, None, "recipient_field_missing"),
    ]
    assert [(r["index"], r["code"]) for r in accepted.json["warnings"]] == [
        (2, "recipient_field_missing"),
        (3, "recipient_field_missing"),
    ]
    assert {one.channel for one in await due(server)} == {"sms"}
    (by_mail,) = await due(server, "email")
    assert (by_mail.content.body, by_mail.has_next) == ("Hi Eve", False)
    shown = await server.call("GET", accepted.headers["Location"])
    answers.Bulk.model_validate(shown.json)
    assert shown.json == accepted.json
    listed = await server.call("GET", f"{PATH}?bulk={accepted.json['id']}")
    assert len(listed.json["items"]) == 3
    assert {item["bulk_id"] for item in listed.json["items"]} == {accepted.json["id"]}


async def test_attack_7_the_same_person_twice_is_named_and_other_words_for_them_are_not_lost(
    server: Server,
) -> None:
    rows = [{"phone": phone, "data": {"child": child}} for phone, child in
            ((PHONE, "Ann"), ("+44 7700 900123", "Ann"), (PHONE, "Bob"))]  # fmt: skip
    accepted = await bulk(server, {"channels": ["sms"], "body": "For {child}", "recipients": rows})
    assert [(r["index"], r["code"]) for r in accepted.json["rejected"]] == [(1, "duplicate_recipient")]
    assert "recipients[0]" in accepted.json["rejected"][0]["detail"]
    assert accepted.json["accepted"] == 2


@pytest.mark.parametrize("recipients", [[], [{"phone": PHONE}] * 10_001])
async def test_attack_7_no_recipient_and_10001_are_refused_whole(
    server: Server, recipients: list[Any]
) -> None:
    refused = await bulk(server, {"channels": ["sms"], "body": "x", "recipients": recipients})
    assert (refused.status, refused.code) == (422, "invalid_request")
    assert refused.pointers() == ["#/recipients"]


async def test_ten_thousand_are_taken_in_one_request_and_all_are_there(server: Server) -> None:
    rows = [{"phone": f"+4477{i:08d}"} for i in range(10_000)]
    accepted = await bulk(server, {"channels": ["sms"], "body": "x", "recipients": rows})
    assert accepted.status == 202, accepted.json
    shown = await server.call("GET", f"{PATH}/bulk/{accepted.json['id']}")
    assert shown.json["counts"]["queued"] + len(shown.json["rejected"]) == 10_000
    assert shown.json["accepted"] > 9_000


async def test_API_8_a_bulk_is_stored_once_for_one_key(server: Server) -> None:
    body = {"channels": ["sms"], "body": "x", "recipients": [{"phone": PHONE}, {"phone": "+447700900124"}]}
    first = await bulk(server, {**body, "idempotency_key": "k"})
    again = await bulk(server, body, headers={"Idempotency-Key": "k"})
    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(await due(server)) == 2


# ------------------------------------------------------------------ channels


async def test_capabilities_say_of_every_channel_what_it_needs_and_can_do_here(
    make_server: ServerFactory,
) -> None:
    server = await make_server(offers=Offers({"slack": "the section [slack] sets no webhook_url"}))
    shown = await server.call("GET", "/api/v1/channels/capabilities")
    answers.Capabilities.model_validate(shown.json)
    by_name = {item["channel"]: item for item in shown.json["items"]}
    assert list(by_name) == ["sms", "email", "slack", "webhook", "whatsapp", "voice"]
    assert {name: item["available"] for name, item in by_name.items()} == {
        "sms": True, "email": True, "slack": False, "webhook": True, "whatsapp": False, "voice": False,
    }  # fmt: skip
    assert "[slack]" in by_name["slack"]["reason"]
    assert {name: item["recipient_field"] for name, item in by_name.items()} == {
        "sms": "phone", "email": "email", "slack": None, "webhook": "webhook", "whatsapp": None, "voice": None,
    }  # fmt: skip
    assert by_name["sms"]["limits"]["parts"] == 6
    assert [name for name, item in by_name.items() if item["confirms_delivery"]] == ["sms"]
    assert [name for name, item in by_name.items() if item["html"]] == ["email", "webhook"]
    assert by_name["voice"]["reason"]


async def test_sms_is_not_available_while_no_line_was_ever_seen(make_server: ServerFactory) -> None:
    server = await make_server(lines=False)
    shown = await server.call("GET", "/api/v1/channels/capabilities")
    sms = shown.json["items"][0]
    assert (sms["channel"], sms["available"]) == ("sms", False)
    assert "gateway doctor" in sms["reason"]


RULES = compile_rules([ContentRule("no-links", "https?://", "refuse"), ContentRule("money", "iban", "hold")])


async def test_CNT_1_words_that_a_rule_refuses_go_out_by_no_channel(make_server: ServerFactory) -> None:
    server = await make_server(admission=AdmissionSettings(content=RULES))
    refused = await send(server, asked("email", body="See https://example.org"))
    assert (refused.status, refused.code) == (403, "content_refused")


async def test_CNT_2_words_that_need_a_second_person_wait_as_a_text_or_are_not_taken(
    make_server: ServerFactory,
) -> None:
    server = await make_server(admission=AdmissionSettings(content=RULES))
    letter = await send(server, asked("email", body="Your IBAN please"))
    assert (letter.status, letter.code, letter.pointers()) == (
        422, "channel_unavailable", ["#/notification/channels"],
    )  # fmt: skip
    assert (await send(server, asked("sms", "email", body="Your IBAN please"))).status == 202


async def test_CNT_2_words_of_a_subject_that_need_a_second_person_have_to_stand_in_the_text_that_waits(
    make_server: ServerFactory,
) -> None:
    server = await make_server(admission=AdmissionSettings(content=RULES))
    unseen = await send(server, asked(subject="Your IBAN please"))
    assert (unseen.status, unseen.code) == (422, "channel_unavailable")
    assert "into the body" in unseen.json["detail"]
    seen = await send(server, asked(subject="Your IBAN please", body="Send us your IBAN"))
    assert seen.status == 202
