"""Owns the bodies and queries of templates, schedules and moved messages, as strict pydantic models.

Knows no rule beyond shape and range: placeholders, calendars and numbers are judged elsewhere.
Source: rules API-1, API-5, API-11, CNT-3; BCP 47 (language tags); RFC 5545 (wall times without offset).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator

from gateway.http.models import Body, Instant, ListQuery, Name, PoolName, Query, ShortText, Text
from gateway.message import Purpose

LANGUAGES_MAX = 50
HTML_MAX = 100_000
RECIPIENTS_MAX = 1_000
"""Of one schedule; more people are a group."""

LanguageTag = Annotated[str, Field(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}$")]
TemplateWords = Annotated[Text, Field(max_length=10_000)]
SubjectLine = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
# Tabs as well as line breaks: HTML is indented, and no phone or terminal shows it.
Html = Annotated[
    str, Field(min_length=1, max_length=HTML_MAX, pattern=r"^[^\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]*$")
]
TemplateValues = Annotated[dict[ShortText, str], Field(max_length=100)]
Version = Annotated[int, Field(ge=1, le=1_000_000_000)]
"""Of a template; more than anybody writes, and a number that the database can hold."""

WallTime = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?$")
]

LeftOut = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$")
]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Recipients = Annotated[
    list[Annotated[str, Field(max_length=100)]],
    Field(min_length=1, max_length=RECIPIENTS_MAX),
    BeforeValidator(_as_list),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": RECIPIENTS_MAX},
            ]
        }
    ),
]

# ------------------------------------------------------------------ templates


class CreateTemplate(Body):
    """A text with placeholders, in one or more languages."""

    name: Annotated[Name, Field(description="Unique among your templates.")]
    texts: Annotated[
        dict[LanguageTag, TemplateWords],
        Field(
            min_length=1,
            max_length=LANGUAGES_MAX,
            description='By language tag, like {"en": "Hi {name}"}. All name the same placeholders; {{ and }} are'
            " braces.",
        ),
    ]
    default_language: Annotated[
        LanguageTag | None,
        Field(description="Of texts: for readers of no other. May be left out where there is one text."),
    ] = None
    subject: Annotated[SubjectLine | None, Field(description="Of an e-mail.")] = None
    html: Annotated[Html | None, Field(description="Of an e-mail, beside the text; values are escaped.")] = (
        None
    )


class PatchTemplate(Body):
    """What the next version says; members left out stay. texts stands for all of them."""

    name: Name | None = None
    texts: Annotated[
        dict[LanguageTag, TemplateWords] | None, Field(min_length=1, max_length=LANGUAGES_MAX)
    ] = None
    default_language: LanguageTag | None = None
    subject: Annotated[SubjectLine | None, Field(description="null removes it.")] = None
    html: Annotated[Html | None, Field(description="null removes it.")] = None
    from_version: Annotated[
        Version | None, Field(description="Refuse with 409 unless this is still the newest version.")
    ] = None


class PreviewTemplate(Body):
    """Rows of values to measure a template with; nothing is sent or stored."""

    rows: Annotated[list[TemplateValues], Field(min_length=1, max_length=1_000)]
    language: Annotated[LanguageTag | None, Field(description="One reader's; left out: every text.")] = None
    version: Annotated[Version | None, Field(description="Left out: the newest.")] = None


class TemplateQuery(Query):
    """Which version is shown."""

    version: Annotated[Version | None, Field(description="Left out: the newest.")] = None


class TemplatesQuery(ListQuery):
    """A page of templates or of versions."""


# ------------------------------------------------------------------ schedules


class RecurringMessage(Body):
    """What is sent at each occurrence: to numbers or a group, a text or a template."""

    to: Annotated[
        Recipients | None, Field(description="One number or up to 1,000; each gets its own message.")
    ] = None
    group: Annotated[ShortText | None, Field(description="Everybody who is in this group at the time.")] = (
        None
    )
    text: Annotated[Text | None, Field(description="What the recipient reads.")] = None
    template_id: Annotated[ShortText | None, Field(description="Instead of text.")] = None
    template_version: Annotated[Version | None, Field(description="Left out: the newest at the time.")] = None
    language: Annotated[LanguageTag | None, Field(description="Of the template.")] = None
    data: Annotated[TemplateValues, Field(description="Values of the template.")] = Field(
        default_factory=dict
    )
    purpose: Annotated[
        Purpose, Field(description="Why it is sent; urgent needs the scope messages:urgent.")
    ] = "transactional"
    line: Annotated[ShortText | None, Field(description="Only this line: id, ICCID, number or label.")] = None
    pool: Annotated[PoolName | None, Field(description="Only lines of this pool.")] = None
    priority: Annotated[int, Field(ge=0, le=9, description="Higher goes first.")] = 0
    valid_for_s: Annotated[
        int | None, Field(ge=60, le=604_800, description="Not worth sending later than this after its time.")
    ] = None
    reference: Annotated[ShortText | None, Field(description="Your own name for its messages.")] = None
    tags: Annotated[dict[ShortText, ShortText], Field(max_length=20, description="Your own labels.")] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> RecurringMessage:
        if (self.to is None) == (self.group is None):
            raise ValueError("give exactly one of to and group")
        if (self.text is None) == (self.template_id is None):
            raise ValueError("give exactly one of text and template_id")
        if self.template_id is None and (
            self.data or self.language is not None or self.template_version is not None
        ):
            raise ValueError("data, language and template_version belong to template_id; leave them out")
        if self.line is not None and self.pool is not None:
            raise ValueError("give line or pool, not both")
        return self


class CreateSchedule(Body):
    """A message that recurs by the calendar of a zone."""

    rrule: Annotated[
        str,
        Field(
            min_length=1, max_length=500, description="RFC 5545, like FREQ=WEEKLY;BYDAY=MO; hourly at most."
        ),
    ]
    start: Annotated[WallTime, Field(description="First time, as clocks show it there; no offset.")]
    timezone: Annotated[str, Field(min_length=1, max_length=64, description="IANA name, like Europe/London.")]
    exdates: Annotated[
        list[LeftOut], Field(max_length=366, description="Times, or whole days, that are left out.")
    ] = Field(default_factory=list)
    message: RecurringMessage


class PatchSchedule(Body):
    """What changes before the next occurrence; members left out stay. message stands for all of it."""

    rrule: Annotated[str | None, Field(min_length=1, max_length=500)] = None
    start: WallTime | None = None
    timezone: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    exdates: Annotated[list[LeftOut] | None, Field(max_length=366)] = None
    message: RecurringMessage | None = None


class SchedulesQuery(ListQuery):
    """A page of schedules."""


class PatchMessage(Body):
    """When a message that is not due yet goes; members left out stay."""

    send_at: Annotated[Instant | None, Field(description="Not before this time; at most 365 days ahead.")] = (
        None
    )
    valid_for_s: Annotated[
        int | None, Field(ge=60, le=604_800, description="Not worth sending later than this after send_at.")
    ] = None

    @model_validator(mode="after")
    def _something(self) -> PatchMessage:
        if self.send_at is None and self.valid_for_s is None:
            raise ValueError(
                "give send_at, valid_for_s or both; a text cannot be changed, cancel and send anew"
            )
        return self
