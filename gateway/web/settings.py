"""Owns the page of settings: how the pages look in this browser, whose session it is, and what is configured.

Knows no file and no configuration: what is set is handed in as rows. The configuration is read-only here and shown to
those who may do everything outside of the sandbox, because it names numbers, addresses and people.
Source: the notes on what people see, *Settings*; rules KEY-7.
"""

from __future__ import annotations

from aiohttp import web

from gateway.http.call import Call
from gateway.http.route import Route
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.scope_words import ALL, SENTENCES
from gateway.web.words import gettext as _
from gateway.web.words import mark

HERE = "/settings"
THEMES = {"": mark("As the system says"), "light": mark("Light"), "dark": mark("Dark")}
_YEAR_S = 365 * 86_400

ORIGINS = {
    "default": mark("default"),
    "file": mark("file"),
    "environment": mark("environment"),
    "option": mark("command line"),
}


async def page(call: Call) -> web.Response:
    """Show what is set: what differs from the defaults, or one section whole."""
    is_shown = call.caller.may(ALL) and not call.caller.sandbox
    settings = call.services.settings_shown if is_shown else ()
    sections = list(dict.fromkeys(setting.section for setting in settings))
    wanted = call.request.rel_url.query.get("section", "")
    section = wanted if wanted in sections else ""
    shown = [s for s in settings if (s.section == section if section else s.origin != "default")]
    values = {
        "is_shown": is_shown, "settings": shown, "sections": sections, "section": section, "THEMES": THEMES,
        "ORIGINS": ORIGINS, "SENTENCES": SENTENCES,
    }  # fmt: skip
    return await show(call, Page("settings.html", _("Settings"), values, {}, HERE))


async def theme(call: Call) -> web.Response:
    """Remember in this browser whether pages are light or dark."""
    chosen = (await read_form(call)).get("theme", "")
    response = see_other(call, HERE, done="saved")
    if chosen in THEMES and chosen:
        response.set_cookie(
            "theme", chosen, max_age=_YEAR_S, path="/", httponly=True, samesite="Strict",
            secure=call.request.secure,
        )  # fmt: skip
    else:
        response.del_cookie("theme", path="/")
    return response


_HTML = "text/html"

ROUTES = (
    Route("GET", HERE, page, "", "Settings", media_type=_HTML),
    Route("POST", f"{HERE}/theme", theme, "", "Choose light or dark", 303, media_type=_HTML),
)
