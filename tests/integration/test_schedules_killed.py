"""A process that carries out a recurring message is killed again and again: everybody gets it, and nobody twice."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.clock import SystemClock
from gateway.ids import new_id
from gateway.store.plan_rows import Calendar, PlannedMessage, ScheduleRow
from gateway.store.rows import KeyRow
from gateway.store.sqlite import SqliteStore
from tests.peers.store_world import LIVE, RING, World

RECIPIENTS = 600
KILLED_AFTER = (0, 1, 150, 300, 450, 599)
"""Messages that stand in the file when the process is killed."""
PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from gateway.admission import Admission, AdmissionSettings
from gateway.clock import SystemClock
from gateway.schedules import ScheduleLoop
from gateway.store.sqlite import SqliteStore
from tests.peers.store_world import RING

async def main() -> None:
    clock = SystemClock()
    store = SqliteStore(Path(sys.argv[1]), RING, clock)
    await store.open()
    print("ready", flush=True)
    os.dup2(2, 1)  # nobody reads on: what is logged goes where errors go
    loop = ScheduleLoop(store, Admission(store, AdmissionSettings(), clock), clock)
    assert await loop.run_due()
    await store.close()

asyncio.run(main())
"""


@dataclass
class Stored:
    """What stands in the file, read from outside."""

    path: Path

    def numbers(self) -> list[str]:
        db = sqlite3.connect(self.path)
        try:
            return sorted(row[0] for row in db.execute("SELECT to_number FROM message"))
        finally:
            db.close()


async def test_API_8_kill_9_while_a_reminder_is_sent_loses_nobody_and_doubles_nobody(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    numbers = tuple(f"+4479111{n:05d}" for n in range(RECIPIENTS))
    schedule_id = await _plan(path, numbers)
    stored, cut_short = Stored(path), 0
    for made in KILLED_AFTER:
        process = _start(path)
        while len(stored.numbers()) < made and process.poll() is None:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        cut_short += 0 < len(stored.numbers()) < RECIPIENTS
    process = _start(path)
    assert process.wait(timeout=60) == 0
    assert stored.numbers() == sorted(numbers)
    # Else the kills came too late to say anything.
    assert cut_short
    store = SqliteStore(path, RING, SystemClock())
    await store.open()
    try:
        (run,) = await store.schedules.runs(LIVE, schedule_id)
    finally:
        await store.close()
    assert (run.state, run.accepted, run.refused) == ("sent", RECIPIENTS, 0)


def _start(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "ready\n"
    return process


async def _plan(path: Path, numbers: tuple[str, ...]) -> str:
    clock = SystemClock()
    store = SqliteStore(path, RING, clock)
    await store.open()
    try:
        await World(store, clock, path).line()  # type: ignore[arg-type]  # a world whose time nobody moves
        key = KeyRow("key", "default", "public", "clinic", b"", ("*",), False, clock.now_ms())
        await store.add_key(key)
        start = datetime.fromtimestamp(clock.now_ms() // 1000 - 1, UTC)
        row = ScheduleRow(
            id=new_id(), tenant="default", sandbox=False, key_id="key", state="active", paused_reason=None,
            calendar=Calendar("FREQ=DAILY", start.strftime("%Y-%m-%dT%H:%M:%S"), "UTC"),
            message=PlannedMessage(to=numbers, text="Swimming today"),
            next_at_ms=int(start.timestamp() * 1000), created_at_ms=0, updated_at_ms=0,
        )  # fmt: skip
        return (await store.schedules.add(row)).id
    finally:
        await store.close()
