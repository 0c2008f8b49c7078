"""Owns what is done to rows that a person ticked in the list: taken back, sent again, exported; asked once before it is
done.

Knows no rule: each message is judged by itself, and what cannot be done to it is left out and counted.
Source: the notes on what people see, */messages*, rule 8 (buttons name effect and count); rules PRV-4.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiDict

from gateway.errors import GatewayError
from gateway.http.call import Call
from gateway.http.csv_file import csv_file
from gateway.http.messages import decide
from gateway.http.route import Route, forbidden
from gateway.lifecycle import Conflict, Happening
from gateway.message import Inbound, Message, MessageState
from gateway.representation import rfc3339
from gateway.store.protocol import NotFound
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.message_filters import filters_of, wanted_of
from gateway.web.names import Names, names_of
from gateway.web.once import fresh
from gateway.web.resending import can_be_sent_again, send_again
from gateway.web.words import gettext as _
from gateway.web.words import ngettext

CHOSEN_MOST = 100
"""Rows of one form: a list shows 50, and each is a message of its own."""

EXPORT_MOST = 100_000
"""Rows of one file: what a spreadsheet still opens."""

_PAGE = 500
_NEEDS = {"cancel": "messages:cancel", "again": "messages:send"}
_WAITING = frozenset({MessageState.QUEUED, MessageState.HELD})

_COLUMNS = (
    "id", "direction", "at", "to", "from", "line", "text", "parts", "state", "error", "cause", "reference", "batch",
    "sent_at", "delivered_at",
)  # fmt: skip


async def chosen(call: Call) -> web.StreamResponse:
    """Ask whether it is meant, then do it; a file is given at once."""
    fields = await read_form(call)
    what, ids = fields.get("do", ""), fields.getall("id", [])[:CHOSEN_MOST]
    filters = await filters_of(call, fields.get("back", ""))
    back = urlencode(list(filters.query.items()))
    if what == "csv":
        texts = await _texts(call, ids)
        return (
            await _file(call, _given(texts))
            if texts
            else await _file(call, _found(call, fields.get("back", "")))
        )
    if what not in _NEEDS:
        return see_other(call, f"/messages?{back}" if back else "/messages")
    if not call.caller.may(_NEEDS[what]):
        raise forbidden(_NEEDS[what])
    messages = [text for text in await _texts(call, ids) if isinstance(text, Message)]
    fit = [message for message in messages if _fits(what, message)]
    if not ids:
        return _back(call, back, done="none")
    if "sure" in fields and fit:
        n = await _cancelled(call, fit) if what == "cancel" else await _sent_again(call, fit, fields)
        return _back(call, back, done="cancelled" if what == "cancel" else "again", n=str(n))
    values = {
        "what": what,
        "fit": fit,
        "left_out": len(ids) - len(fit),
        "button": _button(what, len(fit)),
        "back": back,
        "once": fresh(),
    }
    return await show(call, Page("messages_sure.html", _title(what, len(fit)), values, {}, "/messages"))


def _back(call: Call, back: str, **query: str) -> web.Response:
    return see_other(call, f"/messages?{back}" if back else "/messages", **query)


def _fits(what: str, message: Message) -> bool:
    return message.state in _WAITING if what == "cancel" else can_be_sent_again(message)


def _title(what: str, n: int) -> str:
    if n:
        return f"{_button(what, n)}?"
    return _("Nothing to cancel") if what == "cancel" else _("Nothing to send again")


def _button(what: str, n: int) -> str:
    if what == "cancel":
        return ngettext("Cancel %(n)d waiting message", "Cancel %(n)d waiting messages", n) % {"n": n}
    return ngettext("Send %(n)d message again as new", "Send %(n)d messages again as new", n) % {"n": n}


async def _texts(call: Call, ids: Sequence[str]) -> list[Message | Inbound]:
    store, found = call.services.store, list[Message | Inbound]()
    for text_id in dict.fromkeys(ids):
        try:
            found.append(await store.message(call.view, text_id))
        except NotFound:
            if call.caller.may("inbound:read"):
                try:
                    found.append(await store.inbound(call.view, text_id))
                except NotFound:
                    continue
    return found


async def _cancelled(call: Call, messages: Sequence[Message]) -> int:
    n = 0
    for message in messages:
        try:
            await decide(call, message.id, Happening.CANCEL)
            n += 1
        except Conflict:  # it left meanwhile
            continue
    return n


async def _sent_again(call: Call, messages: Sequence[Message], fields: MultiDict[str]) -> int:
    n = 0
    for message in messages:
        try:
            await send_again(call, message, fields.get("once", ""))
            n += 1
        except GatewayError:
            # One that is refused says so nowhere else: its own page, where it can be tried alone, does.
            continue
    return n


# ------------------------------------------------------------------ as a file


async def export(call: Call) -> web.StreamResponse:
    """Give everything that the filters of the address let through as CSV."""
    return await _file(call, _found(call, call.request.rel_url.query_string))


async def _given(texts: Sequence[Message | Inbound]) -> AsyncIterator[Sequence[Message | Inbound]]:
    yield texts


async def _found(call: Call, query: str) -> AsyncIterator[Sequence[Message | Inbound]]:
    wanted, _troubles = await wanted_of(call, (await filters_of(call, query)).sought)
    after: str | None = None
    n = 0
    while n < EXPORT_MOST:
        found = await call.services.store.search.find(call.view, wanted, _PAGE, after)
        yield found.items
        n, after = n + len(found.items), found.next
        if after is None:
            return


async def _file(call: Call, pieces: AsyncIterator[Sequence[Message | Inbound]]) -> web.StreamResponse:
    """Write the rows while they are read; who takes texts with them is written down first."""
    await call.record("messages.exported")
    names, now_ms = await names_of(call), call.services.clock.now_ms()
    rows = ((_cells(text, names, now_ms) for text in some) async for some in pieces)
    return await csv_file(call, "messages.csv", _COLUMNS, rows)


def _cells(text: Message | Inbound, names: Names, now_ms: int) -> tuple[str | int | None, ...]:
    line = names.line(text.line)
    if isinstance(text, Inbound):
        return (text.id, "in", rfc3339(text.received_at_ms), text.to, text.sender, line, text.text, text.parts,
                "received", None, None, None, None, rfc3339(text.sent_at_ms), None)  # fmt: skip
    error = text.error
    return (
        text.id, "out", rfc3339(text.created_at_ms), text.to, text.sender, line, text.text, text.parts,
        text.shown_state(now_ms), error.code if error else None, _(error.title) if error else None, text.reference,
        text.batch_id, rfc3339(text.sent_at_ms), rfc3339(text.delivered_at_ms),
    )  # fmt: skip


ROUTES = (
    # The address of the list: what a browser reloads, or the script fetches again, is the list.
    Route("POST", "/messages", chosen, "messages:read", "Act on ticked texts", 303, media_type="text/html"),
    Route("GET", "/messages/export", export, "messages:read", "The list as CSV", media_type="text/csv"),
)
