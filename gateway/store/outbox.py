"""Owns what people ask of the outbox of a webhook: how much waits, one delivery, and trying again what is dead.

Knows no HTTP; the sender's own verbs are :mod:`gateway.store.subscriptions`.
Source: rules WHK-3 (dead letters are kept, and go again with the same webhook-id).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.ids import lowest_id
from gateway.store import subscriptions
from gateway.store.convert import load_delivery
from gateway.store.protocol import NotFound
from gateway.store.rows import DeliveryRow
from gateway.store.transaction import Tx
from gateway.store.units import Units

COUNTED_MAX = 1_000
"""More than this is shown as "1,000+": counting has an end."""

_AT_ONCE = 200
"""Deliveries in one transaction: some milliseconds, so that claims do not wait."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Deliveries of one webhook, each counted up to :data:`COUNTED_MAX`."""

    waiting: int
    dead: int


class Outbox:
    """What waits for webhooks; may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def backlog(self, webhook_ids: Iterable[str]) -> dict[str, Backlog]:
        """Count what waits and what is dead, for each webhook."""
        wanted = tuple(webhook_ids)
        return await self._units.read(
            lambda tx: {webhook_id: _backlog(tx, webhook_id) for webhook_id in wanted}
        )

    async def delivery(self, webhook_id: str, delivery_id: str) -> DeliveryRow:
        """Raises NotFound."""

        def one(tx: Tx) -> DeliveryRow:
            row = tx.one("delivery_by_id", id=delivery_id)
            if row is None or row["webhook_id"] != webhook_id:
                raise NotFound
            return load_delivery(tx, row)

        return await self._units.read(one)

    async def redeliver_dead(self, webhook_id: str, since_ms: int) -> int:
        """Make every dead delivery since a time pending again, in pieces; returns how many."""
        since, done = lowest_id(since_ms), 0
        while True:
            piece = await self._units.write(lambda tx: _revive(tx, webhook_id, since), linger=True)
            done += piece
            if piece < _AT_ONCE:
                return done


def _backlog(tx: Tx, webhook_id: str) -> Backlog:
    waiting = tx.one("deliveries_waiting", webhook_id=webhook_id, limit=COUNTED_MAX)
    dead = tx.rows("deliveries_dead", webhook_id=webhook_id, since="", limit=COUNTED_MAX)
    return Backlog(waiting["n"] if waiting is not None else 0, len(dead))


def _revive(tx: Tx, webhook_id: str, since: str) -> int:
    rows = tx.rows("deliveries_dead", webhook_id=webhook_id, since=since, limit=_AT_ONCE)
    for row in rows:
        subscriptions.redeliver(tx, webhook_id, row["id"])
    return len(rows)
