"""Owns the routes of approvals: what waits for a second person, and their word.

Knows no rule: the store compares digest and person.
Source: rules CNT-2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.admission import not_admitted
from gateway.http import batch_answers as answers
from gateway.http.batch_models import ApprovalsQuery, Decide
from gateway.http.call import Call
from gateway.http.keys import visible
from gateway.http.route import Route
from gateway.message import Message
from gateway.money import money_json
from gateway.representation import rfc3339
from gateway.store.approvals import ApprovalRow, Decision
from gateway.store.protocol import NotAdmitted

if TYPE_CHECKING:
    from gateway.representation import Json

_PATH = "/api/v1/approvals"
_LIST = "approvals"
_SAMPLE = 5
_COUNTED = 100


async def index(call: Call) -> web.Response:
    """List approvals, newest first."""
    query = call.query(ApprovalsQuery)
    room = call.services.store.approvals
    page = await room.page(call.view, query.state, query.limit, call.after(_LIST, query))
    names = {key.id: key.name for key in await visible(call)}
    return call.page(_LIST, page, lambda row: _approval_json(row, names))


async def get(call: Call) -> web.Response:
    """Show what waits as the approver has to see it: texts, how many, what they cost, and the digest to approve."""
    row = await call.services.store.approvals.one(call.view, call.id())
    return call.json(await _shown(call, row))


async def approve(call: Call) -> web.Response:
    """Say yes to exactly what was shown; it goes on at once."""
    return await _decided(call, approve=True)


async def reject(call: Call) -> web.Response:
    """Say no; nothing of it is sent."""
    return await _decided(call, approve=False)


async def _decided(call: Call, *, approve: bool) -> web.Response:
    asked = await call.body(Decide)
    return call.json(await _shown(call, await decided(call, asked, approve=approve)))


async def decided(call: Call, asked: Decide, *, approve: bool) -> ApprovalRow:
    """Carry out a person's word about the approval that the address names.

    Raises:
        NotFound; GatewayError: ``approval_self``, or ``conflict``: it is decided, or not what they saw.
    """
    decision = Decision(approve, asked.digest, call.caller.key_id, call.caller.name, asked.note)
    try:
        return await call.services.store.approvals.decide(call.view, call.id(), decision)
    except NotAdmitted as refused:
        raise not_admitted(refused) from None


@dataclass(frozen=True, slots=True)
class Exhibit:
    """What an approver has to see: how many texts, their parts, what they cost at least (millionths by currency), and
    some of them, the longest first."""

    recipients: int
    parts: int
    cost_micro: dict[str, int]
    sample: tuple[Message, ...]


async def exhibit(call: Call, row: ApprovalRow) -> Exhibit:
    """Read what an approval is about. Raises NotFound."""
    store = call.services.store
    costs = await store.approvals.price(row)
    if row.kind == "batch":
        batch = await store.batches.one(call.view, row.subject)
        sample = await store.batches.sample(call.view, row.subject, _SAMPLE)
        return Exhibit(batch.accepted, batch.parts, costs, sample)
    message = await store.message(call.view, row.subject)
    return Exhibit(1, message.parts, costs, (message,))


async def waiting_approvals(call: Call) -> tuple[ApprovalRow, ...]:
    """Read the newest hundred of what waits for a second person, for one who may decide; nothing for others."""
    if not call.caller.may("approvals:decide"):
        return ()
    return (await call.services.store.approvals.page(call.view, "pending", _COUNTED, None)).items


async def _shown(call: Call, row: ApprovalRow) -> Json:
    names = {key.id: key.name for key in await visible(call)}
    seen = await exhibit(call, row)
    return {
        **_approval_json(row, names),
        "recipients": seen.recipients,
        "parts": seen.parts,
        "cost": money_json(seen.cost_micro),
        "sample": [_sample_json(message) for message in seen.sample],
    }


def _sample_json(message: Message) -> Json:
    return {"to": message.to, "text": message.text, "parts": message.parts}


def _approval_json(row: ApprovalRow, names: dict[str, str]) -> Json:
    return {
        "id": row.id,
        "kind": row.kind,
        "subject": row.subject,
        "reason": row.reason,
        "author": names.get(row.author_key),
        "state": row.state,
        "digest": row.digest,
        "created_at": rfc3339(row.created_at_ms),
        "expires_at": rfc3339(row.expires_at_ms),
        "decided_by": None if row.decided_by is None else names.get(row.decided_by),
        "decided_at": rfc3339(row.decided_at_ms),
        "note": row.note,
    }


ROUTES = (
    Route(
        "GET", _PATH, index, "approvals:decide", "List what waits for a second person", query=ApprovalsQuery,
        answer=answers.ApprovalPage, problems=("invalid_cursor",),
    ),
    Route(
        "GET", f"{_PATH}/{{id}}", get, "approvals:decide", "Show what waits, with its texts",
        answer=answers.ApprovalWithSample, problems=("not_found",),
    ),
    Route(
        "POST", f"{_PATH}/{{id}}/approve", approve, "approvals:decide", "Approve", body=Decide,
        answer=answers.ApprovalWithSample, problems=("not_found", "conflict", "approval_self"),
    ),
    Route(
        "POST", f"{_PATH}/{{id}}/reject", reject, "approvals:decide", "Reject", body=Decide,
        answer=answers.ApprovalWithSample, problems=("not_found", "conflict", "approval_self"),
    ),
)  # fmt: skip
