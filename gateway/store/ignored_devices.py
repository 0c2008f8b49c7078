"""Owns which found sticks and phones are ignored: who said so stands in the audit trail, in the same transaction.

Knows no device: an id is whatever the page of devices calls it by, a port what a modem was found at.
Source: the notes on what people see, */devices* (Found: Add / Ignore); rules AUD-2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateway.store.audit import Deed, append
from gateway.store.protocol import NotFound
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units

Kind = Literal["phone", "modem", "stick"]
"""A stick is a modem by its ids that offers no port."""


@dataclass(frozen=True, slots=True)
class IgnoredDevice:
    """A found thing that nobody wants. ``port`` is where a modem was found, which is then left alone."""

    id: str
    kind: Kind
    name: str
    port: str | None = None


class IgnoredDevices:
    """The verbs about what is ignored. All may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def all(self, tenant: str) -> tuple[IgnoredDevice, ...]:
        """List what is ignored, the newest first."""
        return await self._units.read(
            lambda tx: tuple(_load(row) for row in tx.rows("ignored_devices", tenant=tenant))
        )

    async def ports(self) -> frozenset[str]:
        """Give the ports of all modems that are ignored, whoever said so."""
        return await self._units.read(lambda tx: frozenset(row["port"] for row in tx.rows("ignored_ports")))

    async def ignore(self, tenant: str, found: IgnoredDevice, by: str) -> None:
        """Keep something that was found from being shown as found; twice is once."""

        def put(tx: Tx) -> None:
            tx.run(
                "ignored_device_put",
                tenant=tenant,
                id=found.id,
                kind=found.kind,
                name=found.name,
                port=found.port,
                at=tx.now_ms,
            )
            append(tx, Deed("device.ignored", by, tenant, f"device:{found.id}"))

        await self._units.write(put)

    async def show_again(self, tenant: str, ignored_id: str, by: str) -> None:
        """Let something be shown as found again. Raises NotFound."""

        def delete(tx: Tx) -> None:
            if not tx.run("ignored_device_delete", tenant=tenant, id=ignored_id):
                raise NotFound
            append(tx, Deed("device.shown_again", by, tenant, f"device:{ignored_id}"))

        await self._units.write(delete)


def _load(row: Row) -> IgnoredDevice:
    return IgnoredDevice(row["id"], row["kind"], row["name"], row["port"])
