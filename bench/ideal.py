"""Owns the ideal sender: a bare asyncio loop of +CMGS and PDU, with nothing between but what the modem is owed.

Keeps nothing and checks nothing; no program that keeps its word can be faster on the same line. It reads and erases
the slots of reports as the gateway does (AT+CMGR, AT+CMGD), or sends AT+CNMA, by what ``--acknowledge`` says.
Source: 27.005 §3.4, §3.5.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections import deque
from typing import cast
from urllib.parse import urlsplit

_STORED = re.compile(rb'\r\n\+CDSI: "\w+",(\d+)\r\n')
_DIRECT = re.compile(rb"\r\n\+CDS: \d+\r\n[0-9A-F]+\r\n")
_END = re.compile(rb"\r\n(OK|ERROR|\+CM[SE] ERROR: \d+)\r\n")
STAGGER_S = 0.019
"""Between the first texts of two lines: sixteen that begin together stay together, and wait for one emulator."""
_PROMPT = re.compile(rb"\r\n> $")


class IdealLine(asyncio.Protocol):
    """One modem."""

    def __init__(self) -> None:
        self._heard = b""
        self._wanted = _END
        self._answer: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self._slots: deque[bytes] = deque()
        self._unacknowledged = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._heard = _STORED.sub(self._stored, self._heard + data)
        self._heard = _DIRECT.sub(self._direct, self._heard)
        answer = self._answer
        if answer is not None and not answer.done() and self._wanted.search(self._heard):
            answer.set_result(self._heard)
            self._heard = b""

    def _stored(self, found: re.Match[bytes]) -> bytes:
        self._slots.append(found[1])
        return b""

    def _direct(self, _found: re.Match[bytes]) -> bytes:
        self._unacknowledged += 1
        return b""

    async def _say(self, octets: bytes, wanted: re.Pattern[bytes] = _END) -> bytes:
        self._wanted = wanted
        self._answer = asyncio.get_running_loop().create_future()
        assert self._transport is not None
        self._transport.write(octets)
        return await self._answer

    async def open(self, *, by_cnma: bool) -> None:
        """Set the modem up."""
        indications = b"AT+CNMI=2,1,0,1,0\r" if by_cnma else b"AT+CNMI=2,1,0,2,0\r"
        service = b"AT+CSMS=1\r" if by_cnma else b"AT+CSMS=0\r"
        for command in (b"ATE0\r", b"AT+CMGF=0\r", service, indications, b"AT+CMMS=2\r"):
            await self._say(command)

    async def send(self, pdus: list[tuple[bytes, bytes]], after_s: float) -> None:
        """Send (command, PDU) pairs back to back, owing the modem nothing before each."""
        await asyncio.sleep(after_s)
        for command, pdu in pdus:
            await self._settle()
            await self._say(command, _PROMPT)
            answer = await self._say(pdu)
            if b"+CMGS:" not in answer:
                raise RuntimeError(f"the modem answered {answer!r}")

    async def settle_for(self, seconds: float) -> None:
        """Take the reports that still come."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + seconds
        while loop.time() < end_s:
            await self._settle()
            await asyncio.sleep(0.02)

    async def _settle(self) -> None:
        while self._unacknowledged:
            self._unacknowledged -= 1
            await self._say(b"AT+CNMA\r")
        while self._slots:
            slot = self._slots.popleft()
            await self._say(b"AT+CMGR=" + slot + b"\r")
            await self._say(b"AT+CMGD=" + slot + b"\r")


async def run(addresses: list[str], *, by_cnma: bool) -> None:
    """Serve a parent: a list of TPDUs in hex on a line of standard input is sent on every modem."""
    loop = asyncio.get_running_loop()
    lines: list[IdealLine] = []
    for address in addresses:
        parts = urlsplit(address)
        _, line = await loop.create_connection(IdealLine, parts.hostname or "", parts.port or 0)
        await line.open(by_cnma=by_cnma)
        lines.append(line)
    print(json.dumps("ready"), flush=True)
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while command := await reader.readline():
        tpdus = [bytes.fromhex(tpdu) for tpdu in json.loads(command)]
        pdus = [(b"AT+CMGS=%d\r" % len(t), b"00" + t.hex().upper().encode() + b"\x1a") for t in tpdus]
        await asyncio.gather(*(line.send(pdus, i * STAGGER_S) for i, line in enumerate(lines)))
        print(json.dumps("sent"), flush=True)
        await asyncio.gather(*(line.settle_for(0.6) for line in lines))
        print(json.dumps("settled"), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("addresses", nargs="+")
    parser.add_argument("--acknowledge", choices=("slots", "cnma"), default="slots")
    given = parser.parse_args()
    asyncio.run(run(given.addresses, by_cnma=given.acknowledge == "cnma"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
