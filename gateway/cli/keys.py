"""Owns ``gateway keys``: through the running server, else directly in the database of the data directory.

Knows both ways, and the format of keys only by the module that owns it.
Source: rules KEY-1, KEY-2, KEY-5, KEY-6; POST /api/v1/keys.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from gateway.cli.client import Client, Json, NoServer, find, path_of
from gateway.cli.failure import CliError
from gateway.cli.output import Screen, screen
from gateway.cli.settled import config_of, data_dir_of, open_store, startup_errors

if TYPE_CHECKING:
    from gateway.store.rows import KeyRow
    from gateway.store.sqlite import SqliteStore

T = TypeVar("T")

_TENANT = "default"
_BY = "cli"
"""Who did it, in the audit trail: somebody who may open the database itself."""

GRACE_S = 24 * 3600
"""How long a rotated key works on (rules KEY-5)."""


ID_ENDING = 8
"""Characters of an id's end that name a key: its random part, 32 bits."""


def create(arguments: argparse.Namespace) -> int:
    """Make a key and print it alone on standard output, this once."""
    scopes = arguments.scope or ["*"]
    _check_scopes(scopes)
    client = _server(arguments)
    if client is not None:
        body = {"name": arguments.name, "scopes": scopes, "sandbox": arguments.sandbox}
        made = client.post("/api/v1/keys", body)
    else:
        made = _directly(
            arguments, lambda store: _create(store, arguments.name, scopes, sandbox=arguments.sandbox)
        )
    return _print_key(arguments, made)


def show(arguments: argparse.Namespace) -> int:
    """List keys; the keys themselves are not known to anybody but their users."""
    found = _all(arguments, _server(arguments))
    out = screen(arguments)
    if out.as_json:
        out.document(found)
        return 0
    # A person gets the end of the id, which is enough to name a key; a program gets all of it.
    shown = [
        [
            k["id"][-ID_ENDING:] if out.terminal else k["id"],
            k["name"],
            "sandbox" if k["sandbox"] else "live",
            " ".join(k["scopes"]),
            _time(k["created_at"], out),
            _time(k.get("last_used_at"), out) or "never",
            _state(k, out),
        ]
        for k in found
    ]
    out.table(("KEY", "NAME", "KIND", "SCOPES", "CREATED", "LAST USED", "STATE"), shown, folds="SCOPES")
    return 0


def revoke(arguments: argparse.Namespace) -> int:
    """End a key now, on every open connection too."""
    client = _server(arguments)
    wanted = _pick(_all(arguments, client), arguments.id)
    if client is not None:
        client.delete(path_of("keys", wanted["id"]))
    else:
        _directly(
            arguments,
            lambda store: store.change_key(_TENANT, wanted["id"], {"revoked_at_ms": _now_ms()}, _BY),
        )
    screen(arguments).line(f"revoked  {wanted['name']}")
    return 0


def rotate(arguments: argparse.Namespace) -> int:
    """Replace a key and print the new one alone; the old one works on for 24 h unless ``--now``."""
    client = _server(arguments)
    wanted = _pick(_all(arguments, client), arguments.id)
    if client is not None:
        made = client.post(path_of("keys", wanted["id"], "rotate"), {"now": arguments.now})
    else:
        made = _directly(arguments, lambda store: _rotate(store, wanted, now=arguments.now))
    return _print_key(arguments, made)


# ------------------------------------------------------------------ the two ways


def _server(arguments: argparse.Namespace) -> Client | None:
    """Find a server that answers and a key for it; None when there is none and the database must do."""
    try:
        client = find(arguments)
    except NoServer:
        if arguments.url:
            raise
        return None
    if client.answers():
        if client.key is None:
            raise CliError(
                "a server is running, but no key for it is at hand", "pass --key or set GATEWAY_ADMIN_KEY"
            )
        return client
    if arguments.url:
        raise NoServer(f"no server answers at {client.url}", "leave --url out to work on the database itself")
    return None


def _directly(arguments: argparse.Namespace, work: Callable[[SqliteStore], Awaitable[T]]) -> T:
    config, folder = config_of(arguments), data_dir_of(arguments)

    async def run() -> T:
        async with open_store(config, folder) as store:
            return await work(store)

    with startup_errors():
        folder.prepare()
        return asyncio.run(run())


def _all(arguments: argparse.Namespace, client: Client | None) -> list[Json]:
    if client is not None:
        return client.items("/api/v1/keys")
    rows = _directly(arguments, lambda store: store.keys(_TENANT))
    return [_as_json(row) for row in rows]


async def _create(store: SqliteStore, name: str, scopes: list[str], *, sandbox: bool) -> Json:
    from gateway.startup import new_key

    secret, row = new_key("sandbox" if sandbox else "live", name, tuple(scopes), _now_ms())
    await store.add_key(row, _BY)
    return {**_as_json(row), "key": secret}


async def _rotate(store: SqliteStore, old: Json, *, now: bool) -> Json:
    made = await _create(store, old["name"], old["scopes"], sandbox=old["sandbox"])
    changes: dict[str, object] = (
        {"revoked_at_ms": _now_ms()} if now else {"expires_at_ms": _now_ms() + GRACE_S * 1000}
    )
    changes["successor_id"] = made["id"]
    await store.change_key(_TENANT, old["id"], changes, _BY)
    return made


# ------------------------------------------------------------------ parts


def _pick(found: list[Json], wanted: str) -> Json:
    hits = (
        [k for k in found if k["id"] == wanted]
        or [k for k in found if len(wanted) >= ID_ENDING and k["id"].endswith(wanted)]
        or [k for k in found if k["name"] == wanted and not k.get("revoked_at")]
    )
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise CliError(f'{len(hits)} keys are called "{wanted}"', "name it by id: gateway keys list")
    raise CliError(f'no key "{wanted}"', "gateway keys list shows ids and names")


def _check_scopes(scopes: list[str]) -> None:
    import difflib

    from gateway.http.models import SCOPES

    for scope in scopes:
        if scope not in SCOPES:
            near = difflib.get_close_matches(scope, SCOPES, n=1)
            better = f'did you mean "{near[0]}"? ' if near else ""
            raise CliError(f'no scope "{scope}"', f"{better}All scopes: {' '.join(SCOPES)}", exit_status=2)


def _print_key(arguments: argparse.Namespace, made: Json) -> int:
    out = screen(arguments)
    if out.as_json:
        out.document(made)
    else:
        print(made["key"])
    return 0


def _state(key: Json, out: Screen) -> str:
    if key.get("revoked_at"):
        return "revoked"
    if key.get("expires_at"):
        return f"until {_time(key['expires_at'], out)}"
    return "stale" if key.get("stale") else "active"


def _time(instant: str | None, out: Screen) -> str:
    if instant is None or not out.terminal:
        return instant or ""
    return f"{instant[:10]} {instant[11:16]}"


def _as_json(row: KeyRow) -> Json:
    from gateway.representation import rfc3339

    return {
        "id": row.id,
        "name": row.name,
        "scopes": list(row.scopes),
        "sandbox": row.sandbox,
        "created_at": rfc3339(row.created_at_ms),
        "expires_at": rfc3339(row.expires_at_ms),
        "revoked_at": rfc3339(row.revoked_at_ms),
        "last_used_at": rfc3339(row.last_used_ms),
    }


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
