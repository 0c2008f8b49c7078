"""Owns the values that cross the store's door besides messages: keys, lines, devices, webhooks, work to claim.

Knows no SQL; times are UTC ms, ids UUIDv7.
Source: names as in the HTTP interface.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Generic, Literal, TypeVar

from device_bridge.device import DeviceHealth, Outgoing, PartsCap
from device_bridge.sms.outcome import Outcome
from gateway.message import InboundType, Message, MessageState
from gateway.policy.rules import Budget
from gateway.policy.tariff import Tariff

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class View:
    """Whose rows a reader may see: one tenant, and for a sandbox key only sandbox rows (rules TEN-1, KEY-7)."""

    tenant: str
    sandbox_only: bool = False


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Filters of the message list; None = any. Times are UTC ms, ``since`` included, ``until`` not.

    ``scheduled`` tells QUEUED rows whose ``send_at`` is ahead (True) from those that may go (False).
    """

    states: tuple[MessageState, ...] = ()
    scheduled: bool | None = None
    to: str | None = None
    line: str | None = None
    reference: str | None = None
    batch_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, newest first. ``next`` is the id to continue after, or None at the end."""

    items: tuple[T, ...]
    next: str | None


# ------------------------------------------------------------------ admission


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """``scope`` is tenant + credential + method + path; ``fingerprint`` is over the parsed body (rules API-8)."""

    scope: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The answer of a POST that makes no message (keys, webhooks): given again byte for byte on a replay."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Admitted:
    """A message is committed, or an earlier answer is given again."""

    message: Message
    replayed: bool


# ------------------------------------------------------------------ work


@dataclass(frozen=True, slots=True)
class PriorPart:
    """What earlier attempts say of one part: its number, whether it is proven sent, and the TP-MR it had."""

    number: int
    sent: bool
    in_doubt: bool
    mr: int | None


@dataclass(frozen=True, slots=True)
class Work:
    """A queued message as a line sees it when it looks (no state has changed)."""

    message: Message
    attempt: int
    """Serial number that the next attempt will have."""
    copy: int
    """Which concatenated copy the next attempt sends; a new one when the set starts again."""
    reference: int | None
    """Concatenation reference to keep when the copy goes on; None: choose one."""
    prior: tuple[PriorPart, ...]
    last_attempt_at_ms: int | None
    resend_after_doubt: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """Encoded work: what ``claim`` will record and what the line will put on air."""

    work: Work
    attempt_id: str
    copy: int
    reference: int
    outgoing: Outgoing


@dataclass(frozen=True, slots=True)
class Pace:
    """Limits of a line in parts; 0 = off. Days are those of this machine's zone, months begin on ``billing_day``."""

    per_minute: int = 0
    per_hour: int = 0
    per_day: int = 0
    per_month: int = 0
    recipients_per_month: int = 0
    billing_day: int = 1
    cap: PartsCap | None = None
    """What the device itself lets out, counted over all its lines; needs ``device_id``."""
    device_id: str | None = None
    rests_until_ms: int | None = None
    """The line's own quiet hours: until then it carries only what is urgent."""
    tariff: Tariff | None = None
    budgets: tuple[Budget, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """What a line sees: work it may carry now, or until when its pace holds it back."""

    work: tuple[Work, ...]
    paced_until_ms: int | None = None
    paced_by: str | None = None
    unreadable: tuple[str, ...] = ()
    """Messages whose stored text is damaged: they must not go on air."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Ask for the first of ``candidates`` that is still to be had by this line."""

    line_id: str
    device_id: str
    node: str
    candidates: tuple[Prepared, ...]
    pace: Pace
    journal: bool = False
    """The device takes an attempt whole and can be asked about it later: all parts start with the claim."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What ``claim`` gave. ``prepared`` None: nothing of it was to be had; ``paced_until_ms``: the line waits."""

    prepared: Prepared | None
    paced_until_ms: int | None = None
    paced_by: str | None = None


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often and when a message tries again; waits come from the outcome's ``backoff_s``."""

    attempts_max: int = 8
    emulated_backoff_s: tuple[int, ...] = (2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class PartStarting:
    """The next part of an attempt is about to go on air; committed before its first octet (W2)."""

    attempt_id: str
    part: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class NewInbound:
    """A decoded DELIVER, or octets that are none (``type`` undecoded), to be stored before anything else (W3).

    ``concat`` is (reference, total, number) of a part; ``tpdu`` is kept raw. ``fingerprint`` tells a redelivered
    TPDU from a repeated text (TP-OA, TP-SCTS, octets).
    """

    line_id: str
    sender: str
    tpdu: bytes
    at_ms: int
    type: InboundType
    text: str | None = None
    octets: bytes | None = None
    port: int | None = None
    url: str | None = None
    sent_at_ms: int | None = None
    concat: tuple[int, int, int] | None = None
    fingerprint: str = ""


# ------------------------------------------------------------------ hardware


LineStateName = Literal["up", "down", "paused", "needs_attention"]


@dataclass(frozen=True, slots=True)
class LineUse:
    """Parts that a line was given in its present windows, whom it wrote to this month, and money in millionths."""

    minute: int = 0
    hour: int = 0
    day: int = 0
    month: int = 0
    recipients: int = 0
    micro_day: int = 0
    micro_month: int = 0


@dataclass(frozen=True, slots=True)
class LineRow:
    """One SIM as it is remembered. ``id`` is ours; ``key`` is the ICCID (or ``imsi:…``). Reason is a code."""

    id: str
    tenant: str
    key: str
    iccid: str | None
    imsi: str | None
    number: str | None
    label: str | None
    pools: tuple[str, ...]
    device_id: str | None
    state: LineStateName
    reason: Outcome | None
    paused: bool
    operator: str | None
    signal_dbm: int | None
    roaming: bool | None
    smsc: str | None
    store_used: int | None
    store_total: int | None
    emulated: bool
    per_minute: int | None
    per_day: int | None
    last_seen_ms: int
    held_until_ms: int | None = None
    """The network spoke against this SIM; it sends again after this time."""
    per_hour: int | None = None
    per_month: int | None = None
    recipients_per_month: int | None = None
    billing_day: int = 1
    tariff: Tariff | None = None
    quiet_hours: str | None = None
    queued: int = 0
    use: LineUse = LineUse()
    eta_s: int | None = None
    """How long what waits for it will take; None: nobody can say, or it was not asked."""
    eta_reason: str = ""

    @property
    def sent_today(self) -> int:
        return self.use.day


@dataclass(frozen=True, slots=True)
class LineSettings:
    """What the configuration says of a SIM; None = not said, so what people changed over the API stays."""

    label: str | None = None
    number: str | None = None
    pools: tuple[str, ...] | None = None
    per_minute: int | None = None
    per_day: int | None = None
    per_hour: int | None = None
    per_month: int | None = None
    recipients_per_month: int | None = None
    billing_day: int | None = None
    tariff: Tariff | None = None
    quiet_hours: str | None = None

    def fixed(self) -> dict[str, object]:
        """The columns that the configuration decides."""
        columns: dict[str, object] = {
            name: value for name in _AS_THEY_ARE if (value := getattr(self, name)) is not None
        }
        if self.pools is not None:
            columns["pools"] = json.dumps(self.pools)
        if self.tariff is not None:
            columns["tariff"] = json.dumps(asdict(self.tariff), default=dict)
        return columns


_AS_THEY_ARE = (
    "label", "number", "per_minute", "per_day", "per_hour", "per_month", "recipients_per_month", "billing_day",
    "quiet_hours",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A phone or modem that is or was attached."""

    id: str
    kind: str
    address: str
    maker: str | None
    model: str | None
    firmware: str | None
    emulated: bool
    attached: bool
    reason: Outcome | None
    last_seen_ms: int
    notes: tuple[str, ...] = ()
    health: DeviceHealth | None = None


@dataclass(frozen=True, slots=True)
class PhoneRow:
    """A phone that was paired. ``key_digest`` is SHA-256 of its key (rules CMP-2); ``cap`` is what its platform lets
    out as adb read it, None where nobody did."""

    install_id: str
    tenant: str
    key_id: str
    key_digest: bytes
    paired_at_ms: int
    serialno: str | None = None
    label: str | None = None
    revoked_at_ms: int | None = None
    cap_parts: int | None = None
    cap_window_s: int | None = None
    last_seen_ms: int | None = None


# ------------------------------------------------------------------ keys


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A credential without its secret: ``digest`` is SHA-256 of the whole key (rules KEY-2)."""

    id: str
    tenant: str
    public_id: str
    name: str
    digest: bytes
    scopes: tuple[str, ...]
    sandbox: bool
    created_at_ms: int
    expires_at_ms: int | None = None
    revoked_at_ms: int | None = None
    last_used_ms: int | None = None
    last_address: str | None = None
    networks: tuple[str, ...] = ()
    successor_id: str | None = None
    """The key that took its place, while it lives on beside it."""


# ------------------------------------------------------------------ webhooks


ROTATION_MS = 86_400_000
"""How long the old secret of a webhook signs beside the new one (rules WHK-1)."""


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """A subscription. ``secrets`` are ``whsec_…`` in clear, newest first (two during a rotation)."""

    id: str
    tenant: str
    url: str
    events: tuple[str, ...]
    secrets: tuple[str, ...]
    include_text: bool
    sandbox: bool
    enabled: bool
    created_at_ms: int
    rotated_at_ms: int | None = None
    disabled_reason: str | None = None
    failures_in_row: int = 0
    open_until_ms: int | None = None
    last_success_ms: int | None = None
    failing_since_ms: int | None = None
    """When the first of ``failures_in_row`` was."""

    def signing_secrets(self, now_ms: int) -> tuple[str, ...]:
        """The secrets that sign now: the newest, and for a day after a rotation the one before."""
        rotating = self.rotated_at_ms is not None and now_ms < self.rotated_at_ms + ROTATION_MS
        return self.secrets if rotating else self.secrets[:1]


DeliveryState = Literal["pending", "delivered", "dead"]


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One event for one endpoint. ``event_id`` is the ``webhook-id`` of every try.

    ``took_ms`` is how long the last answer took, ``said`` how it began.
    """

    id: str
    webhook_id: str
    event_id: str
    event_seq: int
    event_type: str
    message_id: str | None
    state: DeliveryState
    attempt: int
    next_at_ms: int | None
    last_status: int | None
    last_error: str | None
    last_ms: int | None
    created_at_ms: int
    finished_at_ms: int | None
    took_ms: int | None = None
    said: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A committed event with its payload as subscribers see it; the text is joined in when it is read."""

    seq: int
    id: str
    tenant: str
    type: str
    at_ms: int
    message_id: str | None
    sandbox: bool
    payload: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events in order, and between which ends they were read, on one snapshot.

    Up to the seq ``let_go`` events may have been dropped; ``newest`` is the last seq of all, whoever may see it: what
    the viewer may see up to there and is not in a page with room to spare does not exist.
    """

    events: tuple[Event, ...]
    let_go: int
    newest: int
