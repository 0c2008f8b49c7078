"""Owns the recognition of an MMS notification in a WAP push: where the message waits, how big, from whom.

Fetches nothing and decodes no other push. What does not add up is no notification; it stays 8-bit data.
Source: WAP-230-WSP §8.2.4 and §8.4, WAP-209-MMSEncapsulation §6.2; tests/vectors/deliver.toml
"""

from __future__ import annotations

from dataclasses import dataclass

from device_bridge.sms.tpdu import Deliver
from device_bridge.sms.wsp import UnreadableError, Values, encoded_string, sender, text_string

WAP_PUSH_PORTS = frozenset({2948, 2949})
"""Connectionless push, plain and secure (WAP-189 §7)."""

_PUSH = 0x06
_MMS_CONTENT_TYPES = (b"\xbe", b"application/vnd.wap.mms-message\0")
_NOTIFICATION = b"\x82"

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
        return _notification(Values(octets))
    except UnreadableError:
        return None


def _notification(push: Values) -> MmsNotification | None:
    push.octet()
    if push.octet() != _PUSH:
        return None
    headers = Values(push.take(push.uintvar()))
    if not headers.value().startswith(_MMS_CONTENT_TYPES):
        return None
    return _body(push)


def read_notification(body: bytes) -> MmsNotification | None:
    """Read an M-Notification.ind without the push around it, as Android hands it over; None for anything else.

    Source: WAP-209-MMSEncapsulation §6.2
    """
    try:
        return _body(Values(body))
    except UnreadableError:
        return None


def _body(push: Values) -> MmsNotification | None:
    fields: dict[int, bytes] = {}
    while not push.ended:
        name = push.octet()
        # A name in letters is an application header; its value is a text too.
        fields[name] = push.value() if name >= 0x80 else _skip_application_header(push)
    if fields.get(_MESSAGE_TYPE) != _NOTIFICATION or _CONTENT_LOCATION not in fields:
        return None
    return MmsNotification(
        url=text_string(fields[_CONTENT_LOCATION]),
        size=int.from_bytes(fields.get(_MESSAGE_SIZE, b""), "big"),
        from_=sender(fields.get(_FROM, b"")),
        transaction_id=text_string(fields.get(_TRANSACTION_ID, b"")),
        subject=encoded_string(fields[_SUBJECT]) if _SUBJECT in fields else None,
    )


def _skip_application_header(push: Values) -> bytes:
    while push.octet():
        pass
    return push.value()
