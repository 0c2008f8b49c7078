"""Owns the append-only event table and the delivery rows that are written with each event (W4).

Knows nothing of HTTP: a delivery row is work for the webhook sender. An event keeps ids and a snapshot without
text; the text is joined in when somebody reads it.
Source: Standard Webhooks 1.0.0 (the event's id is the webhook-id); rules WHK-2.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import Any

from gateway.ids import new_id
from gateway.message import Message, Witness
from gateway.representation import Json, message_json
from gateway.store.convert import load_inbound, load_message
from gateway.store.protocol import NotFound
from gateway.store.rows import Event, EventPage, View
from gateway.store.transaction import Row, Tx

LET_GO = "events_let_go"
"""The fact that holds the seq up to which events may have been dropped."""

PRUNE_ROWS = 500
"""Events looked at in one transaction: bounds how long claims wait behind it."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of history. ``public`` ones reach webhooks and streams with ``snapshot``."""

    type: str
    tenant: str
    sandbox: bool
    subject: str | None = None
    witness: Witness = "gateway"
    public: bool = False
    attempt: int | None = None
    part: int | None = None
    line: str | None = None
    detail: dict[str, Any] | None = None
    snapshot: Json | None = None
    tpdu: bytes | None = None
    """The raw TPDU that says so; sealed, because it may hold user data."""


def append(tx: Tx, happened: Happened, *, webhook_id: str | None = None) -> tuple[int, str]:
    """Write an event, and for a public one a delivery for each subscription that wants it."""
    event_id = new_id()
    seq = tx.insert(
        "event_insert",
        id=event_id,
        tenant=happened.tenant,
        at=tx.now_ms,
        type=happened.type,
        public=int(happened.public),
        sandbox=int(happened.sandbox),
        subject=happened.subject,
        witness=happened.witness,
        attempt=happened.attempt,
        part=happened.part,
        line=happened.line,
        detail=json.dumps(happened.detail) if happened.detail else None,
        tpdu=tx.seal(f"event|tpdu|{event_id}", happened.tpdu),
        snapshot=json.dumps(happened.snapshot) if happened.snapshot is not None else None,
    )
    if happened.public:
        tx.touched.add("events")
        _outbox(tx, happened, (seq, event_id), webhook_id)
    return seq, event_id


def _outbox(tx: Tx, happened: Happened, event: tuple[int, str], webhook_id: str | None) -> None:
    for hook in _hooks(tx, happened.tenant, happened.sandbox):
        wanted = (
            hook["id"] == webhook_id if webhook_id else matches(json.loads(hook["events"]), happened.type)
        )
        if not wanted:
            continue
        ahead = tx.one("delivery_waits_until", webhook_id=hook["id"], subject=happened.subject)
        tx.run(
            "delivery_insert",
            id=new_id(),
            tenant=happened.tenant,
            webhook_id=hook["id"],
            event_id=event[1],
            event_seq=event[0],
            event_type=happened.type,
            subject=happened.subject,
            at=tx.now_ms,
            next_at=max(tx.now_ms, ahead["at"] or 0) if ahead else tx.now_ms,
        )
        tx.touched.add("deliveries")


def _hooks(tx: Tx, tenant: str, sandbox: bool) -> list[Row]:  # noqa: FBT001  one of two worlds, not a switch
    known = tx.group.hooks.get((tenant, sandbox))
    if known is None:
        known = tx.rows("webhooks_wanting", tenant=tenant, sandbox=int(sandbox))
        tx.group.hooks[tenant, sandbox] = known
    return known


def matches(patterns: list[str], event_type: str) -> bool:
    """Say whether one of ``message.*``-like patterns covers an event type."""
    return any(fnmatchcase(event_type, pattern) for pattern in patterns)


def message_event(tx: Tx, row: Row, event_type: str, **more: Any) -> int:
    """Write a public event about a message with its snapshot (``row`` is the message as it now is); returns its seq."""
    return event_of(tx, load_message(tx, row, with_text=False), event_type, **more)


def event_of(tx: Tx, message: Message, event_type: str, **more: Any) -> int:
    """Write a public event about a message; its text is left out of the snapshot. Returns its seq."""
    snapshot = message_json(message, tx.now_ms)
    snapshot["text"] = snapshot["data_base64"] = None
    seq, _ = append(
        tx,
        Happened(
            type=event_type,
            tenant=message.tenant,
            sandbox=message.sandbox,
            subject=message.id,
            public=True,
            snapshot=snapshot,
            **more,
        ),
    )
    return seq


def read_event(tx: Tx, event_id: str, *, with_text: bool) -> Event:
    """Read an event as subscribers see it. Raises NotFound."""
    row = tx.one("event_by_id", id=event_id)
    if row is None:
        raise NotFound
    return _event(tx, row, with_text=with_text)


def events_after(tx: Tx, view: View, seq: int, limit: int) -> tuple[Event, ...]:
    rows = tx.rows(
        "events_after", tenant=view.tenant, sandbox_only=int(view.sandbox_only), seq=seq, limit=limit
    )
    return tuple(_event(tx, row, with_text=True) for row in rows)


def event_page(tx: Tx, view: View, seq: int, limit: int) -> EventPage:
    """Read what a viewer may see after ``seq``, and the ends of what there is, on one snapshot.

    Who goes on after the last seq of a page skips nothing: writers exclude one another from the first statement to the
    commit (BEGIN IMMEDIATE, other processes included), so a smaller seq can never be committed after a larger one was
    seen. A database that hands out numbers before the commit needs a lock at :func:`append` to keep this.
    """
    let_go = _let_go(tx)
    newest = tx.one("event_newest")
    return EventPage(
        events=events_after(tx, view, seq, limit) if limit else (),
        let_go=let_go,
        newest=max(let_go, (newest["seq"] if newest else None) or 0),
    )


def prune(tx: Tx, kept_ms: int) -> bool:
    """Let some events go that are older than ``kept_ms``; True while there may be more.

    What is the history of a stored message stays for its timeline, and what a delivery waits with for its receiver;
    streams do not show either any more. A clock that was set back keeps what stands behind it for longer.
    """
    let_go = _let_go(tx)
    rows = tx.rows("events_in_order", after=let_go, limit=PRUNE_ROWS)
    old = list(takewhile(lambda row: row["at"] < tx.now_ms - kept_ms, rows))
    if not old:
        return False
    until: int = old[-1]["seq"]
    tx.run("events_forget", after=let_go, until=until)
    tx.run("fact_put", name=LET_GO, value=str(until))
    return len(old) == PRUNE_ROWS


def _let_go(tx: Tx) -> int:
    row = tx.one("fact_get", name=LET_GO)
    return int(row["value"]) if row else 0


def _event(tx: Tx, row: Row, *, with_text: bool) -> Event:
    payload: Json = json.loads(row["snapshot"]) if row["snapshot"] else {}
    if with_text and row["subject"] and "text" in payload:
        payload = {**payload, **_text_of(tx, row)}
    return Event(
        seq=row["seq"],
        id=row["id"],
        tenant=row["tenant"],
        type=row["type"],
        at_ms=row["at"],
        message_id=row["subject"],
        sandbox=bool(row["sandbox"]),
        payload=payload,
    )


def _text_of(tx: Tx, row: Row) -> Json:
    if row["type"] == "message.received":
        found = tx.one("inbound_by_id", id=row["subject"])
        if found is None:
            return {}
        inbound = load_inbound(tx, found)
        shown: Json = {"text": inbound.text, "url": inbound.url}
        octets = inbound.octets
    else:
        found = tx.one("message_by_id", id=row["subject"])
        if found is None:
            return {}
        message = load_message(tx, found)
        shown = {"text": message.text}
        octets = message.octets
    if octets is not None:
        shown["data_base64"] = base64.b64encode(octets).decode()
    return shown
