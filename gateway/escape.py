"""Owns making foreign text safe to show: no control characters, no bidi tricks, no line breaks.

Knows neither logs nor terminals; both call it. Letters, emoji and spaces stay as they are.
Source: Unicode general categories Cc, Cf, Cs, Zl and Zp; UAX #9 for the bidi controls among Cf.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def escape(text: str) -> str:
    """Write what would steer a terminal or a reader's eye as ``\\x1b`` or ``\\u202e``; the rest unchanged."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in _HIDDEN else c for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if short is not None:
        return short
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
