"""Owns texts that sound like a stop without being one: kept until a person has decided, never guessed.

Knows no keyword: what sounds like one is judged by the policy. A suppression of the sender settles them all.
Source: rules OPT-8.
"""

from __future__ import annotations

from gateway.store import audit
from gateway.store.convert import shown
from gateway.store.people_rows import Suspected
from gateway.store.protocol import NotFound
from gateway.store.rows import View
from gateway.store.transaction import Row, Tx


def suspect(tx: Tx, inbound: Row, tenant: str, sender: str, *, sandbox: bool) -> None:
    """Keep for a person to decide that a text sounds like a stop (rules OPT-8)."""
    tx.run(
        "suspected_stop_insert",
        inbound_id=inbound["id"],
        tenant=tenant,
        sandbox=int(sandbox),
        sender=sender,
        now=tx.now_ms,
    )


def suspected(tx: Tx, view: View, limit: int) -> tuple[Suspected, ...]:
    """List what nobody has decided about, newest first."""
    rows = tx.rows("suspected_stops", tenant=view.tenant, sandbox_only=int(view.sandbox_only), limit=limit)
    return tuple(
        Suspected(
            row["inbound_id"],
            row["sender"],
            row["at"],
            shown(tx, f"inbound|text|{row['inbound_id']}", row["text"]),
        )
        for row in rows
    )


def settle(tx: Tx, view: View, inbound_id: str, by: str) -> None:
    """Keep that a text was no stop. Raises NotFound: nobody has to decide about it."""
    told = tx.run(
        "suspected_stop_settle",
        id=inbound_id,
        tenant=view.tenant,
        sandbox_only=int(view.sandbox_only),
        by=by,
        now=tx.now_ms,
    )
    if not told:
        raise NotFound
    audit.append(tx, audit.Deed("suppression.not_meant", by, view.tenant, f"inbound:{inbound_id}"))
