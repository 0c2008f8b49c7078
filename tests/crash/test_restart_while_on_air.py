"""Proves that a modem that is still busy with the last run's text is understood by the next run.

The answer to that text, or to a command of the run that died, comes when the next run has already asked something else.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.harness.air import Air
from tests.harness.gateway_process import GatewayProcess, until
from tests.harness.zygote import Zygote

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]

LINES = 24
"""Each modem finishes the old text at another moment of the new start."""
STEP_S = 0.03
DUE_IN_S = 5
"""All are posted by then, so that they go on air at once."""


async def test_an_old_answer_that_comes_late_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    zygote = Zygote()
    air = Air(lines=LINES, report_delay_s=2.0)
    for line in range(1, LINES + 1):
        air.slow_down(line, STEP_S * (line + 1))
    await air.start()
    ports = "".join(f'[[modem]]\nport = "{port}"\n' for port in air.ports.values())
    config = (
        "[server]\nport = 0\n[serial]\ndiscover = false\n[lines]\nper_minute = 0\nper_day = 0\n"
        f'[policy]\nhome_countries = ["GB"]\n{ports}'
    )
    server = GatewayProcess(tmp_path, config, zygote=zygote)
    try:
        await server.start()
        lines = {line["id"] for line in await server.lines_up(LINES)}
        due = datetime.now(UTC) + timedelta(seconds=DUE_IN_S)
        sent = [
            await server.send(f"+4477009{n:05d}", f"text {n}", line=line_id, send_at=due.isoformat())
            for n, line_id in enumerate(sorted(lines))
        ]
        await until(
            lambda: all(m.sending.busy for m in air.network.modems[-12:]),
            "the slower half is on air",
            poll_s=0.001,
        )
        await server.kill()
        await server.start()
        await server.lines_up(LINES)
        known = (await server.get("/api/v1/lines"))["items"]
        assert {line["id"] for line in known} == lines, "a SIM was taken for another one"
        devices = (await server.get("/api/v1/devices"))["items"]
        assert len(devices) == LINES, [device["id"] for device in devices]
        for message_id in sent:
            await server.reaches(message_id, "delivered")
        assert len(air.texts) == LINES
    finally:
        await server.close()
        await air.close()
        zygote.stop()
