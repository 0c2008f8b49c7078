"""Owns the values of the domain: a message, its parts and attempts, an inbound text, and their states.

Knows no database, no HTTP and no device; every other module of this package may import it.
Source: part and report fields by their names in 3GPP TS 23.040 (TP-MR, TP-ST, TP-SCTS).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

NO_CONTROLS = r"^[^\x00-\x09\x0b\x0e-\x1f\x7f-\x9f]*$"
"""What words may hold (rules API-5): no C0 or C1 control but LF, FF and CR. The rest has no meaning on a phone and can
forge logs and terminals."""

SHORT_MAX = 100
"""Characters of a reference, and of a tag's name and value (rules API-5)."""

_FIT = re.compile(NO_CONTROLS)


def short_trouble(words: str) -> str | None:
    """Say why words cannot be a reference, or the name or value of a tag; None: they can."""
    if len(words) > SHORT_MAX:
        return f"has {len(words):,} characters; at most {SHORT_MAX} are allowed"
    if _FIT.fullmatch(words) is None:
        return "holds a control character; of those only line breaks are allowed"
    return None


class MessageState(StrEnum):
    """Where a message stands. ``scheduled`` is how the API shows QUEUED while ``send_at`` is ahead."""

    HELD = "held"
    QUEUED = "queued"
    SUBMITTING = "submitting"
    IN_DOUBT = "in_doubt"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


FINAL_STATES = frozenset(
    {
        MessageState.DELIVERED,
        MessageState.UNDELIVERED,
        MessageState.FAILED,
        MessageState.EXPIRED,
        MessageState.CANCELLED,
    }
)


class PartState(StrEnum):
    """Where one SUBMIT TPDU of one attempt stands."""

    WAITING = "waiting"
    SUBMITTING = "submitting"
    IN_DOUBT = "in_doubt"
    NOT_SENT = "not_sent"
    REJECTED = "rejected"
    SENT = "sent"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"


EncodingChoice = Literal["auto", "gsm7", "gsm7-translit", "ucs2"]
Coding = Literal["gsm7", "ucs2", "8bit"]
OnDoubt = Literal["hold", "resend"]
Purpose = Literal["transactional", "marketing", "urgent"]


Passes = Literal["opt_out", "reply"]
"""Why a message may go to a suppressed number: an urgent text that overrides it, or our own answer to a STOP."""

QUIET_HOURS = "quiet_hours"
APPROVAL = "approval"
CONTENT = "content:"
"""How a stored ``held_reason`` begins when a content rule holds a message; the rule's name follows."""


def shown_reason(held_reason: str | None) -> str | None:
    """Say a ``held_reason`` as people and programs see it: for what a content rule holds, ``approval``.

    The name of the rule is for those who approve: it stands in the approval's ``reason`` (rules CNT-2).
    """
    return APPROVAL if held_reason is not None and held_reason.startswith(CONTENT) else held_reason


def bound_line(route: str) -> str | None:
    """Name the line that alone may carry a message of this route; None: any line of a pool."""
    return route.removeprefix("line:") if route.startswith("line:") else None


@dataclass(frozen=True, slots=True)
class Notify:
    """Who is told when one message fails, or is not sent in time: an e-mail address or a webhook's URL."""

    email: str | None = None
    url: str | None = None
    late_after_s: int | None = None

    def late_at_ms(self, start_ms: int) -> int | None:
        """Say from when on the sender wants to hear that what was to go at ``start_ms`` has not left; None: never."""
        return None if self.late_after_s is None else start_ms + self.late_after_s * 1000


@dataclass(frozen=True, slots=True)
class MessageError:
    """Why a message is not (yet) delivered: an entry of the catalogue and what the network said."""

    code: str
    title: str
    hint: str
    network_code: str | None = None
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class NewMessage:
    """An admitted message, ready to be stored. Times are UTC ms.

    ``route`` is where it may go: ``line:<line id>`` or ``pool:<name>``; ``line`` and ``pool`` are what was asked for.
    ``octets`` + ``port`` instead of ``text`` for 8-bit data. ``parts`` counts SUBMIT TPDUs. ``sandbox`` is decided by
    the recipient (+999…).
    """

    id: str
    tenant: str
    key_id: str
    to: str
    text: str | None
    octets: bytes | None
    port: int | None
    encoding: EncodingChoice
    coding: Coding
    parts: int
    route: str
    line: str | None
    pool: str | None
    sandbox: bool
    priority: int
    purpose: Purpose
    reference: str | None
    batch_id: str | None
    tags: dict[str, str]
    delivery_report: bool
    flash: bool
    on_doubt: OnDoubt
    max_parts: int
    created_at_ms: int
    send_at_ms: int | None
    expires_at_ms: int
    warnings: tuple[str, ...] = ()
    held_reason: str | None = None
    """Why it waits: for a person (HELD), or for its time (``quiet_hours``: QUEUED with ``due_at_ms``)."""
    due_at_ms: int | None = None
    country: str | None = None
    """Main country of the calling code; None in the sandbox."""
    template_id: str | None = None
    template_version: int | None = None
    passes: Passes | None = None
    notify: Notify | None = None
    sticky_line: str | None = None
    """The line that its recipient knows: it alone may carry the message until ``pinned_until_ms``."""
    pinned_until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One text to one recipient as it is stored, text in clear. ``text`` is None after retention or for data."""

    id: str
    tenant: str
    key_id: str
    state: MessageState
    to: str
    text: str | None
    octets: bytes | None
    port: int | None
    encoding: EncodingChoice
    coding: Coding
    parts: int
    parts_sent: int
    parts_delivered: int
    parts_in_doubt: int
    route: str
    line: str | None
    """The line that it is bound to, or the one that carries it once claimed."""
    pool: str | None
    sender: str | None
    """The number of the line that carries it, where known (``from`` of the API)."""
    sandbox: bool
    priority: int
    purpose: Purpose
    reference: str | None
    batch_id: str | None
    tags: dict[str, str]
    delivery_report: bool
    flash: bool
    on_doubt: OnDoubt
    warnings: tuple[str, ...]
    held_reason: str | None
    attempts: int
    """Tries that counted; a line that was not ready does not count."""
    error: MessageError | None
    created_at_ms: int
    send_at_ms: int | None
    due_at_ms: int | None
    """Not before this time; None when it may go at once."""
    expires_at_ms: int
    sent_at_ms: int | None
    delivered_at_ms: int | None
    country: str | None = None
    template_id: str | None = None
    template_version: int | None = None
    cost_micro: int = 0
    """What its attempts cost by the tariff of their lines, in millionths of ``currency``."""
    currency: str | None = None
    passes: Passes | None = None
    line_asked: str | None = None
    """The line that was asked for; None where any might carry it, or a [[route]] chose."""

    def shown_state(self, now_ms: int) -> str:
        """Say the state as people and programs see it: QUEUED until a time that was chosen for it is ``scheduled``."""
        chosen_ms = self.due_at_ms if self.held_reason == QUIET_HOURS else self.send_at_ms
        if self.state is MessageState.QUEUED and chosen_ms is not None and chosen_ms > now_ms:
            return "scheduled"
        return self.state.value


@dataclass(frozen=True, slots=True)
class PartDetail:
    """One row of ``parts_detail``: one SUBMIT TPDU of one attempt."""

    attempt: int
    number: int
    total: int
    state: PartState
    line: str | None
    mr: int | None
    tpdu_hex: str | None
    submitted_at_ms: int | None
    sent_at_ms: int | None
    report_status: int | None
    """TP-ST of the last report."""
    reported_at_ms: int | None
    error: MessageError | None


Witness = Literal["gateway", "modem", "phone", "network", "person"]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One hop of a message: what happened, when, and who says so. ``detail`` holds ids, codes and TPDU hex."""

    id: str
    seq: int
    at_ms: int
    type: str
    witness: Witness
    attempt: int | None
    part: int | None
    line: str | None
    detail: dict[str, object] = field(default_factory=dict)


InboundType = Literal["sms", "data", "mms", "push", "call", "undecoded"]


@dataclass(frozen=True, slots=True)
class Inbound:
    """A received message, joined from its parts. ``text`` is None for data and for what could not be decoded."""

    id: str
    tenant: str
    sender: str
    line: str
    to: str | None
    text: str | None
    octets: bytes | None
    port: int | None
    parts: int
    complete: bool
    type: InboundType
    keyword: str | None
    url: str | None
    received_at_ms: int
    sent_at_ms: int | None
    pdus: tuple[str, ...] = ()
    """Raw DELIVER TPDUs in hex, in order of arrival."""
    tags: dict[str, str] = field(default_factory=dict)
    """What rules of the organisation put on it."""
    ignored: bool = False
    """A rule keeps it from webhooks and streams."""
