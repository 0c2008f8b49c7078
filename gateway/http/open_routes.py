"""Owns the routes that need no key: health, the pages of problems, the description of the API, the front page.

Knows nothing of messages; says no version, number or name to strangers.
Source: the HTTP interface; RFC 9457 §4.
"""

from __future__ import annotations

from aiohttp import web

from gateway.errors import CATALOGUE, GatewayError, pages
from gateway.http import answers
from gateway.http.call import Call, html
from gateway.http.route import Route

_FRONT = (
    "<p>An SMS gateway runs here. It answers programs; a page for people comes in a later version.</p>"
    '<ul><li><a href="/docs">What the API can do</a></li>'
    '<li><a href="/openapi.json">The same for programs (OpenAPI 3.1)</a></li>'
    '<li><a href="/problems">What each problem code means</a></li>'
    '<li><a href="/health/ready">Whether it can take messages now</a></li></ul>'
)


async def front(_call: Call) -> web.Response:
    """Say what runs here."""
    return html(pages.page("SMS gateway", _FRONT))


async def live(call: Call) -> web.Response:
    """Say that the process answers."""
    return call.json({"status": "ok"})


async def ready(call: Call) -> web.Response:
    """Say that a message could be stored now."""
    if call.services.stopping.is_set():
        raise GatewayError("shutting_down", "The server is stopping. Try again in a few seconds.")
    await call.services.store.ping()
    return call.json({"status": "ok"})


async def problem_index(_call: Call) -> web.Response:
    """List all problem codes."""
    return html(pages.html_index())


async def problem_page(call: Call) -> web.Response:
    """Explain one problem code."""
    entry = CATALOGUE.get(call.id("code"))
    if entry is None:
        raise GatewayError("not_found", "There is no such problem code. /problems lists all of them.")
    return html(pages.html(entry))


_HTML = "text/html"

ROUTES = (
    Route("GET", "/", front, None, "What runs here", media_type=_HTML),
    Route("GET", "/health/live", live, None, "Whether the process answers", answer=answers.Health),
    Route(
        "GET", "/health/ready", ready, None, "Whether a message could be stored", answer=answers.Health,
        problems=("storage_unavailable", "shutting_down"),
    ),
    Route("GET", "/problems", problem_index, None, "All problem codes", media_type=_HTML),
    Route(
        "GET", "/problems/{code}", problem_page, None, "The page of a problem code", media_type=_HTML,
        problems=("not_found",),
    ),
)  # fmt: skip
