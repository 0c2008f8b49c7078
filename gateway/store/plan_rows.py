"""Owns the values that cross the store's door for templates and schedules.

Knows no SQL, no grammar of placeholders and no calendar; times are UTC ms, ids UUIDv7.
Source: names as in the HTTP interface; RFC 4647 §3.4 (lookup of a language), RFC 5545 §3.3.10 (recurrence rule).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.message import Purpose
from gateway.store.rows import KeyRow

# ------------------------------------------------------------------ templates


@dataclass(frozen=True, slots=True)
class TemplateContent:
    """What a version of a template says. ``texts`` are by language tag (BCP 47) and hold ``default_language``."""

    name: str
    texts: Mapping[str, str]
    default_language: str
    subject: str | None = None
    html: str | None = None

    def language_for(self, wanted: str | None) -> str:
        """Choose the language of a text: the tag as it is, then without its last subtags, else the default."""
        known = {tag.casefold(): tag for tag in self.texts}
        subtags = (wanted or "").casefold().split("-")
        while subtags:
            found = known.get("-".join(subtags))
            if found is not None:
                return found
            subtags.pop()
        return self.default_language


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """A template as one of its versions; ``created_at_ms`` is of the template, ``changed_at_ms`` of this version."""

    id: str
    tenant: str
    sandbox: bool
    version: int
    version_id: str
    content: TemplateContent
    key_id: str
    created_at_ms: int
    changed_at_ms: int


@dataclass(frozen=True, slots=True)
class TemplateText:
    """The text of a template for one reader, placeholders still in it."""

    template_id: str
    version: int
    language: str
    text: str
    subject: str | None
    html: str | None


# ------------------------------------------------------------------ schedules

ScheduleState = Literal["active", "paused", "ended"]
PausedReason = Literal["asked", "key_revoked", "key_expired", "damaged", "restored"]
RunState = Literal["sent", "refused", "missed"]


@dataclass(frozen=True, slots=True)
class Calendar:
    """When: an RFC 5545 rule, its first wall time and zone, and the wall times that are left out."""

    rrule: str
    start: str
    timezone: str
    exdates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """What is sent at each occurrence: to these numbers (E.164) or the members of a group, a text or a template.

    ``template_version`` None is the newest at the time of the occurrence; ``language`` None the template's own.
    """

    to: tuple[str, ...] = ()
    group: str | None = None
    text: str | None = None
    template_id: str | None = None
    template_version: int | None = None
    language: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    purpose: Purpose = "transactional"
    line: str | None = None
    pool: str | None = None
    priority: int = 0
    valid_for_s: int | None = None
    reference: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A recurring message. ``key_id`` is the credential it sends with; ``next_at_ms`` None: nothing is to come.

    ``revision`` counts changes by people, so that two of them never overwrite one another.
    """

    id: str
    tenant: str
    sandbox: bool
    key_id: str
    state: ScheduleState
    paused_reason: PausedReason | None
    calendar: Calendar
    message: PlannedMessage
    next_at_ms: int | None
    created_at_ms: int
    updated_at_ms: int
    revision: int = 1
    not_before_ms: int | None = None
    """Occurrences before this time are not caught up: they may have been sent before a restore."""


@dataclass(frozen=True, slots=True)
class RunRefusal:
    """Why one recipient of an occurrence got no message; ``index`` counts recipients from 0."""

    index: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class ScheduleRun:
    """What came of an occurrence. ``refused`` counts all, ``refusals`` holds the first of them.

    ``message_id`` is there when exactly one message was made. A row ``missed`` with ``missed_until_ms`` stands for
    every occurrence from its own up to, and not including, that time.
    """

    occurrence_ms: int
    state: RunState
    accepted: int = 0
    refused: int = 0
    refusals: tuple[RunRefusal, ...] = ()
    message_id: str | None = None
    missed_until_ms: int | None = None
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A schedule whose time has come, and the key it sends with.

    ``schedule`` None: its stored text is damaged, so nothing of it may be sent. ``key`` None: not in the store.
    """

    id: str
    tenant: str
    occurrence_ms: int
    schedule: ScheduleRow | None
    key: KeyRow | None


@dataclass(frozen=True, slots=True)
class Rescheduling:
    """What changes of a message that is not due yet; None stays. ``valid_for_s`` counts from the time of sending."""

    send_at_ms: int | None = None
    valid_for_s: int | None = None
