"""What the doctor says of phones: adb on this machine, phones on USB, and what the server knows of each."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from device_bridge.adb.mend import MENDABLE
from device_bridge.adb.reconcile import STEPS as RECONCILED
from device_bridge.adb.screen import known_screens
from device_bridge.device import DeviceHealth, PartsCap
from gateway.doctor import AdbSettings, Finding, Host, examine_adb, examine_phones
from gateway.doctor.fixes import PhoneFix
from gateway.doctor.phone_steps import STEPS, findings_of_steps
from gateway.doctor.phones import Phone, phones_of
from gateway.http.services import DeviceStep, KnownPhone
from gateway.phones.usb import usb_phones
from gateway.store.rows import DeviceRow

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
        return Host(
            now_ms=time.time_ns() // 1_000_000,
            dev=self.root / "dev",
            proc=self.root / "proc",
            sysfs=self.root / "sys",
            etc=self.root / "etc",
        )

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

SERIALNO = "R58N12"
KNOWN = KnownPhone("3f2b8c1e", SERIALNO, state="device", model="Pixel 4a")
ROW = DeviceRow(
    "3f2b8c1e", "phone", "usb", "Google", "Pixel 4a", None, emulated=False, attached=True, reason=None,
    last_seen_ms=0, health=DeviceHealth(way="usb"),
)  # fmt: skip
SPOILT = DeviceHealth(
    way="lan", missing_permissions=("android.permission.SEND_SMS",), doze_exempt=False, battery_percent=9,
    charging=False, free_bytes=5_000_000, airplane=True, temperature_c=51.5,
)  # fmt: skip


def step(name: str, outcome: str, hint: str = "") -> DeviceStep:
    return DeviceStep(name, outcome, f"{name} {outcome}", hint)


def phone(known: KnownPhone | None = KNOWN, row: DeviceRow | None = ROW, **more: Any) -> list[Finding]:
    return examine_phones([Phone(known, row, **more)])


def test_a_phone_that_is_connected_and_lacks_nothing_is_ok() -> None:
    (finding,) = phone()
    assert (finding.severity, finding.title, finding.about) == (
        "ok",
        "Connected over USB",
        "Google Pixel 4a (R58N12)",
    )


def test_a_phone_that_is_only_seen_names_the_one_command_and_can_be_set_up() -> None:
    (finding,) = phone(KnownPhone(None, SERIALNO, state="device", ours=False), None)
    assert (finding.severity, finding.hint) == ("note", "gateway devices provision R58N12")
    assert finding.fix == PhoneFix(SERIALNO, "set_up")
    assert finding.fix.undo is None


def test_a_phone_that_does_not_trust_this_computer_says_what_to_tap() -> None:
    steps = (step("authorised", "waiting", "Unlock it, tap Allow"),)
    (finding,) = phone(KnownPhone(None, SERIALNO, state="unauthorized", ours=False, steps=steps), None)
    assert (finding.hint, finding.steps) == ("Unlock it, tap Allow", ("Unlock it, tap Allow",))
    assert finding.fix is None


def test_a_step_that_was_refused_stops_sending_and_is_left_to_a_person() -> None:
    steps = (step("app", "refused", "Turn on Install via USB"), step("limit", "waiting"), step("doze", "ok"))
    found = phone(replace(KNOWN, steps=steps))
    assert [(f.code, f.severity) for f in found if f.is_wrong] == [
        ("phone_app", "stops"),
        ("phone_limit", "note"),
    ]
    assert the(found, "phone_app").fix is None


@pytest.mark.parametrize("name", ["doze", "background", "limit", "debugging"])
def test_a_refusal_without_which_texts_still_go_does_not_count_as_stopping(name: str) -> None:
    (finding,) = findings_of_steps("Pixel", SERIALNO, [step(name, "refused", "Switch it on")], look=False)
    assert (finding.severity, finding.hint) == ("trouble", "Switch it on")


@pytest.mark.parametrize("name", ["grants", "doze", "background", "limit"])
def test_what_a_look_left_alone_can_be_repaired_and_taken_back(name: str) -> None:
    (finding,) = findings_of_steps("Pixel", SERIALNO, [step(name, "waiting")], look=True)
    assert finding.fix == PhoneFix(SERIALNO, name)
    assert finding.fix.undo is not None


def test_every_step_of_a_phone_has_words() -> None:
    names = {name for name, _ in RECONCILED} | {"server", "authorised", "consent", "screen", "debugging"}
    assert set(STEPS) == names
    assert {words.fix for words in STEPS.values() if words.fix} == {*MENDABLE, "set_up"}


def test_a_permission_that_no_text_needs_is_no_stop() -> None:
    missing = DeviceStep("grants", "waiting", "missing: CALL_PHONE")
    (finding,) = findings_of_steps("Pixel", SERIALNO, [missing], look=True)
    assert finding.severity == "trouble"


def test_what_a_phone_says_of_itself_becomes_findings() -> None:
    away = replace(KNOWN, state=None)
    found = phone(away, replace(ROW, health=SPOILT))
    assert [(f.code, f.severity) for f in found] == [
        ("phone_permission", "stops"), ("phone_doze", "trouble"), ("phone_battery", "trouble"),
        ("phone_airplane", "stops"), ("phone_hot", "trouble"), ("phone_full", "trouble"),
    ]  # fmt: skip
    assert all(f.fix is None for f in found)
    assert "over USB" in found[0].hint


def test_what_a_phone_on_a_cable_lacks_can_be_repaired() -> None:
    found = phone(KNOWN, replace(ROW, health=SPOILT))
    assert {f.code: f.fix for f in found if f.fix} == {
        "phone_permission": PhoneFix(SERIALNO, "grants"),
        "phone_doze": PhoneFix(SERIALNO, "doze"),
    }


def test_what_was_looked_at_over_the_cable_counts_more_than_what_the_phone_says() -> None:
    found = phone(KNOWN, replace(ROW, health=SPOILT), looked=(step("doze", "ok"),))
    assert the(found, "phone_doze").severity == "ok"


@pytest.mark.parametrize(
    ("cap", "per_minute", "expected"),
    [
        (PartsCap(30, 60), 30, []),
        (PartsCap(30, 60), 60, ["phone_limit"]),
        (PartsCap(30, 60), 0, ["phone_limit"]),
        (PartsCap(30, 1800), 30, ["phone_limit"]),
        (PartsCap(200, 60), 0, []),
    ],
)
def test_a_limit_is_trouble_only_where_the_lines_may_send_more(
    cap: PartsCap, per_minute: int, expected: list[str]
) -> None:
    row = replace(ROW, health=DeviceHealth(way="usb", cap=cap))
    assert codes(phone(KNOWN, row, per_minute=per_minute)) == expected


def test_a_phone_that_does_not_tell_is_not_suspected() -> None:
    assert [f.severity for f in phone(KNOWN, replace(ROW, health=DeviceHealth(way="lan")))] == ["ok"]


def test_a_phone_that_is_only_looked_at_is_no_trouble() -> None:
    left = DeviceStep("consent", "skipped", "phones are only looked at")
    assert codes(phone(replace(KNOWN, steps=(left,)))) == []


def test_a_phone_is_put_together_from_its_cable_and_its_row() -> None:
    modem = replace(ROW, id="m", kind="modem")
    looked = {SERIALNO: (step("doze", "ok"),)}
    (one, other) = phones_of([KNOWN], [modem, ROW, replace(ROW, id="gone")], looked, {"3f2b8c1e": 40})
    assert (one.row, one.looked, one.per_minute) == (ROW, looked[SERIALNO], 40)
    assert (other.known, other.id) == (None, "gone")


def test_the_steps_of_an_examination_become_findings() -> None:
    steps = [step("grants", "fixed"), step("screen", "skipped", "Wake it up")]
    found = findings_of_steps("Pixel", SERIALNO, steps, look=True)
    assert [(f.code, f.severity, f.title) for f in found] == [
        ("phone_permission", "ok", "Permissions: grants fixed"),
        ("phone_screen", "note", "Screen: screen skipped"),
    ]


def test_a_phone_that_is_reached_over_the_network_is_told_of_once() -> None:
    open_port = DeviceStep(
        "debugging", "refused", "adb on port 5555, without encryption", "Restart the phone"
    )
    (finding,) = findings_of_steps("Pixel", SERIALNO, [open_port], look=True)
    assert finding.title == (
        "The phone can be controlled over the network (adb on port 5555, without encryption)"
    )


def test_names_of_android_s_settings_stand_behind_the_reason_and_not_in_a_title() -> None:
    asleep = DeviceStep("background", "waiting", "RUN_ANY_IN_BACKGROUND is ignore", "Repair it")
    (finding,) = findings_of_steps("Pixel", SERIALNO, [asleep], look=True)
    assert finding.title == "The app may not run in the background"
    assert finding.why.endswith("Android says: RUN_ANY_IN_BACKGROUND is ignore.")


def test_no_hint_about_a_screen_names_a_word_that_a_person_must_replace() -> None:
    assert not [row.name for row in known_screens() if "SERIAL" in row.hint]
