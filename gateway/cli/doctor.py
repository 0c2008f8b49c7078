"""Owns ``gateway doctor``: asks the running server for its findings and for repairs; looks by itself when none runs.

Knows no rule of what is wrong. What is shown and printed as JSON is the list of the API.
Source: GET /api/v1/doctor; the notes on the command line.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from typing import TYPE_CHECKING

from gateway.cli.client import Client, Json, NoServer, Refused, find, path_of
from gateway.cli.doctor_shown import show
from gateway.cli.failure import CliError
from gateway.cli.output import note, screen
from gateway.cli.settled import config_of, data_dir_of

if TYPE_CHECKING:
    from gateway.doctor import Finding

_DOCTOR = "/api/v1/doctor"


def doctor(arguments: argparse.Namespace) -> int:
    """Look at everything, repair or take back if asked; 1 when something stops sending."""
    client, items = _ask(arguments)
    if client is None:
        items, done = _without_server(arguments, items)
    else:
        items, done = _with_server(arguments, client, items)
    out = screen(arguments)
    if out.as_json:
        out.document(items)
    else:
        show(out, items, done, put_off=_put_off(client))
    return 1 if any(item["severity"] == "stops" for item in items) else 0


# ------------------------------------------------------------------ with a server


def _ask(arguments: argparse.Namespace) -> tuple[Client | None, list[Json]]:
    """Let the server look again; without one, or without its word, give what is to be said of that instead."""
    from gateway.doctor import Finding

    try:
        client = find(arguments)
        if client.answers():
            return client, [*_look(client), *_documents(_other_account(arguments))]
    except NoServer:
        pass
    except CliError as e:
        refused = Finding("server_refused", "trouble", "server", e.message, hint=e.hint or "")
        return None, _documents([refused])
    title = "No server is running, so lines, phones and webhooks were not looked at"
    return None, _documents([Finding("no_server", "note", "server", title, hint="Start it: gateway serve")])


def _look(client: Client) -> list[Json]:
    try:
        return list(client.post(f"{_DOCTOR}/check", {})["items"])
    except Refused as e:
        if e.code != "forbidden":
            raise
        return client.items(_DOCTOR)  # who may only read is told what is known


def _with_server(
    arguments: argparse.Namespace, client: Client, items: list[Json]
) -> tuple[list[Json], dict[str, Json]]:
    named = _named(arguments, items, client)
    may_reboot = {"may_reboot": bool(arguments.may_reboot)}
    done: list[Json] = []
    if arguments.fix and not arguments.device:
        done = client.post(f"{_DOCTOR}/fix", may_reboot)["items"]
    elif arguments.fix:
        wanted = [item["id"] for item in named if item["fix"] is not None]
        done = [client.post(path_of("doctor", each, "fix"), may_reboot) for each in wanted]
    elif arguments.undo:
        wanted = [item["id"] for item in named if item["undo"]]
        done = [client.post(path_of("doctor", each, "undo"), {}) for each in wanted]
        if not done:
            note("Nothing was repaired that can be taken back.")
    if done:
        local = [item for item in items if item["code"] == "other_account"]
        named = _named(arguments, [*client.items(_DOCTOR), *local], client)
    return named, {each["finding"]["id"]: each for each in done}


def _named(arguments: argparse.Namespace, items: list[Json], client: Client | None) -> list[Json]:
    """Keep what is about the port, phone or line that is named, by what people or programs call it."""
    if not arguments.device:
        return items
    wanted = str(arguments.device).casefold()
    names = {wanted}
    found = _about(items, names)
    if not found and client is not None:
        names |= _other_names(client, wanted)
        found = _about(items, names)
    if not found:
        raise CliError(f'nothing is known about "{arguments.device}"', "gateway doctor shows all findings")
    return found


def _about(items: list[Json], names: set[str]) -> list[Json]:
    return [item for item in items if any(name in str(item["about"]).casefold() for name in names)]


def _other_names(client: Client, wanted: str) -> set[str]:
    """Find what findings call the device or line that has this id, label or number."""
    names = set()
    for path, shown in (("/api/v1/devices", "serialno"), ("/api/v1/lines", "label")):
        for row in client.items(path):
            known = (str(row.get(name) or "").casefold() for name in ("id", "label", "number", "iccid"))
            if wanted in known and row.get(shown):
                names.add(str(row[shown]).casefold())
    return names


def _put_off(client: Client | None) -> int:
    return len(client.get(_DOCTOR, snoozed="true")["items"]) if client is not None else 0


def _other_account(arguments: argparse.Namespace) -> list[Finding]:
    """Say what the server cannot know: that this command runs as somebody else."""
    from gateway.doctor import Finding

    root = data_dir_of(arguments).root
    if arguments.url or not root.exists() or root.stat().st_uid == os.geteuid():
        return []
    title = f"This command runs as user id {os.geteuid()}, the gateway as {root.stat().st_uid}"
    why = "Commands that work on the database may be refused, or leave files that the gateway cannot read."
    return [Finding("other_account", "note", str(root), title, why, "Run commands as the gateway's account.")]


# ------------------------------------------------------------------ without one


def _without_server(arguments: argparse.Namespace, said: list[Json]) -> tuple[list[Json], dict[str, Json]]:
    if arguments.undo:
        raise CliError("no server is running, and only it knows what was repaired", "start it: gateway serve")
    found = _examine(arguments)
    before = {each["id"]: each for each in _documents(found)}
    items = _named(arguments, [*said, *before.values()], None)
    if not arguments.fix:
        return items, {}
    chosen = {item["id"] for item in items}
    tried = [each for each in found if each.id in chosen and _apply(each)]
    again = {each["id"]: each for each in _documents(_examine(arguments))}
    done = {each.id: _result(before[each.id], again.get(each.id)) for each in tried}
    # What has passed its check is seen no more; it is shown as what it was, in order now.
    kept = {id_: {**before[id_], "severity": "ok"} for id_ in done if id_ not in again}
    return _named(arguments, [*said, *again.values(), *kept.values()], None), done


def _examine(arguments: argparse.Namespace) -> list[Finding]:
    from gateway.doctor import (
        Host,
        Premises,
        examine_premises,
        examine_sticks,
        find_unusable_sticks,
        worst_first,
    )

    premises = Premises(config_of(arguments), data_dir_of(arguments))
    found = examine_premises(premises, Host(now_ms=_now_ms()))
    return list(worst_first([*found, *examine_sticks(asyncio.run(find_unusable_sticks()))]))


def _apply(finding: Finding) -> bool:
    """Repair a mode; what else there is to repair takes a server."""
    from gateway.doctor.fixes import ModeFix

    if not isinstance(finding.fix, ModeFix):
        return False
    try:
        finding.fix.apply()
    except OSError as e:
        note(f"{finding.about}: could not be fixed: {e.strerror or os.strerror(e.errno or 0)}")
        return False
    return True


def _result(before: Json, now: Json | None) -> Json:
    if now is None or now["severity"] == "ok":
        return {"result": "fixed", "said": f"Before: {before['title']}.", "finding": before}
    return {"result": "open", "said": f"The check still finds it: {now['title']}.", "finding": now}


def _documents(found: list[Finding]) -> list[Json]:
    from gateway.doctor import Listed

    return [dict(Listed(each, _now_ms()).document()) for each in found]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
