"""Owns the routes of groups: make, list, show, rename, delete, and who belongs to them.

Knows no batch. Members are listed as contacts: ``GET /api/v1/contacts?group=…``.
Source: the HTTP interface; rules KEY-6, API-10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from gateway.errors import GatewayError
from gateway.http import people_answers as answers
from gateway.http.call import Call
from gateway.http.models import ListQuery
from gateway.http.people_models import AddMembers, NameGroup
from gateway.http.route import Route
from gateway.representation import rfc3339
from gateway.store.groups import GroupNameTaken
from gateway.store.people_rows import GroupRow

if TYPE_CHECKING:
    from gateway.representation import Json

_PATH = "/api/v1/groups"
_LIST = "groups"


async def create(call: Call) -> web.Response:
    """Make an empty group."""
    asked = await call.body(NameGroup)
    try:
        row = await call.services.store.groups.add(call.view, asked.name)
    except GroupNameTaken as error:
        raise _taken(error) from None
    return call.json(_group_json(row), 201, f"{_PATH}/{row.id}")


async def index(call: Call) -> web.Response:
    """List groups, newest first."""
    query = call.query(ListQuery)
    page = await call.services.store.groups.page(call.view, query.limit, call.after(_LIST, query))
    return call.page(_LIST, page, _group_json)


async def get(call: Call) -> web.Response:
    """Show one group and how many belong to it."""
    return call.json(_group_json(await call.services.store.groups.one(call.view, call.id())))


async def patch(call: Call) -> web.Response:
    """Give a group another name."""
    asked = await call.body(NameGroup)
    try:
        return call.json(
            _group_json(await call.services.store.groups.rename(call.view, call.id(), asked.name))
        )
    except GroupNameTaken as error:
        raise _taken(error) from None


async def delete(call: Call) -> web.Response:
    """Delete a group; its contacts stay."""
    await call.services.store.groups.delete(call.view, call.id())
    return web.Response(status=204)


async def add_members(call: Call) -> web.Response:
    """Put contacts into a group, all or none; who is in it already stays."""
    asked = await call.body(AddMembers)
    row = await call.services.store.groups.add_members(call.view, call.id(), asked.contacts)
    return call.json(_group_json(row))


async def remove_member(call: Call) -> web.Response:
    """Take a contact out of a group."""
    await call.services.store.groups.remove_member(call.view, call.id(), call.id("contact_id"))
    return web.Response(status=204)


def _group_json(row: GroupRow) -> Json:
    return {
        "id": row.id,
        "name": row.name,
        "size": row.size,
        "sandbox": row.sandbox,
        "created_at": rfc3339(row.created_at_ms),
    }


def _taken(error: GroupNameTaken) -> GatewayError:
    return GatewayError(
        "conflict",
        f"The group {error.group_id} has this name. Use that one, or choose another name.",
        hint="GET the group that is named and use it, or choose another name.",
    )


_WRITE, _READ = "batches:write", "messages:read"
_ONE = f"{_PATH}/{{id}}"

ROUTES = (
    Route(
        "POST", _PATH, create, _WRITE, "Make a group", 201, NameGroup, answer=answers.Group,
        problems=("conflict",),
    ),
    Route(
        "GET", _PATH, index, _READ, "List groups", query=ListQuery, answer=answers.GroupPage,
        problems=("invalid_cursor",),
    ),
    Route("GET", _ONE, get, _READ, "Show a group", answer=answers.Group, problems=("not_found",)),
    Route(
        "PATCH", _ONE, patch, _WRITE, "Rename a group", body=NameGroup, answer=answers.Group,
        problems=("not_found", "conflict"),
    ),
    Route("DELETE", _ONE, delete, _WRITE, "Delete a group", 204, problems=("not_found",)),
    Route(
        "POST", f"{_ONE}/members", add_members, _WRITE, "Put contacts into a group", body=AddMembers,
        answer=answers.Group, problems=("not_found",),
    ),
    Route(
        "DELETE", f"{_ONE}/members/{{contact_id}}", remove_member, _WRITE, "Take a contact out of a group", 204,
        problems=("not_found",),
    ),
)  # fmt: skip
