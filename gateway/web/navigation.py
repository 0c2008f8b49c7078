"""Owns the list of pages: path, title, the scope that each needs, and where it stands in the header.

Knows no page's content.
Source: the notes on what people see, *Pages*; rules KEY-6 (a session has the scopes of its key).
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.draft import Caller
from gateway.http.call import Call
from gateway.web.words import mark


@dataclass(frozen=True, slots=True)
class Entry:
    """One page of the navigation. ``scope`` "" = for everybody who is signed in; ``main``: beside the name of the
    product, else under *More*. ``count`` names the figure that stands behind it."""

    path: str
    title: str
    scope: str = ""
    main: bool = True
    count: str = ""


ENTRIES = (
    Entry("/", mark("Overview")),
    Entry("/messages", mark("Messages"), "messages:read"),
    Entry("/conversations", mark("Inbox"), "inbound:read", count="unread"),
    Entry("/batches", mark("Batches"), "messages:read"),
    Entry("/devices", mark("Devices"), "lines:read"),
    Entry("/doctor", mark("Doctor"), "lines:read", count="needs"),
    Entry("/webhooks", mark("Webhooks"), "webhooks:manage", main=False),
    Entry("/keys", mark("Keys"), "keys:manage", main=False),
    Entry("/suppressions", mark("Suppressions"), "suppressions:manage", main=False),
    Entry("/approvals", mark("Approvals"), "approvals:decide", main=False),
    Entry("/templates", mark("Templates"), "templates:manage", main=False),
    Entry("/audit", mark("Audit"), "audit:read", main=False),
    Entry("/settings", mark("Settings"), main=False),
    Entry("/help", mark("Help"), main=False),
)


def navigation(caller: Caller) -> tuple[Entry, ...]:
    """List the pages that a caller may open."""
    return tuple(entry for entry in ENTRIES if not entry.scope or caller.may(entry.scope))


async def counts(call: Call) -> dict[str, int]:
    """Count what stands behind the entries, by the name in ``Entry.count``."""
    doctor = call.services.doctor
    needs = (
        len(await doctor.needs(call.caller)) if doctor is not None and call.caller.may("lines:read") else 0
    )
    inbox = call.services.store.conversations
    unread = await inbox.unread(call.view) if call.caller.may("inbound:read") else 0
    return {"needs": needs, "unread": unread}
