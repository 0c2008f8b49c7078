"""Installs the service into a directory, as `gateway service` would into a machine, twice, and takes it back."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = (
    "etc/sms-gateway.toml",
    "etc/systemd/system/sms-gateway.service",
    "etc/udev/rules.d/70-sms-gateway.rules",
)


def service(*words: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "gateway", "service", *words)


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A directory that stands for the root of a machine, with a program outside anybody's home."""
    return tmp_path / "machine"


def files(machine: Path) -> dict[str, str]:
    return {str(p.relative_to(machine)): p.read_text() for p in machine.rglob("*") if p.is_file()}


def test_installing_writes_unit_rules_and_a_first_configuration(machine: Path) -> None:
    done = service("install", "--root", str(machine))
    assert done.returncode == 0, done.stderr
    assert set(files(machine)) == set(WRITTEN)
    assert stat.S_IMODE((machine / WRITTEN[0]).stat().st_mode) == 0o640
    assert "would run systemctl enable sms-gateway" in done.stderr
    assert "login --data-dir /var/lib/sms-gateway" in done.stdout


def test_installing_twice_changes_nothing(machine: Path) -> None:
    service("install", "--root", str(machine))
    (machine / WRITTEN[0]).write_text("[server]\nport = 9000\n")
    before = files(machine)
    done = service("install", "--root", str(machine))
    assert done.returncode == 0
    assert files(machine) == before
    assert done.stderr.count("unchanged") == 3


def test_an_older_unit_is_brought_up_to_date(machine: Path) -> None:
    service("install", "--root", str(machine))
    current = files(machine)
    (machine / WRITTEN[1]).write_text("[Service]\nExecStart=/old\n")
    service("install", "--root", str(machine))
    assert files(machine) == current


def test_uninstalling_leaves_the_configuration_and_can_be_done_twice(machine: Path) -> None:
    service("install", "--root", str(machine))
    for _ in range(2):
        done = service("uninstall", "--root", str(machine))
        assert done.returncode == 0, done.stderr
        assert set(files(machine)) == {WRITTEN[0]}
    assert "stay" in done.stdout


def test_print_shows_everything_and_writes_nothing(machine: Path) -> None:
    done = service("install", "--print", "--root", str(machine))
    assert done.returncode == 0
    assert not machine.exists()
    for name in WRITTEN:
        assert f"/{name}" in done.stdout
    assert "# run: systemctl restart sms-gateway" in done.stdout


# Becomes somebody else after the imports: this interpreter may stand where only root may read.
AS_NOBODY = """
import os, sys, gateway.cli, gateway.cli.service, gateway.service
if os.geteuid() == 0:
    os.seteuid(65534)
sys.exit(gateway.cli.main(["service", "install"]))
"""


def test_without_root_it_says_the_line_with_sudo() -> None:
    done = python("-c", AS_NOBODY)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("error: a service belongs to the whole machine")
    assert done.stderr.splitlines()[1].startswith("hint:  sudo ")
    assert "service install" in done.stderr


def test_root_is_refused_as_the_user_of_a_service() -> None:
    done = service("install", "--user", "root", "--print")
    assert done.returncode == 2
    assert "root" in done.stderr
