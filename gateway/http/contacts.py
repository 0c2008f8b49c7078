"""Owns the routes of contacts: add, list, show, change, delete.

Knows no rule about who may be texted. Contacts have no scope of their own: who may write batches may write those whom
they go to, who may read messages may read names.
Source: the HTTP interface; rules KEY-6, KEY-7, API-10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from gateway.errors import GatewayError, field_error
from gateway.http import people_answers as answers
from gateway.http.call import Call
from gateway.http.people_models import ContactsQuery, CreateContact, PatchContact
from gateway.http.people_numbers import no_real_people, number_filter, read_number
from gateway.http.route import Route
from gateway.representation import rfc3339
from gateway.store.contacts import NumberTaken, Unreachable
from gateway.store.people_rows import ContactCard, ContactFilter, ContactRow

if TYPE_CHECKING:
    from gateway.representation import Json

_PATH = "/api/v1/contacts"
_LIST = "contacts"


async def create(call: Call) -> web.Response:
    """Add a person; groups that do not exist yet are made."""
    asked = await call.body(CreateContact)
    if asked.number is None and call.caller.sandbox:
        raise no_real_people("number")
    number = None if asked.number is None else await read_number(call, asked.number, "number")
    card = ContactCard(
        asked.name, number, asked.email, asked.language, asked.timezone, asked.channel, asked.tags,
        tuple(asked.groups),
    )  # fmt: skip
    try:
        row = await call.services.store.contacts.add(call.view, card)
    except NumberTaken as error:
        raise _taken(error) from None
    return call.json(contact_json(row), 201, f"{_PATH}/{row.id}")


async def index(call: Call) -> web.Response:
    """List contacts, newest first."""
    query = call.query(ContactsQuery)
    after = call.after(_LIST, query)
    store = call.services.store
    group = None if query.group is None else (await store.groups.called(call.view, query.group)).id
    where = ContactFilter(group, await number_filter(call, query.number), query.q)
    return call.page(_LIST, await store.contacts.page(call.view, where, query.limit, after), contact_json)


async def get(call: Call) -> web.Response:
    """Show one contact."""
    return call.json(contact_json(await call.services.store.contacts.one(call.view, call.id())))


async def patch(call: Call) -> web.Response:
    """Change a contact."""
    asked = await call.body(PatchContact)
    changes: dict[str, Any] = {name: getattr(asked, name) for name in asked.model_fields_set}
    for name in ("tags", "groups"):
        if name in changes and changes[name] is None:
            raise field_error("invalid_request", f"{name} cannot be null. Leave it out to keep it.", name)
    if asked.groups is not None:
        changes["groups"] = tuple(asked.groups)
    if asked.number is not None:
        changes["number"] = await read_number(call, asked.number, "number")
    elif "number" in changes and call.caller.sandbox:
        raise no_real_people("number")
    try:
        return call.json(
            contact_json(await call.services.store.contacts.change(call.view, call.id(), changes))
        )
    except NumberTaken as error:
        raise _taken(error) from None
    except Unreachable:
        raise field_error(
            "invalid_request", "Neither number nor email would be left. Give one, or delete the contact.",
            "number",
        ) from None  # fmt: skip


async def delete(call: Call) -> web.Response:
    """Delete a contact; consents and suppressions of the number stay."""
    await call.services.store.contacts.delete(call.view, call.id())
    return web.Response(status=204)


def contact_json(row: ContactRow) -> Json:
    """Show a contact."""
    card = row.card
    return {
        "id": row.id,
        "name": card.name,
        "number": card.number,
        "email": card.email,
        "language": card.language,
        "timezone": card.timezone,
        "channel": card.channel,
        "tags": card.tags,
        "groups": list(card.groups),
        "opted_out": row.opted_out,
        "sandbox": row.sandbox,
        "created_at": rfc3339(row.created_at_ms),
        "updated_at": rfc3339(row.updated_at_ms),
    }


def _taken(error: NumberTaken) -> GatewayError:
    return GatewayError(
        "conflict",
        f"The contact {error.contact_id} has this number. Change that one (PATCH {_PATH}/{error.contact_id}).",
        hint="GET the contact that is named and change it, or use another number.",
    )


_WRITE, _READ = "batches:write", "messages:read"
_ONE = f"{_PATH}/{{id}}"
_NUMBER = ("invalid_number", "emergency_number", "premium_number", "short_code_not_allowed")

ROUTES = (
    Route(
        "POST", _PATH, create, _WRITE, "Add a contact", 201, CreateContact, answer=answers.Contact,
        problems=(*_NUMBER, "sandbox_only", "conflict"),
    ),
    Route(
        "GET", _PATH, index, _READ, "List contacts", query=ContactsQuery, answer=answers.ContactPage,
        problems=("invalid_cursor", "not_found", *_NUMBER),
    ),
    Route("GET", _ONE, get, _READ, "Show a contact", answer=answers.Contact, problems=("not_found",)),
    Route(
        "PATCH", _ONE, patch, _WRITE, "Change a contact", body=PatchContact, answer=answers.Contact,
        problems=("not_found", "conflict", "sandbox_only", *_NUMBER),
    ),
    Route("DELETE", _ONE, delete, _WRITE, "Delete a contact", 204, problems=("not_found",)),
)  # fmt: skip
