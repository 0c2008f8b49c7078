"""One scenario over hostile links: open, two parts, a report and a text, each erased after its acknowledgement."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_bridge.device import InboundReceived, PartSent, ReportReceived
from device_bridge.modem import GsmModem, ModemSettings
from tests.peers.modem_driving import QUICK, Driven, attempt, driven, outcomes
from tests.peers.modem_peer import (
    DELIVER,
    DELIVER_LENGTH,
    REPORT,
    REPORT_LENGTH,
    Behaviour,
    Cut,
    ModemPeer,
    PtyPeer,
)

NOISES = {
    "registration": "+CREG: 1",
    "registration with cell": '+CGREG: 1,"00C3","1A2B",7',
    "signal": "^RSSI: 21",
    "boot counter": "^BOOT:25302,0,0,0,78",
    "ring": "RING",
    "unknown": '+ZPASR: "UMTS"',
    "report": f"+CDS: {REPORT_LENGTH}\r\n{REPORT[:-2]}30",
    "text": f"+CMT: ,{DELIVER_LENGTH}\r\n{DELIVER[:-2]}31",
}


async def scenario(one: Driven) -> None:
    """Raise unless everything arrives exactly once and nothing is erased early."""
    peer = one.peer
    verdicts = await outcomes(one.line, attempt(parts=2))
    assert [verdict.mr for verdict in verdicts if isinstance(verdict, PartSent)] == [1, 2]
    assert [pdu[-2:] for pdu in peer.on_air] == ["01", "02"]
    peer.stores["SM"][1] = (0, REPORT, REPORT_LENGTH)
    peer.say('+CDSI: "SM",1')
    peer.stores["SM"][2] = (0, DELIVER, DELIVER_LENGTH)
    peer.say('+CMTI: "SM",2')
    report = await one.event(ReportReceived, lambda event: event.tpdu == bytes.fromhex(REPORT[16:]))
    text = await one.event(InboundReceived, lambda event: event.tpdu == bytes.fromhex(DELIVER[16:]))
    assert len(peer.stores["SM"]) == 2
    for event in (report, text):
        await one.modem.acknowledge(event.event_id)
    await peer.until(lambda: not peer.stores["SM"])
    octets = [event.tpdu for event in one.events if isinstance(event, ReportReceived | InboundReceived)]
    assert len(octets) == len(set(octets))


@pytest.mark.parametrize("echo", [True, False])
async def test_whole_lines(*, echo: bool) -> None:
    answers: dict[str, str | list[str] | None] = {"ATE0": "ERROR"} if echo else {}
    async with driven(Behaviour(echo=echo, answers=answers)) as one:
        await scenario(one)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_few_bytes_at_a_time(size: int) -> None:
    async with driven(Behaviour(cut=Cut(size=size))) as one:
        await scenario(one)


async def test_every_answer_cut_in_two_at_every_index() -> None:
    for at in range(1, 60):
        async with driven(Behaviour(cut=Cut(at=at), echo=False)) as one:
            await scenario(one)


@pytest.mark.parametrize("noise", NOISES)
async def test_an_unsolicited_line_between_all_lines(noise: str) -> None:
    async with driven(Behaviour(noise=NOISES[noise])) as one:
        await scenario(one)


@pytest.mark.parametrize("noise", ["registration", "signal", "report", "text"])
async def test_an_unsolicited_line_between_any_two_lines(noise: str) -> None:
    gaps = 1
    at = 1
    while at <= gaps:
        async with driven(Behaviour(noise=NOISES[noise], noise_at=at)) as one:
            await scenario(one)
            gaps = one.peer.gaps
        at += 1
    assert gaps > 60  # every line of every answer and every announcement was preceded by it once


@pytest.mark.parametrize("size", [None, 1, 5])
async def test_a_real_pseudo_terminal(tmp_path: Path, size: int | None) -> None:
    peer = ModemPeer(Behaviour(cut=Cut(size=size)))
    async with PtyPeer(peer, str(tmp_path / "modem")) as link:
        one = Driven(GsmModem(ModemSettings(link.port, timers=QUICK)), peer)
        await one.open()
        await scenario(one)
        await one.close()
