"""Owns the PDUs that a phone is handed by its network: DELIVER and STATUS-REPORT, service centre address in front.

Refuses to know the product's codec: every octet is laid out here. Texts are GSM-7 where each character has its ASCII
code in the default alphabet, else UCS-2. Source: 3GPP TS 23.040 §9.1.2.5, §9.2.2.1, §9.2.2.3; 23.038 §6.1.2.1, §6.2.1.
"""

from __future__ import annotations

from datetime import UTC, datetime

SMSC = "+447785016005"
SAME_AS_ASCII = frozenset(
    " !\"#%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
INTERNATIONAL, UNKNOWN = 0x91, 0x81
FIRST_OF_DELIVER = 0x04
"""TP-MTI 00, TP-MMS 1: no more messages wait."""
FIRST_OF_REPORT = 0x06
UDHI = 0x40
SEPTETS, SEPTETS_IN_SET = 160, 153
UNITS, UNITS_IN_SET = 70, 67
UCS2 = 0x08


def deliver(sender: str, text: str, at_ms: int, reference: int = 0) -> list[str]:
    """Write the DELIVER PDUs of a text, one per part, as upper-case hex with the service centre's address.

    ``reference`` is the concatenation reference, 0..255, of a text of several parts.
    """
    plain = set(text) <= SAME_AS_ASCII
    whole, of_set = (SEPTETS, SEPTETS_IN_SET) if plain else (UNITS, UNITS_IN_SET)
    pieces = [text] if _units(text, plain=plain) <= whole else _divided(text, of_set, plain=plain)
    pdus = []
    for number, piece in enumerate(pieces, 1):
        header = bytes((5, 0, 3, reference, len(pieces), number)) if len(pieces) > 1 else b""
        first = FIRST_OF_DELIVER | (UDHI if header else 0)
        dcs = 0 if plain else UCS2
        tpdu = bytes((first,)) + address(sender) + bytes((0, dcs)) + timestamp(at_ms)
        pdus.append((service_centre() + tpdu + _user_data(header, piece, plain=plain)).hex().upper())
    return pdus


def status_report(to: str, mr: int, times_ms: tuple[int, int], st: int = 0) -> str:
    """Write the STATUS-REPORT of a part; ``times_ms`` are when the SMSC took it and when it was discharged."""
    taken_ms, discharged_ms = times_ms
    tpdu = bytes((FIRST_OF_REPORT, mr)) + address(to)
    tpdu += timestamp(taken_ms) + timestamp(discharged_ms) + bytes((st,))
    return (service_centre() + tpdu).hex().upper()


def address(number: str) -> bytes:
    """Write TP-OA or TP-RA of a number of digits, with or without +."""
    digits = number.removeprefix("+")
    kind = INTERNATIONAL if number.startswith("+") else UNKNOWN
    return bytes((len(digits), kind)) + semi_octets(digits)


def service_centre() -> bytes:
    octets = bytes((INTERNATIONAL,)) + semi_octets(SMSC[1:])
    return bytes((len(octets),)) + octets


def semi_octets(digits: str) -> bytes:
    padded = digits + "F" * (len(digits) % 2)
    return bytes.fromhex("".join(padded[i + 1] + padded[i] for i in range(0, len(padded), 2)))


def timestamp(at_ms: int) -> bytes:
    """Write TP-SCTS or TP-DT in UTC."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return semi_octets(moment.strftime("%y%m%d%H%M%S") + "00")


def _units(text: str, *, plain: bool) -> int:
    return len(text) if plain else len(text.encode("utf-16-be")) // 2


def _divided(text: str, size: int, *, plain: bool) -> list[str]:
    pieces = [""]
    for character in text:
        if _units(pieces[-1] + character, plain=plain) > size:
            pieces.append("")
        pieces[-1] += character
    return pieces


def _user_data(header: bytes, text: str, *, plain: bool) -> bytes:
    if not plain:
        octets = header + text.encode("utf-16-be")
        return bytes((len(octets),)) + octets
    skipped = (len(header) * 8 + 6) // 7
    bits = int.from_bytes(header, "little")
    for position, character in enumerate(text):
        bits |= ord(character) << 7 * (skipped + position)
    septets = skipped + len(text)
    return bytes((septets,)) + bits.to_bytes((septets * 7 + 7) // 8, "little")
