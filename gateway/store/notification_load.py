"""Owns how rows of notifications become values, and values sealed columns.

Knows no verb. Recipient and words are sealed; channels, states and times stay in clear.
Source: rules DAT-1, DAT-2.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from gateway.message import MessageError
from gateway.store.convert import shown
from gateway.store.crypto import DamagedRow
from gateway.store.notification_rows import (
    Attempt,
    Bulk,
    Due,
    NewNotification,
    Notification,
    NotificationContent,
    NotificationRecipient,
    RejectedRecipient,
    Sender,
    SmsChoices,
)
from gateway.store.transaction import Row, Tx


def columns(tx: Tx, new: NewNotification) -> dict[str, Any]:
    """Give the columns of a new row; it is due at once."""
    after_s = new.fallback_after_s
    timed = after_s is not None and len(new.channels) > 1
    return {
        "id": new.id,
        "tenant": new.sender.tenant,
        "key_id": new.sender.key_id,
        "key_name": new.sender.name,
        "scopes": json.dumps(new.sender.scopes),
        "key_sandbox": int(new.sender.sandbox),
        "sandbox": int(new.sandbox),
        "bulk_id": new.bulk_id,
        "channels": json.dumps(new.channels),
        "channel": new.channels[0],
        "due_at": new.created_at_ms,
        "deadline_at": new.created_at_ms + (after_s or 0) * 1000 if timed else None,
        "fallback_after_s": after_s,
        "recipient": tx.seal(_where("recipient", new.id), json.dumps(asdict(new.recipient))),
        "subject": tx.seal(_where("subject", new.id), new.content.subject),
        "body": tx.seal(_where("body", new.id), new.content.body),
        "html": tx.seal(_where("html", new.id), new.content.html),
        "sms": json.dumps(asdict(new.sms)),
        "created_at": new.created_at_ms,
    }


def load_due(tx: Tx, row: Row, attempt: Row | None) -> Due:
    """Read what is to be tried. Raises DamagedRow: words that were changed must never be sent."""
    recipient = json.loads(tx.unseal_text(_where("recipient", row["id"]), row["recipient"]) or "{}")
    return Due(
        id=row["id"],
        sender=Sender(
            row["key_id"],
            row["key_name"],
            row["tenant"],
            tuple(json.loads(row["scopes"])),
            bool(row["key_sandbox"]),
        ),
        sandbox=bool(row["sandbox"]),
        recipient=NotificationRecipient(**recipient),
        content=NotificationContent(
            load_subject(tx, row),
            tx.unseal_text(_where("body", row["id"]), row["body"]) or "",
            tx.unseal_text(_where("html", row["id"]), row["html"]),
        ),
        sms=SmsChoices(**json.loads(row["sms"])),
        channel=row["channel"],
        step=row["step"],
        has_next=has_next(row),
        attempt_id=attempt["id"] if attempt else None,
        status=attempt["status"] if attempt else None,
        tries=attempt["tries"] if attempt else 0,
        message_id=attempt["message_id"] if attempt else None,
        deadline_ms=row["deadline_at"],
        fallback_after_s=row["fallback_after_s"],
    )


def load_subject(tx: Tx, row: Row) -> str | None:
    return tx.unseal_text(_where("subject", row["id"]), row["subject"])


def has_next(row: Row) -> bool:
    return int(row["step"]) + 1 < len(json.loads(row["channels"]))


def load_notification(tx: Tx, row: Row) -> Notification:
    attempts = tx.rows("attempts_of_notification", id=row["id"], tenant=row["tenant"])
    return Notification(
        id=row["id"],
        tenant=row["tenant"],
        sandbox=bool(row["sandbox"]),
        bulk_id=row["bulk_id"],
        state=row["state"],
        channel=row["channel"],
        channels=tuple(json.loads(row["channels"])),
        held_reason=row["held_reason"],
        created_at_ms=row["created_at"],
        attempts=tuple(_attempt(tx, attempt) for attempt in attempts),
    )


def _attempt(tx: Tx, row: Row) -> Attempt:
    return Attempt(
        id=row["id"],
        step=row["step"],
        channel=row["channel"],
        status=row["status"],
        at_ms=row["changed_at"],
        tries=row["tries"],
        message_id=row["message_id"],
        error=load_error(row["error"]),
        detail=shown(tx, detail_of(row["id"]), row["detail"]),
    )


def load_error(stored: str | None) -> MessageError | None:
    return None if stored is None else MessageError(**json.loads(stored))


def dump_error(error: MessageError | None) -> str | None:
    return None if error is None else json.dumps(asdict(error))


def dump_remarks(tx: Tx, bulk: Bulk) -> bytes | None:
    """Seal what is said of single recipients: the words of a refusal may hold what was asked for."""
    remarks = {name: [asdict(each) for each in getattr(bulk, name)] for name in ("rejected", "warnings")}
    return tx.seal(f"notification_bulk|remarks|{bulk.id}", json.dumps(remarks))


def load_bulk(tx: Tx, row: Row, counts: list[Row]) -> Bulk:
    """Read a bulk; what was said of single recipients is left out where it is damaged, and the rest served."""
    try:
        said = tx.unseal_text(f"notification_bulk|remarks|{row['id']}", row["remarks"])
    except DamagedRow:
        said = None
    remarks = json.loads(said or "{}")
    return Bulk(
        id=row["id"],
        tenant=row["tenant"],
        key_id=row["key_id"],
        sandbox=bool(row["sandbox"]),
        total=row["total"],
        accepted=row["accepted"],
        rejected=tuple(RejectedRecipient(**each) for each in remarks.get("rejected", ())),
        warnings=tuple(RejectedRecipient(**each) for each in remarks.get("warnings", ())),
        created_at_ms=row["created_at"],
        counts={count["state"]: count["n"] for count in counts},
    )


def detail_of(attempt_id: str) -> str:
    return f"notification_attempt|detail|{attempt_id}"


def _where(column: str, row_id: str) -> str:
    return f"notification|{column}|{row_id}"
