"""Owns the other programs on the same emulated line: gammu-smsd and smstools3, as Debian packs them.

Tunes neither; a program that is not installed is left out with a line that says so.
Source: gammu-smsdrc(7), smsd.conf of smstools3.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from itertools import pairwise
from pathlib import Path

from bench.figures import Effort, Figure
from bench.processes import Child

TO = "4915110000001"
TEXT = "Your parcel arrives today between 14:00 and 16:00. Reply STOP to end. " * 2
QUEUED = 60
SETTLE_S = 8.0
"""Until the slower of the two has identified its modem and sends at its own pace (gammu takes 5.4 s)."""


def _gammu(folder: Path, port: Path) -> subprocess.Popen[bytes] | None:
    program = shutil.which("gammu-smsd")
    if program is None:
        return None
    for name in ("inbox", "outbox", "sent", "error"):
        (folder / "gammu" / name).mkdir(parents=True)
    base = folder / "gammu"
    config = base / "smsdrc"
    config.write_text(
        f"[gammu]\ndevice = {port}\nconnection = at115200\n[smsd]\nservice = files\nlogfile = {base}/log\n"
        f"inboxpath = {base}/inbox/\noutboxpath = {base}/outbox/\nsentsmspath = {base}/sent/\n"
        f"errorsmspath = {base}/error/\ndeliveryreport = log\n"
    )
    for i in range(QUEUED):
        name = f"OUTC20260101_000000_{i:02}_+{TO}_bench.txtd"
        (base / "outbox" / name).write_text(TEXT)
    return subprocess.Popen(
        [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _smstools(folder: Path, port: Path) -> subprocess.Popen[bytes] | None:
    program = shutil.which("smsd") or shutil.which("smsd", path="/usr/sbin")
    if program is None:
        return None
    base = folder / "smstools"
    for name in ("outgoing", "checked", "failed", "sent", "incoming", "reports"):
        (base / name).mkdir(parents=True)
    config = base / "smsd.conf"
    config.write_text(
        f"devices = M\noutgoing = {base}/outgoing\nchecked = {base}/checked\nfailed = {base}/failed\n"
        f"sent = {base}/sent\nincoming = {base}/incoming\nreport = {base}/reports\nlogfile = {base}/log\n"
        f"infofile = {base}/info\npidfile = {base}/pid\ndelaytime = 1\n"
        f"[M]\ndevice = {port}\nbaudrate = 115200\nincoming = yes\nreport = yes\nrtscts = no\n"
    )
    for i in range(QUEUED):
        (base / "outgoing" / f"m{i:03}").write_text(f"To: {TO}\nReport: yes\n\n{TEXT}")
    return subprocess.Popen(
        [program, f"-c{config}", "-t"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def measure(submit_s: float, effort: Effort, folder: Path, note: str) -> list[Figure]:
    """Let both send on lines of one network for a while; texts per minute of each."""
    place = folder / f"peers-{submit_s:g}"
    place.mkdir()
    ports = {"1": place / "tty-gammu", "2": place / "tty-smstools"}
    named = [argument for line, port in ports.items() for argument in ("--pty", line, str(port))]
    figures: list[Figure] = []
    with Child("bench.emulated", "--lines", "2", "--submit-s", str(submit_s), *named) as network:
        programs = {"gammu-smsd": _gammu(place, ports["1"]), "smstools3": _smstools(place, ports["2"])}
        try:
            time.sleep(SETTLE_S)
            network.ask("take")
            time.sleep(effort.turn_s(15, 9))
            taken = network.ask("take")
        finally:
            for program in programs.values():
                if program is not None:
                    program.terminate()
                    _ended(program)
    for line, (name, program) in zip(("1", "2"), programs.items(), strict=True):
        accepted = taken[line]["accepted_ms"]
        if program is None or len(accepted) < 2:
            print(f"  {name}: {'not installed' if program is None else 'sent nothing'}", flush=True)
            continue
        intervals = [after - before for before, after in pairwise(accepted)]
        rate = 60_000 * len(intervals) / sum(intervals)
        lines = sum(taken[line]["commands"].values()) / len(accepted)
        figures.append(
            Figure(
                f"{name}: {submit_s:g} s", rate, "/min", (60_000 / max(intervals), 60_000 / min(intervals)),
                len(accepted), note=f"{lines:.1f} AT command lines per text; {note}",
            )
        )  # fmt: skip
    return figures


def _ended(program: subprocess.Popen[bytes]) -> None:
    try:
        program.wait(5)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
