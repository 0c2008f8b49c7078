"""Owns from octets to text: what is no text at all, which encoding it is, and the decoding of a stream.

Refuses to know rows. What cannot be decoded becomes U+FFFD, which the readers call by its row and column.
Source: Unicode 16 §23.8 (byte order marks); WHATWG Encoding for windows-1252.
"""

from __future__ import annotations

import codecs
from typing import Literal

from gateway.intake.rows import IntakeRefused

Encoding = Literal["utf-8", "utf-16", "windows-1252"]

UNDECODABLE = "\ufffd"

_NO_TEXT = (
    (b"PK\x03\x04", "a ZIP file or an Excel workbook (.xlsx)"),
    (b"PK\x05\x06", "an empty ZIP file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls) or one with a password"),
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"%PDF-", "a PDF"),
)

_CODECS = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "windows-1252": "cp1252"}


def refuse_no_text(head: bytes | bytearray) -> None:
    """Refuse a file that begins like something else than text.

    Raises:
        IntakeRefused: saying what it is and how to save it.
    """
    for magic, what in _NO_TEXT:
        if head.startswith(magic):
            raise IntakeRefused(f'This is {what}, not text. Save the sheet as "CSV UTF-8" and send that.')


class TextDecoder:
    """Decodes a stream block by block; an encoding that is not given is guessed once, by the octets that decide it.

    While a stream is pure ASCII nothing is decided, so that the first "é" of a Windows file counts wherever it
    stands. Callers cut blocks at fixed places: the answer never depends on how the network cut the stream.
    """

    def __init__(self, encoding: Encoding | None = None) -> None:
        self._encoding: Encoding | None = encoding
        self._decoder = _decoder(encoding) if encoding else None

    @property
    def encoding(self) -> Encoding:
        """What the stream is taken for so far; ASCII is UTF-8."""
        return self._encoding or "utf-8"

    def decode(self, block: bytes, *, last: bool) -> str:
        """Decode the next block; octets that mean nothing become U+FFFD."""
        if self._decoder is None:
            if block.isascii():
                return block.decode("ascii")
            self._encoding = _guess(block, last=last)
            self._decoder = _decoder(self._encoding)
        return self._decoder.decode(block, last)


def _decoder(encoding: Encoding) -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder(_CODECS[encoding])(errors="replace")


def _guess(block: bytes, *, last: bool) -> Encoding:
    if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Whatever is not ASCII in UTF-8 comes in sequences that other text hits by chance only: the majority decides,
    # so that one damaged letter does not turn a whole UTF-8 file into Windows-1252.
    text = codecs.getincrementaldecoder("utf-8-sig")(errors="replace").decode(block, last)
    damaged = text.count(UNDECODABLE)
    sound = sum(1 for c in text if ord(c) > 0x7F) - damaged
    return "windows-1252" if damaged > sound else "utf-8"
