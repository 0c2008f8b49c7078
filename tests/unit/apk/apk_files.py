"""Owns unsigned APKs made for tests: a ZIP by the standard library, a binary manifest packed from the description.

Shares no code with device_bridge.apk: chunk by chunk after Android's ResourceTypes.h.
Source: ResourceTypes.h (ResXMLTree_node, ResStringPool_header, Res_value).
"""

from __future__ import annotations

import io
import struct
import zipfile

NONE = 0xFFFFFFFF
STRING, DECIMAL = 0x03, 0x10
ATTRIBUTE_IDS = {
    "versionCode": 0x0101021B,
    "versionName": 0x0101021C,
    "minSdkVersion": 0x0101020C,
    "targetSdkVersion": 0x01010270,
}
Element = tuple[str, dict[str, int | str]]
PLAIN: list[Element] = [
    ("manifest", {"versionCode": 7, "versionName": "1.2.3", "package": "org.example.app"}),
    ("uses-sdk", {"minSdkVersion": 26, "targetSdkVersion": 35}),
]


def chunk(kind: int, header: bytes, body: bytes) -> bytes:
    return struct.pack("<HHI", kind, 8 + len(header), 8 + len(header) + len(body)) + header + body


def string_pool(strings: list[str], *, utf8: bool) -> bytes:
    texts, offsets = b"", []
    for text in strings:
        offsets.append(len(texts))
        if utf8:
            texts += bytes((len(text), len(text.encode()))) + text.encode() + b"\0"
        else:
            texts += struct.pack("<H", len(text)) + text.encode("utf-16-le") + b"\0\0"
    texts += bytes(-len(texts) % 4)
    header = struct.pack("<5I", len(strings), 0, 0x100 if utf8 else 0, 28 + 4 * len(strings), 0)
    return chunk(0x0001, header, struct.pack(f"<{len(strings)}I", *offsets) + texts)


def binary_manifest(elements: list[Element] = PLAIN, *, utf8: bool = False) -> bytes:
    """Pack elements; attributes with a resource id stand first in the pool, as the resource map wants it."""
    used = {name for _, attributes in elements for name in attributes}
    strings = [name for name in ATTRIBUTE_IDS if name in used]
    ids = [ATTRIBUTE_IDS[name] for name in strings]
    for name, attributes in elements:
        texts = [value for value in attributes.values() if isinstance(value, str)]
        strings += [text for text in (name, *attributes, *texts) if text not in strings]
    nodes = b""
    for name, attributes in elements:
        packed = b""
        for key, value in attributes.items():
            text = strings.index(value) if isinstance(value, str) else NONE
            kind, number = (STRING, text) if isinstance(value, str) else (DECIMAL, value)
            packed += struct.pack("<3IHBBI", NONE, strings.index(key), text, 8, 0, kind, number)
        body = struct.pack("<2I6H", NONE, strings.index(name), 20, 20, len(attributes), 0, 0, 0) + packed
        nodes += chunk(0x0102, struct.pack("<2I", 1, NONE), body)
        nodes += chunk(0x0103, struct.pack("<2I", 1, NONE), struct.pack("<2I", NONE, strings.index(name)))
    pool = string_pool(strings, utf8=utf8)
    resource_map = chunk(0x0180, b"", struct.pack(f"<{len(ids)}I", *ids))
    return chunk(0x0003, b"", pool + resource_map + nodes)


def unsigned_apk(
    *,
    manifest: bytes | None = None,
    arsc: int = zipfile.ZIP_STORED,
    more: dict[str, bytes] | None = None,
    streamed: bool = True,
) -> bytes:
    """Pack an APK as a streaming writer does: with data descriptors, and nothing aligned."""
    out = io.BytesIO()
    target = Unseekable(out) if streamed else out
    with zipfile.ZipFile(target, "w") as file:
        contents = {
            "AndroidManifest.xml": (manifest or binary_manifest(), zipfile.ZIP_DEFLATED),
            "resources.arsc": (b"resource table " * 5, arsc),
            "classes.dex": (b"dex\n038\0" + bytes(range(200)), zipfile.ZIP_DEFLATED),
            "assets/odd": (b"abc", zipfile.ZIP_STORED),
            "assets/stored": (b"stored as well", zipfile.ZIP_STORED),
        }
        contents |= {name: (content, zipfile.ZIP_DEFLATED) for name, content in (more or {}).items()}
        for name, (content, method) in contents.items():
            entry = zipfile.ZipInfo(name, (1981, 1, 1, 1, 1, 2))
            entry.compress_type = method
            file.writestr(entry, content)
    return out.getvalue()


class Unseekable(io.RawIOBase):
    """A file that can only be appended to, which makes zipfile write data descriptors."""

    def __init__(self, out: io.BytesIO) -> None:
        self._out = out

    def writable(self) -> bool:
        return True

    def write(self, octets) -> int:  # type: ignore[no-untyped-def]
        return self._out.write(octets)


def stored_offsets(apk: bytes) -> list[int]:
    """Where the contents of stored entries begin, read from the local headers alone."""
    offsets = []
    with zipfile.ZipFile(io.BytesIO(apk)) as file:
        for entry in file.infolist():
            name_len, extra_len = struct.unpack_from("<2H", apk, entry.header_offset + 26)
            if entry.compress_type == zipfile.ZIP_STORED:
                offsets.append(entry.header_offset + 30 + name_len + extra_len)
    return offsets


def contents(apk: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(apk)) as file:
        return {name: file.read(name) for name in file.namelist()}
