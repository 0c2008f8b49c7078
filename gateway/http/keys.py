"""Owns the routes of keys: make, list, rotate, revoke.

Knows the format of keys and no way to read one back: the store holds digests.
Source: rules KEY-1, KEY-2, KEY-5, KEY-6.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web
from pydantic_core import to_json

from gateway.errors import GatewayError, field_error
from gateway.http import answers
from gateway.http.call import Call
from gateway.http.models import CreateKey, RotateKey
from gateway.http.route import KEPT_BODY, Route
from gateway.ids import new_id
from gateway.keys import digest, make_key, public_id
from gateway.representation import rfc3339
from gateway.store.protocol import NotFound
from gateway.store.rows import KeyRow

if TYPE_CHECKING:
    from gateway.representation import Json

_PATH = "/api/v1/keys"
GRACE_MS = 24 * 3_600_000
"""How long a rotated key lives beside its successor: a day, so that every client meets its nightly restart."""

STALE_MS = 90 * 86_400_000


async def create(call: Call) -> web.Response:
    """Make a key that may do no more than the one that asks."""
    return _new(call, *await make(call, await call.body(CreateKey)))


async def make(call: Call, asked: CreateKey) -> tuple[KeyRow, str]:
    """Keep a new key that may do no more than the caller; returns it with the text to show once.

    Raises:
        GatewayError: ``forbidden``, ``sandbox_only``, ``invalid_request``.
    """
    caller = call.caller
    lacking = [scope for scope in asked.scopes if not caller.may(scope)]
    if lacking:
        raise GatewayError(
            "forbidden", f"This key lacks the scope {lacking[0]} and cannot give it to another. Leave it out."
        )
    if caller.sandbox and not asked.sandbox:
        raise field_error(
            "sandbox_only", "A sandbox key makes only sandbox keys. Set sandbox to true.", "sandbox"
        )
    now_ms = call.services.clock.now_ms()
    if asked.expires_at is not None and asked.expires_at <= now_ms:
        raise field_error("invalid_request", "expires_at is in the past. Choose a later time.", "expires_at")
    scopes = tuple(dict.fromkeys(asked.scopes))
    row, key = new_key(caller.tenant, asked.name, scopes, now_ms, sandbox=asked.sandbox)
    row = replace(row, expires_at_ms=asked.expires_at)
    await call.services.store.add_key(row, caller.by)
    return row, key


async def index(call: Call) -> web.Response:
    """List keys without their secrets."""
    now_ms = call.services.clock.now_ms()
    return call.all(await visible(call), lambda row: _key_json(row, now_ms))


async def rotate(call: Call) -> web.Response:
    """Make a successor; the old key ends after a day, or now."""
    asked = await call.body(RotateKey)
    return _new(
        call, *await replace_key(call, await changeable(call, call.id()), 0 if asked.now else GRACE_MS)
    )


async def replace_key(call: Call, old: KeyRow, grace_ms: int) -> tuple[KeyRow, str]:
    """Make the successor of a key, which lives on for a time; returns it with the text to show once.

    Raises:
        GatewayError: ``conflict``, it is revoked.
    """
    now_ms = call.services.clock.now_ms()
    if old.revoked_at_ms is not None:
        raise GatewayError("conflict", "This key is revoked. Make a new one.")
    row, key = new_key(old.tenant, old.name, old.scopes, now_ms, sandbox=old.sandbox)
    row = replace(row, networks=old.networks)
    await call.services.store.add_key(row, call.caller.by)
    await call.services.store.schedules.follow_key(old.tenant, old.id, row.id)
    changes: dict[str, object] = {"successor_id": row.id}
    ends_ms = now_ms + grace_ms
    if old.expires_at_ms is None or old.expires_at_ms > ends_ms:
        changes["expires_at_ms"] = ends_ms
    await call.services.store.change_key(old.tenant, old.id, changes, call.caller.by)
    call.desk.forget()
    return row, key


async def revoke(call: Call) -> web.Response:
    """End a key at once."""
    row = await end(call, await changeable(call, call.id()))
    return call.json(_key_json(row, call.services.clock.now_ms()))


async def end(call: Call, row: KeyRow) -> KeyRow:
    """Revoke a key, and with it the sessions that it began."""
    if row.revoked_at_ms is None:
        now_ms = call.services.clock.now_ms()
        row = await call.services.store.change_key(
            row.tenant, row.id, {"revoked_at_ms": now_ms}, call.caller.by
        )
    call.desk.forget()
    return row


def new_key(
    tenant: str, name: str, scopes: tuple[str, ...], now_ms: int, *, sandbox: bool
) -> tuple[KeyRow, str]:
    """Make a key: the row to store, and the text to show once."""
    key = make_key("sandbox" if sandbox else "live")
    return KeyRow(new_id(), tenant, public_id(key), name, digest(key), scopes, sandbox, now_ms), key


async def visible(call: Call) -> list[KeyRow]:
    """List the keys that the caller may know of, newest first."""
    rows = await call.services.store.keys(call.caller.tenant)
    return [row for row in rows if row.sandbox or not call.caller.sandbox]


async def changeable(call: Call, key_id: str) -> KeyRow:
    """Find a key that the caller may change: one that may do no more than its own.

    Raises:
        NotFound.
        GatewayError: ``forbidden``.
    """
    for row in await visible(call):
        if row.id == key_id:
            if any(not call.caller.may(scope) for scope in row.scopes):
                raise GatewayError(
                    "forbidden",
                    "This key may do more than yours, so yours cannot change it. Use one with its scopes.",
                )
            return row
    raise NotFound


def _new(call: Call, row: KeyRow, key: str) -> web.Response:
    shown: Json = {
        "id": row.id,
        "name": row.name,
        "scopes": list(row.scopes),
        "sandbox": row.sandbox,
        "created_at": rfc3339(row.created_at_ms),
        "expires_at": rfc3339(row.expires_at_ms),
    }
    response = call.json({**shown, "key": key}, 201, f"{_PATH}/{row.id}")
    response[KEPT_BODY] = to_json({**shown, "key": None})
    return response


def _key_json(row: KeyRow, now_ms: int) -> Json:
    return {
        "id": row.id,
        "name": row.name,
        "scopes": list(row.scopes),
        "sandbox": row.sandbox,
        "created_at": rfc3339(row.created_at_ms),
        "expires_at": rfc3339(row.expires_at_ms),
        "revoked_at": rfc3339(row.revoked_at_ms),
        "last_used_at": rfc3339(row.last_used_ms),
        "last_address": row.last_address,
        "stale": is_stale(row, now_ms),
    }


def is_stale(row: KeyRow, now_ms: int) -> bool:
    """Say whether nobody has used a key for so long that it may be forgotten (rules KEY-5)."""
    return now_ms - (row.last_used_ms or row.created_at_ms) > STALE_MS


_SCOPE = "keys:manage"

ROUTES = (
    Route(
        "POST", _PATH, create, _SCOPE, "Make a key", 201, CreateKey, answer=answers.NewKey,
        problems=("sandbox_only",),
    ),
    Route("GET", _PATH, index, _SCOPE, "List keys", answer=answers.KeyList),
    Route(
        "POST", f"{_PATH}/{{id}}/rotate", rotate, _SCOPE, "Replace a key", 201, RotateKey, answer=answers.NewKey,
        problems=("not_found", "conflict"),
    ),
    Route(
        "DELETE", f"{_PATH}/{{id}}", revoke, _SCOPE, "Revoke a key", answer=answers.Key,
        problems=("not_found",),
    ),
)  # fmt: skip
