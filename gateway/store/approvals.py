"""Owns approvals: what waits for a second person, and what their yes or no does to a message or a batch.

Knows no HTTP. The approver says yes to a digest, so to exactly the texts they saw.
Source: rules CNT-2; a held message is released by the lifecycle's own table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from gateway.lifecycle import Happening
from gateway.message import MessageState
from gateway.store import audit, batches, eta, guards, questions
from gateway.store.decisions import decide_locally
from gateway.store.protocol import NotAdmitted
from gateway.store.questions import ApprovalState, Decision, Subject
from gateway.store.rows import Page, View
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units
from gateway.store.viewing import page_of, viewed

__all__ = ["ApprovalRow", "ApprovalState", "Approvals", "Decision"]


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """An approval as it is stored. ``author`` and ``decided_by`` are ids of keys."""

    id: str
    tenant: str
    kind: Subject
    subject: str
    reason: str
    author_key: str
    digest: str
    state: ApprovalState
    created_at_ms: int
    expires_at_ms: int
    decided_by: str | None
    decided_at_ms: int | None
    note: str | None


ALIKE_ROWS = 100
"""Questions that one answer settles in one transaction: each moves a message, and a claim waits behind all of them."""


def decide(tx: Tx, view: View, approval_id: str, decision: Decision) -> Row:
    """Carry out a person's decision on one question; what is alike is released after it.

    Raises:
        NotFound: no such approval.
        NotAdmitted: ``approval_self``, or ``conflict`` when it is decided already or its text is another by now.
    """
    row = _viewed(tx, view, approval_id)
    if row["state"] != "pending":
        raise NotAdmitted(
            "conflict",
            f"This approval is {row['state']} already. If that was wrong, send the text again: it asks anew.",
        )
    if _wrote(tx, row, decision):
        raise NotAdmitted(
            "approval_self",
            "Another person has to approve this: it was written with this key. Use another key.",
        )
    if row["digest"] != decision.digest:
        raise NotAdmitted(
            "conflict", "What you saw is not what waits now. Read it again and approve its digest."
        )
    decided = _settle(tx, row, decision)
    audit.append(tx, _deed(row, decision))
    return decided


def _deed(row: Row, decision: Decision) -> audit.Deed:
    action = "approval.approved" if decision.approve else "approval.rejected"
    detail = {
        "of": f"{row['subject_kind']}:{row['subject']}",
        "reason": row["reason"],
        "digest": row["digest"],
    }
    by = f"key:{decision.key_id}"
    return audit.Deed(action, by, row["tenant"], f"approval:{row['id']}", detail, bool(row["sandbox"]))


def release_alike(tx: Tx, decided: Row, decision: Decision, after: str) -> str | None:
    """Say the same yes to some of what is alike and of the same world; returns the id to go on after, None: no more."""
    alike = tx.rows(
        "approvals_alike",
        tenant=decided["tenant"],
        sandbox=decided["sandbox"],
        alike=decided["alike"],
        after=after,
        limit=ALIKE_ROWS,
    )
    for other in alike:
        if not _wrote(tx, other, decision):
            _settle(tx, other, decision)
    return str(alike[-1]["id"]) if len(alike) == ALIKE_ROWS else None


def _wrote(tx: Tx, row: Row, decision: Decision) -> bool:
    """Say whether who decides wrote it: a rotated key has another id and the name of the same person."""
    if row["author_key"] == decision.key_id:
        return True
    author = tx.one("key_name", id=row["author_key"])
    return author is not None and author["name"] == decision.key_name


def _settle(tx: Tx, row: Row, decision: Decision) -> Row:
    state: ApprovalState = "approved" if decision.approve else "rejected"
    decided = questions.close(tx, row, state, decision)
    if row["subject_kind"] == "batch":
        _move_batch(tx, row["subject"], "running" if decision.approve else "rejected")
    else:
        happening = Happening.APPROVE if decision.approve else Happening.REJECT
        message = tx.one("message_by_id", id=row["subject"])
        if message is not None and message["state"] == MessageState.HELD:
            if decision.approve and row["reason"] == guards.NEW_COUNTRY:
                guards.accept(tx, message)
            decide_locally(tx, message, happening, f"key:{decision.key_id}")
    return decided


def _move_batch(tx: Tx, batch_id: str, state: str) -> None:
    moved = tx.one(
        "batch_move",
        id=batch_id,
        old_state="held",
        new_state=state,
        held_reason=None,
        started_at=tx.now_ms if state == "running" else None,
        completed_at=None if state == "running" else tx.now_ms,
    )
    tx.touched.add("queue")
    if moved is not None and state == "running":
        batches.tell(tx, moved, "batch.started")


def expire(tx: Tx, limit: int) -> None:
    """Give up what nobody approved within a day."""
    for row in tx.rows("approvals_late", now=tx.now_ms, limit=limit):
        questions.close(tx, row, "expired")
        if row["subject_kind"] == "batch":
            _move_batch(tx, row["subject"], "expired")
            continue
        message = tx.one("message_by_id", id=row["subject"])
        if message is not None and message["state"] == MessageState.HELD:
            decide_locally(tx, message, Happening.EXPIRE, "gateway")


# ------------------------------------------------------------------ reads


def _viewed(tx: Tx, view: View, approval_id: str) -> Row:
    return viewed(tx, view, "approval_for_viewer", approval_id)


def load(row: Row) -> ApprovalRow:
    return ApprovalRow(
        id=row["id"],
        tenant=row["tenant"],
        kind=row["subject_kind"],
        subject=row["subject"],
        reason=row["reason"],
        author_key=row["author_key"],
        digest=row["digest"],
        state=row["state"],
        created_at_ms=row["created_at"],
        expires_at_ms=row["expires_at"],
        decided_by=row["decided_by"],
        decided_at_ms=row["decided_at"],
        note=row["note"],
    )


class Approvals:
    """The verbs about approvals."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def one(self, view: View, approval_id: str) -> ApprovalRow:
        """Raises NotFound."""
        return await self._units.read(lambda tx: load(_viewed(tx, view, approval_id)))

    async def page(
        self, view: View, state: ApprovalState | None, limit: int, after: str | None
    ) -> Page[ApprovalRow]:
        """List approvals, newest first."""

        def read(tx: Tx) -> Page[ApprovalRow]:
            rows = tx.rows(
                "approvals_page",
                tenant=view.tenant,
                sandbox_only=int(view.sandbox_only),
                state=state or "",
                after=after or "",
                limit=limit + 1,
            )
            return page_of(rows, limit, load)

        return await self._units.read(read)

    async def decide(self, view: View, approval_id: str, decision: Decision) -> ApprovalRow:
        """Carry out a decision, and a yes for all that is alike; what an end cuts off waits on for its answer.

        Raises:
            NotFound, NotAdmitted.
        """
        decided = await self._units.write(lambda tx: decide(tx, view, approval_id, decision))
        after: str | None = "" if decision.approve and decided["alike"] is not None else None
        while after is not None:
            some = partial(release_alike, decided=decided, decision=decision, after=after)
            after = await self._units.write(some, crowd=True)
        return load(decided)

    async def price(self, row: ApprovalRow) -> dict[str, int]:
        """Say what it would cost at least (millionths by currency): by the cheapest line that could carry it."""
        return await self._units.read(lambda tx: eta.price(tx, row.tenant, row.kind, row.subject))
