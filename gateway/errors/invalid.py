"""Owns the codes of requests that are not right as they are: number, field, text, file or header.

Data only.
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
        "The number was refused before anything was stored; in a batch only this row was left out.",
        "detail of the answer quotes the number as it was read; batches list such rows under /batches/{id}/rejected.",
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
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "errors[].pointer leads to each field (#/to, #/tags/a); errors[].detail says what is wrong with it.",
    ),
    Entry(
        "malformed_json", 100, 400, "The body is not JSON",
        "The body could not be read as JSON in UTF-8.",
        ("A comma or quote too many.", "Another character encoding than UTF-8.", "An empty body."),
        "Send one JSON object in UTF-8; a JSON linter shows the place.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "detail says what stopped the reading; curl -d @FILE drops line ends, --data-binary @FILE keeps them.",
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
        "The connection was closed; no route saw the request.",
        "detail names what was wrong; the log has a line http.malformed.",
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
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "The header Accept of the answer lists what the route reads.",
    ),
    Entry(
        "body_too_large", 100, 413, "The body is too large",
        "The body is longer than server.max_body_bytes.",
        ("A file was sent to a JSON route.",),
        "Send less at once, or raise server.max_body_bytes.",
        "The body was not read to its end, and the connection was closed.",
        "detail says how many bytes are allowed.",
    ),
    Entry(
        "text_too_long", 100, 422, "This text needs more parts than allowed",
        "Split for the air, the text has more parts than max_parts; nothing was sent.",
        ("The text is long.", "One character outside the GSM alphabet halves the room of every part."),
        "Shorten it, replace the characters that force UCS-2, or raise max_parts.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "POST /api/v1/messages/preview shows parts, max_parts and under forces_ucs2 what makes it long.",
    ),
    Entry(
        "text_not_encodable", 100, 422, "This text does not fit the encoding asked for",
        "encoding is gsm7 and a character is outside the GSM 7-bit alphabet.",
        ("Typographic quotes, an emoji or a letter that the GSM alphabet lacks.",),
        "Use encoding auto or gsm7-translit, or replace the character.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "POST /api/v1/messages/preview names each character and its place under forces_ucs2.",
    ),
    Entry(
        "duplicate_recipient", 100, 422, "This number is in the batch twice",
        "Another row of the same batch goes to the same number, so this one was left out.",
        ("The list has a person twice.", "Two people share a phone."),
        "Leave one of them out, or allow that a number stands in the list twice (allow_duplicates).",
        "The first row with this number goes; this one was left out.",
        "GET /api/v1/batches/{id}/rejected has the row with this code and its index.",
    ),
    Entry(
        "template_error", 100, 422, "The template and its data do not fit",
        "A placeholder has no value, or a value has no placeholder.",
        ("A misspelt name.",),
        "Give exactly the values that the template names.",
        "The text was not made; in a batch only this row was left out.",
        "detail names the placeholder or value; POST /api/v1/templates/{id}/preview tries rows without sending.",
    ),
    Entry(
        "template_not_found", 100, 404, "There is no such template",
        "The template named does not exist.",
        ("It was deleted, or the id is misspelt.",),
        "List the templates and take an id from there.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "GET /api/v1/templates lists what there is, with ids and names.",
    ),
    Entry(
        "recipient_field_missing", 100, 422, "The recipient lacks a field that a channel needs",
        "A channel was asked for that needs an address the recipient does not have.",
        ("sms without a phone, e-mail without an address.",),
        "Add the field or leave the channel out.",
        "The recipient was not accepted for this channel.",
        "errors[].pointer leads to the recipient; warnings of a bulk say who goes by fewer channels.",
    ),
    Entry(
        "channel_unavailable", 100, 422, "This channel is not set up",
        "A channel was asked for that this gateway has no configuration for.",
        ("The section of the channel is missing in the configuration.",),
        "Configure the channel or use sms.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "GET /api/v1/channels/capabilities says which channels are set up.",
    ),
    Entry(
        "csv_invalid", 100, 422, "The file cannot be read as CSV",
        "A row or the heading breaks the format; nothing of it was sent.",
        ("Quotes left open, another separator, no heading.",),
        "Correct the row and column named.",
        "Of a batch nothing was kept; rows of contacts that stood before stay, and a row that cannot be read"
        " is left out.",
        "detail or rejected names the row, counted from 1 below the heading.",
    ),
    Entry(
        "send_at_invalid", 100, 422, "This send time cannot be kept",
        "send_at is not a time with offset, or lies too far ahead.",
        ("No offset (Z or +01:00).", "More than 365 days ahead.", "The text would expire before it."),
        "Write RFC 3339 with offset, like 2026-11-21T09:00:00Z, at most 365 days ahead.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "errors[].pointer leads to the time; times in answers are always UTC with Z.",
    ),
    Entry(
        "unknown_line", 100, 422, "There is no such line",
        "No line has this id, ICCID, number or label.",
        ("The SIM was never seen here.", "The label was changed."),
        "GET /api/v1/lines lists the lines; name one by id, iccid, number or label.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "GET /api/v1/lines, or gateway lines, shows every line with id, number and label.",
    ),
    Entry(
        "invalid_cursor", 100, 400, "This cursor is not from this list",
        "The cursor is damaged or belongs to another list.",
        ("It was cut or edited.", "It was taken from another list."),
        "Start again without cursor and follow next.",
        "Nothing was listed.",
        "A cursor is good for the list and the account that gave it, as it stands in next or in the header Link.",
    ),
    Entry(
        "idempotency_key_invalid", 100, 400, "The Idempotency-Key cannot be used",
        "The header is not 1 to 255 visible ASCII characters.",
        ("It is empty, too long, or holds spaces or letters outside ASCII.",),
        "Send a UUID as Idempotency-Key.",
        "It was refused as a whole: nothing was stored, nothing was sent.",
        "curl -v shows the header as it was sent.",
    ),
    Entry(
        "idempotency_key_reused", 100, 422, "The same Idempotency-Key came with another body",
        "A key stands for one request; this one stood for another body before. Nothing was done.",
        ("The key is made from something that repeats.", "The body changed between two tries."),
        "Use a new key for a new message.",
        "The first request keeps its effect; this one had none.",
        "The first answer comes again when the first body is sent with the key; Idempotency-Replayed: true marks it.",
    ),
    Entry(
        "key_in_url", 100, 400, "A key stands in the address",
        "Addresses end in logs and histories; a key in one is as good as published.",
        ("The key was put into the query or the path.",),
        "Send it as Authorization: Bearer KEY, and rotate this key: it may be in a log on the way.",
        "The request was refused before its route, and the address was not logged.",
        "The log has a line http.request with this request id, status 400 and without the address.",
    ),
)

# fmt: on
