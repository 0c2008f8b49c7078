"""When an adb server is started: by nobody but a phone that is plugged in, and never a second time in vain at once."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from device_bridge.adb import AdbServer
from gateway.phones.adb_start import server_answers, server_gone
from gateway.phones.usb import UsbPhone
from tests.harness.gateway_process import until

PHONE = UsbPhone("Pixel 4a", "R58N12", debugging=True)
CAMERA = UsbPhone("Camera", None, debugging=False)
SOON_S = 0.01
LONG_S = 10.0


class Program:
    """An adb on PATH that writes down what it is asked for."""

    def __init__(self, folder: Path, exit_code: int) -> None:
        self.said = folder / "said"
        program = folder / "adb"
        program.write_text(f'#!/bin/sh\necho "$@" >> {self.said}\nexit {exit_code}\n')
        program.chmod(0o700)

    @property
    def calls(self) -> list[str]:
        return self.said.read_text().splitlines() if self.said.exists() else []


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one question as a server does: version 41."""
    await reader.readexactly(16)
    writer.write(b"OKAY00040029")
    await writer.drain()
    writer.close()


async def given_up(waiting: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has put its things away."""
    waiting.cancel()
    await asyncio.wait([waiting])


def is_running(pid: str) -> bool:
    return Path(f"/proc/{pid}").exists()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def server() -> AdbServer:
    """A server that may be started and does not answer."""
    return AdbServer("127.0.0.1", free_port(), may_start=True)


async def test_without_a_phone_nothing_is_started(
    server: AdbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Program(tmp_path, 0)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    looks: list[int] = []

    def plugged() -> tuple[UsbPhone, ...]:
        looks.append(1)
        return (CAMERA,)

    waiting = asyncio.create_task(server_answers(server, plugged, SOON_S))
    await until(lambda: len(looks) > 5, "it looked")
    await given_up(waiting)
    assert program.calls == []


async def test_a_server_that_answers_is_left_alone(
    server: AdbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Program(tmp_path, 0)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    async with await asyncio.start_server(answer, "127.0.0.1", server.port), asyncio.timeout(LONG_S):
        await server_answers(server, lambda: (PHONE,), SOON_S)
    assert program.calls == []


async def test_a_phone_that_is_plugged_in_starts_the_server(
    server: AdbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Program(tmp_path, 0)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    waiting = asyncio.create_task(server_answers(server, lambda: (PHONE,), SOON_S))
    await until(lambda: bool(program.calls), "adb was asked")
    assert program.calls[0] == f"-P {server.port} start-server"
    async with await asyncio.start_server(answer, "127.0.0.1", server.port), asyncio.timeout(LONG_S):
        await waiting


async def test_a_server_that_does_not_start_is_tried_again_less_and_less_often(
    server: AdbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Program(tmp_path, 1)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    looks: list[int] = []

    def plugged() -> tuple[UsbPhone, ...]:
        looks.append(1)
        return (PHONE,)

    waiting = asyncio.create_task(server_answers(server, plugged, SOON_S))
    await until(lambda: len(program.calls) == 3, "adb was asked three times")
    await given_up(waiting)
    assert len(looks) >= 3


async def test_a_server_is_gone_only_when_two_looks_find_none(server: AdbServer) -> None:
    listening = await asyncio.start_server(answer, "127.0.0.1", server.port)
    gone = asyncio.create_task(server_gone(server, SOON_S))
    await asyncio.sleep(SOON_S * 5)
    assert not gone.done()
    listening.close()
    await listening.wait_closed()
    async with asyncio.timeout(LONG_S):
        await gone


async def test_a_start_that_is_given_up_leaves_no_program_behind(
    server: AdbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "adb"
    program.write_text(
        f"#!/bin/sh\necho $$ > {tmp_path}/pid.new\nmv {tmp_path}/pid.new {tmp_path}/pid\nexec sleep 60\n"
    )
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    waiting = asyncio.create_task(server_answers(server, lambda: (PHONE,), SOON_S))
    await until((tmp_path / "pid").exists, "adb was started")
    await given_up(waiting)
    assert not is_running((tmp_path / "pid").read_text().strip())
