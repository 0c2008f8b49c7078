"""Owns the routes of received messages: list and get.

Knows nothing of how they are joined; they were stored before anybody could see them.
Source: the HTTP interface.
"""

from __future__ import annotations

from aiohttp import web

from gateway.http import answers
from gateway.http.call import Call
from gateway.http.models import ListQuery
from gateway.http.route import Route
from gateway.representation import Json, inbound_json, rfc3339
from gateway.store.inbound_rows import ActionTaken

_PATH = "/api/v1/inbound"
_LIST = "inbound"


async def index(call: Call) -> web.Response:
    """List received messages, newest first."""
    query = call.query(ListQuery)
    page = await call.services.store.inbounds(call.view, query.limit, call.after(_LIST, query))
    return call.page(_LIST, page, inbound_json)


async def get(call: Call) -> web.Response:
    """Show one received message with its TPDUs and what followed from it."""
    return call.json(await document_of(call, call.id()))


async def document_of(call: Call, inbound_id: str) -> Json:
    """Describe one received message with its TPDUs and what followed from it.

    Raises:
        NotFound: it is not there for this caller.
    """
    inbound = await call.services.store.inbound(call.view, inbound_id)
    actions = await call.services.store.inbound_actions.of(call.view, inbound.id)
    shown = {"pdus": list(inbound.pdus), "actions": [_action_json(action) for action in actions]}
    return {**inbound_json(inbound), **shown}


def _action_json(action: ActionTaken) -> Json:
    return {
        "kind": action.kind,
        "rule": action.rule,
        "state": action.state,
        "reason": action.reason,
        "attempts": action.attempts,
        "message_id": action.message_id,
        "at": rfc3339(action.at_ms),
    }


ROUTES = (
    Route(
        "GET", _PATH, index, "inbound:read", "List received messages", query=ListQuery,
        answer=answers.InboundPage, problems=("invalid_cursor",),
    ),
    Route(
        "GET", f"{_PATH}/{{id}}", get, "inbound:read", "Show a received message",
        answer=answers.InboundWithPdus, problems=("not_found",),
    ),
)  # fmt: skip
