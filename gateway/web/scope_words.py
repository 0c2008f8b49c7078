"""Owns what each scope of a key lets somebody do, in a sentence, and the groups in which they are offered.

Knows no key; a test compares the scopes with those of the API.
Source: rules KEY-6.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.web.words import mark


@dataclass(frozen=True, slots=True)
class Group:
    """Scopes that belong together; each is (scope, what it lets somebody do)."""

    title: str
    scopes: tuple[tuple[str, str], ...]


GROUPS = (
    Group(
        mark("Send"),
        (
            ("messages:send", mark("Send texts, and decide about those in doubt")),
            ("messages:cancel", mark("Take back texts that have not left")),
            ("messages:urgent", mark("Send urgent texts, which pass quiet hours")),
            ("messages:shortcode", mark("Text short codes")),
            ("batches:write", mark("Send to many: batches, contacts, groups, recurring texts")),
        ),
    ),
    Group(
        mark("Read"),
        (
            ("messages:read", mark("Read sent texts, batches, contacts and reports")),
            ("inbound:read", mark("Read received texts")),
            ("events:read", mark("Follow events as they happen")),
            ("lines:read", mark("See devices and lines, and how they are")),
            ("metrics:read", mark("Read figures for monitoring")),
            ("audit:read", mark("Read who changed what")),
        ),
    ),
    Group(
        mark("Manage"),
        (
            ("lines:manage", mark("Change lines and devices, and repair them")),
            ("ussd", mark("Ask the network, like for the balance of a SIM")),
            ("webhooks:manage", mark("Decide which programs are told of events")),
            ("templates:manage", mark("Write and change templates")),
            ("suppressions:manage", mark("Change who wants no texts")),
            ("consents:manage", mark("Record who agreed to what")),
            ("approvals:decide", mark("Approve what waits for a second person")),
            ("keys:manage", mark("Make and revoke keys that may do no more than this one")),
            ("users:manage", mark("Manage people's accounts")),
            ("privacy:export", mark("Hand out everything that is kept of a number")),
            ("privacy:erase", mark("Erase everything that is kept of a number")),
        ),
    ),
)

ALL = "*"

NOT_YET = frozenset({"users:manage", "privacy:export", "privacy:erase"})
"""Scopes that the interface has and nothing asks for yet: pages do not offer them, for a tick that does nothing
promises something."""

SENTENCES = {ALL: mark("Everything"), **{scope: words for group in GROUPS for scope, words in group.scopes}}
"""What each scope lets somebody do."""
