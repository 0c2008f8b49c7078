"""Owns the GSM 7 bit alphabet: text to septets (default and extension table) and back (every national table).

Knows nothing of octets, headers or lengths; a septet is one byte, 0..0x7F. We encode with the default
tables only, because every handset reads those; national tables are for what others send.
Source: 3GPP TS 23.038 §6.2.1 and Annex A; tests/vectors/gsm7.toml
"""

from __future__ import annotations

import codecs
from functools import cache

from device_bridge.errors import EncodeError
from device_bridge.sms.national_locking import LOCKING_ROWS
from device_bridge.sms.national_shift import SINGLE_SHIFT_ROWS

ESCAPE = 0x1B
"""Septet that takes the next one from the single shift table (23.038 §6.2.1, note 1)."""

REPLACEMENT = "\ufffd"
"""Shown for a position that a national locking table leaves without a character."""

# A space stands at the escape position: what a receiver shows that does not know the escaped table (§6.2.1).
DEFAULT_TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)

EXTENSION_TABLE: dict[int, str] = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}

_SEPTETS: dict[str, bytes] = {
    **{char: bytes([septet]) for septet, char in enumerate(DEFAULT_TABLE) if septet != ESCAPE},
    **{char: bytes([ESCAPE, septet]) for septet, char in EXTENSION_TABLE.items()},
}
# U+FFFE tells codecs.charmap_build that the position has no character.
_ENCODING_MAP = codecs.charmap_build(DEFAULT_TABLE[:ESCAPE] + "\ufffe" + DEFAULT_TABLE[ESCAPE + 1 :])
_NAMED_CELLS = {"SP": " ", "LF": "\n", "CR": "\r", "FF": "\f"}

GSM7_CHARACTERS = frozenset(_SEPTETS)
"""Every character of the default and extension tables."""


def is_gsm7(text: str) -> bool:
    """Say whether every character is in the default or extension table."""
    return GSM7_CHARACTERS.issuperset(text)


def not_gsm7(text: str) -> tuple[tuple[int, str], ...]:
    """List what forces UCS-2: (index in code points, character), in order of the text."""
    return tuple((index, char) for index, char in enumerate(text) if char not in _SEPTETS)


def septets_of(char: str) -> int | None:
    """Count the septets of one character: 1, 2 with the escape, or None when GSM-7 has it not."""
    encoded = _SEPTETS.get(char)
    return None if encoded is None else len(encoded)


def encode_septets(text: str) -> bytes:
    """Turn text into septets of the default alphabet, extension characters as two.

    Args:
        text: Any text.

    Returns:
        Septets, one per byte, 0..0x7F.

    Raises:
        EncodeError: ``field`` is TP-UD; names the first character that does not fit, and its index.

    Source: 3GPP TS 23.038 §6.2.1; tests/vectors/gsm7.toml
    """
    try:
        return codecs.charmap_encode(text, "strict", _ENCODING_MAP)[0]
    except UnicodeEncodeError:
        pass
    try:
        return b"".join(map(_SEPTETS.__getitem__, text))
    except KeyError:
        index, char = next((i, c) for i, c in enumerate(text) if c not in _SEPTETS)
    raise EncodeError(
        "TP-UD",
        f"character {describe(char)} at index {index} is not in the GSM 7 bit alphabet;"
        " replace it, or send as UCS-2",
    )


def decode_septets(septets: bytes, locking: int = 0, single_shift: int = 0) -> str:
    """Turn septets into text; never fails, since every septet shows something.

    An escaped position without a character shows the locking table's; an escape at the end, or followed by
    another, shows a space; a number of a language that is not defined means the default table.

    Args:
        septets: One per byte, 0..0x7F.
        locking: National language number of the locking shift table (IE 0x25), 0 for the default.
        single_shift: National language number of the single shift table (IE 0x24), 0 for the default.

    Source: 3GPP TS 23.038 §6.2.1.2.2 to §6.2.1.2.5; tests/vectors/gsm7.toml
    """
    table = locking_table(locking)
    end = septets.find(ESCAPE)
    if end < 0:
        return codecs.charmap_decode(septets, "strict", table)[0]
    shifted = single_shift_table(single_shift)
    shown: list[str] = []
    begin = 0
    while end >= 0:
        shown.append(codecs.charmap_decode(septets[begin:end], "strict", table)[0])
        code = septets[end + 1] if end + 1 < len(septets) else ESCAPE
        shown.append(shifted.get(code, table[code]))
        begin = end + 2
        end = septets.find(ESCAPE, begin)
    shown.append(codecs.charmap_decode(septets[begin:], "strict", table)[0])
    return "".join(shown)


@cache
def locking_table(language: int) -> str:
    """Give the 128 characters of a locking shift table, a space at the escape; else the default one."""
    rows = LOCKING_ROWS.get(language)
    if rows is None:
        return DEFAULT_TABLE
    cells = _cells(rows)
    cells[ESCAPE] = " "
    return "".join(cells.get(septet, REPLACEMENT) for septet in range(128))


@cache
def single_shift_table(language: int) -> dict[int, str]:
    """Give the characters of a single shift table by septet; the default extension table if undefined."""
    rows = SINGLE_SHIFT_ROWS.get(language)
    return EXTENSION_TABLE if rows is None else _cells(rows)


def describe(char: str) -> str:
    """Name a character for a person: itself when it can be shown, and its code point."""
    code = f"U+{ord(char):04X}"
    return f"{char!r} ({code})" if char.isprintable() else code


def _cells(rows: str) -> dict[int, str]:
    cells: dict[int, str] = {}
    for line in rows.strip().splitlines():
        first, *row = line.split()
        for column, cell in enumerate(row):
            if cell not in {"--", "ESC"}:
                cells[int(first, 16) + column] = _NAMED_CELLS.get(cell, cell)
    return cells
