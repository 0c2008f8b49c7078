"""Owns the proof that the app we carry is the one that the sources make, and that the wheel carries it too."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from device_bridge.apk import apk_facts, carried_apk
from device_bridge.apk.carried import CARRIED
from tests.integration.apk_tools import ROOT, built_apk, missing

NEEDED_SETUPTOOLS = 77
LARGEST_OCTETS = 150_000


def test_the_carried_app_is_bit_for_bit_what_the_sources_make() -> None:
    built = built_apk()
    assert apk_facts(carried_apk()) == apk_facts(built)
    # Not `==` alone: pytest would print a hundred kilobytes.
    same = carried_apk() == built
    assert same, (
        "device_bridge/apk/companion-unsigned.apk is not what android_companion makes: run `make companion`"
    )


def test_the_carried_app_is_small() -> None:
    assert len(carried_apk()) <= LARGEST_OCTETS


@pytest.mark.timeout(180)
def test_the_wheel_carries_the_app(tmp_path: Path) -> None:
    if int(importlib.metadata.version("setuptools").split(".")[0]) < NEEDED_SETUPTOOLS:
        missing(f"setuptools {NEEDED_SETUPTOOLS} is needed to build a wheel: make setup-dev")
    tree = tmp_path / "tree"
    for folder in ("gateway", "device_bridge"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", tmp_path, tree],
        check=False, capture_output=True, text=True, timeout=150,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        assert file.read(f"device_bridge/apk/{CARRIED}") == carried_apk()
