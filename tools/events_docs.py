"""Owns docs/events.md: every event type with its meaning; a type without a sentence is an error.

Knows no payload by itself beyond the names of what it holds.
Source: gateway.config.kinds.EVENT_TYPES; Standard Webhooks 1.0.0.
"""

from __future__ import annotations

from gateway.config.kinds import EVENT_TYPES

MEANINGS = {
    "message.queued": "A message was accepted, or waits again after a try that certainly did not leave.",
    "message.held": "A message waits for a person; `held_reason` says why.",
    "message.submitting": "A line has taken the message.",
    "message.sent": "The network took every part.",
    "message.delivered": "The recipient's phone confirmed every part.",
    "message.undelivered": "A report says that it did not arrive.",
    "message.failed": "It was not sent, or not completely; `error` says why.",
    "message.expired": "It was not sent before `expires_at`.",
    "message.cancelled": "It was taken back.",
    "message.in_doubt": "Nobody knows whether it left; a late report or a person settles it.",
    "message.received": "A text came in, joined from its parts.",
    "device.attached": "A device was opened.",
    "device.detached": "A device went away.",
    "device.conflict": "Two devices claim the same identity; nothing in this version sends it.",
    "line.up": "A line can send.",
    "line.down": "A line cannot send; `reason` says why.",
    "webhook.dead": "A delivery was given up after three days; it can be sent again by hand.",
}


def events_md() -> str:
    """Write the page."""
    rows = "\n".join(f"| `{event}` | {MEANINGS[event]} |" for event in EVENT_TYPES)
    return f"{_INTRO}\n| type | when |\n|---|---|\n{rows}\n{_OUTRO}"


_INTRO = """# Events and webhooks

Programs learn of every change by webhook: an HTTP POST to an address of theirs. Subscribe over the API
(`POST /api/v1/webhooks`) or in the configuration (`[[webhook]]`), by type, by family (`message.*`) or to all (`*`).
"""

_OUTRO = """
`webhook.test` is sent only when asked for (`POST /api/v1/webhooks/{id}/test`).

## The request

[Standard Webhooks](https://www.standardwebhooks.com/) 1.0.0. The body is
`{"type": …, "timestamp": …, "data": …}`; for messages `data` is the message as the API shows it. Above 20 KiB `data` is
cut to the ids, with `"truncated": true`.

| header | what |
|---|---|
| `webhook-id` | id of the event, the same on every retry: remember it to tell repeats |
| `webhook-timestamp` | Unix seconds of this attempt |
| `webhook-signature` | `v1,` and HMAC-SHA256 over `id.timestamp.body`; two of them, with a space between, while a secret is rotated |

Verify it over the raw body before you read it:

```python
from standardwebhooks.webhooks import Webhook


def verified(secret: str, headers: dict[str, str], body: bytes) -> dict:
    try:
        return Webhook(secret).verify(body, headers)
    except Exception as refused:  # the library raises more than one kind of error for a malformed header
        raise PermissionError("not from the gateway") from refused
```

## Delivery

An event is stored in the same transaction as the change it tells of, so none is lost and none is invented. An answer
2xx within 15 s is success. A redirect is a failure and is not followed. Otherwise it is tried again after 5 s, 1 min,
5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 20 h, each ± 20 %; then it is kept as dead, `webhook.dead` tells of it, and
`POST …/deliveries/{id}/redeliver` sends it again. `Retry-After` on 429 and 503 is obeyed; 410 switches the webhook off.
After five failures in a row the receiver is only probed once a minute. Events of one message come in order.

Plain `http` goes to loopback and private networks only, unless `webhooks.allow_public_http` is set. Addresses that a
webhook must never reach (link-local, metadata services, this server's own ports) are refused where the connection is
made.
"""
