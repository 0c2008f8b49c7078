"""Owns docs/events.md: every event type with its meaning; a type without a sentence is an error.

Knows no payload by itself beyond the names of what it holds.
Source: gateway.config.kinds.EVENT_TYPES; Standard Webhooks 1.0.0.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.config.kinds import EVENT_TYPES

MEANINGS = {
    "message.queued": "A message was accepted, or may go after a hold. Not told of each message of a batch, nor when one"
    " waits again after a try.",
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
    "batch.started": "A batch was taken whole, or goes on after a hold or a pause; its messages may go.",
    "batch.held": "A batch waits for a second person; `held_reason` says why.",
    "batch.paused": "Nothing more of a batch is sent until it is resumed.",
    "batch.cancelled": "A batch was cancelled; what was not sent ends.",
    "batch.completed": "Every message of a batch is sent, delivered or has ended otherwise; with the counts.",
    "notification.sent": "A channel took the notification.",
    "notification.delivered": "A channel confirmed it.",
    "notification.failed": "No channel took it; `attempts` says why for each.",
    "approval.requested": "Something waits for a second person.",
    "approval.decided": "It was approved or rejected, or nobody answered in time, or it was cancelled meanwhile.",
    "suppression.added": "A number is not to be texted any more: by a STOP, or entered by hand.",
    "suppression.suspected": "A text came in that seems to mean stop without being a keyword.",
    "suppression.start_ignored": "START came from a number that was not suppressed by a keyword; it stays suppressed.",
    "consent.expiring": "A consent ends within 30 days; told once.",
    "policy.alert": "Something needs a person; `kind` says what: see [below](#kinds-of-policyalert).",
    "key.anomaly": "A key was used in an odd way; `kind` says how: see [below](#kinds-of-keyanomaly).",
    "device.attached": "A device was opened.",
    "device.detached": "A device went away.",
    "device.conflict": "A device claims what only another one can have; `reason` says what: see"
    " [below](#reasons-of-deviceconflict).",
    "line.up": "A line can send.",
    "line.down": "A line cannot send; `reason` says why.",
    "line.low_credit": "The network refused a text of this line for want of credit.",
    "line.quota_reached": "A line has used up what it may send in a day or month; `quota` says which.",
    "webhook.dead": "A delivery was given up after three days; it can be sent again by hand.",
}


ALERTS = {
    "budget": "A line, key or organisation has used 50, 80 or 100 % of a budget; `percent` says which.",
    "new_country": "Texts to a country never written to before are held for a person.",
    "number_range": "Texts to many numbers that differ in their last digits only are held for a person.",
    "opt_out_overridden": "An urgent text went to somebody who had asked for none.",
    "schedule_paused": "A recurring message stopped; `reason` says why.",
    "schedule_missed": "The gateway was off when a recurring message was due.",
    "schedule_refused": "Nothing of an occurrence of a recurring message was accepted.",
    "delivery_rate": "Fewer texts are delivered than `[alerts]` asks for.",
    "failures": "More texts failed within an hour.",
    "in_doubt": "More texts are in doubt.",
    "queue_age": "The oldest text whose turn it is has waited longer.",
    "line_down": "A line is down for longer.",
    "low_credit": "The network refuses the texts of a line for want of credit.",
    "budget_used": "More of a budget is used.",
    "webhook_dead": "More deliveries of webhooks were given up within an hour.",
    "disk_free": "Less room is left on the disk of the data directory.",
}
"""Kinds of policy.alert; those of thresholds are told once, again while they last, and when they are over."""

KEY_USES = {
    "new_network": "A key that has been used elsewhere for a day or longer comes from a network for the first time;"
    " `network` says which. A network is a /24 of IPv4 or a /64 of IPv6; all addresses of the gateway's own machine are"
    " one, `127.0.0.0/8`.",
    "many_requests": "A key made 10 times as many requests in an hour as is usual for it, and at least 600; `requests`"
    " and `median` are the figures. Usual is the median of those hours of the last 7 days in which it was used. Not in a"
    " key's first 3 days, and once a day at most.",
    "after_rotation": "A key was used after the one that took its place, `successor_id`: some program still has the old"
    " one. Once for each rotated key.",
}
"""Kinds of key.anomaly; :mod:`gateway.policy.key_use` decides."""

CONFLICTS = {
    "line_in_two_devices": "The same SIM was seen in two devices at once; it stays with the first.",
    "paired_while_connected": "A phone wanted to pair with the identity of one that is connected; it was refused.",
    "two_phones_with_one_identity": "A second phone came with the key of one that is connected; the first stays.",
    "spoke_for_another_device": "A phone told of a text that another device was given; it was not believed.",
}
"""Reasons of device.conflict."""

HISTORY = {
    "part.sent": "The network took one part.",
    "part.not_sent": "A part certainly did not leave.",
    "part.rejected": "A part was refused for good.",
    "part.in_doubt": "Nobody knows whether a part left.",
    "part.delivered": "A report says that a part arrived.",
    "part.undelivered": "A report says that a part did not arrive.",
    "message.rescheduled": "`send_at` or `expires_at` was changed before it was due.",
}


def events_md() -> str:
    """Write the page."""
    types = {event: MEANINGS[event] for event in EVENT_TYPES}
    return "\n".join(
        [_INTRO, "## Types", "", _table("type", types), "", _TEST, _KINDS, _table("kind", ALERTS), "",
         _KEY_USES, _table("kind", KEY_USES), _KEYS_LIMITS, _CONFLICTS, _table("reason", CONFLICTS), "",
         _TIMELINE, _table("type", HISTORY), _AGAIN, _OUTRO, _STREAMS]
    )  # fmt: skip


def _table(name: str, meanings: Mapping[str, str]) -> str:
    rows = "\n".join(f"| `{word}` | {meaning} |" for word, meaning in meanings.items())
    return f"| {name} | when |\n|---|---|\n{rows}"


_INTRO = """# Events: webhooks and streams

Programs learn of every change in one of two ways, both from the same events, in the same words:

- by **webhook**: an HTTP POST to an address of theirs. Subscribe over the API (`POST /api/v1/webhooks`) or in the
  configuration (`[[webhook]]`), by type, by family (`message.*`) or to all (`*`). See [the request](#the-request) and
  [delivery](#delivery).
- by **[stream](#streams)**: a connection that stays open, for programs that cannot be reached: `GET /api/v1/events`
  (server-sent events) and `GET /api/v1/events/ws` (WebSocket).
"""

_TEST = """`webhook.test` is sent only when asked for (`POST /api/v1/webhooks/{id}/test`).
"""

_KINDS = """## Kinds of policy.alert

`data.kind` says what it is about; when a threshold is kept again, `.ended` stands behind it. How thresholds are set, and
how alerts go by e-mail or text: [alerts](alerts.md).
"""

_KEY_USES = """## Kinds of key.anomaly

`data` has `key_id`, `name`, `kind` and what is named below, and never the key. Each is told once, and not again after a
restart; it also stands in the [audit trail](audit.md), and at the key on `/keys` until somebody opens the key.
"""

_KEYS_LIMITS = """
A use is noted within a minute. A network is forgotten 90 days after its last use. A key that comes from more than 100
networks travels: further ones are not told. `GATEWAY_ADMIN_KEY` is not watched.
"""

_CONFLICTS = """## Reasons of device.conflict
"""

_TIMELINE = """## Only in the timeline of a message

`GET /api/v1/messages/{id}` shows all that happened to a message, also what no webhook gets:
"""

_AGAIN = """
`message.queued` stands there, too, each time that a message goes back to the queue after a try that certainly did not
leave; and for each message of a batch."""

_OUTRO = """
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

_STREAMS = """
## Streams

Both need the scope `events:read`, and give every event once, in the order in which it was committed. Each has a
**cursor**, a whole number that grows. Keep the cursor of the last event that you have dealt with, and come back with it
after a break: nothing is missed and nothing comes twice, whether your program, the network or the server was away. A
program that stops between dealing with an event and keeping its cursor gets it again; `id` tells.

```sh stream
curl -sSN http://127.0.0.1:8080/api/v1/events -H "Authorization: Bearer $(cat data/cli.key)"
```

```text
id: 1042
event: message.sent
data: {"id":"01935f0c-…","type":"message.sent","timestamp":"2026-11-21T09:00:04.211Z","data":{…}}
```

| | server-sent events | WebSocket |
|---|---|---|
| an event | `id:` cursor, `event:` type, `data:` JSON | one text frame: the same JSON with `"cursor"` |
| come back with | header `Last-Event-ID`, or `?after=` | `?after=` |
| key | header, or the session of the dashboard | the same, or the first frame within 5 s: `{"type":"auth","token":"gwl_…"}` |
| when nothing comes | a comment and an `id:` every 15 s | `{"type":"heartbeat","cursor":1042}` every 30 s, and a ping |

- Without a cursor a stream begins now; its first heartbeat, at once, says where that is. `after=0` begins at the oldest
  event that is kept.
- `data` is what webhooks get. The text of messages is null for a key without `messages:read`, that of received texts
  for one without `inbound:read`. A sandbox key hears of the sandbox only.
- Filters, each narrowing further: `type` (a type or family, repeated or with commas), `line` and `batch` (ids), `tag`
  (`name=value`; repeated: all must be there). The cursor moves over what is left out; heartbeats tell it.
- Events are kept for `store.event_days` (90). Who comes back later gets `stream.gap` first, with `reason` `expired`:
  something between `after` and `continues_after` is not told any more; read the lists of messages again. `reason`
  `unknown` means that the cursor is newer than everything here: an older database was restored.
- A reader that takes nothing while more than 1,000 events or 4 MiB come, or for a minute, is cut: it comes back with
  its cursor.
- A key that is revoked or expires, and a session that ends, take their streams along within a second.
- At most 100 streams for a key and 800 in all; one more is answered 429. A WebSocket may send up to 64 KiB in a frame;
  after the first frame nothing that it says means anything.
- A page of another origin is refused with 403, whatever key it shows; programs send no `Origin`.

Close codes of the WebSocket, with a word as the reason: 1001 the server stops, 1008 `revoked`, `unauthenticated` or
`forbidden`, 1009 a frame too large, 1011 a defect of the server, 1013 `slow`, or too many for now. Come back after all
but 1008 and 1009.

In Python, without any library:

```python stream
import http.client
import json
import time
import urllib.request
from collections.abc import Iterator


def events(url: str, key: str, cursor: str | None) -> Iterator[tuple[str, dict]]:
    while True:
        headers = {"Authorization": f"Bearer {key}"} | ({"Last-Event-ID": cursor} if cursor else {})
        request = urllib.request.Request(f"{url}/api/v1/events", headers=headers)
        try:
            # Longer than two heartbeats: a connection that is dead is noticed.
            with urllib.request.urlopen(request, timeout=40) as stream:
                fields: dict[str, str] = {}
                for line in stream:
                    name, _, value = line.decode().rstrip("\\n").partition(": ")
                    fields[name] = value
                    if line == b"\\n":  # only now it is whole
                        cursor = fields.get("id", cursor)
                        if "data" in fields:
                            yield cursor, json.loads(fields["data"])
                        fields = {}
        except (OSError, http.client.HTTPException) as broken:
            if getattr(broken, "code", 503) in (400, 401, 403):
                raise
        time.sleep(2)


for cursor, event in events("http://127.0.0.1:8080", "gwl_…", None):
    print(event["type"], event["data"])
    # Keep the cursor where your program finds it after a restart.
```

In JavaScript (a browser page of yours on another address is refused; this is for Node 22 and others with WebSocket):

```javascript stream
let cursor = null;

function follow() {
  const after = cursor === null ? "" : `?after=${cursor}`;
  const socket = new WebSocket(`ws://127.0.0.1:8080/api/v1/events/ws${after}`);
  socket.onopen = () => socket.send(JSON.stringify({ type: "auth", token: process.env.GATEWAY_KEY }));
  socket.onmessage = (frame) => {
    const { cursor: here, ...event } = JSON.parse(frame.data);
    if (event.type !== "heartbeat") console.log(event.type, event.data);
    cursor = here;
  };
  socket.onclose = socket.onerror = ({ code }) => {
    socket.onclose = socket.onerror = null;
    if (code !== 1008) setTimeout(follow, 2000);
  };
}

follow();
```
"""
