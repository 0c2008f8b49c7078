"""Owns the life of attached devices: opened, watched, their lines' tasks started and ended, opened again with backoff.

Knows no HTTP and no configuration file: it is told which devices there are and what people said of their SIMs.
Source: design, *Layout* (supervisor); W3 is kept by the event loop it starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from structlog.contextvars import clear_contextvars

from device_bridge.device import (
    Device,
    DeviceChanged,
    DeviceInfo,
    Line,
    LineChanged,
    LineHealth,
    LineIdentity,
    LineState,
)
from device_bridge.errors import DeviceBridgeError, DeviceNotReady
from device_bridge.modem import GsmModem
from device_bridge.sms.outcome import Outcome, local
from gateway.clock import Clock
from gateway.dispatcher import LineTask, run_events
from gateway.handover import JournalTask
from gateway.line_work import Outlook
from gateway.policy.rules import Limits
from gateway.store.protocol import Store, StoreUnavailable
from gateway.store.rows import LineRow, LineSettings

log = structlog.get_logger(__name__)

REOPEN_FIRST_S = 0.5
REOPEN_MAX_S = 15.0
"""A device that is there and does not answer is asked again at least this often."""

LOOK_S = 2.0
"""A port that is not there is looked for this often: it costs nothing, and a stick sends within seconds."""

DRAIN_S = 30.0
"""A text that is on air at shutdown is waited for this long; then it stays SUBMITTING for ``recover``."""

SettingsOf = Callable[[LineIdentity], LineSettings]
Carrier = LineTask | JournalTask


@dataclass(slots=True)
class Attached:
    """One device and the tasks of its lines."""

    device: Device
    tasks: dict[str, Carrier] = field(default_factory=dict)
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    line_ids: dict[str, str] = field(default_factory=dict)
    told: dict[str, tuple[LineState, Outcome | None]] = field(default_factory=dict)
    """State and reason as last logged, by line key: signal changes are not worth a line."""


class Attachments:
    """All devices of this process."""

    def __init__(self, store: Store, clock: Clock, limits: Limits, node: str) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits
        self._node = node
        self._outlook = Outlook()
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._attached: dict[str, Attached] = {}
        self._looked: dict[str, asyncio.Event] = {}
        self._stopping = False
        self.sending_allowed = asyncio.Event()
        self.sending_allowed.set()

    # ------------------------------------------------------------------ what is asked of it

    def watch(self, name: str, device: Device, settings_of: SettingsOf, *, comes_later: bool = False) -> None:
        """Keep a device open from now on; ``name`` is where it is (a port).

        ``comes_later``: it opens when it likes (a phone dials us), so the start does not wait for it.
        """
        self._looked[name] = asyncio.Event()
        if comes_later:
            self._looked[name].set()
        self._watches[name] = asyncio.create_task(
            self._watch(name, device, settings_of), name=f"device {name}"
        )

    async def first_look(self, timeout_s: float) -> None:
        """Wait until every device was opened once, or could not be, for at most ``timeout_s``."""
        waiting = [asyncio.ensure_future(looked.wait()) for looked in self._looked.values()]
        if waiting:
            _done, late = await asyncio.wait(waiting, timeout=timeout_s)
            for task in late:
                task.cancel()

    async def forget(self, name: str) -> None:
        """Let go of a device that is no longer there."""
        task = self._watches.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def watched(self) -> frozenset[str]:
        return frozenset(self._watches)

    def line(self, line_id: str) -> Line:
        """Find an attached line by the store's id. Raises LookupError."""
        for attached in self._attached.values():
            for task in attached.tasks.values():
                if task.work.row.id == line_id:
                    return task.line
        raise LookupError(line_id)

    def modems(self) -> tuple[GsmModem, ...]:
        """Give the modems that are open now."""
        devices = (attached.device for attached in self._attached.values())
        return tuple(device for device in devices if isinstance(device, GsmModem))

    def modem(self, device_id: str) -> GsmModem:
        """Find an open modem. Raises LookupError."""
        for modem in self.modems():
            if modem.info.id == device_id:
                return modem
        raise LookupError(device_id)

    def is_on_air(self, device: Device) -> bool:
        """Say whether a line of this device has a text in hand."""
        attached = (each for each in self._attached.values() if each.device is device)
        return any(task.work.on_air for each in attached for task in each.tasks.values())

    async def stop(self, second_signal: asyncio.Event) -> None:
        """Claim nothing new, wait for what is on air, close everything."""
        self._stopping = True
        tasks = [task for attached in self._attached.values() for task in attached.tasks.values()]
        for task in tasks:
            task.work.stop()
        running = [task for attached in self._attached.values() for task in attached.running.values()]
        if any(task.work.on_air for task in tasks):
            impatient = asyncio.create_task(second_signal.wait())
            drained = asyncio.create_task(asyncio.wait(running))
            both: set[asyncio.Task[Any]] = {impatient, drained}
            await asyncio.wait(both, timeout=DRAIN_S, return_when=asyncio.FIRST_COMPLETED)
            impatient.cancel()
            drained.cancel()
        for watch in self._watches.values():
            watch.cancel()
        await asyncio.gather(*self._watches.values(), return_exceptions=True)

    # ------------------------------------------------------------------ one device

    async def _watch(self, name: str, device: Device, settings_of: SettingsOf) -> None:
        # The request that had a phone set up ends long before this does.
        clear_contextvars()
        wait_s = REOPEN_FIRST_S
        said: str | None = None
        while True:
            try:
                await device.open()
                said, wait_s = None, REOPEN_FIRST_S
                await self._serve(name, device, settings_of)
            except DeviceNotReady as error:
                if error.cause.code != said:
                    log.warning(
                        "device.not_ready", address=name, code=error.cause.code, hint=error.cause.hint
                    )
                    await self._seen(device.info, error.cause, attached=False)
                said = error.cause.code
                if said == "device_lost":
                    wait_s = min(wait_s, LOOK_S)
            except StoreUnavailable as error:
                log.warning("device.waits_for_store", address=name, reason=str(error))
            except Exception:
                log.exception("device.loop_failed", address=name)
            self._looked[name].set()
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, REOPEN_MAX_S)

    async def _seen(self, seen: DeviceInfo, reason: Outcome | None, *, attached: bool) -> None:
        try:
            await self._store.device_seen(seen, attached, reason)
        except StoreUnavailable as error:
            log.warning("device.not_recorded", device_id=seen.id, reason=str(error))

    async def _serve(self, name: str, device: Device, settings_of: SettingsOf) -> None:
        """Record and send through an open device until its link is lost."""
        log.info("device.attached", address=name, device_id=device.info.id, model=device.info.model)
        attached = self._attached[name] = Attached(device)
        try:
            await self._seen(device.info, device.info.trouble, attached=True)
            for line in device.lines():
                await self._line_seen(attached, line, await line.health(), settings_of)
            self._looked[name].set()

            async def changed(event: LineChanged | DeviceChanged) -> None:
                if isinstance(event, DeviceChanged):
                    await self._seen(event.info, event.info.trouble, attached=True)
                else:
                    await self._line_changed(attached, event, settings_of)

            await device.resume(await self._store.open_attempts(device.info.id))

            await run_events(device, attached.line_ids, self._store, changed)
            log.warning("device.lost", address=name, device_id=device.info.id)
        except DeviceBridgeError as error:
            log.warning("device.failed", address=name, device_id=device.info.id, reason=str(error))
        finally:
            detaching = asyncio.ensure_future(self._detach(name, attached))
            try:
                await asyncio.shield(detaching)
            except asyncio.CancelledError:
                await detaching  # forgotten in the middle of it: its lines would stay "up" for ever
                raise

    async def _detach(self, name: str, attached: Attached) -> None:
        """End the line tasks after the driver's verdict on what was on air, then say that the lines are down."""
        device = attached.device
        for task in attached.tasks.values():
            task.work.up = False
            task.work.stop()
        if not self._stopping:
            await asyncio.gather(*attached.running.values(), return_exceptions=True)
        for running in attached.running.values():
            running.cancel()
        await device.close()
        self._attached.pop(name, None)
        if self._stopping:
            return  # the next start says what is there; nobody needs an alarm for a shutdown
        lost = local("phone_gone" if device.info.kind == "phone" else "device_lost")
        gone = LineHealth(LineState.DOWN, lost)
        try:
            for task in attached.tasks.values():
                await self._store.line_seen(task.line.identity, device.info.id, gone)
        except StoreUnavailable as error:
            log.warning("line.not_recorded", address=name, reason=str(error))
        await self._seen(device.info, lost, attached=False)

    # ------------------------------------------------------------------ its lines

    async def _line_changed(self, attached: Attached, event: LineChanged, settings_of: SettingsOf) -> None:
        line = next((x for x in attached.device.lines() if x.identity.key == event.line_key), None)
        if line is not None:
            await self._line_seen(attached, line, event.health, settings_of)
            return
        gone = attached.tasks.pop(event.line_key, None)
        if gone is not None:
            gone.work.up = False
            gone.work.stop()
            await self._store.line_seen(gone.line.identity, attached.device.info.id, event.health)

    async def _line_seen(
        self, attached: Attached, line: Line, health: LineHealth, settings_of: SettingsOf
    ) -> None:
        key = line.identity.key
        if self._is_claimed_elsewhere(attached, key, health):
            log.warning("line.in_two_devices", sim=key, device_id=attached.device.info.id)
            await self._store.conflict(attached.device.info.id, "line_in_two_devices")
            return
        settings = settings_of(line.identity)
        row = await self._store.line_seen(line.identity, attached.device.info.id, health, settings)
        attached.line_ids[key] = row.id
        task = attached.tasks.get(key)
        if task is None or task.line is not line:
            if task is not None:
                task.work.stop()
            task = self._carrier(attached.device, line, row)
            attached.tasks[key] = task
            attached.running[key] = asyncio.create_task(self._run(task), name=f"line {row.id}")
        if attached.told.get(key) != (health.state, health.reason):
            attached.told[key] = (health.state, health.reason)
            reason = health.reason.code if health.reason else None
            log.info("line.changed", line=row.id, state=health.state.value, reason=reason)
        task.work.row = row
        task.work.up = health.state is LineState.UP
        task.work.wake.set()

    def _is_claimed_elsewhere(self, attached: Attached, key: str, health: LineHealth) -> bool:
        """A SIM moves, but it is not in two devices at once: who has it up keeps it (rules CMP-2)."""
        others = (other for other in self._attached.values() if other is not attached)
        return health.state is LineState.UP and any(
            key in other.tasks and other.tasks[key].work.up for other in others
        )

    def _carrier(self, device: Device, line: Line, row: LineRow) -> Carrier:
        task: Carrier
        if line.capabilities.journal:
            task = JournalTask(line, row, self._store, self._clock, self._limits)
            task.acknowledge = device.acknowledge
        else:
            task = LineTask(line, row, self._store, self._clock, self._limits)
        task.work.node = self._node
        task.work.outlook = self._outlook
        return task

    async def _run(self, task: Carrier) -> None:
        """Run a line's loop for as long as the line is there; a defect in it is logged and the loop restarted."""
        while True:
            await self.sending_allowed.wait()
            try:
                await task.run()
            except Exception:
                log.exception("line.loop_failed", line=task.work.row.id)
                await asyncio.sleep(REOPEN_FIRST_S)
                with suppress(StoreUnavailable):
                    await self._store.recover(self._node, task.work.row.id)
            else:
                return
