"""Owns the bodies and queries of notifications, as strict pydantic models.

Knows no rule beyond shape and range; who can be reached is for the desk.
Source: the HTTP interface; rules API-1, API-5.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gateway.http.models import Body, ListQuery, ShortText, Text
from gateway.http.template_models import Html
from gateway.message import NO_CONTROLS, Purpose
from gateway.notification_desk import NamedChannel

RECIPIENTS_MAX = 10_000
CHANNELS_MAX = 4
FALLBACK_MIN_S, FALLBACK_MAX_S = 30, 604_800
BODY_MAX, SUBJECT_MAX = 10_000, 200

Line = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""A subject is one line: what breaks it would begin another header."""

Values = Annotated[dict[ShortText, Text], Field(max_length=50)]


class Recipient(Body):
    """Where one person can be reached; each channel needs its member."""

    phone: Annotated[str | None, Field(max_length=100, description="For sms: E.164, or national.")] = None
    email: Annotated[str | None, Field(max_length=254, description="For email: one address.")] = None
    slack: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=80,
            pattern=Line,
            description="For slack: another channel than the set one.",
        ),
    ] = None
    webhook: Annotated[
        str | None, Field(max_length=2048, pattern=NO_CONTROLS, description="For webhook: the URL.")
    ] = None
    language: Annotated[
        str | None,
        Field(max_length=35, pattern=r"^[A-Za-z0-9-]+$", description="BCP 47; chooses a template's text."),
    ] = None


class BulkRecipient(Recipient):
    """One of many, with the data of their own."""

    data: Annotated[Values, Field(description="Values of the placeholders.")] = Field(default_factory=dict)


class Wanted(Body):
    """What is told, and by which channels."""

    channels: Annotated[
        list[NamedChannel],
        Field(min_length=1, max_length=CHANNELS_MAX, description="In order; the next one when one fails."),
    ]
    template_id: Annotated[ShortText | None, Field(description="Instead of body, subject and html.")] = None
    subject: Annotated[
        str | None,
        Field(max_length=SUBJECT_MAX, pattern=Line, description="For email and slack; else the first line."),
    ] = None
    body: Annotated[
        str | None, Field(min_length=1, max_length=BODY_MAX, pattern=NO_CONTROLS, description="Plain text.")
    ] = None
    html: Annotated[Html | None, Field(description="For email, beside the text.")] = None
    fallback_after_s: Annotated[
        int | None,
        Field(
            ge=FALLBACK_MIN_S,
            le=FALLBACK_MAX_S,
            description="Go on to the next channel when a text is not delivered, or another channel has not taken it,"
            " within this time; left out: only when it fails.",
        ),
    ] = None
    purpose: Annotated[
        Purpose, Field(description="Why it is sent; urgent needs the scope messages:urgent.")
    ] = "transactional"
    priority: Annotated[int, Field(ge=0, le=9, description="Of the text: higher goes first.")] = 0
    reference: Annotated[ShortText | None, Field(description="Of the text: your own name for it.")] = None
    tags: Annotated[
        dict[ShortText, ShortText], Field(max_length=20, description="Of the text: your own labels.")
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_wording(self) -> Wanted:
        if (self.template_id is None) == (self.body is None):
            raise ValueError("give exactly one of body and template_id")
        if self.template_id is not None and (self.subject is not None or self.html is not None):
            raise ValueError("subject and html belong to body; a template has its own")
        return self


class WantedOnce(Wanted):
    """What one person is told."""

    data: Annotated[
        Values | None,
        Field(
            description="Values of {placeholders}; left out, a body is sent as it is written, braces and all."
        ),
    ] = None


class SendNotification(Body):
    """One notification to one person."""

    recipient: Recipient
    notification: WantedOnce
    idempotency_key: Annotated[
        str | None, Field(max_length=300, description="The same as the header Idempotency-Key.")
    ] = None


class SendNotifications(Wanted):
    """One notification to many people; {placeholders} are filled with the data of each."""

    recipients: Annotated[list[BulkRecipient], Field(min_length=1, max_length=RECIPIENTS_MAX)]
    idempotency_key: Annotated[
        str | None, Field(max_length=300, description="The same as the header Idempotency-Key.")
    ] = None


class NotificationsQuery(ListQuery):
    """Filters of the list of notifications; each narrows."""

    bulk: Annotated[str | None, Field(max_length=100)] = None
    status: Annotated[
        Literal["queued", "sent", "delivered", "failed"] | None, Field(description="Where they stand.")
    ] = None
