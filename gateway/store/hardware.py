"""Owns devices and lines as they are remembered: a SIM keeps its history when it moves to another device.

Knows no driver. What people configured (label, pool, pace) belongs to the line and is only changed by people.
Source: design, *Words*: identity is ICCID or IMSI, never a port.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from device_bridge.device import DeviceInfo, LineHealth, LineIdentity
from device_bridge.sms.outcome import Outcome
from gateway.ids import new_id
from gateway.representation import Json
from gateway.store import audit, eta, ledger
from gateway.store.convert import load_device, load_line, outcome_from_json, outcome_to_json
from gateway.store.events import Happened, append
from gateway.store.protocol import NotFound
from gateway.store.rows import DeviceRow, LineRow, LineSettings, View
from gateway.store.transaction import Row, Tx

TENANT = "default"
NO_CREDIT = "no_credit"


def device_seen(tx: Tx, seen: DeviceInfo, reason: Outcome | None, *, attached: bool) -> None:
    """Remember a device; writes ``device.attached`` or ``device.detached`` when that changed."""
    before = tx.one("device_by_id", id=seen.id)
    tx.run(
        "device_put",
        id=seen.id,
        tenant=TENANT,
        kind=seen.kind,
        address=seen.address,
        maker=seen.maker,
        model=seen.model,
        firmware=seen.firmware,
        emulated=int(seen.emulated),
        attached=int(attached),
        reason=outcome_to_json(reason),
        notes=json.dumps(seen.notes),
        health=None if seen.health is None else json.dumps(asdict(seen.health)),
        at=tx.now_ms,
    )
    tx.touched.add("lines")
    if (before is not None and bool(before["attached"])) == attached:
        return
    payload: Json = {"id": seen.id, "kind": seen.kind, "address": seen.address, "model": seen.model}
    append(
        tx,
        Happened(
            type="device.attached" if attached else "device.detached",
            tenant=TENANT,
            sandbox=seen.emulated,
            subject=seen.id,
            public=True,
            snapshot={**payload, "reason": reason.code if reason else None},
        ),
    )


def line_seen(
    tx: Tx, identity: LineIdentity, device_id: str | None, health: LineHealth, settings: LineSettings
) -> LineRow:
    """Remember a SIM, where it is and how it is; writes ``line.up`` or ``line.down`` when its state changed."""
    row = tx.one("line_by_key", key=identity.key) or _new_line(tx, identity, device_id, settings)
    was = row["state"]
    if device_id is not None and row["device_id"] not in (None, device_id):
        _note_move(tx, row, device_id)
    columns = _columns(row)
    columns |= {
        "iccid": identity.iccid or row["iccid"],
        "imsi": identity.imsi or row["imsi"],
        "number": settings.number or identity.number or row["number"],
        "device_id": device_id or row["device_id"],
        "state": health.state.value,
        "reason": outcome_to_json(health.reason),
        "operator": health.operator,
        "signal_dbm": health.signal_dbm,
        "roaming": None if health.roaming is None else int(health.roaming),
        "smsc": health.smsc or row["smsc"],
        "store_used": health.store_used,
        "store_total": health.store_total,
        "at": tx.now_ms,
    }
    columns |= settings.fixed()
    tx.run("line_update", **columns)
    tx.touched.add("lines")
    line = load_line(_row(tx, row["id"]))
    if (was == "up") != (health.state.value == "up"):
        tx.touched.add("queue")
        _announce(tx, line)
    return line


def _note_move(tx: Tx, row: Row, device_id: str) -> None:
    """Keep that a SIM sits in another device now; its history goes with it, so this is history and no event."""
    append(
        tx,
        Happened(
            type="line.moved",
            tenant=row["tenant"],
            sandbox=bool(row["emulated"]),
            subject=row["id"],
            line=row["id"],
            snapshot={"id": row["id"], "from": row["device_id"], "to": device_id},
        ),
    )


def _new_line(tx: Tx, identity: LineIdentity, device_id: str | None, settings: LineSettings) -> Row:
    device = tx.one("device_by_id", id=device_id) if device_id else None
    emulated = bool(device and device["emulated"])
    line_id = new_id()
    tx.run(
        "line_insert",
        id=line_id,
        tenant=TENANT,
        key=identity.key,
        iccid=identity.iccid,
        imsi=identity.imsi,
        number=settings.number or identity.number,
        label=settings.label,
        pools=json.dumps(["sandbox"] if emulated else list(settings.pools or ("default",))),
        device_id=device_id,
        state="new",
        emulated=int(emulated),
        at=tx.now_ms,
    )
    return _row(tx, line_id)


def _columns(row: Row) -> dict[str, Any]:
    columns = dict(row)
    columns["at"] = columns.pop("last_seen")
    return columns


def _row(tx: Tx, line_id: str) -> Row:
    row = tx.one("line_by_id", id=line_id)
    if row is None:
        raise NotFound
    return row


def _announce(tx: Tx, line: LineRow) -> None:
    append(
        tx,
        Happened(
            type="line.up" if line.state in ("up", "paused") else "line.down",
            tenant=line.tenant,
            sandbox=line.emulated,
            subject=line.id,
            public=True,
            line=line.id,
            snapshot={
                "id": line.id,
                "iccid": line.iccid,
                "label": line.label,
                "number": line.number,
                "state": line.state,
                "reason": line.reason.code if line.reason else None,
            },
        ),
    )


def hold_line(tx: Tx, line_id: str, reason: Outcome | None, until_ms: int | None) -> None:
    """Keep a line from sending until a time because of what the network said; None lets it go on."""
    row = _row(tx, line_id)
    before = outcome_from_json(row["held_reason"])
    if reason is not None and reason.code == NO_CREDIT and (before is None or before.code != NO_CREDIT):
        _low_credit(tx, row)
    tx.run(
        "line_update",
        **(_columns(row) | {"held_until": until_ms, "held_reason": outcome_to_json(reason), "at": tx.now_ms}),
    )
    tx.touched |= {"lines", "queue"}


def _low_credit(tx: Tx, row: Row) -> None:
    append(
        tx,
        Happened(
            type="line.low_credit",
            tenant=row["tenant"],
            sandbox=bool(row["emulated"]),
            subject=row["id"],
            public=True,
            line=row["id"],
            snapshot={
                "id": row["id"],
                "iccid": row["iccid"],
                "label": row["label"],
                "number": row["number"],
                "reason": NO_CREDIT,
            },
        ),
    )


def detach_all(tx: Tx) -> None:
    """At start nothing is attached until it is seen."""
    tx.run("devices_detach")
    tx.run("lines_detach")


def lines(tx: Tx, view: View) -> tuple[LineRow, ...]:
    """List lines with what waits for them and what they have used."""
    rows = tx.rows("lines_of", tenant=view.tenant, sandbox_only=int(view.sandbox_only))
    counted: dict[str, tuple[int, int, int]] = {}
    return tuple(_with_work(tx, row, counted) for row in rows)


def known_lines(tx: Tx, tenant: str) -> tuple[LineRow, ...]:
    """List the lines of a tenant without counting their work."""
    return tuple(load_line(row) for row in tx.rows("lines_of", tenant=tenant, sandbox_only=0))


def _with_work(tx: Tx, row: Row, counted: dict[str, tuple[int, int, int]]) -> LineRow:
    """Add to a line what waits for it.

    ``counted`` are messages, parts and when the last is due, by route, so that a pool is counted once.
    """
    waiting: list[str] = []
    queued = parts = last_due_ms = 0
    for route in (f"line:{row['id']}", *(f"pool:{pool}" for pool in json.loads(row["pools"]))):
        if route not in counted:
            found = tx.one("line_queued", tenant=row["tenant"], route=route)
            counted[route] = (
                (found["n"], found["parts"] or 0, found["due"] or 0) if found is not None else (0, 0, 0)
            )
        n, n_parts, due_ms = counted[route]
        if n:
            waiting.append(route)
            queued, parts = queued + n, parts + n_parts
            last_due_ms = max(last_due_ms, due_ms)
    line = load_line(row, queued, ledger.line_use(tx, row["id"], row["billing_day"] or 1))
    estimate = eta.of_queue(tx, row, waiting, parts, last_due_ms)
    eta_s = None if estimate.at_ms is None else max((estimate.at_ms - tx.now_ms) // 1000, 0)
    return replace(line, eta_s=eta_s, eta_reason=estimate.reason)


def line(tx: Tx, line_id: str) -> LineRow:
    """Read one line without counting its work. Raises NotFound."""
    return load_line(_row(tx, line_id))


def devices(tx: Tx, view: View) -> tuple[DeviceRow, ...]:
    rows = tx.rows("devices_of", tenant=view.tenant, sandbox_only=int(view.sandbox_only))
    return tuple(load_device(row) for row in rows)


def patch_line(tx: Tx, view: View, line_id: str, changes: dict[str, object], by: str) -> LineRow:
    """Change what people may change. Raises NotFound."""
    row = _row(tx, line_id)
    if row["tenant"] != view.tenant or (view.sandbox_only and not row["emulated"]):
        raise NotFound
    columns = _columns(row)
    for name, value in changes.items():
        columns[name] = json.dumps(value) if name == "pools" else value
    tx.run("line_update", **(columns | {"at": row["last_seen"]}))
    tx.touched |= {"lines", "queue"}
    was, now = load_line(row), load_line(_row(tx, line_id))
    changed = audit.changes_of(_told(was, changes), _told(now, changes))
    if changed:
        detail = {"label": now.label, "changed": changed}
        audit.append(tx, audit.Deed("line.changed", by, view.tenant, f"line:{line_id}", detail, now.emulated))
    return now


def _told(row: LineRow, changes: Mapping[str, object]) -> dict[str, object]:
    """Give what a row says of the fields of a change, as JSON can hold it."""
    fields = asdict(row)
    return {name: json.loads(json.dumps(fields.get(name), default=str)) for name in changes}
