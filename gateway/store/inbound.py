"""Owns received messages: stored raw before anything else sees them, then joined from their parts.

Knows no device, and not what follows from a text: whole ones are given on in the same transaction. A TPDU that the
network delivers twice is stored once; parts are joined whatever their order.
Source: W3; 3GPP TS 23.040 §9.2.3.24.1 (concatenation), §9.2.3.11 (TP-SCTS tells a repetition from a new text).
"""

from __future__ import annotations

import json

import structlog

from device_bridge.sms.reassembly import join
from device_bridge.sms.tpdu import Deliver, decode_deliver
from device_bridge.sms.wap_push import WAP_PUSH_PORTS, recognise_octets
from gateway.ids import new_id
from gateway.message import Inbound, InboundType
from gateway.representation import inbound_json
from gateway.store import conversations
from gateway.store.convert import load_inbound
from gateway.store.crypto import DamagedRow
from gateway.store.events import Happened, append
from gateway.store.inbound_effects import follow, hear
from gateway.store.noted import Noted
from gateway.store.rows import NewInbound
from gateway.store.transaction import Row, Tx

log = structlog.get_logger(__name__)

SAME_MESSAGE_MS = 3_600_000
"""Parts of one message are stamped by the message centre within minutes of each other, however late they come; a
reference comes round again after 256 messages at the earliest."""

STALE_MS = 86_400_000
"""After a day without its missing parts a long message is shown as far as it came."""


def store_inbound(tx: Tx, new: NewInbound) -> Inbound | None:
    """Store one received TPDU; returns the message that it completed."""
    line = tx.one("line_by_id", id=new.line_id)
    if line is None or tx.one("inbound_part_known", line=new.line_id, fingerprint=new.fingerprint):
        return None
    reference, total, number = new.concat or (None, 1, 1)
    part_id = new_id()
    tx.run(
        "inbound_part_insert",
        id=part_id,
        tenant=line["tenant"],
        line=new.line_id,
        sender=new.sender,
        concat_reference=reference,
        total=total,
        number=number,
        fingerprint=new.fingerprint,
        tpdu=tx.seal(f"inbound_part|tpdu|{part_id}", new.tpdu),
        at=new.at_ms,
    )
    if new.concat is None:
        return _write(tx, line, new, [part_id])
    open_parts = _readable(tx, _open_set(tx, new.line_id, new.sender, reference, total))
    together = _of_one_message(open_parts, new.tpdu)
    if len(together) < total:
        return None
    return _join(tx, line, together, new.at_ms)


Part = tuple[Row, Deliver]


def _open_set(tx: Tx, line_id: str, sender: str, reference: int | None, total: int) -> list[Row]:
    """The parts that wait for each other, one for each number; a number that came twice counts newest."""
    rows = tx.rows("inbound_parts_open", line=line_id, sender=sender, concat_reference=reference, total=total)
    newest = {row["number"]: row for row in rows}
    return [newest[number] for number in sorted(newest)]


def _readable(tx: Tx, rows: list[Row]) -> list[Part]:
    parts: list[Part] = []
    for row in rows:
        try:
            parts.append(
                (row, decode_deliver(tx.unseal(f"inbound_part|tpdu|{row['id']}", row["tpdu"]) or b""))
            )
        except DamagedRow as error:
            log.warning("inbound.part_damaged", reason=str(error))
    return parts


def _of_one_message(parts: list[Part], tpdu: bytes) -> list[Part]:
    """Leave out parts of an older message that had the same reference and was never completed."""
    newest_ms = decode_deliver(tpdu).scts.at_ms
    return [
        (row, deliver)
        for row, deliver in parts
        if newest_ms is None
        or deliver.scts.at_ms is None
        or abs(deliver.scts.at_ms - newest_ms) <= SAME_MESSAGE_MS
    ]


def _join(tx: Tx, line: Row, parts: list[Part], at_ms: int) -> Inbound:
    joined = join([deliver for _, deliver in parts])
    row, first = parts[0]
    text = joined.text if joined.complete else joined.so_far or None
    octets = joined.octets
    if text is None and octets is None:
        octets = b"".join(deliver.octets or b"" for _, deliver in parts)
    notification = recognise_octets(octets, first.ports) if joined.complete and octets else None
    kind: InboundType = "sms" if text is not None else "data"
    if first.ports and first.ports[0] in WAP_PUSH_PORTS:
        kind = "mms" if notification else "push"
    whole = NewInbound(
        line_id=line["id"],
        sender=row["sender"],
        tpdu=b"",
        at_ms=at_ms,
        type=kind,
        text=text,
        octets=octets,
        port=first.ports[0] if first.ports else None,
        url=notification.url if notification else None,
        sent_at_ms=first.scts.at_ms,
        concat=(row["concat_reference"] or 0, row["total"], 1),
    )
    return _write(tx, line, whole, [part["id"] for part, _ in parts], complete=joined.complete)


def _write(tx: Tx, line: Row, new: NewInbound, part_ids: list[str], *, complete: bool = True) -> Inbound:
    inbound_id = new_id()
    heard = hear(tx, line, new, complete=complete)
    tx.run(
        "inbound_insert",
        id=inbound_id,
        tenant=line["tenant"],
        sender=new.sender,
        line=new.line_id,
        to_number=line["number"],
        text=tx.seal(f"inbound|text|{inbound_id}", new.text),
        octets=tx.seal(f"inbound|octets|{inbound_id}", new.octets),
        port=new.port,
        parts=new.concat[1] if new.concat else 1,
        complete=int(complete),
        type=new.type,
        keyword=None if heard.keyword is None else heard.keyword.kind,
        tags=json.dumps(heard.tags),
        ignored=int(heard.ignored),
        url=tx.seal(f"inbound|url|{inbound_id}", new.url),
        sandbox=line["emulated"],
        received_at=new.at_ms,
        sent_at=new.sent_at_ms,
    )
    for part_id in part_ids:
        tx.run("inbound_part_close", id=part_id, inbound_id=inbound_id)
    row = tx.one("inbound_by_id", id=inbound_id)
    if row is None:
        raise AssertionError("the inbound row of this transaction is missing")
    conversations.received(tx, row)
    inbound = load_inbound(tx, row)
    append(
        tx,
        Happened(
            type="message.received",
            tenant=line["tenant"],
            sandbox=bool(line["emulated"]),
            subject=inbound_id,
            witness="network",
            public=not heard.ignored,
            line=new.line_id,
            snapshot={**inbound_json(inbound), "text": None, "url": None, "data_base64": None},
        ),
    )
    world = (line["tenant"], bool(line["emulated"]))
    tx.noted.append(Noted("received", *world, new.line_id, new.type, inbound_id))
    follow(tx, line, row, heard, new.text)
    return inbound


def close_stale(tx: Tx) -> None:
    """Show long messages whose missing parts did not come within a day, as incomplete."""
    for stale in tx.rows("inbound_parts_stale", before=tx.now_ms - STALE_MS):
        line = tx.one("line_by_id", id=stale["line"])
        rows = _open_set(tx, stale["line"], stale["sender"], stale["concat_reference"], stale["total"])
        if line is None:
            continue
        parts = _readable(tx, rows)
        if parts:
            _join(tx, line, parts, stale["at"])
        damaged = [row["id"] for row in rows if row["id"] not in {part["id"] for part, _ in parts}]
        if damaged:
            unread = NewInbound(line["id"], stale["sender"], b"", stale["at"], "undecoded")
            _write(tx, line, unread, damaged, complete=False)
