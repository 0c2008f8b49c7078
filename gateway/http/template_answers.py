"""Owns the shapes of answers about templates and schedules, for openapi.json and the tests that hold answers to them.

Never used to build an answer.
Source: the HTTP interface.
"""

from __future__ import annotations

from gateway.http.answers import Answer, Time
from gateway.message import Coding, Purpose
from gateway.store.plan_rows import PausedReason, RunState, ScheduleState


class Template(Answer):
    """One version of a template; changed_at is of this version."""

    id: str
    name: str
    version: int
    default_language: str
    texts: dict[str, str]
    subject: str | None
    html: str | None
    placeholders: list[str]
    sandbox: bool
    created_at: Time
    changed_at: Time


class TemplatePage(Answer):
    """A page of templates in their newest version, or of the versions of one; newest first."""

    items: list[Template]
    next: str | None


class TemplateMeasure(Answer):
    """One language of a preview: longest_row counts from 0, text is that row as it would be sent."""

    language: str
    longest_row: int
    text: str
    encoding: Coding
    parts: int
    max_parts: int
    fits: bool
    units_left: int
    samples: list[str]


class TemplatePreview(Answer):
    """What a template becomes with rows of values."""

    id: str
    version: int
    rows: int
    languages: list[TemplateMeasure]


class PlannedMessage(Answer):
    """What a schedule sends."""

    to: list[str] | None
    group: str | None
    text: str | None
    template_id: str | None
    template_version: int | None
    language: str | None
    data: dict[str, str]
    purpose: Purpose
    line: str | None
    pool: str | None
    priority: int
    valid_for_s: int | None
    reference: str | None
    tags: dict[str, str]


class Schedule(Answer):
    """A message that recurs; next_at is null while it is paused and after its end."""

    id: str
    state: ScheduleState
    paused_reason: PausedReason | None
    rrule: str
    start: str
    timezone: str
    exdates: list[str]
    message: PlannedMessage
    key_id: str
    sandbox: bool
    next_at: Time | None
    created_at: Time
    updated_at: Time


class RunRefusal(Answer):
    """Why one recipient got no message; index counts the recipients from 0."""

    index: int
    code: str
    detail: str


class ScheduleRun(Answer):
    """What came of one occurrence. A missed stretch is one run, up to and without missed_until."""

    occurrence: Time
    state: RunState
    accepted: int
    refused: int
    refusals: list[RunRefusal]
    message_id: str | None
    missed_until: Time | None
    at: Time


class ScheduleWithTimes(Schedule):
    """A schedule with its next five times, next_at the first of them."""

    upcoming: list[Time]


class ScheduleWithRuns(ScheduleWithTimes):
    """A schedule with its last 20 runs, newest first."""

    runs: list[ScheduleRun]


class SchedulePage(Answer):
    """A page of schedules, youngest first."""

    items: list[Schedule]
    next: str | None
