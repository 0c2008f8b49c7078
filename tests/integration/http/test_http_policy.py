"""Owns the rules about what may be sent, as programs meet them: over real sockets, with a real store.

Knows no device; what a line does with them is another test's.
Source: rules NUM-4 to NUM-7, PMP-1 to PMP-3, OPT-5, OPT-9, CON-2, QUI-2, CNT-1, CNT-2; attack list rows 29, 30, 41.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.admission import AdmissionSettings
from gateway.config import load
from gateway.organisation import admission_settings, rules_of
from gateway.policy.content import ContentRule, compile_rules
from gateway.policy.keywords import Keywords, KeywordSettings
from gateway.policy.number import NumberRules
from gateway.policy.quiet_hours import HoursSettings, QuietHours
from gateway.policy.rules import Budget, Guard, Rules
from gateway.preparation import prepare
from gateway.routing import RouteRule
from gateway.store.rows import Claim, Pace, View
from tests.integration.http.api_server import Answer, Server, ServerFactory, see_line
from tests.peers.store_world import HandClock

ANN = "+447911123456"
APPROVALS, BATCHES, CONSENTS = "/api/v1/approvals", "/api/v1/batches", "/api/v1/consents"
QUICK_S = 0.02
"""Hostile numbers cost less than this (attack row 29)."""


def refused(answer: Answer, status: int, code: str, *pointers: str) -> None:
    """See that an answer is this problem, with a detail that says a fix, at these fields."""
    assert (answer.status, answer.code) == (status, code), answer.json
    assert answer.json["detail"]
    if pointers:
        assert answer.pointers() == list(pointers)


async def alerts(server: Server) -> list[dict[str, Any]]:
    events = await server.store.events_after(View("default"), 0, 10_000)
    return [dict(event.payload) for event in events if event.type == "policy.alert"]


async def opt_out(server: Server, number: str = ANN) -> None:
    answer = await server.call("POST", "/api/v1/suppressions", {"number": number, "source": "phone"})
    assert answer.status == 201, answer.json


def configured(folder: Path, text: str) -> dict[str, Any]:
    """Settings and rules of a server, as a configuration file decides them."""
    file = folder / "policy.toml"
    file.write_text(text)
    file.chmod(0o600)
    config = load(file, {})
    return {"admission": admission_settings(config), "rules": rules_of(config)}


# ------------------------------------------------------------------ opted out


async def test_OPT_5_a_suppressed_number_is_403_and_nothing_is_stored(server: Server) -> None:
    await opt_out(server)
    answer = await server.send({"to": ANN, "text": "hello"})
    refused(answer, 403, "recipient_opted_out")
    assert "asked not to be texted" in answer.json["detail"]
    assert await server.stored() == 0


@pytest.mark.parametrize("allowed", [True, False])
async def test_OPT_5_an_override_needs_the_setting_the_scope_and_urgency(
    make_server: ServerFactory, allowed: bool
) -> None:
    server = await make_server(
        admission=AdmissionSettings(urgent_overrides_opt_out=allowed),
        rules=Rules(urgent_overrides_opt_out=allowed),
    )
    await opt_out(server)
    asked = {"to": ANN, "text": "Gas leak: leave the house", "purpose": "urgent", "override_opt_out": True}
    plain = await server.key("messages:send", "messages:read")
    refused(await server.send(asked, key=plain), 403, "forbidden")
    refused(await server.send(asked | {"purpose": "transactional"}), 403, "forbidden", "#/override_opt_out")
    refused(await server.send(asked | {"override_opt_out": False}), 403, "recipient_opted_out")
    answer = await server.send(asked)
    if not allowed:
        refused(answer, 403, "forbidden", "#/override_opt_out")
        assert await server.stored() == 0
        return
    assert answer.status == 202, answer.json
    told = await alerts(server)
    assert [(one["kind"], one["message_id"]) for one in told] == [("opt_out_overridden", answer.json["id"])]
    urgent = await server.key("messages:send", "messages:urgent")
    assert (await server.send(asked, key=urgent)).status == 202
    assert len(await alerts(server)) == 2, "each one is told of"


KEYWORDS = Keywords(KeywordSettings())


async def test_OPT_9_a_marketing_text_without_a_way_out_is_warned_of(make_server: ServerFactory) -> None:
    server = await make_server(admission=AdmissionSettings(keywords=KEYWORDS))
    offer = {"to": ANN, "purpose": "marketing"}
    bare = await server.send(offer | {"text": "Half price this week"})
    assert bare.json["warnings"] == ["no_opt_out_hint"]
    assert (await server.send(offer | {"text": "Half price. Reply STOP to end"})).json["warnings"] == []
    assert (await server.send({"to": ANN, "text": "Half price"})).json["warnings"] == []


async def test_OPT_9_the_line_that_is_added_is_counted_in_the_parts(make_server: ServerFactory) -> None:
    server = await make_server(admission=AdmissionSettings(keywords=KEYWORDS, append_stop_hint=True))
    full = "x" * 160
    answer = await server.send({"to": ANN, "text": full, "purpose": "marketing"})
    assert (answer.json["parts"], answer.json["warnings"]) == (2, [])
    assert answer.json["text"].startswith(f"{full}\n")
    assert "STOP" in answer.json["text"].removeprefix(full)
    tight = await server.send({"to": ANN, "text": full, "purpose": "marketing", "max_parts": 1})
    refused(tight, 422, "text_too_long", "#/text")
    assert (await server.send({"to": ANN, "text": full})).json["parts"] == 1


# ------------------------------------------------------------------ consent


async def test_CON_2_marketing_needs_a_live_consent_and_says_which_is_missing(
    make_server: ServerFactory,
) -> None:
    server = await make_server(rules=Rules(consent="marketing"))
    offer = {"to": ANN, "text": "Half price", "purpose": "marketing"}
    refused(await server.send(offer), 403, "consent_required")
    assert (await server.send(offer | {"purpose": "transactional"})).status == 202
    agreed = await server.call("POST", CONSENTS, {"number": ANN, "purpose": "marketing", "source": "form"})
    assert (await server.send(offer)).status == 202
    await server.call("POST", f"{CONSENTS}/{agreed.json['id']}/withdraw", {})
    withdrawn = await server.send(offer)
    refused(withdrawn, 403, "consent_expired", "#/to")
    assert withdrawn.json["detail"].startswith("The consent was withdrawn.")


async def test_attack_row_41_a_consent_that_is_dated_back_opens_nothing(make_server: ServerFactory) -> None:
    server = await make_server(rules=Rules(consent="marketing"))
    offer = {"to": ANN, "text": "Half price", "purpose": "marketing"}
    consent = {"number": ANN, "purpose": "marketing", "source": "form"}
    past = {"granted_at": "2026-01-01T09:00:00Z"}
    refused(await server.call("POST", CONSENTS, consent | past), 422, "invalid_request", "#/proof")
    refused(await server.send(offer), 403, "consent_required")
    agreed = await server.call("POST", CONSENTS, consent)
    await server.call("POST", f"{CONSENTS}/{agreed.json['id']}/withdraw", {})
    proof = {"proof": {"collected_by": "Ms Hill"}}
    assert (await server.call("POST", CONSENTS, consent | past | proof)).status == 201
    refused(await server.send(offer), 403, "consent_expired")


async def test_attack_row_41_a_suppressed_number_stays_suppressed_when_it_is_imported(server: Server) -> None:
    await opt_out(server)
    csv = f"name,number\nAnn,{ANN}\n".encode()
    answer = await server.call(
        "POST", "/api/v1/contacts/import", body=csv, headers={"Content-Type": "text/csv"}
    )
    assert answer.status in (200, 201), answer.json
    refused(await server.send({"to": ANN, "text": "hello"}), 403, "recipient_opted_out", "#/to")


# ------------------------------------------------------------------ hours


def clock_at(local: str) -> HandClock:
    moment = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Europe/London"))
    return HandClock(round(moment.timestamp() * 1000))


DAY = QuietHours(HoursSettings(open={"mon-sun": "08:00-20:00"}))


async def test_QUI_2_a_marketing_text_at_night_is_scheduled_and_says_why(make_server: ServerFactory) -> None:
    server = await make_server(rules=Rules(quiet=DAY), clock=clock_at("2026-11-20 21:00"))
    offer = {"to": ANN, "text": "Half price", "purpose": "marketing"}
    answer = await server.send(offer)
    assert (answer.status, answer.json["state"], answer.json["held_reason"]) == (
        202, "scheduled", "quiet_hours",
    )  # fmt: skip
    for state, found in (("scheduled", [answer.json["id"]]), ("queued", [])):
        listed = await server.call("GET", f"/api/v1/messages?state={state}")
        assert [message["id"] for message in listed.json["items"]] == found
    short = await server.send(offer | {"valid_for_s": 3600})
    refused(short, 422, "quiet_hours", "#/valid_for_s")
    assert 11 * 3600 <= int(short.headers["Retry-After"]) < 11 * 3600 + 900
    assert short.json["family"] == 300
    assert (await server.send(offer | {"purpose": "urgent"})).json["state"] == "queued"


# ------------------------------------------------------------------ numbers


HOSTILE = [
    ("++447911123456", 422, "invalid_number"),
    ("+४४७९१११२३४५६", 422, "invalid_number"),
    ("+447911123456;ext=5", 422, "invalid_number"),
    ("*31#+447911123456", 422, "invalid_number"),
    ("tel:+447911123456", 422, "invalid_number"),
    ("9" * 100_000, 422, "invalid_number"),
    ("+19005550123", 403, "premium_number"),
    ("+881612345678", 403, "premium_number"),
    ("112", 403, "emergency_number"),
    ("911", 403, "emergency_number"),
    ("114", 403, "emergency_number"),
    ("3639", 403, "premium_number"),
]


@pytest.mark.parametrize(("number", "status", "code"), HOSTILE, ids=lambda v: str(v)[:16])
async def test_attack_row_29_hostile_numbers_are_refused_quickly_at_the_field(
    make_server: ServerFactory, number: str, status: int, code: str
) -> None:
    server = await make_server(lines=False)
    await see_line(server.store, "us", emulated=False, number="+12125550123", imsi="310150000000001")
    await see_line(server.store, "fr", emulated=False, number="+33639980001", imsi="208150000000001")
    took: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        answer = await server.send({"to": number, "text": "hello"})
        took.append(time.perf_counter() - began)
        refused(answer, status, code, "#/to")
    assert min(took[1:]) < QUICK_S
    assert number not in answer.json["detail"] or len(number) < 100, "a long number is not given back whole"
    assert await server.stored() == 0


async def test_NUM_4_a_premium_number_is_403_and_passes_when_its_prefix_is_listed(
    make_server: ServerFactory,
) -> None:
    server = await make_server(admission=AdmissionSettings(numbers=NumberRules(allow_numbers=("+44909",))))
    listed = await server.send({"to": "+449098790123", "text": "vote"})
    assert listed.status == 202, listed.json
    refused(await server.send({"to": "+449011234567", "text": "vote"}), 403, "premium_number", "#/to")


async def test_NUM_5_a_short_code_needs_the_list_and_the_scope(make_server: ServerFactory) -> None:
    rules = NumberRules(allow_short_codes=("60999",))
    server = await make_server(admission=AdmissionSettings(numbers=rules))
    vote = {"to": "60999", "text": "vote"}
    assert (await server.send(vote)).status == 202
    plain = await server.key("messages:send")
    answer = await server.send(vote, key=plain)
    refused(answer, 403, "short_code_not_allowed", "#/to")
    assert "messages:shortcode" in answer.json["detail"]
    with_scope = await server.key("messages:send", "messages:shortcode")
    assert (await server.send(vote, key=with_scope)).status == 202
    refused(await server.send({"to": "60998", "text": "vote"}), 403, "short_code_not_allowed", "#/to")


@pytest.mark.parametrize("number", ["112", "999", "+112", "116123"])
async def test_NUM_6_no_setting_opens_an_emergency_number(make_server: ServerFactory, number: str) -> None:
    rules = NumberRules(allow_numbers=("+112", "112"), allow_short_codes=("112", "999", "116123"))
    server = await make_server(admission=AdmissionSettings(default_region="GB", numbers=rules))
    refused(await server.send({"to": number, "text": "help"}), 403, "emergency_number", "#/to")


async def test_NUM_7_a_sender_is_a_line_of_ones_own_and_nothing_else(server: Server) -> None:
    text = {"to": ANN, "text": "hello"}
    refused(await server.send(text | {"line": "+15550100000"}), 403, "sender_not_owned", "#/line")
    refused(await server.send(text | {"line": "MyBank"}), 422, "unknown_line", "#/line")
    refused(await server.send(text | {"from": "MyBank"}), 422, "invalid_request", "#/from")
    refused(await server.send(text | {"pool": "theirs"}), 503, "no_line_available", "#/pool")
    stranger = await server.key(tenant="other")
    assert server.real is not None
    for name in (server.real.id, server.real.number):
        assert (await server.send(text | {"line": name}, key=stranger)).code in (
            "unknown_line",
            "sender_not_owned",
        )
    own = await server.send(text | {"line": server.real.number})
    assert own.json["line"] == server.real.id


# ------------------------------------------------------------------ money


async def test_PMP_1_the_rest_of_a_batch_to_a_new_country_is_held_and_one_yes_lets_it_go(
    make_server: ServerFactory,
) -> None:
    server = await make_server(rules=Rules(new_country_per_hour=20))
    people = [{"to": f"+2637712{n:05d}"} for n in range(25)]
    batch = await server.call("POST", BATCHES, {"text": "hello", "recipients": people})
    assert batch.json["counts"] == {"queued": 20, "held": 5}
    assert [(one["kind"], one["country"]) for one in await alerts(server)] == [("new_country", "ZW")]
    held = (await server.call("GET", "/api/v1/messages?state=held")).json["items"]
    assert {message["held_reason"] for message in held} == {"new_country"}
    asked = (await server.call("GET", f"{APPROVALS}?state=pending")).json["items"]
    assert len(asked) == 5
    head = await server.key(name="head")
    decided = await server.call(
        "POST", f"{APPROVALS}/{asked[0]['id']}/approve", {"digest": asked[0]["digest"]}, key=head
    )
    assert decided.status == 200, decided.json
    shown = await server.call("GET", f"{BATCHES}/{batch.json['id']}")
    assert shown.json["counts"] == {"queued": 25}
    assert (await server.call("GET", f"{APPROVALS}?state=pending")).json["items"] == []


@pytest.mark.parametrize("exempt", [True, False])
async def test_PMP_1_a_first_real_batch_to_the_home_country_is_not_held(
    make_server: ServerFactory, exempt: bool
) -> None:
    server = await make_server(lines=False, rules=Rules(new_country_per_hour=20, emulated_exempt=exempt))
    await see_line(server.store, "gb", emulated=False, number="+447700900111", imsi="234150000000001")
    people = [{"to": f"+4479111{n:05d}"} for n in range(120)]
    batch = await server.call("POST", BATCHES, {"text": "hello", "recipients": people})
    assert batch.json["counts"] == {"queued": 120}
    assert await alerts(server) == []


async def test_PMP_2_the_preset_otp_of_the_configuration_sets_all_three(
    make_server: ServerFactory, tmp_path: Path
) -> None:
    text = '[messages]\ndefault_region = "GB"\n[[guard]]\nkey = "login"\npreset = "otp"\n'
    server = await make_server(**configured(tmp_path, text))
    login = await server.key(name="login")
    code = {"to": ANN, "text": "Your code is 123456"}
    for _ in range(5):
        assert (await server.send(code, key=login)).status == 202
    sixth = await server.send(code, key=login)
    refused(sixth, 429, "recipient_limit")
    assert 0 < int(sixth.headers["Retry-After"]) <= 3600
    assert (await server.send(code)).status == 202, "other keys are not meant"
    refused(await server.send(code | {"to": "+33639980001"}, key=login), 403, "destination_not_allowed")
    states = [
        (await server.send(code | {"to": f"+4479222002{n:02d}"}, key=login)).json["state"] for n in range(12)
    ]
    assert states == ["queued"] * 9 + ["held"] * 3
    assert [one["kind"] for one in await alerts(server)] == ["number_range"]


async def test_PMP_3_a_used_up_budget_is_429_with_the_time_when_it_goes_on(
    make_server: ServerFactory,
) -> None:
    server = await make_server(rules=Rules(budgets=(Budget(key="shop", parts_per_day=1),)))
    shop = await server.key(name="shop")
    assert (await server.send({"to": ANN, "text": "one"}, key=shop)).status == 202
    await _send_all(server)
    answer = await server.send({"to": ANN, "text": "two"}, key=shop)
    refused(answer, 429, "quota_exhausted")
    assert 'Key "shop" has used up the budget of the day' in answer.json["detail"]
    assert 0 < int(answer.headers["Retry-After"]) <= 90_000
    assert (await server.send({"to": ANN, "text": "other"})).status == 202


async def _send_all(server: Server) -> None:
    """Let the line that is only remembered here claim what waits, as its task would."""
    assert server.real is not None
    looked = await server.store.look(server.real.id, 4, Pace())
    prepared = tuple(prepare(work, 1, server.clock.now_ms(), more_follow=False) for work in looked.work)
    claim = Claim(server.real.id, server.real.device_id or "", "node", prepared, Pace())
    assert (await server.store.claim(claim)).prepared is not None


async def test_attack_row_30_one_number_twenty_times_an_hour_meets_429_before_any_radio(
    make_server: ServerFactory,
) -> None:
    server = await make_server(rules=Rules(guards=(Guard(per_recipient_per_hour=5),)))
    statuses = [(await server.send({"to": ANN, "text": "x"})).status for _ in range(20)]
    assert statuses == [202] * 5 + [429] * 15


# ------------------------------------------------------------------ content


LINK = r"https?://\S+\.example"
CONTENT = compile_rules(
    [
        ContentRule("no-links", LINK, "refuse"),
        ContentRule("winners", r"\byou have won\b", "hold"),
        ContentRule("invoices", "invoice", "tag", tag="topic=billing"),
        ContentRule("billing again", "invoice", "tag", tag="checked=yes"),
    ]
)


async def test_CNT_1_a_refused_text_names_the_rule_and_not_the_pattern(make_server: ServerFactory) -> None:
    server = await make_server(admission=AdmissionSettings(content=CONTENT))
    answer = await server.send({"to": ANN, "text": "Click http://evil.example now"})
    refused(answer, 403, "content_refused", "#/text")
    assert '"no-links"' in answer.json["detail"]
    assert LINK not in answer.octets.decode()
    assert "https?" not in json.dumps(answer.json)
    assert await server.stored() == 0


async def test_CNT_1_a_hidden_word_is_found_in_its_plain_form_and_held_for_a_person(
    make_server: ServerFactory,
) -> None:
    server = await make_server(admission=AdmissionSettings(content=CONTENT))
    answer = await server.send({"to": ANN, "text": "YOU   H\u00c1VE won!"})
    assert (answer.status, answer.json["state"], answer.json["held_reason"]) == (
        202, "held", "approval",
    )  # fmt: skip
    asked = (await server.call("GET", APPROVALS)).json["items"]
    assert [(one["reason"], one["subject"]) for one in asked] == [("content:winners", answer.json["id"])]


async def test_CNT_1_a_tag_of_a_rule_stands_on_the_message(make_server: ServerFactory) -> None:
    server = await make_server(admission=AdmissionSettings(content=CONTENT))
    answer = await server.send({"to": ANN, "text": "Your Invoice", "tags": {"class": "5B"}})
    assert answer.json["tags"] == {"class": "5B", "topic": "billing", "checked": "yes"}
    assert answer.json["state"] == "queued"


async def test_CNT_1_a_rule_holds_for_rows_of_a_batch_too(make_server: ServerFactory) -> None:
    server = await make_server(admission=AdmissionSettings(content=CONTENT))
    rows = [
        {"to": ANN, "data": {"what": "lunch"}},
        {"to": "+447911123457", "data": {"what": "http://evil.example"}},
    ]
    answer = await server.call("POST", BATCHES, {"text": "See {what}", "recipients": rows})
    assert [(row["index"], row["code"]) for row in answer.json["rejected"]] == [(1, "content_refused")]
    held = await server.call("POST", BATCHES, {"text": "You have won", "recipients": [{"to": ANN}]})
    assert (held.json["state"], held.json["held_reason"]) == ("held", "approval")


# ------------------------------------------------------------------ approval


TRAINEE = frozenset({"trainee"})


async def held_text(make_server: ServerFactory) -> tuple[Server, str, dict[str, Any], Answer]:
    """A server where a trainee wrote something: the server, their key, the approval, the message."""
    server = await make_server(
        admission=AdmissionSettings(approval_keys=TRAINEE), rules=Rules(approval_keys=TRAINEE)
    )
    trainee = await server.key(name="trainee")
    answer = await server.send({"to": ANN, "text": "School is closed"}, key=trainee)
    assert (answer.json["state"], answer.json["held_reason"]) == ("held", "approval")
    asked = (await server.call("GET", f"{APPROVALS}?state=pending")).json["items"]
    assert len(asked) == 1
    return server, trainee, asked[0], answer


async def test_CNT_2_the_approver_sees_text_count_cost_and_sample_and_approves_what_they_saw(
    make_server: ServerFactory,
) -> None:
    server, _, asked, message = await held_text(make_server)
    own = f"{APPROVALS}/{asked['id']}"
    shown = (await server.call("GET", own)).json
    assert (shown["author"], shown["recipients"], shown["parts"]) == ("trainee", 1, 1)
    assert shown["sample"] == [{"to": ANN, "text": "School is closed", "parts": 1}]
    assert "cost" in shown
    other = "0" * 64
    refused(await server.call("POST", f"{own}/approve", {"digest": other}), 409, "conflict")
    decided = await server.call("POST", f"{own}/approve", {"digest": shown["digest"], "note": "yes"})
    assert (decided.json["state"], decided.json["decided_by"], decided.json["note"]) == (
        "approved", "test", "yes",
    )  # fmt: skip
    assert (await server.call("GET", message.headers["Location"])).json["state"] == "queued"
    refused(await server.call("POST", f"{own}/approve", {"digest": shown["digest"]}), 409, "conflict")


async def test_API_8_the_replay_of_a_text_that_waited_is_its_first_answer_byte_for_byte(
    make_server: ServerFactory,
) -> None:
    server = await make_server(
        admission=AdmissionSettings(approval_keys=TRAINEE), rules=Rules(approval_keys=TRAINEE)
    )
    trainee = await server.key(name="trainee")
    later = datetime.fromtimestamp(server.clock.now_ms() / 1000 + 5400, UTC).isoformat()
    for key, more in ((trainee, {}), (server.live, {"send_at": later})):
        headers = {"Idempotency-Key": f"key-{len(more)}"}
        body = {"to": ANN, "text": "School is closed", **more}
        first = await server.send(body, key=key, headers=headers)
        assert first.json["state"] == ("scheduled" if more else "held")
        for asked in (await server.call("GET", f"{APPROVALS}?state=pending")).json["items"]:
            await server.call("POST", f"{APPROVALS}/{asked['id']}/approve", {"digest": asked["digest"]})
        server.clock.ahead_s += 3600
        await server.store.tick()
        now = (await server.call("GET", first.headers["Location"])).json
        assert (now["state"], now["held_reason"]) == ("queued", None)
        again = await server.send(body, key=key, headers=headers)
        assert (again.status, again.headers["Idempotency-Replayed"]) == (202, "true")
        assert again.octets == first.octets


async def test_attack_row_41_the_author_approves_nothing_of_their_own(make_server: ServerFactory) -> None:
    server, trainee, asked, message = await held_text(make_server)
    own, word = f"{APPROVALS}/{asked['id']}/approve", {"digest": asked["digest"]}
    refused(await server.call("POST", own, word, key=trainee), 403, "approval_self")
    rotated = await server.call("POST", f"/api/v1/keys/{server.rows[trainee].id}/rotate", {})
    refused(await server.call("POST", own, word, key=rotated.json["key"]), 403, "approval_self")
    sender = await server.key("messages:send")
    refused(await server.call("POST", own, word, key=sender), 403, "forbidden")
    stranger = await server.key(tenant="other")
    refused(await server.call("POST", own, word, key=stranger), 404, "not_found")
    assert (await server.call("GET", message.headers["Location"])).json["state"] == "held"


async def test_attack_row_41_the_text_of_a_message_cannot_be_changed_before_or_after_a_yes(
    make_server: ServerFactory,
) -> None:
    server, trainee, asked, message = await held_text(make_server)
    path = message.headers["Location"]
    change = {"text": "Send money", "send_at": "2030-01-01T09:00:00Z"}
    refused(await server.call("PATCH", path, change, key=trainee), 422, "invalid_request", "#/text")
    await server.call("POST", f"{APPROVALS}/{asked['id']}/approve", {"digest": asked["digest"]})
    refused(await server.call("PATCH", path, change, key=trainee), 422, "invalid_request", "#/text")
    assert (await server.call("GET", path)).json["text"] == "School is closed"


async def test_CNT_2_a_no_fails_the_message_and_a_cancel_voids_the_question(
    make_server: ServerFactory,
) -> None:
    server, trainee, asked, message = await held_text(make_server)
    own = f"{APPROVALS}/{asked['id']}"
    await server.call("POST", f"{own}/reject", {"digest": asked["digest"], "note": "not today"})
    ended = (await server.call("GET", message.headers["Location"])).json
    assert (ended["state"], ended["error"]["code"]) == ("failed", "approval_rejected")
    second = await server.send({"to": ANN, "text": "School is open"}, key=trainee)
    await server.call("DELETE", second.headers["Location"], key=trainee)
    states = {one["subject"]: one["state"] for one in (await server.call("GET", APPROVALS)).json["items"]}
    assert states == {message.json["id"]: "rejected", second.json["id"]: "void"}


async def test_CNT_2_a_batch_over_the_limit_waits_and_without_an_answer_in_a_day_it_is_over(
    make_server: ServerFactory,
) -> None:
    server = await make_server(rules=Rules(approval_over=2))
    people = [{"to": f"+4479111{n:05d}"} for n in range(3)]
    small = await server.call("POST", BATCHES, {"text": "hello", "recipients": people[:2]})
    assert small.json["state"] == "running"
    body = {"text": "hello", "recipients": people, "valid_for_s": 172_800}
    big = await server.call("POST", BATCHES, body)
    assert (big.json["state"], big.json["held_reason"]) == ("held", "approval")
    asked = (await server.call("GET", f"{APPROVALS}?state=pending")).json["items"][0]
    assert (asked["kind"], asked["subject"]) == ("batch", big.json["id"])
    shown = (await server.call("GET", f"{APPROVALS}/{asked['id']}")).json
    assert (shown["recipients"], shown["parts"], len(shown["sample"])) == (3, 3, 3)
    refused(
        await server.call("POST", f"{APPROVALS}/{asked['id']}/approve", {"digest": asked["digest"]}),
        403, "approval_self",
    )  # fmt: skip
    server.clock.ahead_s = 86_401
    await server.store.tick()
    await server.store.tick()
    ended = (await server.call("GET", f"{BATCHES}/{big.json['id']}")).json
    assert (ended["state"], ended["counts"]) == ("expired", {"expired": 3})
    assert (await server.call("GET", f"{APPROVALS}/{asked['id']}")).json["state"] == "expired"


# ------------------------------------------------------------------ routes


async def test_routes_are_asked_in_order_and_the_first_that_fits_counts(make_server: ServerFactory) -> None:
    routes = (
        RouteRule(to_prefix="+44791", pool="mobiles"),
        RouteRule(to_country="FR", line="Paris"),
        RouteRule(tag="kind=otp", pool="otp"),
        RouteRule(key="shop", pool="shop"),
        RouteRule(tag="kind", pool="gone"),
    )
    server = await make_server(admission=AdmissionSettings(routes=routes))
    for name, pool in (("333", "mobiles"), ("444", "otp"), ("555", "shop"), ("666", "paris")):
        line = await see_line(
            server.store, name, emulated=False, number=f"+447700900{name}",
            label="Paris" if pool == "paris" else None,
        )  # fmt: skip
        await server.store.patch_line(View("default"), line.id, {"pools": [pool]})
    shop = await server.key(name="shop")
    await server.call("GET", "/api/v1/lines")

    async def route_of(to: str, key: str = "", **more: Any) -> str:
        answer = await server.send({"to": to, "text": "hi", **more}, key=key)
        assert answer.status == 202, answer.json
        return (await server.store.message(View("default"), answer.json["id"])).route

    by_label = {line.label: line.id for line in await server.store.lines(View("default"))}
    assert await route_of(ANN, tags={"kind": "otp"}) == "pool:mobiles", "the prefix comes first"
    assert await route_of("+33639980001", tags={"kind": "otp"}) == f"line:{by_label['Paris']}"
    assert await route_of("+447700900123", shop, tags={"kind": "otp"}) == "pool:otp"
    assert await route_of("+447700900123", shop) == "pool:shop"
    assert await route_of("+447700900123", tags={"kind": "news"}) == "pool:default", "nobody is in that pool"
    assert await route_of(ANN, line="Office") == f"line:{by_label['Office']}", "what is asked for goes first"
    assert await route_of(ANN, pool="otp") == "pool:otp"
    assert await route_of("+999100000001", tags={"kind": "otp"}) == "pool:sandbox"


# ------------------------------------------------------------------ a template in a single message


async def test_CNT_3_a_single_message_takes_its_text_from_a_template(server: Server) -> None:
    made = await server.call(
        "POST",
        "/api/v1/templates",
        {"name": "moved", "texts": {"en": "Hi {name}", "de": "Hallo {name}"}, "default_language": "en"},
    )
    template = {"to": ANN, "template_id": made.json["id"]}
    german = await server.send(template | {"data": {"name": "{y}"}, "language": "de"})
    assert (german.status, german.json["text"]) == (202, "Hallo {y}"), "a value is inserted literally once"
    refused(await server.send(template), 422, "template_error", "#/data")
    refused(
        await server.send(template | {"data": {"name": "Ann", "nme": "x"}}), 422, "template_error", "#/data"
    )
    refused(await server.send({"to": ANN, "template_id": "none"}), 404, "template_not_found", "#/template_id")
    both = await server.send(template | {"text": "Hi", "data": {"name": "Ann"}})
    refused(both, 422, "invalid_request")
    refused(await server.send({"to": ANN, "text": "Hi", "data": {"name": "Ann"}}), 422, "invalid_request")
