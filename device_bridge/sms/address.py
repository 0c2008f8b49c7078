"""Owns address elements: TP-DA, TP-OA, TP-RA and the SCA, numeric and alphanumeric, in both directions.

Knows no number plan: what is a good telephone number is decided before the codec.
Source: 3GPP TS 23.040 §9.1.2.5 (TP addresses), 24.011 §8.2.5.1 (RP address of the SC).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from device_bridge.errors import DecodeError, EncodeError
from device_bridge.sms.alphabet import decode_septets, encode_septets
from device_bridge.sms.cursor import Cursor
from device_bridge.sms.packing import pack, unpack

TON_UNKNOWN = 0
TON_INTERNATIONAL = 1
TON_ALPHANUMERIC = 5
NPI_UNKNOWN = 0
NPI_ISDN = 1

MAX_SEMI_OCTETS = 20
"""Ten octets of Address-Value (23.040 §9.1.2.5)."""
MAX_ALPHANUMERIC_SEPTETS = 11
"""What ten octets hold: 80 bits of 7."""

_DIGITS = "0123456789*#abcf"
_PAIRS = tuple(_DIGITS[octet & 0x0F] + _DIGITS[octet >> 4] for octet in range(256))
_DIALLABLE = re.compile(r"\+?[0-9*#]{1,20}", re.ASCII)
_ENCODABLE = re.compile(r"[0-9*#abc]{0,20}", re.ASCII)
_TO_HEX = str.maketrans("*#abc", "ABCDE")


@dataclass(frozen=True, slots=True)
class Address:
    """Who a text goes to or comes from.

    ``digits`` holds what the semi-octets say ("4512345678", "1*2#3"), or the text itself when ``ton`` is 5
    (alphanumeric). ``ton`` and ``npi`` are type of number and numbering plan, 0..7 and 0..15.
    """

    digits: str
    ton: int = TON_UNKNOWN
    npi: int = NPI_ISDN

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read a destination as people write it: "+4512345678" (international) or "12345" (type unknown).

        Raises:
            EncodeError: ``field`` is TP-DA; nothing was sent. Letters, spaces, signs inside, more than 20
                digits.

        Source: 3GPP TS 23.040 §9.1.2.5; tests/vectors/submit.toml
        """
        if not _DIALLABLE.fullmatch(text):
            raise EncodeError("TP-DA", f"{text[:40]!r} is no number: {_why_not_diallable(text)}")
        if text[0] == "+":
            return cls(text[1:], TON_INTERNATIONAL)
        return cls(text)

    @property
    def text(self) -> str:
        """The address as people write it; an international number with its plus sign."""
        return f"+{self.digits}" if self.ton == TON_INTERNATIONAL else self.digits

    @property
    def is_alphanumeric(self) -> bool:
        """Say whether this is a name, to which nobody can answer."""
        return self.ton == TON_ALPHANUMERIC

    @property
    def toa(self) -> int:
        """Type-of-Address octet, 0x80..0xFF."""
        return 0x80 | self.ton << 4 | self.npi


def encode_address(address: Address, field: str = "TP-DA") -> bytes:
    """Encode a TP address: length in semi-octets, type, value.

    Raises:
        EncodeError: too long, or a character that semi-octets (or GSM-7, for a name) cannot carry.

    Source: 3GPP TS 23.040 §9.1.2.5
    """
    if address.is_alphanumeric:
        septets = encode_septets(address.digits)
        if len(septets) > MAX_ALPHANUMERIC_SEPTETS:
            raise EncodeError(field, f"a name has at most 11 septets, {address.digits!r} has {len(septets)}")
        return bytes([(len(septets) * 7 + 3) // 4, address.toa]) + pack(septets)
    if not _ENCODABLE.fullmatch(address.digits):
        raise EncodeError(field, f"{address.digits[:40]!r}: up to 20 of 0-9 * # a b c can be sent")
    return bytes([len(address.digits), address.toa]) + _semi_octets(address.digits)


def decode_address(cursor: Cursor, field: str) -> Address:
    """Decode a TP address at the cursor.

    Raises:
        DecodeError: more than 20 semi-octets, or cut off.

    Source: 3GPP TS 23.040 §9.1.2.5; tests/vectors/deliver.toml
    """
    at = cursor.at
    length = cursor.octet(field)
    if length > MAX_SEMI_OCTETS:
        raise DecodeError(field, at, f"an address has at most 20 semi-octets, this one says {length}")
    toa = cursor.octet(field)
    value = cursor.take((length + 1) // 2, field)
    ton = toa >> 4 & 0x07
    if ton == TON_ALPHANUMERIC:
        return Address(decode_septets(unpack(value, length * 4 // 7)), ton, toa & 0x0F)
    return Address(_digits(value)[:length].replace("f", ""), ton, toa & 0x0F)


def encode_sca(address: Address | None) -> bytes:
    """Encode the service centre address that stands before a TPDU in PDU mode; None: the one of the SIM.

    Raises:
        EncodeError: ``field`` is SCA.

    Source: 3GPP TS 27.005 §3.1 (<pdu>), 24.011 §8.2.5.1
    """
    if address is None:
        return b"\0"
    if address.is_alphanumeric or not address.digits or not _ENCODABLE.fullmatch(address.digits):
        raise EncodeError("SCA", f"{address.digits[:40]!r} is no number of a service centre")
    value = _semi_octets(address.digits)
    return bytes([1 + len(value), address.toa]) + value


def decode_sca(cursor: Cursor) -> Address | None:
    """Decode the service centre address before a TPDU; None when there is none.

    Raises:
        DecodeError: ``field`` is SCA; it is longer than what is there.

    Source: 3GPP TS 27.005 §3.1 (<pdu>), 24.011 §8.2.5.1
    """
    length = cursor.octet("SCA")
    if length == 0:
        return None
    value = cursor.take(length, "SCA")
    digits = _digits(value[1:]).replace("f", "")
    return Address(digits, value[0] >> 4 & 0x07, value[0] & 0x0F) if digits else None


def _digits(value: bytes) -> str:
    return "".join([_PAIRS[octet] for octet in value])


def _semi_octets(digits: str) -> bytes:
    padded = digits.translate(_TO_HEX) + "F" * (len(digits) % 2)
    swapped = bytearray(bytes.fromhex(padded))
    return bytes([octet >> 4 | (octet & 0x0F) << 4 for octet in swapped])


def _why_not_diallable(text: str) -> str:
    bare = text.removeprefix("+")
    if not bare:
        return "it has no digits"
    if len(bare) > MAX_SEMI_OCTETS:
        return f"at most 20 digits fit, this has {len(bare)}"
    wrong = next((char for char in bare if char not in "0123456789*#"), "+")
    return f"remove {wrong!r}; only 0-9, * and # after an optional + can be a destination"
