"""Owns the gateway that is measured: the product's own supervisor, with a slow disk or a null handler beside it.

Adds no behaviour of its own; questions on standard input are answered from what the product keeps anyway.
Source: gateway.supervisor.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import sqlite3
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from device_bridge.device import LineHealth, LineIdentity, LineState
from gateway import supervisor
from gateway.admission import Admission
from gateway.clock import Clock
from gateway.config import Config
from gateway.datadir import DataDir
from gateway.http.app import build_app
from gateway.http.protocol import listen, make_runner
from gateway.http.services import Services
from gateway.log import LogSettings, configure
from gateway.message import Message, MessageState, NewMessage
from gateway.organisation import admission_settings
from gateway.startup import store_of
from gateway.store.protocol import Store
from gateway.store.rows import Admitted, IdempotencyKey, LineSettings
from gateway.store.sqlite import SqliteStore
from gateway.supervisor import Announcement, Gateway, ServeOptions


class SlowCommits(sqlite3.Connection):
    """A disk that takes its time: every COMMIT that wrote something waits, as on an SD card."""

    delay_s = 0.0

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.total_changes != getattr(self, "_changes", 0):
            self._changes = self.total_changes
            time.sleep(self.delay_s)
        return super().execute(sql, parameters)


def _connect(delay_s: float, uri: str) -> sqlite3.Connection:
    kind = type("_Slow", (SlowCommits,), {"delay_s": delay_s}) if delay_s else sqlite3.Connection
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, factory=kind)


class NullStore:
    """The store of the null handler: admits at once and keeps nothing; everything else is the real one's."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def admit(self, new: NewMessage, _idempotency: IdempotencyKey | None) -> Admitted:
        return Admitted(_message(new), replayed=False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _message(new: NewMessage) -> Message:
    return Message(
        id=new.id, tenant=new.tenant, key_id=new.key_id, state=MessageState.QUEUED, to=new.to, text=new.text,
        octets=new.octets, port=new.port, encoding=new.encoding, coding=new.coding, parts=new.parts, parts_sent=0,
        parts_delivered=0, parts_in_doubt=0, route=new.route, line=new.line, pool=new.pool, sender=None,
        sandbox=new.sandbox, priority=new.priority, purpose=new.purpose, reference=new.reference,
        batch_id=new.batch_id, tags=new.tags, delivery_report=new.delivery_report, flash=new.flash,
        on_doubt=new.on_doubt, warnings=new.warnings, held_reason=None, attempts=0, error=None,
        created_at_ms=new.created_at_ms, send_at_ms=new.send_at_ms, due_at_ms=None,
        expires_at_ms=new.expires_at_ms, sent_at_ms=None, delivered_at_ms=None,
    )  # fmt: skip


def _config(modems: list[str]) -> Config:
    tree = {
        "server": {"port": 0, "rate_limit": 10_000_000},
        "messages": {"max_queued": 10_000_000},
        "sandbox": {"lines": 0},
        "serial": {"discover": False},
        "modem": [{"port": port} for port in modems],
        "lines": {"per_minute": 0, "per_day": 0},
    }
    return Config.model_validate_json(json.dumps(tree))


class Measured:
    """A running gateway that answers a parent."""

    def __init__(self, data_dir: Path, modems: list[str], delay_s: float) -> None:
        self._delay_s = delay_s
        self._said: list[Announcement] = []
        self._modems = modems
        options = ServeOptions(_config(modems), data_dir, 0, None, self._said.append)
        supervisor.open_store = self._open_store  # type: ignore[attr-defined]
        self._gateway = Gateway(options)

    async def _open_store(
        self, directory: DataDir, config: Config, clock: Clock, path: Path | None = None
    ) -> SqliteStore:
        store = store_of(directory, config, clock, path)
        store._file._connect = partial(_connect, self._delay_s)  # noqa: SLF001  the store takes it when it is made
        await store.open()
        return store

    async def start(self) -> dict[str, object]:
        """Start; returns what the parent must know."""
        await self._gateway.start()
        said = self._said[0]
        gateway = self._gateway
        store: SqliteStore = gateway._store  # noqa: SLF001
        if not self._modems:
            # A SIM that was here once: messages for it are admitted and wait, as they would at night.
            up = LineHealth(LineState.DOWN)
            sim = LineIdentity("8944000000000000001", "8944000000000000001", None, "+447700900001")
            await store.line_seen(sim, None, up, LineSettings())
        settings = gateway._api_settings()  # noqa: SLF001
        null = cast(Store, NullStore(store))
        services = Services(
            store=null,
            admission=Admission(null, admission_settings(gateway._config), gateway._clock),  # noqa: SLF001
            clock=gateway._clock,  # noqa: SLF001
            settings=settings,
        )
        self._null = make_runner(build_app(services), settings)
        host, port = await listen(self._null, "127.0.0.1", 0)
        return {"url": said.url, "null_url": f"http://{host}:{port}", "key": said.live_key}

    def gaps_ms(self) -> list[list[float]]:
        """Own milliseconds before each part, by line, since the last question."""
        taken: list[list[float]] = []
        for attached in self._gateway._attachments._attached.values():  # noqa: SLF001
            samples = attached.device.gap_samples  # type: ignore[attr-defined]
            taken.append([sample.own_s * 1000 for sample in samples])
            samples.clear()
        return taken

    def counters(self) -> dict[str, float]:
        """What the writer did so far."""
        writer = self._gateway._store._file._writer  # noqa: SLF001
        assert writer is not None
        return {"commits": writer.commits, "units": writer.units}

    async def lines_up(self) -> int:
        attached = self._gateway._attachments._attached.values()  # noqa: SLF001
        return sum(task.work.up for one in attached for task in one.tasks.values())

    async def stop(self) -> None:
        await self._null.cleanup()
        await self._gateway.stop()


async def run(measured: Measured) -> None:
    """Serve until standard input ends."""
    print(json.dumps(await measured.start()), flush=True)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        match json.loads(line):
            case "gaps":
                answer: object = measured.gaps_ms()
            case "up":
                answer = await measured.lines_up()
            case _:
                answer = measured.counters()
        print(json.dumps(answer), flush=True)
    await measured.stop()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--commit-delay-ms", type=float, default=0.0)
    parser.add_argument("--modem", action="append", default=[])
    parser.add_argument(
        "--profile", type=Path, default=None, help="write a cProfile of the event loop's thread here"
    )
    given = parser.parse_args()
    configure(replace(LogSettings(), level="info", format="json"))
    given.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    measured = Measured(given.data_dir, given.modem, given.commit_delay_ms / 1000)
    if given.profile is None:
        asyncio.run(run(measured))
        return 0
    profile = cProfile.Profile()
    profile.runcall(asyncio.run, run(measured))
    profile.dump_stats(given.profile)
    return 0


if __name__ == "__main__":
    sys.exit(main())
