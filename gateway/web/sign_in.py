"""Owns how people come in and go: the one-time link, a key typed in, and the end of a session.

Knows no store: sessions are begun and ended at the desk. The token of a link stands behind the ``#``, so the page's
script hands it in; without script the person pastes it, or a key.
Source: rules USR-1, USR-5, USR-7.
"""

from __future__ import annotations

from aiohttp import web

from gateway.http.call import Call
from gateway.http.route import Route
from gateway.http.sessions import Begun, cookie_name, is_private, refuse_forged, set_cookie
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.words import mark

_HTML = "text/html"
_WHY = {
    "used": mark("This link was used already. Make another one on the server: gateway login"),
    "expired": mark("This link is older than 15 minutes. Make another one on the server: gateway login"),
    "unknown": mark(
        "Nobody knows this link or key. Check that it was copied whole, or make a new link: gateway login"
    ),
}
"""Why nobody was signed in."""


async def page(call: Call) -> web.Response:
    """Ask who is there."""
    return await _page(call, "", _next(call.request.rel_url.query.get("next", "")))


async def sign_in(call: Call) -> web.Response:
    """Begin a session with a link's token or a key."""
    refuse_forged(call.request, call.services.settings)
    fields = await call.form()
    secret, target = str(fields.get("secret", "")).strip(), _next(str(fields.get("next", "")))
    secret = secret.rpartition("#")[2]  # a whole link was pasted
    begun = await call.desk.sessions.sign_in(secret, call.address)
    if not isinstance(begun, Begun):
        return await _page(call, _WHY[begun], target, status=403)
    response = see_other(call, target)
    set_cookie(response, call.request, begun.token)
    return response


async def sign_out(call: Call) -> web.Response:
    """End the session."""
    await read_form(call)
    await call.desk.sessions.sign_out(call.request)
    response = see_other(call, "/sign-in")
    response.del_cookie(
        cookie_name(call.request), path="/", secure=is_private(call.request), httponly=True, samesite="Strict"
    )
    return response


def _next(wanted: str) -> str:
    """Lead on only to a page of ours: a path, which nothing makes another host of."""
    ours = wanted.startswith("/") and not wanted.startswith("//")
    return wanted if ours and "\\" not in wanted and wanted.isprintable() else "/"


async def _page(call: Call, why: str, target: str, status: int = 200) -> web.Response:
    values = {"why": why, "next": target}
    return await show(call, Page("sign_in.html", "", values), status)


ROUTES = (
    Route("GET", "/sign-in", page, None, "Ask who is there", media_type=_HTML),
    Route("POST", "/sign-in", sign_in, None, "Begin a session", 303, media_type=_HTML),
    Route("POST", "/sign-out", sign_out, "", "End the session", 303, media_type=_HTML),
)
