"""Owns the cut of an alert to one part of a text message.

Knows no alert: what matters stands first, so the end is what goes.
Source: 3GPP TS 23.038 §6.2.1 (the alphabet), TS 23.040 §9.2.3.16 (160 septets).
"""

from __future__ import annotations

from device_bridge.errors import EncodeError
from device_bridge.sms.segmentation import segment

_CUT = "..."


def one_part(text: str) -> str:
    """Cut a text at a word so that it goes in one part; what GSM-7 has no letter for becomes ``?``."""
    line = "".join(_spelt(character) for character in " ".join(text.split()))
    if segment(line, "gsm7").parts == 1:
        return line
    words = line.split(" ")
    while len(words) > 1:
        words.pop()
        shorter = " ".join(words) + _CUT
        if segment(shorter, "gsm7").parts == 1:
            return shorter
    return _first_fitting(line)


def _first_fitting(line: str) -> str:
    cut = line[:160]
    while segment(cut + _CUT, "gsm7").parts > 1:
        cut = cut[:-1]
    return cut + _CUT


def _spelt(character: str) -> str:
    try:
        return segment(character, "gsm7-translit").text or ""
    except EncodeError:
        return "?"
