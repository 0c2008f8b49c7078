"""Owns how a text falls into parts: its alphabet, where each part begins, how much room is left.

Knows no TPDU and no limit of the gateway. The preview, admission and the dispatcher all ask here, so that
they can never disagree. Escape pairs, surrogate pairs and grapheme clusters stay whole.
Source: 3GPP TS 23.040 §9.2.3.24.1, 23.038 §6.2, UAX #29; tests/vectors/segmentation.toml
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import regex  # type: ignore[import-untyped]  # ships no annotations

from device_bridge.errors import EncodeError
from device_bridge.sms.alphabet import ESCAPE, describe, encode_septets, not_gsm7
from device_bridge.sms.coding_scheme import Coding
from device_bridge.sms.translit import transliterate
from device_bridge.sms.user_data import MAX_OCTETS

Encoding = Literal["auto", "gsm7", "gsm7-translit", "ucs2"]

MAX_PARTS = 255
"""The count of a concatenated set is one octet."""

_CONCATENATION_OCTETS = {8: 5, 16: 6}
_PORT_OCTETS = 6
_CR = 0x0D
_LF = 0x0A
_CLUSTER = regex.compile(r"\X")
_UNIT_NAMES: dict[Coding, str] = {"gsm7": "septets", "ucs2": "UTF-16 units", "8bit": "octets"}


@dataclass(frozen=True, slots=True)
class Segment:
    """What one part carries.

    ``units`` are septets, UTF-16 code units or octets by the coding; ``start`` is the index of its first
    code point (or octet) in the whole.
    """

    text: str | None
    octets: bytes | None
    units: int
    start: int


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A text or data cut into parts.

    ``text`` is what goes out, after transliteration; None for data. ``units_left`` still fit into the last
    part. ``encoding`` is what was asked for. ``port`` and ``source_port`` are application ports of all
    parts.
    """

    coding: Coding
    segments: tuple[Segment, ...]
    units_left: int
    text: str | None = None
    port: int | None = None
    source_port: int = 0
    ref_bits: int = 8
    encoding: Encoding = "auto"

    @property
    def parts(self) -> int:
        """Number of SUBMIT TPDUs."""
        return len(self.segments)

    @property
    def units(self) -> int:
        """Units of all parts together."""
        return sum(segment.units for segment in self.segments)

    @property
    def forces_ucs2(self) -> tuple[tuple[int, str], ...]:
        """Characters that GSM-7 has not: (index in code points, character); empty when all of them fit."""
        return () if self.coding != "ucs2" or self.text is None else not_gsm7(self.text)


def segment(
    text: str, encoding: Encoding = "auto", ref_bits: int = 8, port: int | None = None
) -> Segmentation:
    """Cut a text into the parts that will go on air.

    Args:
        text: Any text without lone surrogates; "" makes one empty part.
        encoding: ``auto`` takes GSM-7 when every character fits, else UCS-2; ``gsm7`` refuses what does not
            fit; ``gsm7-translit`` replaces what does not fit by what comes nearest; ``ucs2`` always takes
            UCS-2.
        ref_bits: 8 or 16, width of the concatenation reference.
        port: Destination application port, 0..65535, None for an ordinary text.

    Raises:
        EncodeError: ``field`` is TP-UD; names the character that does not fit and its index, or the text
            needs more than 255 parts.

    Source: 3GPP TS 23.040 §9.2.3.24.1; tests/vectors/segmentation.toml
    """
    _check(port, ref_bits)
    if encoding == "gsm7-translit":
        text = transliterate(text)
    if encoding != "ucs2":
        try:
            septets = encode_septets(text)
        except EncodeError:
            if encoding != "auto":
                raise
        else:
            return _gsm7(text, septets, _Frame("gsm7", port, ref_bits, encoding))
    return _ucs2(text, _Frame("ucs2", port, ref_bits, encoding))


def segment_octets(octets: bytes, port: int | None, ref_bits: int = 8, source_port: int = 0) -> Segmentation:
    """Cut 8-bit data into the parts that will go on air, each with the application port.

    Args:
        octets: Any octets.
        port: Destination application port, 0..65535; None for data without a port.
        ref_bits: 8 or 16, width of the concatenation reference.
        source_port: Application port of origin, 0..65535.

    Raises:
        EncodeError: a port is out of range, or the data needs more than 255 parts.

    Source: 3GPP TS 23.040 §9.2.3.24.1, §9.2.3.24.4
    """
    _check(port, ref_bits)
    _check(source_port, ref_bits)
    frame = _Frame("8bit", port, ref_bits, "auto", source_port)
    if len(octets) <= frame.single:
        return frame.finish(None, (Segment(None, octets, len(octets), 0),))
    frame.check_total(len(octets))
    step = frame.multi
    return frame.finish(
        None,
        tuple(
            Segment(None, octets[at : at + step], len(octets[at : at + step]), at)
            for at in range(0, len(octets), step)
        ),
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    """What every part of one message has in common; knows how much fits."""

    coding: Coding
    port: int | None
    ref_bits: int
    encoding: Encoding
    source_port: int = 0

    @property
    def single(self) -> int:
        return self._capacity(0)

    @property
    def multi(self) -> int:
        return self._capacity(_CONCATENATION_OCTETS[self.ref_bits])

    def _capacity(self, elements: int) -> int:
        elements += _PORT_OCTETS if self.port is not None else 0
        octets = MAX_OCTETS - (1 + elements if elements else 0)
        if self.coding == "gsm7":
            return octets * 8 // 7
        return octets // 2 if self.coding == "ucs2" else octets

    def check_total(self, units: int) -> None:
        # Before any cutting: a text of a megabyte must be refused in no time.
        if units > MAX_PARTS * self.multi:
            raise self.too_long(units)

    def too_long(self, units: int) -> EncodeError:
        fits = MAX_PARTS * self.multi
        name = _UNIT_NAMES[self.coding]
        return EncodeError("TP-UD", f"{units} {name}: shorten it, {MAX_PARTS} parts hold {fits}")

    def finish(self, text: str | None, segments: tuple[Segment, ...]) -> Segmentation:
        if len(segments) > MAX_PARTS:
            raise self.too_long(sum(segment.units for segment in segments))
        room = self.single if len(segments) == 1 else self.multi
        return Segmentation(
            coding=self.coding,
            segments=segments,
            units_left=room - segments[-1].units,
            text=text,
            port=self.port,
            source_port=self.source_port,
            ref_bits=self.ref_bits,
            encoding=self.encoding,
        )


def _gsm7(text: str, septets: bytes, frame: _Frame) -> Segmentation:
    if len(septets) <= frame.single:
        return frame.finish(text, (Segment(text, None, len(septets), 0),))
    frame.check_total(len(septets))
    segments: list[Segment] = []
    at = start = 0
    while at < len(septets):
        end = _gsm7_end(septets, at, at + frame.multi)
        # An escape pair is one character.
        stop = start + end - at - septets.count(ESCAPE, at, end)
        segments.append(Segment(text[start:stop], None, end - at, start))
        at, start = end, stop
    return frame.finish(text, tuple(segments))


def _gsm7_end(septets: bytes, at: int, end: int) -> int:
    """Find where a part ends: CR LF is the only grapheme cluster that GSM-7 can spell with two characters."""
    if end >= len(septets):
        return len(septets)
    escaped = septets[end - 1] == ESCAPE
    line_end = septets[end - 1] == _CR and septets[end] == _LF
    return end - 1 if (escaped or line_end) and end - 1 > at else end


def _ucs2(text: str, frame: _Frame) -> Segmentation:
    try:
        units = len(text.encode("utf-16-be")) // 2
    except UnicodeEncodeError as error:
        char = describe(text[error.start])
        reason = f"{char} at index {error.start} is half of a surrogate pair; send the whole character"
        raise EncodeError("TP-UD", reason) from None
    if units <= frame.single:
        return frame.finish(text, (Segment(text, None, units, 0),))
    frame.check_total(units)
    segments: list[Segment] = []
    start = stop = used = 0
    for piece in _pieces(text, frame.multi):
        width = _width(piece)
        if used + width > frame.multi:
            segments.append(Segment(text[start:stop], None, used, start))
            start, used = stop, 0
        stop += len(piece)
        used += width
    segments.append(Segment(text[start:stop], None, used, start))
    return frame.finish(text, tuple(segments))


def _pieces(text: str, limit: int) -> Iterator[str]:
    """Yield what must stay whole: grapheme clusters, or the characters of a cluster that no part can hold."""
    for match in _CLUSTER.finditer(text):
        cluster = match.group()
        if len(cluster) > 1 and _width(cluster) > limit:
            yield from cluster
        else:
            yield cluster


def _width(piece: str) -> int:
    return len(piece) if piece.isascii() else sum(2 if char > "\uffff" else 1 for char in piece)


def _check(port: int | None, ref_bits: int) -> None:
    if port is not None and not 0 <= port <= 0xFFFF:
        raise EncodeError("TP-UDH", f"port {port} is out of range: 0 to 65535")
    if ref_bits not in _CONCATENATION_OCTETS:
        raise EncodeError("TP-UDH", f"a reference of {ref_bits} bits does not exist: use 8 or 16")
