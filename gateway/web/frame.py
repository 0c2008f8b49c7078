"""Owns how a page is made: the frame around it, its live regions, its links, its headers, and how a refusal looks.

Knows no page's content. One template serves twice: the whole page, and the same page's regions when they are asked for
again because something happened.
Source: rules API-17 (headers of pages); the notes on what people see, *How it is built*.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, get_args
from urllib.parse import quote, urlencode

import jinja2
from aiohttp import web

from gateway.draft import Caller
from gateway.errors import GatewayError
from gateway.http.call import Call
from gateway.http.models import EventName
from gateway.http.origin import public_asked
from gateway.http.route import NOBODY, Route
from gateway.http.services import SETTINGS, ApiSettings
from gateway.http.sessions import BY_ITSELF, SESSION, Session, is_private
from gateway.web import shown, words
from gateway.web.assets import ASSETS
from gateway.web.navigation import counts, navigation
from gateway.web.sharing import SHARED

Load = Callable[[], Awaitable[Mapping[str, object]]]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'"
    ),
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

REGIONS = BY_ITSELF
"""Header by which the script asks for regions of the page it shows, by id."""

SEEN = "X-Seen"
"""Header in which the script says which row is the newest that the list before the person shows."""

HIDDEN = "X-Hidden"
"""Header of what a page asks for by itself while it lies in the background: nobody looks at the answer."""

COUNTS = "counts"
"""The region of the frame itself: the figures in its header."""

_FRAME = "frame.html"
_TRUSTED_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
"""What browsers trust without TLS."""

_prefix: ContextVar[str] = ContextVar("prefix", default="")


@dataclass(frozen=True, slots=True)
class Page:
    """A page to show. ``title`` and ``template`` (its file); ``values`` are what the template needs everywhere.

    ``regions`` are blocks of the template that are loaded, and can be asked for, one by one; block and HTML id have
    the region's name.
    """

    template: str
    title: str
    values: Mapping[str, object] = field(default_factory=dict)
    regions: Mapping[str, Load] = field(default_factory=dict)
    here: str = ""
    """The entry of the navigation that this page belongs to, by its path."""


def in_their_language(route: Route) -> Route:
    """Let the whole handler of a page, not only its template, speak the reader's language and write our links."""

    async def handle(call: Call) -> web.StreamResponse:
        with words.spoken(call.request.headers.get("Accept-Language", "")):
            token = _prefix.set(prefix_of(call.request, call.services.settings))
            try:
                return await route.handle(call)
            finally:
                _prefix.reset(token)

    return replace(route, handle=handle)


async def show(call: Call, page: Page, status: int = 200) -> web.Response:
    """Answer a page, or only the regions of it that the request names."""
    regions: dict[str, Load] = {**page.regions, COUNTS: partial(_counts, call)}
    asked = call.request.headers.get(REGIONS)
    if asked is None:
        return _answer(call.request, await _text(call, page, regions, whole=True), status)
    wanted = {name: regions[name] for name in asked.split(",") if name in regions}
    making = partial(_text, call, page, wanted, whole=False)
    if call.request.method != "GET":
        # What a form brings is its own: another tab's form at the same address says something else.
        return _answer(call.request, await making(), status)
    text = await call.request.app[SHARED].make(_what_is_shown(call, wanted), making)
    return _answer(call.request, text, status)


def _what_is_shown(call: Call, wanted: Iterable[str]) -> Hashable:
    """Name all that an answer depends on, but the time: who asks, for what, in which words, and what they see."""
    request = call.request
    seen = request.headers.get(SEEN, "")
    who = (call.caller, call.session)
    return who, request.rel_url.raw_path_qs, tuple(wanted), seen, words.language(), _prefix.get()


async def _text(call: Call, page: Page, regions: Mapping[str, Load], *, whole: bool) -> str:
    """Load regions and render them, or the page around them too, in a thread: a line's next text does not wait."""
    loaded = await asyncio.gather(*(load() for load in regions.values()))
    values = {**_of_call(call), **page.values, "title": page.title, "here": page.here}
    for more in loaded:
        values.update(more)
    template = _ENVIRONMENT.get_template(page.template)
    if whole:
        return await asyncio.to_thread(template.render, values)
    return await asyncio.to_thread(_blocks, template, tuple(regions), values)


def _answer(request: web.Request, text: str, status: int) -> web.Response:
    headers = {"Content-Type": "text/html; charset=utf-8", "Vary": REGIONS, **HEADERS}
    if is_private(request) or (request.url.host or "") in _TRUSTED_HOSTS:
        # Elsewhere browsers leave it alone, and complain of it at every page.
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return web.Response(body=text.encode(), status=status, headers=headers)


def _blocks(template: jinja2.Template, names: Iterable[str], values: dict[str, Any]) -> str:
    blocks = {**_ENVIRONMENT.get_template(_FRAME).blocks, **template.blocks}
    context = template.new_context(values)
    return "".join("".join(blocks[name](context)) for name in names)


async def _counts(call: Call) -> Mapping[str, object]:
    """Count what waits for a person, for the header of every page."""
    return {"counts": await counts(call) if call.session is not None else {}}


def see_other(call: Call, path: str, **query: str) -> web.Response:
    """Send the browser on to a page after a POST; ``path`` is ours, without prefix."""
    target = f"{prefix_of(call.request, call.services.settings)}{path}"
    location = f"{target}{'&' if '?' in target else '?'}{urlencode(query)}" if query else target
    return web.Response(status=303, headers={"Location": location, **HEADERS})


def refuse(request: web.Request, error: GatewayError, request_id: str) -> web.Response:
    """Show a person why a page cannot be had; who is not signed in is led to the sign-in."""
    settings = request.app[SETTINGS]
    prefix = prefix_of(request, settings)
    if error.code == "unauthenticated":
        wanted = request.rel_url.raw_path_qs if request.method in ("GET", "HEAD") else "/"
        next_page = "" if wanted == "/" else f"?next={quote(wanted, safe='')}"
        return web.Response(status=303, headers={"Location": f"{prefix}/sign-in{next_page}", **HEADERS})
    session = request.get(SESSION)
    values: dict[str, object] = {
        **_frame(request, session, session.caller if session is not None else NOBODY),
        "problem": error, "entry": error.entry, "request_id": request_id, "title": error.entry.title,
        "counts": {}, "here": "", "open_lan": False, "lost": error.code == "not_found",
    }  # fmt: skip
    with words.spoken(request.headers.get("Accept-Language", "")):
        token = _prefix.set(prefix)
        try:
            text = _ENVIRONMENT.get_template("problem.html").render(values)
        finally:
            _prefix.reset(token)
    response = _answer(request, text, error.status)
    response.headers.update(error.headers)
    return response


# ------------------------------------------------------------------ links


def prefix_of(request: web.Request, settings: ApiSettings) -> str:
    """Say below which path the browser sees us: that of ``public_url`` when it asked for that host."""
    public = public_asked(request, settings)
    return "" if public is None else public.path.rstrip("/")


def link(path: str, **query: object) -> str:
    """Write the address of one of our pages; every link goes through here. Empty values are left out."""
    pairs = [(name, str(value)) for name, value in query.items() if value not in (None, "", ())]
    return f"{_prefix.get()}{path}{'?' + urlencode(pairs) if pairs else ''}"


def asset(name: str) -> str:
    """Write the address of a file by its plain name."""
    return f"{_prefix.get()}/static/{ASSETS[name].name}"


# ------------------------------------------------------------------ the environment


def _frame(request: web.Request, session: Session | None, caller: Caller) -> dict[str, object]:
    """Give what the frame of every page needs, of a refusal too."""
    return {
        "session": session,
        "caller": caller,
        "may": caller.may,
        "nav": navigation(caller),
        "theme": _theme(request),
        "form_token": session.form_token if session is not None else "",
    }


def _of_call(call: Call) -> dict[str, object]:
    return {
        **_frame(call.request, call.session, call.caller),
        "now_ms": call.services.clock.now_ms(),
        "path": call.request.path,
        "query": call.request.rel_url.query,
        "open_lan": _is_open(call),
    }


def _is_open(call: Call) -> bool:
    """Say whether keys and texts cross a network readable: asked from elsewhere without TLS."""
    return not is_private(call.request) and call.address not in ("127.0.0.1", "::1", "")


def _theme(request: web.Request) -> str:
    theme = request.cookies.get("theme", "")
    return theme if theme in ("light", "dark") else ""


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gateway.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["event_types"] = " ".join(name for name in get_args(EventName) if "*" not in name)
    environment.globals.update(link=link, asset=asset, language=words.language)
    environment.filters.update(shown.FILTERS)
    environment.globals.update(shown.GLOBALS)
    # Macros as a global: blocks that are rendered alone do not run the imports of their template.
    environment.globals["ui"] = environment.get_template("ui.html").module
    return environment


_ENVIRONMENT = _environment()
