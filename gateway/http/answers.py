"""Owns the shapes of answers as pydantic models, for openapi.json and for the tests that hold answers against them.

Never used to build an answer: that is done by plain dicts, which cost a tenth.
Source: the HTTP interface; RFC 9457 (problem).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from gateway.http.models import EventName, Scope, ShownState
from gateway.message import Coding, InboundType, PartState, Purpose, Witness
from gateway.store.inbound_rows import InboundActionKind, InboundActionState

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Answer(BaseModel):
    """What all answers share: no member that is not described."""

    model_config = ConfigDict(extra="forbid", strict=True)


class MessageError(Answer):
    """Why a message is not delivered; hint is what a person does about it."""

    code: str
    title: str
    hint: str
    network_code: str | None
    permanent: bool


class Money(Answer):
    """An amount; decimal text, so that nothing is lost."""

    amount: str
    currency: str


class Message(Answer):
    """One text to one recipient."""

    id: str
    direction: Literal["outbound"]
    state: ShownState
    to: str
    sender: Annotated[str | None, Field(alias="from")]
    line: str | None
    text: str | None
    data_base64: str | None
    port: int | None
    encoding: Coding
    purpose: Purpose
    warnings: list[str]
    held_reason: str | None
    family: int | None
    parts: int
    parts_sent: int
    parts_delivered: int
    parts_in_doubt: int
    reference: str | None
    batch_id: str | None
    template_id: str | None
    template_version: int | None
    priority: int
    attempts: int
    error: MessageError | None
    created_at: Time
    send_at: Time | None
    expires_at: Time
    sent_at: Time | None
    delivered_at: Time | None
    cost: Money | None
    tags: dict[str, str]


class Part(Answer):
    """One SUBMIT TPDU of one attempt. report_status is TP-ST."""

    attempt: int
    number: int
    total: int
    state: Literal[tuple(state.value for state in PartState)]  # type: ignore[valid-type]  # made from the enum
    line: str | None
    mr: int | None
    tpdu: str | None
    submitted_at: Time | None
    sent_at: Time | None
    report_status: int | None
    reported_at: Time | None
    error: MessageError | None


class Hop(Answer):
    """One step of a message's history and who says so."""

    id: str
    at: Time
    type: str
    witness: Witness
    attempt: int | None
    part: int | None
    line: str | None
    detail: dict[str, JsonValue]


class Eta(Answer):
    """When a message that waits will probably be sent (null: nobody can say), and why not now."""

    at: Time | None
    reason: str


class MessageWithHistory(Message):
    """A message with its parts and timeline."""

    parts_detail: list[Part]
    timeline: list[Hop]
    eta: Eta | None


class MessagePage(Answer):
    """A page of messages, newest first."""

    items: list[Message]
    next: str | None


class PreviewSegment(Answer):
    """One part; start is the index of its first character."""

    text: str | None
    units: int
    start: int


class ForcingCharacter(Answer):
    """A character that the GSM alphabet lacks."""

    index: int
    character: str
    name: str


class Preview(Answer):
    """What a text would become on air."""

    encoding: Coding
    parts: int
    max_parts: int
    fits: bool
    units_used: int
    units_left: int
    segments: list[PreviewSegment]
    forces_ucs2: list[ForcingCharacter]
    gsm7_text: str | None
    gsm7_parts: int | None


class Inbound(Answer):
    """A received message."""

    id: str
    direction: Literal["inbound"]
    state: Literal["received"]
    sender: Annotated[str, Field(alias="from")]
    to: str | None
    line: str
    text: str | None
    data_base64: str | None
    port: int | None
    url: str | None
    parts: int
    received_at: Time
    sent_at: Time | None
    keyword: str | None
    type: InboundType
    complete: bool
    tags: dict[str, str]
    ignored: bool


class InboundAction(Answer):
    """What a received text made: an answer, a copy to somebody, a request; and what became of it."""

    kind: InboundActionKind
    rule: str | None
    state: InboundActionState
    reason: str | None
    attempts: int
    message_id: str | None
    at: Time


class InboundWithPdus(Inbound):
    """A received message with the TPDUs as they came, and what followed from it."""

    pdus: list[str]
    actions: list[InboundAction]


class InboundPage(Answer):
    """A page of received messages, newest first."""

    items: list[Inbound]
    next: str | None


class Webhook(Answer):
    """A subscription."""

    id: str
    url: str
    events: list[EventName]
    include_text: bool
    enabled: bool
    sandbox: bool
    disabled_reason: str | None
    failures_in_row: int
    last_success_at: Time | None
    created_at: Time


class WebhookWithSecret(Webhook):
    """A subscription with its signing secret: shown this once; null in a replay."""

    secret: str | None


class WebhookList(Answer):
    """All subscriptions."""

    items: list[Webhook]
    next: None


class Delivery(Answer):
    """One event for one endpoint; event_id is the webhook-id of each try."""

    id: str
    event_id: str
    event_type: str
    message_id: str | None
    state: Literal["pending", "delivered", "dead"]
    attempt: int
    next_at: Time | None
    last_status: int | None
    last_error: str | None
    last_at: Time | None
    created_at: Time
    finished_at: Time | None


class DeliveryPage(Answer):
    """A page of deliveries, newest first."""

    items: list[Delivery]
    next: str | None


class SignInLink(Answer):
    """A link that opens the dashboard once; ``url`` is null in a replay."""

    url: str | None
    expires_at: str


class TestSent(Answer):
    """The test event that is on its way."""

    event_id: str
    type: Literal["webhook.test"]


class Key(Answer):
    """A key without its secret."""

    id: str
    name: str
    scopes: list[Scope]
    sandbox: bool
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None
    last_address: str | None
    stale: bool


class NewKey(Answer):
    """A new key, shown this once; null in a replay."""

    id: str
    name: str
    scopes: list[Scope]
    sandbox: bool
    created_at: Time
    expires_at: Time | None
    key: str | None


class KeyList(Answer):
    """All keys of the tenant."""

    items: list[Key]
    next: None


class SandboxTextTaken(Answer):
    """The text is on its way to the emulated line."""

    sender: Annotated[str, Field(alias="from")]
    to: str
    text: str


class Health(Answer):
    """Whether the server lives, or can store."""

    status: Literal["ok"]


class ProblemField(Answer):
    """What is wrong with one place of the request."""

    pointer: str
    code: str
    detail: str


class Problem(BaseModel):
    """RFC 9457; hint is what a person does about it."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    family: int
    hint: str
    errors: list[ProblemField]
