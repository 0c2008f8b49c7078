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
from gateway.representation import inbound_json

_PATH = "/api/v1/inbound"
_LIST = "inbound"


async def index(call: Call) -> web.Response:
    """List received messages, newest first."""
    query = call.query(ListQuery)
    page = await call.services.store.inbounds(call.view, query.limit, call.after(_LIST, query))
    return call.page(_LIST, page, inbound_json)


async def get(call: Call) -> web.Response:
    """Show one received message with its TPDUs."""
    inbound = await call.services.store.inbound(call.view, call.id())
    return call.json({**inbound_json(inbound), "pdus": list(inbound.pdus)})


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
