"""Owns what an entry of the phone's journal means at the seam: outcomes of parts, reports, inbound texts.

Pure: no connection, no lines. What cannot be read is handed on raw and named in the log by number only.
Source: docs/link.md, *Events*; Android SDK, SmsManager RESULT_* (device_bridge.sms.outcome_android).
"""

from __future__ import annotations

import base64
import binascii
import logging
from dataclasses import replace
from typing import Final

from device_bridge.companion.frames import (
    FailedEvent,
    InboundEvent,
    MmsEvent,
    ReportEvent,
    SentEvent,
    TextEvent,
)
from device_bridge.companion.ledger import event_ids
from device_bridge.device import (
    InboundReceived,
    MmsReceived,
    PartLost,
    PartNotSent,
    PartOutcome,
    PartRejected,
    PartSent,
    ReportReceived,
    TextReceived,
)
from device_bridge.errors import DecodeError
from device_bridge.sms.outcome import Outcome, OutcomeClass, android_result, local, not_on_air
from device_bridge.sms.pdu import parse_hex, split_sca

_LOG = logging.getLogger(__name__)

FORMAT_GSM: Final = "3gpp"
"""SmsMessage.FORMAT_3GPP; the other one, 3gpp2, is CDMA, of which the codec knows nothing."""
FORMAT_MMS: Final = "mms-notification"
"""Ours: the M-Notification.ind of a WAP push, which Android hands over without the TPDU around it."""

_FAILURES: Final = {"not_called": "device_not_ready", "call_failed": "device_error"}


def sent(event: SentEvent, attempt_id: str, part: int, at_ms: int) -> PartOutcome:
    """Read a sent intent: the class of its outcome decides between sent, not sent, refused and in doubt."""
    outcome = android_result(event.result, event.error)
    evidence, event_id = outcome.network_code or "", str(event.id)
    match outcome.outcome_class:
        case OutcomeClass.DONE:
            return PartSent(attempt_id, part, None, at_ms, evidence, event_id)
        case OutcomeClass.PERMANENT:
            return PartRejected(attempt_id, part, outcome, at_ms, evidence, event_id)
        case OutcomeClass.UNKNOWN:
            return PartLost(attempt_id, part, outcome, at_ms, evidence, event_id)
        case _:
            return PartNotSent(attempt_id, part, outcome, at_ms, evidence, event_id)


def failed(event: FailedEvent, parts: tuple[int, ...], at_ms: int) -> tuple[PartNotSent, ...]:
    """Read a job that was never called: certainly not on air, each of these parts."""
    cause = failure(event)
    evidence = f"{event.code}: {event.detail}" if event.detail else event.code
    ids = event_ids(event.id, len(parts))
    return tuple(
        PartNotSent(event.job, part, cause, at_ms, evidence, name)
        for part, name in zip(parts, ids, strict=True)
    )


def failure(event: FailedEvent) -> Outcome:
    """Say why a job was not called."""
    return not_on_air(local(_FAILURES.get(event.code, "device_error")))


def report(event: ReportEvent, line_key: str, at_ms: int) -> ReportReceived | InboundReceived:
    """Read a delivered intent; one that holds no TPDU of 3GPP goes on as something inbound, so that people see it."""
    pdu, tpdu, smsc = _split(event.pdu, event.format, event.id)
    if tpdu is None:
        return InboundReceived(str(event.id), line_key, pdu, at_ms, smsc)
    return ReportReceived(str(event.id), line_key, tpdu, at_ms, event.job, event.part)


def inbound(
    event: InboundEvent, line_key: str, at_ms: int
) -> tuple[InboundReceived, ...] | tuple[MmsReceived, ...]:
    """Read a broadcast: one event for each of its PDUs, the service centre split off; an MMS notification has none."""
    if event.format == FORMAT_MMS:
        names = event_ids(event.id, len(event.pdus))
        return tuple(
            MmsReceived(name, line_key, _octets(digits), at_ms)
            for digits, name in zip(event.pdus, names, strict=True)
        )
    received = []
    for digits, name in zip(event.pdus, event_ids(event.id, len(event.pdus)), strict=True):
        pdu, tpdu, smsc = _split(digits, event.format, event.id)
        received.append(InboundReceived(name, line_key, pdu if tpdu is None else tpdu, at_ms, smsc))
    return tuple(received)


def _octets(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return digits.encode()


def text(event: TextEvent, line_key: str, at_ms: int) -> TextReceived:
    """Read what was found in the inbox. ``sent_at_ms`` stays: it is the network's time, not the phone's."""
    return TextReceived(str(event.id), line_key, event.sender, event.text, event.sent_at_ms, at_ms)


def mms(event: MmsEvent, line_key: str, at_ms: int) -> MmsReceived:
    """Read an MMS; what is no base64 is kept as it is."""
    try:
        pdu = base64.b64decode(event.pdu, validate=True)
    except (binascii.Error, ValueError):
        _LOG.warning("journal entry %d: the MMS is no base64; kept as it is", event.id)
        pdu = event.pdu.encode()
    return MmsReceived(str(event.id), line_key, pdu, at_ms)


def refusal(code: str, detail: str) -> Outcome:
    """Say what a refused job means; certainly not on air."""
    known = {
        "no_sim": "sim_missing",
        "no_permission": "phone_permission",
        "bad_job": "device_error",
        "full": "device_not_ready",
        "burned": "device_not_ready",
        "unpaired": "phone_gone",
    }
    said = f"{code}: {detail}" if detail else code
    return replace(not_on_air(local(known.get(code, "device_error"))), meaning=said[:200])


def ussd_refusal(code: str, detail: str) -> Outcome:
    """Say why the network, or the phone, gave no answer to a USSD code."""
    known = {"no_sim": "sim_missing", "no_permission": "phone_permission", "no_service": "not_registered"}
    said = f"{code}: {detail}" if detail else code
    return replace(local(known.get(code, "device_not_ready")), meaning=said[:200])


def _split(digits: str, form: str, number: int) -> tuple[bytes, bytes | None, str | None]:
    """Give the octets as they are, the TPDU if there is one, and the service centre."""
    try:
        pdu = parse_hex(digits)
    except DecodeError as error:
        _LOG.warning("journal entry %d: %s; kept as it is", number, error.reason)
        return digits.encode(), None, None
    if form != FORMAT_GSM:
        _LOG.warning("journal entry %d: format %.20r is not of 3GPP; kept as it is", number, form)
        return pdu, None, None
    try:
        smsc, tpdu = split_sca(pdu)
    except DecodeError as error:
        _LOG.warning("journal entry %d: %s; kept as it is", number, error)
        return pdu, None, None
    return pdu, tpdu, smsc
