"""Owns the emulated network of the measurements, in a process of its own: the product's, with a tally of commands.

Judges nothing. ``"take"`` on standard input answers what happened on each line since the last time: when the
service centre took a text (UTC ms) and how often the host sent which command.
Source: device_bridge.emulator.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from collections import Counter
from pathlib import Path

from device_bridge.emulator.modem import EmulatedModem
from device_bridge.emulator.network import EmulatedNetwork
from device_bridge.emulator.settings import NetworkSettings
from device_bridge.emulator.terminal import Terminal

_NAME = re.compile(r"AT([+^&]?[A-Z]*)", re.IGNORECASE)


class Tally:
    """Stands between a terminal and its modem and counts command lines by name."""

    def __init__(self, modem: EmulatedModem) -> None:
        self._modem = modem
        self.commands: Counter[str] = Counter()
        modem.terminal = Terminal(self)

    def on_line(self, line: str) -> None:
        found = _NAME.search(line)
        self.commands[found[1].upper() if found else "?"] += 1
        self._modem.on_line(line)

    def on_pdu(self, text: str) -> None:
        self._modem.on_pdu(text)

    def on_escape(self) -> None:
        self.commands["ESC"] += 1
        self._modem.on_escape()

    def on_echo(self, octets: bytes) -> None:
        self._modem.on_echo(octets)


class Watched:
    """A network and what was not told of it yet."""

    def __init__(self, settings: NetworkSettings) -> None:
        self.network = EmulatedNetwork(settings, lambda: time.time_ns() // 1_000_000)
        self.tallies = [Tally(modem) for modem in self.network.modems]

    def take(self) -> dict[str, dict[str, object]]:
        """Tell and forget, by line from "1"."""
        told: dict[str, dict[str, object]] = {}
        accepted: dict[int, list[int]] = {}
        for submission in self.network.submissions:
            accepted.setdefault(submission.line, []).append(submission.at_ms)
        self.network.submissions.clear()
        self.network.deliveries.clear()
        for line, tally in enumerate(self.tallies, start=1):
            told[str(line)] = {"accepted_ms": accepted.get(line, []), "commands": dict(tally.commands)}
            tally.commands.clear()
        return told


async def run(settings: NetworkSettings, ptys: dict[int, Path]) -> None:
    """Serve until standard input ends."""
    watched = Watched(settings)
    addresses: list[str] = []
    for line in range(1, settings.lines + 1):
        if line in ptys:
            await watched.network.start_pty(line, ptys[line])
            addresses.append(str(ptys[line]))
        else:
            addresses.append(f"socket://127.0.0.1:{await watched.network.start_tcp(line)}")
    print(json.dumps(addresses), flush=True)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        print(json.dumps(watched.take()), flush=True)
    await watched.network.close()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, required=True)
    parser.add_argument("--submit-s", type=float, required=True)
    parser.add_argument("--baudrate", type=int, default=115_200)
    parser.add_argument("--answer-latency-s", type=float, default=0.004)
    parser.add_argument("--pty", nargs=2, action="append", default=[], metavar=("LINE", "PATH"))
    given = parser.parse_args()
    settings = NetworkSettings(
        lines=given.lines,
        submit_s=given.submit_s,
        baudrate=given.baudrate,
        answer_latency_s=given.answer_latency_s,
        sandbox_only=False,
        sim_slots=255,
    )
    asyncio.run(run(settings, {int(line): Path(path) for line, path in given.pty}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
