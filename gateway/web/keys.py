"""Owns the pages of keys: what there is, a new one shown once, its successor, its end.

Knows no secret but in the one answer that shows it: the store has digests. What a key may be given is decided by the
functions of the API's own routes.
Source: the notes on what people see, *Keys*; rules KEY-2, KEY-5, KEY-6, KEY-8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web
from multidict import MultiDict

from gateway.errors import GatewayError
from gateway.http.call import Call
from gateway.http.keys import changeable, end, is_stale, make, replace_key, visible
from gateway.http.models import CreateKey
from gateway.http.route import Route
from gateway.representation import rfc3339
from gateway.store.key_use import OddUse
from gateway.store.rows import KeyRow
from gateway.web import once
from gateway.web.form_errors import WHOLE, by_field, judged
from gateway.web.forms import read_form
from gateway.web.frame import REGIONS, Page, link, see_other, show
from gateway.web.scope_words import ALL, GROUPS, NOT_YET, SENTENCES, Group
from gateway.web.words import gettext as _
from gateway.web.words import mark

HERE = "/keys"
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS

LIFETIMES = {
    "": (mark("does not end"), None),
    "30": (mark("ends in 30 days"), 30 * _DAY_MS),
    "90": (mark("ends in 90 days"), 90 * _DAY_MS),
    "365": (mark("ends in a year"), 365 * _DAY_MS),
}
GRACES = {
    "day": (mark("works for 24 hours more"), _DAY_MS),
    "hour": (mark("works for an hour more"), _HOUR_MS),
    "week": (mark("works for 7 days more"), 7 * _DAY_MS),
    "now": (mark("ends now"), 0),
}
"""What becomes of a key that is replaced."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A key as the list shows it. ``over`` says why it works no more, "" while it does; ``odd`` what was odd about its
    use: when, and a sentence."""

    row: KeyRow
    over: str
    stale: bool
    mine: bool
    changeable: bool
    odd: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """What somebody writes about a new key."""

    once: str
    name: str = ""
    scopes: tuple[str, ...] = ()
    sandbox: bool = False
    lifetime: str = ""
    errors: Mapping[str, str] | None = None


async def index(call: Call) -> web.Response:
    """List keys, those that work first."""

    async def listed() -> Mapping[str, object]:
        odd = [each for each in await call.services.store.key_use.odd(call.caller.tenant) if not each.seen]
        shown = [_shown(call, row, odd) for row in await visible(call)]
        return {"working": [s for s in shown if not s.over], "over": [s for s in shown if s.over]}

    return await show(call, Page("keys.html", _("Keys"), {"SENTENCES": SENTENCES}, {"listed": listed}, HERE))


def _shown(call: Call, row: KeyRow, odd: Iterable[OddUse]) -> Shown:
    now_ms = call.services.clock.now_ms()
    over = ""
    if row.revoked_at_ms is not None:
        over = _("revoked")
    elif row.expires_at_ms is not None and row.expires_at_ms <= now_ms:
        over = _("expired")
    return Shown(
        row,
        over,
        stale=is_stale(row, now_ms),
        mine=row.id == call.caller.key_id,
        changeable=all(call.caller.may(scope) for scope in row.scopes),
        odd=tuple((each.at_ms, _odd_words(each)) for each in odd if each.key_id == row.id),
    )


def _odd_words(odd: OddUse) -> str:
    if odd.kind == "new_network":
        return _("used from a new network, %(network)s") % odd.figures
    if odd.kind == "many_requests":
        return _("%(requests)s requests in an hour, where %(median)s are usual") % odd.figures
    return _("used after the key that took its place")


async def new(call: Call) -> web.Response:
    """Ask what a new key may do."""
    return await _form(call, Form(once.fresh(), sandbox=call.caller.sandbox))


async def create(call: Call) -> web.Response:
    """Make a key and show it this once; a reload leads to the list without it."""
    fields = await read_form(call)
    led_to = await once.already(call, fields)
    if led_to is not None:
        return see_other(call, led_to, done="shown")
    form = _written(fields)
    _words, lives_ms = LIFETIMES.get(form.lifetime, ("", None))
    ends_ms = None if lives_ms is None else call.services.clock.now_ms() + lives_ms
    try:
        asked = judged(
            CreateKey,
            {
                "name": form.name,
                "scopes": form.scopes,
                "sandbox": form.sandbox,
                "expires_at": rfc3339(ends_ms),
            },
        )
        row, key = await make(call, asked)
    except GatewayError as error:
        return await _form(call, _refused(form, error), 422)
    await once.done(call, fields, HERE)
    return await _show_key(call, row, key, None)


def _written(fields: MultiDict[str]) -> Form:
    return Form(
        once.mark_of(fields),
        fields.get("name", "").strip(),
        tuple(fields.getall("scopes", [])),
        "sandbox" in fields,
        fields.get("lifetime", ""),
    )


def _refused(form: Form, error: GatewayError) -> Form:
    errors = by_field(error)
    if not form.name:
        errors["name"] = _("Give it a name, so that you know later who has it.")
    if not form.scopes:
        errors["scopes"] = _("Choose at least one thing that it may do.")
    return Form(form.once, form.name, form.scopes, form.sandbox, form.lifetime, errors)


async def _form(call: Call, form: Form, status: int = 200) -> web.Response:
    values = {
        "form": form, "errors": form.errors or {}, "groups": _offered(call), "ALL": ALL, "WHOLE": WHOLE,
        "LIFETIMES": LIFETIMES,
    }  # fmt: skip
    return await show(call, Page("key_form.html", _("New key"), values, {}, HERE), status)


def _offered(call: Call) -> list[Group]:
    """List what this session may give on: no more than it has, and nothing that does not do anything yet."""
    may = call.caller.may
    groups = (Group(g.title, tuple(s for s in g.scopes if may(s[0]) and s[0] not in NOT_YET)) for g in GROUPS)
    return [group for group in groups if group.scopes]


async def confirm(call: Call) -> web.Response:
    """Ask once before a key is replaced or revoked, and say who is meant."""
    row = await changeable(call, call.id())
    uses = call.services.store.key_use
    odd = [each for each in await uses.odd(row.tenant) if each.key_id == row.id]
    # What the page asks for by itself does not show them.
    if REGIONS not in call.request.headers and not all(each.seen for each in odd):
        await uses.seen(row.id)
    values = {
        "shown": _shown(call, row, odd),
        "GRACES": GRACES,
        "SENTENCES": SENTENCES,
        "fresh": once.fresh(),
    }
    return await show(call, Page("key.html", _("Key %(name)s") % {"name": row.name}, values, {}, HERE))


async def rotate(call: Call) -> web.Response:
    """Make the successor of a key and show it this once; the old one works on for a chosen time."""
    fields = await read_form(call)
    led_to = await once.already(call, fields)
    if led_to is not None:
        return see_other(call, led_to, done="shown")
    old = await changeable(call, call.id())
    words, grace_ms = GRACES.get(fields.get("grace", ""), GRACES["day"])
    row, key = await replace_key(call, old, grace_ms)
    await once.done(call, fields, HERE)
    return await _show_key(call, row, key, words)


async def revoke(call: Call) -> web.Response:
    """End a key; sessions that it began end at their next click."""
    await read_form(call)
    row = await end(call, await changeable(call, call.id()))
    return see_other(call, HERE if row.id != call.caller.key_id else "/sign-in", done="revoked")


async def _show_key(call: Call, row: KeyRow, key: str, old: str | None) -> web.Response:
    title = _("New key") if old is None else _("The key's successor")
    values = {
        "row": row,
        "key": key,
        "old": old,
        "SENTENCES": SENTENCES,
        "curl": lambda: _curl(call, row, key),
    }
    return await show(call, Page("key_shown.html", title, values, {}, HERE))


def _curl(call: Call, row: KeyRow, key: str) -> str:
    """Write a line for a terminal that works with this key as it stands."""
    request = call.request
    public = call.services.settings.public_url or f"{request.scheme}://{request.host}"
    base = f"{urlsplit(public).scheme}://{urlsplit(public).netloc}{link('')}"
    head = f"curl -sS -H 'Authorization: Bearer {key}'"
    may = frozenset(row.scopes)
    if may & {"messages:send", ALL}:
        # Not --json: curl before 7.82 has no such option.
        body = '{"to":"+99900000001","text":"Hello"}'
        return f"{head} -H 'Content-Type: application/json' {base}/api/v1/messages -d '{body}'"
    for scope, path in _READS.items():
        if scope in may:
            return f"{head} {base}{path}"
    return f"{head} {base}/health/live"


_READS = {
    "messages:read": "/api/v1/messages",
    "inbound:read": "/api/v1/inbound",
    "lines:read": "/api/v1/lines",
    "webhooks:manage": "/api/v1/webhooks",
    "templates:manage": "/api/v1/templates",
    "suppressions:manage": "/api/v1/suppressions",
    "keys:manage": "/api/v1/keys",
    "metrics:read": "/metrics",
}

_SCOPE = "keys:manage"
_HTML = "text/html"
_ONE = f"{HERE}/{{id}}"

ROUTES = (
    Route("GET", HERE, index, _SCOPE, "Keys and what they may do", media_type=_HTML),
    Route("GET", f"{HERE}/new", new, _SCOPE, "The form for a key", media_type=_HTML),
    Route("POST", HERE, create, _SCOPE, "Make a key", media_type=_HTML),
    Route("GET", _ONE, confirm, _SCOPE, "A key, to be replaced or revoked", media_type=_HTML),
    Route("POST", f"{_ONE}/rotate", rotate, _SCOPE, "Replace a key", media_type=_HTML),
    # What a form answers is refreshed, and reloaded, at the form's own address.
    Route("GET", f"{_ONE}/rotate", confirm, _SCOPE, "The page of the key", media_type=_HTML),
    Route("POST", f"{_ONE}/revoke", revoke, _SCOPE, "Revoke a key", 303, media_type=_HTML),
)
