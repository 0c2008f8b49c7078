"""Byte links to modems: nothing is lost or reordered, a break is told once, and no call blocks the loop."""

from __future__ import annotations

import asyncio
import os
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_bridge.errors import LinkLost
from device_bridge.link import ByteLink, open_link
from device_bridge.link.serial_port import port_holder
from device_bridge.link.threads import in_thread


class Pty:
    """Both ends of a pseudo-terminal; the master is the device's side."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.name = os.ttyname(self.slave)

    def pull(self) -> None:
        for descriptor in (self.master, self.slave):
            os.close(descriptor)
        self.master = self.slave = -1


@pytest.fixture
def pty() -> Iterator[Pty]:
    pair = Pty()
    yield pair
    if pair.master >= 0:
        pair.pull()


class Heard:
    """What a link has brought, and a way to wait for it."""

    def __init__(self) -> None:
        self.octets = b""
        self._came = asyncio.Event()

    def __call__(self, octets: bytes) -> None:
        self.octets += octets
        self._came.set()

    async def until(self, length: int) -> bytes:
        async with asyncio.timeout(30):
            while len(self.octets) < length:
                self._came.clear()
                await self._came.wait()
        return self.octets


async def read_all(descriptor: int, length: int) -> bytes:
    """Read from the device's side as slowly as a device does."""
    octets = b""
    async with asyncio.timeout(30):
        while len(octets) < length:
            try:
                octets += os.read(descriptor, 1000)
            except BlockingIOError:
                await asyncio.sleep(0)
    return octets


async def test_a_device_that_reads_slowly_gets_everything_in_order_without_blocking_us(pty: Pty) -> None:
    link = await open_link(pty.name, 115200, Heard())
    sent = b"".join(b"%06d" % number for number in range(20_000))
    for at in range(0, len(sent), 6_000):
        link.write(sent[at : at + 6_000])
    assert await read_all(pty.master, len(sent)) == sent
    link.close()


async def test_bytes_of_any_value_pass_both_ways(pty: Pty) -> None:
    heard = Heard()
    link = await open_link(pty.name, 115200, heard)
    every = bytes(range(256))
    link.write(every)
    assert await read_all(pty.master, 256) == every
    os.write(pty.master, every)
    assert await heard.until(256) == every
    link.close()


async def test_a_cable_that_is_pulled_is_told_once_and_writing_then_fails(pty: Pty) -> None:
    link = await open_link(pty.name, 115200, Heard())
    pty.pull()
    reason = await asyncio.wait_for(asyncio.shield(link.closed), 30)
    assert isinstance(reason, LinkLost)
    with pytest.raises(LinkLost):
        link.write(b"AT\r")
    link.close()
    assert link.closed.result() is reason


async def tcp_link(heard: Heard) -> tuple[ByteLink, asyncio.StreamWriter, asyncio.Server]:
    accepted: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda _, writer: accepted.set_result(writer), "127.0.0.1", 0)
    link = await open_link(f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}", 0, heard)
    return link, await accepted, server


async def test_closing_a_port_whose_device_is_gone_already_is_no_fault(pty: Pty) -> None:
    link = await open_link(pty.name, 115200, Heard())
    pty.pull()
    # Before the loop has heard of it: as when a stop and a pulled stick come together.
    link.close()
    assert "closed by us" in str(await link.closed)


async def test_a_socket_that_closes_is_told_and_writing_then_fails() -> None:
    heard = Heard()
    link, device, server = await tcp_link(heard)
    device.write(b"RDY\r\n")
    assert await heard.until(5) == b"RDY\r\n"
    device.close()
    assert isinstance(await asyncio.wait_for(asyncio.shield(link.closed), 30), LinkLost)
    with pytest.raises(LinkLost):
        link.write(b"AT\r")
    server.close()


async def test_a_link_that_we_close_brings_nothing_any_more() -> None:
    heard = Heard()
    link, device, server = await tcp_link(heard)
    link.close()
    with pytest.raises(LinkLost):
        link.write(b"AT\r")
    assert heard.octets == b""
    device.close()
    server.close()


async def test_an_opening_that_hangs_is_left_behind_and_what_it_opens_later_is_closed() -> None:
    release, discarded = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang() -> str:
        release.wait(10)
        return "port"

    def discard(_: str) -> None:
        loop.call_soon(discarded.set)

    with pytest.raises(TimeoutError):
        await in_thread(hang, 0.01, discard)
    release.set()
    await asyncio.wait_for(discarded.wait(), 30)


async def test_an_error_of_the_thread_is_the_callers() -> None:
    def fail() -> None:
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        await in_thread(fail, 5, lambda _: None)


def test_the_holder_of_a_port_is_named_where_it_can_be_seen(tmp_path: Path) -> None:
    port = tmp_path / "ttyUSB0"
    port.touch()
    folder = tmp_path / "proc" / "812"
    (folder / "fd").mkdir(parents=True)
    (folder / "comm").write_text("ModemManager\n")
    (folder / "fd" / "7").symlink_to(port)
    assert port_holder(str(port), tmp_path / "proc") == "ModemManager (process 812)"
    assert port_holder(str(tmp_path / "ttyUSB1"), tmp_path / "proc") is None


async def test_a_cancellation_that_comes_together_with_the_result_is_not_swallowed() -> None:
    done = threading.Event()

    def work() -> int:
        done.set()
        return 1

    task = asyncio.create_task(in_thread(work, 5, lambda _: None))
    await asyncio.sleep(0)
    assert done.wait(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
