"""Owns what is gathered about the use of keys between two notes: requests of each hour, addresses, the newest request.

Knows no judgement: the store writes a note and tells what is odd about it. A request costs a few words of memory here;
each key is written at most once a minute.
Source: rules KEY-2 (minute precision), KEY-8.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from gateway.own_address import is_this_machine
from gateway.policy.key_use import HOUR_MS, KeyUse, network_of
from gateway.store.protocol import Store, StoreError

if TYPE_CHECKING:
    from gateway.clock import Clock
    from gateway.store.rows import KeyRow

log = structlog.get_logger("gateway.http")

_NOTED_EVERY_MS = 60_000

_ADDRESSES = 64
"""Of more in a minute only these are noted: a key that leaked to a thousand machines is told of by the first."""


@dataclass(slots=True)
class _Gathered:
    tenant: str
    noted_ms: int = 0
    last_ms: int = 0
    address: str = ""
    addresses: dict[str, int] = field(default_factory=dict)
    hours: dict[int, int] = field(default_factory=dict)
    later: asyncio.TimerHandle | None = None


class KeyNotes:
    """Gathers how keys are used and writes it down: the first use at once, what follows within a minute."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._gathered: dict[str, _Gathered] = {}
        self._writing: set[asyncio.Task[None]] = set()

    def used(self, row: KeyRow, address: str, now_ms: int, requests: int) -> None:
        """Take note of a use; ``requests`` is 0 for what is open already or asks by itself."""
        gathered = self._gathered.get(row.id)
        if gathered is None:
            gathered = self._gathered[row.id] = _Gathered(row.tenant)
        gathered.last_ms, gathered.address = now_ms, address
        if address not in gathered.addresses and len(gathered.addresses) < _ADDRESSES:
            gathered.addresses[address] = now_ms
        if requests:
            hour = now_ms // HOUR_MS
            gathered.hours[hour] = gathered.hours.get(hour, 0) + requests
        if now_ms - gathered.noted_ms >= _NOTED_EVERY_MS:
            self._note(row.id, gathered)
        elif gathered.later is None:
            # The last uses of a burst are written too, though nobody comes again.
            loop = asyncio.get_running_loop()
            gathered.later = loop.call_later(_NOTED_EVERY_MS / 1000, self._note, row.id, gathered)

    def _note(self, key_id: str, gathered: _Gathered) -> None:
        if gathered.later is not None:
            gathered.later.cancel()
            gathered.later = None
        addresses, hours = gathered.addresses, gathered.hours
        gathered.noted_ms, gathered.addresses, gathered.hours = self._clock.now_ms(), {}, {}
        networks: dict[str, int] = {}
        for address, first_ms in addresses.items():
            network = network_of(address, is_this_machine)
            if network is not None:
                networks.setdefault(network, first_ms)
        use = KeyUse(key_id, gathered.tenant, gathered.last_ms, gathered.address, networks, hours)
        task = asyncio.get_running_loop().create_task(self._write(use))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, use: KeyUse) -> None:
        try:
            await self._store.key_use.note(use)
        except StoreError as error:
            # Only the note is lost; the request itself meets the same store and says so.
            log.debug("key.use_not_noted", key_id=use.key_id, reason=type(error).__name__)

    async def settle(self) -> None:
        """Write what is not written yet and wait for it; called when the server stops."""
        for key_id, gathered in self._gathered.items():
            if gathered.later is not None:
                self._note(key_id, gathered)
        if self._writing:
            await asyncio.wait(self._writing, timeout=1.0)
