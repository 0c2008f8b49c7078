"""Owns the proof that modems are reached over TCP and pty, at a line speed, and as a program of their own.

Knows no driver: raw octets over sockets and descriptors.
Source: pty(7), termios(3), 8N1 framing.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import termios
from pathlib import Path

import pytest

from device_bridge.emulator import EmulateSettings, NetworkSettings
from tests.unit.emulator.emulated_host import WAIT_S, Box, Host, MakeBox, eventually, submit_pdu

TO = "+99900000001"


class Tty:
    """The pty as a program opens a serial port: raw, not blocking."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        mode = termios.tcgetattr(self._fd)
        mode[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(self._fd, termios.TCSANOW, mode)

    def send(self, text: str) -> None:
        os.write(self._fd, text.encode())

    async def until(self, wanted: str) -> str:
        loop = asyncio.get_running_loop()
        heard = ""
        async with asyncio.timeout(WAIT_S):
            while wanted not in heard:
                ready = asyncio.Event()
                loop.add_reader(self._fd, ready.set)
                await ready.wait()
                loop.remove_reader(self._fd)
                heard += os.read(self._fd, 4096).decode()
        return heard

    def close(self) -> None:
        os.close(self._fd)


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def test_a_pty_is_opened_closed_and_opened_again(box: Box, tmp_path: Path) -> None:
    path = tmp_path / "modem"
    await box.network.start_pty(1, path)
    for expected in ("+CNMI: 0,0,0,0,0", "+CNMI: 2,1,0,1,0"):
        tty = Tty(path)
        tty.send("AT+CNMI?\r")
        assert expected in await tty.until("OK\r\n")
        tty.send("AT+CNMI=2,1,0,1,0\r")
        await tty.until("OK\r\n")
        tty.close()
        await eventually(lambda: not box.network.modem(1).port.attached)


async def test_a_text_goes_through_a_pty(box: Box, tmp_path: Path) -> None:
    path = tmp_path / "modem"
    await box.network.start_pty(1, path)
    tty = Tty(path)
    pdu = submit_pdu(TO)
    tty.send(f"ATE0\rAT+CMGS={len(pdu) // 2}\r")
    await tty.until("> ")
    tty.send(f"00{pdu}\x1a")
    assert "+CMGS: 0" in await tty.until("OK\r\n")
    tty.close()


async def test_an_unplugged_pty_comes_back_at_the_same_path(box: Box, tmp_path: Path) -> None:
    path = tmp_path / "modem"
    await box.network.start_pty(1, path)
    tty = Tty(path)
    tty.send("AT\r")
    await tty.until("OK\r\n")
    box.network.modem(1).unplug(away_s=0.02)
    assert not path.is_symlink()
    tty.close()
    await eventually(path.is_symlink)
    tty = Tty(path)
    tty.send("AT\r")
    await tty.until("OK\r\n")
    tty.close()


async def test_a_pty_never_replaces_a_file_and_leaves_no_link_behind(box: Box, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(FileExistsError, match="choose another"):
        await box.network.start_pty(1, tmp_path / "file")
    await box.network.start_pty(2, tmp_path / "modem")
    await box.network.close()
    assert names_in(tmp_path) == ["file"]


async def test_the_newest_host_takes_the_port(box: Box) -> None:
    first = await box.host()
    second = await box.host()
    await first.gone()
    assert await second.command("AT") == "OK"


@pytest.mark.parametrize("exact", [False, True], ids=["whole answers", "every octet"])
async def test_line_speed_delays_the_last_octet_both_ways(make_box: MakeBox, exact: bool) -> None:
    box = await make_box(baudrate=2400, exact_pacing=exact)
    host = await box.host()
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await host.command("AT") == "OK"
    took = loop.time() - began
    assert took >= 9 * 10 / 2400  # three octets there, six back


async def test_answers_wait_for_the_answer_latency(make_box: MakeBox) -> None:
    box = await make_box(answer_latency_s=0.02)
    host = await box.host()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await host.submit(submit_pdu(TO))
    assert loop.time() - began >= 0.02  # the prompt waits, the verdict of the network does not


async def test_octets_that_a_host_sent_before_it_died_still_arrive(make_box: MakeBox) -> None:
    box = await make_box(baudrate=9600)
    host = await box.host()
    pdu = submit_pdu(TO)
    host.send(f"AT+CMGS={len(pdu) // 2}\r")
    await host.until("> ")
    host.send(f"00{pdu}\x1a")
    await host.close()
    await eventually(lambda: bool(box.network.submissions))


# ------------------------------------------------------------------ the program


async def program(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "device_bridge.emulator", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_the_program_names_its_modems_logs_what_goes_on_air_and_ends_on_sigterm(tmp_path: Path) -> None:
    log, pty = tmp_path / "air.jsonl", tmp_path / "modem"
    emulator = await program(
        *("--lines", "3", "--tcp", "0", "--pty", str(pty)),
        *("--submit-s", "0", "--log", str(log), "--sandbox-only"),
    )
    assert emulator.stdout is not None
    async with asyncio.timeout(30):
        lines = [(await emulator.stdout.readline()).decode().split() for _ in range(4)]
    assert [line[0] for line in lines] == ["1", "2", "3", "ready"]
    assert lines[1][1:3] == [str(pty), "+99900010002"]
    host = await Host.open(int(lines[0][1].rsplit(":", 1)[1]))
    await host.greet()
    assert await host.submit(submit_pdu(TO)) == "+CMGS: 0 OK"
    assert await host.submit(submit_pdu("+447700900123")) == "+CMS ERROR: 1"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(row["line"], row["destination"], row["mr"], row["tpdu"]) for row in rows] == [
        (1, TO, 0, submit_pdu(TO)),
    ]
    emulator.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        _out, errors = await emulator.communicate()
    assert (emulator.returncode, errors, pty.is_symlink()) == (0, b"", False)
    await host.close()


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (("--lines", "1", "--tcp", "0", "--tcp", "0"), 1, "cannot serve 2"),
        (("--lines", "0"), 1, "lines: 0 is outside"),
        (("--faults", "/nowhere/faults.toml"), 1, "/nowhere/faults.toml"),
        (("--tcp", "port"), 2, "--tcp"),
    ],
)
async def test_the_program_says_in_one_line_what_is_wrong(
    arguments: tuple[str, ...], status: int, reason: str
) -> None:
    emulator = await program(*arguments)
    async with asyncio.timeout(30):
        _out, errors = await emulator.communicate()
    assert emulator.returncode == status
    assert reason in errors.decode().splitlines()[-1]


@pytest.mark.parametrize(
    "wrong",
    [
        *({"lines": 0}, {"lines": 1000}, {"submit_s": -1}, {"cmms_saving": 1.5}, {"baudrate": 9}),
        *({"sim_slots": 0}, {"me_slots": 256}, {"ack_timeout_s": 0}, {"retry_s": 0}),
    ],
)
def test_a_setting_out_of_range_is_refused_by_its_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        NetworkSettings(**wrong)  # type: ignore[arg-type]


def test_more_addresses_than_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot serve"):
        EmulateSettings(NetworkSettings(lines=1), tcp_ports=(0, 0))
    with pytest.raises(ValueError, match="tcp port"):
        EmulateSettings(NetworkSettings(lines=1), tcp_ports=(70_000,))
