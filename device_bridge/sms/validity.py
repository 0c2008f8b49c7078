"""Owns TP-VP: seconds to the relative step and back, and the absolute and enhanced formats in decoding.

Knows no policy: how long a text is worth sending is decided by the gateway.
Source: 3GPP TS 23.040 §9.2.3.12; tests/vectors/submit.toml
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from device_bridge.errors import EncodeError
from device_bridge.sms.cursor import Cursor
from device_bridge.sms.timestamp import OCTETS, ScTimestamp

_MINUTE_S = 60
_HOUR_S = 60 * _MINUTE_S
_DAY_S = 24 * _HOUR_S
_WEEK_S = 7 * _DAY_S

_STEPS_S = (
    *((vp + 1) * 5 * _MINUTE_S for vp in range(144)),
    *(12 * _HOUR_S + (vp - 143) * 30 * _MINUTE_S for vp in range(144, 168)),
    *((vp - 166) * _DAY_S for vp in range(168, 197)),
    *((vp - 192) * _WEEK_S for vp in range(197, 256)),
)
"""Seconds that each relative TP-VP means (§9.2.3.12.1)."""

MAX_VALIDITY_S = _STEPS_S[-1]
"""63 weeks."""

VPF_NONE = 0
VPF_ENHANCED = 1
VPF_RELATIVE = 2
VPF_ABSOLUTE = 3


@dataclass(frozen=True, slots=True)
class Validity:
    """How long the SC may try: ``seconds`` from acceptance, or ``until`` a moment; both None: its default."""

    seconds: int | None = None
    until: ScTimestamp | None = None


NO_VALIDITY = Validity()


def encode_relative(validity_s: int) -> int:
    """Turn seconds into a relative TP-VP, rounded up to its next step.

    Args:
        validity_s: 1 second to 63 weeks; under 5 minutes counts as 5 minutes.

    Raises:
        EncodeError: ``field`` is TP-VP; not above zero, or longer than 63 weeks.

    Source: 3GPP TS 23.040 §9.2.3.12.1
    """
    if not 0 < validity_s <= MAX_VALIDITY_S:
        raise EncodeError("TP-VP", f"{validity_s} s is out of range: 1 to {MAX_VALIDITY_S} s (63 weeks)")
    return bisect_left(_STEPS_S, validity_s)


def decode_validity(cursor: Cursor, vpf: int) -> Validity:
    """Decode TP-VP at the cursor in the format that TP-VPF names; reserved formats mean the SC's default.

    Raises:
        DecodeError: ``field`` is TP-VP; cut off.

    Source: 3GPP TS 23.040 §9.2.3.12
    """
    if vpf == VPF_RELATIVE:
        return Validity(seconds=_STEPS_S[cursor.octet("TP-VP")])
    if vpf == VPF_ABSOLUTE:
        return Validity(until=ScTimestamp(cursor.take(OCTETS, "TP-VP").hex().upper()))
    if vpf == VPF_ENHANCED:
        return _enhanced(cursor.take(OCTETS, "TP-VP"))
    return NO_VALIDITY


def _enhanced(octets: bytes) -> Validity:
    indicator = octets[0]
    value = octets[2:] if indicator & 0x80 else octets[1:]
    form = indicator & 0x07
    if form == 1:
        return Validity(seconds=_STEPS_S[value[0]])
    if form == 2:
        return Validity(seconds=value[0])
    if form == 3:
        hours, minutes, seconds = (_pair(octet) for octet in value[:3])
        return Validity(seconds=hours * _HOUR_S + minutes * _MINUTE_S + seconds)
    return NO_VALIDITY


def _pair(octet: int) -> int:
    return min(octet & 0x0F, 9) * 10 + min(octet >> 4, 9)
