"""Owns multimedia messages as phones move them: M-Retrieve.conf read, M-Send.req written.

Fetches and sends nothing: the phone's platform talks to the operator's MMSC. Media are octets with a type.
Source: OMA-TS-MMS_ENC-V1_3 §6.1, §6.3, §7; WAP-230-WSP §8.5 (multipart), Annex A tables 40 and 41.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device_bridge.errors import DecodeError
from device_bridge.sms.wsp import (
    CHARSETS,
    UTF_8,
    UnreadableError,
    Values,
    encoded_string,
    integer,
    plain_address,
    sender,
    text,
    text_string,
    uintvar,
    utf8_string,
    with_length,
)

_BCC, _CC, _CONTENT_TYPE, _DATE, _DELIVERY_REPORT = 0x81, 0x82, 0x84, 0x85, 0x86
_FROM, _MESSAGE_CLASS, _MESSAGE_ID, _MESSAGE_TYPE, _MMS_VERSION = 0x89, 0x8A, 0x8B, 0x8C, 0x8D
_SUBJECT, _TO, _TRANSACTION_ID = 0x96, 0x97, 0x98

_SEND_REQUEST, _RETRIEVE_CONFIRMATION = 0x80, 0x84
_VERSION_1_2 = 0x92
_INSERT_ADDRESS = b"\x01\x81"
_YES, _NO = 0x80, 0x81
_PERSONAL = 0x80

_MEDIA = {
    0x00: "*/*", 0x01: "text/*", 0x02: "text/html", 0x03: "text/plain", 0x06: "text/x-vCalendar",
    0x07: "text/x-vCard", 0x0B: "multipart/*", 0x0C: "multipart/mixed", 0x1C: "image/*", 0x1D: "image/gif",
    0x1E: "image/jpeg", 0x1F: "image/tiff", 0x20: "image/png", 0x21: "image/vnd.wap.wbmp",
    0x22: "application/vnd.wap.multipart.*", 0x23: "application/vnd.wap.multipart.mixed",
    0x26: "application/vnd.wap.multipart.alternative", 0x33: "application/vnd.wap.multipart.related",
    0x3E: "application/vnd.wap.mms-message", 0x50: "audio/*", 0x51: "video/*",
}  # fmt: skip
"""Well-known media of WSP table 40 that MMS uses; others come as text."""
_NUMBERS = {name: number for number, name in _MEDIA.items()}

_CHARSET, _NAME, _NAME_1_4, _FILENAME = 0x81, 0x85, 0x97, 0x86
_CONTENT_LOCATION, _CONTENT_ID = 0x8E, 0xC0
_PARTS_MAX = 100
"""More parts than a person sends: a hostile count must not cost memory."""


@dataclass(frozen=True, slots=True)
class Medium:
    """One part of a multimedia message. ``charset`` (a Python codec) only for text that names one."""

    content_type: str
    octets: bytes
    name: str | None = None
    charset: str | None = None

    @property
    def text(self) -> str | None:
        """What a text part says; None for other media."""
        if not self.content_type.startswith("text/"):
            return None
        return self.octets.decode(self.charset or "utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Mms:
    """A received multimedia message. ``from_`` None when hidden; ``sent_at_ms`` as the MMSC stamped it."""

    from_: str | None
    to: tuple[str, ...]
    subject: str | None
    sent_at_ms: int | None
    media: tuple[Medium, ...]

    @property
    def text(self) -> str | None:
        """All plain text in order, None when there is none."""
        texts = [m.text for m in self.media if m.content_type == "text/plain" and m.text]
        return "\n".join(texts) or None


# ------------------------------------------------------------------ reading


def decode_retrieved(pdu: bytes) -> Mms:
    """Read an M-Retrieve.conf.

    Raises:
        DecodeError: it is none, or its lengths do not add up; ``octet`` is 0 where no single one is at fault.

    Source: OMA-TS-MMS_ENC §6.3
    """
    values = Values(pdu)
    try:
        fields, to = _headers(values)
        if fields.get(_MESSAGE_TYPE) != bytes([_RETRIEVE_CONFIRMATION]):
            raise DecodeError("X-Mms-Message-Type", 0, "no M-Retrieve.conf")
        media = _multipart(values)
    except UnreadableError:
        raise DecodeError("PDU", 0, "the multimedia message ends too early") from None
    return Mms(
        from_=sender(fields.get(_FROM, b"")),
        to=tuple(to),
        subject=encoded_string(fields[_SUBJECT]) if _SUBJECT in fields else None,
        sent_at_ms=integer(fields[_DATE]) * 1000 if _DATE in fields else None,
        media=media,
    )


def _headers(values: Values) -> tuple[dict[int, bytes], list[str]]:
    """Read the message's own headers; the content type is the last of them, and its value stands before the body."""
    fields: dict[int, bytes] = {}
    to: list[str] = []
    while not values.ended:
        name = values.peek()
        if name < 0x80:  # a header in letters: its name and value are texts
            values.value()
            values.value()
            continue
        values.octet()
        value = values.value()
        if name == _TO:
            address = plain_address(encoded_string(value))
            if address is not None:
                to.append(address)
        fields[name] = value
        if name == _CONTENT_TYPE:
            break
    return fields, to


def _multipart(values: Values) -> tuple[Medium, ...]:
    if values.ended:
        return ()
    count = values.uintvar()
    if count > _PARTS_MAX:
        raise UnreadableError
    media: list[Medium] = []
    for _ in range(count):
        headers_length, octets_length = values.uintvar(), values.uintvar()
        headers = Values(values.take(headers_length))
        content_type, name, charset = _content_type(headers.value())
        name = _part_name(headers) or name
        octets = values.take(octets_length)
        if content_type.startswith(("multipart/", "application/vnd.wap.multipart.")):
            media += _multipart(Values(octets))
        else:
            media.append(Medium(content_type, octets, name, charset))
    return tuple(media)


def _content_type(value: bytes) -> tuple[str, str | None, str | None]:
    """Read a content type with its parameters: type, name, charset (WSP §8.4.2.24)."""
    if len(value) == 1 or (
        value and value[0] >= 0x20 and value[0] < 0x80 and value.find(0) == len(value) - 1
    ):
        return _media_name(value), None, None
    values = Values(value)
    content_type = _media_name(values.value())
    name = charset = None
    while not values.ended:
        parameter = values.octet()
        if parameter == _CHARSET:
            charset = CHARSETS.get(integer(values.value()))
        elif parameter in (_NAME, _NAME_1_4, _FILENAME):
            name = text_string(values.value())
        else:
            values.value()
    return content_type, name, charset


def _media_name(value: bytes) -> str:
    if len(value) == 1 and value[0] >= 0x80:
        return _MEDIA.get(value[0] & 0x7F, "application/octet-stream")
    return text_string(value).lower() or "application/octet-stream"


def _part_name(headers: Values) -> str | None:
    location = identifier = None
    while not headers.ended:
        if headers.peek() < 0x80:
            headers.value()
            headers.value()
            continue
        name = headers.octet()
        value = headers.value()
        if name == _CONTENT_LOCATION:
            location = text_string(value)
        elif name == _CONTENT_ID:
            identifier = text_string(value).strip('"<>')
    return location or identifier


# ------------------------------------------------------------------ writing


def encode_send_request(
    transaction_id: str, to: Sequence[str], media: Sequence[Medium], subject: str | None = None
) -> bytes:
    """Write an M-Send.req; the MMSC puts in the sender's number.

    Args:
        transaction_id: Unique for the sender, ASCII.
        to: Numbers in E.164 with +.
        media: Parts in order; text as UTF-8 octets.
        subject: Shown above the message.

    Source: OMA-TS-MMS_ENC §6.1
    """
    headers = bytes([_MESSAGE_TYPE, _SEND_REQUEST, _TRANSACTION_ID]) + text(transaction_id)
    headers += bytes([_MMS_VERSION, _VERSION_1_2, _FROM]) + _INSERT_ADDRESS
    for number in to:
        headers += bytes([_TO]) + text(f"{number}/TYPE=PLMN")
    if subject is not None:
        headers += bytes([_SUBJECT]) + utf8_string(subject)
    headers += bytes([_MESSAGE_CLASS, _PERSONAL, _DELIVERY_REPORT, _YES])
    headers += bytes([_CONTENT_TYPE, 0x80 | _NUMBERS["application/vnd.wap.multipart.mixed"]])
    return (
        headers + uintvar(len(media)) + b"".join(_part(i, medium) for i, medium in enumerate(media, start=1))
    )


def _part(number: int, medium: Medium) -> bytes:
    known = _NUMBERS.get(medium.content_type)
    media = bytes([0x80 | known]) if known is not None else text(medium.content_type)
    name = medium.name or f"part{number}"
    if medium.content_type.startswith("text/"):
        media += bytes([_CHARSET, 0x80 | UTF_8])
    content_type = with_length(media + bytes([_NAME]) + text(name))
    headers = content_type + bytes([_CONTENT_LOCATION]) + text(name)
    return uintvar(len(headers)) + uintvar(len(medium.octets)) + headers + medium.octets
