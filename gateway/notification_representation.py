"""Owns how a notification looks as JSON: the one shape of the API and of its events.

Knows no HTTP and no database; the words of a notification are never in it.
Source: the HTTP interface (notification_id, status, channel, attempts).
"""

from __future__ import annotations

from gateway.representation import Json, error_json, rfc3339
from gateway.store.notification_rows import Attempt, Bulk, Notification, RejectedRecipient


def notification_json(notification: Notification) -> Json:
    """Show a notification with every channel that was tried."""
    return {
        "notification_id": notification.id,
        "status": notification.state,
        "channel": notification.channel,
        "channels": list(notification.channels),
        "held_reason": notification.held_reason,
        "bulk_id": notification.bulk_id,
        "created_at": rfc3339(notification.created_at_ms),
        "attempts": [_attempt_json(attempt) for attempt in notification.attempts],
    }


def event_json(notification: Notification) -> Json:
    """Show a notification in an event: without what others said in their own words, which may name the person."""
    shown = notification_json(notification)
    shown["attempts"] = [
        {**_attempt_json(attempt), "error": error_json(attempt.error)} for attempt in notification.attempts
    ]
    return shown


def bulk_json(bulk: Bulk) -> Json:
    """Show many notifications of one request as a batch is shown."""
    return {
        "id": bulk.id,
        "state": "running" if bulk.counts.get("queued") else "completed",
        "total": bulk.total,
        "accepted": bulk.accepted,
        "rejected": [_remark_json(remark) for remark in bulk.rejected],
        "warnings": [_remark_json(remark) for remark in bulk.warnings],
        "counts": bulk.counts,
        "created_at": rfc3339(bulk.created_at_ms),
    }


def _remark_json(remark: RejectedRecipient) -> Json:
    return {"index": remark.index, "to": remark.to, "code": remark.code, "detail": remark.detail}


def _attempt_json(attempt: Attempt) -> Json:
    error = error_json(attempt.error)
    return {
        "channel": attempt.channel,
        "status": attempt.status,
        "at": rfc3339(attempt.at_ms),
        "tries": attempt.tries,
        "message_id": attempt.message_id,
        "error": None if error is None else {**error, "detail": attempt.detail},
    }
