"""Proves that a phone which says wrong, foreign, repeated or endless things harms nobody but its own connection."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.harness.phones import ICCIDS, PhoneWorld, pair_by_cable, phone_world, two_sims, usb_url
from tests.harness.zygote import Zygote
from tests.peers.companion_pdus import deliver, status_report
from tests.peers.companion_peer import CompanionPeer
from tests.peers.companion_settings import now_ms
from tests.peers.companion_socket import BINARY, TEXT, Socket

ANN, EVE = "+447700900123", "+447700900666"
GIGABYTE = 1 << 30
MEMORY_LEFT_ALONE = 64 << 20
FLOOD = 2_000
FIRST = 1_000
"""First event id of a rogue: an install never uses an id twice, and the honest app begins at 1."""


@pytest.fixture
async def world(tmp_path: Path, zygote: Zygote) -> AsyncIterator[PhoneWorld]:
    async with phone_world(tmp_path, zygote) as one:
        yield one


class Rogue:
    """A connection with a phone's key on which a test says what it likes."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self.frame = socket.frame

    def say(self, **message: Any) -> None:
        self._socket.send(json.dumps(message))

    def event(self, event_id: int, **body: Any) -> None:
        self.say(t="event", id=event_id, at_ms=now_ms(), **body)

    async def hears(self, kind: str) -> dict[str, Any]:
        """Wait for a message of this kind; others are passed over."""
        async with asyncio.timeout(30):
            while (text := await self._socket.receive()) is not None:
                message: dict[str, Any] = json.loads(text)
                if message["t"] == kind:
                    return message
        raise AssertionError(f"the connection ended before {kind}")

    async def committed(self, count: int) -> list[int]:
        """Wait until so many events are committed."""
        ids: list[int] = []
        while len(ids) < count:
            ids += (await self.hears("committed"))["events"]
        return ids

    async def ends(self) -> None:
        """Wait for the end of the connection."""
        async with asyncio.timeout(30):
            while await self._socket.receive() is not None:
                pass


@asynccontextmanager
async def rogue(world: PhoneWorld, phone: CompanionPeer) -> AsyncIterator[Rogue]:
    """Stop the honest app and speak in its place."""
    key, hello = phone.journal.fact("key"), phone.hello("usb")
    phone.usb = None
    phone.journal.forget("key")
    phone.hang_up()
    await phone.until(lambda: phone.active is None)
    socket = await Socket.open(usb_url(world.server), key, None)
    one = Rogue(socket)
    one.say(**hello)
    await one.hears("welcome")
    try:
        yield one
    finally:
        socket.abort()
        phone.journal.remember(key=key)


async def still_works(world: PhoneWorld, phone: CompanionPeer) -> None:
    """The honest app comes back and sends."""
    phone.plug(usb_url(world.server))
    await world.server.reaches(await world.server.send(ANN, "still alive"), "delivered", limit_s=30)


def memory_bytes(pid: int) -> int:
    (line,) = [x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


async def test_a_gigabyte_that_is_announced_ends_the_connection_and_takes_no_memory(
    world: PhoneWorld,
) -> None:
    phone = await world.join()
    before = memory_bytes(world.server.pid)
    async with rogue(world, phone) as bad:
        bad.frame(TEXT, b'{"t":"event"', announced=GIGABYTE)
        await bad.ends()
    assert memory_bytes(world.server.pid) - before < MEMORY_LEFT_ALONE
    await still_works(world, phone)


@pytest.mark.parametrize(
    ("opcode", "payload"),
    [
        (TEXT, b"{"),
        (TEXT, b"[]"),
        (TEXT, b'{"t":"order"}'),
        (TEXT, b'{"t":"event","id":"1","kind":"sent"}'),
        (TEXT, b'{"t":"taken"}'),
        (TEXT, b'"' + b"x" * 1_100_000 + b'"'),
        (TEXT, b"[" * 100_000),
        (TEXT, b"\xff\xfe"),
        (BINARY, b'{"t":"taken","job":"1"}'),
    ],
    ids=[
        "half",
        "array",
        "unknown",
        "wrong type",
        "missing member",
        "over 1 MiB",
        "deep",
        "no UTF-8",
        "binary",
    ],
)
async def test_what_is_no_message_ends_the_connection_and_nothing_else(
    world: PhoneWorld, opcode: int, payload: bytes
) -> None:
    phone = await world.join()
    async with rogue(world, phone) as bad:
        bad.frame(opcode, payload)
        await bad.ends()
    await still_works(world, phone)


async def test_events_out_of_order_and_repeated_are_recorded_once_and_committed(world: PhoneWorld) -> None:
    phone = await world.join()
    async with rogue(world, phone) as bad:
        for event_id in (FIRST + 9, FIRST + 7, FIRST + 8, FIRST + 7, FIRST + 9):
            pdus = deliver(EVE, f"event {event_id}", 1_795_000_000_000 + event_id * 1000)
            bad.event(event_id, kind="inbound", sub=3, pdus=pdus, format="3gpp")
        assert {FIRST + 7, FIRST + 8, FIRST + 9} <= set(await bad.committed(3))
    items = await world.server.all("/api/v1/inbound")
    assert Counter(item["text"] for item in items) == {f"event {FIRST + n}": 1 for n in (7, 8, 9)}
    await still_works(world, phone)


async def test_events_of_another_phones_job_change_nothing_and_are_committed(world: PhoneWorld) -> None:
    """A sent intent, a report and a failure for an attempt that another phone carries (rules CMP-2)."""
    victim = await world.join("victim")
    liar = world.make("liar", sims=())
    await pair_by_cable(world.server, liar)
    await liar.start()
    await liar.until(lambda: liar.active is not None)
    victim.faults.silent_at_jobs = True
    sent = await world.server.send(ANN, "mine")
    await victim.until(lambda: any(frame["t"] == "job" for _, frame in victim.frames))
    job = next(frame["job"] for _, frame in victim.frames if frame["t"] == "job")
    async with rogue(world, liar) as bad:
        bad.event(FIRST, kind="sent", job=job, part=1, result=-1, error=None, no_default=False)
        bad.event(
            FIRST + 1,
            kind="report",
            job=job,
            part=1,
            pdu=status_report(ANN, 1, (now_ms(), now_ms())),
            format="3gpp",
        )
        bad.event(FIRST + 2, kind="failed", job=job, code="not_called", detail="a lie")
        assert set(await bad.committed(3)) == {FIRST, FIRST + 1, FIRST + 2}
        assert (await world.server.message(sent))["state"] == "submitting"
        assert victim.active is not None


async def test_a_text_to_a_subscription_that_is_not_there_is_not_lost(world: PhoneWorld) -> None:
    """The SIM may have been pulled between the text and its telling."""
    phone = await world.join()
    async with rogue(world, phone) as bad:
        bad.event(
            FIRST, kind="inbound", sub=99, pdus=deliver(EVE, "to a SIM that is gone", now_ms()), format="3gpp"
        )
        bad.event(FIRST + 1, kind="inbound", sub=3, pdus=["00"], format="3gpp")
        bad.event(FIRST + 2, kind="inbound", sub=3, pdus=["NO HEX"], format="3gpp2")
        assert set(await bad.committed(3)) == {FIRST, FIRST + 1, FIRST + 2}
    items = await world.server.all("/api/v1/inbound")
    assert [item["text"] for item in items if item["type"] == "sms"] == ["to a SIM that is gone"]
    assert len(items) == 3
    await still_works(world, phone)


async def test_more_events_than_the_window_end_the_connection_and_other_phones_go_on(
    world: PhoneWorld,
) -> None:
    phone = await world.join("flooding")
    other = await world.join("other", sims=(replace(two_sims()[0], iccid=ICCIDS[2]),))
    async with rogue(world, phone) as bad:
        for event_id in range(FIRST, FIRST + FLOOD):
            pdus = deliver(EVE, f"flood {event_id}", now_ms() + event_id * 1000)
            bad.event(event_id, kind="inbound", sub=3, pdus=pdus, format="3gpp")
        await bad.ends()
    line = (await world.lines())[ICCIDS[2]]
    sent = await world.server.send(ANN, "meanwhile", line=line["id"])
    await world.server.reaches(sent, "delivered")
    assert len(other.radio.aired) == 1
    await still_works(world, phone)
