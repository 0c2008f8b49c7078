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

DAY_S = 86_400.0

WORDS = frozenset({"inbound_rule.answer", "policy.contact"})
"""Keys that hold what is said to people: of these the trail says only that they changed."""

_PERSONAL = re.compile(r'[^\s"\[\],]+@[^\s"\[\],]+|\+?\d(?:[ ()-]*\d){6,}')
"""Addresses of e-mail and what looks like one; numbers, however they are grouped."""

_ENTRY = re.compile(r"\[\d+\]")


async def begin_trail(store: Store, tenant: str, settings: Iterable[Setting]) -> None:
    """Begin the trail where there is none, and write down which keys of the configuration are new since last time."""
    await store.audit.begin(tenant)
    now = {_name(each): each.value or "" for each in settings if each.origin != "default"}
    before = await store.audit.configured()
    was: dict[str, str] = now if before is None else json.loads(before)
    changed = changes_of(was, dict.fromkeys(was) | now)
    shown = {name: _shown(name, *pair) for name, pair in changed.items()}
    deed = Deed("config.changed", GATEWAY, tenant, detail={"changed": shown})
    await store.audit.configure(json.dumps(now), deed if changed else None)


async def tell_head(store: Store, tenant: str) -> None:
    """Say in the log, now and each day, which entry is the newest; never ends."""
    while True:
        head = await store.audit.begin(tenant)
        log.info("audit.head", seq=head.seq, hash=head.hash)
        await asyncio.sleep(DAY_S)


def _name(setting: Setting) -> str:
    entry = "" if setting.entry is None else f"[{setting.entry}]"
    return f"{setting.section}{entry}.{setting.name}"


def _shown(name: str, was: object, now: object) -> list[object]:
    """Hide numbers, addresses and texts: somebody's may be in the configuration, and nothing ever leaves the trail."""
    if _ENTRY.sub("", name) in WORDS:
        return [was and "…", now and "changed"]
    return [_PERSONAL.sub("…", each) if isinstance(each, str) else each for each in (was, now)]
