"""Owns phones as they were paired: which install has which key, and what is known of its platform's limit.

Knows no link and no adb. A key is stored as a digest; a revoked phone stays known, so that its journal is still named.
Source: rules CMP-2.
"""

from __future__ import annotations

import structlog

from gateway.store import audit
from gateway.store.events import Happened, append
from gateway.store.protocol import GATEWAY, NotFound
from gateway.store.rows import PhoneRow
from gateway.store.transaction import Row, Tx

log = structlog.get_logger(__name__)

CHANGEABLE = {
    "serialno": "serialno",
    "label": "label",
    "revoked_at_ms": "revoked_at",
    "cap_parts": "cap_parts",
    "cap_window_s": "cap_window_s",
    "last_seen_ms": "last_seen",
}
"""Field of :class:`PhoneRow` → column."""


def pair_phone(tx: Tx, row: PhoneRow) -> None:
    """Remember a pairing; a phone that is paired again gets its new key in place of the old one."""
    tx.run(
        "phone_put",
        install_id=row.install_id,
        tenant=row.tenant,
        serialno=row.serialno,
        label=row.label,
        key_id=row.key_id,
        key_digest=row.key_digest,
        paired_at=row.paired_at_ms,
    )
    _tell(tx, row, "device.paired")


def phone_by_key(tx: Tx, key_id: str) -> PhoneRow | None:
    row = tx.one("phone_by_key", key_id=key_id)
    return None if row is None else _load(row)


def phones(tx: Tx, tenant: str) -> tuple[PhoneRow, ...]:
    return tuple(_load(row) for row in tx.rows("phones_of", tenant=tenant))


def change_phone(tx: Tx, tenant: str, install_id: str, changes: dict[str, object]) -> PhoneRow:
    """Set fields of a phone. Raises NotFound."""
    row = tx.one("phone_by_install", install_id=install_id, tenant=tenant)
    if row is None:
        raise NotFound
    columns = {column: row[column] for column in CHANGEABLE.values()}
    columns |= {CHANGEABLE[name]: value for name, value in changes.items()}
    tx.run("phone_update", install_id=install_id, **columns)
    changed = tx.one("phone_by_install", install_id=install_id, tenant=tenant)
    if changed is None:
        raise NotFound
    was, now = _load(row), _load(changed)
    if now.revoked_at_ms is not None and was.revoked_at_ms is None:
        _tell(tx, now, "device.revoked")
    return now


def _tell(tx: Tx, row: PhoneRow, action: str) -> None:
    audit.append(
        tx, audit.Deed(action, GATEWAY, row.tenant, f"device:{row.install_id}", {"label": row.label})
    )


def _load(row: Row) -> PhoneRow:
    return PhoneRow(
        install_id=row["install_id"],
        tenant=row["tenant"],
        key_id=row["key_id"],
        key_digest=row["key_digest"],
        paired_at_ms=row["paired_at"],
        serialno=row["serialno"],
        label=row["label"],
        revoked_at_ms=row["revoked_at"],
        cap_parts=row["cap_parts"],
        cap_window_s=row["cap_window_s"],
        last_seen_ms=row["last_seen"],
    )


def is_foreign(tx: Tx, attempt_id: str, number: int, speaker: str) -> bool:
    """Say whether a phone speaks of an attempt that it was not given, and write that down (rules CMP-2)."""
    part = tx.one("part_by_attempt", attempt_id=attempt_id, number=number)
    if part is None or part["device"] == speaker:
        return False
    log.warning("device.speaks_for_another", device_id=speaker, attempt=attempt_id, part=number)
    conflict(tx, speaker, "spoke_for_another_device")
    return True


def conflict(tx: Tx, device_id: str, why: str) -> None:
    """Write ``device.conflict``: two devices claim what only one can have."""
    append(
        tx,
        Happened(
            type="device.conflict",
            tenant="default",
            sandbox=False,
            subject=device_id,
            public=True,
            snapshot={"id": device_id, "reason": why},
        ),
    )
    deed = audit.Deed(
        "device.conflict", GATEWAY, "default", f"device:{device_id}", {"reason": why}, outcome="refused"
    )
    audit.append(tx, deed)
