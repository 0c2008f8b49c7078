"""Owns who wants no texts: the wish, what it stops at once, and who may take it back.

Knows no keyword table and no HTTP. A wish counts for the whole tenant; it survives the erasure of the number.
Source: rules OPT-4, OPT-5, OPT-7, OPT-8, PRV-2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.ids import new_id
from gateway.lifecycle import Happening
from gateway.representation import rfc3339
from gateway.store import audit
from gateway.store.convert import shown
from gateway.store.decisions import decide_locally
from gateway.store.events import Happened, append
from gateway.store.people_rows import (
    SuppressionFact,
    SuppressionFilter,
    SuppressionRow,
    Suspected,
    Wish,
    is_sandbox_number,
)
from gateway.store.protocol import NotFound
from gateway.store.rows import Page, View
from gateway.store.subjects import known_subject_of, peppered, subject_of
from gateway.store.suspected import settle, suspected
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units
from gateway.store.viewing import page_of, viewed, within

_WEIGHT = {
    "keyword": 0,
    "phone": 1,
    "email": 1,
    "letter": 1,
    "web": 1,
    "person": 1,
    "complaint": 2,
    "erasure": 3,
}
"""A heavier wish takes the place of a lighter one, so that START cannot lift what somebody also wrote in a letter."""


def is_suppressed(tx: Tx, tenant: str, number: str) -> SuppressionFact | None:
    """Say whether a number wants no texts; costs one look-up while nobody of the tenant is suppressed, else two."""
    # A pepper never changes; that there is none, or nobody suppressed, is asked each time.
    known = tx.group.known.get(("pepper", tenant))
    if known is None:
        pepper = tx.one("suppression_pepper", tenant=tenant)
        if pepper is None:
            return None
        known = tx.group.known["pepper", tenant] = pepper["value"]
    row = tx.one("suppression_fact", tenant=tenant, subject=peppered(known, number))
    return None if row is None else SuppressionFact(row["id"], row["source"], row["created_at"])


def suppress(tx: Tx, wish: Wish) -> bool:
    """Keep a wish and cancel what waits for the number; what is on its way to the radio is let go.

    A wish from the sandbox about a number that is real changes nothing: anybody may write any sender there.

    Returns:
        True when the number was not suppressed before.
    """
    if _is_pretended(wish):
        return False
    subject = subject_of(tx, wish.number)
    known = tx.one("suppression_active", tenant=wish.tenant, subject=subject)
    waiting = tx.rows("suppression_stops", tenant=wish.tenant, to_number=wish.number)
    if known is None or _WEIGHT[known["source"]] < _WEIGHT[wish.source]:
        if known is not None:
            _lift(tx, known, wish.by, f"replaced by {wish.source}")
        row = _insert(tx, wish, subject)
        said: dict[str, object] = {"source": row.source, "messages_stopped": len(waiting)}
        _audited(tx, row, "suppression.added", wish.by, said)
        tx.run("suspected_stops_settle", tenant=wish.tenant, sender=wish.number, by=wish.by, now=tx.now_ms)
        if known is None:
            _tell(tx, "suppression.added", row, messages_stopped=len(waiting))
    for message in waiting:
        decide_locally(tx, message, Happening.REFUSE, wish.by, "recipient_opted_out")
    return known is None


def lift(tx: Tx, view: View, suppression_id: str, by: str, reason: str) -> SuppressionRow:
    """Take a wish back by hand; one that is lifted already stays as it is. Raises NotFound."""
    row = _viewed(tx, view, suppression_id)
    if row["lifted_at"] is None:
        _lift(tx, row, by, reason)
        _audited(tx, _load(tx, row), "suppression.lifted", by, {"source": row["source"]})
    return _load(tx, _viewed(tx, view, suppression_id))


def lift_by_keyword(tx: Tx, wish: Wish) -> bool:
    """Let a start keyword (``wish.keyword``) lift what a keyword set, and nothing else (rules OPT-7).

    Returns:
        True when the number may be texted again; what stays is told as ``suppression.start_ignored``.
    """
    pepper = tx.one("suppression_pepper", tenant=wish.tenant)
    if pepper is None or _is_pretended(wish):
        return False
    row = tx.one("suppression_active", tenant=wish.tenant, subject=peppered(pepper["value"], wish.number))
    if row is None:
        return False
    if row["source"] != "keyword":
        heard = replace(_load(tx, row), keyword=wish.keyword, inbound_id=wish.inbound_id, line=wish.line)
        _tell(tx, "suppression.start_ignored", heard)
        return False
    _lift(tx, row, wish.by, f"keyword {wish.keyword}")
    _audited(
        tx, _load(tx, row), "suppression.lifted", wish.by, {"source": row["source"], "keyword": wish.keyword}
    )
    return True


def _is_pretended(wish: Wish) -> bool:
    return wish.sandbox and not is_sandbox_number(wish.number)


def _insert(tx: Tx, wish: Wish, subject: str) -> SuppressionRow:
    row = SuppressionRow(
        id=new_id(),
        tenant=wish.tenant,
        sandbox=is_sandbox_number(wish.number),
        subject=subject,
        number=wish.number,
        source=wish.source,
        keyword=wish.keyword,
        inbound_id=wish.inbound_id,
        line=wish.line,
        note=wish.note,
        created_at_ms=tx.now_ms,
        created_by=wish.by,
        lifted_at_ms=None,
        lifted_by=None,
        lift_reason=None,
    )
    tx.run(
        "suppression_insert",
        id=row.id,
        tenant=row.tenant,
        sandbox=int(row.sandbox),
        subject=subject,
        number=row.number,
        source=row.source,
        keyword=row.keyword,
        inbound_id=row.inbound_id,
        line=row.line,
        note=tx.seal(f"suppression|note|{row.id}", row.note),
        now=tx.now_ms,
        created_by=row.created_by,
    )
    return row


def _lift(tx: Tx, row: Row, by: str, reason: str) -> None:
    where = f"suppression|lift_reason|{row['id']}"
    tx.run(
        "suppression_lift",
        id=row["id"],
        tenant=row["tenant"],
        by=by,
        reason=tx.seal(where, reason),
        now=tx.now_ms,
    )


def _audited(tx: Tx, row: SuppressionRow, action: str, by: str, said: dict[str, object]) -> None:
    """Write down whose wish it was by subject only; the number is found under the id as long as it is kept."""
    detail = {**said, "subject": row.subject}
    audit.append(tx, audit.Deed(action, by, row.tenant, f"suppression:{row.id}", detail, row.sandbox))


def _tell(tx: Tx, event_type: str, row: SuppressionRow, **more: object) -> None:
    append(
        tx,
        Happened(
            type=event_type,
            tenant=row.tenant,
            sandbox=row.sandbox,
            subject=row.id,
            public=True,
            line=row.line,
            snapshot={
                "id": row.id,
                "number": row.number,
                "source": row.source,
                "keyword": row.keyword,
                "inbound_id": row.inbound_id,
                "line": row.line,
                "created_at": rfc3339(row.created_at_ms),
                **more,
            },
        ),
    )


# ------------------------------------------------------------------ reads


def suppressions(
    tx: Tx, view: View, where: SuppressionFilter, page: tuple[int, str | None]
) -> Page[SuppressionRow]:
    """List wishes newest first; ``page`` is (limit, id to continue after)."""
    limit, after = page
    conditions = within(view, after)
    values: dict[str, Any] = {"tenant": view.tenant, "limit": limit + 1, "after": after}
    if where.number is not None:
        values["subject"] = known_subject_of(tx, where.number)
        conditions.append("where_suppressed_subject")
    if where.active is not None:
        conditions.append("where_suppression_active" if where.active else "where_suppression_lifted")
    rows = tx.composed("suppressions_select", conditions, "people_order", values)
    return page_of(rows, limit, lambda row: _load(tx, row))


def _viewed(tx: Tx, view: View, suppression_id: str) -> Row:
    return viewed(tx, view, "suppression_for_viewer", suppression_id)


def _load(tx: Tx, row: Row) -> SuppressionRow:
    return SuppressionRow(
        id=row["id"],
        tenant=row["tenant"],
        sandbox=bool(row["sandbox"]),
        subject=row["subject"],
        number=row["number"],
        source=row["source"],
        keyword=row["keyword"],
        inbound_id=row["inbound_id"],
        line=row["line"],
        note=_shown(tx, row, "note"),
        created_at_ms=row["created_at"],
        created_by=row["created_by"],
        lifted_at_ms=row["lifted_at"],
        lifted_by=row["lifted_by"],
        lift_reason=_shown(tx, row, "lift_reason"),
    )


def _shown(tx: Tx, row: Row, column: str) -> str | None:
    return shown(tx, f"suppression|{column}|{row['id']}", row[column])


# ------------------------------------------------------------------ the room


class Suppressions:
    """The suppression list. All verbs may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def add(self, wish: Wish) -> tuple[SuppressionRow, bool]:
        """Keep one wish; returns what stands now, and whether the number was not suppressed before."""

        def unit(tx: Tx) -> tuple[SuppressionRow, bool]:
            new = suppress(tx, wish)
            row = tx.one("suppression_active", tenant=wish.tenant, subject=subject_of(tx, wish.number))
            if row is None:
                raise NotFound
            return _load(tx, row), new

        return await self._units.write(unit)

    async def add_all(self, wishes: Sequence[Wish]) -> int:
        """Keep many wishes in one transaction; returns how many numbers were not suppressed before."""
        return await self._units.write(lambda tx: sum(suppress(tx, wish) for wish in wishes), crowd=True)

    async def suspected(self, view: View, limit: int) -> tuple[Suspected, ...]:
        """List received texts that sound like a stop, and about which nobody has decided; newest first."""
        return await self._units.read(lambda tx: suspected(tx, view, limit))

    async def settle(self, view: View, inbound_id: str, by: str) -> None:
        """Keep that a text was no stop. Raises NotFound."""
        await self._units.write(lambda tx: settle(tx, view, inbound_id, by))

    async def one(self, view: View, suppression_id: str) -> SuppressionRow:
        """Raises NotFound."""
        return await self._units.read(lambda tx: _load(tx, _viewed(tx, view, suppression_id)))

    async def page(
        self, view: View, where: SuppressionFilter, limit: int, after: str | None
    ) -> Page[SuppressionRow]:
        return await self._units.read(lambda tx: suppressions(tx, view, where, (limit, after)))

    async def fact(self, view: View, number: str) -> SuppressionFact | None:
        """Say whether a number wants no texts, to a viewer who may see the wish."""
        if view.sandbox_only and not is_sandbox_number(number):
            return None
        return await self._units.read(lambda tx: is_suppressed(tx, view.tenant, number))

    async def lift(self, view: View, suppression_id: str, by: str, reason: str) -> SuppressionRow:
        """Take a wish back by hand. Raises NotFound."""
        return await self._units.write(lambda tx: lift(tx, view, suppression_id, by, reason))
