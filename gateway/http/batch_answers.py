"""Owns the shapes of answers about batches and approvals, for the description of the API.

Describes only: answers are made elsewhere.
Source: the HTTP interface.
"""

from __future__ import annotations

from typing import Literal

from gateway.http.answers import Answer, Money

BatchStateName = Literal["held", "running", "paused", "completed", "cancelled", "expired", "rejected"]


class RejectedRow(Answer):
    """A row that became no message."""

    index: int
    to: str | None
    code: str
    detail: str


class Failure(Answer):
    """One cause of failure in a batch."""

    code: str
    title: str
    hint: str
    count: int


class Batch(Answer):
    """A batch with its progress. ``rejected`` names the first 1,000."""

    id: str
    state: BatchStateName
    held_reason: str | None
    name: str | None
    reference: str | None
    purpose: str
    template_id: str | None
    template_version: int | None
    fallback: list[str]
    total: int
    accepted: int
    rejected_count: int
    rejected: list[RejectedRow]
    counts: dict[str, int]
    parts: int
    resend_of: str | None
    created_at: str
    send_at: str | None
    started_at: str | None
    completed_at: str | None
    tags: dict[str, str]


class AcceptedBatch(Batch):
    """A batch as it was accepted, with when it will probably be done and why not sooner."""

    eta_s: int | None
    eta_reason: str


class BatchWithOutlook(AcceptedBatch):
    """A batch with when it will be done, what it cost, and why some failed."""

    cost: list[Money]
    failures: list[Failure]


class BatchDryRun(Answer):
    """What a batch would send."""

    dry_run: bool
    total: int
    accepted: int
    rejected_count: int
    rejected: list[RejectedRow]
    parts: int
    longest: dict[str, int | str | None]
    sample: list[str]


class BatchPage(Answer):
    """A page of batches, newest first."""

    items: list[Batch]
    next: str | None


class RejectedRows(Answer):
    """Rejected rows by their place; ``next`` is the place to go on after."""

    items: list[RejectedRow]
    next: int | None


class Sample(Answer):
    """One of the texts that wait for approval."""

    to: str
    text: str | None
    parts: int


class Approval(Answer):
    """Something that waits for a second person, as they are shown it."""

    id: str
    kind: Literal["message", "batch"]
    subject: str
    reason: str
    author: str | None
    state: Literal["pending", "approved", "rejected", "expired", "void"]
    digest: str
    created_at: str
    expires_at: str
    decided_by: str | None
    decided_at: str | None
    note: str | None


class ApprovalWithSample(Approval):
    """An approval with the texts that it is about, the longest first."""

    recipients: int
    parts: int
    cost: list[Money]
    sample: list[Sample]


class ApprovalPage(Answer):
    """A page of approvals, newest first."""

    items: list[Approval]
    next: str | None
