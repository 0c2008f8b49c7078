"""Owns the catalogue of problems that answer a request: code, family, HTTP status, title, causes and hint.

Data only; codes that stand on messages and lines are in the neighbouring module.
Source: RFC 9457; RFC 9110 for the choice of status.
"""

from __future__ import annotations

from gateway.errors.entry import Entry

# A table: one field a line would hide which entries are alike.
# fmt: off

INVALID = (
    Entry(
        "invalid_number", 100, 422, "This is not a phone number we can dial",
        "The recipient is not a telephone number, or one of a length that its country does not have.",
        (
            "The country code is missing and no default_region is set.",
            "A digit is missing or doubled.",
            "Letters, *, # or an extension stand in the number.",
        ),
        "Write it with the country code (+44 7700 900123), or set default_region for local numbers.",
    ),
    Entry(
        "invalid_request", 100, 422, "A field of the request is wrong",
        "The body is JSON, but a field is missing, unknown, of the wrong type or out of its range.",
        (
            "A misspelt or unknown field.",
            "A number sent as text, or the other way round.",
            "A value out of range.",
        ),
        "Correct the fields named in errors; each has a pointer to its place.",
    ),
    Entry(
        "malformed_json", 100, 400, "The body is not JSON",
        "The body could not be read as JSON in UTF-8.",
        ("A comma or quote too many.", "Another character encoding than UTF-8.", "An empty body."),
        "Send one JSON object in UTF-8; a JSON linter shows the place.",
    ),
    Entry(
        "malformed_http", 100, 400, "The request is not valid HTTP",
        "The head or the framing of the request breaks the rules of HTTP/1.1; the connection was closed.",
        (
            "A program that writes HTTP by hand.",
            "Two lengths, two Host headers or a bare line feed.",
            "Headers or an address beyond the limits (8 KiB a line, 128 headers).",
        ),
        "Use an HTTP library; keep each header and the address under 8 KiB.",
    ),
    Entry(
        "unsupported_media_type", 100, 415, "This content type is not accepted here",
        "The route reads application/json in UTF-8, without content coding.",
        (
            "Content-Type is missing or is form data.",
            "The body is compressed.",
            "A charset other than utf-8.",
        ),
        "Send Content-Type: application/json and an uncompressed body.",
    ),
    Entry(
        "body_too_large", 100, 413, "The body is too large",
        "The body is longer than server.max_body_bytes.",
        ("A file was sent to a JSON route.",),
        "Send less at once, or raise server.max_body_bytes.",
    ),
    Entry(
        "text_too_long", 100, 422, "This text needs more parts than allowed",
        "Split for the air, the text has more parts than max_parts; nothing was sent.",
        ("The text is long.", "One character outside the GSM alphabet halves the room of every part."),
        "Shorten it, replace the characters that force UCS-2, or raise max_parts.",
    ),
    Entry(
        "text_not_encodable", 100, 422, "This text does not fit the encoding asked for",
        "encoding is gsm7 and a character is outside the GSM 7-bit alphabet.",
        ("Typographic quotes, an emoji or a letter that the GSM alphabet lacks.",),
        "Use encoding auto or gsm7-translit, or replace the character.",
    ),
    Entry(
        "template_error", 100, 422, "The template and its data do not fit",
        "A placeholder has no value, or a value has no placeholder.",
        ("A misspelt name.",),
        "Give exactly the values that the template names.",
    ),
    Entry(
        "template_not_found", 100, 404, "There is no such template",
        "The template named does not exist.",
        ("It was deleted, or the id is misspelt.",),
        "List the templates and take an id from there.",
    ),
    Entry(
        "recipient_field_missing", 100, 422, "The recipient lacks a field that a channel needs",
        "A channel was asked for that needs an address the recipient does not have.",
        ("sms without a phone, e-mail without an address.",),
        "Add the field or leave the channel out.",
    ),
    Entry(
        "channel_unavailable", 100, 422, "This channel is not set up",
        "A channel was asked for that this gateway has no configuration for.",
        ("The section of the channel is missing in the configuration.",),
        "Configure the channel or use sms.",
    ),
    Entry(
        "csv_invalid", 100, 422, "The file cannot be read as CSV",
        "A row or the heading breaks the format; nothing of it was sent.",
        ("Quotes left open, another separator, no heading.",),
        "Correct the row and column named.",
    ),
    Entry(
        "send_at_invalid", 100, 422, "This send time cannot be kept",
        "send_at is not a time with offset, or lies too far ahead.",
        ("No offset (Z or +01:00).", "More than 365 days ahead.", "The text would expire before it."),
        "Write RFC 3339 with offset, like 2026-11-21T09:00:00Z, at most 365 days ahead.",
    ),
    Entry(
        "unknown_line", 100, 422, "There is no such line",
        "No line has this id, ICCID, number or label.",
        ("The SIM was never seen here.", "The label was changed."),
        "GET /api/v1/lines lists the lines; name one by id, iccid, number or label.",
    ),
    Entry(
        "invalid_cursor", 100, 400, "This cursor is not from this list",
        "The cursor is damaged or belongs to another list.",
        ("It was cut or edited.", "It was taken from another list."),
        "Start again without cursor and follow next.",
    ),
    Entry(
        "idempotency_key_invalid", 100, 400, "The Idempotency-Key cannot be used",
        "The header is not 1 to 255 visible ASCII characters.",
        ("It is empty, too long, or holds spaces or letters outside ASCII.",),
        "Send a UUID as Idempotency-Key.",
    ),
    Entry(
        "idempotency_key_reused", 100, 422, "The same Idempotency-Key came with another body",
        "A key stands for one request; this one stood for another body before. Nothing was done.",
        ("The key is made from something that repeats.", "The body changed between two tries."),
        "Use a new key for a new message.",
    ),
    Entry(
        "key_in_url", 100, 400, "A key stands in the address",
        "Addresses end in logs and histories; a key in one is as good as published.",
        ("The key was put into the query or the path.",),
        "Send it as Authorization: Bearer KEY, and rotate this key: it may be in a log on the way.",
    ),
)

NOT_NOW = (
    Entry(
        "queue_full", 300, 503, "The queue is full",
        "messages.max_queued messages wait already; this one was not stored.",
        ("The lines are down.", "More is sent than the lines carry."),
        "Try again later; look at the lines, add one, or raise messages.max_queued.",
    ),
    Entry(
        "rate_limited", 300, 429, "Too many requests with this key",
        "The key used up server.rate_limit requests of this minute.",
        ("A loop without waits.",),
        "Wait as Retry-After says, or raise server.rate_limit.",
    ),
    Entry(
        "quota_exhausted", 300, 429, "A quota is used up",
        "A line, key or tenant has used what it may use in this window.",
        ("The day's or month's parts are spent.",),
        "It goes on when the window ends; or use another line.",
    ),
    Entry(
        "recipient_limit", 300, 429, "This recipient has had enough texts for now",
        "More texts went to this number than the limit allows.",
        ("A loop that sends the same text again.",),
        "Wait as Retry-After says.",
    ),
    Entry(
        "idempotency_in_progress", 300, 409, "The first request with this Idempotency-Key is still running",
        "An earlier request with the same key has not been answered yet.",
        ("A client that gave up early and tried again.",),
        "Try again in a second; the first answer is given then.",
    ),
    Entry(
        "too_many_attempts", 300, 429, "Too many wrong keys from this address",
        "This address has sent too many wrong keys within a minute. Right keys still work.",
        ("An old key in a script that runs again and again.",),
        "Correct the key; wait as Retry-After says.",
    ),
    Entry(
        "overloaded", 300, 503, "The server has too many connections",
        "The limit of open connections, in all or of this address, is reached.",
        ("A client that opens a connection for each request and keeps it.",),
        "Reuse connections, and try again as Retry-After says.",
    ),
    Entry(
        "shutting_down", 300, 503, "The server is stopping",
        "It takes nothing new; what it has taken is stored.",
        ("A restart or an update.",),
        "Try again as Retry-After says.",
    ),
    Entry(
        "quiet_hours", 300, 422, "The text would expire within the recipient's quiet hours",
        "It may not be sent now and would not be worth sending later.",
        ("valid_for_s is shorter than the night.",),
        "Raise valid_for_s, or send it as transactional if it is.",
    ),
)

REFUSED = (
    Entry(
        "unauthenticated", 400, 401, "No valid key",
        "The request has no key, or one that is wrong, expired or revoked.",
        ("The header is missing.", "A character was lost in copying.", "The key was revoked or has expired."),
        "Send Authorization: Bearer KEY; gateway keys create makes a key.",
    ),
    Entry(
        "mfa_required", 400, 401, "A second factor is needed",
        "This account signs in with a code as well.",
        ("The code is missing.",),
        "Send the code too.",
    ),
    Entry(
        "forbidden", 400, 403, "This key may not do that",
        "The key is valid but lacks the scope that the route needs.",
        ("The key was made for something else.",),
        "Use a key with the scope named, or make one.",
    ),
    Entry(
        "sandbox_only", 400, 403, "Sandbox and real lines do not mix",
        "A sandbox key reaches only +999… and emulated lines; emulated lines carry nothing else, and real"
        " lines never carry +999….",
        ("A sandbox key was used for a real number.", "A line was named that is of the other kind."),
        "Use a live key for real numbers, or a +999… number for the sandbox.",
    ),
    Entry(
        "csrf_failed", 400, 403, "The request did not come from our own page",
        "A browser sent it from another origin.",
        ("A page elsewhere posted to the gateway.",),
        "Sign in and use the dashboard itself; programs use a key.",
    ),
    Entry(
        "origin_not_allowed", 400, 403, "This origin is not allowed",
        "A page of another origin asked for a stream.",
        ("server.cors_origins does not list it.",),
        "Add the origin to server.cors_origins.",
    ),
    Entry(
        "host_not_allowed", 400, 421, "This host name is not ours",
        "The Host header names a machine that this server does not answer for; that stops DNS rebinding.",
        (
            "A name in DNS or /etc/hosts that the gateway was not told of.",
            "A proxy that passes its own name.",
        ),
        "Add the name to server.allowed_hosts or set server.public_url.",
    ),
    Entry(
        "not_found", 400, 404, "There is nothing here",
        "The path or the id does not exist for this key.",
        ("A misspelt path.", "An id of something deleted, or of another tenant."),
        "Check the address; /openapi.json lists all routes.",
    ),
    Entry(
        "method_not_allowed", 400, 405, "This method is not possible here",
        "The path exists, but not with this method; Allow names those that do.",
        ("GET and POST mixed up.",),
        "Use a method that Allow names.",
    ),
    Entry(
        "conflict", 400, 409, "It is too late for that",
        "The message is in a state that this action does not fit; its state was not changed.",
        ("It is already on its way or final.", "It has expired."),
        "GET the message and decide by its state.",
    ),
    Entry(
        "recipient_opted_out", 400, 403, "This person asked not to be texted",
        "The number is on the suppression list.",
        ("They answered STOP.", "Somebody entered their wish."),
        "Remove the number under Suppressions only if they asked you to.",
    ),
    Entry(
        "consent_required", 400, 403, "There is no consent for this",
        "This kind of text needs a recorded consent and there is none.",
        ("It was never recorded.",),
        "Record the consent with its source, then send again.",
    ),
    Entry(
        "consent_expired", 400, 403, "The consent has expired",
        "There was a consent and its time is over, or it was withdrawn.",
        ("expires_at has passed.",),
        "Ask again and record the new consent.",
    ),
    Entry(
        "content_refused", 400, 403, "A content rule refuses this text",
        "A rule of this gateway forbids the text.",
        ("A word or link that the rule names.",),
        "Change the text; the rule's name is in detail.",
    ),
    Entry(
        "approval_self", 400, 403, "Somebody else must approve this",
        "Who wrote a text may not approve it.",
        ("Author and approver are the same.",),
        "Ask a second person.",
    ),
    Entry(
        "premium_number", 400, 403, "This is a premium-rate number",
        "Texts to it cost extra; they are refused unless allowed.",
        ("A mistyped number.", "Toll fraud."),
        "List the prefix in policy.allow_numbers if you mean it.",
    ),
    Entry(
        "emergency_number", 400, 403, "This is an emergency number",
        "Texts to emergency services are never sent; no setting changes that.",
        ("A short number was meant.", "A test with 112 or 911."),
        "In an emergency use a telephone and call.",
    ),
    Entry(
        "short_code_not_allowed", 400, 403, "Short codes are not allowed for this key",
        "Numbers of 3 to 8 digits need a scope and an entry in the configuration.",
        ("The entry is missing.",),
        "Add it to policy.allow_short_codes and use a key with messages:shortcode.",
    ),
    Entry(
        "destination_not_allowed", 400, 403, "This destination is not allowed",
        "The country or prefix is not among those that this key or pool may reach.",
        ("The list is too short.",),
        "Add the country to the list of the pool or key.",
    ),
    Entry(
        "sender_not_owned", 400, 403, "This sender is not one of our lines",
        "A text can only come from a SIM that this gateway holds; there is no free sender.",
        ("The number belongs to another SIM or operator service.",),
        "Name one of GET /api/v1/lines in line, or leave line out.",
    ),
    Entry(
        "pairing_refused", 400, 403, "This code does not pair a phone",
        "The code that the phone showed is none that is open here, or the phone may not use it.",
        (
            "It is older than five minutes, was used, or was tried five times.",
            "A character was mistyped.",
            "It was made on another gateway.",
            "A phone with the same identity is connected already.",
        ),
        "Make a new code (gateway devices pair) and take it within five minutes.",
    ),
    Entry(
        "device_unknown", 400, 401, "This phone is not paired with this gateway",
        "The key that the app sent is unknown here, or was revoked; its texts stay in its journal.",
        (
            "The phone was released or revoked.",
            "It is paired with another gateway.",
            "The gateway's data directory is another one than before.",
        ),
        "Unpair in the app, then pair again: gateway devices pair, or gateway devices provision SERIAL.",
    ),
    Entry(
        "webhook_target_refused", 400, 422, "This webhook target is not allowed",
        "The address is one that a webhook must never reach.",
        (
            "Plain http to a public address.",
            "A metadata, link-local or own address.",
            "Another scheme or a user name.",
        ),
        "Use https, or an address in your own network.",
    ),
    Entry(
        "storage_unavailable", 400, 503, "The database cannot be used",
        "Nothing was stored, so nothing was accepted.",
        ("The disk is full.", "The disk or the database server is gone."),
        "Free space or bring the database back; it goes on by itself. gateway doctor shows the cause.",
    ),
    Entry(
        "internal_error", 400, 500, "Something broke here",
        "The fault is in the gateway. The log has the details under the request id.",
        ("A defect.",),
        "Report it with the request id; try again meanwhile.",
    ),
)

HARDWARE = (
    Entry(
        "no_line_available", 500, 503, "No line can carry this message",
        "No line that could carry it has ever been seen here, so it was not accepted.",
        ("No phone or modem is attached.", "The modem is not recognised.", "The pool named has no line."),
        "Attach a phone or modem (gateway doctor shows why one is missing), or send to a sandbox number"
        " (+999…).",
    ),
    Entry(
        "device_error", 500, 502, "The device refused or failed",
        "The modem or phone answered with an error, or is not there.",
        ("The device is unplugged.", "The network refused the request."),
        "GET /api/v1/lines shows the state of the line and its reason.",
    ),
    Entry(
        "device_timeout", 500, 504, "The device did not answer in time",
        "The modem, phone or network was silent.",
        ("Bad signal.", "A modem that hangs."),
        "Try again; if it stays silent, unplug it for 10 s.",
    ),
    Entry(
        "link_unavailable", 500, 503, "Phones on the LAN cannot reach this gateway",
        "The listener for phones ([link]) could not be opened, so no code was made.",
        (
            "Another program uses the port link.port.",
            "link.host is no address of this machine, or only of loopback.",
            "The certificate of the listener cannot be written or read.",
        ),
        "Choose another link.port or link.host; a phone on a cable works without it.",
    ),
    Entry(
        "adb_missing", 500, 503, "There is no adb server to reach phones by",
        "Phones on USB are reached through adb, and no adb server answers here.",
        ("adb is not installed.", "adb.enabled is false.", "adb.server names another machine or port."),
        "Install adb (Debian, Ubuntu: sudo apt install adb; Fedora: sudo dnf install android-tools), then plug the"
        " phone in again.",
    ),
)

# fmt: on

REQUESTS = (*INVALID, *NOT_NOW, *REFUSED, *HARDWARE)
