"""Owns the routes of schedules, and the change of a single message's time before it is due.

Knows no calendar and no SQL. A schedule sends with the key that wrote, changed or resumed it last.
Source: RFC 5545; rules KEY-6, KEY-7, API-11.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.composition import SEND_AT_AHEAD_MAX_MS
from gateway.errors import GatewayError, field_error
from gateway.http import answers as message_answers
from gateway.http import template_answers as answers
from gateway.http.call import Call
from gateway.http.models import Empty
from gateway.http.route import Route
from gateway.http.template_models import (
    CreateSchedule,
    PatchMessage,
    PatchSchedule,
    RecurringMessage,
    SchedulesQuery,
)
from gateway.ids import new_id
from gateway.representation import message_json, rfc3339
from gateway.schedule_plan import checked, first_ms, upcoming_ms
from gateway.store.plan_rows import Calendar, PlannedMessage, Rescheduling, ScheduleRow, ScheduleRun
from gateway.store.schedules import TooLate
from gateway.store.templates import Superseded
from gateway.templates import superseded

if TYPE_CHECKING:
    from gateway.representation import Json

_PATH = "/api/v1/schedules"
_LIST = "schedules"


async def create(call: Call) -> web.Response:
    """Make a schedule; its first occurrence is the first one after now."""
    asked = await call.body(CreateSchedule)
    now_ms = call.services.clock.now_ms()
    calendar = Calendar(asked.rrule, asked.start, asked.timezone, tuple(asked.exdates))
    row = ScheduleRow(
        id=new_id(),
        tenant=call.caller.tenant,
        sandbox=call.caller.sandbox,
        key_id=call.caller.key_id,
        state="active",
        paused_reason=None,
        calendar=calendar,
        message=await _checked(call, _planned(asked.message)),
        next_at_ms=first_ms(calendar, now_ms),
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
    )
    row = await call.services.store.schedules.add(row)
    return call.json(_shown_json(row), 201, f"{_PATH}/{row.id}")


async def index(call: Call) -> web.Response:
    """List schedules, youngest first."""
    query = call.query(SchedulesQuery)
    page = await call.services.store.schedules.page(call.view, query.limit, call.after(_LIST, query))
    return call.page(_LIST, page, _schedule_json)


async def get(call: Call) -> web.Response:
    """Show a schedule with its next five times and its last 20 runs."""
    schedules = call.services.store.schedules
    row = await schedules.get(call.view, call.id())
    runs = await schedules.runs(call.view, row.id)
    return call.json({**_shown_json(row), "runs": [_run_json(run) for run in runs]})


async def patch(call: Call) -> web.Response:
    """Change what is sent, and when, from the next occurrence on."""
    asked = await call.body(PatchSchedule)
    row = await call.services.store.schedules.get(call.view, call.id())
    message = row.message if asked.message is None else _planned(asked.message)
    row = replace(
        row,
        calendar=_changed(row.calendar, asked),
        message=await _checked(call, message),
        state="active" if row.state == "ended" else row.state,
    )
    return await _write(call, row)


async def pause(call: Call) -> web.Response:
    """Let nothing fall due until it is resumed; what would have been sent meanwhile is not sent later."""
    await call.body(Empty)
    return call.json(_shown_json(await call.services.store.schedules.pause(call.view, call.id(), "asked")))


async def resume(call: Call) -> web.Response:
    """Go on with the first occurrence after now."""
    await call.body(Empty)
    row = await call.services.store.schedules.get(call.view, call.id())
    if row.state == "ended":
        raise GatewayError("conflict", "This schedule has ended. Change its rule, and it goes on.")
    message = await _checked(call, row.message)
    return await _write(call, replace(row, message=message, state="active", paused_reason=None))


async def delete(call: Call) -> web.Response:
    """End a schedule and forget its runs; messages that it made go on."""
    await call.services.store.schedules.delete(call.view, call.id())
    return web.Response(status=204)


async def move(call: Call) -> web.Response:
    """Change when a message goes that is not due yet, or until when it is worth sending."""
    asked = await call.body(PatchMessage)
    now_ms = call.services.clock.now_ms()
    if asked.send_at is not None and asked.send_at > now_ms + SEND_AT_AHEAD_MAX_MS:
        raise field_error(
            "send_at_invalid", "send_at is more than 365 days ahead. Choose an earlier time.", "send_at"
        )
    to = Rescheduling(asked.send_at, asked.valid_for_s)
    actor = call.caller.by
    try:
        message = await call.services.store.schedules.reschedule(call.view, call.id(), to, actor)
    except TooLate:
        raise GatewayError(
            "conflict",
            "This message does not wait for a time that is ahead, so its time cannot be changed. GET it and decide"
            " by its state.",
        ) from None
    return call.json(message_json(message, now_ms))


async def _write(call: Call, row: ScheduleRow) -> web.Response:
    """Write a change; from now on the schedule sends with the key that made it."""
    next_ms = first_ms(row.calendar, call.services.clock.now_ms())
    row = replace(
        row,
        key_id=call.caller.key_id,
        sandbox=call.caller.sandbox,
        next_at_ms=next_ms if row.state == "active" else None,
    )
    try:
        row = await call.services.store.schedules.change(row)
    except Superseded:
        raise superseded("schedule") from None
    return call.json(_shown_json(row))


async def _checked(call: Call, message: PlannedMessage) -> PlannedMessage:
    return await checked(message, call.caller, call.services.admission, call.services.store)


def _planned(asked: RecurringMessage) -> PlannedMessage:
    return PlannedMessage(
        to=tuple(asked.to or ()),
        group=asked.group,
        text=asked.text,
        template_id=asked.template_id,
        template_version=asked.template_version,
        language=asked.language,
        values=asked.data,
        purpose=asked.purpose,
        line=asked.line,
        pool=asked.pool,
        priority=asked.priority,
        valid_for_s=asked.valid_for_s,
        reference=asked.reference,
        tags=asked.tags,
    )


def _changed(calendar: Calendar, asked: PatchSchedule) -> Calendar:
    for name in asked.model_fields_set:
        if getattr(asked, name) is None:
            raise field_error("invalid_request", f"{name} cannot be null. Leave it out to keep it.", name)
    return Calendar(
        asked.rrule or calendar.rrule,
        asked.start or calendar.start,
        asked.timezone or calendar.timezone,
        calendar.exdates if asked.exdates is None else tuple(asked.exdates),
    )


def _schedule_json(row: ScheduleRow) -> Json:
    return {
        "id": row.id,
        "state": row.state,
        "paused_reason": row.paused_reason,
        "rrule": row.calendar.rrule,
        "start": row.calendar.start,
        "timezone": row.calendar.timezone,
        "exdates": list(row.calendar.exdates),
        "message": _message_json(row.message),
        "key_id": row.key_id,
        "sandbox": row.sandbox,
        "next_at": rfc3339(row.next_at_ms if row.state == "active" else None),
        "created_at": rfc3339(row.created_at_ms),
        "updated_at": rfc3339(row.updated_at_ms),
    }


def _shown_json(row: ScheduleRow) -> Json:
    return {**_schedule_json(row), "upcoming": [rfc3339(at_ms) for at_ms in upcoming_ms(row)]}


def _message_json(message: PlannedMessage) -> Json:
    return {
        "to": list(message.to) or None,
        "group": message.group,
        "text": message.text,
        "template_id": message.template_id,
        "template_version": message.template_version,
        "language": message.language,
        "data": dict(message.values),
        "purpose": message.purpose,
        "line": message.line,
        "pool": message.pool,
        "priority": message.priority,
        "valid_for_s": message.valid_for_s,
        "reference": message.reference,
        "tags": dict(message.tags),
    }


def _run_json(run: ScheduleRun) -> Json:
    return {
        "occurrence": rfc3339(run.occurrence_ms),
        "state": run.state,
        "accepted": run.accepted,
        "refused": run.refused,
        "refusals": [
            {"index": each.index, "code": each.code, "detail": each.detail} for each in run.refusals
        ],
        "message_id": run.message_id,
        "missed_until": rfc3339(run.missed_until_ms),
        "at": rfc3339(run.at_ms),
    }


_WRITE, _READ = "batches:write", "messages:read"
_ONE = f"{_PATH}/{{id}}"
_MESSAGE = (
    "invalid_number", "emergency_number", "premium_number", "short_code_not_allowed", "sandbox_only",
    "unknown_line", "sender_not_owned", "text_too_long", "content_refused", "template_not_found", "template_error",
)  # fmt: skip

ROUTES = (
    Route(
        "POST", _PATH, create, _WRITE, "Make a recurring message", 201, CreateSchedule,
        answer=answers.ScheduleWithTimes, problems=_MESSAGE,
    ),
    Route(
        "GET", _PATH, index, _READ, "List recurring messages", query=SchedulesQuery, answer=answers.SchedulePage,
        problems=("invalid_cursor",),
    ),
    Route(
        "GET", _ONE, get, _READ, "Show a recurring message with its runs", answer=answers.ScheduleWithRuns,
        problems=("not_found",),
    ),
    Route(
        "PATCH", _ONE, patch, _WRITE, "Change a recurring message", body=PatchSchedule,
        answer=answers.ScheduleWithTimes, problems=("not_found", "conflict", *_MESSAGE),
    ),
    Route("DELETE", _ONE, delete, _WRITE, "End a recurring message", 204, problems=("not_found",)),
    Route(
        "POST", f"{_ONE}/pause", pause, _WRITE, "Pause a recurring message", body=Empty,
        answer=answers.ScheduleWithTimes, problems=("not_found",),
    ),
    Route(
        "POST", f"{_ONE}/resume", resume, _WRITE, "Resume a recurring message", body=Empty,
        answer=answers.ScheduleWithTimes, problems=("not_found", "conflict", *_MESSAGE),
    ),
    Route(
        "PATCH", "/api/v1/messages/{id}", move, "messages:send", "Change when a message goes", body=PatchMessage,
        answer=message_answers.Message, problems=("not_found", "conflict", "send_at_invalid"),
    ),
)  # fmt: skip
