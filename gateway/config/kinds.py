"""Owns the shapes of single configuration values: networks, host names, pools, phone numbers, secrets.

Knows no section and no file. Each refusal says what would be right.
Source: ISO 3166-1 (countries), ITU-T E.164 (numbers), E.118 (ICCID), Standard Webhooks 1.0 (secrets).
"""

from __future__ import annotations

import base64
import binascii
import difflib
import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

import phonenumbers
from pydantic import AfterValidator, Field

_HOST = re.compile(
    r"(?i)^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,19}(?=://)")


EVENT_TYPES = (
    *(
        f"message.{state}"
        for state in (
            "queued", "held", "submitting", "sent", "delivered", "undelivered", "failed", "expired",
            "cancelled", "in_doubt", "received",
        )
    ),
    "batch.started", "batch.held", "batch.paused", "batch.cancelled", "batch.completed",
    "notification.sent", "notification.delivered", "notification.failed",
    "approval.requested", "approval.decided",
    "suppression.added", "suppression.suspected", "suppression.start_ignored",
    "consent.expiring",
    "policy.alert",
    "key.anomaly",
    "device.attached", "device.detached", "device.conflict",
    "line.up", "line.down", "line.low_credit", "line.quota_reached",
    "webhook.dead",
)  # fmt: skip
"""What a webhook may subscribe to; a documents test compares it with the API and with docs/events.md."""

EVENT_FAMILIES = tuple(dict.fromkeys(f"{event.split('.')[0]}.*" for event in EVENT_TYPES))


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise ValueError(
            f'"{value}" is not an address or network; write it like "10.0.0.1" or "10.0.0.0/8"'
        ) from None


def _host_name(value: str) -> str:
    if not _HOST.match(value):
        raise ValueError(f'"{value}" is not a host name; write the bare name, like "sms.example.org"')
    return value.lower()


def _public_url(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or url.username:
        raise ValueError(
            f'"{value}" is not a base URL; write it like "https://sms.example.org" or "https://example.org/sms"'
        )
    return value.rstrip("/")


def _region(value: str) -> str:
    if value.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f'"{value}" is not a country; write two letters of ISO 3166, like "GB"')
    return value.upper()


def _number(value: str) -> str:
    digits = re.sub(r"[ ().-]", "", value)
    if not re.match(r"^\+[1-9][0-9]{4,14}$", digits):
        raise ValueError(
            f'"{value}" is not an international number; write it with the country code, like "+447700900101"'
        )
    return digits


def _real_pool(value: str) -> str:
    if not re.match(r"^[a-z0-9][a-z0-9_-]{0,31}$", value):
        raise ValueError(f'"{value}" cannot name a pool; use up to 32 of a-z, 0-9, - and _')
    if value == "sandbox":
        raise ValueError('"sandbox" is the pool of emulated lines; choose another name for real ones')
    return value


def _serial_port(value: str) -> str:
    if value.startswith("socket://"):
        _socket_port(value)
    elif not value.startswith("/"):
        raise ValueError(
            f'"{value}" is not a port; write "/dev/serial/by-id/…", a pty or "socket://host:port"'
        )
    return value


def _socket_port(value: str) -> None:
    try:
        url = urlsplit(value)
        good = bool(url.hostname) and url.port is not None and url.port > 0
    except ValueError:
        good = False
    if not good:
        raise ValueError(f'"{value}" lacks a host or a port; write it like "socket://127.0.0.1:7001"')


def _listen_host(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        if value == "localhost":
            return value
    raise ValueError(f'"{value}" is not an address to listen on; write one like "0.0.0.0" or "192.168.1.5"')


def _socket_address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError(f'"{value}" lacks a host or a port; write it like "127.0.0.1:5037"')
    return value


def _serialno(value: str) -> str:
    if not re.match(r"^[A-Za-z0-9._:-]{1,64}$", value):
        raise ValueError(
            f'"{value}" is not a serial number of a phone; copy it from `gateway devices` or `adb devices`'
        )
    return value


def _sim_name(value: str) -> str:
    if re.match(r"^(sub:[0-9]{1,6}|[0-9]{18,20})$", value):
        return value
    try:
        return _number(value)
    except ValueError:
        raise ValueError(
            f'"{value}" names no SIM; write its ICCID (18 to 20 digits), its number like "+447700900101",'
            ' or "sub:3"'
        ) from None


def scheme_in(value: str) -> str:
    """Say what stands before ``://``, "" where nothing does: of an address that may be a secret, no more is told."""
    found = _SCHEME.match(value)
    return found[0] if found else ""


def _webhook_url(value: str) -> str:
    try:
        url = urlsplit(value)
        usable = url.scheme in ("http", "https") and bool(url.hostname)
    except ValueError:  # its text repeats what is wrong
        usable = False
    if not usable:
        scheme = scheme_in(value)
        begins = f' (it begins with "{scheme}")' if scheme else ""
        raise ValueError(f'is not an http or https URL{begins}; write it like "https://example.org/hook"')
    if url.username or url.password or url.fragment:
        raise ValueError("no user name, password or #fragment in the URL; the signature is the credential")
    return value


def _webhook_secret(value: str) -> str:
    try:
        octets = base64.b64decode(value.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        octets = b""
    if not value.startswith("whsec_") or not 24 <= len(octets) <= 64:
        raise ValueError(
            "must be whsec_ and 24 to 64 octets in base64; make one: echo whsec_$(openssl rand -base64 32)"
        )
    return value


def _event_pattern(value: str) -> str:
    known = ("*", *EVENT_FAMILIES, *EVENT_TYPES)
    if value not in known:
        near = difflib.get_close_matches(value, known, n=1)
        better = (
            f'; did you mean "{near[0]}"?'
            if near
            else '; write it like "message.delivered", "message.*" or "*"'
        )
        raise ValueError(f'"{value}" is no event type{better}')
    return value


def _digits(low: int, high: int, what: str) -> AfterValidator:
    def check(value: str) -> str:
        if not (value.isascii() and value.isdigit() and low <= len(value) <= high):
            raise ValueError(f"{what} has {low} to {high} digits and nothing else")
        return value

    return AfterValidator(check)


Network = Annotated[str, AfterValidator(_network)]
HostName = Annotated[str, AfterValidator(_host_name)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
Region = Annotated[str, AfterValidator(_region)]
Number = Annotated[str, AfterValidator(_number)]
Pool = Annotated[str, AfterValidator(_real_pool)]
PortName = Annotated[str, Field(min_length=1), AfterValidator(_serial_port)]
ListenHost = Annotated[str, AfterValidator(_listen_host)]
SocketAddress = Annotated[str, AfterValidator(_socket_address)]
SerialNo = Annotated[str, AfterValidator(_serialno)]
SimName = Annotated[str, AfterValidator(_sim_name)]
WebhookUrl = Annotated[str, AfterValidator(_webhook_url)]
WebhookSecret = Annotated[str, AfterValidator(_webhook_secret)]
EventPattern = Annotated[str, AfterValidator(_event_pattern)]
Pin = Annotated[str, _digits(4, 8, "a SIM PIN")]
Iccid = Annotated[str, _digits(18, 20, "an ICCID")]
Imsi = Annotated[str, _digits(6, 15, "an IMSI")]
Label = Annotated[str, Field(min_length=1, max_length=60)]
