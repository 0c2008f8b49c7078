"""Owns the shapes of answers about notifications, for openapi.json and the tests that hold answers against them.

Never used to build an answer.
Source: the HTTP interface.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.http.answers import Answer, MessageError, Time
from gateway.notification_desk import NamedChannel
from gateway.notification_flow import AttemptStatus, Channel, NotificationState


class NotificationAccepted(Answer):
    """A notification is stored and will be carried out."""

    notification_id: str
    status: Literal["queued"]


class AttemptError(MessageError):
    """Why a channel did not reach the person; detail is what the other side said."""

    detail: str | None


class NotificationAttempt(Answer):
    """What became of one channel. message_id: the text that carries it, where more is to be read."""

    channel: Channel
    status: AttemptStatus
    at: Time
    tries: int
    message_id: str | None
    error: AttemptError | None


class Notification(Answer):
    """Where a notification stands; channel is the one that it is on, or that reached the person."""

    notification_id: str
    status: NotificationState
    channel: Channel
    channels: list[Channel]
    held_reason: str | None
    bulk_id: str | None
    created_at: Time
    attempts: list[NotificationAttempt]


class NotificationPage(Answer):
    """A page of notifications, newest first."""

    items: list[Notification]
    next: str | None


class Remark(Answer):
    """What is said of one recipient; index counts from 0, to is what was written."""

    index: int
    to: str | None
    code: str
    detail: str


class Bulk(Answer):
    """Many notifications of one request. warnings: recipients who were accepted with fewer channels."""

    id: str
    state: Literal["running", "completed"]
    total: int
    accepted: int
    rejected: list[Remark]
    warnings: list[Remark]
    counts: dict[NotificationState, int]
    created_at: Time


class ChannelLimits(Answer):
    """What fits; null where nothing limits it."""

    body_characters: int
    parts: Annotated[int | None, Field(description="Of a text, when the request names no more.")]
    subject_characters: int | None
    html_characters: int | None


class Capability(Answer):
    """What one channel can do here. confirms_delivery: whether delivered can be known, not only sent."""

    channel: NamedChannel
    available: bool
    reason: Annotated[str | None, Field(description="Why it is not available, and what to do.")]
    recipient_field: Annotated[str | None, Field(description="Member of recipient that it needs.")]
    raw: bool
    template: bool
    subject: bool
    html: bool
    confirms_delivery: bool
    limits: ChannelLimits | None


class Capabilities(Answer):
    """Every channel, also those that this gateway does not have."""

    items: list[Capability]
    next: None
