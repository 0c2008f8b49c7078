"""Owns what the machine itself can do wrong: its clock, and where things of the system are found.

Knows no device. Roots are injectable, so that a test can build a machine.
Source: proc(5); the clock rule of the architecture notes (a board without a clock battery).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from gateway.doctor.finding import Finding

BUILT_AT_MS = 1_763_683_200_000
"""2025-11-21: a clock before this program was written is not set."""

CLOCK_SLACK_MS = 60_000

PROCESSES_MAX = 4096
DESCRIPTORS_MAX = 1024
"""What is looked at of a machine at most: a look stays under a second on a busy one."""


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
        """Folders of the processes of this machine, at most :data:`PROCESSES_MAX`."""
        folders = (entry for entry in self.proc.glob("[0-9]*") if entry.is_dir())
        return islice(folders, PROCESSES_MAX)

    def holders(self, places: frozenset[Path]) -> dict[Path, list[tuple[int, str]]]:
        """Name the processes that have any of these files open, as far as this account may see; one look at all."""
        held: dict[Path, list[tuple[int, str]]] = {}
        wanted = {str(place): place for place in places}
        for process in self.processes() if places else ():
            for opened in _opened(process) & wanted.keys():
                held.setdefault(wanted[opened], []).append((int(process.name), name_of(process)))
        return held


def name_of(process: Path) -> str:
    """Give the name of a process by its folder."""
    try:
        return (process / "comm").read_text().strip() or f"process {process.name}"
    except OSError:
        return f"process {process.name}"


def _opened(process: Path) -> set[str]:
    """List what a process has open. Text, not paths: there are tens of thousands, and the loop must get its turn."""
    found = set()
    with suppress(OSError), os.scandir(f"{process}/fd") as descriptors:  # another account's
        for descriptor in islice(descriptors, DESCRIPTORS_MAX):
            with suppress(OSError):
                found.add(os.readlink(descriptor.path))  # noqa: PTH115  a Path costs more than the question
    return found


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
