"""Owns the look into a workbook before anything opens it: how large it really is, and that its XML is harmless.

Refuses to know cells. A workbook is a ZIP of XML parts; each attack on the one or the other ends here.
Source: ECMA-376-2 (Open Packaging Conventions); CWE-409 (zip bombs), CWE-776 (entity expansion); attack row 22.
"""

from __future__ import annotations

import re
import zipfile
from xml.parsers import expat

from gateway.intake.rows import IntakeRefused

FILE_OCTETS = 20 * 1024 * 1024
UNPACKED_OCTETS = 200 * 1024 * 1024
RATIO = 200
"""Unpacked to packed. Sheets of one repeated value reach about 100, bombs 1,000."""

_RATIO_COUNTS_FROM_OCTETS = 1024 * 1024
_PARTS = 2_000

_TREE_ELEMENTS = 200_000
"""Held in memory at once: a whole part, or a row of a sheet; styles of a large workbook have some ten thousand."""

_STREAM_ELEMENTS = 6_000_000
"""Of a sheet, which is read row by row: 100,000 rows with 30 columns."""

_ROW_TAGS = {"worksheet": "row", "sst": "si"}
_STREAMED = re.compile(r"xl/worksheets/[^/]+\.xml|xl/sharedStrings\.xml", re.IGNORECASE)
_READ_WHOLE = ("main+xml", "chartsheet")
_FIX = "Save the list alone as a new workbook, or as CSV."


def check_workbook(package: zipfile.ZipFile, packed_octets: int) -> None:
    """Refuse what would cost more than a list of people can.

    Raises:
        IntakeRefused: too large unpacked, encrypted, or XML that declares entities or is not well-formed.
    """
    parts = package.infolist()
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > _PARTS:
        raise IntakeRefused(f"The workbook has {len(parts)} parts. {_FIX}")
    if unpacked > UNPACKED_OCTETS:
        most = UNPACKED_OCTETS // (1024 * 1024)
        raise IntakeRefused(f"The workbook is larger than {most} MiB unpacked. {_FIX}", code="body_too_large")
    if unpacked > max(RATIO * packed_octets, _RATIO_COUNTS_FROM_OCTETS):
        raise IntakeRefused(f"The workbook unpacks to more than {RATIO} times its size. {_FIX}")
    if any(part.flag_bits & 1 for part in parts):
        raise IntakeRefused("The workbook has a password. Remove it and send it again.")
    looks = [_look(package, part) for part in parts]
    read_whole = set[str]().union(*(look.read_whole for look in looks))
    for part, look in zip(parts, looks, strict=True):
        if look.elements > _TREE_ELEMENTS and _file_name(part.filename) in read_whole:
            raise IntakeRefused(f"A part of the workbook is too large for what it is said to be. {_FIX}")


def _look(package: zipfile.ZipFile, part: zipfile.ZipInfo) -> _Look:
    look = _Look(streamed=_STREAMED.fullmatch(part.filename) is not None)
    try:
        with package.open(part) as octets:
            look.parser.ParseFile(octets)
    except expat.ExpatError:
        # Pictures and the like: whoever takes one for XML stops where this stopped.
        if part.filename.lower().endswith((".xml", ".rels")):
            raise IntakeRefused(
                f"The workbook is damaged ({part.filename[:60]!a} is not XML). {_FIX}"
            ) from None
    return look


class _Look:
    """Parses one part for its size and its declarations alone; nothing is kept."""

    def __init__(self, *, streamed: bool) -> None:
        self.elements = 0
        self.read_whole: set[str] = set()
        self._streamed = streamed
        self._row_tag: str | None = None
        self._row_began_at = 0
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start

    def _doctype(self, *_: object) -> None:
        raise IntakeRefused(f"The workbook declares XML entities, which no spreadsheet program does. {_FIX}")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        name = tag.rpartition(":")[2]
        if self.elements == 1 and self._streamed:
            self._row_tag = _ROW_TAGS.get(name)
        if name == self._row_tag:
            self._row_began_at = self.elements
        elif name in ("Override", "Relationship"):
            self._note_use(attributes)
        if self.elements - self._row_began_at > _TREE_ELEMENTS or self.elements > _STREAM_ELEMENTS:
            raise IntakeRefused(f"A part of the workbook has too many cells. {_FIX}")

    def _note_use(self, attributes: dict[str, str]) -> None:
        """Remember the parts that are read whole: none of them may be a sheet of millions of cells."""
        use = attributes.get("ContentType", "") + attributes.get("Type", "")
        if any(word in use for word in _READ_WHOLE):
            self.read_whole.add(_file_name(attributes.get("PartName", "") + attributes.get("Target", "")))


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]
