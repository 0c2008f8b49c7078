"""Owns what a USSD answer says: plain words, UCS-2 in hexadecimal or packed septets, told apart by scoring.

Knows no dialogue.
Source: 27.007 §7.15; 23.038 §5 and §6.1.2.3 (packing); firmwares use any of the three for any DCS.
"""

from __future__ import annotations

import unicodedata
from collections import Counter

from device_bridge.at.lines import is_hex
from device_bridge.sms.alphabet import decode_septets, encode_septets
from device_bridge.sms.packing import pack_ussd, unpack_ussd

_UCS2_DCS = 0x48  # 23.038 §5: general data coding, UCS-2
_HINT_SCORE = 0.15  # what the DCS says tips the scale between readings that are equally good words
_PLAIN = frozenset(" \n\r.,:;-/!?*#()%+'\"=&")


def packed_hex(code: str) -> str:
    """Pack a code as firmwares want it that refuse plain words (Huawei E and K sticks).

    Source: 23.038 §6.1.2.3.1
    """
    return pack_ussd(encode_septets(code)).hex().upper()


def decode(text: str, dcs: int | None) -> str:
    """Choose the most readable reading of an answer.

    Args:
        text: Between the quotes, as it came.
        dcs: As the modem states it; a hint and no more.
    """
    readings = [(_readable(text) - (0.5 if is_hex(text) and len(text) >= 8 else 0.0), text)]
    if is_hex(text):
        octets = bytes.fromhex(text)
        if len(octets) % 2 == 0:
            words = octets.decode("utf-16-be", "replace")
            readings.append((_readable(words) + (_HINT_SCORE if dcs == _UCS2_DCS else 0.0), words))
        words = decode_septets(unpack_ussd(octets))
        readings.append((_readable(words) + (_HINT_SCORE if dcs in {0, 15} else 0.0), words))
    return max(readings, key=lambda reading: reading[0])[1].rstrip("\r\0")


def _readable(words: str) -> float:
    """Say how much words look like what an operator writes: letters of one script, digits, plain punctuation."""
    if not words:
        return 0.0
    scripts = Counter(_script(char) for char in words if char.isalpha())
    main_script = scripts.most_common(1)[0][0] if scripts else ""
    return sum(_worth(char, main_script) for char in words) / len(words)


def _worth(char: str, main_script: str) -> float:
    if char in _PLAIN or (char.isascii() and char.isalnum()):
        return 1.0
    if char.isalpha():
        if _script(char) != main_script:
            return 0.2
        return 0.6 if main_script == "LATIN" else 0.9
    category = unicodedata.category(char)
    if category in {"Sc", "Mn", "Mc", "Nd"}:
        return 0.8
    return 0.3 if category[0] in "PSZ" else -1.0


def _script(char: str) -> str:
    return unicodedata.name(char, "?").partition(" ")[0]
