"""Recurring messages over HTTP: made, shown with their next times, changed, paused; and messages that are moved."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.clock import SystemClock
from gateway.http import answers as message_answers
from gateway.http import template_answers as answers
from gateway.representation import rfc3339
from gateway.schedules import ScheduleLoop
from gateway.store.people_rows import ContactCard
from gateway.store.rows import View
from tests.integration.http.api_server import Answer, Server

PATH = "/api/v1/schedules"
REAL, OTHER, SANDBOX = "+447911123456", "+447911123457", "+99900000001"
MONDAYS: dict[str, Any] = {
    "rrule": "FREQ=WEEKLY;BYDAY=MO",
    "start": "2090-12-04T09:00:00",
    "timezone": "Europe/London",
    "exdates": ["2090-12-11T09:00", "2090-12-25"],
    "message": {"to": REAL, "text": "Swimming today"},
}
LIVE = View("default")


async def made(
    server: Server, *, key: str = "", message: dict[str, Any] | None = None, **changes: Any
) -> Any:
    said = {**MONDAYS, **changes}
    if message is not None:
        said["message"] = {**said["message"], **message}
    answer = await server.call("POST", PATH, said, key=key)
    assert answer.status == 201, answer.json
    answers.ScheduleWithTimes.model_validate(answer.json)
    return answer.json


def shaped(answer: Answer, model: type[BaseModel], status: int = 200) -> Any:
    assert answer.status == status, answer.json
    model.model_validate(answer.json)
    return answer.json


async def soon(server: Server, **changes: Any) -> Any:
    """Make a schedule that is due in an hour and then each day."""
    start = datetime.fromtimestamp(server.clock.now_ms() / 1000, UTC) + timedelta(hours=1)
    calendar: dict[str, Any] = {
        "rrule": "FREQ=DAILY",
        "start": start.strftime("%Y-%m-%dT%H:%M:%S"),
        "timezone": "UTC",
        "exdates": [],
    }
    return await made(server, **calendar, **changes)


async def carried_out(server: Server, later_s: int = 3600) -> None:
    server.clock.ahead_s += later_s
    assert await ScheduleLoop(server.store, server.services.admission, server.clock).run_due()


# ------------------------------------------------------------------ making and showing


async def test_a_schedule_shows_its_next_five_times_in_utc_without_those_left_out(server: Server) -> None:
    shown = await made(server)
    assert (shown["state"], shown["paused_reason"], shown["sandbox"]) == ("active", None, False)
    assert shown["next_at"] == shown["upcoming"][0] == "2090-12-04T09:00:00.000Z"
    assert shown["upcoming"][1:] == [
        "2090-12-18T09:00:00.000Z", "2091-01-01T09:00:00.000Z", "2091-01-08T09:00:00.000Z",
        "2091-01-15T09:00:00.000Z",
    ]  # fmt: skip
    assert (shown["message"]["to"], shown["message"]["purpose"]) == ([REAL], "transactional")


async def test_nine_in_london_is_another_time_in_utc_after_the_clocks_change(server: Server) -> None:
    shown = await made(server, start="2090-03-20T09:00:00", exdates=[])
    assert shown["upcoming"][:2] == ["2090-03-20T09:00:00.000Z", "2090-03-27T08:00:00.000Z"]


async def test_a_start_that_is_past_gives_times_after_now_only(server: Server) -> None:
    shown = await made(server, start="2020-01-06T09:00", exdates=[])
    assert shown["next_at"] > (rfc3339(server.clock.now_ms()) or "")


async def test_a_schedule_is_shown_with_its_runs_and_listed_youngest_first(server: Server) -> None:
    first, second = await soon(server), await made(server)
    await carried_out(server)
    one = shaped(await server.call("GET", f"{PATH}/{first['id']}"), answers.ScheduleWithRuns)
    (run,) = one["runs"]
    assert (run["occurrence"], run["state"], run["accepted"]) == (first["next_at"], "sent", 1)
    message = await server.call("GET", f"/api/v1/messages/{run['message_id']}")
    assert (message.json["text"], message.json["to"]) == ("Swimming today", REAL)
    page = shaped(await server.call("GET", f"{PATH}?limit=1"), answers.SchedulePage)
    assert [row["id"] for row in page["items"]] == [second["id"]]
    rest = shaped(await server.call("GET", f"{PATH}?cursor={page['next']}"), answers.SchedulePage)
    assert [row["id"] for row in rest["items"]] == [first["id"]]


async def test_a_refused_occurrence_shows_its_reason(server: Server) -> None:
    row = await soon(server, message={"pool": "nowhere"})
    await carried_out(server)
    one = shaped(await server.call("GET", f"{PATH}/{row['id']}"), answers.ScheduleWithRuns)
    (run,) = one["runs"]
    assert (run["state"], run["refused"], run["message_id"]) == ("refused", 1, None)
    assert run["refusals"][0]["code"] == "no_line_available"
    assert "nowhere" in run["refusals"][0]["detail"]


async def test_the_same_post_with_one_idempotency_key_makes_one_schedule(server: Server) -> None:
    headers = {"Idempotency-Key": "once"}
    first, again = [await server.call("POST", PATH, MONDAYS, headers=headers) for _ in range(2)]
    assert (again.headers["Idempotency-Replayed"], again.json) == ("true", first.json)
    assert len((await server.call("GET", PATH)).json["items"]) == 1


async def test_a_thousand_recipients_each_get_their_own_message(server: Server) -> None:
    numbers = [f"+44791112{n:04d}" for n in range(1_000)]
    row = await soon(server, message={"to": numbers})
    assert row["message"]["to"] == numbers
    await carried_out(server)
    (run,) = (await server.call("GET", f"{PATH}/{row['id']}")).json["runs"]
    assert (run["accepted"], run["refused"], run["message_id"]) == (1_000, 0, None)
    assert await server.stored() == 1_000


async def test_a_group_is_found_by_its_name_and_read_at_the_time(server: Server) -> None:
    group = await server.store.groups.add(LIVE, "5B")
    row = await soon(server, message={"to": None, "group": "5B"})
    assert (row["message"]["to"], row["message"]["group"]) == (None, group.id)
    contact = await server.store.contacts.add(LIVE, ContactCard("Ann", REAL))
    await server.store.groups.add_members(LIVE, group.id, [contact.id])
    await carried_out(server)
    assert (await server.call("GET", f"{PATH}/{row['id']}")).json["runs"][0]["accepted"] == 1


async def test_CNT_3_a_schedule_sends_a_template_with_its_data(server: Server) -> None:
    template = {
        "name": "swim",
        "texts": {"en": "Swimming at {time}", "de": "Schwimmen um {time}"},
        "default_language": "en",
    }
    template_id = (await server.call("POST", "/api/v1/templates", template)).json["id"]
    message = {"text": None, "template_id": template_id, "data": {"time": "10:00"}, "language": "de"}
    row = await soon(server, message=message)
    await carried_out(server)
    (run,) = (await server.call("GET", f"{PATH}/{row['id']}")).json["runs"]
    stored = await server.store.message(LIVE, run["message_id"])
    assert (stored.text, stored.template_id, stored.template_version) == (
        "Schwimmen um 10:00",
        template_id,
        1,
    )


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"rrule": "FREQ=MINUTELY"}, "#/rrule"),
        ({"rrule": "every monday"}, "#/rrule"),
        ({"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "#/rrule"),
        ({"rrule": "FREQ=WEEKLY;UNTIL=20200101T000000Z", "start": "2019-01-01T09:00"}, "#/rrule"),
        ({"rrule": "FREQ=DAILY;COUNT=1", "start": "2020-01-01T09:00", "exdates": []}, "#/rrule"),
        ({"rrule": "FREQ=DAILY\nDTSTART:20200101"}, "#/rrule"),
        ({"start": "2090-12-04T09:00:00Z"}, "#/start"),
        ({"start": "2090-13-04T09:00:00"}, "#/start"),
        ({"start": "next week"}, "#/start"),
        ({"timezone": "Europe/Atlantis"}, "#/timezone"),
        ({"timezone": "../../etc/passwd"}, "#/timezone"),
        ({"exdates": ["2090-02-31"]}, "#/exdates"),
        ({"exdates": ["tomorrow"]}, "#/exdates/0"),
        ({"colour": "red"}, "#/colour"),
    ],
)
async def test_a_calendar_that_cannot_be_read_is_refused_and_says_where(
    server: Server, changes: dict[str, Any], pointer: str
) -> None:
    answer = await server.call("POST", PATH, {**MONDAYS, **changes})
    assert (answer.status, answer.code, answer.pointers()) == (422, "invalid_request", [pointer])
    assert (await server.call("GET", PATH)).json["items"] == []


@pytest.mark.parametrize(
    ("changes", "status", "code", "pointer"),
    [
        ({"to": "+44770"}, 422, "invalid_number", "#/message/to"),
        ({"to": "66000"}, 403, "short_code_not_allowed", "#/message/to"),
        ({"to": [REAL, "112"]}, 403, "emergency_number", "#/message/to"),
        ({"to": [REAL, "+44 7911 123456"]}, 422, "invalid_request", "#/message/to/1"),
        ({"to": []}, 422, "invalid_request", "#/message/to"),
        ({"to": [REAL] * 1_001}, 422, "invalid_request", "#/message/to"),
        ({"to": [7]}, 422, "invalid_request", "#/message/to/0"),
        ({"to": None}, 422, "invalid_request", "#/message"),
        ({"group": "5B"}, 422, "invalid_request", "#/message"),
        ({"to": None, "group": "5B"}, 422, "invalid_request", "#/message/group"),
        ({"text": None}, 422, "invalid_request", "#/message"),
        ({"text": "a", "data": {"x": "y"}}, 422, "invalid_request", "#/message"),
        ({"text": "x" * 2_000}, 422, "text_too_long", "#/message/text"),
        ({"text": "a\u0000"}, 422, "invalid_request", "#/message/text"),
        ({"text": None, "template_id": "nothing"}, 404, "template_not_found", "#/message/template_id"),
        ({"line": "Nobody"}, 422, "unknown_line", "#/message/line"),
        ({"line": "+447700900999"}, 403, "sender_not_owned", "#/message/line"),
        ({"line": "Office", "pool": "default"}, 422, "invalid_request", "#/message"),
        ({"valid_for_s": 59}, 422, "invalid_request", "#/message/valid_for_s"),
        ({"send_at": "2090-01-01T00:00:00Z"}, 422, "invalid_request", "#/message/send_at"),
    ],
)
async def test_a_message_that_could_never_be_sent_is_refused_at_once(
    server: Server, changes: dict[str, Any], status: int, code: str, pointer: str
) -> None:
    answer = await server.call("POST", PATH, {**MONDAYS, "message": {**MONDAYS["message"], **changes}})
    assert (answer.status, answer.code, answer.pointers()) == (status, code, [pointer])
    assert (await server.call("GET", PATH)).json["items"] == []


async def test_CNT_3_data_that_does_not_fit_the_template_is_refused_at_once(server: Server) -> None:
    template = {"name": "swim", "texts": {"en": "Swimming at {time}"}}
    template_id = (await server.call("POST", "/api/v1/templates", template)).json["id"]
    for values in ({}, {"tim": "10"}, {"time": "10", "place": "x"}):
        message = {"to": REAL, "template_id": template_id, "data": values}
        answer = await server.call("POST", PATH, {**MONDAYS, "message": message})
        assert (answer.status, answer.code, answer.pointers()) == (422, "template_error", ["#/message/data"])


# ------------------------------------------------------------------ changing


async def test_a_change_holds_from_the_next_occurrence_on(server: Server) -> None:
    row = await soon(server)
    one = f"{PATH}/{row['id']}"
    await carried_out(server)
    changed = shaped(
        await server.call("PATCH", one, {"message": {"to": [REAL, OTHER], "text": "No swimming"}}),
        answers.ScheduleWithTimes,
    )
    assert (changed["rrule"], changed["message"]["text"]) == ("FREQ=DAILY", "No swimming")
    await carried_out(server, 86_400)
    newest, oldest = (await server.call("GET", one)).json["runs"]
    assert (newest["accepted"], oldest["accepted"]) == (2, 1)
    moved = shaped(
        await server.call("PATCH", one, {"timezone": "Europe/London", "start": "2090-12-04T09:00:00"}),
        answers.ScheduleWithTimes,
    )
    assert (moved["next_at"], moved["message"]["text"]) == ("2090-12-04T09:00:00.000Z", "No swimming")


async def test_a_change_that_is_refused_changes_nothing(server: Server) -> None:
    row = await made(server)
    one = f"{PATH}/{row['id']}"
    for body, pointer in (
        ({"rrule": "FREQ=SECONDLY"}, "#/rrule"),
        ({"rrule": None}, "#/rrule"),
        ({"message": {"to": "+44770", "text": "x"}}, "#/message/to"),
        ({"state": "ended"}, "#/state"),
    ):
        answer = await server.call("PATCH", one, body)
        assert (answer.status, answer.pointers()) == (422, [pointer])
    shown = (await server.call("GET", one)).json
    assert shown == {**row, "runs": []}


async def test_a_paused_schedule_sends_nothing_and_goes_on_with_the_next_occurrence_after_now(
    server: Server,
) -> None:
    row = await soon(server)
    one = f"{PATH}/{row['id']}"
    paused = shaped(await server.call("POST", f"{one}/pause"), answers.ScheduleWithTimes)
    assert (paused["state"], paused["paused_reason"], paused["next_at"], paused["upcoming"]) == (
        "paused", "asked", None, [],
    )  # fmt: skip
    await carried_out(server, 3 * 3600)
    # A change does not wake it.
    changed = await server.call("PATCH", one, {"message": {"to": REAL, "text": "later"}})
    assert (changed.json["state"], changed.json["next_at"]) == ("paused", None)
    resumed = shaped(await server.call("POST", f"{one}/resume"), answers.ScheduleWithTimes)
    assert (resumed["state"], resumed["paused_reason"]) == ("active", None)
    assert resumed["next_at"] == row["upcoming"][1]
    await carried_out(server, 0)
    assert await server.stored() == 0
    await carried_out(server, 22 * 3600)
    assert await server.stored() == 1


async def test_a_deleted_schedule_is_gone_and_sends_nothing(server: Server) -> None:
    row = await soon(server)
    one = f"{PATH}/{row['id']}"
    assert (await server.call("DELETE", one)).status == 204
    await carried_out(server)
    assert await server.stored() == 0
    for method, path in (("GET", one), ("DELETE", one), ("POST", f"{one}/pause"), ("POST", f"{one}/resume")):
        assert (await server.call(method, path)).status == 404


async def test_an_ended_schedule_cannot_be_resumed_but_a_new_rule_wakes_it(server: Server) -> None:
    row = await soon(server)
    one = f"{PATH}/{row['id']}"
    await server.call("PATCH", one, {"rrule": "FREQ=DAILY;COUNT=1"})
    await carried_out(server)
    ended = (await server.call("GET", one)).json
    assert (ended["state"], ended["next_at"]) == ("ended", None)
    assert (await server.call("POST", f"{one}/resume")).code == "conflict"
    assert (await server.call("PATCH", one, {"rrule": "FREQ=DAILY"})).json["state"] == "active"


# ------------------------------------------------------------------ who may


async def test_a_schedule_goes_on_when_its_key_is_rotated_and_rests_when_it_is_revoked(
    server: Server,
) -> None:
    key = await server.key("batches:write", "messages:read")
    row = await soon(server, key=key)
    one = f"{PATH}/{row['id']}"
    rotated = await server.call("POST", f"/api/v1/keys/{row['key_id']}/rotate", {"now": True})
    assert rotated.status == 201
    await carried_out(server)
    shown = (await server.call("GET", one)).json
    assert (shown["key_id"], shown["runs"][0]["state"]) == (rotated.json["id"], "sent")
    await server.call("DELETE", f"/api/v1/keys/{rotated.json['id']}")
    await carried_out(server, 86_400)
    shown = (await server.call("GET", one)).json
    assert (shown["state"], shown["paused_reason"], len(shown["runs"])) == ("paused", "key_revoked", 1)
    resumed = await server.call("POST", f"{one}/resume")
    assert resumed.json["key_id"] == server.rows[server.live].id
    await carried_out(server, 86_400)
    assert await server.stored() == 2


async def test_KEY_7_a_sandbox_key_plans_no_text_to_a_real_number(server: Server) -> None:
    body = {**MONDAYS, "message": {"to": [SANDBOX, REAL], "text": "x"}}
    answer = await server.call("POST", PATH, body, key=server.sandbox)
    assert (answer.status, answer.code, answer.pointers()) == (403, "sandbox_only", ["#/message/to"])
    live = await made(server)
    own = await made(server, key=server.sandbox, message={"to": SANDBOX})
    assert own["sandbox"] is True
    listed = (await server.call("GET", PATH, key=server.sandbox)).json["items"]
    assert [row["id"] for row in listed] == [own["id"]]
    for method, below in (("GET", ""), ("DELETE", ""), ("POST", "/pause")):
        answer = await server.call(method, f"{PATH}/{live['id']}{below}", key=server.sandbox)
        assert answer.status == 404


async def test_KEY_6_an_urgent_schedule_needs_the_scope_of_urgent_texts(server: Server) -> None:
    key = await server.key("batches:write")
    body = {**MONDAYS, "message": {**MONDAYS["message"], "purpose": "urgent"}}
    answer = await server.call("POST", PATH, body, key=key)
    assert (answer.status, answer.code) == (403, "forbidden")
    assert "messages:urgent" in answer.json["detail"]
    # Nor does a key without it change an urgent one that another key made: the change would send with its rights.
    row = await made(server, message={"purpose": "urgent"})
    answer = await server.call("PATCH", f"{PATH}/{row['id']}", {"rrule": "FREQ=DAILY"}, key=key)
    assert (answer.status, answer.code) == (403, "forbidden")


async def test_KEY_6_reading_and_writing_schedules_need_their_scopes(server: Server) -> None:
    row = await made(server)
    reader, writer = await server.key("messages:read"), await server.key("batches:write")
    assert (await server.call("GET", f"{PATH}/{row['id']}", key=reader)).status == 200
    for method, path in (("POST", PATH), ("PATCH", f"{PATH}/{row['id']}"), ("DELETE", f"{PATH}/{row['id']}")):
        assert (await server.call(method, path, {}, key=reader)).code == "forbidden"
    assert (await server.call("GET", PATH, key=writer)).code == "forbidden"
    assert (await server.call("DELETE", f"{PATH}/{row['id']}", key=writer)).status == 204


async def test_TEN_1_schedules_and_groups_of_another_tenant_look_like_none(server: Server) -> None:
    row = await made(server)
    foreign = await server.key(tenant="other")
    unknown = "01935f0c-0000-7000-8000-000000000000"
    for method, below, body in (
        ("GET", "", None), ("PATCH", "", {"rrule": "FREQ=DAILY"}), ("DELETE", "", None),
        ("POST", "/pause", None), ("POST", "/resume", None),
    ):  # fmt: skip
        theirs, none = [
            await server.call(
                method, f"{PATH}/{which}{below}", body, key=foreign, headers={"X-Request-Id": "r"}
            )
            for which in (row["id"], unknown)
        ]
        assert (theirs.status, theirs.octets) == (404, none.octets)
    await server.store.groups.add(LIVE, "5B")
    planned = {**MONDAYS, "message": {"group": "5B", "text": "x"}}
    assert (await server.call("POST", PATH, planned, key=foreign)).pointers() == ["#/message/group"]
    assert (await server.call("GET", f"{PATH}/{row['id']}")).json["state"] == "active"


# ------------------------------------------------------------------ a message before it is due


TOMORROW_MS = (SystemClock().now_ms() // 3_600_000 + 24) * 3_600_000
"""An hour of tomorrow: times are counted from it, so that none is read twice in two different seconds."""


def at(_server: Server, later_s: int) -> str:
    return rfc3339(TOMORROW_MS + later_s * 1000) or ""


async def scheduled(server: Server, later_s: int = 3600) -> str:
    answer = await server.send({"to": REAL, "text": "hi", "send_at": at(server, later_s), "valid_for_s": 600})
    assert answer.json["state"] == "scheduled"
    message_id: str = answer.json["id"]
    return f"/api/v1/messages/{message_id}"


async def test_a_scheduled_message_is_moved_and_keeps_how_long_it_is_valid(server: Server) -> None:
    one = await scheduled(server)
    moved = shaped(await server.call("PATCH", one, {"send_at": at(server, 7200)}), message_answers.Message)
    assert (moved["state"], moved["send_at"], moved["expires_at"]) == (
        "scheduled", at(server, 7200), at(server, 7800),
    )  # fmt: skip
    moved = (await server.call("PATCH", one, {"valid_for_s": 60})).json
    assert (moved["send_at"], moved["expires_at"]) == (at(server, 7200), at(server, 7260))
    shown = shaped(await server.call("GET", one), message_answers.MessageWithHistory)
    assert [hop["type"] for hop in shown["timeline"]] == ["message.queued"] + ["message.rescheduled"] * 2
    assert shown["timeline"][1]["witness"] == "person"


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "invalid_request", "#"),
        ({"text": "other", "valid_for_s": 60}, "invalid_request", "#/text"),
        ({"valid_for_s": 59}, "invalid_request", "#/valid_for_s"),
        ({"send_at": "2026-11-21T09:00:00"}, "send_at_invalid", "#/send_at"),
        ({"send_at": "2999-01-01T00:00:00Z"}, "send_at_invalid", "#/send_at"),
    ],
)
async def test_API_11_a_move_that_makes_no_sense_is_refused(
    server: Server, body: dict[str, Any], code: str, pointer: str
) -> None:
    one = await scheduled(server)
    before = (await server.call("GET", one)).json
    answer = await server.call("PATCH", one, body)
    assert (answer.status, answer.code, answer.pointers()) == (422, code, [pointer])
    after = (await server.call("GET", one)).json
    assert (after["send_at"], after["expires_at"]) == (before["send_at"], before["expires_at"])


async def test_a_message_that_is_due_or_cancelled_is_not_moved(server: Server) -> None:
    at_once = f"/api/v1/messages/{(await server.send({'to': REAL, 'text': 'hi'})).json['id']}"
    cancelled = await scheduled(server)
    await server.call("DELETE", cancelled)
    due = await scheduled(server, 60)
    server.clock.ahead_s += (TOMORROW_MS - server.clock.now_ms()) / 1000 + 61
    for one in (at_once, cancelled, due):
        answer = await server.call("PATCH", one, {"send_at": at(server, 7200)})
        assert (answer.status, answer.code) == (409, "conflict")


async def test_of_many_who_move_and_cancel_one_message_at_once_all_get_a_true_answer(server: Server) -> None:
    one = await scheduled(server)
    moves = [server.call("PATCH", one, {"send_at": at(server, 3600 + n)}) for n in range(1, 20)]
    outcomes = await asyncio.gather(*moves[:10], server.call("DELETE", one), *moves[10:])
    assert {answer.status for answer in outcomes} <= {200, 409}
    assert outcomes[10].status == 200
    assert (await server.call("GET", one)).json["state"] == "cancelled"
    moved = [answer for answer in outcomes if answer.status == 200 and answer.json["state"] == "scheduled"]
    timeline = (await server.call("GET", one)).json["timeline"]
    assert sum(hop["type"] == "message.rescheduled" for hop in timeline) == len(moved)


async def test_KEY_6_moving_a_message_needs_the_scope_to_send(server: Server) -> None:
    one = await scheduled(server)
    reader, foreign = await server.key("messages:read"), await server.key(tenant="other")
    assert (await server.call("PATCH", one, {"valid_for_s": 60}, key=reader)).code == "forbidden"
    assert (await server.call("PATCH", one, {"valid_for_s": 60}, key=foreign)).status == 404
    assert (await server.call("PATCH", one, {"valid_for_s": 60}, key=server.sandbox)).status == 404


async def test_a_schedule_rests_as_soon_as_its_key_is_revoked_and_that_is_told(server: Server) -> None:
    key = (await server.call("POST", "/api/v1/keys", {"name": "clinic", "scopes": ["*"]})).json
    ended, others = await made(server, key=key["key"]), await made(server)
    assert (await server.call("DELETE", f"/api/v1/keys/{key['id']}")).status == 200
    shown = shaped(await server.call("GET", f"{PATH}/{ended['id']}"), answers.ScheduleWithRuns)
    assert (shown["state"], shown["paused_reason"], shown["next_at"]) == ("paused", "key_revoked", None)
    assert (await server.call("GET", f"{PATH}/{others['id']}")).json["state"] == "active"
    told = [event for event in await server.store.events_after(LIVE, 0, 100) if event.type == "policy.alert"]
    assert [event.payload for event in told] == [
        {"kind": "schedule_paused", "reason": "key_revoked", "schedule_id": ended["id"]}
    ]
