"""Owns the shapes of answers as pydantic models, for openapi.json and for the tests that hold answers against them.

Never used to build an answer: that is done by plain dicts, which cost a tenth.
Source: the HTTP interface; RFC 9457 (problem).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from gateway.http.models import EventName, Scope, ShownState
from gateway.message import Coding, InboundType, PartState, Purpose, Witness

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
    priority: int
    attempts: int
    error: MessageError | None
    created_at: Time
    send_at: Time | None
    expires_at: Time
    sent_at: Time | None
    delivered_at: Time | None
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


class MessageWithHistory(Message):
    """A message with its parts and timeline."""

    parts_detail: list[Part]
    timeline: list[Hop]


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


class InboundWithPdus(Inbound):
    """A received message with the TPDUs as they came."""

    pdus: list[str]


class InboundPage(Answer):
    """A page of received messages, newest first."""

    items: list[Inbound]
    next: str | None


class Reason(Answer):
    """Why a line or device is as it is."""

    code: str
    title: str
    hint: str


class Quota(Answer):
    """How much of a limit is used, in parts."""

    name: str
    limit: int
    used: int
    resets_at: Time


class Line(Answer):
    """One SIM, attached or remembered. signal_dbm is in dBm, eta_s how long its queue will take."""

    id: str
    iccid: str | None
    imsi: str | None
    number: str | None
    label: str | None
    pool: list[str]
    device: str | None
    state: Literal["up", "down", "paused", "needs_attention"]
    reason: Reason | None
    operator: str | None
    signal_dbm: int | None
    roaming: bool | None
    smsc: str | None
    store_used: int | None
    store_total: int | None
    queued: int
    sent_today: int
    per_minute: int | None
    per_day: int | None
    quotas: list[Quota]
    eta_s: int
    emulated: bool
    last_seen_at: Time


class LineList(Answer):
    """All lines."""

    items: list[Line]
    next: None


class PartsCap(Answer):
    """The device lets out at most so many parts in any window."""

    parts: int
    window_s: int


class DeviceHealth(Answer):
    """What a phone says of itself; null where it does not tell. way is usb or lan."""

    way: str | None
    app_version: str | None
    battery_percent: int | None
    charging: bool | None
    temperature_c: float | None
    airplane: bool | None
    free_bytes: int | None
    standby_bucket: str | None
    doze_exempt: bool | None
    default_sms_app: bool | None
    missing_permissions: list[str]
    cap: PartsCap | None


class DeviceStep(Answer):
    """One step of bringing a phone into order; hint is what a person must do."""

    name: str
    outcome: Literal["ok", "fixed", "refused", "waiting", "skipped"]
    detail: str
    hint: str


class Device(Answer):
    """A phone or modem that is or was attached. state seen: on a cable, and not ours; provision sets it up."""

    id: str
    kind: str
    address: str
    serialno: str | None
    label: str | None
    state: Literal["attached", "away", "seen"]
    adb: str | None
    paired_at: Time | None
    notes: list[str]
    health: DeviceHealth | None
    steps: list[DeviceStep]
    maker: str | None
    model: str | None
    firmware: str | None
    emulated: bool
    attached: bool
    reason: Reason | None
    last_seen_at: Time | None


class DeviceList(Answer):
    """All devices."""

    items: list[Device]
    next: None


class DeviceSteps(Answer):
    """What was done to a phone, or found; ok when no step was refused or waits."""

    ok: bool
    steps: list[DeviceStep]


class Revoked(Answer):
    """The phone's key is worth nothing any more, and its link is closed."""

    id: str
    revoked: Literal[True]


class PairingOffer(Answer):
    """A pairing for one phone, once, within five minutes; the codes are null in a replay.

    link is what the QR code holds; typed_code is for typing; pin is SHA-256 of the listener's public key.
    """

    code: str | None
    typed_code: str | None
    link: str | None
    host: str
    pin: str
    expires_at: Time
    how: str


class UssdAnswer(Answer):
    """What the network answered."""

    code: str
    text: str


class SelfTestStep(Answer):
    """One thing looked at."""

    name: str
    ok: bool
    detail: str


class SelfTest(Answer):
    """The outcome of a self-test."""

    ok: bool
    steps: list[SelfTestStep]


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
