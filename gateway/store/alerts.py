"""Owns alerts as they are remembered: what stands, and the event and letters that tell of a change, in one transaction.

Knows no threshold and no channel. A change is a compare-and-set: of two who saw the same, one tells.
Source: W4; rules WHK-2.
"""

from __future__ import annotations

from gateway.policy.alerts import ENDINGS, Change, Readings, Standing
from gateway.representation import rfc3339
from gateway.store import alert_letters, alert_readings, endings
from gateway.store.alert_rows import Scope, Telling
from gateway.store.events import Happened, append
from gateway.store.transaction import Tx
from gateway.store.units import Units

TALLIES_KEPT_MINUTES = 26 * 60
"""A day, for those who look at it whole, and the hours by which clocks change."""
STEP_FORGETS_MS = 60_000
"""After a greater step of the clock the last hour cannot be told from others: it is measured anew."""


def tell(tx: Tx, tenant: str, telling: Telling) -> bool:
    """Write a change of an alert and what tells of it; False: somebody else has, or knows better."""
    after = telling.change.after
    changed = tx.run(
        "alert_change" if after.revision else "alert_add",
        tenant=tenant,
        kind=after.finding.kind,
        subject=after.finding.subject,
        finding=alert_readings.finding_json(after.finding),
        since=after.since_ms,
        active=int(after.active),
        told_at=after.told_at_ms,
        owes_end=int(after.owes_end),
        **({"revision": after.revision} if after.revision else {}),
    )
    if changed != 1:
        return False
    if telling.notice is not None:
        append(tx, _event(tenant, telling, telling.change))
    for letter in telling.letters:
        alert_letters.write(tx, tenant, letter)
    return True


def _event(tenant: str, telling: Telling, change: Change) -> Happened:
    finding, notice = change.after.finding, telling.notice
    kind = f"{finding.kind}.ended" if change.told in ENDINGS else finding.kind
    return Happened(
        type="policy.alert",
        tenant=tenant,
        sandbox=False,
        subject=f"alert {finding.kind} {finding.subject}",
        public=True,
        line=finding.line,
        snapshot={
            "kind": kind,
            "title": notice.title if notice else None,
            "meaning": (notice.meaning or None) if notice else None,
            "hint": (notice.hint or None) if notice else None,
            "value": finding.value,
            "threshold": finding.threshold,
            "name": finding.name,
            "line": finding.line,
            "since": rfc3339(change.after.since_ms),
            "repeated": change.told == "repeated",
        },
    )


def prune(tx: Tx) -> None:
    """Forget tallies that no hour reaches, and letters that nobody asks about."""
    tx.run("message_tallies_prune", before=tx.now_ms // endings.MINUTE_MS - TALLIES_KEPT_MINUTES)
    alert_letters.prune(tx)


def step(tx: Tx, step_ms: int) -> None:
    """Move every time here along with a clock that stepped."""
    tx.run("shift_alert_times", step=step_ms)
    tx.run("shift_late_times", step=step_ms)
    alert_letters.step(tx, step_ms)
    if abs(step_ms) > STEP_FORGETS_MS:
        tx.run("message_tallies_forget")


class AlertRoom:
    """What alerts are judged by and what stands. All verbs may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def read(self, scope: Scope) -> tuple[Readings, tuple[Standing, ...]]:
        """Read how things stand, and which alerts do."""
        return await self._units.read(
            lambda tx: (alert_readings.read(tx, scope), alert_readings.standing(tx, scope.tenant))
        )

    async def tell(self, tenant: str, telling: Telling) -> bool:
        """Commit a change with its event and letters; False: somebody else has."""
        return await self._units.write(lambda tx: tell(tx, tenant, telling))

    async def late(self, tenant: str) -> int:
        """Commit the word to senders of texts that have not left in time; returns of how many texts."""
        return await self._units.write(lambda tx: endings.late(tx, tenant))
