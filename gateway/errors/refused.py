"""Owns the codes of requests that this server does not do, for this caller or at all, or at which it fails.

Data only.
Source: RFC 9457; RFC 9110 for the choice of status.
"""

from __future__ import annotations

from gateway.errors.entry import Entry

# A table: one field a line would hide which entries are alike.
# fmt: off

REFUSED = (
    Entry(
        "unauthenticated", 400, 401, "No valid key",
        "The request has no key, or one that is wrong, expired or revoked.",
        ("The header is missing.", "A character was lost in copying.", "The key was revoked or has expired."),
        "Send Authorization: Bearer KEY; gateway keys create makes a key.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        'The header WWW-Authenticate says error="invalid_token" when a key was sent and is none of ours.',
    ),
    Entry(
        "mfa_required", 400, 401, "A second factor is needed",
        "This account signs in with a code as well.",
        ("The code is missing.",),
        "Send the code too.",
        "The sign-in stopped before it gave any right.",
        "Only people meet it: a program with a key is never asked for a second factor.",
    ),
    Entry(
        "forbidden", 400, 403, "This key may not do that",
        "The key is valid but lacks the scope that the route needs.",
        ("The key was made for something else.",),
        "Use a key with the scope named, or make one.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "detail names the scope; GET /api/v1/keys shows the scopes of each key.",
    ),
    Entry(
        "sandbox_only", 400, 403, "Sandbox and real lines do not mix",
        "A sandbox key reaches only +999… and emulated lines; emulated lines carry nothing else, and real"
        " lines never carry +999….",
        ("A sandbox key was used for a real number.", "A line was named that is of the other kind."),
        "Use a live key for real numbers, or a +999… number for the sandbox.",
        "No real device saw anything of it.",
        "Keys that begin with gws_ are of the sandbox; emulated of GET /api/v1/lines says which lines are.",
    ),
    Entry(
        "csrf_failed", 400, 403, "The request did not come from our own page",
        "A browser sent it from another origin.",
        ("A page elsewhere posted to the gateway.",),
        "Sign in and use the dashboard itself; programs use a key.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "The browser's network view shows what it sent: Origin has to be the address of this server.",
    ),
    Entry(
        "origin_not_allowed", 400, 403, "This origin is not allowed",
        "A page of another origin asked for a stream.",
        (
            "The page is of another host, port or scheme than this server.",
            "A proxy stands before this server, and server.public_url does not say what browsers call it.",
        ),
        "Open the page at this server's own address; behind a proxy set server.public_url to what browsers use.",
        "The request was refused before it did anything.",
        "The browser's network view shows the Origin that was sent.",
    ),
    Entry(
        "host_not_allowed", 400, 421, "This host name is not ours",
        "The Host header names a machine that this server does not answer for; that stops DNS rebinding.",
        (
            "A name in DNS or /etc/hosts that the gateway was not told of.",
            "A proxy that passes its own name.",
        ),
        "Add the name to server.allowed_hosts or set server.public_url.",
        "The request was refused before its route.",
        "curl -v shows the Host header that was sent.",
    ),
    Entry(
        "not_found", 400, 404, "There is nothing here",
        "The path or the id does not exist for this key.",
        ("A misspelt path.", "An id of something deleted, or of another tenant."),
        "Check the address; /openapi.json lists all routes.",
        "Nothing was done; what others own looks the same as what does not exist.",
        "curl -v shows the path that was asked for; ids are UUIDs, as answers give them.",
    ),
    Entry(
        "method_not_allowed", 400, 405, "This method is not possible here",
        "The path exists, but not with this method; Allow names those that do.",
        ("GET and POST mixed up.",),
        "Use a method that Allow names.",
        "Nothing was done.",
        "The header Allow of the answer lists the methods.",
    ),
    Entry(
        "conflict", 400, 409, "This does not fit what is there now",
        "What was asked for was possible once or would be elsewhere, but not with what is stored now.",
        (
            "It is in another state by now: sent, ended, decided, revoked.",
            "A name or number is taken.",
            "Somebody changed it first.",
        ),
        "Read it again as it is now; detail says what stands in the way and what to do.",
        "Nothing was changed.",
        "detail of the answer; state of the thing, and for a message its timeline, show what came first.",
    ),
    Entry(
        "recipient_opted_out", 400, 403, "This person asked not to be texted",
        "The number is on the suppression list.",
        ("They answered STOP.", "Somebody entered their wish."),
        "Remove the number under Suppressions only if they asked you to.",
        "Nothing goes to this number; what waited for it was cancelled with this code.",
        "GET /api/v1/suppressions?number=NUMBER shows since when, why, and the text of the STOP.",
    ),
    Entry(
        "consent_required", 400, 403, "There is no consent for this",
        "This kind of text needs a recorded consent and there is none.",
        ("It was never recorded.",),
        "Record the consent with its source, then send again.",
        "It was refused; a message that waited was cancelled with this code when its turn came.",
        "GET /api/v1/consents?number=NUMBER shows what was recorded.",
    ),
    Entry(
        "consent_expired", 400, 403, "The consent has expired",
        "There was a consent and its time is over, or it was withdrawn.",
        ("expires_at has passed.",),
        "Ask again and record the new consent.",
        "It was refused; a message that waited was cancelled with this code when its turn came.",
        "GET /api/v1/consents?number=NUMBER shows expires_at and withdrawn_at.",
    ),
    Entry(
        "content_refused", 400, 403, "A content rule refuses this text",
        "A rule of this gateway forbids the text.",
        ("A word or link that the rule names.",),
        "Change the text; the rule's name is in detail.",
        "The text was not accepted; its words are not in the log.",
        "detail names the rule; its pattern stands in [[content_rule]] of the configuration.",
    ),
    Entry(
        "approval_self", 400, 403, "Somebody else must approve this",
        "Who wrote a text may not approve it.",
        ("Author and approver are the same.",),
        "Ask a second person.",
        "The text still waits.",
        "author of GET /api/v1/approvals/{id} says whose it is; a rotated key is the same person.",
    ),
    Entry(
        "premium_number", 400, 403, "This is a premium-rate number",
        "Texts to it cost extra; they are refused unless allowed.",
        ("A mistyped number.", "Toll fraud."),
        "List the prefix in policy.allow_numbers if you mean it.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "detail quotes the number as it was read.",
    ),
    Entry(
        "emergency_number", 400, 403, "This is an emergency number",
        "Texts to emergency services are never sent; no setting changes that.",
        ("A short number was meant.", "A test with 112 or 911."),
        "In an emergency use a telephone and call.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "detail quotes the digits that were taken for it.",
    ),
    Entry(
        "short_code_not_allowed", 400, 403, "Short codes are not allowed for this key",
        "Numbers of 3 to 8 digits need a scope and an entry in the configuration.",
        ("The entry is missing.",),
        "Add it to policy.allow_short_codes and use a key with messages:shortcode.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "gateway keys list shows whether the key has messages:shortcode.",
    ),
    Entry(
        "destination_not_allowed", 400, 403, "This destination is not allowed",
        "The country or prefix is not among those that this key or pool may reach.",
        ("The list is too short.",),
        "Add the country to the list of the pool or key.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "detail names the country or prefix; the lists stand in the configuration and at the key.",
    ),
    Entry(
        "sender_not_owned", 400, 403, "This sender is not one of our lines",
        "A text can only come from a SIM that this gateway holds; there is no free sender.",
        ("The number belongs to another SIM or operator service.",),
        "Name one of GET /api/v1/lines in line, or leave line out.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "GET /api/v1/lines shows the numbers that texts can come from.",
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
        "A try of the code was counted; no key was given.",
        "The log has a line phone.pairing_refused with the reason.",
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
        "The link was closed; what the app remembers stays in it until it is paired.",
        "gateway devices shows the phones that are paired.",
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
        "No connection was opened. A delivery to such an address is given up at once.",
        "detail names what is wrong with the address; GET /api/v1/webhooks/{id}/deliveries shows it per delivery.",
    ),
    Entry(
        "storage_unavailable", 400, 503, "The database cannot be used",
        "Nothing was stored, so nothing was accepted.",
        ("The disk is full.", "The disk or the database server is gone."),
        "Free space or bring the database back; it goes on by itself. gateway doctor shows the cause.",
        "Lines stop taking texts while nothing can be written; what was answered 202 is safe.",
        "The log has a line store.commit_failed with the system's words; gateway doctor looks at disk and files.",
    ),
    Entry(
        "internal_error", 400, 500, "Something broke here",
        "The fault is in the gateway. The log has the details under the request id.",
        ("A defect.",),
        "Report it with the request id; try again meanwhile.",
        "Only this request or message was given up; everything else goes on.",
        "The log has a line http.failed with the request id and the trace; for a stored value store.row_damaged.",
    ),
)

# fmt: on
