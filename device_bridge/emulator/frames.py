"""Owns the TPDUs of the service centre's side: takes a SUBMIT apart, builds DELIVER and STATUS-REPORT.

Refuses to know alphabets and texts: user data travels as the octets that the sender packed.
Source: 3GPP TS 23.040 §9.1.2.5, §9.2.2.1–9.2.2.3, §9.2.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

MTI_SUBMIT: Final = 0x01
BIT_RD: Final = 0x04
BIT_MORE_MESSAGES: Final = 0x04  # TP-MMS: 0 = more are waiting, 1 = none
BIT_SRR: Final = 0x20
BIT_UDHI: Final = 0x40
TON_INTERNATIONAL: Final = 0x91
TON_UNKNOWN: Final = 0x81
TON_ALPHANUMERIC: Final = 0xD0
DEFAULT_VALIDITY_S: Final = 2 * 86_400  # what our SMSC keeps a text without TP-VP
LONGEST_USER_DATA: Final = 140  # octets, 23.040 §9.2.3.16
IE_CONCATENATED_8: Final = 0x00
IE_CONCATENATED_16: Final = 0x08


@dataclass(frozen=True, slots=True)
class SubmitFrame:
    """The elements of one SUBMIT that a service centre looks at. ``user_data`` is what follows TP-UDL."""

    flags: int
    mr: int
    destination: str
    destination_octets: bytes
    pid: int
    dcs: int
    validity_s: int
    udl: int
    user_data: bytes

    @property
    def wants_report(self) -> bool:
        return bool(self.flags & BIT_SRR)

    @property
    def rejects_duplicates(self) -> bool:
        return bool(self.flags & BIT_RD)

    @property
    def header(self) -> bytes:
        """TP-UDH with its length octet, or nothing."""
        if not self.flags & BIT_UDHI or not self.user_data:
            return b""
        return self.user_data[: self.user_data[0] + 1]

    @property
    def part_number(self) -> int:
        """Sequence number in a concatenated set; 1 for a text of one part."""
        octets = self.header[1:]
        while len(octets) >= 2:
            identifier, length = octets[0], octets[1]
            if identifier in {IE_CONCATENATED_8, IE_CONCATENATED_16} and length in {3, 4}:
                return octets[1 + length] if len(octets) > 1 + length else 1
            octets = octets[2 + length :]
        return 1


def parse_submit(tpdu: bytes) -> SubmitFrame:
    """Take a SUBMIT apart by position.

    Raises:
        ValueError: the octets end early, are too many, or are no SUBMIT.

    Source: 3GPP TS 23.040 §9.2.2.2
    """
    if len(tpdu) < 2 or tpdu[0] & 0x03 != MTI_SUBMIT:
        raise ValueError("TP-MTI is not SMS-SUBMIT")
    try:
        address_end = 4 + (tpdu[2] + 1) // 2
        address = tpdu[2:address_end]
        pid, dcs = tpdu[address_end], tpdu[address_end + 1]
        vp_end = address_end + 2 + _VP_LENGTH[tpdu[0] >> 3 & 0x03]
        validity_s = _validity_s(tpdu[0] >> 3 & 0x03, tpdu[address_end + 2 : vp_end])
        udl = tpdu[vp_end]
    except IndexError:
        raise ValueError("SUBMIT ends early") from None
    user_data = tpdu[vp_end + 1 :]
    if len(user_data) > LONGEST_USER_DATA or len(user_data) != _user_data_octets(dcs, udl):
        raise ValueError(f"TP-UDL {udl} does not fit {len(user_data)} octets of user data")
    return SubmitFrame(tpdu[0], tpdu[1], _dialled(address), address, pid, dcs, validity_s, udl, user_data)


def with_reference(tpdu: bytes, mr: int) -> bytes:
    """Put the SIM's own TP-MR into a SUBMIT, as a modem does."""
    return tpdu[:1] + bytes((mr,)) + tpdu[2:]


def deliver_from(frame: SubmitFrame, originator: str, at_ms: int) -> bytes:
    """Turn an accepted SUBMIT into the DELIVER that the recipient gets; TP-MMS says that no more wait."""
    head = bytes((BIT_MORE_MESSAGES | frame.flags & BIT_UDHI,))
    tail = bytes((frame.pid, frame.dcs)) + timestamp(at_ms) + bytes((frame.udl,)) + frame.user_data
    return head + encode_address(originator) + tail


def status_report(frame: SubmitFrame, mr: int, accepted_ms: int, discharged_ms: int, st: int) -> bytes:
    """Build the STATUS-REPORT of a SUBMIT (without TP-PI); TP-RA is the destination as it was dialled."""
    head = bytes((0x02 | BIT_MORE_MESSAGES, mr))
    return head + frame.destination_octets + timestamp(accepted_ms) + timestamp(discharged_ms) + bytes((st,))


def timestamp(at_ms: int) -> bytes:
    """TP-SCTS in UTC: seven octets of swapped digits, zone 00. Source: 3GPP TS 23.040 §9.2.3.11."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return bytes.fromhex(_swapped(moment.strftime("%y%m%d%H%M%S") + "00"))


def encode_address(number: str) -> bytes:
    """Encode an originating address: +digits, digits, or up to 11 ASCII letters, digits, blanks.

    Raises:
        ValueError: the sender cannot stand in TP-OA.

    Source: 3GPP TS 23.040 §9.1.2.5
    """
    digits = number.removeprefix("+")
    if digits.isascii() and digits.isdigit() and len(digits) <= 20:
        type_octet = TON_INTERNATIONAL if number.startswith("+") else TON_UNKNOWN
        return bytes((len(digits), type_octet)) + bytes.fromhex(_swapped(digits))
    if not 1 <= len(number) <= 11 or not all(c.isascii() and (c.isalnum() or c in " .-&") for c in number):
        raise ValueError(
            f"from: {number!r} is neither a number nor 1 to 11 ASCII letters, digits, blanks, . - &"
        )
    packed = pack_septets(number.encode("ascii"))
    return bytes(((len(number) * 7 + 3) // 4, TON_ALPHANUMERIC)) + packed


_VP_LENGTH: Final = (0, 7, 1, 7)  # by TP-VPF: none, enhanced, relative, absolute


def _validity_s(vpf: int, vp: bytes) -> int:
    if vpf != 2:  # absolute and enhanced are honoured by their presence only: our SMSC keeps texts two days
        return DEFAULT_VALIDITY_S
    value = vp[0]
    if value <= 143:
        return (value + 1) * 300
    if value <= 167:
        return 12 * 3600 + (value - 143) * 1800
    return (value - 166) * 86_400 if value <= 196 else (value - 192) * 7 * 86_400


def _user_data_octets(dcs: int, udl: int) -> int:
    octet_coded = dcs & 0xC0 == 0 and dcs & 0x0C in {0x04, 0x08}
    octet_coded = octet_coded or (dcs & 0xF4 == 0xF4) or (dcs & 0xF0 == 0xE0)
    return udl if octet_coded else (udl * 7 + 7) // 8


def _dialled(address: bytes) -> str:
    digits = "".join(_SEMI_OCTETS[octet & 0x0F] + _SEMI_OCTETS[octet >> 4] for octet in address[2:])
    digits = digits[: address[0]]
    if not digits or not set(digits) <= set("0123456789*#"):
        raise ValueError("TP-DA has no dialling digits")
    return "+" + digits if address[1] & 0x70 == 0x10 else digits


_SEMI_OCTETS: Final = "0123456789*#abc "


def _swapped(digits: str) -> str:
    padded = digits + "F" * (len(digits) % 2)
    return "".join(padded[i + 1] + padded[i] for i in range(0, len(padded), 2))


def pack_septets(septets: bytes) -> bytes:
    """Pack septets into octets, first septet in the low bits. Source: 3GPP TS 23.038 §6.1.2.1."""
    bits = sum(septet << (7 * position) for position, septet in enumerate(septets))
    return bits.to_bytes((len(septets) * 7 + 7) // 8, "little")
