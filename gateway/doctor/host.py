"""Owns what the machine itself can do wrong: its clock, and where things of the system are found.

Knows no device. Roots are injectable, so that a test can build a machine.
Source: proc(5); the clock rule of the architecture notes (a board without a clock battery).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.doctor.finding import Finding

BUILT_AT_MS = 1_763_683_200_000
"""2025-11-21: a clock before this program was written is not set."""

CLOCK_SLACK_MS = 60_000


def _groups() -> frozenset[int]:
    return frozenset({os.getegid(), *os.getgroups()})


@dataclass(frozen=True, slots=True)
class Host:
    """The machine: where to look, who we are, what time it is."""

    now_ms: int
    dev: Path = Path("/dev")
    proc: Path = Path("/proc")
    sysfs: Path = Path("/sys")
    etc: Path = Path("/etc")
    can_open: Callable[[Path], bool] = field(default=lambda path: os.access(path, os.R_OK | os.W_OK))
    groups: frozenset[int] = field(default_factory=_groups)

    def processes(self) -> Iterable[Path]:
        """Folders of the processes that this account may look into."""
        return (entry for entry in self.proc.glob("[0-9]*") if entry.is_dir())


def examine_host(host: Host, database: Path) -> list[Finding]:
    """Look at the clock; the database's own time tells whether it has gone back."""
    if host.now_ms < BUILT_AT_MS:
        return [
            Finding(
                "clock_unset",
                "stops",
                "clock",
                "The clock of this machine is not set",
                "Messages would expire, or wait, by a wrong time.",
                "Set it (timedatectl set-ntp true) and start the gateway again.",
            )
        ]
    newest_ms = _modified_ms(database)
    if newest_ms is not None and newest_ms > host.now_ms + CLOCK_SLACK_MS:
        return [
            Finding(
                "clock_behind",
                "stops",
                "clock",
                "The clock has gone back: the database was written in its future",
                "The gateway holds sending and expiry until the clock has caught up.",
                "Set the clock (timedatectl set-ntp true).",
            )
        ]
    return [Finding("clock", "ok", "clock", "Clock is plausible")]


def _modified_ms(database: Path) -> int | None:
    times: list[int] = []
    for path in (database, database.with_name(f"{database.name}-wal")):
        try:
            times.append(path.stat().st_mtime_ns // 1_000_000)
        except OSError:
            continue
    return max(times, default=None)
