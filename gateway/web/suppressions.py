"""Owns the pages of who wants no texts: the list, entering wishes, and lifting one, which asks why.

Knows no keyword and no rule: numbers are read and wishes kept as the API does it.
Source: the notes on what people see, *Suppressions*; rules OPT-3, OPT-4, OPT-8.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from gateway.errors import GatewayError, field_error
from gateway.http.call import Call
from gateway.http.parsing import make_cursor
from gateway.http.people_models import LiftSuppression, Suppress, SuppressionsQuery
from gateway.http.people_numbers import number_filter
from gateway.http.route import Route
from gateway.http.suppressions import Kept, keep_many, lifted
from gateway.store.people_rows import SuppressionFilter, SuppressionRow
from gateway.store.protocol import NotFound
from gateway.web.batch_upload import split_numbers
from gateway.web.form_errors import by_field, judged
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.names import keys_of
from gateway.web.words import gettext as _
from gateway.web.words import mark

_HTML = "text/html"
_SCOPE = "suppressions:manage"
_HERE = "/suppressions"
_LIST = "suppressions page"
_PAGE = 50

HEARD: dict[str, str] = {
    "person": mark("told us in person"),
    "phone": mark("by phone"),
    "email": mark("by e-mail"),
    "letter": mark("by letter"),
    "web": mark("on a web page"),
    "complaint": mark("complained"),
}
"""How a wish reached us, as a person enters it."""

SOURCES: Mapping[str, str] = {**HEARD, "keyword": mark("asked by text"), "erasure": mark("was erased")}
"""How a wish reached us, as the list says it."""


@dataclass(frozen=True, slots=True)
class Wished:
    """A wish with the text that made it, where there was one and the reader may see it."""

    row: SuppressionRow
    said: str | None
    by: str


async def index(call: Call) -> web.Response:
    """List wishes, newest first; a search takes a number in any shape."""
    return await _index(call, {}, {})


async def _index(
    call: Call, typed: Mapping[str, str], errors: Mapping[str, str], kept: Kept | None = None
) -> web.Response:
    pairs = call.request.rel_url.query
    query = judged(SuppressionsQuery, {name: pairs[name] for name in ("cursor",) if name in pairs})
    written, wanted = pairs.get("number", "").strip(), pairs.get("show", "")
    wrong = ""
    try:
        number = await number_filter(call, written or None)
    except GatewayError as error:
        number, wrong = None, error.detail
    where = SuppressionFilter(number, {"": True, "lifted": False}.get(wanted))
    after = call.after(_LIST, query)

    async def suppressions() -> Mapping[str, object]:
        if wrong:
            return {"wishes": (), "older": None}
        page = await call.services.store.suppressions.page(call.view, where, _PAGE, after)
        older = None if page.next is None else make_cursor(_LIST, call.caller.tenant, page.next)
        return {"wishes": await _wished(call, page.items), "older": older}

    async def doubtful() -> Mapping[str, object]:
        if not call.caller.may("inbound:read"):
            return {"doubts": ()}
        return {"doubts": await call.services.store.suppressions.suspected(call.view, _PAGE)}

    values = {
        "written": written,
        "wanted": wanted,
        "wrong": wrong,
        "typed": {name: typed.get(name, "") for name in ("numbers", "source", "note")},
        "errors": errors,
        "kept": kept,
        "heard": HEARD,
        "sources": SOURCES,
    }
    page = Page(
        "suppressions.html",
        _("Suppressions"),
        values,
        {"suppressions": suppressions, "doubtful": doubtful},
        _HERE,
    )
    return await show(call, page, 422 if errors else 200)


async def _wished(call: Call, rows: tuple[SuppressionRow, ...]) -> list[Wished]:
    names = {key.id: key.name for key in await keys_of(call)}
    said = await asyncio.gather(*(_said(call, row) for row in rows))
    return [
        Wished(row, text, names.get(row.created_by.removeprefix("key:"), ""))
        for row, text in zip(rows, said, strict=True)
    ]


async def _said(call: Call, row: SuppressionRow) -> str | None:
    """Read the text by which somebody said it; its keyword is known even when the text is not kept any more."""
    if row.inbound_id is None or not call.caller.may("inbound:read"):
        return row.keyword
    try:
        return (await call.services.store.inbound(call.view, row.inbound_id)).text or row.keyword
    except NotFound:
        return row.keyword


async def add(call: Call) -> web.Response:
    """Enter one wish or many; numbers that are none are shown again, the others are kept."""
    fields = await read_form(call)
    numbers = split_numbers(fields.get("numbers", ""))
    try:
        if not numbers:
            raise field_error("invalid_request", _("Write at least one number."), "numbers")
        asked = judged(
            Suppress,
            {
                "numbers": numbers,
                "source": fields.get("source") or "person",
                "note": fields.get("note") or None,
            },
        )
        kept = await keep_many(call, asked, numbers)
    except GatewayError as error:
        return await _index(call, fields, by_field(error))
    if not kept.rejected:
        return see_other(call, _HERE, added=str(kept.added), known=str(kept.known))
    left = "\n".join(numbers[at] for at, _why in kept.rejected)
    why = kept.rejected[0][1].detail
    return await _index(call, {**fields, "numbers": left}, {"numbers": why}, kept)


async def no_stop(call: Call) -> web.Response:
    """Keep that a text which sounds like a stop was none; decided meanwhile, it is gone from the list anyway."""
    await read_form(call)
    with suppress(NotFound):
        await call.services.store.suppressions.settle(call.view, call.id(), call.caller.by)
    return see_other(call, _HERE)


async def one(call: Call) -> web.Response:
    """Show a wish, and ask why it is to be lifted."""
    return await _one(call, "", {})


async def _one(call: Call, reason: str, errors: Mapping[str, str]) -> web.Response:
    row = await call.services.store.suppressions.one(call.view, call.id())
    wished = (await _wished(call, (row,)))[0]
    values = {"wish": wished, "sources": SOURCES, "reason": reason, "errors": errors}
    return await show(
        call, Page("suppression.html", _("Suppression"), values, here=_HERE), 422 if errors else 200
    )


async def lift(call: Call) -> web.Response:
    """Let somebody be texted again; the reason is kept."""
    fields = await read_form(call)
    reason = fields.get("reason", "").strip()
    try:
        if not reason:
            raise field_error("invalid_request", _("Say why; it is kept with the number."), "reason")
        asked = judged(LiftSuppression, {"reason": reason})
    except GatewayError as error:
        return await _one(call, reason, by_field(error))
    await lifted(call, asked.reason)
    return see_other(call, f"{_HERE}/{call.id()}")


ROUTES = (
    Route("GET", _HERE, index, _SCOPE, "Who wants no texts", media_type=_HTML),
    Route("POST", _HERE, add, _SCOPE, "Enter wishes", 303, media_type=_HTML),
    Route(
        "POST",
        f"{_HERE}/no-stop/{{id}}",
        no_stop,
        _SCOPE,
        "Keep that a text was no stop",
        303,
        media_type=_HTML,
    ),
    Route("GET", f"{_HERE}/{{id}}", one, _SCOPE, "One wish", media_type=_HTML),
    Route(
        "POST", f"{_HERE}/{{id}}/lift", lift, _SCOPE, "Let somebody be texted again", 303, media_type=_HTML
    ),
    # What a form answers is refreshed, and reloaded, at the form's own address.
    Route("GET", f"{_HERE}/{{id}}/lift", one, _SCOPE, "The page of the wish", media_type=_HTML),
)
