"""Proves that each known cause of trouble is found, with what it is about and what a person must do."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from device_bridge.sms.outcome import local
from gateway.config import Config
from gateway.config.sections import Server
from gateway.datadir import DataDir, DataDirError
from gateway.doctor import (
    Finding,
    Host,
    examine_configuration,
    examine_files,
    examine_host,
    examine_ports,
    worst_first,
)
from gateway.doctor.finding import each_once
from gateway.doctor.fixes import Change, EnableWebhook, Fix, ModeFix, PhoneFix, ResumeLine
from gateway.doctor.served import (
    KEY_STALE_DAYS,
    examine_devices,
    examine_keys,
    examine_lines,
    examine_webhooks,
)
from gateway.http.keys import STALE_MS
from gateway.store.rows import DeviceRow, KeyRow, LineRow, WebhookRow

NOW_MS = time.time_ns() // 1_000_000
DAY_MS = 86_400_000


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Make an empty machine: /dev and /proc without ports and processes."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "proc").mkdir()
    return tmp_path


def host(machine: Path, **more: Any) -> Host:
    return Host(now_ms=NOW_MS, dev=machine / "dev", proc=machine / "proc", sysfs=machine / "sys", **more)


def port(machine: Path, name: str = "ttyUSB0") -> Path:
    path = machine / "dev" / name
    path.touch()
    return path


def process(machine: Path, pid: int, name: str, holds: Path | None = None) -> None:
    folder = machine / "proc" / str(pid)
    (folder / "fd").mkdir(parents=True)
    (folder / "comm").write_text(f"{name}\n")
    if holds is not None:
        (folder / "fd" / "3").symlink_to(holds)


def codes(findings: list[Finding]) -> list[str]:
    return [f.code for f in findings if f.severity != "ok"]


def the(findings: list[Finding], code: str) -> Finding:
    return next(f for f in findings if f.code == code)


def test_a_healthy_port_is_ok(machine: Path) -> None:
    port(machine)
    findings = examine_ports(host(machine), [], [], None)
    assert codes(findings) == []
    assert findings[0].severity == "ok"


def test_no_port_at_all_is_a_note_with_what_to_try(machine: Path) -> None:
    finding = the(examine_ports(host(machine), [], [], None), "no_serial_port")
    assert finding.severity == "note"
    assert "dmesg" in finding.hint


def test_a_configured_port_that_is_missing_stops_sending(machine: Path) -> None:
    finding = the(examine_ports(host(machine), [str(machine / "dev/ttyUSB7")], [], None), "port_missing")
    assert finding.severity == "stops"
    assert finding.about.endswith("ttyUSB7")


def test_a_port_on_the_network_is_not_looked_for_in_dev(machine: Path) -> None:
    assert codes(examine_ports(host(machine), ["socket://127.0.0.1:7001"], [], None)) == ["no_serial_port"]


def test_a_port_without_permission_names_the_group_and_the_command(machine: Path) -> None:
    port(machine)
    denied = host(machine, can_open=lambda _path: False, groups=frozenset())
    finding = the(examine_ports(denied, [], [], None), "port_denied")
    assert finding.severity == "stops"
    assert "usermod -aG" in finding.hint


def test_a_member_of_the_group_is_not_told_to_join_it(machine: Path) -> None:
    path = port(machine)
    denied = host(machine, can_open=lambda _path: False, groups=frozenset({path.stat().st_gid}))
    assert "chmod g+rw" in the(examine_ports(denied, [], [], None), "port_denied").hint


def test_a_port_held_by_another_program_names_it(machine: Path) -> None:
    path = port(machine)
    process(machine, 77, "minicom", path)
    finding = the(examine_ports(host(machine), [], [], None), "port_busy")
    assert finding.title == "minicom uses this port"
    assert "Stop minicom" in finding.hint


def test_our_own_server_may_hold_the_port(machine: Path) -> None:
    path = port(machine)
    process(machine, 42, "gateway", path)
    assert codes(examine_ports(host(machine), [], [], own_pid=42)) == []


def test_a_link_to_a_held_port_is_seen_through(machine: Path) -> None:
    path = port(machine)
    link = machine / "by-id"
    link.symlink_to(path)
    process(machine, 77, "smsd", path)
    finding = the(examine_ports(host(machine), [str(link)], [], None), "port_busy")
    assert finding.about == str(link)


def test_modem_manager_is_trouble_before_it_holds_anything(machine: Path) -> None:
    port(machine)
    process(machine, 9, "ModemManager")
    assert "ID_MM_DEVICE_IGNORE" in the(examine_ports(host(machine), [], [], None), "modem_manager").hint


def test_an_ignored_port_is_not_looked_at(machine: Path) -> None:
    path = port(machine)
    process(machine, 77, "minicom", path)
    assert codes(examine_ports(host(machine), [], [str(path)], None)) == []


def test_a_clock_that_was_never_set_stops_sending(machine: Path) -> None:
    early = Host(now_ms=86_400_000, dev=machine, proc=machine)
    assert codes(examine_host(early, machine / "gateway.db")) == ["clock_unset"]


def test_a_clock_behind_the_database_stops_sending(machine: Path) -> None:
    database = machine / "gateway.db"
    database.touch()
    os.utime(database, (NOW_MS / 1000 + 3600, NOW_MS / 1000 + 3600))
    assert codes(examine_host(host(machine), database)) == ["clock_behind"]
    os.utime(database, (NOW_MS / 1000 - 3600, NOW_MS / 1000 - 3600))
    assert codes(examine_host(host(machine), database)) == []


def data_dir(tmp_path: Path) -> DataDir:
    folder = DataDir(tmp_path / "data")
    folder.prepare()
    folder.keys.mkdir(mode=0o700)
    for path in (folder.key_ring, folder.cli_key, folder.root / "gateway.db"):
        path.touch(mode=0o600)
    return folder


def test_a_data_directory_in_order_has_no_findings(tmp_path: Path) -> None:
    folder = data_dir(tmp_path)
    assert set(codes(examine_files(folder, folder.root / "gateway.db", encrypted=True))) <= {"disk_full"}


def test_a_key_file_that_others_can_read_is_found_and_repaired(tmp_path: Path) -> None:
    folder = data_dir(tmp_path)
    folder.key_ring.chmod(0o644)
    finding = the(examine_files(folder, folder.root / "gateway.db", encrypted=True), "mode_too_wide")
    assert finding.about == str(folder.key_ring)
    assert isinstance(finding.fix, ModeFix)
    finding.fix.apply()
    assert folder.key_ring.stat().st_mode & 0o777 == 0o600
    assert "mode_too_wide" not in codes(examine_files(folder, folder.root / "gateway.db", encrypted=True))


@pytest.mark.parametrize("name", ["app.pem", "link.key"])
def test_a_key_of_the_phones_that_others_can_read_is_found_told_and_repaired(
    tmp_path: Path, name: str
) -> None:
    folder = data_dir(tmp_path)
    key = folder.keys / name
    key.write_text("key")
    key.chmod(0o640)
    finding = the(examine_files(folder, folder.root / "gateway.db", encrypted=True), "mode_too_wide")
    assert (finding.about, finding.severity, finding.hint) == (str(key), "trouble", f"chmod 600 {key}")
    assert "phone" in finding.why.lower()
    assert isinstance(finding.fix, ModeFix)
    finding.fix.apply()
    assert key.stat().st_mode & 0o777 == 0o600


def test_missing_data_keys_stop_and_name_the_file(tmp_path: Path) -> None:
    folder = data_dir(tmp_path)
    folder.key_ring.unlink()
    finding = the(examine_files(folder, folder.root / "gateway.db", encrypted=True), "data_keys_missing")
    assert finding.about == str(folder.key_ring)
    assert "data_keys_missing" not in codes(
        examine_files(folder, folder.root / "gateway.db", encrypted=False)
    )


def test_before_the_first_start_there_is_only_a_note(tmp_path: Path) -> None:
    findings = examine_files(DataDir(tmp_path / "none"), tmp_path / "none/gateway.db", encrypted=True)
    assert [(f.code, f.severity) for f in findings] == [("no_data", "note")]


LINE = LineRow(
    id="1", tenant="default", key="8944", iccid="8944", imsi=None, number="+447700900102", label="Shop",
    pools=("default",), device_id=None, state="up", reason=None, paused=False, operator="EE", signal_dbm=-71,
    roaming=False, smsc="+447958879879", store_used=None, store_total=None, emulated=False, per_minute=None,
    per_day=None, last_seen_ms=NOW_MS,
)  # fmt: skip
HOOK = WebhookRow(
    "1", "default", "http://127.0.0.1/hook", ("*",), ("whsec_x",), include_text=False, sandbox=False, enabled=True,
    created_at_ms=NOW_MS,
)  # fmt: skip
KEY = KeyRow("k1", "default", "abc", "crm", b"", ("*",), sandbox=False, created_at_ms=NOW_MS)


def line(**changes: Any) -> list[Finding]:
    return examine_lines([replace(LINE, **changes)], frozenset({"p1"}))


def test_a_line_and_a_webhook_in_order_have_no_findings() -> None:
    assert codes([*line(), *examine_webhooks([HOOK])]) == []


def test_a_line_that_needs_a_person_has_the_catalogues_words_and_what_waits() -> None:
    reason = local("sim_pin_required")
    finding = the(line(state="needs_attention", reason=reason, queued=12), "sim_pin_required")
    assert (finding.about, finding.severity) == ("Shop", "stops")
    assert (finding.title, finding.why, finding.hint) == (reason.title, "12 messages wait.", reason.hint)


@pytest.mark.parametrize(
    ("change", "code", "severity"),
    [
        ({"state": "down"}, "line_down", "stops"),
        ({"state": "paused"}, "line_paused", "note"),
        ({"signal_dbm": -107}, "signal_weak", "trouble"),
        ({"smsc": None}, "smsc_missing", "trouble"),
        ({"store_used": 20, "store_total": 20}, "store_full", "trouble"),
        ({"emulated": True, "smsc": None}, "no_real_line", "note"),
    ],
)
def test_each_state_of_a_line_is_a_finding(change: dict[str, Any], code: str, severity: str) -> None:
    assert [(f.code, f.severity) for f in line(**change) if f.severity != "ok"] == [(code, severity)]


def test_a_paused_line_can_go_on_and_be_paused_again() -> None:
    fix = the(line(state="paused"), "line_paused").fix
    assert fix is not None
    assert fix.what.startswith("Lets this line send again")
    assert fix.undo is not None


def test_two_lines_of_the_same_name_are_two_findings() -> None:
    twins = [replace(LINE, state="down"), replace(LINE, id="2", state="down")]
    found = examine_lines(twins, frozenset())
    assert len({f.id for f in found}) == 2


def test_a_sim_in_a_phone_is_not_asked_for_what_phones_do_not_tell() -> None:
    found = line(device_id="p1", smsc=None, store_used=20, store_total=20, signal_dbm=-107)
    assert [(f.code, f.hint) for f in found if f.severity != "ok"] == [
        ("signal_weak", "Move the phone near a window.")
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"failures_in_row": 2}, []),
        ({"failures_in_row": 3}, ["webhook_failing"]),
        ({"enabled": False, "disabled_reason": "answered 410"}, ["webhook_disabled"]),
    ],
)
def test_a_webhook_that_fails_is_found(change: dict[str, Any], expected: list[str]) -> None:
    assert codes(examine_webhooks([replace(HOOK, **change)])) == expected


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({}, "Nothing was delivered yet"),
        ({"last_success_ms": NOW_MS}, "Deliveries succeed"),
        ({"failures_in_row": 1}, "The last delivery failed and is tried again"),
    ],
)
def test_a_webhook_in_order_is_praised_for_what_was_seen_only(change: dict[str, Any], title: str) -> None:
    assert [(f.severity, f.title) for f in examine_webhooks([replace(HOOK, **change)])] == [("ok", title)]


def test_one_cause_is_said_once_by_the_line_and_not_again_by_its_device() -> None:
    lost = local("device_lost")
    device = DeviceRow(
        "d1", "modem", "/dev/ttyUSB0", None, "E3531", None, emulated=False, attached=False, reason=lost,
        last_seen_ms=NOW_MS,
    )  # fmt: skip
    lines = [replace(LINE, device_id="d1", state="down", reason=lost)]
    assert [f.about for f in [*examine_lines(lines, frozenset()), *examine_devices([device], lines)]] == [
        "Shop"
    ]
    assert [f.code for f in examine_devices([device], [LINE])] == ["device_lost"]


def test_a_key_that_nobody_used_for_ninety_days_is_a_note_and_one_that_has_ended_is_none() -> None:
    then_ms = NOW_MS - 90 * DAY_MS
    stale = replace(KEY, created_at_ms=then_ms)
    assert codes(examine_keys([stale], NOW_MS)) == ["key_stale"]
    for change in ({"last_used_ms": then_ms + 1}, {"revoked_at_ms": then_ms}, {"expires_at_ms": then_ms}):
        assert codes(examine_keys([replace(stale, **change)], NOW_MS)) == []  # type: ignore[arg-type]


def test_the_doctor_and_the_list_of_keys_call_the_same_key_stale() -> None:
    assert KEY_STALE_DAYS * DAY_MS == STALE_MS


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, []),
        ({"host": "::1"}, []),
        ({"host": "0.0.0.0"}, ["http_exposed"]),
        ({"host": "192.168.1.5", "public_url": "https://sms.example.org"}, ["http_exposed"]),
        ({"host": "0.0.0.0", "tls_cert": Path("c.pem"), "tls_key": Path("k.pem")}, []),
        (
            {"host": "0.0.0.0", "public_url": "https://sms.example.org", "trusted_proxies": ("10.0.0.2/32",)},
            [],
        ),
    ],
)
def test_an_api_that_others_reach_without_tls_is_trouble(
    settings: dict[str, Any], expected: list[str]
) -> None:
    config = Config(server=Server(**settings))
    assert codes(examine_configuration(config)) == expected


def test_a_log_of_the_database_that_only_grows_is_trouble(tmp_path: Path) -> None:
    folder = data_dir(tmp_path)
    database = folder.root / "gateway.db"
    with database.with_name("gateway.db-wal").open("wb") as log:
        log.truncate(300_000_000)
    log_path = database.with_name("gateway.db-wal")
    assert the(examine_files(folder, database, encrypted=True), "wal_large").about == str(log_path)


def test_the_id_of_a_finding_depends_on_its_code_and_what_it_is_about_alone() -> None:
    one = Finding("disk_full", "trouble", "/data", "Only 300 MB are free")
    other = Finding("disk_full", "stops", "/data", "Only 3 MB are free")
    assert one.id == other.id
    assert re.fullmatch(r"[0-9a-f]{16}", one.id)
    assert one.id != Finding("disk_full", "stops", "/other", "").id


def test_of_two_findings_that_say_the_same_the_worse_is_kept() -> None:
    well = Finding("phone_doze", "ok", "Pixel", "exempt", subject="R58")
    ill = Finding("phone_doze", "trouble", "Pixel", "not exempt", subject="R58")
    assert each_once([well, ill]) == (ill,)


def test_a_mode_is_put_back_unless_somebody_changed_it_since(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch(mode=0o644)
    key.chmod(0o644)
    fix = ModeFix(key, 0o600)
    change = Change.load(Change(fix, fix.before()).dump())
    assert change == Change(fix, "644")
    fix.apply()
    assert fix.take_back("644")
    assert key.stat().st_mode & 0o777 == 0o644
    fix.apply()
    key.chmod(0o640)
    assert not fix.take_back("644")
    assert key.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "fix",
    [ModeFix(Path("/data/cli.key"), 0o600), PhoneFix("R58", "doze"), ResumeLine("l"), EnableWebhook("w")],
)
def test_every_fix_is_remembered_as_it_was_and_says_what_it_changes(fix: Fix) -> None:
    assert Change.load(Change(fix, "before").dump()) == Change(fix, "before")
    assert fix.what.endswith(".")
    assert fix.undo is None or fix.undo.endswith(".")


def test_what_stops_sending_comes_first() -> None:
    mixed = [Finding("a", "ok", "x", ""), Finding("b", "note", "x", ""), Finding("c", "stops", "z", "")]
    assert [f.code for f in worst_first([*mixed, Finding("d", "trouble", "x", "")])] == ["c", "d", "b", "a"]


def test_the_data_directory_is_made_private(tmp_path: Path) -> None:
    folder = DataDir(tmp_path / "a/b")
    folder.prepare()
    assert folder.root.stat().st_mode & 0o777 == 0o700


def test_an_empty_directory_that_others_can_read_is_closed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    DataDir(tmp_path / "data").prepare()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["link", "file", "shared"])
def test_a_place_that_cannot_be_a_data_directory_is_refused_and_left_alone(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "data"
    if kind == "link":
        place.symlink_to(tmp_path)
    elif kind == "file":
        place.touch()
    else:
        place.mkdir(mode=0o755)
        (place / "thesis.odt").touch()
    mode = place.stat().st_mode
    with pytest.raises(DataDirError) as caught:
        DataDir(place).prepare()
    assert "--data-dir" in caught.value.hint
    assert place.stat().st_mode == mode
