"""Owns the codes that stand on attempts of notifications by other ways than SMS.

Knows no channel's protocol; what the other side said stands beside the code, in its own words.
Source: RFC 5321 §4.2.1 (4yz and 5yz replies).
"""

from __future__ import annotations

from gateway.errors.entry import Entry

# fmt: off

CHANNELS = (
    Entry(
        "channel_refused", 500, None, "The other side refused it",
        "The mail server, Slack or the receiver said no to this one.",
        ("The address does not exist.", "The mail server does not send for us.", "The receiver answers an error."),
        "Read detail: it holds the answer. Correct the address, or the section of the channel.",
        "This channel was not tried again; the next one of the notification was.",
        "detail of the attempt in GET /api/v1/notifications/{id} is the other side's answer.",
    ),
    Entry(
        "channel_unreachable", 500, None, "The other side did not take it",
        "It could not be reached, or asked to be tried later, until the tries were used up.",
        ("The mail server or receiver is down.", "Host or port in the configuration is wrong.", "Greylisting."),
        "Read detail; check host, port and tls of the channel's section, and send it again.",
        "It was tried again with growing pauses, then given up; the next channel was tried.",
        "attempts of GET /api/v1/notifications/{id} shows each try with its time and detail.",
    ),
    Entry(
        "channel_in_doubt", 500, None, "We do not know whether it was taken",
        "The connection broke after it was handed over, or the gateway stopped in that moment; it may have arrived.",
        ("The other side went away while answering.", "A power cut."),
        "Ask the recipient or look at the mail server's log; it is never sent a second time by itself.",
        "It was not sent again; the notification waits for nobody.",
        "attempts of GET /api/v1/notifications/{id} shows when it was handed over and what came after.",
    ),
)

# fmt: on
