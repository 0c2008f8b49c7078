"""Owns what joins the audit trail to the world outside of the database: its head in the log, the configuration in it.

Knows no chain. Whoever keeps the log elsewhere can tell a database that was put back to yesterday.
Source: rules AUD-1 (the head goes into the log each day), AUD-2 (changes of the configuration).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable

import structlog

from gateway.setting import Setting
from gateway.store.audit import Deed, changes_of
from gateway.store.protocol import GATEWAY, Store

log = structlog.get_logger(__name__)

CONFIG = "config_in_force"
"""The fact that holds what was set at the last start, without secrets."""

DAY_S = 86_400.0
_NUMBER = re.compile(r"\+?\d{7,}")


async def begin_trail(store: Store, tenant: str, settings: Iterable[Setting]) -> None:
    """Begin the trail where there is none, and write down which keys of the configuration are new since last time."""
    await store.audit.begin(tenant)
    now = {_name(each): each.value or "" for each in settings if each.origin != "default"}
    before = await store.remembered(CONFIG)
    was: dict[str, str] | None = None if before is None else json.loads(before)
    if was == now:
        return
    if was is not None:
        changed = changes_of(was, dict.fromkeys(was) | now)
        shown = {name: [_shown(each) for each in pair] for name, pair in changed.items()}
        await store.audit.record(Deed("config.changed", GATEWAY, tenant, detail={"changed": shown}))
    await store.remember(CONFIG, json.dumps(now))


async def tell_head(store: Store, tenant: str) -> None:
    """Say in the log, now and each day, which entry is the newest; never ends."""
    while True:
        head = await store.audit.begin(tenant)
        log.info("audit.head", seq=head.seq, hash=head.hash)
        await asyncio.sleep(DAY_S)


def _name(setting: Setting) -> str:
    entry = "" if setting.entry is None else f"[{setting.entry}]"
    return f"{setting.section}{entry}.{setting.name}"


def _shown(value: object) -> object:
    """Hide numbers: somebody's may stand in the configuration, and nothing ever leaves the trail."""
    return _NUMBER.sub("…", value) if isinstance(value, str) else value
