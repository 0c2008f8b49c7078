"""Owns how a text is rewritten so that GSM-7 can carry it: the nearest character first, plain letters next.

Knows no segmentation and no language; ``anyascii`` knows how other scripts are spelt.
Source: own table for punctuation; UAX #15 (NFC, NFKD); anyascii
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from anyascii import anyascii

from device_bridge.errors import EncodeError
from device_bridge.sms.alphabet import GSM7_CHARACTERS, describe, is_gsm7

# What people paste from word processors and telephones, where NFKD or anyascii would choose worse or nothing.
_PREFERRED = {
    **dict.fromkeys("\t\u00a0\u2007\u202f", " "),
    **dict.fromkeys("\u0085\u2028\u2029", "\n"),
    # Invisible: soft hyphen, joiners, direction marks, variation selectors, byte order mark.
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufe0e\ufe0f\ufeff", ""),
    **dict.fromkeys("‘’‚‛′´`‹›", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    # Two dots are nearer to the double acute than no accent at all.
    **dict(zip("őŐűŰ", "öÖüÜ", strict=True)),
    "…": "...",
    "•": "*",
    "·": ".",
    "×": "x",
    "÷": "/",
}


def transliterate(text: str) -> str:
    """Rewrite a text so that every character is in the GSM 7 bit alphabet.

    Characters that fit stay as they are (é, ö, Δ, €); an accent is dropped only where GSM-7 has no such
    letter.

    Raises:
        EncodeError: ``field`` is TP-UD; names the first character that nothing stands for, and its index.

    Source: 3GPP TS 23.038 §6.2.1 for what fits
    """
    if is_gsm7(text):
        return text
    # A letter and its combining accent may be one character that GSM-7 has.
    composed = unicodedata.normalize("NFC", text)
    try:
        return "".join([char if char in GSM7_CHARACTERS else _nearest(char) for char in composed])
    except LookupError:
        pass
    for index, char in enumerate(text):
        try:
            _nearest(char)
        except LookupError:
            reason = f"nothing in the GSM 7 bit alphabet stands for {describe(char)} at index {index}"
            raise EncodeError("TP-UD", f"{reason}; remove it, or send as UCS-2") from None
    raise EncodeError("TP-UD", "the text cannot be spelt in the GSM 7 bit alphabet; send it as UCS-2")


@lru_cache(maxsize=4096)
def _nearest(char: str) -> str:
    if char in GSM7_CHARACTERS:
        return char
    preferred = _PREFERRED.get(char)
    if preferred is not None:
        return preferred
    decomposed = unicodedata.normalize("NFKD", char)
    base = "".join(part for part in decomposed if not unicodedata.combining(part))
    if base and is_gsm7(base):
        return base
    spelt = anyascii(char)
    if spelt and is_gsm7(spelt):
        return spelt
    # Marks and format controls that spell nothing by themselves: the letter before them stays.
    if not spelt and unicodedata.category(char) in {"Mn", "Mc", "Me", "Cf"}:
        return ""
    raise LookupError(char)
