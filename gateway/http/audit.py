"""Owns the routes of the audit trail: read it, take it as a file, have its chain walked.

Knows no action: entries are written where the change is made.
Source: rules AUD-1, AUD-2, PRV-4.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from aiohttp import web
from pydantic import Field
from pydantic_core import to_json

from gateway.http.answers import Answer, Time
from gateway.http.call import Call
from gateway.http.csv_file import csv_file, pages
from gateway.http.models import Instant, ListQuery
from gateway.http.route import Route
from gateway.representation import rfc3339
from gateway.store.audit import AuditFilter, Entry, Outcome

if TYPE_CHECKING:
    from gateway.representation import Json

_PATH = "/api/v1/audit"
_LIST = "audit"


class AuditQuery(ListQuery):
    """Filters of the audit trail; each narrows."""

    actor: Annotated[str | None, Field(max_length=100, description="Who did it: key:ID, gateway, cli.")] = (
        None
    )
    action: Annotated[
        str | None, Field(max_length=50, description="What was done: key.revoked, or key for all about keys.")
    ] = None
    target: Annotated[str | None, Field(max_length=150, description="What it was done to: kind:ID.")] = None
    outcome: Annotated[Literal["refused"] | None, Field(description="Only what was refused.")] = None
    since: Annotated[Instant | None, Field(description="At this time or later.")] = None
    until: Annotated[Instant | None, Field(description="Before this time.")] = None
    format: Annotated[
        Literal["json", "csv"], Field(description="csv: the whole list as a file, without pages.")
    ] = "json"


class AuditEntry(Answer):
    """Who did what. hash proves the entry and all before it; detail.changed maps a field to before and after."""

    seq: int
    at: Time
    actor: str
    actor_name: str | None
    action: str
    target: str | None
    outcome: Outcome
    detail: dict[str, object]
    hash: str


class AuditPage(Answer):
    """A page of the trail, newest first."""

    items: list[AuditEntry]
    next: str | None


class AuditVerdict(Answer):
    """What a walk along the chain found: head is the hash of the last of so many whole entries."""

    ok: bool
    entries: int
    head: str
    bad_seq: int | None
    why: str | None


async def index(call: Call) -> web.StreamResponse:
    """List who did what, newest first; as CSV the whole list."""
    query = call.query(AuditQuery)
    where = filter_of(query)
    if query.format == "csv":
        return await export(call, where)
    page = await call.services.store.audit.page(call.view, where, query.limit, call.after(_LIST, query))
    names = await actors(call)
    return call.page(_LIST, page, lambda entry: _entry_json(entry, names))


async def verify(call: Call) -> web.Response:
    """Walk the whole chain and name the first entry that is not as it was written."""
    found = await call.services.store.audit.verify()
    return call.json(
        {
            "ok": found.bad_seq is None,
            "entries": found.entries,
            "head": found.head,
            "bad_seq": found.bad_seq,
            "why": found.why or None,
        }
    )


def filter_of(query: AuditQuery) -> AuditFilter:
    """Say which entries are asked for: an action without a dot means all of its kind."""
    exact = query.action is None or "." in query.action
    return AuditFilter(
        actor=query.actor,
        action=query.action if exact else None,
        kind=None if exact else query.action,
        target=query.target,
        since_ms=query.since,
        until_ms=query.until,
        refused=query.outcome == "refused",
    )


async def actors(call: Call) -> dict[str, str]:
    """Name the keys that the caller may know of, by how their deeds are signed."""
    rows = await call.services.store.keys(call.caller.tenant)
    return {f"key:{row.id}": row.name for row in rows if row.sandbox or not call.caller.sandbox}


async def export(call: Call, where: AuditFilter) -> web.StreamResponse:
    """Give the entries as a file; that somebody took it is an entry too."""
    await call.record("audit.exported")
    names = await actors(call)
    read = partial(call.services.store.audit.page, call.view, where)
    return await csv_file(call, "audit.csv", _EXPORTED, pages(read, lambda entry: _cells(entry, names)))


def _cells(entry: Entry, names: dict[str, str]) -> list[str | int | None]:
    shown = _entry_json(entry, names)
    shown["detail"] = to_json(shown["detail"]).decode()
    cells: list[str | int | None] = [
        value if isinstance(value, str | int) else None for value in (shown[name] for name in _EXPORTED)
    ]
    return cells


def _entry_json(entry: Entry, names: dict[str, str]) -> Json:
    deed = entry.deed
    return {
        "seq": entry.seq,
        "at": rfc3339(entry.at_ms),
        "actor": deed.by,
        "actor_name": names.get(deed.by),
        "action": deed.action,
        "target": deed.target or None,
        "outcome": deed.outcome,
        "detail": dict(deed.detail),
        "hash": entry.hash,
    }


_EXPORTED = ("seq", "at", "actor", "actor_name", "action", "target", "outcome", "detail", "hash")
_SCOPE = "audit:read"

ROUTES = (
    Route(
        "GET", _PATH, index, _SCOPE, "List who did what", query=AuditQuery, answer=AuditPage,
        file="text/csv", problems=("invalid_cursor",),
    ),
    Route("GET", f"{_PATH}/verify", verify, _SCOPE, "Walk the chain of the audit trail", answer=AuditVerdict),
)  # fmt: skip
