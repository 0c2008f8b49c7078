"""Tells what becomes of sticks on the USB bus: attached as they come, let go of when they go or are ignored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from device_bridge.discovery import SerialDiscovery
from device_bridge.modem import GsmModem, ModemSettings
from gateway.attachment import Attachments
from gateway.clock import SystemClock
from gateway.policy.rules import Limits
from gateway.serial_watch import StickWatch
from gateway.store.crypto import KeyRing
from gateway.store.ignored_devices import IgnoredDevice
from gateway.store.rows import LineSettings
from gateway.store.sqlite import SqliteStore
from tests.integration.whole import MakeAir

TENANT = "default"
RING = KeyRing({b"\x01\x02\x03\x04": bytes(range(32))}, b"\x01\x02\x03\x04")


@dataclass
class Bus:
    """A USB bus with one modem of a maker, whose port answers."""

    root: Path
    opened: list[str] = field(default_factory=list)

    def plug(self) -> str:
        device = self.root / "sys/bus/usb/devices/1-1"
        device.mkdir(parents=True)
        for name, value in (("idVendor", "2c7c"), ("idProduct", "0125"), ("devnum", "1")):
            (device / name).write_text(value)
        (device.parent / "1-1:1.2" / "ttyUSB2").mkdir(parents=True)
        (device.parent / "1-1:1.2" / "bInterfaceNumber").write_text("02")
        (self.root / "dev").mkdir()
        (self.root / "dev/ttyUSB2").touch()
        return str(self.root / "dev/ttyUSB2")

    async def answers(self, _port: str) -> bool:
        return True


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    one = SqliteStore(tmp_path / "gateway.db", RING, SystemClock())
    await one.open()
    yield one
    await one.close()


@pytest.fixture
async def undo(store: SqliteStore) -> AsyncIterator[AsyncExitStack]:
    """What must end before the store does."""
    del store
    async with AsyncExitStack() as stack:
        yield stack


async def test_an_ignored_modem_is_let_go_of_and_opened_again_when_it_is_wanted(
    store: SqliteStore, make_air: MakeAir, tmp_path: Path, undo: AsyncExitStack
) -> None:
    air, bus = await make_air(lines=1), Bus(tmp_path / "bus")
    port = bus.plug()
    attachments = Attachments(store, SystemClock(), Limits(), "node")
    undo.push_async_callback(attachments.stop, asyncio.Event())

    def opens(name: str) -> GsmModem:
        bus.opened.append(name)
        return GsmModem(ModemSettings(air.ports[1]))

    watch = StickWatch(
        SerialDiscovery(frozenset(), bus.root / "sys", bus.root / "dev", bus.answers),
        attachments,
        opens,
        lambda _identity: LineSettings(),
        store.ignored_devices.ports,
    )
    await watch.look()
    await attachments.first_look(10)
    assert attachments.watched() == {port}
    assert len(attachments.modems()) == 1

    await store.ignored_devices.ignore(TENANT, IgnoredDevice("imei", "modem", "Stick", port), "key:k")
    await watch.look()
    assert attachments.watched() == frozenset()
    assert attachments.modems() == (), "its port is free for others"
    await watch.look()
    assert bus.opened == [port]

    await store.ignored_devices.show_again(TENANT, "imei", "key:k")
    await watch.look()
    await attachments.first_look(10)
    assert bus.opened == [port, port]
    assert len(attachments.modems()) == 1


async def test_what_is_ignored_holds_after_a_restart_and_names_its_port_once(
    store: SqliteStore, tmp_path: Path, undo: AsyncExitStack
) -> None:
    for name in ("Stick", "Stick again"):
        await store.ignored_devices.ignore(TENANT, IgnoredDevice("imei", "modem", name, "/dev/x"), "key:k")
    await store.ignored_devices.ignore(TENANT, IgnoredDevice("R58M1", "phone", "Pixel"), "key:k")
    await store.close()
    later = SqliteStore(tmp_path / "gateway.db", RING, SystemClock())
    await later.open()
    undo.push_async_callback(later.close)
    assert await later.ignored_devices.ports() == {"/dev/x"}
    kept = {each.id: each for each in await later.ignored_devices.all(TENANT)}
    assert kept == {
        "imei": IgnoredDevice("imei", "modem", "Stick again", "/dev/x"),
        "R58M1": IgnoredDevice("R58M1", "phone", "Pixel"),
    }
