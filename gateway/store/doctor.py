"""Owns what the doctor must remember: what it changed and how it was before, and what nobody wants to hear of now.

Knows no rule of what is wrong and no repair; a finding and a change are JSON texts here.
Source: the doctor's promise that what was changed can be taken back, also after kill -9 in the middle of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

from gateway.store.audit import Deed, append
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units

RepairState = Literal["begun", "fixed", "open"]
REPAIR_STATES: tuple[RepairState, ...] = get_args(RepairState)

KEPT_MS = 30 * 86_400_000
"""How long a repair that held is shown and can be taken back."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One change that was made, or begun. ``finding`` and ``change`` are JSON; ``id`` is that of the finding.

    ``begun`` is written before the change; ``fixed`` means that the check passed after it, ``open`` that it did not
    (``said`` tells why). Times are UTC ms.
    """

    id: str
    finding: str
    change: str
    state: RepairState
    said: str
    began_at_ms: int
    fixed_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Remembered:
    """Everything at once. ``snoozed`` are ids with the time (UTC ms) until which they are not told."""

    repairs: dict[str, Repair] = field(default_factory=dict)
    snoozed: dict[str, int] = field(default_factory=dict)


def read(tx: Tx, tenant: str) -> Remembered:
    """Read repairs, and snoozes that are not over."""
    repairs = (_load(row) for row in tx.rows("doctor_repairs", tenant=tenant))
    snoozes = tx.rows("doctor_snoozes", tenant=tenant, now=tx.now_ms)
    return Remembered({each.id: each for each in repairs}, {row["id"]: row["until"] for row in snoozes})


def begin(tx: Tx, tenant: str, repair: tuple[str, str, str]) -> None:
    """Write what is about to be changed; ``repair`` is id, finding and change."""
    found, finding, change = repair
    tx.run("doctor_repair_begin", tenant=tenant, id=found, finding=finding, change=change, at=tx.now_ms)


def end(tx: Tx, tenant: str, repair_id: str, said: str | None) -> None:
    """Write what the check said after a change: None = it passed. Forgets what nobody asks about any more."""
    tx.run(
        "doctor_repair_end",
        tenant=tenant,
        id=repair_id,
        state="fixed" if said is None else "open",
        said=said or "",
        fixed_at=tx.now_ms if said is None else None,
    )
    tx.run("doctor_repairs_prune", tenant=tenant, before=tx.now_ms - KEPT_MS)


def snooze(tx: Tx, tenant: str, finding_id: str, until_ms: int) -> None:
    """Keep a finding from being told until a time."""
    tx.run("doctor_snoozes_prune", tenant=tenant, now=tx.now_ms)
    tx.run("doctor_snooze_put", tenant=tenant, id=finding_id, until=until_ms)


def _load(row: Row) -> Repair:
    return Repair(
        id=row["id"],
        finding=row["finding"],
        change=row["change"],
        state=row["state"],
        said=row["said"],
        began_at_ms=row["began_at"],
        fixed_at_ms=row["fixed_at"],
    )


class DoctorRoom:
    """The verbs about repairs and snoozes. All may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def read(self, tenant: str) -> Remembered:
        """Read everything that is remembered."""
        return await self._units.read(lambda tx: read(tx, tenant))

    async def begin(self, repair_id: str, finding: str, change: str, deed: Deed) -> None:
        """Commit what is about to be changed and how it is before. A repair that is still open keeps its older word."""
        await self._write(deed, lambda tx: begin(tx, deed.tenant, (repair_id, finding, change)))

    async def end(self, tenant: str, repair_id: str, said: str | None) -> None:
        """Commit that the check passed (None), or what it said."""
        await self._units.write(lambda tx: end(tx, tenant, repair_id, said))

    async def forget(self, repair_id: str, deed: Deed) -> None:
        """Commit that nothing is changed any more: it was taken back."""
        await self._write(deed, lambda tx: tx.run("doctor_repair_delete", tenant=deed.tenant, id=repair_id))

    async def snooze(self, finding_id: str, until_ms: int, deed: Deed) -> None:
        """Commit that a finding is not told until a time (UTC ms)."""
        await self._write(deed, lambda tx: snooze(tx, deed.tenant, finding_id, until_ms))

    async def unsnooze(self, finding_id: str, deed: Deed) -> None:
        """Commit that a finding is told again."""
        await self._write(deed, lambda tx: tx.run("doctor_snooze_delete", tenant=deed.tenant, id=finding_id))

    async def _write(self, deed: Deed, unit: Callable[[Tx], object]) -> None:
        def both(tx: Tx) -> None:
            unit(tx)
            append(tx, deed)

        await self._units.write(both)
