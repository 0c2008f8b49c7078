"""Owns the values of people that cross the store's door: contacts, groups, consents, suppressions.

Knows no SQL and no HTTP; times are UTC ms, ids UUIDv7, numbers E.164.
Source: rules CON-1, OPT-4; names as in the HTTP interface.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gateway.message import Purpose
from gateway.policy.number import SANDBOX_PREFIX

Channel = Literal["sms", "email", "slack", "webhook"]
Basis = Literal["consent", "contract", "legal", "vital", "public", "legitimate"]
SuppressionSource = Literal["keyword", "phone", "email", "letter", "web", "person", "complaint", "erasure"]
ConsentState = Literal["live", "none", "expired", "withdrawn"]
RecordState = Literal["live", "expired", "withdrawn", "superseded"]
"""Of one record: ``withdrawn`` also when a later withdrawal outweighs it, ``superseded`` when a later grant does."""


def is_sandbox_number(number: str | None) -> bool:
    """Say whether only emulated lines reach a number (rules KEY-7)."""
    return number is not None and number.startswith(SANDBOX_PREFIX)


# ------------------------------------------------------------------ contacts


@dataclass(frozen=True, slots=True)
class ContactCard:
    """What is written down of a person; at least one of ``number`` and ``email``. ``groups`` are names."""

    name: str | None = None
    number: str | None = None
    email: str | None = None
    language: str | None = None
    timezone: str | None = None
    channel: Channel | None = None
    tags: dict[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A stored contact. ``opted_out``: the number is suppressed now."""

    id: str
    tenant: str
    sandbox: bool
    card: ContactCard
    created_at_ms: int
    updated_at_ms: int
    opted_out: bool = False


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Filters of the list of contacts; None = any. ``words`` are looked for in name, e-mail and number."""

    group_id: str | None = None
    number: str | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A named set of contacts."""

    id: str
    tenant: str
    sandbox: bool
    name: str
    created_at_ms: int
    size: int


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of the rows of an import."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: Upserted) -> Upserted:
        return Upserted(
            self.created + other.created, self.updated + other.updated, self.unchanged + other.unchanged
        )


# ------------------------------------------------------------------ consents


@dataclass(frozen=True, slots=True)
class Guardian:
    """Who agreed for a child. ``verified_at_ms`` is when that was checked."""

    name: str
    relation: str
    number: str | None = None
    verified_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows that somebody agreed; every field may be missing, not all of them where a proof is needed."""

    text: str | None = None
    url: str | None = None
    file_sha256: str | None = None
    collected_by: str | None = None


@dataclass(frozen=True, slots=True)
class NewConsent:
    """A consent as it was given; ``created_by`` is the id of the key that records it."""

    tenant: str
    number: str
    purpose: Purpose
    basis: Basis
    source: str
    granted_at_ms: int
    created_by: str
    proof: Proof | None = None
    expires_at_ms: int | None = None
    language: str | None = None
    timezone: str | None = None
    subject_is_child: bool = False
    guardian: Guardian | None = None


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """One word of a person: a grant, or (``withdrawn_at_ms`` set) the withdrawal of the grant ``withdraws``."""

    id: str
    said: NewConsent
    sandbox: bool
    created_at_ms: int
    withdrawn_at_ms: int | None
    withdraws: str | None
    state: RecordState


@dataclass(frozen=True, slots=True)
class ConsentFilter:
    """Filters of the list of consents; None = any."""

    number: str | None = None
    purpose: Purpose | None = None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Somebody no longer agrees: when, how that reached us, and the id of the key that records it."""

    at_ms: int
    by: str
    source: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentFact:
    """What a person's newest word on a purpose means now; ``timezone`` and ``language`` are theirs."""

    state: ConsentState
    expires_at_ms: int | None = None
    timezone: str | None = None
    language: str | None = None


# ------------------------------------------------------------------ suppressions


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody wants no texts, or (a start keyword) wants them again; how the wish reached us.

    ``by`` is a key's id, or ``gateway`` for keywords; ``sandbox``: it came over an emulated line or a sandbox key.
    """

    tenant: str
    number: str
    source: SuppressionSource
    by: str = "gateway"
    sandbox: bool = False
    keyword: str | None = None
    inbound_id: str | None = None
    line: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class SuppressionRow:
    """A wish as it is kept; ``number`` is None after an erasure, when only ``subject`` is left."""

    id: str
    tenant: str
    sandbox: bool
    subject: str
    number: str | None
    source: SuppressionSource
    keyword: str | None
    inbound_id: str | None
    line: str | None
    note: str | None
    created_at_ms: int
    created_by: str
    lifted_at_ms: int | None
    lifted_by: str | None
    lift_reason: str | None


@dataclass(frozen=True, slots=True)
class SuppressionFilter:
    """Filters of the list of wishes; None = any. ``active`` False: those that were lifted."""

    number: str | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class Suspected:
    """A received text that sounds like a stop and is none; a person decides."""

    inbound_id: str
    sender: str
    at_ms: int
    text: str | None


@dataclass(frozen=True, slots=True)
class SuppressionFact:
    """A number must not be texted, and why."""

    id: str
    source: SuppressionSource
    since_ms: int
