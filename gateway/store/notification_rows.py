"""Owns the values that cross the store's door for notifications: what is asked, what is due, what is shown.

Knows no SQL and no channel's protocol; times are UTC ms, ids UUIDv7.
Source: names as in the HTTP interface.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.message import MessageError, Purpose
from gateway.notification_flow import AttemptStatus, Channel, NotificationState


@dataclass(frozen=True, slots=True)
class Sender:
    """The credential that a notification was accepted with, as it was then: what is accepted is carried out."""

    key_id: str
    name: str
    tenant: str
    scopes: tuple[str, ...]
    sandbox: bool


@dataclass(frozen=True, slots=True)
class NotificationRecipient:
    """Where one person can be reached. ``slack`` is a channel of Slack; ``webhook`` a URL."""

    phone: str | None = None
    email: str | None = None
    slack: str | None = None
    webhook: str | None = None


@dataclass(frozen=True, slots=True)
class NotificationContent:
    """What they are told, ready to be sent."""

    subject: str | None
    body: str
    html: str | None

    @property
    def letter(self) -> str:
        """Subject and text in one, as a reader of a letter has them."""
        return f"{self.subject}\n{self.body}" if self.subject else self.body


@dataclass(frozen=True, slots=True)
class SmsChoices:
    """What the text of the channel ``sms`` is given besides its words."""

    purpose: Purpose = "transactional"
    reference: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    priority: int = 0


@dataclass(frozen=True, slots=True)
class NewNotification:
    """An accepted notification. ``channels`` in order; ``sandbox`` rows are seen by sandbox keys."""

    id: str
    sender: Sender
    sandbox: bool
    bulk_id: str | None
    recipient: NotificationRecipient
    content: NotificationContent
    channels: tuple[Channel, ...]
    fallback_after_s: int | None
    sms: SmsChoices
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Due:
    """A notification whose current channel is to be tried, or whose time for it is over.

    ``tries`` were made on this channel before; ``message_id``: the text that carries it already.
    """

    id: str
    sender: Sender
    sandbox: bool
    recipient: NotificationRecipient
    content: NotificationContent
    sms: SmsChoices
    channel: Channel
    step: int
    has_next: bool
    attempt_id: str | None
    status: AttemptStatus | None
    tries: int
    message_id: str | None
    deadline_ms: int | None
    fallback_after_s: int | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one channel. ``at_ms`` is the time of its latest change."""

    id: str
    step: int
    channel: Channel
    status: AttemptStatus
    at_ms: int
    tries: int
    message_id: str | None
    error: MessageError | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification as it is shown: its state and its attempts, nothing of its words."""

    id: str
    tenant: str
    sandbox: bool
    bulk_id: str | None
    state: NotificationState
    channel: Channel
    channels: tuple[Channel, ...]
    held_reason: str | None
    created_at_ms: int
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class RejectedRecipient:
    """Why one recipient of many was not accepted, or not on every channel; ``index`` counts from 0.

    ``to`` is the number, or else the e-mail address, as it was written.
    """

    index: int
    code: str
    detail: str
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Bulk:
    """Many notifications of one request. ``counts`` are the states of those accepted."""

    id: str
    tenant: str
    key_id: str
    sandbox: bool
    total: int
    accepted: int
    rejected: tuple[RejectedRecipient, ...]
    warnings: tuple[RejectedRecipient, ...]
    created_at_ms: int
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tried:
    """What the other side said of one try, in its own words."""

    detail: str | None = None
