"""Owns the step from queued work to SUBMIT TPDUs: which parts are still to go, as which copy, with which reference.

Pure but for the reference that the caller hands in. Knows no store and no device.
Source: 3GPP TS 23.040 §9.2.3.24.1 (reference), §9.2.3.12 (TP-VP), §9.2.3.25 (TP-RD).
"""

from __future__ import annotations

from device_bridge.device import Outgoing, OutgoingPart
from device_bridge.sms.segmentation import Segmentation, segment, segment_octets
from device_bridge.sms.submit import SubmitOptions, encode_parts
from device_bridge.sms.validity import MAX_VALIDITY_S
from gateway.ids import new_id
from gateway.message import Message
from gateway.store.rows import Prepared, PriorPart, Work

VALIDITY_MIN_S = 300
"""The shortest validity period that the relative TP-VP can say (23.040 §9.2.3.12.1)."""


def segmentation_of(message: Message) -> Segmentation:
    """Split the message as admission did: the same text and choice give the same parts."""
    if message.octets is not None:
        return segment_octets(message.octets, message.port or 0)
    return segment(message.text or "", message.encoding)


def prepare(work: Work, reference: int, now_ms: int, *, more_follow: bool) -> Prepared:
    """Encode what the next attempt puts on air.

    Args:
        work: As ``Store.look`` gave it.
        reference: Concatenation reference (0..255) if the copy has none yet.
        now_ms: UTC ms; TP-VP asks the SMSC for the validity that is left.
        more_follow: Other messages wait for this line.

    Raises:
        EncodeError: the stored text no longer encodes (never after an unchanged admission).
    """
    message = work.message
    segmentation = segmentation_of(message)
    kept = work.reference if work.reference is not None else reference
    options = SubmitOptions(
        to=message.to,
        reference=kept,
        delivery_report=message.delivery_report,
        validity_s=min(max((message.expires_at_ms - now_ms) // 1000, VALIDITY_MIN_S), MAX_VALIDITY_S),
        flash=message.flash,
        reject_duplicates=work.resend_after_doubt,
    )
    tpdus = encode_parts(segmentation, options)
    prior = {part.number: part for part in work.prior}
    parts = tuple(
        OutgoingPart(
            number=number,
            tpdu=_keep_reference(tpdu, prior.get(number)),
            text=piece.text,
            octets=piece.octets,
            port=segmentation.port,
        )
        for number, (tpdu, piece) in enumerate(zip(tpdus, segmentation.segments, strict=True), start=1)
        if not (number in prior and prior[number].sent)
    )
    attempt_id = new_id()
    outgoing = Outgoing(
        attempt_id=attempt_id,
        to=message.to,
        parts=parts,
        parts_total=len(tpdus),
        more_follow=more_follow,
        delivery_report=message.delivery_report,
        flash=message.flash,
    )
    return Prepared(work, attempt_id, work.copy, kept, outgoing)


def _keep_reference(tpdu: bytes, prior: PriorPart | None) -> bytes:
    """Give a part that is sent again after doubt the TP-MR of its first try, so that the SMSC can tell a duplicate.

    Modems that count TP-MR themselves overwrite it; then nothing is lost.
    """
    if prior is None or not prior.in_doubt or prior.mr is None:
        return tpdu
    return tpdu[:1] + bytes((prior.mr,)) + tpdu[2:]
