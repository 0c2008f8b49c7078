"""Owns the way from rows to the domain's values: unsealing, JSON columns, names of columns.

Knows no rules: what a value means is decided elsewhere.
Source: the schema in ``migrations/``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

from device_bridge.device import DeviceHealth, PartsCap
from device_bridge.sms.catalogue import CATALOGUE as OF_DEVICES
from device_bridge.sms.outcome import Outcome, OutcomeClass
from gateway.errors import CATALOGUE
from gateway.message import (
    Inbound,
    Message,
    MessageError,
    MessageState,
    PartDetail,
    PartState,
    TimelineEntry,
    bound_line,
)
from gateway.policy.tariff import Tariff
from gateway.store.crypto import DamagedRow
from gateway.store.rows import (
    DeliveryRow,
    DeviceRow,
    KeyRow,
    LineRow,
    LineStateName,
    LineUse,
    WebhookRow,
)
from gateway.store.transaction import Row, Tx

NO_USE = LineUse()
DAMAGED = "\ufffd"
"""Shown in the place of a text that fails authentication."""


def outcome_to_json(outcome: Outcome | None) -> str | None:
    return None if outcome is None else json.dumps(asdict(outcome))


def outcome_from_json(text: str | None) -> Outcome | None:
    if text is None:
        return None
    fields = json.loads(text)
    fields["outcome_class"] = OutcomeClass(fields["outcome_class"])
    fields["backoff_s"] = tuple(fields["backoff_s"])
    ours = CATALOGUE.get(fields["code"])
    if ours is not None and (fields["title"], fields["hint"]) == OF_DEVICES.get(fields["code"]):
        # People read the same words of a code everywhere; what a driver says of one case only stays its own.
        fields |= {"title": ours.title, "hint": ours.hint}
    return Outcome(**{name: fields[name] for name in Outcome.__dataclass_fields__ if name in fields})


def error_of(outcome: Outcome | None) -> MessageError | None:
    if outcome is None:
        return None
    permanent = outcome.outcome_class is OutcomeClass.PERMANENT
    return MessageError(outcome.code, outcome.title, outcome.hint, outcome.network_code, permanent)


def load_message(tx: Tx, row: Row, *, with_text: bool = True) -> Message:
    """Read a message; a text that fails authentication is shown as damaged, the rest of the row is served."""
    text = octets = None
    if with_text:
        text = shown(tx, f"message|text|{row['id']}", row["text"])
        octets = _shown_octets(tx, f"message|octets|{row['id']}", row["octets"])
    return Message(
        id=row["id"],
        tenant=row["tenant"],
        key_id=row["key_id"],
        state=MessageState(row["state"]),
        to=row["to_number"],
        text=text,
        octets=octets,
        port=row["port"],
        encoding=row["encoding"],
        coding=row["coding"],
        parts=row["parts"],
        parts_sent=row["parts_sent"],
        parts_delivered=row["parts_delivered"],
        parts_in_doubt=row["parts_in_doubt"],
        route=row["route"],
        line=row["line"] or bound_line(row["home_route"]),
        pool=row["pool"],
        sender=row["sender"],
        sandbox=bool(row["sandbox"]),
        priority=row["priority"],
        purpose=row["purpose"],
        reference=row["reference"],
        batch_id=row["batch_id"],
        tags=json.loads(row["tags"]),
        delivery_report=bool(row["delivery_report"]),
        flash=bool(row["flash"]),
        on_doubt=row["on_doubt"],
        warnings=tuple(json.loads(row["warnings"])),
        held_reason=row["held_reason"],
        attempts=row["attempts"],
        error=error_of(outcome_from_json(row["error"])),
        created_at_ms=row["created_at"],
        send_at_ms=row["send_at"],
        due_at_ms=row["due_at"],
        expires_at_ms=row["expires_at"],
        sent_at_ms=row["sent_at"],
        delivered_at_ms=row["delivered_at"],
        country=row["country"],
        template_id=row["template_id"],
        template_version=row["template_version"],
        cost_micro=row["cost"],
        currency=row["currency"],
        passes=row["passes"],
        line_asked=row["line_asked"],
    )


def load_for_air(tx: Tx, row: Row) -> Message:
    """Read a message that is to be sent. Raises DamagedRow: a text that was changed must never go on air."""
    return replace(
        load_message(tx, row, with_text=False),
        text=tx.unseal_text(f"message|text|{row['id']}", row["text"]),
        octets=tx.unseal(f"message|octets|{row['id']}", row["octets"]),
    )


def shown(tx: Tx, where: str, sealed: bytes | None) -> str | None:
    """Unseal a text for reading: a damaged one is shown as such, and the rest of its row is served."""
    try:
        return tx.unseal_text(where, sealed)
    except DamagedRow:
        return DAMAGED


def _shown_octets(tx: Tx, where: str, sealed: bytes | None) -> bytes | None:
    try:
        return tx.unseal(where, sealed)
    except DamagedRow:
        return None


def load_part(tx: Tx, row: Row) -> PartDetail:
    tpdu = _shown_octets(tx, f"part|tpdu|{row['attempt_id']}-{row['number']}", row["tpdu"])
    return PartDetail(
        attempt=row["attempt"],
        number=row["number"],
        total=row["total"],
        state=PartState(row["state"]),
        line=row["line"],
        mr=row["mr"],
        tpdu_hex=None if tpdu is None else tpdu.hex().upper(),
        submitted_at_ms=row["submitted_at"],
        sent_at_ms=row["sent_at"],
        report_status=row["report_status"],
        reported_at_ms=row["reported_at"],
        error=error_of(outcome_from_json(row["error"])),
    )


def load_timeline_entry(tx: Tx, row: Row) -> TimelineEntry:
    detail = json.loads(row["detail"]) if row["detail"] else {}
    tpdu = _shown_octets(tx, f"event|tpdu|{row['id']}", row["tpdu"])
    if tpdu is not None:
        detail["tpdu"] = tpdu.hex().upper()
    return TimelineEntry(
        id=row["id"],
        seq=row["seq"],
        at_ms=row["at"],
        type=row["type"],
        witness=row["witness"],
        attempt=row["attempt"],
        part=row["part"],
        line=row["line"],
        detail=detail,
    )


def load_inbound(tx: Tx, row: Row) -> Inbound:
    inbound_id = row["id"]
    parts = tx.rows("inbound_parts_of", inbound_id=inbound_id)
    pdus = tuple(
        (_shown_octets(tx, f"inbound_part|tpdu|{p['id']}", p["tpdu"]) or b"").hex().upper() for p in parts
    )
    return Inbound(
        id=inbound_id,
        tenant=row["tenant"],
        sender=row["sender"],
        line=row["line"],
        to=row["to_number"],
        text=shown(tx, f"inbound|text|{inbound_id}", row["text"]),
        octets=_shown_octets(tx, f"inbound|octets|{inbound_id}", row["octets"]),
        port=row["port"],
        parts=row["parts"],
        complete=bool(row["complete"]),
        type=row["type"],
        keyword=row["keyword"],
        url=shown(tx, f"inbound|url|{inbound_id}", row["url"]),
        received_at_ms=row["received_at"],
        sent_at_ms=row["sent_at"],
        pdus=pdus,
        tags=json.loads(row["tags"]),
        ignored=bool(row["ignored"]),
    )


def load_tariff(text: str | None) -> Tariff | None:
    return None if text is None else Tariff(**json.loads(text))


def load_line(row: Row, queued: int = 0, use: LineUse = NO_USE) -> LineRow:
    return LineRow(
        id=row["id"],
        tenant=row["tenant"],
        key=row["key"],
        iccid=row["iccid"],
        imsi=row["imsi"],
        number=row["number"],
        label=row["label"],
        pools=tuple(json.loads(row["pools"])),
        device_id=row["device_id"],
        state=_line_state(row),
        reason=outcome_from_json(row["held_reason"]) or outcome_from_json(row["reason"]),
        paused=bool(row["paused"]),
        operator=row["operator"],
        signal_dbm=row["signal_dbm"],
        roaming=_maybe_bool(row["roaming"]),
        smsc=row["smsc"],
        store_used=row["store_used"],
        store_total=row["store_total"],
        emulated=bool(row["emulated"]),
        per_minute=row["per_minute"],
        per_day=row["per_day"],
        last_seen_ms=row["last_seen"],
        held_until_ms=row["held_until"],
        per_hour=row["per_hour"],
        per_month=row["per_month"],
        recipients_per_month=row["recipients_per_month"],
        billing_day=row["billing_day"] or 1,
        tariff=load_tariff(row["tariff"]),
        quiet_hours=row["quiet_hours"],
        queued=queued,
        use=use,
    )


def _line_state(row: Row) -> LineStateName:
    if row["paused"]:
        return "paused"
    if row["held_reason"] is not None and row["state"] == "up":
        return "needs_attention"
    state: LineStateName = row["state"]
    return state


def load_device(row: Row) -> DeviceRow:
    return DeviceRow(
        id=row["id"],
        kind=row["kind"],
        address=row["address"],
        maker=row["maker"],
        model=row["model"],
        firmware=row["firmware"],
        emulated=bool(row["emulated"]),
        attached=bool(row["attached"]),
        reason=outcome_from_json(row["reason"]),
        last_seen_ms=row["last_seen"],
        notes=tuple(json.loads(row["notes"])) if row["notes"] else (),
        health=_health(row["health"]),
    )


def _health(text: str | None) -> DeviceHealth | None:
    if text is None:
        return None
    said = json.loads(text)
    said["missing_permissions"] = tuple(said["missing_permissions"])
    said["cap"] = PartsCap(**said["cap"]) if said["cap"] else None
    return DeviceHealth(**said)


def load_key(row: Row) -> KeyRow:
    return KeyRow(
        id=row["id"],
        tenant=row["tenant"],
        public_id=row["public_id"],
        name=row["name"],
        digest=row["digest"],
        scopes=tuple(json.loads(row["scopes"])),
        sandbox=bool(row["sandbox"]),
        created_at_ms=row["created_at"],
        expires_at_ms=row["expires_at"],
        revoked_at_ms=row["revoked_at"],
        last_used_ms=row["last_used"],
        last_address=row["last_address"],
        networks=tuple(json.loads(row["networks"])),
        successor_id=row["successor"],
    )


def load_webhook(tx: Tx, row: Row) -> WebhookRow:
    """Read a subscription; one whose secrets are damaged has none: it alone is sent nothing until it is rotated."""
    return WebhookRow(
        id=row["id"],
        tenant=row["tenant"],
        url=row["url"],
        events=tuple(json.loads(row["events"])),
        secrets=_secrets(tx, row),
        include_text=bool(row["include_text"]),
        sandbox=bool(row["sandbox"]),
        enabled=bool(row["enabled"]),
        created_at_ms=row["created_at"],
        rotated_at_ms=row["rotated_at"],
        disabled_reason=row["disabled_reason"],
        failures_in_row=row["failures_in_row"],
        open_until_ms=row["open_until"],
        last_success_ms=row["last_success"],
        failing_since_ms=row["failing_since"],
    )


def _secrets(tx: Tx, row: Row) -> tuple[str, ...]:
    try:
        return tuple(json.loads(tx.unseal_text(f"webhook|secrets|{row['id']}", row["secrets"]) or "[]"))
    except DamagedRow:
        return ()


def load_delivery(tx: Tx, row: Row) -> DeliveryRow:
    return DeliveryRow(
        id=row["id"],
        webhook_id=row["webhook_id"],
        event_id=row["event_id"],
        event_seq=row["event_seq"],
        event_type=row["event_type"],
        message_id=row["subject"],
        state=row["state"],
        attempt=row["attempt"],
        next_at_ms=row["next_at"],
        last_status=row["last_status"],
        last_error=row["last_error"],
        last_ms=row["last_ms"],
        created_at_ms=row["created_at"],
        finished_at_ms=row["finished_at"],
        took_ms=row["took_ms"],
        said=shown(tx, f"delivery|said|{row['id']}", row["said"]),
    )


def _maybe_bool(value: Any) -> bool | None:
    return None if value is None else bool(value)
