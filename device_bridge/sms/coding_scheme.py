"""Owns TP-DCS: one octet to alphabet and message class, and back for what we send.

Knows nothing of the user data itself. A reserved scheme means the default alphabet (23.038 clause 4).
Source: 3GPP TS 23.038 §4; tests/vectors/deliver.toml
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

Coding = Literal["gsm7", "ucs2", "8bit"]

CODINGS: tuple[Coding, Coding, Coding, Coding] = ("gsm7", "8bit", "ucs2", "gsm7")
"""By bits 3..2 of the general group; 3 is reserved."""
_DCS_OF_CODING: dict[Coding, int] = {"gsm7": 0x00, "8bit": 0x04, "ucs2": 0x08}
_COMPRESSED = 0x20
_HAS_CLASS = 0x10


@dataclass(frozen=True, slots=True)
class CodingScheme:
    """What TP-DCS says. ``message_class`` 0 is shown at once (flash), 1 ME, 2 SIM, 3 TE; None: no class."""

    coding: Coding
    message_class: int | None = None


@cache
def coding_scheme(dcs: int) -> CodingScheme:
    """Read TP-DCS, 0..255; every value means something.

    Compressed text (23.042) counts as 8-bit data: its TP-UDL counts octets and nobody else can read it
    either.

    Source: 3GPP TS 23.038 §4
    """
    group = dcs >> 4
    if group <= 0x7:
        coding: Coding = "8bit" if dcs & _COMPRESSED else CODINGS[dcs >> 2 & 0x03]
        return CodingScheme(coding, dcs & 0x03 if dcs & _HAS_CLASS else None)
    if group == 0xF:
        return CodingScheme("8bit" if dcs & 0x04 else "gsm7", dcs & 0x03)
    return CodingScheme("ucs2" if group == 0xE else "gsm7")


def encode_dcs(coding: Coding, message_class: int | None = None) -> int:
    """Make the TP-DCS octet of the general group, uncompressed."""
    base = _DCS_OF_CODING[coding]
    return base if message_class is None else base | _HAS_CLASS | message_class
