"""Owns finding and running other people's Android tools, and what the Maven build left behind.

Without a tool a test is skipped on a person's machine and fails in CI.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]
COMPANION = ROOT / "android_companion"
BUILT = COMPANION / "target" / "companion-unsigned.apk"
TOOL_TIMEOUT_S = 60.0

SYSTEM_FIRST = {**os.environ, "PATH": f"/usr/bin:{os.environ.get('PATH', '')}"}
"""enjarify runs the first python3 of the path, which has to be the one that it was installed for."""

PACKAGES = {"mvn": "maven", "java": "openjdk-17-jdk-headless", "javac": "openjdk-17-jdk-headless"}


def missing(why: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def tool(name: str) -> str:
    """Find a tool by its name."""
    found = shutil.which(name)
    if found is None:
        missing(f"{name} is not installed: apt-get install {PACKAGES.get(name, name)}")
    return found


def run(name: str, *arguments: object, timeout_s: float = TOOL_TIMEOUT_S) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end; the caller looks at its exit status."""
    return subprocess.run(
        [tool(name), *map(str, arguments)],
        check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout_s, env=SYSTEM_FIRST,
    )  # fmt: skip


def output(name: str, *arguments: object) -> str:
    """Run a tool that has to succeed, and take what it says."""
    done = run(name, *arguments)
    assert done.returncode == 0, f"{name} {arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def sources() -> list[Path]:
    """What the app is built from."""
    return [
        COMPANION / "pom.xml",
        *(COMPANION / "tools").rglob("*.java"),
        *_files(COMPANION / "src" / "main"),
    ]


def built_apk() -> bytes:
    """Read the unsigned APK that `make companion-built` left, if it is newer than its sources."""
    if not BUILT.exists():
        missing("the app was not built here: make companion-built (needs a JDK and Maven)")
    newest = max(sources(), key=lambda path: path.stat().st_mtime_ns)
    if newest.stat().st_mtime_ns > BUILT.stat().st_mtime_ns:
        missing(f"{newest.relative_to(ROOT)} is newer than the build: make companion-built")
    return BUILT.read_bytes()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
