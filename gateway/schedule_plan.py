"""Owns what a schedule may say: its calendar and its message, judged as far as that can be done before it is due.

Knows no HTTP and no loop. What depends on the day (a suppression, a line that is away) is judged at each occurrence.
Source: RFC 5545 §3.3.10; rules KEY-6, KEY-7, NUM-7, CNT-3.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from gateway.admission import Admission
from gateway.draft import Caller, MessageDraft
from gateway.errors import GatewayError, field_error
from gateway.policy.recurrence import Recurrence, parse
from gateway.policy.recurrence_rule import RecurrenceError
from gateway.routing import find_line
from gateway.store.convert import DAMAGED
from gateway.store.people_rows import ContactRow
from gateway.store.plan_rows import Calendar, PlannedMessage, ScheduleRow
from gateway.store.protocol import NotFound, Store
from gateway.store.rows import Page, View

UPCOMING = 5
"""Occurrences that are shown ahead: enough to see a wrong rule."""

_NUMBERS_AT_ONCE = 32
"""Judged without a pause."""

_FIELDS = {"rule": "rrule", "start": "start", "zone": "timezone", "exceptions": "exdates"}
"""What the policy calls them → members of the request."""


def recurrence_of(calendar: Calendar) -> Recurrence:
    """Read a calendar. Raises ValueError: it says what is wrong."""
    return parse(calendar.rrule, calendar.start, calendar.timezone, calendar.exdates)


def first_ms(calendar: Calendar, now_ms: int) -> int:
    """Say when a calendar is first due after now.

    Raises:
        GatewayError: ``invalid_request``: it cannot be read, or nothing of it is to come.
    """
    try:
        recurrence = recurrence_of(calendar)
    except RecurrenceError as error:
        raise field_error("invalid_request", error.detail, _FIELDS[error.field]) from None
    at_ms = recurrence.next_after_ms(now_ms)
    if at_ms is None:
        raise field_error(
            "invalid_request",
            "This rule has no time after now. Move start, or change UNTIL or COUNT.",
            "rrule",
        )
    return at_ms


def upcoming_ms(row: ScheduleRow) -> tuple[int, ...]:
    """List the next times of a schedule, ``next_at_ms`` first; none while it is not active."""
    times: list[int] = []
    at_ms = row.next_at_ms
    if at_ms is not None and row.state == "active":
        recurrence = recurrence_of(row.calendar)
        while at_ms is not None and len(times) < UPCOMING:
            times.append(at_ms)
            at_ms = recurrence.next_after_ms(at_ms)
    return tuple(times)


async def checked(
    message: PlannedMessage, caller: Caller, admission: Admission, store: Store
) -> PlannedMessage:
    """Judge the message of a schedule; returns it with its numbers as E.164 and its group's id.

    Raises:
        GatewayError: why it could never be sent, pointing into ``message``.
    """
    if message.text == DAMAGED:
        raise GatewayError(
            "conflict",
            "The stored text was changed outside the gateway. Give message again with this change.",
        )
    if message.purpose == "urgent" and not caller.may("messages:urgent"):
        raise GatewayError(
            "forbidden", "This key lacks the scope messages:urgent. Use one that has it, or another purpose."
        )
    try:
        draft = draft_for(message, "")
        if draft.template_id is not None:
            draft = await admission.with_text(draft, caller)
        admission.segmentation(draft)
        lines = await admission.line_book.lines(caller.tenant)
        if draft.line is not None:
            find_line(draft.line, caller, lines)
        group = message.group if message.group is None else await _group_id(message.group, caller.view, store)
        numbers = await _numbers(message.to, draft, caller, admission)
    except GatewayError as error:
        raise _within_message(error) from None
    return replace(message, to=numbers, group=group)


async def _group_id(written: str, view: View, store: Store) -> str:
    """Find a group by its name or id; kept by its id, so that it may be renamed."""
    try:
        return (await store.groups.called(view, written)).id
    except NotFound:
        raise field_error(
            "invalid_request", "There is no such group. Take one from GET /api/v1/groups.", "group"
        ) from None


async def _numbers(
    to: tuple[str, ...], draft: MessageDraft, caller: Caller, admission: Admission
) -> tuple[str, ...]:
    places: dict[str, int] = {}
    for place, written in enumerate(to):
        number = await _number(replace(draft, to=written), caller, admission)
        if number in places:
            raise field_error(
                "invalid_request",
                f"The number {number} stands at {places[number] + 1} and at {place + 1}. Name it once.",
                "to",
                place,
            )
        places[number] = place
        if place % _NUMBERS_AT_ONCE == 0:
            # A thousand numbers take some tenths of a second to judge; others get their turn in between.
            await asyncio.sleep(0)
    return tuple(places)


async def _number(draft: MessageDraft, caller: Caller, admission: Admission) -> str:
    """Judge one recipient as if it were due now, but for lines: those may come until then."""
    recipient = await admission.recipient(caller.tenant, draft.to)
    lines = await admission.line_book.lines(caller.tenant)
    try:
        # Any time will do: a recurring message carries none of its own.
        admission.composer.compose(draft, caller, lines, now_ms=0)
    except GatewayError as error:
        if error.code != "no_line_available":
            raise
    return recipient.e164


async def members_of(
    group_id: str, view: View, store: Store, page: tuple[int, str | None]
) -> Page[ContactRow]:
    """Read some members of a group; ``page`` is (limit, id to continue after).

    Raises:
        GatewayError: ``not_found``: the group was deleted.
    """
    limit, after = page
    try:
        return await store.groups.members_page(view, group_id, limit, after)
    except NotFound:
        raise GatewayError(
            "not_found", "The group of this schedule was deleted. Give the schedule another."
        ) from None


def draft_for(message: PlannedMessage, to: str, language: str | None = None) -> MessageDraft:
    """Make the draft of one recipient's message; ``language`` is the reader's, where the message names none."""
    return MessageDraft(
        to=to,
        text=message.text,
        template_id=message.template_id,
        template_version=message.template_version,
        language=message.language or language,
        data=message.values,
        line=message.line,
        pool=message.pool,
        valid_for_s=message.valid_for_s,
        priority=message.priority,
        purpose=message.purpose,
        reference=message.reference,
        tags=dict(message.tags),
    )


def _within_message(error: GatewayError) -> GatewayError:
    """Point at the same field below ``message``."""
    error.errors = tuple(
        replace(each, pointer=each.pointer.replace("#", "#/message", 1)) for each in error.errors
    )
    return error
