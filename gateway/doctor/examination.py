"""Owns the look at everything for a running server: what is looked at when, and how long an answer is believed.

Repairs nothing. Files of the system are read in a thread, one at a time; a phone is asked over its cable only when
somebody wants to know.
Source: the budgets of the dashboard: a page that shows what needs a person must not wait for a disk or a phone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from gateway.clock import Clock
from gateway.doctor.finding import Finding, each_once
from gateway.doctor.phones import examine_phones, phones_of
from gateway.doctor.served import examine_devices, examine_keys, examine_lines, examine_webhooks
from gateway.errors import GatewayError
from gateway.policy.rules import Limits
from gateway.store.protocol import Store
from gateway.store.rows import LineRow, View

if TYPE_CHECKING:
    from gateway.http.services import DeviceActions, DeviceStep, KnownPhone

log = structlog.get_logger(__name__)

BELIEVED_S = 5.0
"""How long what was seen of the machine, and rows of which no change was heard, are believed."""

AGAIN_S = 1.0
"""The machine is looked at no more often than this, whoever asks."""

MACHINE_S = 15.0
"""A look at the machine that takes longer is not waited for: a file system hangs."""

LOOK_S = 900.0
"""How long a look at a phone over its cable is believed; the host of phones goes through all steps as often."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What is looked at. ``devices`` None: no phones here.

    ``machine`` looks at everything around the gateway within some seconds, else it raises TimeoutError.
    """

    store: Store
    clock: Clock
    tenant: str
    limits: Limits
    machine: Callable[[float], Awaitable[Sequence[Finding]]]
    devices: DeviceActions | None


@dataclass(frozen=True, slots=True)
class Seen:
    """One finding, and when it was looked at (UTC ms)."""

    finding: Finding
    at_ms: int


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen of one side. ``at_s`` is monotonic."""

    seen: tuple[Seen, ...]
    at_s: float


@dataclass(frozen=True, slots=True)
class _PhoneLook:
    steps: tuple[DeviceStep, ...]
    beside: tuple[DeviceStep, ...]
    """The steps that the host of phones had then: when it has others, it knows better."""
    at_s: float


class Examination:
    """Everything that was seen, as new as it is asked for."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._store = sources.store
        self._clock = sources.clock
        self._rows_changed = self._store.signal("lines", "deliveries")
        self._rows: _Look | None = None
        self._machine: _Look | None = None
        self._running: asyncio.Task[_Look] | None = None
        self._outrun: asyncio.Task[_Look] | None = None
        self._phones: dict[str, _PhoneLook] = {}
        self._looking = asyncio.Lock()

    async def seen(self, machine_age_s: float = BELIEVED_S) -> tuple[Seen, ...]:
        """Give every finding, worst first, each once. Raises StoreUnavailable.

        Args:
            machine_age_s: How old the look at the machine may be; a younger one is made otherwise.
        """
        machine = await self._machine_within(machine_age_s)
        rows = await self._rows_now()
        at_ms = {each.finding.id: each.at_ms for each in (*rows.seen, *machine.seen)}
        findings = each_once(each.finding for each in (*rows.seen, *machine.seen))
        return tuple(Seen(finding, at_ms[finding.id]) for finding in findings)

    def forget(self) -> None:
        """Believe nothing that was seen before: something was changed."""
        self._rows = None
        self._machine = None
        if self._running is not None and not self._running.done():
            self._outrun = self._running
        self._running = None

    async def look_again(self) -> None:
        """Look at everything anew, phones on cables too: seconds for each, all at the same time.

        The machine is looked at once in :data:`AGAIN_S` at most: who asks sooner waits for that.
        """
        if self._machine is not None:
            age_s = self._clock.monotonic_s() - self._machine.at_s
            await asyncio.sleep(max(AGAIN_S - age_s, 0.0))
        self.forget()
        await self._look_at_phones()
        await self.seen()

    # ------------------------------------------------------------------ phones

    async def _look_at_phones(self) -> None:
        async with self._looking:
            known = await self._known()
            names = [
                phone.serialno for phone in known if phone.serialno and phone.ours and phone.state == "device"
            ]
            now_s = self._clock.monotonic_s()
            due = [name for name in names if not self._is_young(name, now_s)]
            await asyncio.gather(*(self.look_at(name) for name in due))

    async def look_at(self, serialno: str) -> tuple[DeviceStep, ...]:
        """Ask one phone, and give what was seen; empty when it cannot be asked now."""
        self._phones.pop(serialno, None)
        devices = self._sources.devices
        if devices is None:
            return ()
        try:
            steps = await devices.examine(serialno, fix=False, may_reboot=False)
        except (GatewayError, LookupError) as error:
            log.info("doctor.phone_not_asked", serialno=serialno, reason=str(error))
            return ()
        beside = next((phone.steps for phone in await self._known() if phone.serialno == serialno), ())
        self._phones[serialno] = _PhoneLook(steps, beside, self._clock.monotonic_s())
        self._rows = None
        return steps

    def _is_young(self, serialno: str, now_s: float) -> bool:
        look = self._phones.get(serialno)
        return look is not None and now_s - look.at_s < AGAIN_S

    async def _known(self) -> tuple[KnownPhone, ...]:
        return await self._sources.devices.phones() if self._sources.devices is not None else ()

    def _looked(self, known: Iterable[KnownPhone]) -> dict[str, tuple[DeviceStep, ...]]:
        now_s = self._clock.monotonic_s()
        on_cable = {phone.serialno: phone.steps for phone in known if phone.state == "device"}
        self._phones = {
            name: look
            for name, look in self._phones.items()
            if on_cable.get(name) == look.beside and now_s - look.at_s < LOOK_S
        }
        return {name: look.steps for name, look in self._phones.items()}

    # ------------------------------------------------------------------ rows

    async def _rows_now(self) -> _Look:
        now_s = self._clock.monotonic_s()
        rows = self._rows
        if rows is not None and not self._rows_changed.is_set() and now_s - rows.at_s < BELIEVED_S:
            return rows
        self._rows_changed.clear()
        now_ms = self._clock.now_ms()
        findings = await self._examine_rows(now_ms)
        self._rows = _Look(tuple(Seen(finding, now_ms) for finding in findings), now_s)
        return self._rows

    async def _examine_rows(self, now_ms: int) -> list[Finding]:
        view = View(self._sources.tenant)
        lines, devices = await self._store.lines(view), await self._store.devices(view)
        webhooks, keys = await self._store.webhooks(view), await self._store.keys(view.tenant)
        known = await self._known()
        phones = phones_of(known, devices, self._looked(known), self._per_minute(lines))
        phone_ids = frozenset(device.id for device in devices if device.kind == "phone")
        return [
            _ANSWERS,
            *examine_lines(lines, phone_ids),
            *examine_devices(devices, lines),
            *examine_phones(phones),
            *examine_webhooks(webhooks),
            *examine_keys(keys, now_ms),
        ]

    def _per_minute(self, lines: Sequence[LineRow]) -> dict[str, int]:
        """Add up what the lines of each device may send in a minute; 0 = one of them without limit."""
        paces: dict[str, list[int]] = {}
        for line in lines:
            if line.device_id is not None:
                default = self._sources.limits.pace.per_minute
                pace = default if line.per_minute is None else line.per_minute
                paces.setdefault(line.device_id, []).append(pace)
        return {device: sum(each) if all(each) else 0 for device, each in paces.items()}

    # ------------------------------------------------------------------ the machine

    async def _machine_within(self, age_s: float) -> _Look:
        now_s = self._clock.monotonic_s()
        if self._machine is not None and now_s - self._machine.at_s < age_s:
            return self._machine
        outrun = self._outrun
        if outrun is not None:
            # It began before something was changed, so what it sees is old; two looks at once may both hang.
            await asyncio.wait((outrun,))
            if self._outrun is outrun:
                self._outrun = None
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._examine_machine(), name="doctor machine")
        return await asyncio.shield(self._running)

    async def _examine_machine(self) -> _Look:
        now_ms, now_s = self._clock.now_ms(), self._clock.monotonic_s()
        try:
            findings = await self._sources.machine(MACHINE_S)
        except TimeoutError:
            findings = (_SLOW,)
        look = _Look(tuple(Seen(each, now_ms) for each in findings), now_s)
        if self._running is asyncio.current_task():
            self._machine = look
        return look


_ANSWERS = Finding("server", "ok", "server", "The server answers", scope="lines:read")

_SLOW = Finding(
    "machine_slow",
    "trouble",
    "machine",
    f"This machine could not be looked at within {MACHINE_S:.0f} s",
    "A disk or a network file system hangs; the gateway may hang with it.",
    "Look at the machine: dmesg | tail, df.",
)
