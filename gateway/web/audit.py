"""Owns the page of the audit trail: who did what, with what it was before; the file of it, and the look at its chain.

Knows no chain: entries are read, and verified, as the API does it.
Source: the notes on what people see, */audit*; rules AUD-1, AUD-2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from gateway.http.audit import AuditQuery, actors, filter_of
from gateway.http.call import Call
from gateway.http.parsing import make_cursor
from gateway.http.route import Route
from gateway.store.audit import Entry
from gateway.web.audit_words import ACTIONS, KINDS
from gateway.web.form_errors import judged
from gateway.web.frame import Page, show
from gateway.web.names import Names, names_of
from gateway.web.words import gettext as _
from gateway.web.words import mark

HERE = "/audit"
_LIST = "audit page"
_PAGE = 50

PLACES: Mapping[str, str] = {
    "webhook": "/webhooks/{}",
    "line": "/lines/{}",
    "device": "/devices/{}",
    "suppression": "/suppressions/{}",
    "message": "/messages/{}",
    "inbound": "/inbound/{}",
    "batch": "/batches/{}",
}
"""Where what an entry speaks of can be seen; a key and an approval have no page of their own."""

THINGS: Mapping[str, str] = {
    "key": mark("a key"),
    "webhook": mark("a webhook"),
    "device": mark("a phone"),
    "suppression": mark("a number"),
    "message": mark("a message"),
    "inbound": mark("a received text"),
    "batch": mark("a batch"),
    "approval": mark("an approval"),
    "finding": mark("a finding"),
}

NOT_SHOWN = frozenset({"changed", "name", "label", "url", "subject", "digest", "expires_at"})
"""Members of ``detail`` that are shown elsewhere in the row, or say nothing to people."""


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as the page shows it. ``about`` names what it was done to; ``place`` is the address of its page."""

    entry: Entry
    what: str
    who: str
    about: str
    place: str
    more: tuple[tuple[str, str], ...]
    changed: tuple[tuple[str, str, str], ...]


async def index(call: Call) -> web.Response:
    """List entries, newest first; with ``check=1`` the whole chain is walked first."""
    pairs = call.request.rel_url.query
    asked = {name: pairs[name] for name in ("cursor", "actor", "action", "outcome") if pairs.get(name)}
    query = judged(AuditQuery, asked)
    after = call.after(_LIST, query)
    verdict = await call.services.store.audit.verify() if pairs.get("check") == "1" else None

    async def entries() -> Mapping[str, object]:
        page = await call.services.store.audit.page(call.view, filter_of(query), _PAGE, after)
        names = await names_of(call)
        older = None if page.next is None else make_cursor(_LIST, call.caller.tenant, page.next)
        return {"rows": [_row(entry, names) for entry in page.items], "older": older}

    values = {
        "verdict": verdict,
        "asked": {name: asked.get(name, "") for name in ("actor", "action", "outcome")},
        "kinds": KINDS,
        "people": {**await actors(call), "gateway": _("this gateway"), "cli": _("the command line")},
    }
    return await show(call, Page("audit.html", _("Audit"), values, {"entries": entries}, HERE))


def _row(entry: Entry, names: Names) -> Row:
    deed = entry.deed
    kind, found, ident = deed.target.partition(":")
    detail = deed.detail
    changed: dict[str, list[object]] = detail.get("changed") or {}  # type: ignore[assignment]
    return Row(
        entry=entry,
        what=ACTIONS.get(deed.action, deed.action),
        who=_who(deed.by, names),
        about=_about(kind, ident, detail, names),
        place=PLACES.get(kind, "").format(ident) if found else "",
        more=tuple(
            (name, _plain(value)) for name, value in detail.items() if name not in NOT_SHOWN and value
        ),
        changed=tuple((name, _plain(was), _plain(now)) for name, (was, now) in changed.items()),
    )


def _who(by: str, names: Names) -> str:
    kind, _found, ident = by.partition(":")
    if kind == "address":
        return _("somebody at %(address)s") % {"address": ident}
    return _("the command line") if by == "cli" else names.actor(by)


def _about(kind: str, ident: str, detail: Mapping[str, object], names: Names) -> str:
    for name in ("name", "label", "url"):
        if isinstance(detail.get(name), str):
            return str(detail[name])
    if kind == "line":
        return names.line(ident)
    return _(THINGS[kind]) if kind in THINGS else ""


def _plain(value: object) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list | tuple):
        return ", ".join(_plain(each) for each in value) or "–"
    return str(value)


ROUTES = (Route("GET", HERE, index, "audit:read", "Who did what", media_type="text/html"),)
