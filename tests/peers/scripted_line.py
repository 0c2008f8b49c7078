"""Owns a line and a device that do what a script says: verdicts, exceptions, silence; and list what went on air.

Real implementations of the seam, not doubles of ours: they know no store and no queue.
Source: the Line and Device protocols of ``device_bridge.device``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from device_bridge.device import (
    Capabilities,
    Cleared,
    DeviceEvent,
    DeviceInfo,
    Line,
    LineHealth,
    LineIdentity,
    LineState,
    Outgoing,
    OutgoingPart,
    PartLost,
    PartNotSent,
    PartOutcome,
    PartRejected,
    PartSent,
)
from device_bridge.sms.outcome import Outcome

Verdict = type[PartNotSent] | type[PartRejected] | type[PartLost]
Step = Exception | tuple[Verdict, Outcome]


class ScriptedLine:
    """Takes every part, unless the script has a step for it. ``gate`` holds back the verdict of what is on air."""

    def __init__(self, key: str, now_ms: Callable[[], int]) -> None:
        self._identity = LineIdentity(key, key, None)
        self._now_ms = now_ms
        self._mr = 0
        self.script: deque[Step | None] = deque()
        self.after_last: Exception | None = None
        self.before_cleared: Callable[[Outgoing], Awaitable[None]] | None = None
        self.on_air: list[tuple[str, int]] = []
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.started = asyncio.Event()

    @property
    def identity(self) -> LineIdentity:
        return self._identity

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    async def submit(self, outgoing: Outgoing, cleared: Cleared) -> AsyncIterator[PartOutcome]:
        self.asked.append(outgoing.attempt_id)
        for part in outgoing.parts:
            if self.before_cleared is not None:
                await self.before_cleared(outgoing)
            if not await cleared(part):
                return
            self.on_air.append((part.text or "", part.number))
            self.started.set()
            await self.gate.wait()
            outcome = self._verdict(outgoing, part)
            yield outcome
            if not isinstance(outcome, PartSent):
                return
        if self.after_last is not None:
            raise self.after_last

    def _verdict(self, outgoing: Outgoing, part: OutgoingPart) -> PartOutcome:
        step = self.script.popleft() if self.script else None
        if isinstance(step, Exception):
            raise step
        if step is None:
            self._mr = (self._mr + 1) % 256
            return PartSent(outgoing.attempt_id, part.number, self._mr, self._now_ms())
        verdict, cause = step
        return verdict(outgoing.attempt_id, part.number, cause, self._now_ms())

    async def ussd(self, code: str) -> str:
        return code

    async def health(self) -> LineHealth:
        return LineHealth(LineState.UP)


class ScriptedDevice:
    """Says its events and then is gone; ``acknowledged`` lists what it was told to forget."""

    def __init__(self, *said: DeviceEvent) -> None:
        self._said = said
        self.acknowledged: list[str] = []

    @property
    def info(self) -> DeviceInfo:
        return DeviceInfo("imei", "modem", "port")

    def lines(self) -> tuple[Line, ...]:
        return ()

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def events(self) -> AsyncIterator[DeviceEvent]:
        for event in self._said:
            yield event

    async def resume(self, attempt_ids: tuple[str, ...]) -> None: ...

    async def acknowledge(self, event_id: str) -> None:
        self.acknowledged.append(event_id)
