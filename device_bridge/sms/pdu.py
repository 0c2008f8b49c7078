"""Owns the line of +CMGR, +CMGL, +CMT and +CDS in PDU mode: hexadecimal digits, then SCA and TPDU.

Knows no AT command; what is inside the TPDU is for ``tpdu``.
Source: 3GPP TS 27.005 §3.1 (<pdu>, <length>); tests/vectors/malformed.toml
"""

from __future__ import annotations

from device_bridge.errors import DecodeError
from device_bridge.sms.address import Address, decode_sca, encode_sca
from device_bridge.sms.cursor import Cursor

_HEX = frozenset("0123456789abcdefABCDEF")


def parse_hex(line: str) -> bytes:
    """Turn the digits of a line into octets.

    Raises:
        DecodeError: ``field`` is PDU; nothing there, an odd number of digits, or something that is no ASCII
            hex digit.

    Source: 3GPP TS 27.005 §3.1
    """
    if not line:
        raise DecodeError("PDU", 0, "there is nothing to decode")
    if not _HEX.issuperset(line):
        index, char = next((i, c) for i, c in enumerate(line) if c not in _HEX)
        raise DecodeError("PDU", index // 2, f"{char!r} at digit {index} is not hexadecimal")
    if len(line) % 2:
        raise DecodeError("PDU", len(line) // 2, f"{len(line)} digits: an octet has two, so one is missing")
    return bytes.fromhex(line)


def split_sca(pdu: bytes, tpdu_length: int | None = None) -> tuple[str | None, bytes]:
    """Split what a modem shows into service centre and TPDU.

    Args:
        pdu: Octets of the line, SCA first.
        tpdu_length: The length that the modem announced, to be compared; None where its maker counts the
            SCA in.

    Returns:
        Number of the service centre ("+4540390999", None when absent) and the TPDU.

    Raises:
        DecodeError: the SCA is longer than the line, nothing follows it, or the length disagrees.

    Source: 3GPP TS 27.005 §3.1, 24.011 §8.2.5.1
    """
    cursor = Cursor(pdu)
    smsc = decode_sca(cursor)
    tpdu = pdu[cursor.at :]
    if not tpdu:
        raise DecodeError("PDU", cursor.at, "no TPDU follows the service centre address")
    if tpdu_length is not None and tpdu_length != len(tpdu):
        raise DecodeError("PDU", cursor.at, f"{tpdu_length} octets announced, the TPDU has {len(tpdu)}")
    return (None if smsc is None else smsc.text), tpdu


def join_sca(smsc: str | None, tpdu: bytes) -> bytes:
    """Put the service centre before a TPDU; None takes the one of the SIM. ``AT+CMGS`` counts the TPDU only.

    Raises:
        EncodeError: ``smsc`` is no number.

    Source: 3GPP TS 27.005 §3.1
    """
    return encode_sca(None if smsc is None else Address.parse(smsc)) + tpdu
