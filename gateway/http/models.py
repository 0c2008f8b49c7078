"""Owns the bodies and queries that the API accepts, as strict pydantic models; nothing unknown gets in.

Knows no rule beyond shape and range; what a value means is for admission and the store.
Source: rules API-1, API-5, API-11; the same models make openapi.json.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from gateway.message import NO_CONTROLS, SHORT_MAX, EncodingChoice, OnDoubt, Purpose
from gateway.policy.quiet_week import parse_span, week_without

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_LAST_MS = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z: what comes after it cannot be written as RFC 3339."""

Scope = Literal[
    "messages:read", "messages:send", "messages:cancel", "messages:urgent", "messages:shortcode",
    "batches:write", "inbound:read", "events:read", "lines:read", "lines:manage", "ussd", "webhooks:manage",
    "templates:manage", "suppressions:manage", "consents:manage", "approvals:decide", "keys:manage",
    "users:manage", "privacy:export", "privacy:erase", "audit:read", "metrics:read", "*",
]  # fmt: skip
SCOPES: tuple[str, ...] = get_args(Scope)

EventName = Literal[
    "*", "message.*", "message.queued", "message.held", "message.submitting", "message.sent", "message.delivered",
    "message.undelivered", "message.failed", "message.expired", "message.cancelled", "message.in_doubt",
    "message.received", "batch.*", "batch.started", "batch.held", "batch.paused", "batch.cancelled",
    "batch.completed", "notification.*", "notification.sent", "notification.delivered", "notification.failed",
    "approval.*", "approval.requested", "approval.decided", "suppression.*", "suppression.added",
    "suppression.suspected", "suppression.start_ignored", "consent.*", "consent.expiring", "policy.*", "policy.alert",
    "key.*", "key.anomaly", "device.*", "device.attached", "device.detached", "device.conflict",
    "line.*", "line.up", "line.down", "line.low_credit", "line.quota_reached", "webhook.*", "webhook.dead",
]  # fmt: skip

ShownState = Literal[
    "scheduled", "held", "queued", "submitting", "sent", "delivered", "undelivered", "failed", "expired",
    "cancelled", "in_doubt",
]  # fmt: skip


def instant_ms(value: object) -> int:
    """Read RFC 3339 with offset as UTC ms.

    Raises:
        ValueError: no such time, or no offset.
    """
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("write RFC 3339 with an offset, like 2026-11-21T09:00:00Z")
    try:
        at_ms = round(datetime.fromisoformat(value.upper()).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ValueError("there is no such time; write RFC 3339, like 2026-11-21T09:00:00Z") from None
    if not 0 <= at_ms <= _LAST_MS:
        raise ValueError(
            "a time lies between 1970 and 9999 in UTC; write RFC 3339, like 2026-11-21T09:00:00Z"
        )
    return at_ms


def _octets(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError("must be text: octets in base64")  # noqa: TRY004 - pydantic turns only ValueError into 422
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64; use the standard alphabet with padding") from None


def _network_code(value: str) -> str:
    if not re.fullmatch(r"[0-9*#+]{1,182}", value, re.ASCII):
        raise ValueError("a USSD code has only digits, *, # and +, like *100#")
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("a name of spaces only cannot be seen; write one that people can read")
    return value


def _span(value: str) -> str:
    week_without(parse_span(value))
    return value


Instant = Annotated[
    int, BeforeValidator(instant_ms), WithJsonSchema({"type": "string", "format": "date-time"})
]
Base64 = Annotated[
    bytes, BeforeValidator(_octets), WithJsonSchema({"type": "string", "contentEncoding": "base64"})
]
Text = Annotated[str, Field(min_length=1, pattern=NO_CONTROLS)]
ShortText = Annotated[str, Field(min_length=1, max_length=SHORT_MAX, pattern=NO_CONTROLS)]
Name = Annotated[ShortText, AfterValidator(_not_blank)]
"""What people find a thing by."""
TemplateValue = Annotated[str, Field(max_length=1_000, pattern=NO_CONTROLS)]
Label = Annotated[str, Field(min_length=1, max_length=60, pattern=NO_CONTROLS), AfterValidator(_not_blank)]
PoolName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
E164 = Annotated[str, Field(pattern=r"^\+[0-9]{3,15}$")]
QuietSpan = Annotated[str, AfterValidator(_span)]
UssdCode = Annotated[str, AfterValidator(_network_code)]


class Body(BaseModel):
    """What all bodies share: strict types, no unknown member, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)


class Empty(Body):
    """A body without members; the body may also be left out."""


class MessageContent(Body):
    """What a text or data message carries and how it is encoded."""

    text: Annotated[Text | None, Field(description="What the recipient reads.")] = None
    data_base64: Annotated[Base64 | None, Field(description="8-bit data instead of text; needs port.")] = None
    port: Annotated[int | None, Field(ge=0, le=65_535, description="Application port of the data.")] = None
    encoding: Annotated[
        EncodingChoice,
        Field(
            description="auto: GSM-7 where it fits, else UCS-2; gsm7 refuses what does not fit; gsm7-translit"
            " replaces it; ucs2 always."
        ),
    ] = "auto"
    max_parts: Annotated[
        int | None, Field(ge=1, le=255, description="Refuse a text that needs more parts.")
    ] = None

    @model_validator(mode="after")
    def _one_content(self) -> MessageContent:
        if (self.text is None) == (self.data_base64 is None):
            raise ValueError("give exactly one of text, or data_base64 with port")
        self._check_octets()
        return self

    def _check_octets(self) -> None:
        if (self.data_base64 is None) != (self.port is None):
            raise ValueError("data_base64 and port belong together; give both or none")
        if self.data_base64 is not None and not self.data_base64:
            raise ValueError("data_base64 is empty; give at least one octet")


class NotifySender(Body):
    """Who is told when a message has not left in time, and when it fails, does not arrive, expires or is in doubt; each
    once."""

    email: Annotated[str | None, Field(max_length=320, description="By e-mail; needs a mail server.")] = None
    url: Annotated[
        str | None, Field(min_length=1, max_length=2048, description="By a POST of the message to this URL.")
    ] = None
    late_after_s: Annotated[
        int | None,
        Field(ge=60, le=604_800, description="Late: not sent so long after send_at, or after now."),
    ] = None

    @model_validator(mode="after")
    def _somebody(self) -> NotifySender:
        if self.email is None and self.url is None:
            raise ValueError("notify tells nobody; give email, url or both")
        return self


class SendMessage(MessageContent):
    """One message to one recipient."""

    to: Annotated[
        str, Field(description="E.164, or national when default_region is set; +999… is the sandbox.")
    ]
    reference: Annotated[
        ShortText | None, Field(description="Your own name for it; shown and searchable.")
    ] = None
    priority: Annotated[int, Field(ge=0, le=9, description="Higher goes first.")] = 0
    send_at: Annotated[Instant | None, Field(description="Not before this time; at most 365 days ahead.")] = (
        None
    )
    valid_for_s: Annotated[
        int | None,
        Field(ge=60, le=604_800, description="Not worth sending later than this after send_at or now."),
    ] = None
    delivery_report: Annotated[bool, Field(description="Ask the network whether it arrived.")] = True
    flash: Annotated[bool, Field(description="Class 0: shown at once, not stored by the phone.")] = False
    line: Annotated[ShortText | None, Field(description="Only this line: id, ICCID, number or label.")] = None
    pool: Annotated[PoolName | None, Field(description="Only lines of this pool.")] = None
    on_doubt: Annotated[
        OnDoubt | None, Field(description="When nobody knows whether it left: hold for a person, or resend.")
    ] = None
    purpose: Annotated[
        Purpose, Field(description="Why it is sent; urgent needs the scope messages:urgent.")
    ] = "transactional"
    tags: Annotated[dict[ShortText, ShortText], Field(max_length=20, description="Your own labels.")] = Field(
        default_factory=dict
    )
    notify: Annotated[
        NotifySender | None, Field(description="Who is told when it ends badly or is late.")
    ] = None
    template_id: Annotated[ShortText | None, Field(description="Instead of text.")] = None
    data: Annotated[
        dict[ShortText, TemplateValue], Field(max_length=100, description="Values of the template.")
    ] = Field(default_factory=dict)
    language: Annotated[
        str | None, Field(max_length=35, description="BCP 47; chooses a template's text.")
    ] = None
    override_opt_out: Annotated[
        bool,
        Field(
            description="Send although the recipient opted out: only urgent, only where the policy lets it; each one"
            " is an event."
        ),
    ] = False

    @model_validator(mode="after")
    def _one_content(self) -> SendMessage:
        given = [member for member in (self.text, self.template_id, self.data_base64) if member is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of text, template_id, or data_base64 with port")
        if self.template_id is None and (self.data or self.language is not None):
            raise ValueError("data and language belong to template_id; leave them out")
        self._check_octets()
        return self

    @model_validator(mode="after")
    def _one_route(self) -> SendMessage:
        if self.line is not None and self.pool is not None:
            raise ValueError("give line or pool, not both")
        return self


class PreviewMessage(MessageContent):
    """A text to be measured; nothing is sent."""


class Resolve(Body):
    """The word of a person on a message in doubt."""

    decision: Annotated[
        Literal["resend", "sent", "failed"],
        Field(alias="as", description="resend: send again; sent: it did leave; failed: it did not."),
    ]


class PatchLine(Body):
    """What can be changed of a line; members left out stay."""

    label: Annotated[Label | None, Field(description="Name that people see; null removes it.")] = None
    number: Annotated[E164 | None, Field(description="Own number, where the SIM does not know it.")] = None
    pool: Annotated[
        list[PoolName] | None, Field(min_length=1, max_length=20, description="Pools it joins.")
    ] = None
    paused: Annotated[bool | None, Field(description="true: claim nothing until false.")] = None
    per_minute: Annotated[
        int | None, Field(ge=0, le=6_000, description="Parts; 0 = off, null = default.")
    ] = None
    per_hour: Annotated[
        int | None, Field(ge=0, le=360_000, description="Parts; 0 = off, null = default.")
    ] = None
    per_day: Annotated[
        int | None, Field(ge=0, le=1_000_000, description="Parts; 0 = off, null = default.")
    ] = None
    per_month: Annotated[
        int | None, Field(ge=0, le=30_000_000, description="Parts a billing month; 0 = off, null = default.")
    ] = None
    recipients_per_month: Annotated[
        int | None,
        Field(ge=0, le=1_000_000, description="Numbers a billing month; 0 = off, null = default."),
    ] = None
    quiet_hours: Annotated[
        QuietSpan | None,
        Field(description="Span in which it sends only urgent texts, 21:00-08:00; null = none."),
    ] = None


class Ussd(Body):
    """A question to the network, like the balance."""

    code: Annotated[UssdCode, Field(description="As dialled, like *100#.")]


class TestLine(Body):
    """What a self-test does."""

    send: Annotated[
        bool,
        Field(
            description="Let the line text itself: one text that costs what a text costs; needs messages:send. The"
            " answer comes when it has come in, after two minutes at most. false looks only, which costs nothing."
        ),
    ] = False


class ReleasePhone(Body):
    """What is taken back of a phone."""

    remove_app: Annotated[bool, Field(description="Uninstall the companion as well.")] = False


class UnlockSim(Body):
    """The PIN of the SIM in a modem. It goes to the SIM once, and is never shown again."""

    pin: Annotated[
        str,
        Field(
            pattern=r"^[0-9]{4,8}$",
            repr=False,
            description="4 to 8 digits.",
            json_schema_extra={"format": "password", "writeOnly": True},
        ),
    ]
    last_try: Annotated[
        bool, Field(description="Enter it even if one try is left; a wrong PIN locks the SIM then.")
    ] = False


class ExaminePhone(Body):
    """How far an examination goes."""

    fix: Annotated[bool, Field(description="Repair what can be repaired; raises the SMS limit too.")] = False
    may_reboot: Annotated[
        bool, Field(description="With fix: restart the phone where that is what a repair needs.")
    ] = False


class CreateWebhook(Body):
    """A new subscription."""

    url: Annotated[str, Field(min_length=1, max_length=2048, pattern=NO_CONTROLS)]
    events: Annotated[list[EventName], Field(min_length=1, max_length=50)] = ["message.*"]
    include_text: Annotated[bool, Field(description="Whether events carry the text of messages.")] = True
    enabled: bool = True
    test: Annotated[bool, Field(description="Send webhook.test first.")] = False


class PatchWebhook(Body):
    """What can be changed of a subscription; members left out stay."""

    url: Annotated[str | None, Field(min_length=1, max_length=2048, pattern=NO_CONTROLS)] = None
    events: Annotated[list[EventName] | None, Field(min_length=1, max_length=50)] = None
    include_text: bool | None = None
    enabled: Annotated[
        bool | None, Field(description="true also closes the circuit and forgets failures.")
    ] = None


class CreateKey(Body):
    """A new key; no key can make one that may do more than itself."""

    name: Label
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=30)]
    sandbox: Annotated[bool, Field(description="Reaches only +999… and emulated lines.")] = False
    expires_at: Instant | None = None


class RotateKey(Body):
    """How long the old key lives on beside the new one."""

    now: Annotated[bool, Field(description="End the old key at once instead of after 24 h.")] = False


class SandboxText(Body):
    """A text that arrives at an emulated line."""

    sender: Annotated[
        str,
        Field(
            alias="from", min_length=1, max_length=20, pattern=r"^(\+?[0-9]{1,20}|[A-Za-z0-9 ._&-]{1,11})$"
        ),
    ]
    to: Annotated[str, Field(description="Number of an emulated line.", min_length=1, max_length=40)]
    text: Text


# ------------------------------------------------------------------ queries


def _with_its_plus(value: str) -> str:
    """An address reads a + that is not written as %2B as a space; no number begins with one."""
    return f"+{value[1:]}" if value.startswith(" ") else value


WantedNumber = Annotated[str, Field(max_length=40), AfterValidator(_with_its_plus)]


class Query(BaseModel):
    """What all queries share: values are text, unknown names are refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class NoQuery(Query):
    """A route that takes no query."""


class ListQuery(Query):
    """A page of a list."""

    limit: Annotated[int, Field(ge=1, le=500, description="Items per page.")] = 50
    cursor: Annotated[str | None, Field(max_length=512, description="next of the page before.")] = None


class MessagesQuery(ListQuery):
    """Filters of the message list; each narrows."""

    state: Annotated[
        list[ShownState], Field(max_length=11, description="One or more states, repeated or with commas.")
    ] = Field(default_factory=list)
    to: WantedNumber | None = None
    line: Annotated[str | None, Field(max_length=100)] = None
    reference: Annotated[str | None, Field(max_length=100)] = None
    batch: Annotated[str | None, Field(max_length=100)] = None
    key: Annotated[str | None, Field(max_length=100, description="Id or name of the key that sent it.")] = (
        None
    )
    tag: Annotated[list[str], Field(max_length=20, description="name=value; each narrows.")] = Field(
        default_factory=list
    )
    q: Annotated[
        str | None,
        Field(max_length=200, description="Words that all stand in the text, whatever their case."),
    ] = None
    since: Annotated[Instant | None, Field(description="Created at this time or later.")] = None
    until: Annotated[Instant | None, Field(description="Created before this time.")] = None


class DeliveriesQuery(ListQuery):
    """Filter of the deliveries of a webhook."""

    state: Literal["pending", "delivered", "dead"] | None = None
