"""Owns how two spellings of one number are recognised: by their last digits.

Knows no country: networks report +44 7700…, 0044 7700… or 07700… for the same phone.
Source: 3GPP TS 23.040 §9.2.3.14 (TP-RA need not be spelt as TP-DA was).
"""

from __future__ import annotations

TAIL_DIGITS = 8
"""National numbers differ in their last 8 digits; country and trunk prefixes stand before them."""


def tail(number: str) -> str:
    """Return the digits by which a number is matched."""
    return "".join(c for c in number if c.isdigit())[-TAIL_DIGITS:]
