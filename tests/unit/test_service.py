"""Proves what the service is made of: a unit and rules that the system's own programs accept, and a plan that can be
carried out twice."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from device_bridge.modem_modes import AT_INTERFACES, STICK_MAKERS
from gateway.cli.parser import parse
from gateway.config import Config, load
from gateway.service import ServiceSettings, install, refuse_user, uninstall
from gateway.service.settings import CONFIG, DATA_DIR, RULES, UNIT
from gateway.service.udev import rules
from gateway.service.unit import unit

USUAL = ServiceSettings("gateway", Path("/opt/sms-gateway/.venv/bin/gateway"), "dialout", "plugdev")
BARE = ServiceSettings("sms", Path("/opt/sms-gateway/.venv/bin/gateway"), None, None)

PAIR = r'[A-Z]+(\{[A-Za-z_]+\})?(==|!=|=|\+=|:=)"[^"]*"'
RULE = re.compile(rf"{PAIR}(, {PAIR})*")


def option(text: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


def test_the_unit_gives_a_service_no_more_than_it_needs() -> None:
    text = unit(USUAL)
    assert option(text, "User") == ["gateway"]
    assert option(text, "SupplementaryGroups") == ["dialout plugdev"]
    assert option(text, "NoNewPrivileges") == ["yes"]
    assert option(text, "ProtectSystem") == ["strict"]
    assert option(text, "CapabilityBoundingSet") == [""]
    assert option(text, "StateDirectory") == [DATA_DIR.name]
    assert option(text, "Restart") == ["on-failure"]
    assert option(text, "TimeoutStopSec") == ["35"]
    # Keys of the first start do not end in the journal.
    assert option(text, "StandardOutput") == ["null"]


def test_a_modem_that_is_plugged_in_later_can_be_opened() -> None:
    for closing in ("PrivateDevices", "DevicePolicy", "DeviceAllow", "ProtectClock"):
        assert option(unit(USUAL), closing) == []


def test_a_machine_without_these_groups_gets_a_unit_that_starts() -> None:
    assert "SupplementaryGroups" not in unit(BARE)
    assert "GROUP=" not in rules(BARE)


def test_what_the_unit_starts_is_a_command_and_a_configuration_that_load(tmp_path: Path) -> None:
    words = option(unit(USUAL), "ExecStart")[0].split()
    assert words[0] == str(USUAL.program)
    assert parse(words[1:]).config == CONFIG
    first = tmp_path / "first.toml"
    first.write_text(
        next(file.text for file in install(USUAL, user_exists=True).files if file.path == CONFIG)
    )
    assert load(first, {}) == Config()


def test_a_path_with_spaces_and_signs_is_one_word_of_the_command() -> None:
    odd = ServiceSettings("gateway", Path('/opt/my gateway/100%/a"b$c/gateway'), None, None)
    assert option(unit(odd), "ExecStart")[0].startswith('"/opt/my gateway/100%%/a\\"b$$c/gateway" serve ')


def test_every_rule_is_written_as_udev_reads_it() -> None:
    for settings in (USUAL, BARE):
        lines = [line for line in rules(settings).splitlines() if line and not line.startswith("#")]
        assert all(RULE.fullmatch(line) for line in lines), lines
        labels = set(re.findall(r'LABEL="(\w+)"', "\n".join(lines)))
        assert set(re.findall(r'GOTO="(\w+)"', "\n".join(lines))) == labels


def test_every_maker_whose_sticks_are_driven_is_kept_from_modem_manager() -> None:
    ignored = set(re.findall(r'ATTR\{idVendor\}=="(\w{4})", ENV\{ID_MM_DEVICE_IGNORE\}="1"', rules(USUAL)))
    assert ignored == STICK_MAKERS
    assert {row.vendor for row in AT_INTERFACES} <= ignored


def test_the_rules_come_before_those_that_read_what_they_set() -> None:
    assert int(RULES.name.partition("-")[0]) < 73  # uaccess
    assert int(RULES.name.partition("-")[0]) < 77  # ModemManager


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and not os.environ.get("CI"), reason="systemd is not installed"
)
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    # The program has to be there for the check, so one that is.
    for settings in (USUAL, BARE):
        path = tmp_path / UNIT.name
        path.write_text(unit(settings).replace(str(settings.program), "/bin/true"))
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, check=False
        )
        complaints = [line for line in done.stderr.splitlines() if UNIT.name in line]
        assert (done.returncode, complaints) == (0, [])


def _udev_can_verify() -> bool:
    if shutil.which("udevadm") is None:
        return False
    asked = subprocess.run(["udevadm", "verify", "--help"], capture_output=True, check=False)
    return asked.returncode == 0


@pytest.mark.skipif(not _udev_can_verify(), reason="udevadm verify needs systemd 254 or newer")
def test_udev_accepts_the_rules(tmp_path: Path) -> None:
    for settings in (USUAL, BARE):
        path = tmp_path / RULES.name
        path.write_text(rules(settings))
        done = subprocess.run(
            ["udevadm", "verify", "--resolve-names=never", str(path)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_a_user_that_is_there_is_not_made_again() -> None:
    first, again = install(USUAL, user_exists=False), install(USUAL, user_exists=True)
    assert first.before[0][0] == "useradd"
    assert [command[0] for command in again.before] == ["usermod"]
    assert again.files == first.files


def test_what_a_person_wrote_into_the_configuration_is_kept() -> None:
    config = next(file for file in install(USUAL, user_exists=True).files if file.path == CONFIG)
    assert config.keep
    assert config.mode == 0o640


def test_taking_it_back_leaves_data_and_configuration() -> None:
    plan = uninstall()
    assert set(plan.remove) == {UNIT, RULES}
    assert not any(str(DATA_DIR) in " ".join(command) for command in (*plan.before, *plan.after))


@pytest.mark.parametrize("name", ["root", "", "a b", "Anna", "x" * 33, "-x", "x;y", "x\n"])
def test_a_name_that_is_no_user_for_a_service_is_refused(name: str) -> None:
    assert refuse_user(name) is not None
