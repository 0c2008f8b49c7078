"""Owns the audit trail: who did what, and when; each entry chained to the one before with a key that no database holds.

Knows no meaning of an action. A person stands in it only as a subject (:mod:`gateway.store.subjects`), so that no
erasure ever breaks the chain. The head is kept beside it under the same key, so that a tail that was cut shows.
Source: rules AUD-1, AUD-2.
"""

from __future__ import annotations

import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.store.crypto import DamagedRow, KeyRing
from gateway.store.protocol import GATEWAY
from gateway.store.rows import Page, View
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units
from gateway.store.viewing import page_of

Outcome = Literal["done", "refused"]

HEAD = "audit_head"
"""The fact that holds seq and hash of the newest entry, authenticated."""

CONFIG = "config_in_force"
"""The fact that holds what was configured at the last start, sealed: numbers and addresses of people stand in it."""

NOBODY_YET = bytes(32)
"""What the first entry is chained to."""

_VERIFIED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did, or was refused.

    ``by`` is ``key:ID``, ``gateway``, ``cli`` or ``address:IP``; ``action`` is ``key.created`` and the like; ``target``
    is ``kind:ID`` or "". ``detail`` is plain JSON without numbers of people, texts and secrets; ``changed`` in it maps
    a field to what it was and what it is.
    """

    action: str
    by: str
    tenant: str
    target: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)
    sandbox: bool = False
    outcome: Outcome = "done"


@dataclass(frozen=True, slots=True)
class Entry:
    """A deed as it is kept; ``hash`` in hex proves it and everything before it."""

    seq: int
    at_ms: int
    deed: Deed
    hash: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are asked for; None = all. ``kind`` is what stands before the dot of an action."""

    actor: str | None = None
    action: str | None = None
    kind: str | None = None
    target: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk along the chain found: whole entries up to ``entries``, whose hash in hex is ``head``; the first that
    is not as it was written, and why, or None."""

    entries: int
    head: str
    bad_seq: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry: what a copy elsewhere must hold to prove that nothing was cut off since."""

    seq: int
    hash: str


def append(tx: Tx, deed: Deed) -> None:
    """Write an entry, in the transaction of what it tells of."""
    head = _head(tx)
    seq, prev = (head["seq"] + 1, bytes.fromhex(head["hash"])) if head else (1, NOBODY_YET)
    columns: dict[str, Any] = {
        "seq": seq,
        "at": tx.now_ms,
        "tenant": deed.tenant,
        "sandbox": int(deed.sandbox),
        "actor": deed.by,
        "action": deed.action,
        "target": deed.target,
        "outcome": deed.outcome,
        "detail": json.dumps(deed.detail, sort_keys=True, ensure_ascii=False, separators=(",", ":")),
        "key_id": tx.ring.chain_id,
    }
    link = _link(tx.ring, columns, prev)
    if link is None:
        raise ValueError(f"the ring lacks its own key {tx.ring.chain_id}")
    tx.run("audit_append", **columns, prev=prev, hash=link)
    tx.run("fact_put", name=HEAD, value=_sealed_head(tx.ring, seq, link))


def begin(tx: Tx, tenant: str) -> Head:
    """Begin the trail of a database that has none, so that an empty one is never a whole one."""
    if _head(tx) is None and not tx.rows("audit_after", after=0, limit=1):
        append(tx, Deed("audit.begun", GATEWAY, tenant))
    head = _head(tx)
    return Head(0, "") if head is None else Head(head["seq"], head["hash"])


def changes_of(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, list[object]]:
    """Say which fields of ``after`` are new: name to what was and what is."""
    return {name: [before.get(name), value] for name, value in after.items() if before.get(name) != value}


# ------------------------------------------------------------------ the chain


def _link(ring: KeyRing, columns: Mapping[str, Any], prev: bytes) -> bytes | None:
    """HMAC-SHA256 over the hash before and the entry's canonical JSON; None when its key is not in the ring."""
    key = ring.chain_key(columns["key_id"])
    if key is None:
        return None
    canonical = json.dumps(dict(columns), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hmac.digest(key, prev + canonical.encode(), "sha256")


def _head(tx: Tx) -> dict[str, Any] | None:
    row = tx.one("fact_get", name=HEAD)
    if row is None:
        return None
    head: dict[str, Any] = json.loads(row["value"])
    return head


def _sealed_head(ring: KeyRing, seq: int, link: bytes) -> str:
    return json.dumps(
        {
            "seq": seq,
            "hash": link.hex(),
            "key_id": ring.chain_id,
            "seal": _seal(ring, ring.chain_id, seq, link),
        }
    )


def _seal(ring: KeyRing, key_id: str, seq: int, link: bytes) -> str | None:
    key = ring.chain_key(key_id)
    return None if key is None else hmac.digest(key, b"head %d " % seq + link, "sha256").hex()


def verify(tx: Tx) -> Verdict:
    """Walk the whole chain and name the first entry that is not as it was written."""
    seq, prev = 0, NOBODY_YET
    while rows := tx.rows("audit_after", after=seq, limit=_VERIFIED_AT_ONCE):
        for row in rows:
            why = _flaw(tx.ring, row, seq + 1, prev)
            if why:
                return Verdict(seq, prev.hex(), seq + 1, why)
            seq, prev = row["seq"], row["hash"]
    why = _flaw_of_end(tx, seq, prev)
    return Verdict(seq, prev.hex(), seq + 1 if why else None, why)


def _flaw(ring: KeyRing, row: Row, seq: int, prev: bytes) -> str:
    if row["seq"] != seq:
        return f"entry {seq} is missing; the next one is {row['seq']}"
    columns = {name: row[name] for name in row.keys() if name not in ("prev", "hash")}  # noqa: SIM118  a sqlite3.Row
    link = _link(ring, columns, row["prev"])
    if link is None:
        return f"entry {seq} needs data key {row['key_id']}: restore keys/data.json from the backup"
    if not hmac.compare_digest(link, row["hash"]):
        return f"entry {seq} was changed"
    if row["prev"] != prev:
        return f"entry {seq} does not follow the one before it: one of them was put in another's place"
    return ""


def _flaw_of_end(tx: Tx, seq: int, link: bytes) -> str:
    head = _head(tx)
    if head is None:
        return "the trail and its head are gone" if seq == 0 else "the head of the trail is gone"
    genuine = _seal(tx.ring, head["key_id"], head["seq"], bytes.fromhex(head["hash"]))
    if genuine is None or not hmac.compare_digest(genuine, head["seal"]):
        return "the head of the trail was changed"
    if head["seq"] > seq:
        last = head["seq"]
        missing = f"entry {last} is" if last == seq + 1 else f"entries {seq + 1} to {last} are"
        return f"{missing} missing at the end"
    if head["seq"] < seq or head["hash"] != link.hex():
        return "the head of the trail is that of another trail"
    return ""


# ------------------------------------------------------------------ reads


def entries(tx: Tx, view: View, where: AuditFilter, page: tuple[int, str | None]) -> Page[Entry]:
    """List entries, newest first; ``page`` is (limit, id to continue after: the seq as a UUID)."""
    limit, after = page
    asked: dict[str, object | None] = {
        "where_audit_before": None if after is None else uuid.UUID(after).int,
        "where_audit_actor": where.actor,
        "where_audit_action": where.action,
        "where_audit_kind": where.kind,
        "where_audit_target": where.target,
        "where_audit_since": where.since_ms,
        "where_audit_until": where.until_ms,
    }
    conditions = [name for name, value in asked.items() if value is not None]
    values = {name.removeprefix("where_audit_"): asked[name] for name in conditions}
    values |= {"tenant": view.tenant, "limit": limit + 1, "after": values.pop("before", None)}
    if where.refused:
        conditions.append("where_audit_refused")
    if view.sandbox_only:
        conditions.append("where_sandbox")
    rows = tx.composed("audit_select", conditions, "audit_order", values)
    found = page_of(rows, limit, _load, "seq")
    # A cursor of the API is made of an id, which is 16 octets.
    return Page(found.items, None if found.next is None else str(uuid.UUID(int=int(found.next))))


def _load(row: Row) -> Entry:
    return Entry(
        seq=row["seq"],
        at_ms=row["at"],
        deed=Deed(
            action=row["action"],
            by=row["actor"],
            tenant=row["tenant"],
            target=row["target"],
            detail=json.loads(row["detail"]),
            sandbox=bool(row["sandbox"]),
            outcome=row["outcome"],
        ),
        hash=row["hash"].hex(),
    )


# ------------------------------------------------------------------ the configuration


def configured(tx: Tx) -> str | None:
    """Read what was configured at the last start; None when nobody knows, because none was or it is damaged."""
    row = tx.one("fact_get", name=CONFIG)
    if row is None or row["value"].startswith("{"):
        return None if row is None else str(row["value"])  # it was kept in clear once
    try:
        return tx.unseal_text(_CONFIG_PLACE, bytes.fromhex(row["value"]))
    except (ValueError, DamagedRow):
        return None


def configure(tx: Tx, written: str, changed: Deed | None) -> None:
    """Keep what is configured, and with it what is new of it."""
    sealed = tx.seal(_CONFIG_PLACE, written) or b""
    tx.run("fact_put", name=CONFIG, value=sealed.hex())
    if changed is not None:
        append(tx, changed)


_CONFIG_PLACE = f"fact|value|{CONFIG}"


class Audit:
    """The verbs about the trail. All may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def begin(self, tenant: str) -> Head:
        """Begin the trail where there is none; returns its newest entry, which a log elsewhere may remember."""
        return await self._units.write(lambda tx: begin(tx, tenant))

    async def record(self, deed: Deed) -> None:
        """Write down what changes nothing in the database: a refusal, something asked of a device, an export."""
        await self._units.write(lambda tx: append(tx, deed))

    async def configured(self) -> str | None:
        """Read what was configured at the last start; None when nobody knows."""
        return await self._units.read(configured)

    async def configure(self, written: str, changed: Deed | None) -> None:
        """Keep what is configured, sealed; ``changed`` says what is new of it."""
        await self._units.write(lambda tx: configure(tx, written, changed))

    async def page(self, view: View, where: AuditFilter, limit: int, after: str | None) -> Page[Entry]:
        """List entries, newest first."""
        return await self._units.read(lambda tx: entries(tx, view, where, (limit, after)))

    async def holds(self, head: Head) -> bool:
        """Say whether an entry is still the one that a log elsewhere remembers."""

        def read(tx: Tx) -> bool:
            rows = tx.rows("audit_after", after=head.seq - 1, limit=1)
            return bool(rows) and rows[0]["seq"] == head.seq and rows[0]["hash"].hex() == head.hash

        return await self._units.read(read)

    async def verify(self) -> Verdict:
        """Walk the whole chain: some 20 µs an entry, in a reader's thread."""
        return await self._units.read(verify)
