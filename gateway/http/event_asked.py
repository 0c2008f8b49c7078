"""Owns what a request for an event stream says: from where, what of it, and who asks.

Knows no connection. Without a scope that lets texts be read, a stream has none (rules KEY-6).
Source: the HTTP interface; WHATWG HTML §9.2.4 (``Last-Event-ID``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gateway.errors import GatewayError, field_error
from gateway.http.access import presented_key
from gateway.http.event_frames import Filter, Framing, Wanted
from gateway.http.event_streams import Asked, Credential
from gateway.http.models import EventName, Query

if TYPE_CHECKING:
    from aiohttp import web

    from gateway.draft import Caller
    from gateway.http.call import Call

SCOPE = "events:read"

_CURSOR = re.compile(r"[0-9]{1,18}", re.ASCII)


class EventsQuery(Query):
    """Where a stream begins, and what it is narrowed to; each filter narrows further."""

    after: Annotated[
        str | None,
        Field(
            max_length=512,
            description="Cursor to go on after; 0: from the oldest that is kept; left out: from now on."
            " Last-Event-ID goes before it.",
        ),
    ] = None
    type: Annotated[
        list[EventName],
        Field(max_length=50, description="Types or families (message.*), repeated or with commas."),
    ] = Field(default_factory=list)
    line: Annotated[str | None, Field(max_length=100, description="Id of a line.")] = None
    batch: Annotated[str | None, Field(max_length=100, description="Id of a batch.")] = None
    tag: Annotated[
        list[str], Field(max_length=20, description="name=value, repeated; all must be there.")
    ] = Field(default_factory=list)


def asked_of(call: Call, query: EventsQuery, caller: Caller, framing: Framing) -> Asked:
    """Read what a reader asked for and may have.

    Raises:
        GatewayError: ``invalid_cursor``, ``invalid_request``.
    """
    request, settings = call.request, call.services.settings.streams
    narrowed = Filter(tuple(query.type), query.line, query.batch, _tags(query.tag))
    return Asked(
        wanted=Wanted(
            framing,
            texts=caller.may("messages:read"),
            received_texts=caller.may("inbound:read"),
            filter=None if narrowed == Filter() else narrowed,
        ),
        after=_cursor(request.headers.get("Last-Event-ID") or query.after),
        heartbeat_s=settings.sse_heartbeat_s if framing == "sse" else settings.socket_heartbeat_s,
        gone=lambda: is_gone(request),
    )


def is_gone(request: web.Request) -> bool:
    """Say whether the connection of a request is lost."""
    transport = request.transport
    return transport is None or transport.is_closing()


def _cursor(written: str | None) -> int | None:
    if written is None:
        return None
    if not _CURSOR.fullmatch(written):
        raise GatewayError(
            "invalid_cursor",
            "This is no cursor of the event stream. Send the id of the last event (a whole number), or leave it out.",
        )
    return int(written)


def _tags(written: list[str]) -> tuple[tuple[str, str], ...]:
    pairs = [pair.partition("=") for pair in written]
    for index, (name, equals, _value) in enumerate(pairs):
        if not name or not equals:
            raise field_error("invalid_request", "Write a tag as name=value, like class=5B.", "tag", index)
    return tuple((name, value) for name, _, value in pairs)


def credential_of(call: Call) -> Credential:
    """Say by what the caller of a request was let in, to ask again while its stream is open."""
    request, address, desk = call.request, call.address, call.desk
    session = call.session
    if session is None:
        return key_credential(call, call.caller, presented_key(request.headers) or "")

    async def signed_in() -> Caller | None:
        found = await desk.sessions.still(request, address)
        return None if found is None else found.caller

    return Credential(session.caller, ("session", session.form_token, address), signed_in)


def key_credential(call: Call, caller: Caller, key: str) -> Credential:
    """Say the same of a key, wherever it was shown."""
    credentials, address = call.desk.credentials, call.address

    async def in_force() -> Caller | None:
        return await credentials.still(key, address)

    return Credential(caller, ("key", caller.key_id, address), in_force)
