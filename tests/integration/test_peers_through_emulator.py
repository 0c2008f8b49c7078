"""Owns the proof that programs of other people send and receive through the emulated network.

Knows no internals: the emulator, gammu-smsd and smstools3 run as processes of their own, in PDU mode.
Source: Debian packages gammu-smsd and smstools; 20 texts each way, long ones and UCS-2 among them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from device_bridge.sms.segmentation import segment
from device_bridge.sms.submit import SubmitOptions, encode_parts
from device_bridge.sms.tpdu import decode_submit

pytestmark = [pytest.mark.peer, pytest.mark.timeout(150)]

MESSAGES = 20
WAIT_S = 60.0
POLL_S = 0.1  # other people's programs tell us nothing: their directories are looked at
TO_PEER = [f"to the peer, number {n}" for n in range(MESSAGES - 2)] + ["λόγος", "long words," * 25]
FROM_PEER = [f"from the peer, number {n}" for n in range(MESSAGES - 1)] + ["too long for one part," * 10]


def binary(name: str) -> str:
    """Find a peer's program; without it the test fails in CI and is skipped elsewhere."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        missing = f"{name} is not installed: apt-get install gammu-smsd smstools"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@dataclass
class Air:
    """The emulated network: line 1 is a socket for this test, line 2 a pty for the peer."""

    directory: Path
    port: int
    numbers: tuple[str, str]
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)
    open_ports: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def pty(self) -> Path:
        return self.directory / "modem"

    def folder(self, name: str) -> Path:
        path = self.directory / name
        path.mkdir(exist_ok=True)
        return path

    def sent_by_peer(self) -> list[str]:
        """Text of every part for line 1 that the peer put on air, in order."""
        rows = [json.loads(row) for row in (self.directory / "air.jsonl").read_text().splitlines()]
        tpdus = [
            bytes.fromhex(row["tpdu"])
            for row in rows
            if (row["line"], row["destination"]) == (2, self.numbers[0])
        ]
        return [decode_submit(tpdu).text or "" for tpdu in tpdus]

    async def run(self, *command: str) -> None:
        """Start a program in a process group of its own."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C.UTF-8"},  # gammu writes texts in the locale's encoding
            start_new_session=True,
        )
        self.processes.append(process)

    async def send_to_peer(self) -> None:
        """Send every text of TO_PEER from line 1 to the peer's number, by hand; leave the port open to receive."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.open_ports.append(writer)
        writer.write(
            b"AT+CNMI=2,2,0,0,0\r"
        )  # straight to the host: 20 slots are too few for what the peer sends
        await asyncio.wait_for(reader.readuntil(b"OK\r\n"), WAIT_S)
        for reference, text in enumerate(TO_PEER):
            options = SubmitOptions(to=self.numbers[1], reference=reference, delivery_report=False)
            for tpdu in encode_parts(segment(text), options):
                writer.write(f"AT+CMGS={len(tpdu)}\r".encode())
                await asyncio.wait_for(reader.readuntil(b"> "), WAIT_S)
                writer.write(f"00{tpdu.hex()}\x1a".encode())
                await asyncio.wait_for(reader.readuntil(b"OK\r\n"), WAIT_S)


@pytest.fixture
async def air(tmp_path: Path) -> AsyncIterator[Air]:
    emulator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "device_bridge.emulator", "--tcp", "0", "--pty", str(tmp_path / "modem")),
        *("--submit-s", "0.02", "--report-delay-s", "0.05", "--log", str(tmp_path / "air.jsonl")),
        stdout=asyncio.subprocess.PIPE,
    )
    assert emulator.stdout is not None
    processes = [emulator]
    try:
        async with asyncio.timeout(30):
            lines = [(await emulator.stdout.readline()).decode().split() for _ in range(3)]
        port = int(lines[0][1].rsplit(":", 1)[1])
        network = Air(tmp_path, port, (lines[0][2], lines[1][2]), processes)
        yield network
        for writer in network.open_ports:
            writer.close()
            await writer.wait_closed()
    finally:
        for process in reversed(processes):
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 30)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def eventually(what: str, true: Callable[[], bool]) -> None:
    """Look until it is true; the message says what was missing."""
    try:
        async with asyncio.timeout(WAIT_S):
            while not true():  # noqa: ASYNC110 - files of another process have no event
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        pytest.fail(f"after {WAIT_S:.0f} s: {what}")


def parts_of(texts: list[str]) -> int:
    return sum(segment(text).parts for text in texts)


# ------------------------------------------------------------------ gammu

GAMMU = """
[gammu]
device = {pty}
connection = at115200
[smsd]
service = files
logfile = {directory}/gammu.log
debuglevel = 1
inboxpath = {inbox}/
outboxpath = {outbox}/
sentsmspath = {sent}/
errorsmspath = {error}/
deliveryreport = log
checkbattery = 0
checksignal = 0
checknetwork = 0
receivefrequency = 1
loopsleep = 1
"""


async def test_gammu_smsd_sends_and_receives_twenty_texts(air: Air) -> None:
    daemon, inject = binary("gammu-smsd"), binary("gammu-smsd-inject")
    folders = {name: air.folder(name) for name in ("inbox", "outbox", "sent", "error")}
    configuration = air.directory / "gammu.conf"
    configuration.write_text(GAMMU.format(pty=air.pty, directory=air.directory, **folders))
    for text in FROM_PEER:
        command = (
            inject,
            "-c",
            str(configuration),
            "TEXT",
            air.numbers[0],
            "-report",
            "-autolen",
            "500",
            "-text",
            text,
        )
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        assert await process.wait() == 0
    await air.run(daemon, "-c", str(configuration))
    await air.send_to_peer()

    def reported() -> set[str]:
        log = (air.directory / "gammu.log").read_text(errors="replace")
        return set(re.findall(r"Delivered to \S+, message reference (0x\w+)", log))

    await eventually(
        f"parts on air {parts_of(FROM_PEER)}", lambda: len(air.sent_by_peer()) >= parts_of(FROM_PEER)
    )
    await eventually("files in the inbox", lambda: len(list(folders["inbox"].iterdir())) >= parts_of(TO_PEER))
    await eventually("delivery reports", lambda: len(reported()) == parts_of(FROM_PEER))
    assert _whole(air.sent_by_peer()) == sorted(FROM_PEER)
    received = [path.read_text(encoding="utf-8") for path in sorted(folders["inbox"].iterdir())]
    short = [text for text in TO_PEER if parts_of([text]) == 1]
    assert sorted(text for text in received if text in short) == sorted(short)
    # gammu-smsd may file the parts of a long text one by one, when it looks between their arrivals.
    long = [text for text in TO_PEER if text not in short]
    assert sorted("".join(text for text in received if text not in short)) == sorted("".join(long))
    assert not list(folders["error"].iterdir())


# ------------------------------------------------------------------ smstools3

SMSTOOLS = """
devices = GSM1
outgoing = {outgoing}
checked = {checked}
failed = {failed}
incoming = {incoming}
report = {report}
sent = {sent}
logfile = {directory}/smsd.log
infofile = {directory}/smsd.info
pidfile = {directory}/smsd.pid
delaytime = 1
delaytime_mainprocess = 1
errorsleeptime = 1
stats_interval = 0

[GSM1]
device = {pty}
baudrate = 115200
incoming = yes
report = yes
init = AT+CPMS="SM","SM","SM";+CNMI=2,1,0,2,0
memory_start = 1
"""


async def test_smstools3_sends_and_receives_twenty_texts(air: Air) -> None:
    daemon = binary("smsd")
    names = ("outgoing", "checked", "failed", "incoming", "report", "sent")
    folders = {name: air.folder(name) for name in names}
    configuration = air.directory / "smsd.conf"
    configuration.write_text(SMSTOOLS.format(pty=air.pty, directory=air.directory, **folders))
    for number, text in enumerate(FROM_PEER):
        to = air.numbers[0].removeprefix("+")
        (folders["outgoing"] / f"message{number:02}").write_text(f"To: {to}\nReport: yes\n\n{text}")
    await air.run(daemon, "-t", "-c", str(configuration))
    await air.send_to_peer()

    def incoming() -> list[Path]:
        return list(folders["incoming"].iterdir())

    await eventually(
        f"parts on air {parts_of(FROM_PEER)}", lambda: len(air.sent_by_peer()) >= parts_of(FROM_PEER)
    )
    await eventually("files in the inbox", lambda: len(incoming()) >= MESSAGES)
    await eventually(
        "delivery reports", lambda: len(list(folders["report"].iterdir())) >= parts_of(FROM_PEER)
    )
    assert _whole(air.sent_by_peer()) == sorted(FROM_PEER)
    received = [_text_of(path.read_bytes()) for path in incoming()]
    assert sorted(received) == sorted(TO_PEER)
    assert not list(folders["failed"].iterdir())


def _text_of(file: bytes) -> str:
    head, text = file.split(b"\n\n", 1)
    return text.decode("utf-16-be" if b"Alphabet: UCS2" in head else "latin-1")


def _whole(parts: list[str]) -> list[str]:
    """Join the parts of the one long text, which stand in order, and sort."""
    short = [part for part in parts if part in FROM_PEER]
    return sorted([*short, "".join(part for part in parts if part not in FROM_PEER)])
