"""Owns the reading of a received TPDU: what it is and what it says, or that it cannot be decoded.

Pure: knows no store. What the codec refuses is kept raw and shown as ``undecoded``, never dropped.
Source: 3GPP TS 23.040 §9.2.2.1; WAP-209 (MMS notifications).
"""

from __future__ import annotations

import hashlib

from device_bridge.device import InboundReceived, MmsReceived, TextReceived
from device_bridge.errors import DecodeError
from device_bridge.sms.mms import decode_retrieved
from device_bridge.sms.tpdu import Deliver, decode_deliver
from device_bridge.sms.wap_push import read_notification, recognise
from gateway.message import InboundType
from gateway.store.rows import NewInbound

WAP_PUSH_PORTS = frozenset({2948, 2949})


def read_received(line_id: str, event: InboundReceived) -> NewInbound:
    """Turn what came to a line into what is stored."""
    fingerprint = _fingerprint(event.tpdu)
    try:
        deliver = decode_deliver(event.tpdu)
    except DecodeError:
        return NewInbound(
            line_id=line_id,
            sender="",
            tpdu=event.tpdu,
            at_ms=event.at_ms,
            type="undecoded",
            fingerprint=fingerprint,
        )
    notification = recognise(deliver)
    concat = deliver.concatenation
    return NewInbound(
        line_id=line_id,
        sender=deliver.oa.text,
        tpdu=event.tpdu,
        at_ms=event.at_ms,
        type="mms" if notification else _type(deliver),
        text=deliver.text,
        octets=deliver.octets,
        port=deliver.ports[0] if deliver.ports else None,
        url=notification.url if notification else None,
        sent_at_ms=deliver.scts.at_ms,
        concat=(concat.reference, concat.total, concat.number) if concat else None,
        fingerprint=fingerprint,
    )


def read_text(line_id: str, event: TextReceived) -> NewInbound:
    """Turn a text that a phone found in its own inbox into what is stored; it comes whole and has no TPDU."""
    return NewInbound(
        line_id=line_id,
        sender=event.sender,
        tpdu=b"",
        at_ms=event.at_ms,
        type="sms",
        text=event.text,
        sent_at_ms=event.sent_at_ms,
        # By the phone's own number of it, never by its words: people do write the same thing twice.
        fingerprint=hashlib.sha256(f"text|{event.event_id}|{event.at_ms}".encode()).hexdigest(),
    )


def read_mms(line_id: str, event: MmsReceived) -> NewInbound:
    """Turn a multimedia message, or the notification of one, into what is stored: its text, and its octets."""
    try:
        mms = decode_retrieved(event.pdu)
    except DecodeError:
        mms = None
    notification = read_notification(event.pdu) if mms is None else None
    known = mms or notification
    return NewInbound(
        line_id=line_id,
        sender=(known.from_ if known else None) or "",
        tpdu=b"",
        at_ms=event.at_ms,
        type="mms",
        text=mms.text if mms else None,
        octets=event.pdu,
        url=notification.url if notification else None,
        sent_at_ms=mms.sent_at_ms if mms else None,
        fingerprint=hashlib.sha256(event.pdu).hexdigest(),
    )


def _type(deliver: Deliver) -> InboundType:
    if deliver.ports and deliver.ports[0] in WAP_PUSH_PORTS:
        return "push"
    return "sms" if deliver.text is not None else "data"


def _fingerprint(tpdu: bytes) -> str:
    """The same for a TPDU that the network delivers again, other for a text that is sent again (TP-SCTS).

    The first octet is left out: TP-MMS may differ between two deliveries of one TPDU.
    """
    return hashlib.sha256(tpdu[1:]).hexdigest()
