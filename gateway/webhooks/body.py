"""Owns the octets of a webhook's body: type, timestamp and data of an event, never more than 20 KiB.

Knows no endpoint: whether the text is in the event was decided when the event was read.
Source: Standard Webhooks 1.0.0, *Payload structure*; rules WHK-2.
"""

from __future__ import annotations

import json

from gateway.representation import rfc3339
from gateway.store.rows import Event

BODY_MAX_OCTETS = 20 * 1024
"""What the standard advises; receivers behind gateways with small limits still take it."""


def body_of(event: Event) -> bytes:
    """Write an event as JSON in UTF-8; over 20 KiB only the ids stay, with ``"truncated": true``."""
    whole = _encode(event, event.payload)
    if len(whole) <= BODY_MAX_OCTETS:
        return whole
    ids = {name: value for name, value in event.payload.items() if name == "id" or name.endswith("_id")}
    return _encode(event, {**ids, "truncated": True})


def _encode(event: Event, payload: dict[str, object]) -> bytes:
    shown = {"type": event.type, "timestamp": rfc3339(event.at_ms), "data": payload}
    # A lone surrogate from a device's own words becomes the JSON escape that it is, instead of an error.
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
