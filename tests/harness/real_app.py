"""Owns the real app as a process: its own classes under Robolectric, killed and started again on the same files.

Refuses to know the app's inside: it gives the orders that a phone's platform would give, and reads what went on air.
Source: android_companion/README.md, *The phone process*; nothing of it runs on ART.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness.gateway_process import ROOT, GatewayProcess, until
from tests.harness.phones import offer, usb_url
from tests.peers.companion_pdus import FIRST_OF_REPORT, deliver, service_centre, timestamp

COMPANION = ROOT / "android_companion"
START_S = 90.0
"""Robolectric instruments the framework as it loads it: 10 s alone, several times that on a busy machine."""
SUBS = (3, 5)


def built() -> Path:
    """Find the classes that `make companion-built` left; without them the test fails in CI and is skipped elsewhere."""
    target = Path(os.environ.get("COMPANION_TARGET", str(COMPANION / "target")))
    if not (target / "test-classpath.txt").exists():
        missing = "the app is not built: make companion-built (needs JDK 17 and Maven)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return target


class RealApp:
    """One phone. Start it again on the same folder after it was killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ready: dict[str, Any] = {}
        self._target = built()
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Start the app and wait until it takes orders."""
        self.folder.mkdir(parents=True, exist_ok=True)
        came: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        server = await asyncio.start_server(
            lambda reader, writer: came.put_nowait((reader, writer)), "127.0.0.1", 0
        )
        port = server.sockets[0].getsockname()[1]
        script = str(COMPANION / "tools" / "phone-process.sh")
        with (self.folder / "out").open("ab") as said:
            self._process = await asyncio.create_subprocess_exec(
                "sh",
                script,
                str(self.folder),
                str(port),
                stdout=said,
                stderr=said,
                env={**os.environ, "COMPANION_TARGET": str(self._target)},
            )
        try:
            async with asyncio.timeout(START_S):
                self._reader, self._writer = await came.get()
                self.ready = json.loads(await self._reader.readline())
        except TimeoutError:
            said_last = (self.folder / "out").read_text(errors="replace")[-3000:]
            raise AssertionError(f"the app did not start:\n{said_last}") from None
        finally:
            server.close()

    async def ask(self, do: str, **order: Any) -> dict[str, Any]:
        """Give an order; raises ConnectionError when the app is gone."""
        async with self._turn:
            self._writer.write((json.dumps({"do": do, **order}) + "\n").encode())
            line = await self._reader.readline()
        if not line:
            raise ConnectionError("the app is gone")
        answer: dict[str, Any] = json.loads(line)
        assert "error" not in answer, answer
        return answer

    async def pair(self, server: GatewayProcess, url: str = "") -> None:
        """Hand the app a pairing as the cable does, and wait until its SIMs are lines that are up."""
        done = await self.ask("pair", url=url or usb_url(server), code=(await offer(server))["code"])
        assert "paired" in done, done
        await server.lines_up(len(SUBS))

    async def kill(self) -> None:
        """SIGKILL, as Android ends processes."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()
            self._writer.transport.abort()

    def air(self) -> list[dict[str, Any]]:
        """Every part that SmsManager was given, in order, over all runs."""
        ledger = self.folder / "air.log"
        lines = ledger.read_text().splitlines() if ledger.exists() else []
        return [json.loads(line) for line in lines]

    async def on_air(self, to: str, parts: int = 1) -> list[dict[str, Any]]:
        """Wait until the parts for a number are with SmsManager; returns them."""

        def there() -> list[dict[str, Any]]:
            return [line for line in self.air() if line["to"] == to]

        await until(lambda: len(there()) >= parts, f"{parts} parts for {to}", poll_s=0.02)
        return there()

    async def is_connected(self, way: str) -> None:
        """Wait until the app is connected this way ("usb" or "lan")."""

        async def there() -> bool:
            return (await self.ask("state")).get("way") == way

        await until(there, f"connected over {way}", 30, 0.02)

    async def keeps(self, count: int) -> None:
        """Wait until the journal keeps so many events that the gateway has not committed."""

        async def there() -> bool:
            return bool((await self.ask("state"))["waiting"] == count)

        await until(there, f"{count} events in the journal", 30, 0.02)

    # ------------------------------------------------------------------ what the platform says

    async def sent(self, part: dict[str, Any], result: int = -1, error: int | None = None) -> None:
        await self.ask("sent", job=part["job"], part=part["part"], result=result, error=error)

    async def delivered(self, part: dict[str, Any], at_ms: int, st: int = 0) -> None:
        pdu = report_template(at_ms, st).replace("{to}", _ra(part["to"]))
        await self.ask("delivered", job=part["job"], part=part["part"], pdu=pdu)

    async def receive(self, sub: int, sender: str, text: str, at_ms: int, reference: int = 0) -> None:
        await self.ask("inbound", sub=sub, pdus=deliver(sender, text, at_ms, reference))


def report_template(at_ms: int, st: int = 0) -> str:
    """Write a STATUS-REPORT with ``{to}`` where the app puts the recipient."""
    head = (service_centre() + bytes((FIRST_OF_REPORT, 7))).hex()
    return head + "{to}" + (timestamp(at_ms) + timestamp(at_ms + 2000) + bytes((st,))).hex()


def _ra(number: str) -> str:
    digits = number.removeprefix("+")
    padded = digits + "f" * (len(digits) % 2)
    swapped = "".join(padded[i + 1] + padded[i] for i in range(0, len(padded), 2))
    return f"{len(digits):02x}91{swapped}"


@asynccontextmanager
async def real_app(folder: Path) -> AsyncIterator[RealApp]:
    """Run one app, ended whatever happens."""
    app = RealApp(folder)
    try:
        await app.start()
        yield app
    finally:
        await app.kill()


class CuttingProxy:
    """Stands between app and gateway on loopback, and cuts a connection after so many pieces of traffic."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._server: asyncio.Server | None = None
        self._flows: set[asyncio.Task[None]] = set()
        self.left: int | None = None
        self.cuts = 0

    async def start(self) -> int:
        """Listen; returns the port."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for flow in self._flows:
            flow.cancel()
        await asyncio.gather(*self._flows, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward = await asyncio.open_connection(*self._to)
        except OSError:
            writer.transport.abort()
            return
        ends = (writer, onward[1])
        for source, sink in ((reader, onward[1]), (onward[0], writer)):
            flow = asyncio.create_task(self._pass(source, sink, ends))
            self._flows.add(flow)
            flow.add_done_callback(self._flows.discard)

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, ends: tuple[asyncio.StreamWriter, ...]
    ) -> None:
        try:
            while piece := await source.read(65536):
                if self.left is not None:
                    self.left -= 1
                    if self.left < 0:
                        self.left = None
                        self.cuts += 1
                        return
                sink.write(piece)
                await sink.drain()
        except OSError:
            return
        finally:
            for end in ends:
                end.transport.abort()
