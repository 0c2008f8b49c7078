"""Owns what people agreed to: grants and withdrawals as rows that are never changed, and what the newest word means.

Knows no policy: whether a message needs a consent is asked elsewhere. A grant never lifts a suppression.
Source: rules CON-1, CON-2; attack row 41 (a back-dated grant does not outweigh a later withdrawal).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from gateway.ids import new_id
from gateway.representation import rfc3339
from gateway.store.convert import DAMAGED
from gateway.store.crypto import DamagedRow
from gateway.store.events import Happened, append
from gateway.store.people_rows import (
    ConsentFact,
    ConsentFilter,
    ConsentRow,
    Guardian,
    NewConsent,
    Proof,
    RecordState,
    Withdrawal,
    is_sandbox_number,
)
from gateway.store.rows import Page, View
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units
from gateway.store.viewing import page_of, viewed, within

ANNOUNCED_BEFORE_MS = 30 * 86_400_000
"""``consent.expiring`` comes this long before the end (rules CON-2): time to ask people again."""

_NONE = ConsentFact("none")


def consent_state(tx: Tx, tenant: str, number: str, purpose: str) -> ConsentFact:
    """Say what the newest word of a person on a purpose means now; one look-up by index."""
    row = tx.one("consent_word", tenant=tenant, number=number, purpose=purpose)
    return _NONE if row is None else _fact(row, tx.now_ms)


def _fact(word: Row, now_ms: int) -> ConsentFact:
    expires_at_ms: int | None = word["expires_at"]
    if word["said"] == "withdrawn":
        return ConsentFact("withdrawn", expires_at_ms, word["timezone"], word["language"])
    over = expires_at_ms is not None and expires_at_ms <= now_ms
    return ConsentFact("expired" if over else "live", expires_at_ms, word["timezone"], word["language"])


def record_consent(tx: Tx, new: NewConsent) -> ConsentRow:
    """Keep a grant."""
    announce_at_ms = None if new.expires_at_ms is None else new.expires_at_ms - ANNOUNCED_BEFORE_MS
    consent_id = _insert(tx, new, None, {"announce_at": announce_at_ms})
    return consent(tx, View(new.tenant), consent_id)


def withdraw(tx: Tx, view: View, consent_id: str, withdrawal: Withdrawal) -> ConsentRow:
    """Keep a withdrawal of what a record grants; where the newest word is one already, that is returned.

    Raises:
        NotFound.
    """
    row = _viewed(tx, view, consent_id)
    newest = tx.one("consent_word", tenant=row["tenant"], number=row["number"], purpose=row["purpose"])
    if newest is not None and newest["said"] == "withdrawn":
        return consent(tx, view, newest["id"])
    granted = _load(tx, row).said
    made = _insert(tx, granted, withdrawal, {"withdraws": row["id"]})
    return consent(tx, view, made)


def _insert(tx: Tx, said: NewConsent, withdrawal: Withdrawal | None, more: dict[str, object]) -> str:
    consent_id = new_id()
    columns: dict[str, Any] = {
        "said": "granted" if withdrawal is None else "withdrawn",
        "said_at": said.granted_at_ms if withdrawal is None else withdrawal.at_ms,
        "withdrawn_at": None if withdrawal is None else withdrawal.at_ms,
        "created_by": said.created_by if withdrawal is None else withdrawal.by,
        "source": said.source if withdrawal is None else withdrawal.source or said.source,
        "withdraws": None,
        "announce_at": None,
        **more,
    }
    tx.run(
        "consent_insert",
        id=consent_id,
        tenant=said.tenant,
        sandbox=int(is_sandbox_number(said.number)),
        number=said.number,
        purpose=said.purpose,
        basis=said.basis,
        proof=_sealed(tx, "proof", consent_id, said.proof),
        guardian=_sealed(tx, "guardian", consent_id, said.guardian),
        subject_is_child=int(said.subject_is_child),
        granted_at=said.granted_at_ms,
        expires_at=said.expires_at_ms,
        language=said.language,
        timezone=said.timezone,
        now=tx.now_ms,
        **columns,
    )
    return consent_id


def _sealed(tx: Tx, column: str, consent_id: str, value: Proof | Guardian | None) -> bytes | None:
    return None if value is None else tx.seal(f"consent|{column}|{consent_id}", json.dumps(asdict(value)))


def announce_expiring(tx: Tx, limit: int) -> None:
    """Tell of consents that end within 30 days, each once; looks at ``limit`` records at most.

    A record that a later word outweighs, or that is over already, is not told of.
    """
    for row in tx.rows("consents_to_announce", now=tx.now_ms, limit=limit):
        tx.run("consent_announced", id=row["id"], tenant=row["tenant"])
        newest = tx.one("consent_word", tenant=row["tenant"], number=row["number"], purpose=row["purpose"])
        if newest is None or newest["id"] != row["id"] or row["expires_at"] <= tx.now_ms:
            continue
        append(
            tx,
            Happened(
                type="consent.expiring",
                tenant=row["tenant"],
                sandbox=bool(row["sandbox"]),
                subject=row["id"],
                public=True,
                snapshot={
                    "id": row["id"],
                    "number": row["number"],
                    "purpose": row["purpose"],
                    "granted_at": rfc3339(row["granted_at"]),
                    "expires_at": rfc3339(row["expires_at"]),
                },
            ),
        )


# ------------------------------------------------------------------ reads


def consent(tx: Tx, view: View, consent_id: str) -> ConsentRow:
    """Read one record. Raises NotFound."""
    return _load(tx, _viewed(tx, view, consent_id))


def consents(tx: Tx, view: View, where: ConsentFilter, page: tuple[int, str | None]) -> Page[ConsentRow]:
    """List records newest first; ``page`` is (limit, id to continue after)."""
    limit, after = page
    conditions = within(view, after)
    values: dict[str, Any] = {"tenant": view.tenant, "limit": limit + 1, "after": after}
    if where.number is not None:
        conditions.append("where_consent_number")
        values["number"] = where.number
    if where.purpose is not None:
        conditions.append("where_consent_purpose")
        values["purpose"] = where.purpose
    rows = tx.composed("consents_select", conditions, "people_order", values)
    return page_of(rows, limit, lambda row: _load(tx, row))


def _viewed(tx: Tx, view: View, consent_id: str) -> Row:
    return viewed(tx, view, "consent_for_viewer", consent_id)


def _load(tx: Tx, row: Row) -> ConsentRow:
    proof = _opened(tx, "proof", row)
    guardian = _opened(tx, "guardian", row)
    return ConsentRow(
        id=row["id"],
        said=NewConsent(
            tenant=row["tenant"],
            number=row["number"],
            purpose=row["purpose"],
            basis=row["basis"],
            source=row["source"],
            granted_at_ms=row["granted_at"],
            created_by=row["created_by"],
            proof=None if proof is None else Proof(**proof),
            expires_at_ms=row["expires_at"],
            language=row["language"],
            timezone=row["timezone"],
            subject_is_child=bool(row["subject_is_child"]),
            guardian=None if guardian is None else Guardian(**guardian),
        ),
        sandbox=bool(row["sandbox"]),
        created_at_ms=row["created_at"],
        withdrawn_at_ms=row["withdrawn_at"],
        withdraws=row["withdraws"],
        state=_record_state(tx, row),
    )


def _record_state(tx: Tx, row: Row) -> RecordState:
    newest = tx.one("consent_word", tenant=row["tenant"], number=row["number"], purpose=row["purpose"])
    if newest is None or row["said"] == "withdrawn" or newest["said"] == "withdrawn":
        return "withdrawn"
    if newest["id"] != row["id"]:
        return "superseded"
    return "expired" if _fact(newest, tx.now_ms).state == "expired" else "live"


def _opened(tx: Tx, column: str, row: Row) -> dict[str, Any] | None:
    """Unseal a JSON column; a damaged one is shown as such, and the rest of its row is served."""
    try:
        text = tx.unseal_text(f"consent|{column}|{row['id']}", row[column])
    except DamagedRow:
        return {"text": DAMAGED} if column == "proof" else {"name": DAMAGED, "relation": DAMAGED}
    if text is None:
        return None
    opened: dict[str, Any] = json.loads(text)
    return opened


# ------------------------------------------------------------------ the room


class Consents:
    """The records of consent. All verbs may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def record(self, new: NewConsent) -> ConsentRow:
        """Keep a grant."""
        return await self._units.write(lambda tx: record_consent(tx, new))

    async def withdraw(self, view: View, consent_id: str, withdrawal: Withdrawal) -> ConsentRow:
        """Keep a withdrawal; repeated, it changes nothing. Raises NotFound."""
        return await self._units.write(lambda tx: withdraw(tx, view, consent_id, withdrawal))

    async def one(self, view: View, consent_id: str) -> ConsentRow:
        """Raises NotFound."""
        return await self._units.read(lambda tx: consent(tx, view, consent_id))

    async def page(self, view: View, where: ConsentFilter, limit: int, after: str | None) -> Page[ConsentRow]:
        return await self._units.read(lambda tx: consents(tx, view, where, (limit, after)))

    async def fact(self, tenant: str, number: str, purpose: str) -> ConsentFact:
        """Say what the newest word of a person on a purpose means now."""
        return await self._units.read(lambda tx: consent_state(tx, tenant, number, purpose))
