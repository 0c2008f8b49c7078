"""Owns the pages of what waits for a second person: what it says, to how many, at what cost; and their word.

Knows no rule: who may decide, and that they decide about what they saw, is judged by the store.
Source: rules CNT-2; the notes on what people see, rule 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from gateway.errors import GatewayError
from gateway.http.approvals import Exhibit, decided, exhibit
from gateway.http.batch_models import Decide
from gateway.http.call import Call
from gateway.http.models import ListQuery
from gateway.http.parsing import make_cursor
from gateway.http.route import Route
from gateway.message import APPROVAL, CONTENT
from gateway.store.approvals import ApprovalRow
from gateway.store.guards import NEW_COUNTRY
from gateway.store.protocol import NotFound
from gateway.web.form_errors import by_field, judged
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.names import keys_of
from gateway.web.shown import Look
from gateway.web.words import gettext as _
from gateway.web.words import mark

_HTML = "text/html"
_SCOPE = "approvals:decide"
_HERE = "/approvals"
_LIST = "approvals page"
_PENDING = 20
"""Shown with their texts; who has more waiting decides the newest first."""

_DECIDED = 20
STATES = {
    "pending": Look(mark("Waits"), "pause", "warn"),
    "approved": Look(mark("Approved"), "check", "good"),
    "rejected": Look(mark("Rejected"), "cross", "bad"),
    "expired": Look(mark("Nobody decided"), "clock", "quiet"),
    "void": Look(mark("Withdrawn"), "stop", "quiet"),
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits: who wrote it, why it waits, what it is. ``own``: the reader wrote it themselves."""

    row: ApprovalRow
    author: str
    why: str
    seen: Exhibit
    name: str
    own: bool


async def index(call: Call) -> web.Response:
    """Show what waits, with its texts, and what was decided."""
    return await _index(call, {})


async def _index(call: Call, errors: Mapping[str, str]) -> web.Response:
    after = call.after(_LIST, call.query(ListQuery)) if call.request.method != "POST" else None
    room = call.services.store.approvals

    async def approvals() -> Mapping[str, object]:
        names = {key.id: key.name for key in await keys_of(call)}
        pending = await room.page(call.view, "pending", _PENDING, None)
        found = [await _waiting(call, row, names) for row in pending.items]
        page = await room.page(call.view, None, _DECIDED, after)
        older = None if page.next is None else make_cursor(_LIST, call.caller.tenant, page.next)
        return {
            "waiting": [one for one in found if one is not None],
            "more_waiting": pending.next is not None,
            "decided": [
                (row, why(row.reason), names.get(row.decided_by or "", ""))
                for row in page.items
                if row.state != "pending"
            ],
            "older": older,
        }

    values = {"errors": errors, "approval_states": STATES}
    page = Page("approvals.html", _("Approvals"), values, {"approvals": approvals}, _HERE)
    return await show(call, page, 422 if errors else 200)


async def _waiting(call: Call, row: ApprovalRow, names: Mapping[str, str]) -> Waiting | None:
    try:
        seen = await exhibit(call, row)
        name = (
            (await call.services.store.batches.one(call.view, row.subject)).name
            if row.kind == "batch"
            else ""
        )
    except NotFound:
        return None  # it was decided, or gave up, while this was read
    author = names.get(row.author_key, row.author_key)
    own = row.author_key == call.caller.key_id or author == call.caller.name
    return Waiting(row, author, why(row.reason), seen, name or "", own)


def why(reason: str) -> str:
    """Say why something waits for a second person."""
    if reason.startswith(CONTENT):
        return _("the rule “%(name)s” asks for it") % {"name": reason.removeprefix(CONTENT)}
    return {
        APPROVAL: _("a second person has to agree to so many, or to what this key sends"),
        NEW_COUNTRY: _("nobody wrote to this country before"),
    }.get(reason) or reason


async def approve(call: Call) -> web.Response:
    """Say yes to exactly what was shown."""
    return await _decide(call, approve=True)


async def reject(call: Call) -> web.Response:
    """Say no; nothing of it is sent."""
    return await _decide(call, approve=False)


async def _decide(call: Call, *, approve: bool) -> web.Response:
    fields = await read_form(call)
    try:
        note = fields.get("note", "").strip() or None
        asked = judged(Decide, {"digest": fields.get("digest", ""), "note": note})
        row = await decided(call, asked, approve=approve)
    except GatewayError as error:
        return await _index(call, {"": "; ".join(by_field(error).values())})
    if row.kind == "batch" and call.caller.may("messages:read"):
        return see_other(call, f"/batches/{row.subject}")
    return see_other(call, _HERE)


ROUTES = (
    Route("GET", _HERE, index, _SCOPE, "What waits for a second person", media_type=_HTML),
    Route("POST", f"{_HERE}/{{id}}/approve", approve, _SCOPE, "Approve", 303, media_type=_HTML),
    Route("POST", f"{_HERE}/{{id}}/reject", reject, _SCOPE, "Reject", 303, media_type=_HTML),
    # What a form answers is refreshed, and reloaded, at the form's own address.
    Route(
        "GET", f"{_HERE}/{{id}}/approve", index, _SCOPE, "What waits for a second person", media_type=_HTML
    ),
    Route("GET", f"{_HERE}/{{id}}/reject", index, _SCOPE, "What waits for a second person", media_type=_HTML),
)
