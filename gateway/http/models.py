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

from gateway.message import EncodingChoice, OnDoubt, Purpose

# No C0 or C1 control but LF, FF and CR: the rest has no meaning on a phone and can forge logs and terminals.
NO_CONTROLS = r"^[^\x00-\x09\x0b\x0e-\x1f\x7f-\x9f]*$"
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

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
    "message.received", "device.*", "device.attached", "device.detached", "device.conflict",
    "line.*", "line.up", "line.down", "webhook.*", "webhook.dead",
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
        return round(datetime.fromisoformat(value.upper()).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ValueError("there is no such time; write RFC 3339, like 2026-11-21T09:00:00Z") from None


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


Instant = Annotated[
    int, BeforeValidator(instant_ms), WithJsonSchema({"type": "string", "format": "date-time"})
]
Base64 = Annotated[
    bytes, BeforeValidator(_octets), WithJsonSchema({"type": "string", "contentEncoding": "base64"})
]
Text = Annotated[str, Field(min_length=1, pattern=NO_CONTROLS)]
ShortText = Annotated[str, Field(min_length=1, max_length=100, pattern=NO_CONTROLS)]
Label = Annotated[str, Field(min_length=1, max_length=60, pattern=NO_CONTROLS)]
PoolName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
E164 = Annotated[str, Field(pattern=r"^\+[0-9]{3,15}$")]
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
        if (self.data_base64 is None) != (self.port is None):
            raise ValueError("data_base64 and port belong together; give both or none")
        if self.data_base64 is not None and not self.data_base64:
            raise ValueError("data_base64 is empty; give at least one octet")
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
    per_day: Annotated[
        int | None, Field(ge=0, le=1_000_000, description="Parts; 0 = off, null = default.")
    ] = None


class Ussd(Body):
    """A question to the network, like the balance."""

    code: Annotated[UssdCode, Field(description="As dialled, like *100#.")]


class ReleasePhone(Body):
    """What is taken back of a phone."""

    remove_app: Annotated[bool, Field(description="Uninstall the companion as well.")] = False


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

    name: Annotated[str, Field(min_length=1, max_length=60, pattern=NO_CONTROLS)]
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
    to: Annotated[str | None, Field(max_length=40)] = None
    line: Annotated[str | None, Field(max_length=100)] = None
    reference: Annotated[str | None, Field(max_length=100)] = None
    batch: Annotated[str | None, Field(max_length=100)] = None
    since: Annotated[Instant | None, Field(description="Created at this time or later.")] = None
    until: Annotated[Instant | None, Field(description="Created before this time.")] = None


class DeliveriesQuery(ListQuery):
    """Filter of the deliveries of a webhook."""

    state: Literal["pending", "delivered", "dead"] | None = None
