"""Owns companions of the tests in a process of their own, which can be killed.

Refuses to decide anything: each line of JSON on its control port is one order to one phone, and is answered by one.
Source: docs/link.md, by way of the peer.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.peers.companion_pdus import deliver, status_report
from tests.peers.companion_peer import CompanionPeer
from tests.peers.companion_radio import Fate, RadioSettings
from tests.peers.companion_settings import Pace, PairingRefusedError, PhoneSettings, Sim, now_ms

PR_SET_PDEATHSIG = 1
"""prctl(2)."""


class Killing:
    """Ends the process with SIGKILL at the ``count``-th passage of a point."""

    def __init__(self) -> None:
        self._passed: Counter[str] = Counter()
        self._wanted: tuple[str, int] | None = None

    def want(self, point: str, count: int) -> None:
        self._wanted = (point, self._passed[point] + count)

    def passed(self, point: str) -> None:
        self._passed[point] += 1
        if self._wanted is not None and point == self._wanted[0] and self._passed[point] >= self._wanted[1]:
            os.kill(os.getpid(), signal.SIGKILL)


class Control:
    """Carries out orders."""

    def __init__(self, phones: list[CompanionPeer]) -> None:
        self._phones = phones
        self._killing = Killing()
        for phone in phones:
            phone.faults.at_point = self._killing.passed

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            order = json.loads(line)
            phone = self._phones[order.pop("phone", 0)]
            try:
                answer = await self._obey(phone, order)
            except PairingRefusedError as error:
                answer = {"refused": error.code, "status": error.status, "hint": error.hint}
            writer.write((json.dumps(answer) + "\n").encode())
            await writer.drain()
        writer.close()

    async def _obey(self, phone: CompanionPeer, order: dict[str, Any]) -> dict[str, Any]:
        match order.pop("do"):
            case "pair":
                await phone.pair(order["url"], order["code"], order.get("pin"))
            case "plug":
                phone.plug(order["url"])
            case "pull":
                phone.pull()
            case "receive":
                phone.receive(order["sub"], order["from"], order["text"])
            case "fate":
                phone.radio.fates[order["to"]] = Fate.of(order["fate"])
            case "die":
                self._killing.want(order["point"], order["count"])
            case "gather":
                _gather(phone, order["inbound"], order["reports"])
            case "drained":
                await phone.until(lambda: not phone.journal.left(), order["limit_s"])
            case "handed":
                return {"handed": _handed(phone)}
        way = phone.active.way if phone.active else None
        return {"install": phone.install, "way": way, "left": phone.journal.left(), "at_ms": now_ms()}


def _handed(phone: CompanionPeer) -> dict[str, int]:
    """Give by recipient when the platform was called."""
    lines = (json.loads(line) for line in phone.ledger.read_text().splitlines())
    return {line["to"]: line["at_ms"] for line in lines if line["line"] == "handed"}


def _gather(phone: CompanionPeer, inbound: int, reports: int) -> None:
    """Fill the journal as an hour without a link does: texts to us, and reports of parts that are on air."""
    bodies: list[dict[str, Any]] = []
    for number in range(inbound):
        pdus = deliver(f"+4477008{number:05d}", f"gathered {number:05d}", now_ms())
        bodies.append({"kind": "inbound", "sub": 1, "pdus": pdus, "format": "3gpp", "at_ms": now_ms()})
    for air in phone.radio.aired[-reports:] if reports else ():
        pdu = status_report(air["to"], air["mr"], (air["at_ms"], now_ms()))
        body = {"kind": "report", "job": air["job"], "part": air["part"], "pdu": pdu, "format": "3gpp"}
        bodies.insert(len(bodies) // 2, {**body, "at_ms": now_ms()})
    phone.journal.add_all(bodies)


def _settings(given: argparse.Namespace, number: int) -> PhoneSettings:
    sims = tuple(
        Sim(sub, sub - 1, f"89441{number:06d}{sub:08d}", f"+44770{number:03d}{sub:04d}", f"SIM {sub}")
        for sub in range(1, given.sims + 1)
    )
    radio = RadioSettings(given.submit_s, given.report_s, given.limit_parts)
    return PhoneSettings(
        sims=sims, radio=radio, pace=Pace((0.02, 0.05, 0.1), 1.0), forgets=given.forgets, model=f"P{number}"
    )


async def run(given: argparse.Namespace) -> None:
    """Serve until the process is killed."""
    phones = [CompanionPeer(given.dir / f"phone-{n}", _settings(given, n)) for n in range(given.phones)]
    control = Control(phones)
    server = await asyncio.start_server(control.serve, "127.0.0.1", given.control, limit=1 << 20)
    for phone in phones:
        phone.usb = given.usb
        await phone.start()
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    async with server:
        await server.serve_forever()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--control", type=int, default=0, help="loopback port, 0 = a free one")
    parser.add_argument("--phones", type=int, default=1)
    parser.add_argument("--sims", type=int, default=2)
    parser.add_argument("--submit-s", type=float, default=0.02)
    parser.add_argument("--report-s", type=float, default=0.02)
    parser.add_argument("--limit-parts", type=int, default=30)
    parser.add_argument("--usb", help="address that every phone dials over its cable")
    parser.add_argument(
        "--forgets", action="store_true", help="telephony died too: no intents of earlier calls"
    )
    # Linux: the phones do not outlive tests that were interrupted.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    asyncio.run(run(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
