"""Owns phones beside a real server: paired over its API, on a cable or on the LAN, in this process or one of their own.

Refuses to look inside the gateway: where its listener for cables is, it says itself in ``server.json``.
Source: docs/link.md.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness.gateway_process import ROOT, GatewayProcess, until
from tests.harness.receiver import SECRET, WebhookReceiver
from tests.harness.zygote import Zygote
from tests.peers.companion_peer import CompanionPeer
from tests.peers.companion_radio import RadioSettings, read_air
from tests.peers.companion_settings import Pace, PhoneSettings, Sim

LINK = "/device/v1/link"
QUICK = Pace(rounds_s=(0.02, 0.05, 0.1), refused_s=1.0)
"""Dials again at once: what a phone waits for between rounds is its own affair."""
ICCIDS = ("8944100000000000017", "8944100000000000025", "8944100000000000033")


def two_sims() -> tuple[Sim, ...]:
    return (
        Sim(3, 0, ICCIDS[0], "+447700900001", "Office"),
        Sim(5, 1, ICCIDS[1], "+447700900002", "Spare", signal_dbm=-97),
    )


def phone(folder: Path, **settings: Any) -> CompanionPeer:
    """Make a phone that dials quickly."""
    return CompanionPeer(folder, PhoneSettings(**{"pace": QUICK, **settings}))


def usb_url(server: GatewayProcess) -> str:
    """Give the address at which a phone on a cable meets the gateway, as ``adb reverse`` would lead it."""
    told = json.loads((server.data_dir / "server.json").read_text())
    return f"ws://127.0.0.1:{told['link_port']}{LINK}"


async def offer(server: GatewayProcess) -> dict[str, Any]:
    """Ask for a pairing."""
    answer = await server.call("POST", "/api/v1/devices/pair", {})
    assert answer.status == 201, f"{answer.status} {answer.json}"
    return dict(answer.json)


async def pair_by_cable(server: GatewayProcess, one: CompanionPeer) -> str:
    """Pair a phone over its cable and leave the cable in; returns the cable's address."""
    url = usb_url(server)
    await one.pair(url, (await offer(server))["code"])
    one.plug(url)
    return url


# ------------------------------------------------------------------ in a process of their own


class PhoneProcess:
    """Phones in one process; start it again on the same folder after it was killed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def start(self, *more: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.peers.companion_main", "--dir", str(self.folder)]
        with (self.folder / "err").open("ab") as stderr:
            self._process = await asyncio.create_subprocess_exec(
                *command, *self._options, *more, stdout=asyncio.subprocess.PIPE, stderr=stderr, cwd=ROOT
            )
        assert self._process.stdout is not None
        said = await self._process.stdout.readline()
        assert said, (self.folder / "err").read_text()[-3000:]
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", json.loads(said)["port"])

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def ask(self, do: str, phone: int = 0, **order: Any) -> dict[str, Any]:
        """Give an order; raises ConnectionError when the process is gone."""
        async with self._turn:
            self._writer.write((json.dumps({"do": do, "phone": phone, **order}) + "\n").encode())
            line = await self._reader.readline()
        if not line:
            raise ConnectionError("the phones are gone")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def ended(self, limit_s: float = 30.0) -> int:
        """Wait until the process has ended; returns its status, negative for a signal."""
        assert self._process is not None
        async with asyncio.timeout(limit_s):
            status = await self._process.wait()
        self._writer.transport.abort()
        return status

    async def kill(self) -> None:
        if self.alive:
            assert self._process is not None
            self._process.kill()
            await self.ended()

    def air(self, phone: int = 0) -> list[dict[str, Any]]:
        """Read what a phone put on air."""
        return read_air(self.folder / f"phone-{phone}" / "air.jsonl")


# ------------------------------------------------------------------ a server with phones beside it


PORTS = range(20_000, 32_000)
"""Below those that the kernel gives to outgoing connections: nobody takes one between the look and its use."""


def free_port() -> int:
    """Find a TCP port that stays the same over restarts of a server."""
    while True:
        port = secrets.choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def config(port: int, *more: str) -> str:
    """Write a configuration without pace, sticks and adb, whose listener for the LAN is on loopback."""
    quiet = "[server]\nport = 0\n[serial]\ndiscover = false\n[sandbox]\nlines = 0\n[adb]\nenabled = false\n"
    quiet += "[lines]\nper_minute = 0\nper_day = 0\n"
    return f'{quiet}[link]\nhost = "127.0.0.1"\nport = {port}\n' + "".join(more)


@dataclass
class PhoneWorld:
    """A real server, the webhook receiver that it tells, and phones that dial it."""

    folder: Path
    server: GatewayProcess
    receiver: WebhookReceiver
    phones: list[CompanionPeer] = field(default_factory=list)

    def make(self, name: str = "phone", **settings: Any) -> CompanionPeer:
        """Make a phone that nobody has paired."""
        roomy = RadioSettings(limit_parts=10_000)
        one = phone(self.folder / name, **{"sims": two_sims(), "radio": roomy, **settings})
        self.phones.append(one)
        return one

    async def join(self, name: str = "phone", *, way: str = "usb", **settings: Any) -> CompanionPeer:
        """Pair a phone and wait until its lines are up."""
        one = self.make(name, **settings)
        if way == "usb":
            await pair_by_cable(self.server, one)
        else:
            offered = await offer(self.server)
            await one.pair(f"wss://{offered['host']}{LINK}", offered["code"], offered["pin"])
        before = await self.lines()
        await one.start()
        await self.server.lines_up(len(one.sims) + sum(line["state"] == "up" for line in before.values()))
        return one

    async def lines(self) -> dict[str, dict[str, Any]]:
        """Give the lines by the ICCID of their SIM, or by id where the phone hides it."""
        items = (await self.server.get("/api/v1/lines"))["items"]
        return {line["iccid"] or line["id"]: line for line in items}

    async def line_is(self, iccid: str, state: str, reason: str | None = None) -> dict[str, Any]:
        """Wait until a line is in a state, and for this reason; returns it."""
        found: dict[str, Any] = {}

        async def there() -> bool:
            found.update((await self.lines()).get(iccid, {"state": None, "reason": None}))
            return found["state"] == state and (found["reason"] or {}).get("code") == reason

        try:
            await until(there, f"line {iccid} is {state} ({reason})", poll_s=0.03)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {found}") from None
        return found

    async def device(self, one: CompanionPeer) -> dict[str, Any]:
        """Give what the API says of a phone."""
        items = (await self.server.get("/api/v1/devices"))["items"]
        return dict(next(item for item in items if item["id"] == one.install))


@asynccontextmanager
async def phone_world(folder: Path, zygote: Zygote | None, *more: str) -> AsyncIterator[PhoneWorld]:
    """Run a server with a webhook receiver; phones that join are stopped with it."""
    receiver = WebhookReceiver()
    await receiver.up()
    hook = f'[[webhook]]\nurl = "{receiver.url}"\nsecret = "{SECRET}"\nevents = ["*"]\n'
    server = GatewayProcess(folder / "gateway", config(free_port(), *more, hook), zygote=zygote)
    world = PhoneWorld(folder, server, receiver)
    try:
        await server.start()
        yield world
    finally:
        for one in world.phones:
            await one.stop()
        await server.close()
        await receiver.down()
