"""Owns the codes of requests that may come again later: limits, quotas, and a server that is full or stops.

Data only.
Source: RFC 9457; RFC 9110 for the choice of status.
"""

from __future__ import annotations

from gateway.errors.entry import Entry

# A table: one field a line would hide which entries are alike.
# fmt: off

NOT_NOW = (
    Entry(
        "queue_full", 300, 503, "The queue is full",
        "messages.max_queued messages wait already; this one was not stored.",
        ("The lines are down.", "More is sent than the lines carry."),
        "Try again later; look at the lines, add one, or raise messages.max_queued.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "gateway lines shows what waits on each line; queued of GET /api/v1/lines is the same.",
    ),
    Entry(
        "rate_limited", 300, 429, "Too many requests with this key",
        "The key used up server.rate_limit requests of this minute.",
        ("A loop without waits.",),
        "Wait as Retry-After says, or raise server.rate_limit.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "The headers RateLimit-Policy and RateLimit say limit and rest, Retry-After when to come back.",
    ),
    Entry(
        "quota_exhausted", 300, 429, "A quota is used up",
        "A line, key or tenant has used what it may use in this window.",
        ("The day's or month's parts are spent.",),
        "It goes on when the window ends; or use another line.",
        "A message that fits a later window waits for it; one that never could was refused.",
        "quotas and budgets of GET /api/v1/lines show limit and use; eta_reason says what is waited for.",
    ),
    Entry(
        "recipient_limit", 300, 429, "This recipient has had enough texts for now",
        "More texts went to this number than the limit allows.",
        ("A loop that sends the same text again.",),
        "Wait as Retry-After says.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "GET /api/v1/messages?to=NUMBER shows the texts that were counted.",
    ),
    Entry(
        "idempotency_in_progress", 300, 409, "The first request with this Idempotency-Key is still running",
        "An earlier request with the same key has not been answered yet.",
        ("A client that gave up early and tried again.",),
        "Try again in a second; the first answer is given then.",
        "The first request goes on; this one had no effect.",
        "Retry-After is 1; the answer that comes then has Idempotency-Replayed: true.",
    ),
    Entry(
        "too_many_attempts", 300, 429, "Too many wrong keys from this address",
        "This address has sent too many wrong keys within a minute. Right keys still work.",
        ("An old key in a script that runs again and again.",),
        "Correct the key; wait as Retry-After says.",
        "Wrong keys of this address are answered without looking at them; right ones pass.",
        "The log has a line http.request with http_status 401 for each wrong key before.",
    ),
    Entry(
        "overloaded", 300, 503, "The server has too many connections",
        "The limit of open connections, in all or of this address, is reached.",
        ("A client that opens a connection for each request and keeps it.",),
        "Reuse connections, and try again as Retry-After says.",
        "The connection was closed before a request was read.",
        "ss -tn shows the open connections to this machine, by address.",
    ),
    Entry(
        "shutting_down", 300, 503, "The server is stopping",
        "It takes nothing new; what it has taken is stored.",
        ("A restart or an update.",),
        "Try again as Retry-After says.",
        "The text on air is waited for, nothing new is begun.",
        "GET /health/ready answers 503 until the server is back.",
    ),
    Entry(
        "quiet_hours", 300, 422, "The text would expire within the recipient's quiet hours",
        "It may not be sent now and would not be worth sending later.",
        ("valid_for_s is shorter than the night.",),
        "Raise valid_for_s, or send it as transactional if it is.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "detail says which hours; hours stand in [policy], at the line and at the contact.",
    ),
)

# fmt: on
