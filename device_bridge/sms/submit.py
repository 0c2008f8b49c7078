"""Owns the encoding of SMS-SUBMIT: one TPDU for each part of a segmentation.

Knows no queue and no modem. The encoder is strict: what the standard does not allow is refused, never
repaired.
Source: 3GPP TS 23.040 §9.2.2.2; tests/vectors/submit.toml
"""

from __future__ import annotations

from dataclasses import dataclass

from device_bridge.errors import EncodeError
from device_bridge.sms.address import TON_ALPHANUMERIC, Address, encode_address
from device_bridge.sms.alphabet import encode_septets
from device_bridge.sms.coding_scheme import encode_dcs
from device_bridge.sms.packing import pack
from device_bridge.sms.segmentation import Segment, Segmentation
from device_bridge.sms.user_data import Concatenation, concatenation_element, port_element
from device_bridge.sms.validity import encode_relative

_MTI_SUBMIT = 0x01
_RD = 0x04
_VPF_RELATIVE = 0x10
_SRR = 0x20
_UDHI = 0x40


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """What a message wants beyond its text.

    ``to`` is a number ("+4512345678") or an :class:`Address` with a type of its own. ``reference`` is the
    concatenation reference, used when there is more than one part. ``validity_s`` is rounded up to the next
    TP-VP step. ``flash`` is message class 0; ``message_class`` 0..3 says it in full. ``mr`` is TP-MR of the
    first part, the others count on from it; most modems put their own.
    """

    to: str | Address
    reference: int
    delivery_report: bool = True
    validity_s: int | None = None
    flash: bool = False
    reject_duplicates: bool = False
    mr: int = 0
    pid: int = 0
    message_class: int | None = None


def encode_parts(segmentation: Segmentation, options: SubmitOptions) -> tuple[bytes, ...]:
    """Encode one SUBMIT TPDU per part, without SCA; ``len`` of each is the number for ``AT+CMGS``.

    Raises:
        EncodeError: ``field`` names the TP- element; nothing was sent.

    Source: 3GPP TS 23.040 §9.2.2.2; tests/vectors/submit.toml
    """
    before_mr, after_mr = _frame(segmentation, options)
    total = segmentation.parts
    if total == 1:
        part = _user_data(segmentation, segmentation.segments[0], None)
        return (before_mr + bytes([options.mr & 0xFF]) + after_mr + part,)
    _check_reference(options.reference, segmentation.ref_bits)
    return tuple(
        before_mr
        + bytes([options.mr + number - 1 & 0xFF])
        + after_mr
        + _user_data(
            segmentation, part, Concatenation(options.reference, total, number, segmentation.ref_bits)
        )
        for number, part in enumerate(segmentation.segments, 1)
    )


def _frame(segmentation: Segmentation, options: SubmitOptions) -> tuple[bytes, bytes]:
    da = options.to if isinstance(options.to, Address) else Address.parse(options.to)
    if da.ton == TON_ALPHANUMERIC or not da.digits:
        raise EncodeError("TP-DA", f"{da.digits!r} cannot be a destination: a number is needed")
    message_class = 0 if options.flash else options.message_class
    if message_class is not None and not 0 <= message_class <= 3:
        raise EncodeError("TP-DCS", f"message class {message_class} does not exist: use 0 to 3")
    if not 0 <= options.pid <= 0xFF:
        raise EncodeError("TP-PID", f"{options.pid} is out of range: 0 to 255")
    first = _MTI_SUBMIT
    first |= _SRR if options.delivery_report else 0
    first |= _RD if options.reject_duplicates else 0
    first |= _UDHI if segmentation.parts > 1 or segmentation.port is not None else 0
    vp = b""
    if options.validity_s is not None:
        first |= _VPF_RELATIVE
        vp = bytes([encode_relative(options.validity_s)])
    dcs = encode_dcs(segmentation.coding, message_class)
    return bytes([first]), encode_address(da) + bytes([options.pid, dcs]) + vp


def _user_data(segmentation: Segmentation, part: Segment, concatenation: Concatenation | None) -> bytes:
    elements = b"" if concatenation is None else concatenation_element(concatenation)
    if segmentation.port is not None:
        elements += port_element(segmentation.port, segmentation.source_port)
    header = bytes([len(elements)]) + elements if elements else b""
    if segmentation.coding == "gsm7":
        septets = encode_septets(part.text or "")
        skipped = (len(header) * 8 + 6) // 7
        return bytes([skipped + len(septets)]) + header + pack(septets, skipped * 7 - len(header) * 8)
    body = (part.text or "").encode("utf-16-be") if segmentation.coding == "ucs2" else part.octets or b""
    return bytes([len(header) + len(body)]) + header + body


def _check_reference(reference: int, ref_bits: int) -> None:
    if not 0 <= reference < 1 << ref_bits:
        raise EncodeError("TP-UDH", f"reference {reference} does not fit {ref_bits} bits")
