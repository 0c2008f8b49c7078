"""Owns how keys are used as it is remembered: networks, hourly counts, and what was odd, each told once.

Knows no request and judges nothing, which :mod:`gateway.policy.key_use` does. A note and what it tells of are one
transaction.
Source: rules KEY-8, AUD-2; W4.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.policy.key_use import (
    HOUR_MS,
    HOURS_KEPT,
    NETWORK_KEPT_MS,
    Anomaly,
    KeyUse,
    Kind,
    Known,
    judge,
    news,
)
from gateway.store import audit, credentials
from gateway.store.events import Happened, append
from gateway.store.protocol import GATEWAY
from gateway.store.rows import KeyRow
from gateway.store.transaction import Tx
from gateway.store.units import Units

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class OddUse:
    """What was told of a key; ``seen`` once somebody has opened its page."""

    key_id: str
    kind: Kind
    figures: Mapping[str, str | int]
    at_ms: int
    seen: bool


def note(tx: Tx, use: KeyUse) -> None:
    """Write down how a key was used and tell what is odd about it. Raises NotFound."""
    used = {"last_used_ms": use.last_ms - use.last_ms % _MINUTE_MS, "last_address": use.address}
    row = credentials.change_key(tx, use.tenant, use.key_id, dict(used), GATEWAY)
    known = _known(tx, row)
    for anomaly in judge(use, known):
        _tell(tx, row, anomaly)
    kept = {network: first_ms for network, first_ms in use.networks.items() if network in known.networks}
    for network, first_ms in (kept | news(use, known)).items():
        tx.run("key_network_seen", key_id=row.id, network=network, first_seen=first_ms, last_seen=use.last_ms)
    for hour, requests in use.hours.items():
        tx.run("key_hour_more", key_id=row.id, hour=hour, requests=requests)
    _forget(tx)


def _known(tx: Tx, row: KeyRow) -> Known:
    return Known(
        networks={each["network"]: each["first_seen"] for each in tx.rows("key_networks", key_id=row.id)},
        hours={each["hour"]: each["requests"] for each in tx.rows("key_hours", key_id=row.id)},
        rush_told_ms=_told_ms(tx, row, "many_requests"),
        successor=_successor(tx, row),
        rotation_told=_told_ms(tx, row, "after_rotation") is not None,
    )


def _told_ms(tx: Tx, row: KeyRow, kind: Kind) -> int | None:
    found = tx.one("key_anomaly_told", key_id=row.id, kind=kind)
    return found["at"] if found is not None else None


def _successor(tx: Tx, row: KeyRow) -> tuple[str, int] | None:
    if row.successor_id is None:
        return None
    # Not its last use, which is kept to the minute: whether the old key was used after it is a matter of seconds.
    first = tx.one("key_network_first", key_id=row.successor_id)
    return None if first is None or first["at"] is None else (row.successor_id, first["at"])


def _tell(tx: Tx, row: KeyRow, anomaly: Anomaly) -> None:
    figures = dict(anomaly.figures)
    tx.run(
        "key_anomaly_tell",
        key_id=row.id,
        kind=anomaly.kind,
        cause=anomaly.cause,
        at=tx.now_ms,
        figures=json.dumps(figures),
    )
    told: dict[str, object] = {"name": row.name, "kind": anomaly.kind, **figures}
    audit.append(tx, audit.Deed("key.anomaly", GATEWAY, row.tenant, f"key:{row.id}", told, row.sandbox))
    append(
        tx,
        Happened(
            type="key.anomaly",
            tenant=row.tenant,
            sandbox=row.sandbox,
            subject=f"key {row.id}",
            public=True,
            snapshot={"key_id": row.id, **told},
        ),
    )


def _forget(tx: Tx) -> None:
    tx.run("key_hours_forget", before=tx.now_ms // HOUR_MS - HOURS_KEPT)
    tx.run("key_networks_forget", before=tx.now_ms - NETWORK_KEPT_MS)
    tx.run("key_anomalies_forget", before=tx.now_ms - NETWORK_KEPT_MS)


def _odd(tx: Tx, tenant: str) -> tuple[OddUse, ...]:
    return tuple(
        OddUse(row["key_id"], row["kind"], json.loads(row["figures"]), row["at"], row["seen_at"] is not None)
        for row in tx.rows("key_anomalies_of", tenant=tenant)
    )


class KeyUses:
    """How keys are used. All verbs may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def note(self, use: KeyUse) -> None:
        """Write down how a key was used since the last note, and tell what is odd about it. Raises NotFound."""
        await self._units.write(lambda tx: note(tx, use))

    async def odd(self, tenant: str) -> tuple[OddUse, ...]:
        """List what was odd in the last 90 days, newest first."""
        return await self._units.read(lambda tx: _odd(tx, tenant))

    async def seen(self, key_id: str) -> None:
        """Remember that somebody has looked at what was odd about a key."""
        await self._units.write(
            lambda tx: tx.run("key_anomalies_seen", key_id=key_id, at=tx.now_ms), linger=True
        )
