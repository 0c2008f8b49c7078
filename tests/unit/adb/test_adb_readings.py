"""Owns what a phone's commands print, read: samples in the formats of several versions."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.adb import readings, wire
from device_bridge.adb.contract import Step
from device_bridge.adb.errors import Refused
from device_bridge.adb.listening import exposure
from device_bridge.adb.refusals import explain, known_refusals
from device_bridge.adb.screen import known_screens, nodes_of, recognise
from device_bridge.adb.starting import package_hint

PACKAGE = "org.smsline.companion"
DUMP = f"""\
Activity Resolver Table:
Packages:
  Package [{PACKAGE}] (8f3c1d2):
    userId=10234
    versionCode=7 minSdk=26 targetSdk=35
    versionName=1.2.0
    requested permissions:
      android.permission.SEND_SMS
      android.permission.READ_SMS: restricted=true
      android.permission.CALL_PHONE
      {PACKAGE}.DYNAMIC
    install permissions:
      android.permission.INTERNET: granted=true
    User 0: ceDataInode=1234 installed=true hidden=false suspended=false
      runtime permissions:
        android.permission.SEND_SMS: granted=true, flags=[ USER_SENSITIVE_WHEN_GRANTED|RESTRICTION_INSTALLER_EXEMPT]
        android.permission.READ_SMS: granted=false, flags=[ USER_SET ]
Hidden system packages:
  Package [{PACKAGE}] (1111111):
    versionCode=1 minSdk=26 targetSdk=35
"""


def test_the_package_dump_tells_version_requests_and_grants() -> None:
    app = readings.installed_app(DUMP, PACKAGE)
    assert app is not None
    assert app.version_code == 7
    assert app.requested == {f"android.permission.{name}" for name in ("SEND_SMS", "READ_SMS", "CALL_PHONE")}
    assert "android.permission.SEND_SMS" in app.granted
    assert "android.permission.READ_SMS" not in app.granted


@pytest.mark.parametrize(
    "text", ["Unable to find package: org.smsline.companion", "", "Package [other] (1):\n versionCode=9"]
)
def test_an_app_that_is_not_there_is_none(text: str) -> None:
    assert readings.installed_app(text, PACKAGE) is None


def test_the_exemption_of_another_app_is_not_ours() -> None:
    text = f"system-excidle,com.android.x,10010\nuser,{PACKAGE}.other,10234\n"
    assert not readings.doze_exempt(text, PACKAGE)
    assert readings.doze_exempt(text + f"user,{PACKAGE},10235", PACKAGE)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("RUN_ANY_IN_BACKGROUND: allow", "allow"),
        ("RUN_ANY_IN_BACKGROUND: ignore; time=+1d2h ago", "ignore"),
        ("Uid mode: RUN_ANY_IN_BACKGROUND: deny", "deny"),
        ("No operations.", "default"),
        ("No operations.\nDefault mode: allow", "default"),
    ],
)
def test_the_mode_of_an_app_op_is_read(text: str, mode: str) -> None:
    assert readings.op_mode(text, "RUN_ANY_IN_BACKGROUND") == mode


def test_settings_buckets_and_clocks_that_say_nothing_are_none() -> None:
    assert readings.setting("null\n") is None
    assert readings.setting("200\n") == "200"
    assert [readings.whole_number(each) for each in (None, "0", "-3", "30", "x")] == [
        None,
        None,
        None,
        30,
        None,
    ]
    assert [readings.standby_bucket(each) for each in ("40\n", "active", "")] == [40, None, None]
    assert readings.uptime_s("8123.45 30012.10\n") == 8123.45
    assert readings.uptime_s("cat: /proc/uptime: Permission denied") is None


# ---------------------------------------------------------------------- the list of phones


def test_the_long_list_is_read_in_every_state() -> None:
    text = (
        "R58M1                  device usb:1-1.2 product:a51nsxx model:SM_A515F device:a51 transport_id:12\n"
        "192.168.1.5:5555       offline transport_id:3\n"
        "ZY22                   unauthorized usb:1-2 transport_id:4\n"
        "????????????           no permissions (user in plugdev group; are your udev rules wrong?);"
        " see [http://developer.android.com/tools/device.html] usb:1-3 transport_id:5\n"
        "; rm -rf /             device transport_id:6\n"
    )
    rows = [(each.serial, each.state, each.model) for each in wire.device_list(text)]
    assert rows == [
        ("R58M1", "device", "SM_A515F"),
        ("192.168.1.5:5555", "offline", ""),
        ("ZY22", "unauthorized", ""),
        ("????????????", "no permissions", ""),
        ("; rm -rf /", "device", ""),
    ]
    plain = [wire.is_plain_serial(serial) for serial, _, _ in rows]
    assert plain == [True, True, True, False, False]


def test_what_steers_a_terminal_is_escaped() -> None:
    assert wire.shown("SM\x1b[2J\n\tA515\u202eF") == "SM\\x1b[2J A515\\x202eF"
    assert len(wire.shown("x" * 500)) == 200


@given(st.text())
def test_any_list_of_phones_is_read_and_shown_safely(text: str) -> None:
    for device in wire.device_list(text):
        assert wire.shown(device.serial).isprintable()
        assert device.model.isprintable()


@given(st.lists(st.text(), min_size=1))
def test_a_command_line_holds_no_character_that_a_shell_reads(words: list[str]) -> None:
    try:
        line = wire.command_line(tuple(words))
    except Refused:
        return
    assert line.split(" ") == words
    assert not set(line) & set("'\"\\$`|&;<>(){}[]*?!#~\n\t")


# ---------------------------------------------------------------------- refusals and screens


@pytest.mark.parametrize(
    ("text", "maker", "switch"),
    [
        (
            "Failure [INSTALL_FAILED_UPDATE_INCOMPATIBLE: signatures do not match]",
            "Google",
            "another gateway",
        ),
        ("Failure [INSTALL_FAILED_USER_RESTRICTED: Install canceled by user]", "Xiaomi", "Install via USB"),
        ("Failure [INSTALL_FAILED_VERIFICATION_FAILURE]", "samsung", "Auto Blocker"),
        ("Failure [INSTALL_FAILED_VERIFICATION_FAILURE]", "Google", "Play Protect"),
        ("Failure [INSTALL_FAILED_INSUFFICIENT_STORAGE]", "", "storage is full"),
        (
            "SecurityException: Neither user 2000 nor current process has android.permission.X",
            "POCO",
            "Security settings",
        ),
        (
            "SecurityException: Neither user 2000 nor current process has android.permission.X",
            "OPPO",
            "permission monitoring",
        ),
        (
            "SecurityException: Neither user 2000 nor current process has android.permission.X",
            "LGE",
            "Developer options",
        ),
        (
            "java.lang.SecurityException: uid 2000 does not have MANAGE_APP_OPS_MODES",
            "vivo",
            "Developer options",
        ),
        (
            "Permission denial: writing to settings requires:android.permission.WRITE_SECURE_SETTINGS",
            "realme",
            "monitoring",
        ),
    ],
)
def test_a_refusal_names_the_switch_of_its_maker(text: str, maker: str, switch: str) -> None:
    detail, hint = explain(text, maker)
    assert switch in hint
    assert detail == text


def test_an_unknown_refusal_is_quoted_in_one_safe_line() -> None:
    detail, hint = explain("\nException occurred:\njava.lang.Odd: no\x1b[2J way\n\tat x.y(Z.java:1)\n")
    assert "\x1b" not in detail
    assert "\n" not in detail
    assert "not known" in hint


def test_the_tables_of_texts_are_whole() -> None:
    assert all(row.contains and row.hint and row.source[0] in "SF?" for row in known_refusals())
    assert all(
        (row.ids or row.texts) and row.says and row.hint and row.source[0] in "SF?" for row in known_screens()
    )
    names = [row.name for row in known_screens()]
    assert len(names) == len(set(names))
    # A row behind one that fits whenever it does would never be read.
    for at, row in enumerate(known_refusals()):
        said = " ".join(row.contains)
        maker = row.makers[0] if row.makers else "nobody"
        assert next(index for index, each in enumerate(known_refusals()) if each.fits(said, maker)) == at


def screen(package: str, text: str = "", resource_id: str = "") -> str:
    node = f'<node package="{package}" text="{text}" resource-id="{resource_id}" content-desc="" />'
    return f"<?xml version='1.0' encoding='UTF-8' standalone='yes' ?><hierarchy rotation=\"0\">{node}</hierarchy>"


@pytest.mark.parametrize(
    ("xml", "name"),
    [
        (screen("com.android.phone", "SMS Line is sending a large number of SMS messages."), "sms_limit"),
        (screen("com.android.phone", "x", "android:id/sms_short_code_confirm_message"), "short_code"),
        (
            screen(
                "com.google.android.permissioncontroller",
                "",
                "com.android.permissioncontroller:id/permission_allow_button",
            ),
            "permission",
        ),
        (screen("com.android.systemui", "Allow USB debugging?"), "usb_debugging"),
        (screen("com.miui.securitycenter", "Install via USB"), "install_via_usb"),
        (screen("com.android.vending", "Blocked by Play Protect"), "play_protect"),
        (screen("com.android.systemui", "", "com.android.systemui:id/keyguard_status_view"), "locked"),
    ],
)
def test_a_dialog_is_known_by_its_text_or_its_id(xml: str, name: str) -> None:
    found = recognise(nodes_of(xml))
    assert found is not None
    assert found.name == name


def test_another_apps_words_are_no_dialog() -> None:
    chat = screen("com.example.chat", "Anna is sending a large number of SMS messages. Play Protect!")
    assert recognise(nodes_of(chat)) is None


@pytest.mark.parametrize(
    "xml", ["", "ERROR", "<hierarchy><node", '<!DOCTYPE x [<!ENTITY a "b">]><hierarchy/>']
)
def test_what_is_no_dump_is_refused(xml: str) -> None:
    with pytest.raises(ValueError, match="no dump"):
        nodes_of(xml)


# ---------------------------------------------------------------------- this computer


def test_a_server_that_listens_beyond_loopback_is_reported(tmp_path: Path) -> None:
    head = "  sl  local_address rem_address   st\n"
    four, six = tmp_path / "tcp", tmp_path / "tcp6"
    loopback = "0100007F" if sys.byteorder == "little" else "7F000001"
    four.write_text(head + f"   0: {loopback}:13AD 00000000:0000 0A\n   1: 00000000:0016 00000000:0000 0A\n")
    six.write_text(head)
    assert exposure(5037, (four, six)) == Step("exposure", "ok", "port 5037 is open on this computer only")
    six.write_text(head + f"   0: {'0' * 32}:13AD {'0' * 32}:0000 0A\n")
    found = exposure(5037, (four, six))
    assert (found.outcome, "::" in found.detail) == ("refused", True)
    assert exposure(5037, (tmp_path / "absent",)).outcome == "ok"


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "apt-get install adb"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt-get install adb"),
        ("ID=fedora\n", "android-tools"),
        ("ID=plan9\n", "Platform-Tools"),
    ],
)
def test_a_missing_adb_names_the_package_of_this_system(tmp_path: Path, release: str, command: str) -> None:
    path = tmp_path / "os-release"
    path.write_text(release)
    assert command in package_hint(path)
    assert "Platform-Tools" in package_hint(tmp_path / "absent")
