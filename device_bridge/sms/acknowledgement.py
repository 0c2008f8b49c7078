"""Owns the small reports: DELIVER-REPORT, which ``AT+CNMA`` sends, and SUBMIT-REPORT, which ``+CMGS`` may
show.

Knows no modem: when an acknowledgement is due is the driver's business.
Source: 3GPP TS 23.040 §9.2.2.1a and §9.2.2.2a, 27.005 §3.4.4 (+CNMA) and §3.5.1 (<ackpdu>)
"""

from __future__ import annotations

from dataclasses import dataclass

from device_bridge.errors import DecodeError
from device_bridge.sms.cursor import Cursor
from device_bridge.sms.timestamp import OCTETS, ScTimestamp

_MTI_DELIVER_REPORT = 0x00
_MTI_SUBMIT_REPORT = 0x01
_FIRST_FCS = 0x80


@dataclass(frozen=True, slots=True)
class SubmitReport:
    """What the SC said to a SUBMIT: ``fcs`` is TP-FCS of a refusal, None when it took it."""

    fcs: int | None
    scts: ScTimestamp


def encode_deliver_report(fcs: int | None = None) -> bytes:
    """Encode the DELIVER-REPORT for RP-ACK (None) or RP-ERROR (``fcs`` 0x80..0xFF).

    Source: 3GPP TS 23.040 §9.2.2.1a
    """
    return bytes([_MTI_DELIVER_REPORT, 0]) if fcs is None else bytes([_MTI_DELIVER_REPORT, fcs & 0xFF, 0])


def decode_submit_report(tpdu: bytes) -> SubmitReport:
    """Decode a SUBMIT-REPORT, acceptance or refusal.

    An octet from 0x80 up after the type is TP-FCS; TP-PI keeps its top bit for an extension that nobody
    sends.

    Raises:
        DecodeError: ``field`` and ``octet`` name what does not add up.

    Source: 3GPP TS 23.040 §9.2.2.2a
    """
    cursor = Cursor(tpdu)
    first = cursor.octet("TP-MTI")
    if first & 0x03 != _MTI_SUBMIT_REPORT:
        raise DecodeError("TP-MTI", 0, f"type {first & 0x03} is no SUBMIT-REPORT")
    second = cursor.octet("TP-PI")
    fcs = second if second >= _FIRST_FCS else None
    if fcs is not None:
        cursor.octet("TP-PI")
    return SubmitReport(fcs, ScTimestamp(cursor.take(OCTETS, "TP-SCTS").hex().upper()))
