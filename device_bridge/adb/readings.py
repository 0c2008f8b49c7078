"""Owns reading what a phone's commands print: package, exemptions, app-ops, settings, buckets, clocks.

Knows no phone and asks nothing; formats differ between versions, so each reading takes what it can find.
Source: dumpsys package (Settings.java), DeviceIdleController, AppOpsService, ActivityManagerShellCommand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_VERSION: Final = re.compile(r"^\s*versionCode=(\d+)", re.MULTILINE)
_GRANT: Final = re.compile(r"^\s*(android\.permission\.[A-Z_]+): granted=(true|false)", re.MULTILINE)
_REQUESTED: Final = re.compile(
    r"^[ \t]*requested permissions:[ \t]*\r?\n((?:[ \t]+[\w.]+(?::.*)?\r?\n)+)", re.MULTILINE
)
_NAME: Final = re.compile(r"android\.permission\.[A-Z_]+")
_MODE: Final = re.compile(r"\b(allow|deny|ignore|default|foreground|ask)\b")


@dataclass(frozen=True, slots=True)
class InstalledApp:
    """What the package manager knows of our app. Permissions by their full names."""

    version_code: int
    requested: frozenset[str]
    granted: frozenset[str]


def installed_app(text: str, package: str) -> InstalledApp | None:
    """Read ``dumpsys package PKG``; None where the app is not installed."""
    start = text.find(f"Package [{package}]")
    if start < 0:
        return None
    # What follows may be the same package as the system image brought it ("Hidden system packages").
    block = text[start:].split("\nHidden system packages", 1)[0]
    version = _VERSION.search(block)
    if version is None:
        return None
    requested = _REQUESTED.search(block)
    grants = dict(_GRANT.findall(block))
    return InstalledApp(
        version_code=int(version[1]),
        requested=frozenset(_NAME.findall(requested[1])) if requested else frozenset(),
        granted=frozenset(name for name, granted in grants.items() if granted == "true"),
    )


def doze_exempt(text: str, package: str) -> bool:
    """Read ``cmd deviceidle whitelist``: lines ``kind,package,uid``."""
    rows = (line.strip().split(",") for line in text.splitlines())
    return any(len(row) >= 2 and row[1] == package for row in rows)


def op_mode(text: str, op: str) -> str:
    """Read ``appops get PKG OP``; "default" where nothing was ever set."""
    line = next((each for each in text.splitlines() if f"{op}:" in each), "")
    mode = _MODE.search(line.partition(f"{op}:")[2])
    return mode[1] if mode else "default"


def standby_bucket(text: str) -> int | None:
    """Read ``am get-standby-bucket PKG``: 5 exempted, 10 active … 45 restricted; None where it says nothing."""
    word = text.strip().split("\n", 1)[0].strip()
    return int(word) if word.isdecimal() else None


def setting(text: str) -> str | None:
    """Read ``settings get``: None where there is no value."""
    word = text.strip()
    return None if word in {"", "null"} else word


def whole_number(text: str | None) -> int | None:
    """Read a whole number above zero; None for anything else."""
    return int(text) if text and text.isdecimal() and int(text) > 0 else None


def uptime_s(text: str) -> float | None:
    """Read ``/proc/uptime``: seconds since the kernel started."""
    word = text.split(" ", 1)[0].strip()
    try:
        return float(word)
    except ValueError:
        return None
