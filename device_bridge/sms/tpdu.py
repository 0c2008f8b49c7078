"""Owns the decoders of whole TPDUs: SUBMIT, DELIVER and STATUS-REPORT, each into one frozen value.

Knows no device, no store and no joining. Any octets give a value or :class:`DecodeError`; octets after the
last element are left alone, as some modems pad.
Source: 3GPP TS 23.040 §9.2.2; tests/vectors/deliver.toml, status_report.toml, malformed.toml
"""

from __future__ import annotations

from dataclasses import dataclass

from device_bridge.errors import DecodeError
from device_bridge.sms.address import Address, decode_address
from device_bridge.sms.coding_scheme import Coding, coding_scheme
from device_bridge.sms.cursor import Cursor
from device_bridge.sms.timestamp import OCTETS, ScTimestamp
from device_bridge.sms.user_data import (
    NO_HEADER,
    Concatenation,
    Header,
    UserData,
    decode_user_data,
)
from device_bridge.sms.validity import Validity, decode_validity

__all__ = [
    "Concatenation",
    "Deliver",
    "StatusReport",
    "Submit",
    "decode_deliver",
    "decode_incoming",
    "decode_status_report",
    "decode_submit",
]

MTI_DELIVER = 0
MTI_SUBMIT = 1
MTI_STATUS_REPORT = 2
MTI_RESERVED = 3

_RD = 0x04
_NO_MORE_MESSAGES = 0x04
_LOOP_PREVENTION = 0x08
_REPORT = 0x20
_UDHI = 0x40
_REPLY_PATH = 0x80

_PI_EXTENSION = 0x80
_PI_PID = 0x01
_PI_DCS = 0x02
_PI_UDL = 0x04


@dataclass(frozen=True, slots=True)
class Submit:
    """SMS-SUBMIT, as a service centre reads it (§9.2.2.2). Body and header as in :class:`Deliver`."""

    mr: int
    da: Address
    pid: int
    dcs: int
    coding: Coding
    text: str | None
    octets: bytes | None
    udh: bytes
    ud: bytes
    header: Header
    validity: Validity
    message_class: int | None
    status_report_request: bool
    reject_duplicates: bool
    reply_path: bool
    has_header: bool

    @property
    def concatenation(self) -> Concatenation | None:
        """Which part of which set this is, if it is one."""
        return self.header.concatenation

    @property
    def ports(self) -> tuple[int, int] | None:
        """Application ports (destination, source), if any."""
        return self.header.ports


@dataclass(frozen=True, slots=True)
class Deliver:
    """SMS-DELIVER (§9.2.2.1).

    ``text`` is None for 8bit, ``octets`` is None for text. ``ud`` is the body without its header, septets
    one per byte for gsm7, so that parts can be joined before they are decoded. ``udh`` is the header
    without its length octet; ``udh_ignored``: its elements did not add up, so none counts.
    ``more_messages``: the SC has more waiting.
    """

    oa: Address
    pid: int
    dcs: int
    scts: ScTimestamp
    coding: Coding
    text: str | None
    octets: bytes | None
    udh: bytes = b""
    ud: bytes = b""
    header: Header = NO_HEADER
    udh_ignored: bool = False
    message_class: int | None = None
    more_messages: bool = False
    status_report_indication: bool = False
    reply_path: bool = False
    loop_prevention: bool = False

    @property
    def concatenation(self) -> Concatenation | None:
        """Which part of which set this is, if it is one."""
        return self.header.concatenation

    @property
    def ports(self) -> tuple[int, int] | None:
        """Application ports (destination, source), if any."""
        return self.header.ports


@dataclass(frozen=True, slots=True)
class StatusReport:
    """SMS-STATUS-REPORT (§9.2.2.3).

    ``st`` is TP-ST as it came (``outcome.report_meaning`` reads it); ``discharge`` is TP-DT.
    ``for_command``: it answers a COMMAND, not a SUBMIT (TP-SRQ). The rest is there only where TP-PI
    announces it.
    """

    mr: int
    ra: Address
    scts: ScTimestamp
    discharge: ScTimestamp
    st: int
    more_messages: bool = False
    for_command: bool = False
    pi: int | None = None
    pid: int | None = None
    dcs: int | None = None
    user_data: UserData | None = None

    @property
    def text(self) -> str | None:
        """The text of the SC, if it sent one."""
        return None if self.user_data is None else self.user_data.text

    @property
    def octets(self) -> bytes | None:
        """The 8-bit data of the SC, if it sent any."""
        return None if self.user_data is None else self.user_data.octets


def decode_incoming(tpdu: bytes) -> Deliver | StatusReport:
    """Decode what a service centre sent, by its TP-MTI; the reserved type counts as DELIVER.

    Raises:
        DecodeError: octets that do not add up, or a SUBMIT-REPORT, which never comes by itself.

    Source: 3GPP TS 23.040 §9.2.3.1
    """
    if not tpdu:
        raise DecodeError("PDU", 0, "there is nothing to decode")
    mti = tpdu[0] & 0x03
    if mti == MTI_STATUS_REPORT:
        return decode_status_report(tpdu)
    if mti == MTI_SUBMIT:
        raise DecodeError("TP-MTI", 0, "type 1 never comes from the network unasked")
    return decode_deliver(tpdu)


def decode_deliver(tpdu: bytes) -> Deliver:
    """Decode an SMS-DELIVER; TP-MTI 3 is processed like one.

    Raises:
        DecodeError: ``field`` and ``octet`` name what does not add up.

    Source: 3GPP TS 23.040 §9.2.2.1; tests/vectors/deliver.toml
    """
    cursor = Cursor(tpdu)
    first = cursor.octet("TP-MTI")
    if first & 0x03 not in {MTI_DELIVER, MTI_RESERVED}:
        raise DecodeError("TP-MTI", 0, f"type {first & 0x03} is no DELIVER")
    oa = decode_address(cursor, "TP-OA")
    pid = cursor.octet("TP-PID")
    dcs = cursor.octet("TP-DCS")
    scts = _stamp(cursor, "TP-SCTS")
    scheme = coding_scheme(dcs)
    body = decode_user_data(cursor, scheme.coding, has_header=bool(first & _UDHI))
    return Deliver(
        oa=oa,
        pid=pid,
        dcs=dcs,
        scts=scts,
        coding=body.coding,
        text=body.text,
        octets=body.octets,
        udh=body.udh,
        ud=body.ud,
        header=body.header,
        udh_ignored=body.udh_ignored,
        message_class=scheme.message_class,
        more_messages=not first & _NO_MORE_MESSAGES,
        status_report_indication=bool(first & _REPORT),
        reply_path=bool(first & _REPLY_PATH),
        loop_prevention=bool(first & _LOOP_PREVENTION),
    )


def decode_submit(tpdu: bytes) -> Submit:
    """Decode an SMS-SUBMIT, as the service centre of the emulator does.

    Raises:
        DecodeError: ``field`` and ``octet`` name what does not add up.

    Source: 3GPP TS 23.040 §9.2.2.2; tests/vectors/submit.toml
    """
    cursor = Cursor(tpdu)
    first = cursor.octet("TP-MTI")
    if first & 0x03 != MTI_SUBMIT:
        raise DecodeError("TP-MTI", 0, f"type {first & 0x03} is no SUBMIT")
    mr = cursor.octet("TP-MR")
    da = decode_address(cursor, "TP-DA")
    pid = cursor.octet("TP-PID")
    dcs = cursor.octet("TP-DCS")
    validity = decode_validity(cursor, first >> 3 & 0x03)
    scheme = coding_scheme(dcs)
    body = decode_user_data(cursor, scheme.coding, has_header=bool(first & _UDHI))
    return Submit(
        mr=mr,
        da=da,
        pid=pid,
        dcs=dcs,
        coding=body.coding,
        text=body.text,
        octets=body.octets,
        udh=body.udh,
        ud=body.ud,
        header=body.header,
        validity=validity,
        message_class=scheme.message_class,
        status_report_request=bool(first & _REPORT),
        reject_duplicates=bool(first & _RD),
        reply_path=bool(first & _REPLY_PATH),
        has_header=bool(first & _UDHI),
    )


def decode_status_report(tpdu: bytes) -> StatusReport:
    """Decode an SMS-STATUS-REPORT, with or without what TP-PI announces.

    Raises:
        DecodeError: ``field`` and ``octet`` name what does not add up.

    Source: 3GPP TS 23.040 §9.2.2.3; tests/vectors/status_report.toml
    """
    cursor = Cursor(tpdu)
    first = cursor.octet("TP-MTI")
    if first & 0x03 != MTI_STATUS_REPORT:
        raise DecodeError("TP-MTI", 0, f"type {first & 0x03} is no STATUS-REPORT")
    mr = cursor.octet("TP-MR")
    ra = decode_address(cursor, "TP-RA")
    scts = _stamp(cursor, "TP-SCTS")
    discharge = _stamp(cursor, "TP-DT")
    st = cursor.octet("TP-ST")
    pi, pid, dcs, body = _optional(cursor, has_header=bool(first & _UDHI))
    return StatusReport(
        mr=mr,
        ra=ra,
        scts=scts,
        discharge=discharge,
        st=st,
        more_messages=not first & _NO_MORE_MESSAGES,
        for_command=bool(first & _REPORT),
        pi=pi,
        pid=pid,
        dcs=dcs,
        user_data=body,
    )


def _optional(
    cursor: Cursor, *, has_header: bool
) -> tuple[int | None, int | None, int | None, UserData | None]:
    if not cursor.left:
        return None, None, None, None
    pi = cursor.octet("TP-PI")
    more = pi
    while more & _PI_EXTENSION:
        more = cursor.octet("TP-PI")
    pid = cursor.octet("TP-PID") if pi & _PI_PID else None
    dcs = cursor.octet("TP-DCS") if pi & _PI_DCS else None
    if not pi & _PI_UDL:
        return pi, pid, dcs, None
    # Without TP-DCS the default alphabet is meant (§9.2.3.27).
    scheme = coding_scheme(0 if dcs is None else dcs)
    return pi, pid, 0 if dcs is None else dcs, decode_user_data(cursor, scheme.coding, has_header=has_header)


def _stamp(cursor: Cursor, field: str) -> ScTimestamp:
    return ScTimestamp(cursor.take(OCTETS, field).hex().upper())
