"""What the doctor says of phones: adb on this machine, phones on USB, and what the server knows of each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from gateway.doctor import AdbSettings, Finding, Host, examine_adb, examine_phones, findings_of_steps
from gateway.phones.usb import usb_phones

LISTENING = "0A"
LOOPBACK_4, ANY_4 = "0100007F", "00000000"
ANY_6 = "0" * 32
LOOPBACK_6 = "0" * 24 + "01000000"


class Machine:
    """A machine built in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sys/bus/usb/devices").mkdir(parents=True)
        (root / "proc/net").mkdir(parents=True)
        (root / "etc").mkdir()

    @property
    def host(self) -> Host:
        folders = {"proc": self.root / "proc", "sysfs": self.root / "sys", "etc": self.root / "etc"}
        return Host(now_ms=time.time_ns() // 1_000_000, dev=self.root / "dev", **folders)

    def plug(self, name: str, product: str, *kinds: tuple[str, str, str]) -> None:
        device = self.root / "sys/bus/usb/devices" / name
        device.mkdir()
        (device / "product").write_text(f"{product}\n")
        (device / "serial").write_text("R58N12\n")
        for number, kind in enumerate(kinds):
            interface = device / f"{name}:1.{number}"
            interface.mkdir()
            for file, value in zip(("Class", "SubClass", "Protocol"), kind, strict=True):
                (interface / f"bInterface{file}").write_text(f"{value}\n")

    def listen(self, file: str, *addresses: str, port: int = 5037, state: str = LISTENING) -> None:
        rows = [
            f"   {i}: {address}:{port:04X} 00000000:0000 {state} 0" for i, address in enumerate(addresses)
        ]
        (self.root / "proc/net" / file).write_text("\n".join(["  sl  local_address rem_address   st", *rows]))

    def distribution(self, text: str) -> None:
        (self.root / "etc/os-release").write_text(text)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


ADB, MTP, NETWORK = ("ff", "42", "01"), ("06", "01", "01"), ("e0", "01", "03")
MISSING = AdbSettings(enabled=True, server="127.0.0.1:5037", wanted=False)
THERE = AdbSettings(enabled=True, server="127.0.0.1:5037", wanted=False, program=Path("/usr/bin/adb"))


def the(findings: list[Finding], code: str) -> Finding:
    return next(f for f in findings if f.code == code)


def codes(findings: list[Finding]) -> list[str]:
    return [f.code for f in findings if f.severity != "ok"]


def test_a_phone_with_debugging_is_told_from_one_without_and_from_a_stick(machine: Machine) -> None:
    machine.plug("1-1", "Pixel 4a", MTP, ADB)
    machine.plug("1-2", "SM-A515F", MTP)
    machine.plug("1-3", "E3531", NETWORK)
    found = usb_phones(machine.root / "sys")
    assert [(p.name, p.serial, p.debugging) for p in found] == [
        ("Pixel 4a", "R58N12", True),
        ("SM-A515F", "R58N12", False),
    ]


def test_a_missing_adb_is_only_a_note_where_nobody_needs_it(machine: Machine) -> None:
    assert the(examine_adb(machine.host, MISSING), "adb_missing").severity == "note"


def test_a_missing_adb_stops_sending_when_a_phone_is_plugged_in_or_configured(machine: Machine) -> None:
    wanted = AdbSettings(enabled=True, server="127.0.0.1:5037", wanted=True)
    assert the(examine_adb(machine.host, wanted), "adb_missing").severity == "stops"
    machine.plug("1-1", "Pixel 4a", ADB)
    assert the(examine_adb(machine.host, MISSING), "adb_missing").severity == "stops"


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "Install adb: apt-get install adb"),
        ("ID=linuxmint\nID_LIKE=ubuntu\n", "Install adb: apt-get install adb"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "Install adb: dnf install android-tools"),
        ("ID=arch\n", "Install adb: pacman -S android-tools"),
        ("ID=plan9\n", "Install adb"),
    ],
)
def test_a_missing_adb_names_the_package_of_the_distribution(
    machine: Machine, release: str, command: str
) -> None:
    machine.distribution(release)
    assert the(examine_adb(machine.host, MISSING), "adb_missing").hint.startswith(command)


def test_an_adb_server_that_runs_needs_no_program_of_ours(machine: Machine) -> None:
    machine.listen("tcp", LOOPBACK_4)
    assert codes(examine_adb(machine.host, MISSING)) == []


def test_an_adb_server_elsewhere_is_not_looked_for_here(machine: Machine) -> None:
    elsewhere = AdbSettings(enabled=True, server="192.168.1.9:5037", wanted=True)
    assert codes(examine_adb(machine.host, elsewhere)) == []


def test_adb_that_is_switched_off_is_not_missed(machine: Machine) -> None:
    off = AdbSettings(enabled=False, server="127.0.0.1:5037", wanted=False)
    assert examine_adb(machine.host, off) == []


@pytest.mark.parametrize(("file", "address"), [("tcp", ANY_4), ("tcp6", ANY_6), ("tcp", "0501A8C0")])
def test_an_adb_server_beyond_loopback_is_a_danger_to_every_phone(
    machine: Machine, file: str, address: str
) -> None:
    machine.listen(file, address)
    finding = the(examine_adb(machine.host, THERE), "adb_exposed")
    assert finding.severity == "trouble"
    assert "-a" in finding.hint


@pytest.mark.parametrize(("file", "address"), [("tcp", LOOPBACK_4), ("tcp6", LOOPBACK_6)])
def test_an_adb_server_on_loopback_is_fine(machine: Machine, file: str, address: str) -> None:
    machine.listen(file, address)
    assert codes(examine_adb(machine.host, THERE)) == []


def test_other_ports_and_open_connections_are_no_adb_server(machine: Machine) -> None:
    machine.listen("tcp", ANY_4, port=8080)
    machine.listen("tcp6", ANY_6, state="01")
    assert codes(examine_adb(machine.host, THERE)) == []


def test_a_phone_without_debugging_is_told_where_the_switch_is(machine: Machine) -> None:
    machine.plug("1-2", "SM-A515F", MTP)
    finding = the(examine_adb(machine.host, THERE), "usb_debugging_off")
    assert (finding.about, finding.severity) == ("SM-A515F", "note")
    assert "Build number" in finding.hint


# ------------------------------------------------------------------ what the server says

PHONE: dict[str, Any] = {
    "id": "3f2b8c1e", "kind": "phone", "serialno": "R58N12", "maker": "Google", "model": "Pixel 4a",
    "state": "attached", "attached": True, "steps": [], "health": {"way": "usb", "missing_permissions": []},
}  # fmt: skip


def step(name: str, outcome: str, hint: str = "") -> dict[str, str]:
    return {"name": name, "outcome": outcome, "detail": f"{name} {outcome}", "hint": hint}


def test_a_phone_that_is_connected_and_lacks_nothing_is_ok() -> None:
    (finding,) = examine_phones([PHONE])
    assert (finding.severity, finding.title, finding.about) == (
        "ok",
        "Connected over USB",
        "Google Pixel 4a (R58N12)",
    )


def test_a_phone_that_is_only_seen_names_the_one_command() -> None:
    (finding,) = examine_phones([{**PHONE, "state": "seen", "attached": False}])
    assert (finding.severity, finding.hint) == ("note", "gateway devices provision R58N12")


def test_a_phone_that_does_not_trust_this_computer_says_what_to_tap() -> None:
    steps = [step("authorised", "waiting", "Unlock it, tap Allow")]
    (finding,) = examine_phones([{**PHONE, "state": "seen", "attached": False, "steps": steps}])
    assert finding.hint == "Unlock it, tap Allow"


def test_a_step_that_was_refused_stops_sending_and_one_that_waits_is_trouble() -> None:
    steps = [step("app", "refused", "Turn on Install via USB"), step("limit", "waiting"), step("doze", "ok")]
    found = examine_phones([{**PHONE, "steps": steps}])
    assert [(f.code, f.severity) for f in found] == [("phone_app", "stops"), ("phone_limit", "trouble")]


@pytest.mark.parametrize("name", ["doze", "background", "limit", "exposure", "debugging"])
def test_a_refusal_without_which_texts_still_go_does_not_count_as_stopping(name: str) -> None:
    (finding,) = findings_of_steps("Pixel", [step(name, "refused", "Switch it on")])
    assert (finding.severity, finding.hint) == ("trouble", "Switch it on")


def test_what_a_phone_says_of_itself_becomes_findings() -> None:
    health = {
        "way": "lan", "missing_permissions": ["android.permission.SEND_SMS"], "doze_exempt": False,
        "battery_percent": 9, "charging": False, "free_bytes": 5_000_000,
    }  # fmt: skip
    found = examine_phones([{**PHONE, "health": health}])
    assert [(f.code, f.severity) for f in found] == [
        ("phone_permission", "stops"), ("phone_doze", "trouble"), ("phone_battery", "trouble"),
        ("phone_full", "trouble"),
    ]  # fmt: skip
    assert "gateway doctor R58N12 --fix" in found[0].hint


def test_a_phone_that_does_not_tell_is_not_suspected() -> None:
    health = {"way": "lan", "missing_permissions": [], "battery_percent": None, "charging": None}
    assert [f.severity for f in examine_phones([{**PHONE, "health": health}])] == ["ok"]


def test_modems_are_no_phones() -> None:
    assert examine_phones([{**PHONE, "kind": "modem"}]) == []


def test_the_steps_of_an_examination_become_findings_with_what_was_repaired() -> None:
    found = findings_of_steps("Pixel", [step("grants", "fixed"), step("screen", "skipped")])
    assert [(f.code, f.severity, f.title) for f in found] == [
        ("phone_grants", "ok", "grants: repaired: grants fixed"),
        ("phone_screen", "note", "screen: screen skipped"),
    ]
