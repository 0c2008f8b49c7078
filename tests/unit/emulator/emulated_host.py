"""Owns the host's side of an AT port for these tests, and the ports behind it: strings out and in, every wait bounded.

Knows nothing of the driver and the codec; PDUs are written here digit by digit.
Source: 3GPP TS 27.005 §3–4, 23.040 §9.2.2.2.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from device_bridge.emulator import EmulatedNetwork

FINAL = re.compile(r"\r\n(OK|ERROR|\+CM[ES] ERROR: [^\r]*)\r\n")
WAIT_S = 5.0
NOW_MS = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC
SCTS = "32114122310200"
HI = "02E834"  # TP-UDL and user data of "hi"


def swapped(digits: str) -> str:
    padded = digits + "F" * (len(digits) % 2)
    return "".join(padded[i + 1] + padded[i] for i in range(0, len(padded), 2))


def address(number: str) -> str:
    digits = number.removeprefix("+")
    return f"{len(digits):02X}{'91' if number.startswith('+') else '81'}{swapped(digits)}"


def submit_pdu(
    to: str, user_data: str = HI, *, flags: int = 0x21, mr: int = 0, dcs: int = 0, vp: str = ""
) -> str:
    """A SUBMIT in hexadecimal; ``user_data`` begins with TP-UDL. 0x21 = SUBMIT with a report wanted."""
    return f"{flags:02X}{mr:02X}{address(to)}00{dcs:02X}{vp}{user_data}"


async def eventually(true: Callable[[], bool]) -> None:
    """Let the loop turn until it is true, at most WAIT_S; nothing is said on the wire to wait for."""
    async with asyncio.timeout(WAIT_S):
        while not true():  # noqa: ASYNC110 - the emulator has no event for its tests, and needs none
            await asyncio.sleep(0)


class Host:
    """One open port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.heard = ""
        self.ended = False

    @classmethod
    async def open(cls, port: int) -> Host:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def greet(self) -> None:
        """Switch echo off."""
        assert await self.command("ATE0") in {"OK", "ATE0 OK"}

    def send(self, text: str) -> None:
        self._writer.write(text.encode("latin-1"))

    async def until(self, wanted: str, wait_s: float = WAIT_S) -> str:
        """Return what is heard up to and with the first match of a pattern."""
        async with asyncio.timeout(wait_s):
            while not (match := re.search(wanted, self.heard)):
                chunk = await self._reader.read(4096)
                if not chunk:
                    self.ended = True
                    raise EOFError(self.heard)
                self.heard += chunk.decode("latin-1")
        found, self.heard = self.heard[: match.end()], self.heard[match.end() :]
        return found

    async def command(self, line: str) -> str:
        """Return information and final result in one line, parted by blanks."""
        self.send(line + "\r")
        return " ".join((await self.until(FINAL.pattern)).split())

    async def submit(self, tpdu: str, length: int | None = None) -> str:
        """Return the answer to a PDU without a service centre address."""
        self.send(f"AT+CMGS={len(tpdu) // 2 if length is None else length}\r")
        await self.until("> ")
        return await self.pdu(tpdu)

    async def pdu(self, tpdu: str) -> str:
        self.send(f"00{tpdu}\x1a")
        return " ".join((await self.until(FINAL.pattern)).split())

    async def line(self, wanted: str) -> str:
        """Return the first unsolicited line that matches, without its line end."""
        return (await self.until(wanted + "[^\r]*\r\n")).split("\r\n")[-2]

    async def direct(self, head: str) -> str:
        """Return the TPDU of a +CDS or +CMT, its service centre address taken off and its length checked."""
        found = await self.until(re.escape(head) + r" ?,?(\d+)\r\n[0-9A-F]+\r\n")
        length, pdu = found.replace(",", " ").split()[-2:]
        tpdu = pdu[2 + 2 * int(pdu[:2], 16) :]
        assert len(tpdu) == 2 * int(length)
        return tpdu

    async def nothing_follows(self) -> None:
        """Prove silence: the answer to AT is all that comes."""
        assert await self.command("AT") == "OK"
        assert self.heard == ""

    async def nothing_on_the_wire(self) -> None:
        """Let the loop turn once, and prove that nothing was said in it."""
        await asyncio.sleep(0)
        assert self.heard == ""

    async def gone(self) -> None:
        """Wait until the other end hangs up."""
        async with asyncio.timeout(WAIT_S):
            try:
                while chunk := await self._reader.read(4096):
                    self.heard += chunk.decode("latin-1")
            except ConnectionError:
                pass
        self.ended = True

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


@dataclass
class Box:
    """A network, its ports and a clock that the test moves."""

    network: EmulatedNetwork
    clock: list[int]
    ports: dict[int, int] = field(default_factory=dict)
    hosts: list[Host] = field(default_factory=list)

    async def host(self, line: int = 1, *, greet: bool = True) -> Host:
        if line not in self.ports:
            self.ports[line] = await self.network.start_tcp(line)
        host = await Host.open(self.ports[line])
        self.hosts.append(host)
        if greet:
            await host.greet()
        return host

    def number(self, line: int) -> str:
        return self.network.modem(line).sim.identity.number


MakeBox = Callable[..., Awaitable[Box]]
