"""Proves what the card of a line says of the device: how it is attached, what it runs on, and when it is too hot."""

from __future__ import annotations

import pytest

from device_bridge.device import DeviceHealth
from gateway.policy.rules import PaceDefaults
from gateway.store.rows import DeviceRow, LineRow
from gateway.web.device_cards import DeviceCard
from gateway.web.overview import LineCard

LINE = LineRow(
    id="l1", tenant="default", key="8944", iccid="8944", imsi=None, number="+447700900101", label="Office",
    pools=("default",), device_id="d1", state="up", reason=None, paused=False, operator="EE", signal_dbm=-65,
    roaming=False, smsc=None, store_used=None, store_total=None, emulated=False, per_minute=None, per_day=None,
    last_seen_ms=0,
)  # fmt: skip


def card(
    kind: str, address: str = "", *, health: DeviceHealth | None = None, emulated: bool = False
) -> LineCard:
    device = DeviceRow("d1", kind, address, "Huawei", "E3531", None, emulated, True, None, 0, health=health)
    return LineCard(LINE, device, PaceDefaults(30, 200), ())


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (card("modem", "/dev/ttyUSB0"), "Huawei E3531 · USB"),
        (card("modem", "/dev/ttyACM1"), "Huawei E3531 · USB"),
        (card("modem", "/dev/serial/by-id/usb-HUAWEI-if00-port0"), "Huawei E3531 · USB"),
        (card("modem", "/dev/ttyS0"), "Huawei E3531 · serial port"),
        (card("modem", "socket://10.0.0.7:7001"), "Huawei E3531 · over the network"),
        (card("phone", health=DeviceHealth(way="lan")), "Huawei E3531 · Wi-Fi"),
        (card("phone", health=DeviceHealth(way="usb")), "Huawei E3531 · USB"),
        (card("phone"), "Huawei E3531 · USB"),
        (card("modem", "socket://127.0.0.1:4000", emulated=True), "emulated modem"),
    ],
)
def test_a_card_says_how_the_device_is_attached(shown: LineCard, said: str) -> None:
    assert shown.attached == said
    assert shown.device is not None
    assert said.endswith(DeviceCard(shown.device, None, ()).way), "the page of the device says the same"


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (card("modem"), "mains"),
        (card("modem", emulated=True), ""),
        (card("phone", health=DeviceHealth(battery_percent=81, charging=True)), "81\u202f% · charging"),
        (card("phone", health=DeviceHealth(battery_percent=20, charging=False)), "20\u202f% · not charging"),
        (card("phone", health=DeviceHealth(battery_percent=20)), "20\u202f%"),
        (card("phone", health=DeviceHealth()), ""),
        (card("phone"), ""),
    ],
)
def test_a_card_says_what_the_device_runs_on_as_far_as_it_tells(shown: LineCard, said: str) -> None:
    assert shown.power == said


def test_a_card_names_the_heat_only_when_it_is_too_hot() -> None:
    assert card("phone", health=DeviceHealth(temperature_c=46.0)).hot_c == 46.0
    assert card("phone", health=DeviceHealth(temperature_c=30.0)).hot_c is None
    assert card("phone", health=DeviceHealth()).hot_c is None
    assert card("phone").hot_c is None
