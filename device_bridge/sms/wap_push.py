"""Owns the recognition of an MMS notification in a WAP push: where the message waits, how big, from whom.

Fetches nothing and decodes no other push. What does not add up is no notification; it stays 8-bit data.
Source: WAP-230-WSP §8.2.4 and §8.4, WAP-209-MMSEncapsulation §6.2; tests/vectors/deliver.toml
"""

from __future__ import annotations

from dataclasses import dataclass

from device_bridge.sms.tpdu import Deliver

WAP_PUSH_PORTS = frozenset({2948, 2949})
"""Connectionless push, plain and secure (WAP-189 §7)."""

_PUSH = 0x06
_MMS_CONTENT_TYPES = (b"\xbe", b"application/vnd.wap.mms-message\0")
_NOTIFICATION = b"\x82"
_ADDRESS_PRESENT = 0x80

_CONTENT_LOCATION = 0x83
_FROM = 0x89
_MESSAGE_TYPE = 0x8C
_MESSAGE_SIZE = 0x8E
_SUBJECT = 0x96
_TRANSACTION_ID = 0x98


@dataclass(frozen=True, slots=True)
class MmsNotification:
    """An MMS that waits at ``url``. ``size`` in octets, 0 when not said; ``from_`` None when hidden."""

    url: str
    size: int = 0
    from_: str | None = None
    transaction_id: str = ""
    subject: str | None = None


def recognise(deliver: Deliver) -> MmsNotification | None:
    """Read the MMS notification in a DELIVER, None for anything else.

    A part of a longer push is nothing by itself: join first, then ask :func:`recognise_octets`.

    Source: WAP-209-MMSEncapsulation §6.2
    """
    if deliver.octets is None or deliver.concatenation is not None:
        return None
    return recognise_octets(deliver.octets, deliver.ports)


def recognise_octets(octets: bytes, ports: tuple[int, int] | None) -> MmsNotification | None:
    """Read the MMS notification in whole data that came to ``ports`` (destination, source), else None."""
    if ports is None or ports[0] not in WAP_PUSH_PORTS:
        return None
    try:
        return _notification(_Values(octets))
    except _UnreadableError:
        return None


class _UnreadableError(Exception):
    """The octets end too early."""


class _Values:
    """Reads WSP values one after another (WSP §8.4.1.2)."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    @property
    def ended(self) -> bool:
        return self._at >= len(self._octets)

    def octet(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        taken = self._octets[self._at : self._at + count]
        if len(taken) < count:
            raise _UnreadableError
        self._at += count
        return taken

    def uintvar(self) -> int:
        value = 0
        # Five octets carry 32 bits (WSP §8.1.2).
        for _ in range(5):
            octet = self.octet()
            value = value << 7 | octet & 0x7F
            if octet < 0x80:
                return value
        raise _UnreadableError

    def value(self) -> bytes:
        """Read one field value: its octets without the length, a text with its end, or a single octet."""
        first = self.octet()
        if first < 31:
            return self.take(first)
        if first == 31:
            return self.take(self.uintvar())
        if first >= 0x80:
            return bytes([first])
        end = self._octets.find(0, self._at)
        if end < 0:
            raise _UnreadableError
        text = self._octets[self._at - 1 : end + 1]
        self._at = end + 1
        return text


def _notification(push: _Values) -> MmsNotification | None:
    push.octet()
    if push.octet() != _PUSH:
        return None
    headers = _Values(push.take(push.uintvar()))
    if not headers.value().startswith(_MMS_CONTENT_TYPES):
        return None
    fields: dict[int, bytes] = {}
    while not push.ended:
        name = push.octet()
        # A name in letters is an application header; its value is a text too.
        fields[name] = push.value() if name >= 0x80 else _skip_application_header(push)
    if fields.get(_MESSAGE_TYPE) != _NOTIFICATION or _CONTENT_LOCATION not in fields:
        return None
    return MmsNotification(
        url=_text(fields[_CONTENT_LOCATION]),
        size=int.from_bytes(fields.get(_MESSAGE_SIZE, b""), "big"),
        from_=_sender(fields.get(_FROM, b"")),
        transaction_id=_text(fields.get(_TRANSACTION_ID, b"")),
        subject=_encoded_string(fields[_SUBJECT]) if _SUBJECT in fields else None,
    )


def _skip_application_header(push: _Values) -> bytes:
    while push.octet():
        pass
    return push.value()


def _text(value: bytes) -> str:
    return value.removeprefix(b"\x7f").rstrip(b"\0").decode("utf-8", "replace")


def _encoded_string(value: bytes) -> str:
    # A charset in one octet stands before the text, or none does (MMSEncapsulation §7.2.9).
    return _text(value[1:]) if value[:1] >= b"\x80" else _text(value)


def _sender(value: bytes) -> str | None:
    if value[:1] != bytes([_ADDRESS_PRESENT]):
        return None
    try:
        address = _encoded_string(_Values(value[1:]).value())
    except _UnreadableError:
        return None
    return address.removesuffix("/TYPE=PLMN") or None
