"""Owns the facts of an APK's binary manifest: package, version, and the Android versions it is for.

Refuses to know the rest of the manifest; what it reads is found by resource id, as Android does, not by name.
Source: Android's ResourceTypes.h (ResXMLTree, ResStringPool, Res_value); attribute ids of android.R.attr.
"""

from __future__ import annotations

from dataclasses import dataclass

from device_bridge.apk.archive import read_archive
from device_bridge.apk.errors import ApkError
from device_bridge.apk.octets import Reader

MANIFEST = "AndroidManifest.xml"

_STRING_POOL, _XML, _RESOURCE_MAP, _START_ELEMENT = 0x0001, 0x0003, 0x0180, 0x0102
_UTF8_POOL = 0x0100
_NONE = 0xFFFFFFFF
_TYPE_STRING, _TYPE_FIRST_INT, _TYPE_LAST_INT = 0x03, 0x10, 0x1F
_VERSION_CODE, _VERSION_NAME = 0x0101021B, 0x0101021C
_MIN_SDK, _TARGET_SDK = 0x0101020C, 0x01010270

Attributes = dict[int | str, int | str]
"""Values by resource id (android: attributes) or by name (the others, such as ``package``)."""


@dataclass(frozen=True, slots=True)
class ApkFacts:
    """What an APK says about itself. ``target_sdk`` is ``min_sdk`` where the manifest names none."""

    package: str
    version_code: int
    version_name: str
    min_sdk: int
    target_sdk: int


@dataclass(frozen=True, slots=True)
class _Names:
    """The string pool, and the resource ids that its first strings stand for."""

    strings: tuple[str, ...]
    ids: tuple[int, ...]


def apk_facts(apk: bytes) -> ApkFacts:
    """Read package, version and SDK levels of an APK, signed or not. Proves nothing about who signed it.

    Raises:
        ApkError: no APK, or a manifest that lacks one of them.

    Source: docs/link.md (version), Android's manifest element and uses-sdk.
    """
    return read_manifest(read_archive(apk).content(MANIFEST))


def read_manifest(octets: bytes) -> ApkFacts:
    """Read the facts from a binary manifest.

    Raises:
        ApkError: ``octet`` counts in the manifest.
    """
    found = {"manifest": Attributes(), "uses-sdk": Attributes()}
    for name, attributes in _elements(octets):
        if name in found and not found[name]:
            found[name] = attributes
    manifest, sdk = found["manifest"], found["uses-sdk"]
    min_sdk = _integer(sdk, _MIN_SDK, "uses-sdk minSdkVersion")
    return ApkFacts(
        package=_text(manifest, "package", "package"),
        version_code=_integer(manifest, _VERSION_CODE, "versionCode"),
        version_name=_text(manifest, _VERSION_NAME, "versionName"),
        min_sdk=min_sdk,
        target_sdk=_integer(sdk, _TARGET_SDK, "targetSdkVersion") if _TARGET_SDK in sdk else min_sdk,
    )


def _elements(octets: bytes) -> list[tuple[str, Attributes]]:
    outer = Reader(octets, MANIFEST)
    kind, header, _ = outer.u16(), outer.u16(), outer.u32()
    if kind != _XML or header != 8:
        raise ApkError(MANIFEST, 0, "is not binary XML: the resources were not compiled (aapt2 link)")
    names = _Names((), ())
    elements: list[tuple[str, Attributes]] = []
    while outer.left:
        at = outer.octet
        kind, header, size = outer.u16(), outer.u16(), outer.u32()
        if size < 8 or not 8 <= header <= size:
            raise ApkError(MANIFEST, at, "a chunk is smaller than its own header")
        chunk = Reader(outer.take(size - 8), MANIFEST, at + 8)
        if kind == _STRING_POOL:
            names = _Names(_strings(chunk, header), names.ids)
        elif kind == _RESOURCE_MAP:
            names = _Names(names.strings, tuple(chunk.u32() for _ in range(chunk.left // 4)))
        elif kind == _START_ELEMENT:
            elements.append(_element(chunk, names))
    return elements


def _strings(chunk: Reader, header: int) -> tuple[str, ...]:
    count, _, flags, start, _ = (chunk.u32() for _ in range(5))
    if count * 4 > chunk.left:
        raise chunk.refusal(f"{count} strings announced, more than fit")
    offsets = [chunk.u32() for _ in range(count)]
    body_at = header + 4 * count
    if start < body_at:
        raise chunk.refusal("the strings begin inside their own table")
    chunk.take(start - body_at)
    base, body = chunk.octet, chunk.rest()
    read = _utf8 if flags & _UTF8_POOL else _utf16
    return tuple(read(Reader(body, MANIFEST, base, offset)) for offset in offsets)


def _utf8(text: Reader) -> str:
    _short_length(text)  # in UTF-16 units; the octets follow
    return _decoded(text, _short_length(text), "utf-8")


def _short_length(text: Reader) -> int:
    first = text.take(1)[0]
    return (first & 0x7F) << 8 | text.take(1)[0] if first & 0x80 else first


def _utf16(text: Reader) -> str:
    units = text.u16()
    if units & 0x8000:
        units = (units & 0x7FFF) << 16 | text.u16()
    return _decoded(text, units * 2, "utf-16-le")


def _decoded(text: Reader, length: int, encoding: str) -> str:
    at = text.octet
    try:
        return text.take(length).decode(encoding)
    except UnicodeDecodeError:
        raise ApkError(MANIFEST, at, f"a string is not {encoding}") from None


def _element(chunk: Reader, names: _Names) -> tuple[str, Attributes]:
    chunk.take(12)  # line, comment, namespace
    name = _string(chunk, names, chunk.u32())
    start, size, count = chunk.u16(), chunk.u16(), chunk.u16()
    chunk.take(6)  # positions of id, class and style
    if start != 20 or size != 20:
        raise chunk.refusal("attributes of another size than Android writes")
    attributes: Attributes = {}
    for _ in range(count):
        chunk.u32()  # namespace: the resource id says more
        index, raw = chunk.u32(), chunk.u32()
        chunk.take(3)
        kind, number = chunk.take(1)[0], chunk.u32()
        key = names.ids[index] if index < len(names.ids) else _string(chunk, names, index)
        if kind == _TYPE_STRING or (raw != _NONE and not _TYPE_FIRST_INT <= kind <= _TYPE_LAST_INT):
            attributes[key] = _string(chunk, names, number if kind == _TYPE_STRING else raw)
        elif _TYPE_FIRST_INT <= kind <= _TYPE_LAST_INT:
            attributes[key] = number
    return name, attributes


def _string(chunk: Reader, names: _Names, index: int) -> str:
    if index >= len(names.strings):
        raise chunk.refusal(f"string {index} of {len(names.strings)}")
    return names.strings[index]


def _text(attributes: Attributes, key: int | str, name: str) -> str:
    value = attributes.get(key)
    if not isinstance(value, str):
        raise ApkError(MANIFEST, 0, f"{name} is missing or no text: write it into the manifest itself")
    return value


def _integer(attributes: Attributes, key: int | str, name: str) -> int:
    value = attributes.get(key)
    if not isinstance(value, int):
        raise ApkError(MANIFEST, 0, f"{name} is missing or no number: write it into the manifest itself")
    return value
