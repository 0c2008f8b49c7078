"""Owns how a message and an inbound text look as JSON: the one shape of the API, of webhooks and of streams.

Knows no HTTP and no database. Times become RFC 3339 UTC with milliseconds.
Source: RFC 3339 §5.6; field names and order of the HTTP interface; Standard Webhooks 1.0.0, *Payload structure*.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

from gateway.errors import family_of
from gateway.message import Inbound, Message, MessageError, MessageState, shown_reason
from gateway.money import cost_json

Json = dict[str, object]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_LAST_MS = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)

EVENT_MAX_OCTETS = 20 * 1024
"""What the standard of webhooks advises (rules WHK-2); a stream gives the same."""


def rfc3339(at_ms: int | None) -> str | None:
    """Write UTC ms as ``2026-11-21T09:00:00.000Z``; None stays None.

    A time outside the years 1 to 9999, which the format cannot hold (a device's wrong clock, a damaged row), becomes
    the nearest that it can: one odd row must not take a whole list away.
    """
    if at_ms is None:
        return None
    held_ms = min(max(at_ms, _FIRST_MS), _LAST_MS)
    return (
        (_EPOCH + timedelta(milliseconds=held_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def error_json(error: MessageError | None) -> Json | None:
    if error is None:
        return None
    return {
        "code": error.code,
        "title": error.title,
        "hint": error.hint,
        "network_code": error.network_code,
        "permanent": error.permanent,
    }


def message_json(message: Message, now_ms: int) -> Json:
    """Show a message; ``text`` is what the value holds (None in a snapshot that is stored)."""
    return {
        "id": message.id,
        "direction": "outbound",
        "state": message.shown_state(now_ms),
        "to": message.to,
        "from": message.sender,
        "line": message.line,
        "text": message.text,
        "data_base64": None if message.octets is None else base64.b64encode(message.octets).decode(),
        "port": message.port,
        "encoding": message.coding,
        "purpose": message.purpose,
        "warnings": list(message.warnings),
        "held_reason": shown_reason(message.held_reason),
        "family": _family(message),
        "parts": message.parts,
        "parts_sent": message.parts_sent,
        "parts_delivered": message.parts_delivered,
        "parts_in_doubt": message.parts_in_doubt,
        "reference": message.reference,
        "batch_id": message.batch_id,
        "template_id": message.template_id,
        "template_version": message.template_version,
        "priority": message.priority,
        "attempts": message.attempts,
        "error": error_json(message.error),
        "created_at": rfc3339(message.created_at_ms),
        "send_at": rfc3339(message.send_at_ms),
        "expires_at": rfc3339(message.expires_at_ms),
        "sent_at": rfc3339(message.sent_at_ms),
        "delivered_at": rfc3339(message.delivered_at_ms),
        "cost": cost_json(message.cost_micro, message.currency),
        "tags": message.tags,
    }


def inbound_json(inbound: Inbound) -> Json:
    """Show a received message."""
    return {
        "id": inbound.id,
        "direction": "inbound",
        "state": "received",
        "from": inbound.sender,
        "to": inbound.to,
        "line": inbound.line,
        "text": inbound.text,
        "data_base64": None if inbound.octets is None else base64.b64encode(inbound.octets).decode(),
        "port": inbound.port,
        "url": inbound.url,
        "parts": inbound.parts,
        "received_at": rfc3339(inbound.received_at_ms),
        "sent_at": rfc3339(inbound.sent_at_ms),
        "keyword": inbound.keyword,
        "type": inbound.type,
        "complete": inbound.complete,
        "tags": inbound.tags,
        "ignored": inbound.ignored,
    }


def event_octets(head: Json, payload: Json) -> bytes:
    """Write an event as one line of JSON in UTF-8: ``head``, then ``data``; over 20 KiB only the ids of ``data`` stay,
    with ``"truncated": true``."""
    whole = _line({**head, "data": payload})
    if len(whole) <= EVENT_MAX_OCTETS:
        return whole
    ids = {name: value for name, value in payload.items() if name == "id" or name.endswith("_id")}
    return _line({**head, "data": {**ids, "truncated": True}})


def _line(document: Json) -> bytes:
    # A lone surrogate from a device's own words becomes the JSON escape that it is, instead of an error.
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


_FAMILY_OF_STATE = {MessageState.DELIVERED: 200, MessageState.EXPIRED: 300, MessageState.CANCELLED: 400}


def _family(message: Message) -> int | None:
    """The small number that clients switch on: 200 delivered, else that of the error of a settled message."""
    if message.state in _FAMILY_OF_STATE:
        return _FAMILY_OF_STATE[message.state]
    if message.state in (MessageState.FAILED, MessageState.UNDELIVERED):
        return family_of(message.error.code) if message.error else 500
    return None
