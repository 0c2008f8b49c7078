"""Owns what the HTTP surface is given: the store, admission, settings, and the few doors to hardware.

Knows no driver, no webhook sender and no configuration file; whoever starts the server fills these in.
Source: dependency rule of the architecture notes (http does not import dispatcher, webhooks or supervisor).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urlencode

from aiohttp import web

from gateway.admission import Admission
from gateway.batches import BatchDesk
from gateway.clock import Clock
from gateway.draft import Caller
from gateway.log_tail import LogTail
from gateway.measured import Figures
from gateway.notification_desk import NotificationDesk
from gateway.policy.rules import Limits
from gateway.self_tests import SelfTests
from gateway.setting import Setting
from gateway.store.protocol import Store

if TYPE_CHECKING:
    from gateway.doctor.finding import Listed
    from gateway.doctor.treatment import Treated

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower()
    short = name.split(".", 1)[0]
    return frozenset({name, short, f"{short}.local"})


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Limits of event streams; times in s, sizes in octets.

    ``streams_max`` leaves connections for requests (``max_connections``). A reader that takes nothing while so many
    events or octets come, or for ``stalled_s``, is cut and resumes with its cursor.
    """

    streams_max: int = 800
    streams_per_key_max: int = 100
    behind_events_max: int = 1_000
    behind_octets_max: int = 4 * 1024 * 1024
    stalled_s: float = 60.0
    sse_heartbeat_s: float = 15.0
    socket_heartbeat_s: float = 30.0
    first_frame_s: float = 5.0
    frame_max_octets: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Limits and names of the HTTP surface; times in s, sizes in octets.

    ``rate_limit`` is requests per minute and key, 0 = off. ``admin_key_digest`` is SHA-256 of GATEWAY_ADMIN_KEY.
    ``limits`` is what real lines are held to beside their own settings; its zone is that in which reports count days.
    ``host`` is the address that the server is bound to.
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
    limits: Limits = field(default_factory=Limits)
    host: str = "127.0.0.1"
    streams: StreamSettings = field(default_factory=StreamSettings)


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
class PinEntered:
    """A PIN that the SIM took. ``kept``: it is remembered for this SIM, so nobody is asked after a restart."""

    kept: bool


class ModemRestarts(Protocol):
    """Restarts modems that are attached; ids are those of devices."""

    def restart(self, device_id: str) -> None:
        """Begin to restart a modem; its line is down until it is back.

        Raises:
            LookupError: no such modem is attached.
            gateway.errors.GatewayError: ``conflict``: it cannot be done now, and why; ``device_error``.
        """
        ...


class SimLocks(Protocol):
    """The PINs that SIMs in attached modems wait for; ids are those of devices."""

    def wanting(self) -> Mapping[str, int | None]:
        """Name the devices whose SIM waits for its PIN, with the tries that are left; None: the modem does not tell."""
        ...

    async def unlock(self, device_id: str, pin: str, *, last_try: bool) -> PinEntered:
        """Let the SIM have a PIN, once.

        Raises:
            LookupError: no such modem is attached.
            gateway.errors.GatewayError: ``conflict``: nothing was entered, and why; ``device_error``: it was refused.
        """
        ...


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
    """A pairing that a phone may use once until ``expires_at_ms``. ``pin`` is SHA-256 of the public key, hex.

    ``hosts`` are where phones reach the link, with port, the likeliest first. ``ticket`` names the pairing in the
    address of its page: it opens that page and nothing else, the codes are not found from it.
    """

    code: str = field(repr=False)
    typed_code: str = field(repr=False)
    ticket: str = field(repr=False)
    hosts: tuple[str, ...]
    pin: str
    expires_at_ms: int

    @property
    def host(self) -> str:
        return self.hosts[0]

    @property
    def link(self) -> str:
        return self.link_to(self.host)

    def link_to(self, host: str) -> str:
        """Write the link that opens the app, for one of ``hosts``."""
        return app_link(host, self.pin, self.code)


def app_link(host: str, pin: str, code: str) -> str:
    """Write the link that the companion app takes (docs/link.md, *Pairing*)."""
    return f"smsgateway://pair?{urlencode({'h': host, 'p': pin, 'c': code}, safe=':[]')}"


PairingState = Literal["open", "used", "over", "spent"]
"""Open; used by a phone; its five minutes are over; its five tries are spent."""


@dataclass(frozen=True, slots=True)
class PairingSeen:
    """A pairing as its pages show it. ``install_id`` is that of the phone that used it, once its key is committed."""

    offer: PairingOffer
    state: PairingState
    left_s: float
    install_id: str | None = None


@dataclass(frozen=True, slots=True)
class StickSeen:
    """A stick on USB that is a modem by its ids and offers no AT port; ``hint`` is the fix.

    ``place`` is what it is and where it hangs: in another mode or socket it is another.
    """

    name: str
    title: str
    hint: str
    place: str = ""

    @property
    def id(self) -> str:
        return f"stick:{self.place or self.name}"


class DeviceActions(Protocol):
    """What can be asked of phones; ``name`` is an install id or a serial number.

    Raises:
        LookupError: no such phone.
        gateway.errors.GatewayError: it cannot be done now; says why.
    """

    async def phones(self) -> tuple[KnownPhone, ...]: ...

    async def pair(self) -> PairingOffer: ...

    def pairing(self, ticket: str) -> PairingSeen:
        """Say how a pairing stands. Raises LookupError: never made here, or long ago."""
        ...

    async def app(self) -> bytes:
        """Give the app as an APK, signed by this installation."""
        ...

    def newer_app(self, version_code: int) -> str | None:
        """Name the version of the app that this gateway brings, where a phone with this one is to be updated."""
        ...

    async def provision(self, name: str) -> tuple[DeviceStep, ...]: ...

    async def release(self, name: str, *, remove_app: bool) -> tuple[DeviceStep, ...]: ...

    async def examine(self, name: str, *, fix: bool, may_reboot: bool) -> tuple[DeviceStep, ...]: ...

    async def before(self, name: str, step: str) -> str:
        """Read what :meth:`mend` would change, in the words that :meth:`take_back` takes."""
        ...

    async def mend(self, name: str, step: str, *, may_reboot: bool) -> DeviceStep:
        """Do one step of bringing a phone into order, and nothing else."""
        ...

    async def take_back(self, name: str, step: str, was: str) -> DeviceStep:
        """Put back what one :meth:`mend` changed."""
        ...

    async def revoke(self, name: str) -> None: ...


class Doctor(Protocol):
    """Findings, and what can be done about them; shows each caller what it may see.

    Raises:
        LookupError: no such finding for this caller.
        gateway.errors.GatewayError: ``conflict``: there is nothing to do.
    """

    async def findings(self, caller: Caller, *, snoozed: bool = False) -> tuple[Listed, ...]: ...

    async def needs(self, caller: Caller) -> tuple[Listed, ...]:
        """List what needs a person now; cheap, for every page that shows it."""
        ...

    async def check(self, caller: Caller) -> tuple[Listed, ...]: ...

    async def fix(self, caller: Caller, finding_id: str, *, may_reboot: bool = False) -> Treated: ...

    async def fix_all(self, caller: Caller, *, may_reboot: bool = False) -> tuple[Treated, ...]: ...

    async def undo(self, caller: Caller, finding_id: str) -> Treated: ...

    async def snooze(self, caller: Caller, finding_id: str, days: int) -> Listed: ...

    async def unsnooze(self, caller: Caller, finding_id: str) -> Listed: ...


SETTINGS = web.AppKey("settings", ApiSettings)
"""Where a request finds them whose caller nobody knows yet."""


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
    sim_locks: SimLocks | None = None
    modem_restarts: ModemRestarts | None = None
    sticks: Callable[[], tuple[StickSeen, ...]] = tuple
    doctor: Doctor | None = None
    notifications: NotificationDesk | None = None
    refuse_target: Callable[[str], str | None] | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    figures: Figures = field(default_factory=Figures)
    settings_shown: tuple[Setting, ...] = ()
    log_tail: LogTail = field(default_factory=LogTail)
    batches: BatchDesk = field(init=False)
    self_tests: SelfTests = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "batches", BatchDesk(self.store, self.admission, self.clock))
        tests = SelfTests(self.store, self.admission, self.clock, self.stopping)
        object.__setattr__(self, "self_tests", tests)
