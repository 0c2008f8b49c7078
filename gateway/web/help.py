"""Owns the help and the pages of problem codes, in the frame of the other pages; open to everybody.

Knows no document: :mod:`gateway.help` and the catalogue make what stands inside.
Source: the notes on what people see, *Documents*; RFC 9457 §4 (the type of a problem leads to a page).
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from gateway import help as documents
from gateway.errors import CATALOGUE, GatewayError
from gateway.errors.network_numbers import numbers_of
from gateway.errors.pages import FAMILIES
from gateway.http.call import Call
from gateway.http.route import Route
from gateway.web.frame import Page, prefix_of, show
from gateway.web.words import gettext as _

_HTML = "text/html"


async def contents(call: Call) -> web.Response:
    """List the documents in the order in which one reads them."""
    listed = documents.index(_base(call))
    values = {"page": listed.page, "chapters": listed.chapters}
    return await show(call, Page("help.html", _(listed.page.title), values, here="/help"))


async def document(call: Call) -> web.Response:
    """Show one document."""
    # A long document takes a tenth of a second the first time, in which nothing else would be answered.
    found = await asyncio.to_thread(documents.render, call.id("name"), _base(call))
    if found is None:
        raise GatewayError("not_found", "There is no such page of the help. /help lists all of them.")
    values = {"page": found, "chapters": documents.index(_base(call)).chapters}
    return await show(call, Page("help.html", _(found.title), values, here="/help"))


async def picture(call: Call) -> web.Response:
    """Give a picture of the documents."""
    found = documents.picture(call.id("name"))
    if found is None:
        raise GatewayError("not_found", "There is no such picture.")
    return web.Response(body=found.octets, headers={"Content-Type": found.media_type})


async def problems(call: Call) -> web.Response:
    """List all problem codes."""
    return await show(
        call, Page("problems.html", _("Problem codes"), {"entries": CATALOGUE.values()}, here="/help")
    )


async def problem(call: Call) -> web.Response:
    """Explain one problem code."""
    entry = CATALOGUE.get(call.id("code"))
    if entry is None:
        raise GatewayError("not_found", "There is no such problem code. /problems lists all of them.")
    values = {"entry": entry, "numbers": numbers_of(entry.code), "family": FAMILIES[entry.family]}
    return await show(call, Page("problem_code.html", _(entry.title), values, here="/help"))


def _base(call: Call) -> str:
    return f"{prefix_of(call.request, call.services.settings)}/help/"


ROUTES = (
    Route("GET", "/help", contents, None, "The documents", media_type=_HTML),
    Route(
        "GET", "/help/screenshots/{name}", picture, None, "A picture of the documents", media_type="image/png"
    ),
    Route("GET", "/help/{name}", document, None, "One document", media_type=_HTML),
    Route("GET", "/problems", problems, None, "All problem codes", media_type=_HTML),
    Route("GET", "/problems/{code}", problem, None, "The page of a problem code", media_type=_HTML),
)
