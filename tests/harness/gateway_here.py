"""Owns a whole gateway inside the test's own process, put together by its supervisor, on a day of the test's choosing.

Refuses to imitate any of it: the configuration is a file, HTTP and modems are sockets, only time is the test's.
Source: gateway.supervisor; a night has to pass within a test, on the date on which clocks change.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import uuid_utils
from structlog.testing import capture_logs

from gateway.config.load import load
from gateway.datadir import DataDir
from gateway.supervisor import Announcement, Gateway, ServeOptions
from tests.harness.gateway_process import GatewayProcess

_STAMP_SHIFT = 80
"""The time of a UUIDv7 is its first 48 of 128 bits (RFC 9562 §5.7)."""


class StoryClock:
    """Both clocks of a process that lives at another time. They go on by themselves, and :meth:`until` lets hours pass.

    The loop's own clock goes with them: whatever sleeps wakes when its time has come, as it would in those hours.
    """

    def __init__(self, starts: str) -> None:
        self._mono_s = time.monotonic()
        self._ahead_s = 0.0
        self._starts_ms = round(datetime.fromisoformat(starts).timestamp() * 1000)
        self._apart_ms = self._starts_ms - time.time_ns() // 1_000_000

    def now_ms(self) -> int:
        return self._starts_ms + int((self.monotonic_s() - self._mono_s) * 1000)

    def monotonic_s(self) -> float:
        return time.monotonic() + self._ahead_s

    def until(self, moment: str) -> None:
        """Let time pass to a moment (RFC 3339 with offset). Nothing may be on air: radios keep their own time."""
        ahead_ms = datetime.fromisoformat(moment).timestamp() * 1000 - self.now_ms()
        assert ahead_ms >= 0, f"the story is past {moment} already"
        self._ahead_s += ahead_ms / 1000

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Let the running loop and new ids keep this time too."""
        loop = asyncio.get_running_loop()
        usual, uuid7 = loop.time, uuid_utils.uuid7
        started_s = loop.time() - self.monotonic_s()

        def of_the_story() -> uuid.UUID:
            # The same for all between two jumps, so that ids still never go backwards.
            apart_ms = self._apart_ms + int(self._ahead_s * 1000)
            return uuid.UUID(int=int(uuid7()) + (apart_ms << _STAMP_SHIFT))

        loop.time = lambda: self.monotonic_s() + started_s  # type: ignore[method-assign]
        uuid_utils.uuid7 = of_the_story  # type: ignore[assignment]
        try:
            yield
        finally:
            loop.time, uuid_utils.uuid7 = usual, uuid7  # type: ignore[method-assign]


@dataclass
class GatewayHere(GatewayProcess):
    """A gateway in this process; asked over HTTP like one in its own."""

    clock: StoryClock = field(default_factory=lambda: StoryClock("2026-03-28T12:00:00+00:00"))
    records: list[Any] = field(default_factory=list)
    """What it logged."""
    _gateway: Gateway | None = None
    _undo: list[Callable[[], None]] = field(default_factory=list)

    async def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "gateway.toml"
        file.write_text(self.config)
        file.chmod(0o600)
        DataDir(self.data_dir).prepare()
        logs = capture_logs()
        self.records = logs.__enter__()
        switch_s = sys.getswitchinterval()
        self._undo = [lambda: sys.setswitchinterval(switch_s), lambda: _closed(logs)]
        options = ServeOptions(
            load(file, {}), self.data_dir, self.simulate, None, self._told, clock=self.clock
        )
        self._gateway = Gateway(options)
        await self._gateway.start()

    def _told(self, said: Announcement) -> None:
        self.url, self.live, self.sandbox = said.url, said.live_key or "", said.sandbox_key or ""

    async def close(self) -> None:
        if self._gateway is not None:
            await self._gateway.stop()
            self._gateway = None
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
            gc.unfreeze()
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()
        await super().close()

    async def until(self, moment: str) -> None:
        """Let time pass to a moment; nobody holds a connection open meanwhile."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        self.clock.until(moment)

    @property
    def faults(self) -> list[Any]:
        """Lines of the log that speak of a defect."""
        return [line for line in self.records if line["log_level"] in ("error", "critical")]


def _closed(logs: Any) -> None:
    logs.__exit__(None, None, None)
