"""Owns TP-UD: length, header elements, fill bits and the body as text or octets.

Knows no message type and never joins parts. A header whose elements do not add up is ignored, the text is
kept.
Source: 3GPP TS 23.040 §9.2.3.16, §9.2.3.24; tests/vectors/deliver.toml
"""

from __future__ import annotations

from dataclasses import dataclass

from device_bridge.errors import DecodeError
from device_bridge.sms.alphabet import decode_septets
from device_bridge.sms.coding_scheme import Coding
from device_bridge.sms.cursor import Cursor
from device_bridge.sms.packing import octet_count, unpack

MAX_OCTETS = 140
MAX_SEPTETS = 160

IE_CONCATENATION_8 = 0x00
IE_PORTS_8 = 0x04
IE_PORTS_16 = 0x05
IE_CONCATENATION_16 = 0x08
IE_SINGLE_SHIFT = 0x24
IE_LOCKING_SHIFT = 0x25


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Which part of which set: ``number`` 1..``total``; ``reference`` has ``ref_bits`` (8 or 16) bits."""

    reference: int
    total: int
    number: int
    ref_bits: int = 8


@dataclass(frozen=True, slots=True)
class Header:
    """What we use of a user data header. ``ports`` are (destination, source); the shifts number languages."""

    concatenation: Concatenation | None = None
    ports: tuple[int, int] | None = None
    locking: int = 0
    single_shift: int = 0


NO_HEADER = Header()


@dataclass(frozen=True, slots=True)
class UserData:
    """TP-UD, decoded. ``ud`` is the body after the header: septets, one per byte, for gsm7, octets otherwise.

    ``text`` is None for 8bit, ``octets`` is None for text. ``udh`` leaves its length octet out.
    ``udh_ignored``: the elements did not add up, so none of them counts.
    """

    coding: Coding
    text: str | None
    octets: bytes | None
    ud: bytes
    udh: bytes = b""
    udh_ignored: bool = False
    header: Header = NO_HEADER


def decode_user_data(cursor: Cursor, coding: Coding, *, has_header: bool) -> UserData:
    """Decode TP-UDL and TP-UD at the cursor.

    Raises:
        DecodeError: longer than 160 septets or 140 octets, cut off, or a header longer than the user data.

    Source: 3GPP TS 23.040 §9.2.3.16, §9.2.3.24
    """
    at = cursor.at
    length = cursor.octet("TP-UDL")
    limit, unit = (MAX_SEPTETS, "septets") if coding == "gsm7" else (MAX_OCTETS, "octets")
    if length > limit:
        raise DecodeError("TP-UDL", at, f"more than {limit} {unit} are announced ({length})")
    octets = cursor.take(octet_count(length) if coding == "gsm7" else length, "TP-UD")
    if not has_header:
        ud = unpack(octets, length) if coding == "gsm7" else octets
        return _with_body(coding, ud, b"", NO_HEADER)
    udh = _header_octets(octets, at + 1)
    before = 1 + len(udh)
    if coding == "gsm7":
        skipped = (before * 8 + 6) // 7
        if skipped > length:
            raise DecodeError("TP-UDHL", at + 1, f"the header is longer than {length} septets of user data")
        ud = unpack(octets[before:], length - skipped, skipped * 7 - before * 8)
    else:
        ud = octets[before:]
    return _with_body(coding, ud, udh, decode_header(udh))


def decode_header(udh: bytes) -> Header | None:
    """Read the elements of a header (without its length octet); None when they do not add up.

    An element that comes twice: the last valid one counts. One of a wrong length or an unknown kind is
    skipped.

    Source: 3GPP TS 23.040 §9.2.3.24
    """
    concatenation: Concatenation | None = None
    ports: tuple[int, int] | None = None
    shifts = {IE_LOCKING_SHIFT: 0, IE_SINGLE_SHIFT: 0}
    at = 0
    while at < len(udh):
        if at + 2 > len(udh) or at + 2 + udh[at + 1] > len(udh):
            return None
        kind = udh[at]
        value = udh[at + 2 : at + 2 + udh[at + 1]]
        at += 2 + len(value)
        if kind in {IE_CONCATENATION_8, IE_CONCATENATION_16}:
            concatenation = _concatenation(kind, value) or concatenation
        elif kind in {IE_PORTS_8, IE_PORTS_16}:
            ports = _ports(kind, value) or ports
        elif kind in shifts and len(value) == 1:
            shifts[kind] = value[0]
    return Header(concatenation, ports, shifts[IE_LOCKING_SHIFT], shifts[IE_SINGLE_SHIFT])


def decode_body(coding: Coding, ud: bytes, header: Header = NO_HEADER) -> str | None:
    """Turn a body into text, None for 8bit. Half a surrogate pair or a lone octet shows U+FFFD.

    Source: 3GPP TS 23.038 §6.2.1, §6.2.3
    """
    if coding == "gsm7":
        return decode_septets(ud, header.locking, header.single_shift)
    return ud.decode("utf-16-be", "replace") if coding == "ucs2" else None


def concatenation_element(concatenation: Concatenation) -> bytes:
    """Encode the element that says which part of a set this is."""
    numbers = bytes([concatenation.total, concatenation.number])
    if concatenation.ref_bits == 16:
        return bytes([IE_CONCATENATION_16, 4]) + concatenation.reference.to_bytes(2, "big") + numbers
    return bytes([IE_CONCATENATION_8, 3, concatenation.reference]) + numbers


def port_element(destination: int, source: int = 0) -> bytes:
    """Encode the element of 16-bit application ports."""
    return bytes([IE_PORTS_16, 4]) + destination.to_bytes(2, "big") + source.to_bytes(2, "big")


def _with_body(coding: Coding, ud: bytes, udh: bytes, header: Header | None) -> UserData:
    used = header or NO_HEADER
    return UserData(
        coding=coding,
        text=decode_body(coding, ud, used),
        octets=ud if coding == "8bit" else None,
        ud=ud,
        udh=udh,
        udh_ignored=header is None,
        header=used,
    )


def _header_octets(octets: bytes, at: int) -> bytes:
    if not octets:
        raise DecodeError("TP-UDHL", at, "a header is announced, the user data is empty")
    if 1 + octets[0] > len(octets):
        raise DecodeError("TP-UDHL", at, f"a header of {octets[0]} octets is longer than the user data")
    return octets[1 : 1 + octets[0]]


def _concatenation(kind: int, value: bytes) -> Concatenation | None:
    width = 2 if kind == IE_CONCATENATION_16 else 1
    if len(value) != width + 2:
        return None
    total, number = value[width], value[width + 1]
    if not 1 <= number <= total:
        return None
    return Concatenation(int.from_bytes(value[:width], "big"), total, number, width * 8)


def _ports(kind: int, value: bytes) -> tuple[int, int] | None:
    width = 2 if kind == IE_PORTS_16 else 1
    if len(value) != width * 2:
        return None
    return int.from_bytes(value[:width], "big"), int.from_bytes(value[width:], "big")
