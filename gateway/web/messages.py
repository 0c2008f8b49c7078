"""Owns the list of texts, sent and received: the search box, filters, pages, what is new on top, and what is done to a
choice of rows.

Knows no grammar (:mod:`gateway.web.search`) and no store's query; what is decided is judged there, row by row.
Source: the notes on what people see, */messages*; rules DAT-2, API-10.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlencode

from aiohttp import web

from gateway.http.call import Call
from gateway.http.parsing import make_cursor, read_cursor
from gateway.http.route import Route
from gateway.ids import new_id
from gateway.message import Inbound, Message, MessageState
from gateway.store.protocol import NotFound
from gateway.store.searching import Found
from gateway.web.frame import SEEN, Page, link, see_other, show
from gateway.web.message_filters import NAMES, Filters, filters_of, reference_or_words, wanted_of
from gateway.web.names import Names, keys_of, lines_of, names_of
from gateway.web.search import STATE_NAMES
from gateway.web.shown import STATES, Look, look
from gateway.web.words import gettext as _
from gateway.web.words import mark, ngettext

LIST = "web-messages"
ROWS = 50
_NEW_MOST = 99


@dataclass(frozen=True, slots=True)
class Row:
    """One text in the list. ``other`` is who it was sent to or came from; ``cause`` is why it is as it is, in a few
    words, "" for nothing to say."""

    id: str
    path: str
    at_ms: int
    direction: Literal["in", "out"]
    other: str
    text: str
    line: str
    parts: int
    look: Look
    cause: str


_MAY_RETURN = frozenset({MessageState.SUBMITTING, MessageState.IN_DOUBT})
"""From these a text can go back to the queue, and no event tells of that."""


async def page(call: Call) -> web.Response:
    """Show the newest texts that the filters let through."""
    filters = await filters_of(call)
    if filters.sought.id:
        path = await _path_of(call, filters.sought.id)
        if path is not None:
            return see_other(call, path)
        # Programs use ids of their own as references.
        as_word = replace(filters.sought, id="", words=(filters.sought.id,))
        filters = Filters(filters.query, await reference_or_words(call, as_word))
    wanted, troubles = await wanted_of(call, filters.sought)
    query = call.request.rel_url.query
    after = read_cursor(LIST, call.caller.tenant, query.get("cursor"))
    given = call.request.headers.get(SEEN, "")[:36]
    seen = given if given.isascii() else ""
    found: Found | None = None
    if not seen:
        found = await call.services.store.search.find(call.view, wanted, ROWS, after)
        seen = found.items[0].id if found.items else new_id()

    async def rows() -> Mapping[str, object]:
        again = found or await call.services.store.search.find(
            call.view, replace(wanted, upto=seen), ROWS, after
        )
        return await _rows(call, again, filters)

    async def fresh() -> Mapping[str, object]:
        if found is not None or after is not None:
            return {"fresh": 0}
        return {
            "fresh": await call.services.store.search.count(call.view, replace(wanted, above=seen), _NEW_MOST)
        }

    values = {
        "filters": filters,
        "f": {name: filters.query.get(name, "") for name in NAMES},
        "back": urlencode(list(filters.query.items())),
        "troubles": troubles,
        "seen": seen,
        "first_page": after is None,
        "states": [(name, STATES[name]) for name in STATE_NAMES],
        "known_lines": await lines_of(call),
        "known_keys": await keys_of(call),
        "on": _on(filters, await names_of(call)),
        "done": _done(call),
        "none_ticked": query.get("done") == "none",
        "base_url": _base_url(call),
        "new_most": _NEW_MOST,
    }
    return await show(
        call, Page("messages.html", _("Messages"), values, {"fresh": fresh, "rows": rows}, "/messages")
    )


async def _path_of(call: Call, text_id: str) -> str | None:
    """Find the page of what has this id."""
    try:
        await call.services.store.message(call.view, text_id)
        return f"/messages/{text_id}"
    except NotFound:
        pass
    if not call.caller.may("inbound:read"):
        return None
    try:
        await call.services.store.inbound(call.view, text_id)
    except NotFound:
        return None
    return f"/inbound/{text_id}"


async def _rows(call: Call, found: Found, filters: Filters) -> Mapping[str, object]:
    names = await names_of(call)
    now_ms = call.services.clock.now_ms()
    older = None
    if found.next is not None:
        cursor = make_cursor(LIST, call.caller.tenant, found.next)
        older = link("/messages", **{**filters.query, "cursor": cursor})
    return {
        "rows": [row_of(item, names, now_ms) for item in found.items],
        "may_return": any(isinstance(item, Message) and item.state in _MAY_RETURN for item in found.items),
        "older": older,
        "looked": found.looked,
        "stopped": found.stopped,
        "back_to_ms": None if found.next is None else _made_ms(found.next),
    }


def _made_ms(text_id: str) -> int:
    """When an id was made (RFC 9562 §5.7)."""
    return int(text_id[:8] + text_id[9:13], 16)


def row_of(item: Message | Inbound, names: Names, now_ms: int) -> Row:
    """Make the row of a text."""
    if isinstance(item, Inbound):
        text = item.text if item.text is not None else _(_KINDS.get(item.type, _KINDS["data"]))
        cause = "" if item.complete else _("a part is missing")
        return Row(
            item.id, f"/inbound/{item.id}", item.received_at_ms, "in", item.sender, text, names.line(item.line),
            item.parts, STATES["received"], cause,
        )  # fmt: skip
    state = item.shown_state(now_ms)
    cause = _(item.error.title) if item.error is not None and state != "in_doubt" else ""
    text = (
        item.text
        if item.text is not None
        else _("(data)")
        if item.octets is not None
        else _("(no longer kept)")
    )
    return Row(
        item.id, f"/messages/{item.id}", item.created_at_ms, "out", item.to, text, names.line(item.line), item.parts,
        look(STATES, state), cause,
    )  # fmt: skip


_KINDS = {
    "data": mark("(data)"),
    "mms": mark("(picture message)"),
    "push": mark("(link from the network)"),
    "call": mark("(call)"),
    "undecoded": mark("(could not be read)"),
}


def _on(filters: Filters, names: Names) -> list[tuple[str, str, str]]:
    """Say which filters are on, in the words of the controls."""
    on = []
    for name, label, value in filters.labels:
        shown = names.line(value) if name == "line" else value
        on.append((name, label, _(look(STATES, value).word) if name == "state" else shown))
    return on


def _done(call: Call) -> str:
    """Say what a button led to."""
    query = call.request.rel_url.query
    done, written = query.get("done", ""), query.get("n", "0")
    n = int(written) if written.isdecimal() and len(written) < 7 else 0
    if done == "cancelled":
        return ngettext("%(n)d message is taken back.", "%(n)d messages are taken back.", n) % {"n": n}
    if done == "again":
        return ngettext("%(n)d message is sent again.", "%(n)d messages are sent again.", n) % {"n": n}
    return _("Tick the messages first.") if done == "none" else ""


def _base_url(call: Call) -> str:
    public = call.services.settings.public_url
    return (public or str(call.request.url.origin())).rstrip("/")


ROUTES = (
    Route("GET", "/messages", page, "messages:read", "Texts, sent and received", media_type="text/html"),
)
