"""Owns the PINs that people entered for their SIMs, sealed; each goes with its SIM, not with a port.

Knows no modem: whether a PIN is right, and what is refused, is said by others.
Source: rules DAT-1 (secrets are sealed).
"""

from __future__ import annotations

from gateway.store.transaction import Tx
from gateway.store.units import Units


def pin_of(tx: Tx, iccid: str) -> str | None:
    """Read the PIN of a SIM; None when nobody entered one."""
    row = tx.one("sim_pin_of", iccid=iccid)
    return None if row is None else tx.unseal_text(_where(iccid), row["pin"])


def keep(tx: Tx, iccid: str, pin: str) -> None:
    """Keep the PIN of a SIM in place of an older one."""
    tx.run("sim_pin_put", iccid=iccid, pin=tx.seal(_where(iccid), pin), at=tx.now_ms)


def _where(iccid: str) -> str:
    return f"sim_pin|pin|{iccid}"


class SimPins:
    """The verbs about PINs of SIMs. All may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def pin_of(self, iccid: str) -> str | None:
        """Read the PIN of a SIM.

        Raises:
            DamagedRow: it was changed, or moved to another SIM.
        """
        return await self._units.read(lambda tx: pin_of(tx, iccid))

    async def keep(self, iccid: str, pin: str) -> None:
        """Commit the PIN that a SIM has taken."""
        await self._units.write(lambda tx: keep(tx, iccid, pin))

    async def forget(self, iccid: str) -> None:
        """Commit that nothing is known of a SIM's PIN."""
        await self._units.write(lambda tx: tx.run("sim_pin_delete", iccid=iccid))
