"""Owns finding serial modems among the USB devices of this machine, and saying why a stick is not usable.

Drives no modem beyond AT and keeps no line; knows sysfs, the vendor table and what was asked before.
Source: Linux Documentation/ABI/stable/sysfs-bus-usb; device_bridge.modem_modes for what the ids mean.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from device_bridge import modem_modes
from device_bridge.errors import LinkLost
from device_bridge.link import PortUnavailable
from device_bridge.link.threads import in_thread
from device_bridge.modem.channel import AtChannel
from device_bridge.modem.settings import Timers
from device_bridge.modem_modes import Mode

_LOG = logging.getLogger(__name__)

POLL_S: Final = 2.0
"""Seconds between looks at the USB bus: a new stick is found within 5 s even if its first answer is lost."""

LOOK_TIMEOUT_S: Final = 10.0  # reading sysfs takes milliseconds; a device that hangs in removal may block it
MODEM_PROBES: Final = (
    30  # looks during which a maker's stick may stay silent while it boots: u-blox needs 20 s
)
OTHER_PROBES: Final = 3  # for USB-to-serial bridges, behind which anything may be
_PROBE_TIMERS: Final = Timers(command_factor=0.35)  # AT: 0.7 s, four times


@dataclass(frozen=True, slots=True)
class FoundModem:
    """A port that answers AT. ``port`` is the name that survives a reboot where there is one."""

    port: str
    usb_path: str
    vendor: str
    product: str
    interface: int
    name: str
    serial: str | None


@dataclass(frozen=True, slots=True)
class UnusableStick:
    """A modem by its ids that has no AT port for us; ``hint`` is the fix."""

    usb_path: str
    vendor: str
    product: str
    name: str
    mode: str
    title: str
    hint: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What is there now."""

    found: tuple[FoundModem, ...]
    unusable: tuple[UnusableStick, ...]


@dataclass(frozen=True, slots=True)
class _Interface:
    number: int
    triple: tuple[str, str, str]
    driver: str
    tty: str | None


@dataclass(frozen=True, slots=True)
class _Stick:
    usb_path: str
    plugging: str
    vendor: str
    product: str
    name: str
    serial: str | None
    interfaces: tuple[_Interface, ...]


@dataclass(slots=True)
class _Memory:
    probes: int = 0
    found: FoundModem | None = None
    refused: PortUnavailable | None = None


async def answers_at(port: str) -> bool:
    """Ask a port for AT, and close it again.

    Raises:
        PortUnavailable: it cannot be opened, with the fix.

    On air: never
    """
    channel = AtChannel(lambda _: None, lambda _: None, _PROBE_TIMERS)
    try:
        await channel.connect(port, 115200)
        return await channel.bring_into_step()
    except PortUnavailable:
        raise
    except LinkLost:
        return False
    finally:
        channel.disconnect()


class SerialDiscovery:
    """Looks at the USB bus; remembers what answered, so that a port in use is never asked again.

    Args:
        ignore: Ports that are somebody else's, or that a configuration names already.
        sysfs: Root of sysfs.
        dev: Root of device nodes.
        probe: Asks a port for AT.
    """

    def __init__(
        self, ignore: frozenset[str] = frozenset(), sysfs: Path = Path("/sys"), dev: Path = Path("/dev"),
        probe: Callable[[str], Awaitable[bool]] = answers_at,
    ) -> None:  # fmt: skip
        self._ignore = ignore
        self._sysfs = sysfs
        self._dev = dev
        self._probe = probe
        self._memory: dict[str, _Memory] = {}

    async def scan(self) -> Scan:
        """Look once. A new stick costs its AT answer; one that is known costs nothing.

        On air: never
        """
        try:
            sticks = await in_thread(self._look, LOOK_TIMEOUT_S, lambda _: None)
        except TimeoutError:
            _LOG.warning("the USB bus cannot be read within %.0f s", LOOK_TIMEOUT_S)
            return Scan((), ())
        present = {stick.plugging for stick in sticks}
        self._memory = {key: memory for key, memory in self._memory.items() if key in present}
        await asyncio.gather(*(self._meet(stick) for stick in sticks))
        found = [memory.found for memory in self._memory.values() if memory.found]
        unusable = [self._unusable(stick, mode) for stick in sticks if (mode := self._mode(stick))]
        return Scan(tuple(sorted(found, key=lambda modem: modem.port)), tuple(unusable))

    async def watch(self, period_s: float = POLL_S) -> AsyncIterator[Scan]:
        """Yield what is there, at first and after each change; ends only by cancellation."""
        before: Scan | None = None
        while True:
            now = await self.scan()
            if now != before:
                before = now
                yield now
            await asyncio.sleep(period_s)

    # ------------------------------------------------------------------ asking

    async def _meet(self, stick: _Stick) -> None:
        memory = self._memory.setdefault(stick.plugging, _Memory())
        limit = MODEM_PROBES if stick.vendor in modem_modes.STICK_MAKERS else OTHER_PROBES
        if (
            memory.found
            or memory.probes >= limit
            or (stick.vendor, stick.product) in modem_modes.NEVER_PROBED
        ):
            return
        ports = [
            interface for interface in stick.interfaces if interface.tty and not self._ignored(interface)
        ]
        if not ports:
            return
        memory.refused = None
        likely = [interface for interface in self._by_table(stick) if interface in ports]
        for group in (likely, [interface for interface in ports if interface not in likely]):
            answering = await asyncio.gather(*(self._ask(interface, memory) for interface in group))
            for interface, answers in zip(group, answering, strict=True):
                if answers:
                    memory.found = self._found(stick, interface)
                    memory.refused = None
                    return
        if memory.refused is None:
            memory.probes += 1  # a port that somebody holds or denies was not asked: it may be free next time

    async def _ask(self, interface: _Interface, memory: _Memory) -> bool:
        try:
            return await self._probe(str(self._dev / (interface.tty or "")))
        except PortUnavailable as error:
            memory.refused = error
            return False

    def _by_table(self, stick: _Stick) -> list[_Interface]:
        if stick.vendor == modem_modes.HUAWEI:
            pcui = [each for each in stick.interfaces if each.triple in modem_modes.HUAWEI_PCUI]
            if pcui:
                return pcui
        wanted = modem_modes.at_interfaces(stick.vendor, stick.product)
        return [each for number in wanted for each in stick.interfaces if each.number == number]

    def _ignored(self, interface: _Interface) -> bool:
        port = os.path.realpath(self._dev / (interface.tty or ""))
        return any(os.path.realpath(ignored) == port for ignored in self._ignore)

    def _found(self, stick: _Stick, interface: _Interface) -> FoundModem:
        return FoundModem(
            port=self._lasting_name(interface.tty or ""),
            usb_path=stick.usb_path,
            vendor=stick.vendor,
            product=stick.product,
            interface=interface.number,
            name=stick.name,
            serial=stick.serial,
        )

    def _lasting_name(self, tty: str) -> str:
        device = self._dev / tty
        by_id = self._dev / "serial" / "by-id"
        if by_id.is_dir():
            for link in sorted(by_id.iterdir()):
                if link.resolve() == device.resolve():
                    return str(link)
        return str(device)

    # ------------------------------------------------------------------ what is wrong with a stick

    def _mode(self, stick: _Stick) -> Mode | None:
        memory = self._memory[stick.plugging]
        if memory.found or stick.vendor not in modem_modes.STICK_MAKERS:
            return None
        if not any(interface.tty for interface in stick.interfaces):
            return _mode_without_ports(stick)
        if memory.refused is not None:
            return Mode(memory.refused.code, "The port of a modem cannot be opened", memory.refused.hint)
        return modem_modes.SILENT if memory.probes >= MODEM_PROBES else None

    def _unusable(self, stick: _Stick, mode: Mode) -> UnusableStick:
        return UnusableStick(
            stick.usb_path, stick.vendor, stick.product, stick.name, mode.name, mode.title, mode.hint
        )

    # ------------------------------------------------------------------ sysfs, off the loop

    def _look(self) -> list[_Stick]:
        devices = self._sysfs / "bus" / "usb" / "devices"
        if not devices.is_dir():
            return []
        sticks = []
        for path in sorted(devices.iterdir()):
            if ":" in path.name or not (path / "idVendor").exists():
                continue
            stick = _read_stick(devices, path)
            modem = stick.vendor in modem_modes.STICK_MAKERS
            if modem or any(interface.tty for interface in stick.interfaces):
                sticks.append(stick)
        return sticks


def _mode_without_ports(stick: _Stick) -> Mode:
    classes = {interface.triple[:2] for interface in stick.interfaces}
    drivers = {interface.driver for interface in stick.interfaces}
    if ("02", "0e") in classes or "cdc_mbim" in drivers:
        return modem_modes.MBIM
    if "qmi_wwan" in drivers:
        return modem_modes.QMI
    ethernet = {("02", "06"), ("02", "0d"), ("e0", "01"), ("ef", "04")}
    if classes & ethernet or drivers & {"cdc_ether", "rndis_host", "cdc_ncm"}:
        return modem_modes.HILINK
    if any(major == "08" for major, _ in classes):
        return modem_modes.CD_ROM
    return modem_modes.NO_DRIVER


def _read_stick(devices: Path, path: Path) -> _Stick:
    interfaces = tuple(_read_interface(each) for each in sorted(devices.glob(f"{path.name}:*")))
    ttys = ",".join(interface.tty or "-" for interface in interfaces)
    name = " ".join(filter(None, (_read(path / "manufacturer"), _read(path / "product"))))
    vendor, product = _read(path / "idVendor").lower(), _read(path / "idProduct").lower()
    return _Stick(
        usb_path=path.name,
        # devnum counts up with every plugging in: the same stick plugged in again is met again.
        plugging=f"{path.name} {_read(path / 'devnum')} {vendor}:{product} {ttys}",
        vendor=vendor,
        product=product,
        name=name or f"USB device {vendor}:{product}",
        serial=_read(path / "serial") or None,
        interfaces=interfaces,
    )


def _read_interface(path: Path) -> _Interface:
    triple = tuple(
        _read(path / name).lower() for name in ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    )
    # usb-serial puts ttyUSB0 into the interface, cdc_acm puts it under tty/.
    ttys = [each.name for each in path.glob("ttyUSB*")] + [each.name for each in path.glob("tty/ttyACM*")]
    driver = (path / "driver").resolve().name if (path / "driver").exists() else ""
    number = _read(path / "bInterfaceNumber")
    return _Interface(
        int(number, 16) if number else 0, (triple[0], triple[1], triple[2]), driver, min(ttys, default=None)
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
