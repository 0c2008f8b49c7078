"""Owns the packing of septets into octets and back, with fill bits, and the padding that USSD adds.

Knows no alphabet and no length field: the caller says how many septets there are.
Source: 3GPP TS 23.038 §6.1.2.1 (SMS) and §6.1.2.3 (USSD); tests/vectors/gsm7.toml
"""

from __future__ import annotations

from functools import lru_cache

_CARRIAGE_RETURN = 0x0D
# Eight septets make seven octets. All groups of eight are squeezed at once, in three steps over one long
# integer: 8 lanes of 7 bits to 4 of 14, to 2 of 28, to 1 of 56.
_STEPS = (
    (0x007F007F007F007F, 0x7F007F007F007F00, 1),
    (0x00003FFF00003FFF, 0x3FFF00003FFF0000, 2),
    (0x000000000FFFFFFF, 0x0FFFFFFF00000000, 4),
)
_SPREAD_STEPS = (
    (0x000000000FFFFFFF, 0x00FFFFFFF0000000, 4),
    (0x00003FFF00003FFF, 0x0FFFC0000FFFC000, 2),
    (0x007F007F007F007F, 0x3F803F803F803F80, 1),
)


def octet_count(septets: int, fill_bits: int = 0) -> int:
    """Count the octets that hold so many septets after ``fill_bits`` zero bits."""
    return (septets * 7 + fill_bits + 7) // 8


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """Pack septets into octets, the first septet in the low bits.

    Args:
        septets: One per byte, 0..0x7F.
        fill_bits: Zero bits, 0..6, that come before the first septet so that it begins on a septet border
            of TP-UD.

    Returns:
        ``octet_count(len(septets), fill_bits)`` octets.

    Source: 3GPP TS 23.038 §6.1.2.1.1, 23.040 §9.2.3.24; tests/vectors/gsm7.toml
    """
    count = len(septets)
    groups = (count + 7) // 8
    bits = int.from_bytes(septets, "little")
    for low, high, shift in _masks(groups, _STEPS):
        bits = (bits & low) | ((bits & high) >> shift)
    octets = bytearray(bits.to_bytes(groups * 8, "little"))
    del octets[7::8]
    if fill_bits:
        bits = int.from_bytes(octets, "little") << fill_bits
        return bits.to_bytes(octet_count(count, 0) + 1, "little")[: octet_count(count, fill_bits)]
    return bytes(octets[: octet_count(count)])


def unpack(octets: bytes, count: int, fill_bits: int = 0) -> bytes:
    """Unpack ``count`` septets; octets that are missing count as zero bits, further ones are left alone.

    Returns:
        ``count`` septets, one per byte, 0..0x7F.

    Source: 3GPP TS 23.038 §6.1.2.1.1
    """
    groups = (count + 7) // 8
    shifted = _without_fill(octets, fill_bits) if fill_bits else octets
    packed = shifted[: groups * 7].ljust(groups * 7, b"\0")
    lanes = bytearray(groups * 8)
    for column in range(7):
        lanes[column::8] = packed[column::7]
    bits = int.from_bytes(lanes, "little")
    for low, high, shift in _masks(groups, _SPREAD_STEPS):
        bits = (bits & low) | ((bits & high) << shift)
    return bits.to_bytes(groups * 8, "little")[:count]


def pack_ussd(septets: bytes) -> bytes:
    """Pack for USSD: seven spare bits carry CR instead of ``@``, and a real CR that ends on an octet is
    doubled.

    Source: 3GPP TS 23.038 §6.1.2.3.1; tests/vectors/gsm7.toml
    """
    spare_septet = len(septets) % 8 == 7
    doubled = bool(septets) and len(septets) % 8 == 0 and septets[-1] == _CARRIAGE_RETURN
    return pack(septets + bytes([_CARRIAGE_RETURN])) if spare_septet or doubled else pack(septets)


def unpack_ussd(octets: bytes) -> bytes:
    """Unpack what :func:`pack_ussd` made; a CR in the last seven bits of a full octet group is padding.

    Source: 3GPP TS 23.038 §6.1.2.3.1
    """
    septets = unpack(octets, len(octets) * 8 // 7)
    if septets and len(septets) % 8 == 0 and septets[-1] == _CARRIAGE_RETURN:
        return septets[:-1]
    if len(septets) % 8 == 1 and septets[-2:] == b"\r\r":
        return septets[:-1]
    return septets


def _without_fill(octets: bytes, fill_bits: int) -> bytes:
    return (int.from_bytes(octets, "little") >> fill_bits).to_bytes(len(octets), "little")


@lru_cache(maxsize=128)
def _masks(groups: int, steps: tuple[tuple[int, int, int], ...]) -> tuple[tuple[int, int, int], ...]:
    ones = int.from_bytes(b"\1\0\0\0\0\0\0\0" * groups, "little")
    return tuple((low * ones, high * ones, shift) for low, high, shift in steps)
