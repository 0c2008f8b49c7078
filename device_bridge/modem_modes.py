"""Owns what USB ids say about modems: which interface speaks AT, which must never be probed, and who makes sticks.

Opens nothing and reads no file; :mod:`device_bridge.discovery` does.
Source: ModemManager's udev rules and the kernel's option driver, as facts; the products named beside each row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class AtInterface:
    """USB ids to the interface numbers that speak AT, the best first. ``product`` None: any of the vendor's."""

    vendor: str
    product: str | None
    interfaces: tuple[int, ...]


AT_INTERFACES: Final = (
    AtInterface("12d1", "1001", (2,)),  # Huawei E169, E620; interface 1 is audio
    AtInterface("12d1", "140c", (3,)),  # Huawei E180
    AtInterface("12d1", "1436", (4,)),  # Huawei E1750
    AtInterface("12d1", "14ac", (4,)),  # Huawei E1820
    AtInterface("12d1", "1506", (3,)),  # Huawei E398, E3276
    AtInterface("19d2", "0001", (0,)),  # ZTE MF620
    AtInterface("19d2", "0002", (2,)),
    AtInterface("19d2", "0012", (2,)),
    AtInterface("19d2", "0015", (1,)),
    AtInterface("19d2", "0030", (1,)),
    AtInterface("19d2", "0021", (3,)),
    AtInterface("19d2", "0031", (3,)),  # ZTE MF110, MF190
    AtInterface("19d2", "0037", (3,)),
    AtInterface("19d2", "0039", (3,)),
    AtInterface("19d2", "0042", (3,)),
    AtInterface("19d2", "0033", (4,)),
    AtInterface("19d2", "0048", (4,)),
    AtInterface("19d2", "0049", (4,)),
    AtInterface("19d2", None, (1,)),
    AtInterface("1e0e", "9001", (2, 3)),  # SIMCom SIM7600, A7600
    AtInterface("1e0e", "9205", (2,)),  # SIMCom SIM7000
    AtInterface("1e0e", "9206", (2,)),
    AtInterface("1e0e", "9011", (4,)),  # SIMCom A7670 with RNDIS
    AtInterface("2c7c", "0128", (5,)),  # Quectel RM255C
    AtInterface("2c7c", None, (2, 3)),  # Quectel EC2x, EG9x, BG96, RM5xx
    AtInterface("1199", "c001", (0,)),  # Sierra WP
    AtInterface("1199", None, (3,)),  # Sierra MC, EM
    AtInterface("1bc7", "1010", (3,)),  # Telit UE910
    AtInterface("1bc7", "1031", (1,)),
    AtInterface("1bc7", "1033", (1,)),
    AtInterface("1bc7", "1040", (4, 5)),  # Telit LM960
    AtInterface("1bc7", "1050", (4, 5)),
    AtInterface("1bc7", "1060", (4, 5)),
    AtInterface("1bc7", "1070", (4, 5)),
    AtInterface("1bc7", "1041", (5, 6)),
    AtInterface("1bc7", "1051", (5, 6)),
    AtInterface("1bc7", "1061", (5, 6)),
    AtInterface("1bc7", "1071", (5, 6)),
    AtInterface("1bc7", "10a0", (2,)),
    AtInterface("1bc7", None, (0,)),
    AtInterface("1546", "1010", (6,)),  # u-blox LARA, TOBY
    AtInterface("1546", "1141", (6,)),
    AtInterface("1546", "1143", (6,)),
    AtInterface("1546", "1146", (6,)),
    AtInterface("1e2d", "0061", (2,)),  # Cinterion PHS8, ELS61
    AtInterface("1e2d", "00b3", (2,)),
    AtInterface("1e2d", "00f1", (2,)),
    AtInterface("1e2d", None, (0, 2)),
)

HUAWEI: Final = "12d1"
HUAWEI_PCUI: Final = frozenset({("ff", "01", "02"), ("ff", "02", "02"), ("ff", "02", "12")})
"""Interface class, subclass and protocol of the AT port on newer Huawei sticks, whatever its number."""

NEVER_PROBED: Final = frozenset(
    {("1546", product) for product in ("01a5", "01a6", "01a7", "01a8", "01a9")}  # u-blox GNSS: AT upsets them
    | {("12d1", "1573")}  # Huawei firmware that crashes on unknown questions
    | {("1bc7", "1075")}  # Telit in a diagnostic composition
)

STICK_MAKERS: Final = frozenset(
    {"12d1", "19d2", "1e0e", "2c7c", "1199", "1bc7", "1546", "1e2d", "05c6", "0af0", "1bbb", "1c9e", "2357",
     "1410", "16d8", "2001", "413c", "0bdb", "230d", "1782"}
)  # fmt: skip
"""Vendors whose USB devices are modems; others may be any serial thing, and are asked more sparingly."""


@dataclass(frozen=True, slots=True)
class Mode:
    """A way in which a stick is no AT modem. ``hint`` is the fix."""

    name: str
    title: str
    hint: str


CD_ROM: Final = Mode(
    "cd_rom",
    "The stick shows itself as a CD-ROM",
    "Install usb-modeswitch (`sudo apt install usb-modeswitch`) and plug the stick in again",
)
HILINK: Final = Mode(
    "hilink",
    "The stick is a HiLink router without an AT port",
    "Switch it to stick mode (its page at http://192.168.8.1, or firmware for stick mode), or use another stick",
)
QMI: Final = Mode(
    "qmi",
    "The modem speaks QMI only",
    "Switch on its serial ports (`qmicli --dms-swi-set-usb-composition`, or AT!USBCOMP) and plug it in again",
)
MBIM: Final = Mode(
    "mbim",
    "The modem speaks MBIM only",
    'Switch its USB composition to one with AT ports (see the maker\'s AT+QCFG="usbnet" or AT!USBCOMP)',
)
NO_DRIVER: Final = Mode(
    "no_driver",
    "The modem has no serial port in this system",
    "Load the driver (`sudo modprobe option`) and plug it in again; a container needs the tty passed in",
)
SILENT: Final = Mode(
    "silent",
    "None of the stick's ports answers AT",
    "Unplug it for 10 s; if it stays silent, name its AT port in a [[modem]] section, or ignore its ports",
)


def at_interfaces(vendor: str, product: str) -> tuple[int, ...]:
    """Return the interface numbers that speak AT for these ids, the best first; empty when unknown."""
    exact = next((row for row in AT_INTERFACES if (row.vendor, row.product) == (vendor, product)), None)
    family = next((row for row in AT_INTERFACES if row.vendor == vendor and row.product is None), None)
    row = exact or family
    return row.interfaces if row else ()
