"""Owns what the sender keeps in memory of one endpoint: what waits, what is under way, how it is doing.

Knows no store and no HTTP. The row in the store has the truth about health once nothing is under way.
Source: rules WHK-3 and WHK-4.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from gateway.store.rows import DeliveryRow
from gateway.webhooks.schedule import Health


@dataclass(slots=True)
class Endpoint:
    """``in_flight`` requests are on the wire; ``busy`` deliveries are on the wire or being written down.

    ``health`` None: not read yet. ``world``: its tenant, and whether it is the sandbox's, of the last try.
    """

    waiting: deque[DeliveryRow] = field(default_factory=deque)
    in_flight: int = 0
    busy: int = 0
    health: Health | None = None
    world: tuple[str, bool] = ("", False)

    def offer(self, delivery: DeliveryRow, now_ms: int) -> None:
        """Add what the store has due. That it is due says that a hold which we remember was lifted meanwhile."""
        if not self.busy and self.health is not None and (self.health.open_until_ms or 0) > now_ms:
            self.health = None
        self.waiting.append(delivery)

    def forget(self) -> None:
        """Drop what is known: the endpoint was deleted or disabled."""
        self.waiting.clear()
        self.health = None

    def may_start(self, now_ms: int, requests_max: int) -> bool:
        """Say whether one more request may go out now."""
        if self.health is None:
            return self.in_flight == 0
        if self.health.open_until_ms is not None and now_ms < self.health.open_until_ms:
            return False
        return self.in_flight < (1 if self.health.circuit_open else requests_max)

    def probe_at_ms(self) -> int | None:
        """When an open circuit is to be probed (UTC ms); None: it is closed, or a probe is under way."""
        if self.busy or self.health is None or not self.health.circuit_open:
            return None
        return self.health.open_until_ms or 0

    def forgettable(self) -> bool:
        """Say whether nothing is lost when this is read anew from the store."""
        return not self.busy and not self.waiting and not (self.health and self.health.circuit_open)
