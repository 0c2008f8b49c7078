"""Owns the shapes of answers about people as pydantic models, for openapi.json and the tests that hold answers to them.

Never used to build an answer.
Source: the HTTP interface; rules CON-1, OPT-4.
"""

from __future__ import annotations

from pydantic import RootModel

from gateway.http.answers import Answer, Time
from gateway.message import Purpose
from gateway.store.people_rows import Basis, Channel, RecordState, SuppressionSource


class Contact(Answer):
    """A person. opted_out: the number is suppressed and gets no texts."""

    id: str
    name: str | None
    number: str | None
    email: str | None
    language: str | None
    timezone: str | None
    channel: Channel | None
    tags: dict[str, str]
    groups: list[str]
    opted_out: bool
    sandbox: bool
    created_at: Time
    updated_at: Time


class ContactPage(Answer):
    """A page of contacts, newest first."""

    items: list[Contact]
    next: str | None


class RejectedContact(Answer):
    """A row of a file that was not taken in."""

    row: int
    code: str
    detail: str


class ImportedContacts(Answer):
    """What became of a file; of more than 1,000 rejected rows the first are shown."""

    total: int
    created: int
    updated: int
    unchanged: int
    rejected_count: int
    rejected: list[RejectedContact]
    columns_ignored: list[str]
    dry_run: bool


class Group(Answer):
    """A named set of contacts."""

    id: str
    name: str
    size: int
    sandbox: bool
    created_at: Time


class GroupPage(Answer):
    """A page of groups, newest first."""

    items: list[Group]
    next: str | None


class Proof(Answer):
    """What shows that somebody agreed."""

    text: str | None
    url: str | None
    file_sha256: str | None
    collected_by: str | None


class GuardianOfChild(Answer):
    """Who agreed for a child."""

    name: str
    relation: str
    number: str | None
    verified_at: Time | None


class Consent(Answer):
    """One record: a grant, or the withdrawal of the grant that withdraws names. state is what it means now."""

    id: str
    number: str
    purpose: Purpose
    state: RecordState
    basis: Basis
    source: str
    proof: Proof | None
    granted_at: Time
    expires_at: Time | None
    withdrawn_at: Time | None
    withdraws: str | None
    language: str | None
    timezone: str | None
    subject_is_child: bool
    guardian: GuardianOfChild | None
    created_at: Time
    created_by: str


class ConsentPage(Answer):
    """A page of records, newest first."""

    items: list[Consent]
    next: str | None


class Suppression(Answer):
    """A wish for no texts; number is null after an erasure, subject stays. active until it is lifted."""

    id: str
    number: str | None
    subject: str
    source: SuppressionSource
    keyword: str | None
    inbound_id: str | None
    line: str | None
    note: str | None
    active: bool
    created_at: Time
    created_by: str
    lifted_at: Time | None
    lifted_by: str | None
    lift_reason: str | None


class RejectedNumber(Answer):
    """An entry of numbers that was not taken in."""

    index: int
    number: str
    code: str
    detail: str


class SuppressedNumbers(Answer):
    """What became of many numbers."""

    total: int
    added: int
    known: int
    rejected: list[RejectedNumber]


class OneOrManySuppressed(RootModel[Suppression | SuppressedNumbers]):
    """Suppression where number was given, SuppressedNumbers where numbers were."""


class SuppressionPage(Answer):
    """A page of wishes, newest first."""

    items: list[Suppression]
    next: str | None
