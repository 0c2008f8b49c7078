"""Owns the octets of a webhook's body: type, timestamp and data of an event, never more than 20 KiB.

Knows no endpoint: whether the text is in the event was decided when the event was read.
Source: Standard Webhooks 1.0.0, *Payload structure*; rules WHK-2.
"""

from __future__ import annotations

from gateway.representation import event_octets, rfc3339
from gateway.store.rows import Event


def body_of(event: Event) -> bytes:
    """Write an event as JSON in UTF-8; over 20 KiB only the ids stay, with ``"truncated": true``."""
    return event_octets({"type": event.type, "timestamp": rfc3339(event.at_ms)}, event.payload)
