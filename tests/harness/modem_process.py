"""Owns ``gateway emulate`` in a process of its own: a modem at a pty that is put in and pulled out.

Refuses to look inside: what went on air is read from its log.
Source: the commands of the product.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.gateway_process import ROOT

START_S = 30.0


@dataclass
class ModemProcess:
    """One emulated modem at ``folder/modem``; the same SIM each time it is put in."""

    folder: Path
    _process: asyncio.subprocess.Process | None = None

    @property
    def port(self) -> Path:
        return self.folder / "modem"

    async def put_in(self, *more: str) -> None:
        """Start it, and wait until its port is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "emulate", "--lines", "1", "--pty", str(self.port)),
            *("--log", str(self.folder / "air.jsonl"), "--seed", "7", *more),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(START_S):
            assert await self._process.stdout.readline(), "it has ended"

    async def pull(self) -> None:
        """End it; the port is gone at once."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        self.port.unlink(missing_ok=True)

    def air(self) -> list[dict[str, Any]]:
        """Read what went on air, over all runs."""
        file = self.folder / "air.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
