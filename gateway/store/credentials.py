"""Owns keys as they are stored: digests, scopes, dates; never a secret.

Knows no HTTP and no key format.
Source: rules KEY-2, KEY-5.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from gateway.representation import rfc3339
from gateway.store import audit, schedules
from gateway.store.convert import load_key
from gateway.store.protocol import NotFound
from gateway.store.rows import KeyRow
from gateway.store.transaction import Tx

_COLUMNS = {
    "expires_at_ms": "expires_at",
    "revoked_at_ms": "revoked_at",
    "last_used_ms": "last_used",
    "last_address": "last_address",
    "successor_id": "successor",
}
"""Field of :class:`KeyRow` → column. When a key was last used is a note and no deed."""


def add_key(tx: Tx, row: KeyRow, by: str) -> None:
    tx.run(
        "credential_insert",
        id=row.id,
        tenant=row.tenant,
        public_id=row.public_id,
        name=row.name,
        digest=row.digest,
        scopes=json.dumps(row.scopes),
        sandbox=int(row.sandbox),
        networks=json.dumps(row.networks),
        created_at=row.created_at_ms,
        expires_at=row.expires_at_ms,
    )
    said = {"name": row.name, "scopes": list(row.scopes), "expires_at": rfc3339(row.expires_at_ms)}
    _tell(tx, row, "key.created", by, said)


def key(tx: Tx, public_id: str) -> KeyRow | None:
    row = tx.one("credential_by_public_id", public_id=public_id)
    return None if row is None else load_key(row)


def keys(tx: Tx, tenant: str) -> tuple[KeyRow, ...]:
    return tuple(load_key(row) for row in tx.rows("credentials_of", tenant=tenant))


def change_key(tx: Tx, tenant: str, key_id: str, changes: dict[str, object], by: str) -> KeyRow:
    """Change dates of a key, or say which one takes its place. Raises NotFound."""
    row = tx.one("credential_by_id", id=key_id, tenant=tenant)
    if row is None:
        raise NotFound
    columns = {column: row[column] for column in _COLUMNS.values()}
    columns |= {_COLUMNS[name]: value for name, value in changes.items()}
    tx.run("credential_update", id=key_id, **columns)
    changed = tx.one("credential_by_id", id=key_id, tenant=tenant)
    if changed is None:
        raise NotFound
    was, now = load_key(row), load_key(changed)
    if now.revoked_at_ms != was.revoked_at_ms:
        _tell(tx, now, "key.revoked", by, {"name": now.name})
        schedules.key_revoked(tx, tenant, key_id)
    elif now.expires_at_ms != was.expires_at_ms:
        ends = {"expires_at": [rfc3339(was.expires_at_ms), rfc3339(now.expires_at_ms)]}
        _tell(tx, now, "key.changed", by, {"name": now.name, "changed": ends})
    return now


def _tell(tx: Tx, row: KeyRow, action: str, by: str, detail: Mapping[str, object]) -> None:
    audit.append(tx, audit.Deed(action, by, row.tenant, f"key:{row.id}", detail, row.sandbox))
