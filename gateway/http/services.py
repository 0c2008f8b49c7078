"""Owns what the HTTP surface is given: the store, admission, settings, and the few doors to hardware.

Knows no driver, no webhook sender and no configuration file; whoever starts the server fills these in.
Source: dependency rule of the architecture notes (http does not import dispatcher, webhooks or supervisor).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.admission import Admission
from gateway.clock import Clock
from gateway.store.protocol import Store

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower()
    short = name.split(".", 1)[0]
    return frozenset({name, short, f"{short}.local"})


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Limits and names of the HTTP surface; times in s, sizes in octets.

    ``rate_limit`` is requests per minute and key, 0 = off. ``admin_key_digest`` is SHA-256 of GATEWAY_ADMIN_KEY.
    ``lines_per_minute`` and ``lines_per_day`` are the pace of real lines that have no own, in parts; 0 = off.
    """

    public_url: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    own_names: frozenset[str] = field(default_factory=_own_names)
    trusted_proxies: tuple[Network, ...] = ()
    max_body_bytes: int = 1_048_576
    rate_limit: int = 120_000
    auth_failures_per_minute: int = 10
    admin_key_digest: bytes | None = None
    tenant: str = "default"
    head_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    max_connections: int = 1000
    max_connections_per_address: int = 100
    lines_per_minute: int = 30
    lines_per_day: int = 1000


class SandboxInbound(Protocol):
    """Lets a text arrive at an emulated line."""

    async def __call__(self, sender: str, to: str, text: str) -> None:
        """Hand the text to the emulated network.

        Raises:
            LookupError: no emulated line has the number ``to``.
            ValueError: no DELIVER can carry it; the text says why.
        """
        ...


@dataclass(frozen=True, slots=True)
class SelfTestStep:
    """One thing that a self-test looked at. ``detail`` says what was seen, or what a person must do."""

    name: str
    ok: bool
    detail: str


class LineActions(Protocol):
    """What can be asked of a line that is attached; ids are those of the store.

    Raises:
        LookupError: the line is not attached now.
        TimeoutError: no answer in time.
        device_bridge.errors.DeviceBridgeError: the device or the network refused.
    """

    async def ussd(self, line_id: str, code: str) -> str: ...

    async def self_test(self, line_id: str) -> tuple[SelfTestStep, ...]: ...


@dataclass(frozen=True, slots=True)
class DeviceStep:
    """One step of bringing a phone into order. ``outcome``: ok, fixed, refused, waiting or skipped; ``hint`` says what
    a person must do."""

    name: str
    outcome: str
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class KnownPhone:
    """A phone as the gateway knows it: paired, on a cable, or both. ``install_id`` is None while it is not paired,
    ``serialno`` while it was never on a cable.

    ``state`` is what adb says of its cable ("device", "unauthorized", …), None without one.
    """

    install_id: str | None
    serialno: str | None
    label: str | None = None
    model: str | None = None
    state: str | None = None
    ours: bool = True
    paired_at_ms: int | None = None
    last_seen_ms: int | None = None
    steps: tuple[DeviceStep, ...] = ()


@dataclass(frozen=True, slots=True)
class PairingOffer:
    """A pairing that a phone may use once until ``expires_at_ms``. ``pin`` is SHA-256 of the public key, hex."""

    code: str = field(repr=False)
    typed_code: str = field(repr=False)
    link: str = field(repr=False)
    host: str
    pin: str
    expires_at_ms: int


class DeviceActions(Protocol):
    """What can be asked of phones; ``name`` is an install id or a serial number.

    Raises:
        LookupError: no such phone.
        gateway.errors.GatewayError: it cannot be done now; says why.
    """

    async def phones(self) -> tuple[KnownPhone, ...]: ...

    async def pair(self) -> PairingOffer: ...

    async def provision(self, name: str) -> tuple[DeviceStep, ...]: ...

    async def release(self, name: str, *, remove_app: bool) -> tuple[DeviceStep, ...]: ...

    async def examine(self, name: str, *, fix: bool, may_reboot: bool) -> tuple[DeviceStep, ...]: ...

    async def revoke(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a handler may use. What is None answers as not there.

    ``refuse_target`` judges a webhook URL when it is written: None = fine, else the reason in a sentence.
    ``stopping`` is set when nothing new is taken any more.
    """

    store: Store
    admission: Admission
    clock: Clock
    settings: ApiSettings = field(default_factory=ApiSettings)
    sandbox_inbound: SandboxInbound | None = None
    line_actions: LineActions | None = None
    device_actions: DeviceActions | None = None
    refuse_target: Callable[[str], str | None] | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
