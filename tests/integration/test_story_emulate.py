"""Tells the story with every piece a command of its own: gateway emulate, gateway serve, gateway send."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.harness.gateway_process import ROOT, until
from tests.integration.whole import QUIET, MakeGateway, modems

PIPE = asyncio.subprocess.PIPE
STARTED_S = 20.0


@asynccontextmanager
async def emulating(*options: str) -> AsyncIterator[list[str]]:
    """Run ``gateway emulate``; gives the addresses of its modems in their order."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "emulate", *options, stdout=PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        addresses: list[str] = []
        async with asyncio.timeout(STARTED_S):
            while (line := (await process.stdout.readline()).decode().split()) != ["ready"]:
                assert line, "gateway emulate has ended"
                addresses.append(line[1])
        yield addresses
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STARTED_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def log_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_emulated_modems_of_another_process_on_tcp_and_pty_carry_real_messages(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    pty, log = tmp_path / "modem", tmp_path / "air.jsonl"
    options = ["--lines", "2", "--tcp", "0", "--pty", str(pty), "--log", str(log)]
    async with emulating(*options, "--submit-s", "0.05", "--report-delay-s", "0.1") as addresses:
        assert addresses[1] == str(pty)
        server = await make_gateway(QUIET + modems(*addresses), lines_up=2)
        lines = {line["iccid"]: line["id"] for line in await server.lines_up(2)}
        sent = [
            await server.send(f"+44770090010{n}", f"text {n}", line=line_id)
            for n, line_id in enumerate([*lines.values()] * 3)
        ]
        for message_id in sent:
            await server.reaches(message_id, "delivered")
        on_air = log_of(log)
        assert sorted(entry["destination"] for entry in on_air) == [f"+44770090010{n}" for n in range(6)]
        assert {entry["line"] for entry in on_air} == {1, 2}
        shown = {p["tpdu"] for each in sent for p in (await server.message(each))["parts_detail"]}
        # The SIM puts its own TP-MR in the second octet; the rest is what the gateway shows.
        assert {entry["tpdu"][4:] for entry in on_air} == {tpdu[4:] for tpdu in shown}
        assert await server.stop() == 0


async def test_the_command_line_sends_and_waits_until_it_is_delivered(make_gateway: MakeGateway) -> None:
    server = await make_gateway(simulate=2, lines_up=2)
    command = [sys.executable, "-m", "gateway", "send", "+99900000001", "Hello", "--wait"]
    command += ["--data-dir", str(server.data_dir)]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, cwd=ROOT)
    async with asyncio.timeout(STARTED_S):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert "delivered" in out.decode()
    failing = await asyncio.create_subprocess_exec(
        *[word if word != "+99900000001" else "+99900000003" for word in command],
        stdout=PIPE,
        stderr=PIPE,
        cwd=ROOT,
    )
    async with asyncio.timeout(STARTED_S):
        out, err = await failing.communicate()
    assert failing.returncode == 1, out.decode()
    assert err.decode().strip()


async def test_a_modem_that_appears_after_the_start_is_taken_up_and_one_that_goes_comes_back(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    pty = tmp_path / "late"
    server = await make_gateway(QUIET + modems(str(pty)))
    await until(
        lambda: any(x["event"] == "device.not_ready" for x in server.log()), "it says what is missing"
    )
    complaint = next(x for x in server.log() if x["event"] == "device.not_ready")
    assert complaint["hint"]
    quick = ["--submit-s", "0.05", "--report-delay-s", "0.1"]
    async with emulating("--lines", "1", "--pty", str(pty), *quick):
        await server.lines_up(1, limit_s=20)
        await server.reaches(await server.send("+447700900123", "found"), "delivered")

    async def down() -> bool:
        return [line["state"] for line in (await server.get("/api/v1/lines"))["items"]] == ["down"]

    await until(down, "the line is down")
    waits = await server.send("+447700900123", "waits for the modem")
    async with emulating("--lines", "1", "--pty", str(pty), *quick):
        assert (await server.reaches(waits, "delivered", limit_s=30))["attempts"] == 1
    assert len([x for x in server.log() if x["event"] == "device.lost"]) >= 1
