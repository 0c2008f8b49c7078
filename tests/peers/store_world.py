"""Owns a small world around a real store: a clock that tests move, lines, messages, and TPDUs as a network sends them.

Knows no codec of the product: STATUS-REPORT and DELIVER are written out octet by octet here.
Source: 3GPP TS 23.040 §9.2.2.1 and §9.2.2.3 (layouts), §9.2.3.11 (TP-SCTS).
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from device_bridge.device import (
    DeviceInfo,
    InboundReceived,
    LineHealth,
    LineIdentity,
    LineState,
    PartLost,
    PartNotSent,
    PartRejected,
    PartSent,
    ReportReceived,
)
from device_bridge.sms.outcome import Outcome, local, rp_cause
from gateway.ids import new_id
from gateway.message import Inbound, Message, NewMessage
from gateway.preparation import prepare
from gateway.received import read_received
from gateway.store.crypto import KeyRing
from gateway.store.rows import (
    Admitted,
    Claim,
    Claimed,
    Event,
    IdempotencyKey,
    KeyRow,
    LineRow,
    LineSettings,
    Pace,
    Prepared,
    View,
)
from gateway.store.sqlite import SqliteStore
from tests.harness.empty_store import lay

START_MS = 1_795_000_000_000
ALICE = "+447700900123"
LIVE = View("default")
RING = KeyRing({b"\x01\x02\x03\x04": bytes(range(32))}, b"\x01\x02\x03\x04")
THREE_PARTS = "part of a long text " * 20
TEMPORARY = rp_cause(41)
PERMANENT = rp_cause(1)
REROUTED = rp_cause(21)
BARRED = rp_cause(8)


class HandClock:
    """Both clocks, moved by hand; ``wall_ms`` can be stepped alone."""

    def __init__(self, start_ms: int = START_MS) -> None:
        self.wall_ms = start_ms
        self.mono_s = 1000.0

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic_s(self) -> float:
        return self.mono_s

    def pass_s(self, seconds: float) -> None:
        self.wall_ms += round(seconds * 1000)
        self.mono_s += seconds


StoreFactory = Callable[..., Any]
"""(path, ring, clock, **settings) → a store that is not open yet."""


class World:
    """One store, its clock, and short words for what happens to them."""

    def __init__(self, store: SqliteStore, clock: HandClock, path: Path) -> None:
        self.store = store
        self.clock = clock
        self.path = path
        self._references = itertools.count(1)

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    async def line(
        self, name: str = "a", *, emulated: bool = False, up: bool = True, **settings: Any
    ) -> LineRow:
        device = DeviceInfo(id=f"imei-{name}", kind="modem", address=f"port-{name}", emulated=emulated)
        await self.store.device_seen(device, True, None)
        identity = LineIdentity(f"iccid-{name}", f"iccid-{name}", f"imsi-{name}", f"+44770090{len(name):04d}")
        state = LineState.UP if up else LineState.DOWN
        return await self.store.line_seen(identity, device.id, LineHealth(state), LineSettings(**settings))

    def new(self, **changes: Any) -> NewMessage:
        text = changes.get("text", "hello")
        sandbox = bool(changes.get("sandbox"))
        pool = "sandbox" if sandbox else "default"
        new = NewMessage(
            id=new_id(), tenant="default", key_id="key", to=ALICE, text=text, octets=None, port=None,
            encoding="auto", coding="gsm7", parts=1 if len(text or "") <= 160 else -(-len(text or "") // 153),
            route=f"pool:{pool}", line=None, pool=pool, sandbox=sandbox, priority=0,
            purpose="transactional", reference=None, batch_id=None, tags={}, delivery_report=True, flash=False,
            on_doubt="hold", max_parts=10, created_at_ms=self.now_ms, send_at_ms=None,
            expires_at_ms=self.now_ms + 48 * 3_600_000,
        )  # fmt: skip
        return replace(new, **changes)

    async def admit(self, *, key: IdempotencyKey | None = None, **changes: Any) -> Message:
        admitted: Admitted = await self.store.admit(self.new(**changes), key)
        return admitted.message

    async def look(self, line: LineRow, limit: int = 4, pace: Pace | None = None) -> tuple[Prepared, ...]:
        looked = await self.store.look(line.id, limit, pace or Pace())
        return tuple(
            prepare(work, next(self._references) % 256, self.now_ms, more_follow=False)
            for work in looked.work
        )

    async def claim(
        self, line: LineRow, candidates: tuple[Prepared, ...] | None = None, pace: Pace | None = None
    ) -> Claimed:
        ready = await self.look(line, pace=pace) if candidates is None else candidates
        claim = Claim(line.id, line.device_id or "", "node", ready, pace or Pace())
        return await self.store.claim(claim)

    async def take(self, line: LineRow) -> Prepared:
        """Claim, and insist that there was something."""
        claimed = await self.claim(line)
        assert claimed.prepared is not None
        return claimed.prepared

    async def key(self, name: str) -> str:
        """Remember a key by its name; returns its id."""
        row = KeyRow(new_id(), "default", new_id(), name, b"", ("*",), False, self.now_ms)
        await self.store.add_key(row)
        return row.id

    async def events(self) -> tuple[Event, ...]:
        """All public events so far."""
        return await self.store.events_after(LIVE, 0, 10_000)

    async def get(self, message_id: str) -> Message:
        return await self.store.message(LIVE, message_id)

    async def state(self, message_id: str) -> str:
        return (await self.get(message_id)).state.value

    async def types(self, message_id: str) -> list[str]:
        return [entry.type for entry in await self.store.timeline(message_id)]

    # ---- what a device says
    async def sent(self, attempt: Prepared, part: int = 1, mr: int | None = 1) -> None:
        await self.store.record(PartSent(attempt.attempt_id, part, mr, self.now_ms))

    async def all_sent(self, attempt: Prepared, mr: int = 1) -> None:
        for i, part in enumerate(attempt.outgoing.parts):
            await self.sent(attempt, part.number, mr + i)

    async def not_sent(self, attempt: Prepared, part: int = 1, cause: Outcome = TEMPORARY) -> None:
        await self.store.record(PartNotSent(attempt.attempt_id, part, cause, self.now_ms))

    async def rejected(self, attempt: Prepared, part: int = 1, cause: Outcome = PERMANENT) -> None:
        await self.store.record(PartRejected(attempt.attempt_id, part, cause, self.now_ms))

    async def lost(self, attempt: Prepared, part: int = 1) -> None:
        cause = local("modem_silent", maybe_on_air=True)
        await self.store.record(PartLost(attempt.attempt_id, part, cause, self.now_ms))

    async def report(
        self, line: LineRow, mr: int, st: int = 0, *, to: str = ALICE, scts_ms: int | None = None
    ) -> None:
        tpdu = status_report(mr, to, st, self.now_ms if scts_ms is None else scts_ms)
        await self.store.record_report(line.id, ReportReceived(new_id(), line.key, tpdu, self.now_ms))

    async def receive(self, line: LineRow, tpdu: bytes) -> Inbound | None:
        event = InboundReceived(new_id(), line.key, tpdu, self.now_ms)
        return await self.store.store_inbound(read_received(line.id, event))


MakeWorld = Callable[..., AbstractAsyncContextManager[World]]
"""Settings of the store → a world that is not open yet."""


@asynccontextmanager
async def world(path: Path, make: StoreFactory = SqliteStore, **settings: Any) -> AsyncIterator[World]:
    """Open a world on a database file and close it afterwards."""
    clock = settings.pop("clock", None) or HandClock()
    ring = settings.pop("ring", RING)
    store = make(await lay(path), ring, clock, **settings)
    await store.open()
    try:
        yield World(store, clock, path)
    finally:
        await store.close()


# ------------------------------------------------------------------ octets from the network


def _semi(digits: str) -> bytes:
    padded = digits + "F" * (len(digits) % 2)
    return bytes(int(padded[i + 1] + padded[i], 16) for i in range(0, len(padded), 2))


def _address(number: str) -> bytes:
    digits = number.removeprefix("+")
    return bytes((len(digits), 0x91 if number.startswith("+") else 0x81)) + _semi(digits)


def scts(at_ms: int) -> bytes:
    """TP-SCTS in UTC."""
    return _semi(datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%y%m%d%H%M%S") + "00")


def status_report(mr: int, to: str, st: int, at_ms: int) -> bytes:
    """A STATUS-REPORT: TP-MTI 10, TP-MMS set (no more), TP-MR, TP-RA, TP-SCTS, TP-DT, TP-ST."""
    return bytes((0x06, mr)) + _address(to) + scts(at_ms) + scts(at_ms + 1000) + bytes((st,))


def deliver(
    text: str | bytes, at_ms: int, *, sender: str = ALICE, concat: tuple[int, int, int] | None = None,
    port: int | None = None,
) -> bytes:  # fmt: skip
    """A DELIVER with UCS-2 text or 8-bit data; ``concat`` is (reference, total, number)."""
    header = b""
    if port is not None:
        header += b"\x05\x04" + port.to_bytes(2, "big") + b"\x00\x00"
    if concat is not None:
        header += bytes((0x00, 0x03, *concat))
    body = text.encode("utf-16-be") if isinstance(text, str) else text
    ud = (bytes((len(header),)) + header if header else b"") + body
    first = 0x04 | (0x40 if header else 0)
    dcs = 0x08 if isinstance(text, str) else 0x04
    return bytes((first,)) + _address(sender) + bytes((0x00, dcs)) + scts(at_ms) + bytes((len(ud),)) + ud
