"""Owns what each event of a webhook is called when a person chooses among them, in families.

Knows no page; a test compares the names with those of the API.
Source: docs/events.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.web.words import mark


@dataclass(frozen=True, slots=True)
class Family:
    """Events that begin with the same word; ``name`` covers all of them, ``events`` are (type, when)."""

    name: str
    title: str
    events: tuple[tuple[str, str], ...]


FAMILIES = (
    Family(
        "message.*",
        mark("Texts: each change, and received ones"),
        (
            ("message.received", mark("A text came in")),
            ("message.queued", mark("A text was accepted, or may go after a hold")),
            ("message.held", mark("A text waits for a person")),
            ("message.submitting", mark("A line has taken a text")),
            ("message.sent", mark("The network took a text")),
            ("message.delivered", mark("The recipient's phone confirmed a text")),
            ("message.undelivered", mark("A text did not arrive")),
            ("message.failed", mark("A text was not sent")),
            ("message.expired", mark("It became too late for a text")),
            ("message.cancelled", mark("A text was taken back")),
            ("message.in_doubt", mark("Nobody knows whether a text left")),
        ),
    ),
    Family(
        "batch.*",
        mark("Batches"),
        (
            ("batch.started", mark("A batch may go")),
            ("batch.held", mark("A batch waits for a second person")),
            ("batch.paused", mark("A batch was paused")),
            ("batch.cancelled", mark("A batch was cancelled")),
            ("batch.completed", mark("A batch is done, with its counts")),
        ),
    ),
    Family(
        "notification.*",
        mark("Notifications over several channels"),
        (
            ("notification.sent", mark("A channel took a notification")),
            ("notification.delivered", mark("A channel confirmed a notification")),
            ("notification.failed", mark("No channel took a notification")),
        ),
    ),
    Family(
        "approval.*",
        mark("Approvals"),
        (
            ("approval.requested", mark("Something waits for a second person")),
            ("approval.decided", mark("It was approved, rejected or given up")),
        ),
    ),
    Family(
        "suppression.*",
        mark("People who want no texts"),
        (
            ("suppression.added", mark("A number is not texted any more")),
            ("suppression.suspected", mark("A text seems to mean stop")),
            ("suppression.start_ignored", mark("START came, but the number stays suppressed")),
        ),
    ),
    Family("consent.*", mark("Consents"), (("consent.expiring", mark("A consent ends within 30 days")),)),
    Family("policy.*", mark("Alerts"), (("policy.alert", mark("Something needs a person")),)),
    Family("key.*", mark("Keys"), (("key.anomaly", mark("A key is used in an odd way")),)),
    Family(
        "device.*",
        mark("Devices"),
        (
            ("device.attached", mark("A phone or modem is there")),
            ("device.detached", mark("A phone or modem went away")),
            ("device.conflict", mark("Two devices claim to be the same")),
        ),
    ),
    Family(
        "line.*",
        mark("Lines"),
        (
            ("line.up", mark("A line can send")),
            ("line.down", mark("A line cannot send")),
            ("line.low_credit", mark("A SIM has no credit")),
            ("line.quota_reached", mark("A line has used what it may send")),
        ),
    ),
    Family(
        "webhook.*", mark("Webhooks themselves"), (("webhook.dead", mark("A delivery was given up after three days")),)
    ),
)  # fmt: skip

EVERYTHING = "*"

TITLES = {
    EVERYTHING: mark("Everything"),
    "webhook.test": mark("A test"),
    **{family.name: family.title for family in FAMILIES},
    **{name: title for family in FAMILIES for name, title in family.events},
}
"""What each name means, in a few words."""
