"""Owns ``gateway audit verify``: walks the chain of the audit trail in the database of the data directory.

Asks no server: who doubts the database doubts the server on it as well.
Source: rules AUD-1.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from gateway.cli.failure import CliError
from gateway.cli.output import screen
from gateway.cli.settled import config_of, data_dir_of, open_store, startup_errors

if TYPE_CHECKING:
    from gateway.cli.output import Screen
    from gateway.store.audit import Head, Verdict

_BROKEN = "somebody changed the database by other means; compare it with a backup: docs/audit.md"


def verify(arguments: argparse.Namespace) -> int:
    """Say whether every entry is as it was written; name the first that is not."""
    config, folder = config_of(arguments), data_dir_of(arguments)

    database = config.store.path(folder.root)
    if not database.exists():
        raise CliError(f"there is no database at {database}", "name its directory: --data-dir DIR")

    async def walk() -> tuple[Verdict, bool]:
        async with open_store(config, folder) as store:
            known = arguments.head
            return await store.audit.verify(), known is None or await store.audit.holds(known)

    with startup_errors():
        found, holds = asyncio.run(walk())
    return _say(screen(arguments), found, None if holds else arguments.head)


def _say(out: Screen, found: Verdict, missing: Head | None) -> int:
    why = found.why
    if found.bad_seq is None and missing is not None:
        why = (
            f"entry {missing.seq} is not the one that is remembered: the trail was written anew, or put back"
        )
    if out.as_json:
        out.document(
            {
                "ok": not why,
                "entries": found.entries,
                "head": found.head,
                "bad_seq": found.bad_seq or (missing.seq if missing else None),
                "why": why or None,
            }
        )
        return 1 if why else 0
    if why:
        raise CliError(f"the audit trail is not whole: {why}", _BROKEN)
    out.line(f"whole: {found.entries} entries; the newest is {found.entries}:{found.head}")
    return 0
