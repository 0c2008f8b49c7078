"""Owns a gateway without its doors: real store, real drivers, real line tasks on an emulated network, one process.

Refuses to imitate any of them. It exists for what ``gateway serve`` has no key for: short driver timers, a moved clock.
Source: the wiring of gateway.supervisor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from device_bridge.modem import GsmModem, ModemSettings, Timers
from gateway.admission import Admission, AdmissionSettings
from gateway.attachment import Attachments
from gateway.clock import SystemClock
from gateway.draft import Caller, MessageDraft
from gateway.message import Message, PartDetail, TimelineEntry
from gateway.policy.rules import Limits, PaceDefaults
from gateway.startup import StorePinMemory
from gateway.store.crypto import KeyRing
from gateway.store.rows import LineRow, LineSettings, View
from gateway.store.sqlite import SqliteStore
from tests.harness.air import Air
from tests.harness.empty_store import lay
from tests.harness.gateway_process import until

QUICK = Timers(
    clearance_s=1.0,
    escape_s=0.2,
    final_s=0.2,
    quiet_s=0.02,
    heartbeat_s=0.5,
    sim_poll_s=0.1,
    restart_s=0.5,
    long_submit_s=12.0,
    command_factor=0.1,
)
"""For an emulator that answers within milliseconds; the order of the driver's limits is kept."""

VIEW = View("default")
CALLER = Caller("key", "rig", "default", frozenset({"*"}))
NODE = "node-of-the-rig"


class MovableClock:
    """System time that a test can push forward."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self.ahead_s = 0.0

    def now_ms(self) -> int:
        return self._system.now_ms() + int(self.ahead_s * 1000)

    def monotonic_s(self) -> float:
        return self._system.monotonic_s() + self.ahead_s


@dataclass
class Rig:
    """Everything between admission and the air."""

    folder: Path
    air: Air
    clock: MovableClock = field(default_factory=MovableClock)
    submit_timeout_s: float = 180.0
    timers: Timers = QUICK
    pin: str | None = None
    log: list[dict[str, Any]] = field(default_factory=list)
    store: SqliteStore = field(init=False)
    attachments: Attachments = field(init=False)
    admission: Admission = field(init=False)
    _ticker: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """Open the store, take up what the last run left, attach every line of the network."""
        self.store = SqliteStore(
            await lay(self.folder / "gateway.db"),
            KeyRing.load(self.folder / "keys" / "data.json"),
            self.clock,
        )
        await self.store.open()
        await self.store.detach_all()
        await self.store.recover(NODE)
        self.admission = Admission(self.store, AdmissionSettings(), self.clock)
        self.attachments = Attachments(self.store, self.clock, Limits(PaceDefaults(0, 0)), NODE)
        for port in self.air.ports.values():
            self.attachments.watch(port, self._modem(port), lambda _: LineSettings())
        self._ticker = asyncio.create_task(self._tick())

    def _modem(self, port: str) -> GsmModem:
        settings = ModemSettings(
            port,
            pin=self.pin,
            pin_memory=StorePinMemory(self.store),
            submit_timeout_s=self.submit_timeout_s,
            timers=self.timers,
        )
        return GsmModem(settings, self.clock.now_ms)

    async def _tick(self) -> None:
        while True:
            await self.store.tick()
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Let go of everything at once; what is on air stays SUBMITTING."""
        if self._ticker is None:
            return
        self._ticker.cancel()
        self._ticker = None
        impatient = asyncio.Event()
        impatient.set()
        await self.attachments.stop(impatient)
        await self.store.close()

    # ------------------------------------------------------------------ work

    async def send(self, to: str, text: str = "hello", **more: Any) -> str:
        """Admit a message; ``line`` is the number of a line from 1."""
        line = more.pop("line", None)
        if line is not None:
            more["line"] = (await self.line(line)).id
        return (await self.admission.admit(MessageDraft(to, text, **more), CALLER, None)).message.id

    async def message(self, message_id: str) -> Message:
        return await self.store.message(VIEW, message_id)

    async def parts(self, message_id: str) -> tuple[PartDetail, ...]:
        return await self.store.parts(message_id)

    async def timeline(self, message_id: str) -> tuple[TimelineEntry, ...]:
        return await self.store.timeline(message_id)

    async def reaches(self, message_id: str, *states: str, limit_s: float = 30.0) -> Message:
        """Wait until a message is in one of the states."""

        async def there() -> bool:
            return (await self.message(message_id)).state.value in states

        try:
            await until(there, f"{states}", limit_s)
        except AssertionError as error:
            hops = [
                f"  {hop.at_ms} {hop.type} {hop.attempt} {hop.part} {hop.detail}"
                for hop in await self.timeline(message_id)
            ]
            raise AssertionError("\n".join([str(error), *hops, *map(str, self.log[-20:])])) from None
        return await self.message(message_id)

    async def line(self, number: int) -> LineRow:
        """The store's row of a line of the network."""
        iccid = self.air.network.modem(number).sim.identity.iccid
        rows = await self.store.lines(VIEW)
        return next(row for row in rows if row.iccid == iccid)

    async def lines_are(self, *states: str, limit_s: float = 30.0) -> None:
        """Wait until the lines, in the order of the network, are in these states."""

        async def there() -> bool:
            rows = {row.iccid: row.state for row in await self.store.lines(VIEW)}
            wanted = {
                self.air.network.modem(number).sim.identity.iccid: state
                for number, state in enumerate(states, 1)
            }
            return rows == wanted

        await until(there, f"lines are {states}", limit_s)

    async def all_up(self, limit_s: float = 30.0) -> None:
        await self.lines_are(*("up" for _ in self.air.network.modems), limit_s=limit_s)

    def logged(self, event: str, **members: Any) -> list[dict[str, Any]]:
        """Lines of the log with this event and these members."""
        return [
            line
            for line in self.log
            if line["event"] == event and all(line.get(name) == value for name, value in members.items())
        ]


class _Lines(logging.Handler):
    """What the drivers say, beside what the gateway says."""

    def __init__(self, log: list[dict[str, Any]]) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.append({"event": record.getMessage(), "log_level": record.levelname.lower()})


@asynccontextmanager
async def rig(folder: Path, air: Air, *, up: bool = True, **settings: Any) -> AsyncIterator[Rig]:
    """Run a rig with its log captured; ``up`` waits until every line is."""
    one = Rig(folder, air, **settings)
    drivers = logging.getLogger("device_bridge")
    handler = _Lines(one.log)
    level = drivers.level
    drivers.addHandler(handler)
    drivers.setLevel(logging.INFO)
    with structlog.testing.capture_logs() as said:
        one.log = handler._log = said  # type: ignore[assignment]
        try:
            await one.start()
            if up:
                await one.all_up()
            yield one
        finally:
            await one.stop()
            drivers.removeHandler(handler)
            drivers.setLevel(level)
