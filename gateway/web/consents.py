"""Owns the pages of what people agreed to: the list, recording a consent, and withdrawing one.

Knows no rule: records are made and withdrawn as the API does it; nothing is ever changed or removed.
Source: rules CON-1, CON-2 (withdrawal as easy as grant).
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from gateway.errors import GatewayError, field_error
from gateway.http.call import Call
from gateway.http.consents import recorded, withdrawn
from gateway.http.models import ListQuery
from gateway.http.parsing import make_cursor
from gateway.http.people_models import RecordConsent, WithdrawConsent
from gateway.http.people_numbers import number_filter
from gateway.http.route import Route
from gateway.message import Purpose
from gateway.store.people_rows import Basis, ConsentFilter
from gateway.web.form_errors import by_field, judged
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.shown import Look
from gateway.web.words import gettext as _
from gateway.web.words import mark

_HTML = "text/html"
_SCOPE = "consents:manage"
_PATH = "/consents"
_HERE = "/suppressions"
_LIST = "consents page"
_PAGE = 50
_FIELDS = ("number", "purpose", "basis", "source", "guardian_name", "guardian_relation")

PURPOSES: dict[Purpose, str] = {
    "marketing": mark("advertising"),
    "transactional": mark("information they expect"),
    "urgent": mark("urgent texts"),
}

BASES: dict[Basis, str] = {
    "consent": mark("they agreed"),
    "contract": mark("a contract with them"),
    "legal": mark("the law asks for it"),
    "vital": mark("life or health"),
    "public": mark("a public task"),
    "legitimate": mark("a legitimate interest"),
}

STATES = {
    "live": Look(mark("In force"), "check", "good"),
    "expired": Look(mark("Expired"), "clock", "warn"),
    "withdrawn": Look(mark("Withdrawn"), "cross", "quiet"),
    "superseded": Look(mark("Replaced by a later one"), "info", "quiet"),
}


async def index(call: Call) -> web.Response:
    """List records, newest first."""
    return await _index(call, {}, {})


async def _index(call: Call, typed: Mapping[str, str], errors: Mapping[str, str]) -> web.Response:
    pairs = call.request.rel_url.query
    written, wrong = pairs.get("number", "").strip(), ""
    query = judged(ListQuery, {name: pairs[name] for name in ("cursor",) if name in pairs})
    try:
        number = await number_filter(call, written or None)
    except GatewayError as error:
        number, wrong = None, error.detail
    after = call.after(_LIST, query)

    async def consents() -> Mapping[str, object]:
        if wrong:
            return {"consents": (), "older": None}
        page = await call.services.store.consents.page(call.view, ConsentFilter(number), _PAGE, after)
        older = None if page.next is None else make_cursor(_LIST, call.caller.tenant, page.next)
        return {"consents": page.items, "older": older}

    values = {
        "written": written,
        "wrong": wrong,
        "typed": {name: typed.get(name, "") for name in _FIELDS},
        "errors": errors,
        "purposes": PURPOSES,
        "bases": BASES,
        "consent_states": STATES,
    }
    page = Page("consents.html", _("Consents"), values, {"consents": consents}, _HERE)
    return await show(call, page, 422 if errors else 200)


async def record(call: Call) -> web.Response:
    """Record that somebody agreed now."""
    fields = await read_form(call)
    given: dict[str, object] = {name: fields[name] for name in _FIELDS[:4] if fields.get(name)}
    name, relation = fields.get("guardian_name", ""), fields.get("guardian_relation", "")
    if name or relation:
        given |= {"subject_is_child": True, "guardian": {"name": name, "relation": relation}}
    try:
        for field in ("number", "source"):
            if field not in given:
                raise field_error("invalid_request", _("Fill this in."), field)
        await recorded(call, judged(RecordConsent, given))
    except GatewayError as error:
        return await _index(call, fields, by_field(error))
    return see_other(call, _PATH, done="recorded")


async def withdraw(call: Call) -> web.Response:
    """Record that somebody no longer agrees."""
    fields = await read_form(call)
    await withdrawn(call, judged(WithdrawConsent, {"source": fields.get("source") or None}))
    return see_other(call, _PATH, done="withdrawn")


ROUTES = (
    Route("GET", _PATH, index, _SCOPE, "Consents", media_type=_HTML),
    Route("POST", _PATH, record, _SCOPE, "Record a consent", 303, media_type=_HTML),
    Route("POST", f"{_PATH}/{{id}}/withdraw", withdraw, _SCOPE, "Withdraw a consent", 303, media_type=_HTML),
)
