"""Owns the ZIP structure of an APK: its directory, the content of an entry, the layout that Android wants.

Refuses what no APK of ours has (ZIP64, encryption, comments, two entries of one name) and knows nothing of signatures.
Source: PKWARE APPNOTE 6.3.10 §4.3; alignment: Android's zipalign, and the rule for resources.arsc since target 30.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace

from device_bridge.apk.errors import ApkError

STORED = 0
DEFLATED = 8

ALIGNMENT = 4
"""Octets: stored entries are mapped into memory as 32-bit words (zipalign 4). There are no libraries, so no pages."""

MAX_ENTRY_OCTETS = 16 * 1024 * 1024
"""The app is a hundredth of that; more is a decompression bomb, not an entry."""

END_SIZE = 22
_END = struct.Struct("<4s4H2IH")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_END_MAGIC, _CENTRAL_MAGIC, _LOCAL_MAGIC = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_DESCRIPTOR = 0x0008  # sizes and CRC stand after the content: what a streaming writer sets
_UTF8 = 0x0800
_DEFLATE_LEVEL = 0x0006  # a note of the writer on its level; says nothing to a reader
_KNOWN_FLAGS = _DESCRIPTOR | _UTF8 | _DEFLATE_LEVEL
_ARSC = "resources.arsc"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as the central directory tells it. ``offset`` is that of its local header."""

    name: str
    flags: int
    method: int
    stamp: int
    crc: int
    packed: int
    size: int
    offset: int


@dataclass(frozen=True, slots=True)
class Archive:
    """A ZIP file whose directory adds up. ``directory`` and ``end`` are offsets in ``octets``."""

    octets: bytes
    entries: tuple[Entry, ...]
    directory: int
    end: int

    def content(self, name: str) -> bytes:
        """Unpack one entry and compare it with its size and CRC.

        Raises:
            ApkError: no such entry, or it is damaged.
        """
        for entry in self.entries:
            if entry.name == name:
                return _unpack(entry, self.packed(entry))
        raise ApkError(name, self.directory, "is not in the file: this is no APK")

    def packed(self, entry: Entry) -> bytes:
        """Cut out the packed octets of an entry, after its local header agreed with the directory.

        Raises:
            ApkError: the two headers differ, or the content runs into the directory.
        """
        start = self._content_offset(entry)
        if start + entry.packed > self.directory:
            raise ApkError(entry.name, start, "its content runs into the directory: the file is damaged")
        return self.octets[start : start + entry.packed]

    def _content_offset(self, entry: Entry) -> int:
        header = self.octets[entry.offset : entry.offset + _LOCAL.size]
        if len(header) < _LOCAL.size or entry.offset + _LOCAL.size > self.directory:
            raise ApkError(entry.name, entry.offset, "its local header lies outside the entries")
        magic, _, flags, method, time, date, crc, packed, size, name_len, extra_len = _LOCAL.unpack(header)
        name_at = entry.offset + _LOCAL.size
        name = self.octets[name_at : name_at + name_len]
        same = (magic, flags, method, time | date << 16, name) == (
            *(_LOCAL_MAGIC, entry.flags, entry.method, entry.stamp),
            entry.name.encode(),
        )
        late = bool(flags & _DESCRIPTOR)
        if not same or (not late and (crc, packed, size) != (entry.crc, entry.packed, entry.size)):
            raise ApkError(
                entry.name, entry.offset, "its local header says something else than the directory"
            )
        return name_at + int(name_len) + int(extra_len)


def read_archive(octets: bytes) -> Archive:
    """Read the directory of a ZIP file; contents are looked at when they are asked for.

    Raises:
        ApkError: not a ZIP file, cut off, changed, or of a kind that no APK of ours is.
    """
    end = len(octets) - END_SIZE
    if end < 0 or octets[end : end + 4] != _END_MAGIC:
        raise ApkError(
            "end of central directory", max(end, 0), "is not the last thing in the file: cut off, or no APK"
        )
    _, disk, first_disk, here, count, size, directory, comment = _END.unpack(octets[end:])
    if disk or first_disk or here != count or comment or count == 0xFFFF:
        raise ApkError("end of central directory", end, "several disks, ZIP64 or a comment: no APK of ours")
    if directory + size != end:
        raise ApkError("end of central directory", end, "the directory does not end where this record stands")
    entries = _read_directory(octets, directory, end, count)
    return Archive(octets, entries, directory, end)


def laid_out(archive: Archive) -> bytes:
    """Write the archive anew as Android wants it, which is also what is signed.

    Stored contents begin at multiples of four octets, local headers are complete (no data descriptors), nothing
    stands between or before entries, and an earlier signature is gone. Contents, names, order and times stay. The
    same input gives the same octets, and a file that is already laid out stays as it is.

    Raises:
        ApkError: an entry is damaged, or resources.arsc is packed (the build has to store it).
    """
    out = bytearray()
    central = bytearray()
    for entry in archive.entries:
        packed = archive.packed(entry)
        _unpack(entry, packed)
        if entry.name == _ARSC and entry.method != STORED:
            raise ApkError(
                _ARSC, entry.offset, "is packed; Android 11 and later refuse that: store it in the build"
            )
        clean = replace(entry, flags=entry.flags & _UTF8, offset=len(out))
        out += _local_header(clean, len(out)) + packed
        central += _central_header(clean)
    count = len(archive.entries)
    end = _END.pack(_END_MAGIC, 0, 0, count, count, len(central), len(out), 0)
    return bytes(out + central) + end


def _read_directory(octets: bytes, directory: int, end: int, count: int) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    names: set[str] = set()
    at = directory
    while at < end:
        entry, length = _read_central_header(octets, at, end)
        if entry.name in names:
            raise ApkError(
                entry.name, at, "stands in the directory twice: readers would differ on which counts"
            )
        names.add(entry.name)
        entries.append(entry)
        at += length
    if len(entries) != count:
        raise ApkError("central directory", directory, f"{count} entries announced, {len(entries)} found")
    return tuple(entries)


def _read_central_header(octets: bytes, at: int, end: int) -> tuple[Entry, int]:
    if at + _CENTRAL.size > end or octets[at : at + 4] != _CENTRAL_MAGIC:
        raise ApkError("central directory", at, "no entry begins here: the file is damaged")
    _, _, _, flags, method, time, date, crc, packed, size, name_len, *rest = _CENTRAL.unpack(
        octets[at : at + _CENTRAL.size]
    )
    extra_len, comment_len, disk, _, _, offset = rest
    name_at = at + _CENTRAL.size
    length = _CENTRAL.size + name_len + extra_len + comment_len
    if at + length > end:
        raise ApkError("central directory", at, "its last entry is cut off")
    try:
        name = octets[name_at : name_at + name_len].decode()
    except UnicodeDecodeError:
        raise ApkError("central directory", name_at, "a name is not UTF-8") from None
    if flags & ~_KNOWN_FLAGS or disk or method not in {STORED, DEFLATED}:
        raise ApkError(
            name, at, "is encrypted, on another disk or packed in a way that Android does not read"
        )
    return Entry(name, flags, method, time | date << 16, crc, packed, size, offset), length


def _unpack(entry: Entry, packed: bytes) -> bytes:
    content = packed
    if entry.size > MAX_ENTRY_OCTETS:
        raise ApkError(entry.name, entry.offset, f"{entry.size} octets unpacked: more than any entry of ours")
    if entry.method == DEFLATED:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflate.decompress(packed, entry.size + 1)
        except zlib.error as error:
            raise ApkError(entry.name, entry.offset, f"cannot be unpacked: {error}") from None
        if not inflate.eof or inflate.unused_data:
            raise ApkError(entry.name, entry.offset, "its packed content is longer or shorter than announced")
    if len(content) != entry.size or zlib.crc32(content) != entry.crc:
        raise ApkError(
            entry.name, entry.offset, "its content is not what the directory says (size or CRC-32)"
        )
    return content


def _local_header(entry: Entry, at: int) -> bytes:
    name = entry.name.encode()
    pad = -(at + _LOCAL.size + len(name)) % ALIGNMENT if entry.method == STORED else 0
    header = _LOCAL.pack(
        *(_LOCAL_MAGIC, 20, entry.flags, entry.method, entry.stamp & 0xFFFF, entry.stamp >> 16),
        *(entry.crc, entry.packed, entry.size, len(name), pad),
    )
    return header + name + bytes(pad)


def _central_header(entry: Entry) -> bytes:
    name = entry.name.encode()
    header = _CENTRAL.pack(
        *(_CENTRAL_MAGIC, 20, 20, entry.flags, entry.method, entry.stamp & 0xFFFF, entry.stamp >> 16),
        *(entry.crc, entry.packed, entry.size, len(name), 0, 0, 0, 0, 0, entry.offset),
    )
    return header + name
