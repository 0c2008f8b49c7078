"""Owns the questions to a second person: how one is asked, what it is about, and how it is closed.

Knows no answer and no lifecycle: what a yes or a no does is :mod:`gateway.store.approvals`.
Source: rules CNT-2 (the digest of what would be sent; any change voids the question).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

from gateway.ids import new_id
from gateway.message import NewMessage
from gateway.store import guards
from gateway.store.events import Happened, append
from gateway.store.transaction import Row, Tx

APPROVAL_MS = 24 * 3_600_000
"""Without an answer for a day it is too late (rules CNT-2)."""

Subject = Literal["message", "batch"]
ApprovalState = Literal["pending", "approved", "rejected", "expired", "void"]


@dataclass(frozen=True, slots=True)
class NewApproval:
    """Something that waits for a second person. ``alike``: others with the same value are released with it."""

    tenant: str
    kind: Subject
    subject: str
    sandbox: bool
    reason: str
    author_key: str
    digest: str
    alike: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided: yes or no, to the digest of what they saw, as which key (id and name)."""

    approve: bool
    digest: str
    key_id: str
    key_name: str
    note: str | None = None


def digest_of(to: str, text: str | None, octets: bytes | None) -> str:
    """SHA-256 of what would be sent to whom."""
    content = json.dumps([to, text, None if octets is None else octets.hex()], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def of_message(new: NewMessage) -> NewApproval:
    """Make the approval of a message that is held."""
    reason = new.held_reason or "approval"
    alike = None
    if reason == guards.NEW_COUNTRY:
        alike = f"{reason}|{new.country}"
    elif reason == guards.NUMBER_RANGE:
        alike = f"{reason}|{new.to[: -guards.RANGE_DIGITS]}"
    return NewApproval(
        new.tenant,
        "message",
        new.id,
        new.sandbox,
        reason,
        new.key_id,
        digest_of(new.to, new.text, new.octets),
        alike,
    )


def ask(tx: Tx, new: NewApproval) -> None:
    """Wait for a person's word, and tell of it."""
    approval_id = new_id()
    tx.run(
        "approval_insert",
        id=approval_id,
        tenant=new.tenant,
        subject_kind=new.kind,
        subject=new.subject,
        sandbox=int(new.sandbox),
        reason=new.reason,
        author_key=new.author_key,
        digest=new.digest,
        alike=new.alike,
        created_at=tx.now_ms,
        expires_at=tx.now_ms + APPROVAL_MS,
    )
    _tell(
        tx,
        "approval.requested",
        _About(approval_id, new.tenant, new.sandbox, new.kind, new.subject, new.reason),
    )


def close(tx: Tx, row: Row, state: ApprovalState, decision: Decision | None = None) -> Row:
    """Write how a question ended, and tell of it."""
    decided = tx.one(
        "approval_decide",
        id=row["id"],
        state=state,
        by=decision.key_id if decision else None,
        at=tx.now_ms,
        note=decision.note if decision else None,
    )
    if decided is None:
        raise AssertionError(f"approval {row['id']} changed within its own transaction")
    about = _About(
        row["id"], row["tenant"], bool(row["sandbox"]), row["subject_kind"], row["subject"], row["reason"]
    )
    _tell(tx, "approval.decided", about, state)
    return decided


def drop(tx: Tx, subject: str, state: ApprovalState = "void") -> None:
    """Close the question about something that ended without an answer, if there is one."""
    row = tx.one("approval_of_subject", subject=subject)
    if row is not None:
        close(tx, row, state)


@dataclass(frozen=True, slots=True)
class _About:
    id: str
    tenant: str
    sandbox: bool
    kind: Subject
    subject: str
    reason: str


def _tell(tx: Tx, event_type: str, about: _About, state: ApprovalState = "pending") -> None:
    append(
        tx,
        Happened(
            type=event_type,
            tenant=about.tenant,
            sandbox=about.sandbox,
            subject=about.id,
            witness="person" if state in ("approved", "rejected") else "gateway",
            public=True,
            snapshot={
                "id": about.id,
                "kind": about.kind,
                "subject": about.subject,
                "reason": about.reason,
                "state": state,
            },
        ),
    )
