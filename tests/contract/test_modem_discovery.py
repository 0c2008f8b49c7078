"""Finding modems on the USB bus, over a sysfs tree of its own: which port is asked, what is said of a stick."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from device_bridge.discovery import SerialDiscovery, answers_at
from device_bridge.link import PortUnavailable
from tests.peers.modem_peer import Behaviour, ModemPeer, PtyPeer


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class Bus:
    """A USB bus with device nodes; ports answer AT as the test wants."""

    def __init__(self, root: Path) -> None:
        self.sysfs = root / "sys"
        self.dev = root / "dev"
        self.devices = self.sysfs / "bus" / "usb" / "devices"
        self.devices.mkdir(parents=True)
        (self.dev / "serial" / "by-id").mkdir(parents=True)
        self.answering: set[str] = set()
        self.held: set[str] = set()
        self.asked: list[str] = []
        self.plugged = 0

    def plug(self, path: str, ids: str, *interfaces: tuple[int, str, str | None, str]) -> None:
        """Interfaces: number, "class/subclass/protocol", tty or None, driver."""
        self.plugged += 1
        vendor, product = ids.split(":")
        device = self.devices / path
        device.mkdir()
        facts = {"idVendor": vendor, "idProduct": product, "product": "Stick", "devnum": str(self.plugged)}
        for name, value in facts.items():
            (device / name).write_text(value + "\n")
        for number, triple, port, driver in interfaces:
            self._interface(path, number, triple, port, driver)

    def _interface(self, path: str, number: int, triple: str, port: str | None, driver: str) -> None:
        folder = self.devices / f"{path}:1.{number}"
        folder.mkdir()
        (folder / "bInterfaceNumber").write_text(f"{number:02x}\n")
        names = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
        for name, value in zip(names, triple.split("/"), strict=True):
            (folder / name).write_text(value + "\n")
        if driver:
            target = self.sysfs / "drivers" / driver
            target.mkdir(parents=True, exist_ok=True)
            (folder / "driver").symlink_to(target)
        if port:
            (folder / ("tty" if "ACM" in port else ".") / port).mkdir(parents=True)
            (self.dev / port).touch()

    def unplug(self, path: str) -> None:
        for folder in sorted(self.devices.glob(f"{path}*")):
            for entry in sorted(folder.rglob("*"), reverse=True):
                entry.unlink() if entry.is_symlink() or entry.is_file() else entry.rmdir()
            folder.rmdir()

    async def probe(self, port: str) -> bool:
        name = Path(port).name
        self.asked.append(name)
        if name in self.held:
            raise PortUnavailable("port_busy", f"ModemManager (process 7) holds {port}: stop it")
        return name in self.answering

    def discovery(self, *ignore: str) -> SerialDiscovery:
        return SerialDiscovery(frozenset(ignore), self.sysfs, self.dev, self.probe)


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    return Bus(tmp_path)


FF = "ff/ff/ff"


async def test_the_port_that_the_table_names_is_asked_first_and_alone(bus: Bus) -> None:
    bus.plug(
        "1-1", "2c7c:0125", *((n, FF, f"ttyUSB{n}", "option") for n in range(4)), (4, FF, None, "qmi_wwan")
    )
    bus.answering = {"ttyUSB2", "ttyUSB3"}
    scan = await bus.discovery().scan()
    assert [(modem.port, modem.interface) for modem in scan.found] == [(str(bus.dev / "ttyUSB2"), 2)]
    assert scan.unusable == ()
    assert set(bus.asked) == {"ttyUSB2", "ttyUSB3"}


async def test_interface_numbers_count_and_not_the_order_of_ports(bus: Bus) -> None:
    bus.plug("1-1", "12d1:1506", (3, FF, "ttyUSB0", "option"), (0, FF, "ttyUSB5", "option"))
    bus.answering = {"ttyUSB0", "ttyUSB5"}
    scan = await bus.discovery().scan()
    assert [modem.port for modem in scan.found] == [str(bus.dev / "ttyUSB0")]


async def test_huaweis_interface_for_commands_is_known_by_its_class(bus: Bus) -> None:
    bus.plug("1-1", "12d1:1c05", (0, "ff/02/01", "ttyUSB0", "option"), (1, "ff/02/02", "ttyUSB1", "option"))
    bus.answering = {"ttyUSB0", "ttyUSB1"}
    scan = await bus.discovery().scan()
    assert [modem.port for modem in scan.found] == [str(bus.dev / "ttyUSB1")]


async def test_an_unknown_stick_is_asked_on_every_port(bus: Bus) -> None:
    bus.plug("1-2", "1a86:7523", (0, "ff/01/02", "ttyUSB7", "ch341"))
    bus.answering = {"ttyUSB7"}
    assert [modem.port for modem in (await bus.discovery().scan()).found] == [str(bus.dev / "ttyUSB7")]


async def test_where_the_table_is_wrong_the_other_ports_are_asked(bus: Bus) -> None:
    bus.plug("1-1", "2c7c:0125", *((n, FF, f"ttyUSB{n}", "option") for n in range(4)))
    bus.answering = {"ttyUSB1"}
    assert [modem.interface for modem in (await bus.discovery().scan()).found] == [1]


async def test_a_modem_in_use_is_never_asked_again(bus: Bus) -> None:
    bus.plug("1-1", "2c7c:0125", (2, FF, "ttyUSB2", "option"))
    bus.answering = {"ttyUSB2"}
    discovery = bus.discovery()
    first = await discovery.scan()
    assert await discovery.scan() == first
    assert bus.asked == ["ttyUSB2"]


async def test_a_stick_that_is_plugged_in_again_is_asked_again(bus: Bus) -> None:
    discovery = bus.discovery()
    for _ in range(2):
        bus.plug("1-1", "2c7c:0125", (2, FF, "ttyUSB2", "option"))
        bus.answering = {"ttyUSB2"}
        assert len((await discovery.scan()).found) == 1
        bus.unplug("1-1")
        assert (await discovery.scan()).found == ()
    assert bus.asked == ["ttyUSB2"] * 2


async def test_a_stick_that_boots_slowly_is_found_when_it_answers(bus: Bus) -> None:
    bus.plug("1-1", "1546:1141", (6, FF, "ttyACM0", "cdc_acm"))
    discovery = bus.discovery()
    assert await discovery.scan() == type(await discovery.scan())((), ())
    bus.answering = {"ttyACM0"}
    assert len((await discovery.scan()).found) == 1


async def test_a_serial_thing_that_is_no_modem_is_left_alone_after_a_few_questions(bus: Bus) -> None:
    bus.plug("1-3", "2341:0043", (0, "02/02/01", "ttyACM0", "cdc_acm"))
    discovery = bus.discovery()
    for _ in range(10):
        assert (await discovery.scan()).unusable == ()
    assert len(bus.asked) == 3


async def test_gnss_receivers_are_never_asked(bus: Bus) -> None:
    bus.plug("1-1", "1546:01a8", (0, "02/02/01", "ttyACM0", "cdc_acm"))
    await bus.discovery().scan()
    assert bus.asked == []


async def test_an_ignored_port_is_not_asked_by_any_of_its_names(bus: Bus) -> None:
    bus.plug("1-2", "1a86:7523", (0, "ff/01/02", "ttyUSB7", "ch341"))
    name = bus.dev / "serial" / "by-id" / "usb-bridge"
    name.symlink_to(bus.dev / "ttyUSB7")
    await bus.discovery(str(name)).scan()
    assert bus.asked == []


async def test_the_name_that_lasts_is_preferred(bus: Bus) -> None:
    bus.plug("1-1", "2c7c:0125", (2, FF, "ttyUSB2", "option"))
    bus.answering = {"ttyUSB2"}
    name = bus.dev / "serial" / "by-id" / "usb-Quectel-if02"
    name.symlink_to(bus.dev / "ttyUSB2")
    assert [modem.port for modem in (await bus.discovery().scan()).found] == [str(name)]


@pytest.mark.parametrize(
    ("interfaces", "mode", "fix"),
    [
        ([(0, "08/06/50", None, "usb-storage")], "cd_rom", "usb-modeswitch"),
        ([(0, "02/06/00", None, "cdc_ether"), (1, "0a/06/00", None, "cdc_ether")], "hilink", "192.168.8.1"),
        ([(0, "e0/01/03", None, "rndis_host")], "hilink", "192.168.8.1"),
        ([(8, FF, None, "qmi_wwan")], "qmi", "qmicli"),
        ([(0, "02/0e/00", None, "cdc_mbim")], "mbim", "AT+QCFG"),
        ([(0, FF, None, ""), (1, FF, None, "")], "no_driver", "modprobe option"),
    ],
)
async def test_a_stick_in_another_mode_is_named_with_the_fix(
    bus: Bus, interfaces: list[tuple[int, str, None, str]], mode: str, fix: str
) -> None:
    bus.plug("1-1", "12d1:1f01", *interfaces)
    scan = await bus.discovery().scan()
    assert scan.found == ()
    assert [(stick.mode, fix in stick.hint, stick.name) for stick in scan.unusable] == [(mode, True, "Stick")]


async def test_a_usb_drive_is_no_stick_in_another_mode(bus: Bus) -> None:
    bus.plug("1-1", "0781:5567", (0, "08/06/50", None, "usb-storage"))
    assert (await bus.discovery().scan()).unusable == ()


async def test_a_port_that_somebody_holds_is_named_and_found_once_it_is_free(bus: Bus) -> None:
    bus.plug("1-1", "2c7c:0125", (2, FF, "ttyUSB2", "option"))
    bus.answering, bus.held = {"ttyUSB2"}, {"ttyUSB2"}
    discovery = bus.discovery()
    for _ in range(40):
        scan = await discovery.scan()
        assert [stick.mode for stick in scan.unusable] == ["port_busy"]
        assert "ModemManager" in scan.unusable[0].hint
    bus.held.clear()
    assert len((await discovery.scan()).found) == 1


async def test_a_stick_that_never_answers_is_named_after_a_minute_of_questions(bus: Bus) -> None:
    bus.plug("1-1", "2c7c:0125", (2, FF, "ttyUSB2", "option"))
    discovery = bus.discovery()
    scans = [await discovery.scan() for _ in range(31)]
    assert scans[0].unusable == ()
    assert [stick.mode for stick in scans[-1].unusable] == ["silent"]


async def test_watching_tells_changes_only(bus: Bus) -> None:
    changes = bus.discovery().watch(period_s=0.001)
    assert (await anext(changes)).found == ()
    bus.answering = {"ttyUSB2"}
    bus.plug("1-1", "2c7c:0125", (2, FF, "ttyUSB2", "option"))
    async with asyncio.timeout(30):
        while not (scan := await anext(changes)).found:
            pass
    assert scan.found[0].usb_path == "1-1"
    await changes.aclose()  # type: ignore[attr-defined]


async def test_a_machine_without_usb_has_nothing(tmp_path: Path) -> None:
    scan = await SerialDiscovery(sysfs=tmp_path, dev=tmp_path).scan()
    assert (scan.found, scan.unusable) == ((), ())


async def test_a_real_port_is_asked_for_at_and_closed_again(tmp_path: Path) -> None:
    peer = ModemPeer()
    async with PtyPeer(peer, str(tmp_path / "modem")) as link:
        before = open_descriptors()
        assert await answers_at(link.port)
        assert open_descriptors() == before
        peer.will = Behaviour(silent=True)
        assert not await answers_at(link.port)
    with pytest.raises(PortUnavailable):
        await answers_at(str(tmp_path / "nothing"))
