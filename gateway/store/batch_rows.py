"""Owns a batch as it crosses the store's door, and how it looks as JSON, in the API as in events.

Knows no rule.
Source: names as in the HTTP interface.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Literal

from gateway.message import Message, NewMessage, Purpose, shown_reason
from gateway.notification_flow import Channel
from gateway.representation import Json, rfc3339
from gateway.store.crypto import DamagedRow
from gateway.store.notification_rows import Sender
from gateway.store.transaction import Row, Tx

BatchState = Literal[
    "receiving", "held", "running", "paused", "completed", "cancelled", "expired", "rejected"
]


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch that begins to be received. ``text`` or a template; ``fallback`` names channels after sms."""

    id: str
    tenant: str
    key_id: str
    sandbox: bool
    purpose: Purpose
    created_at_ms: int
    text: str | None = None
    template_id: str | None = None
    template_version: int | None = None
    name: str | None = None
    reference: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    fallback: tuple[str, ...] | None = None
    resend_of: str | None = None
    send_at_ms: int | None = None
    expires_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Fallback:
    """Where else a person is told when the text does not arrive: channels in order, after sms."""

    email: str
    channels: tuple[Channel, ...]
    subject: str | None
    sender: Sender


@dataclass(frozen=True, slots=True)
class Incoming:
    """One row that became a message; ``number`` is its place, ``row`` what was asked (for the list of rejections).

    ``batch_holds``: reasons that hold the whole batch instead of the message.
    """

    number: int
    new: NewMessage
    row: dict[str, str] | None = None
    batch_holds: frozenset[str] = frozenset()
    fallback: Fallback | None = None
    first: int = 1
    """The number that the first row has: 0 in an array of JSON, 1 in a file."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One row that became no message: its place, a code of the catalogue, and why in a sentence."""

    number: int
    code: str
    detail: str
    row: dict[str, str] | None = None
    first: int = 1
    """The number that the first row has: 0 in an array of JSON, 1 in a file."""

    @property
    def place(self) -> int:
        """Where it stands for people, who count from 1."""
        return self.number - self.first + 1

    @property
    def written(self) -> str:
        """What was written where the number should be, or in the whole row when it could not be read; "" nothing."""
        row = self.row or {}
        return row["to"] if "to" in row else " · ".join(filter(None, row.values()))

    def dump_row(self) -> str | None:
        """Write the row as it is kept; its counting too, where it is not that of a file."""
        if self.row is None:
            return None
        kept: object = self.row if self.first == 1 else {"first": self.first, "row": self.row}
        return json.dumps(kept, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch with its progress. ``rejections`` are the first ones only."""

    id: str
    tenant: str
    key_id: str
    sandbox: bool
    state: BatchState
    held_reason: str | None
    name: str | None
    reference: str | None
    purpose: Purpose
    tags: dict[str, str]
    template_id: str | None
    template_version: int | None
    fallback: tuple[Channel, ...]
    total: int
    accepted: int
    rejected: int
    parts: int
    digest: str
    resend_of: str | None
    created_at_ms: int
    send_at_ms: int | None
    started_at_ms: int | None
    completed_at_ms: int | None
    counts: dict[str, int]
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class FailedText:
    """A text that did not arrive, with the e-mail address behind it where no letter went out, will, or may have."""

    message: Message
    email: str | None


def load_batch(tx: Tx, row: Row, counts: dict[str, int], rejections: int) -> BatchRow:
    """Read a batch, with at most ``rejections`` of its rejected rows."""
    return BatchRow(
        id=row["id"],
        tenant=row["tenant"],
        key_id=row["key_id"],
        sandbox=bool(row["sandbox"]),
        state=row["state"],
        held_reason=row["held_reason"],
        name=row["name"],
        reference=row["reference"],
        purpose=row["purpose"],
        tags=json.loads(row["tags"]),
        template_id=row["template_id"],
        template_version=row["template_version"],
        fallback=tuple(json.loads(row["fallback"])) if row["fallback"] else (),
        total=row["total"],
        accepted=row["accepted"],
        rejected=row["rejected"],
        parts=row["parts"],
        digest=row["digest"],
        resend_of=row["resend_of"],
        created_at_ms=row["created_at"],
        send_at_ms=row["send_at"],
        started_at_ms=row["started_at"],
        completed_at_ms=row["completed_at"],
        counts=counts,
        rejections=rejected_rows(tx, row["id"], None, rejections) if rejections else (),
    )


def rejected_rows(tx: Tx, batch_id: str, after: int | None, limit: int) -> tuple[Rejection, ...]:
    """Read rejected rows by their place: those behind ``after``, None: from the first, which may be 0."""
    behind = -1 if after is None else after
    rows = tx.rows("batch_rejected_page", batch_id=batch_id, after=behind, limit=limit)
    return tuple(_rejection(tx, each) for each in rows)


def _rejection(tx: Tx, kept: Row) -> Rejection:
    number, code, detail = kept["number"], kept["code"], kept["detail"]
    if kept["row"] is None:
        return Rejection(number, code, detail)
    try:
        cells = json.loads(
            tx.unseal_text(f"batch_rejected|row|{kept['batch_id']}-{number}", kept["row"]) or "{}"
        )
    except DamagedRow:
        return Rejection(number, code, detail)
    # The cells of a row are text: an object can only be one that :meth:`Rejection.dump_row` put around them.
    if isinstance(cells.get("row"), dict):
        return Rejection(number, code, detail, cells["row"], cells["first"])
    return Rejection(number, code, detail, cells)


def batch_json(batch: BatchRow) -> Json:
    """Show a batch. ``rejected`` names rows by their index in the request (from 0) or in the file (from 1)."""
    counts = dict(batch.counts)
    if batch.state == "held" and "queued" in counts:
        counts["held"] = counts.get("held", 0) + counts.pop("queued")
    return {
        "id": batch.id,
        "state": batch.state,
        "held_reason": shown_reason(batch.held_reason),
        "name": batch.name,
        "reference": batch.reference,
        "purpose": batch.purpose,
        "template_id": batch.template_id,
        "template_version": batch.template_version,
        "fallback": list(batch.fallback),
        "total": batch.total,
        "accepted": batch.accepted,
        "rejected_count": batch.rejected,
        "rejected": [
            {"index": one.number, "to": (one.row or {}).get("to"), "code": one.code, "detail": one.detail}
            for one in batch.rejections
        ],
        "counts": counts,
        "parts": batch.parts,
        "resend_of": batch.resend_of,
        "created_at": rfc3339(batch.created_at_ms),
        "send_at": rfc3339(batch.send_at_ms),
        "started_at": rfc3339(batch.started_at_ms),
        "completed_at": rfc3339(batch.completed_at_ms),
        "tags": batch.tags,
    }
