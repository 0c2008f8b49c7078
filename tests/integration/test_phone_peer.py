"""Proves the second companion by itself, so that what the others say of the gateway can be believed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from device_bridge.sms.tpdu import decode_deliver, decode_status_report
from tests.peers.companion_journal import Journal
from tests.peers.companion_pdus import deliver, status_report
from tests.peers.companion_radio import Fate, Handed, Radio, RadioSettings, read_air
from tests.peers.companion_settings import normalised, now_ms, proof

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "link.json").read_text())
ANN = "+447700900123"


class Telephony:
    """A radio, and the intents that it told."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.told: list[dict[str, Any]] = []
        self.came = asyncio.Event()
        self.refused: int | None = None
        wanted = RadioSettings(**{"submit_s": 0.0, "report_s": 0.0, **settings})
        self.radio = Radio(path, wanted, self._tell, lambda _: self.refused, now_ms)
        self.path = path

    def _tell(self, body: dict[str, Any]) -> None:
        self.told.append(body)
        self.came.set()

    async def until(self, count: int) -> list[tuple[str, int, int | None]]:
        async with asyncio.timeout(30):
            while len(self.told) < count:
                self.came.clear()
                await self.came.wait()
        return [(body["kind"], body["part"], body.get("result")) for body in self.told]

    def send(self, job: str, *texts: str, to: str = ANN, report: bool = True) -> None:
        self.radio.send(Handed(job, 3, to, texts, None, report, now_ms()))


@pytest.fixture
async def telephony(tmp_path: Path) -> AsyncIterator[Telephony]:
    one = Telephony(tmp_path / "air.jsonl")
    one.radio.start()
    yield one
    await one.radio.stop()


@pytest.mark.parametrize("vector", VECTORS["proofs"], ids=lambda vector: vector["code"])
def test_the_proofs_are_those_of_the_vectors(vector: dict[str, str]) -> None:
    code, nonce, pin = vector["typed"], vector["nonce"], vector["pin"]
    assert proof(code, nonce, "phone", vector["install"], pin) == vector["phone_proof"]
    assert proof(code, nonce, "gateway", vector["gateway"], vector["key"], pin) == vector["gateway_proof"]


@pytest.mark.parametrize("vector", VECTORS["codes"], ids=lambda vector: vector["typed"])
def test_typed_codes_are_read_as_the_vectors_say(vector: dict[str, str]) -> None:
    assert normalised(vector["typed"]) == vector["code"]


@pytest.mark.parametrize("text", ["Parents' evening at 18:30", "x" * 161, "Grüße 🎒", "д" * 71])
def test_its_inbound_pdus_are_understood(text: str) -> None:
    joined = ""
    for pdu in deliver(ANN, text, 1_795_000_000_000, 7):
        octets = bytes.fromhex(pdu)
        joined += decode_deliver(octets[1 + octets[0] :]).text or ""
    assert joined == text


def test_its_reports_are_understood() -> None:
    octets = bytes.fromhex(status_report(ANN, 200, (1_795_000_000_000, 1_795_000_009_000)))
    read = decode_status_report(octets[1 + octets[0] :])
    assert (read.mr, read.st) == (200, 0)


async def test_parts_go_on_air_one_after_the_other_and_stand_in_the_ledger(telephony: Telephony) -> None:
    telephony.send("a", "one", "two")
    told = await telephony.until(4)
    assert sorted(told, key=str) == [
        ("report", 1, None),
        ("report", 2, None),
        ("sent", 1, -1),
        ("sent", 2, -1),
    ]
    assert [(air["job"], air["part"], air["text"], air["mr"]) for air in read_air(telephony.path)] == [
        ("a", 1, "one", 1),
        ("a", 2, "two", 2),
    ]


async def test_beyond_the_limit_a_dialog_waits_without_a_word_and_the_sixth_waiting_fails_at_once(
    telephony: Telephony,
) -> None:
    telephony.radio.settings.limit_parts = 2
    telephony.send("a", "one", "two", report=False)
    await telephony.until(2)
    for job in "bcdef":
        telephony.send(job, "waits", report=False)
    assert len(telephony.told) == 2
    telephony.send("g", "fails", report=False)
    assert [(body["job"], body["result"]) for body in telephony.told[2:]] == [("g", 5)]
    telephony.radio.answer_dialog(allow=True)
    telephony.radio.answer_dialog(allow=False)
    await telephony.until(5)
    assert {(body["job"], body["result"]) for body in telephony.told[3:]} == {("b", -1), ("c", 5)}


async def test_after_a_kill_what_was_handed_over_goes_on_air_once(tmp_path: Path) -> None:
    before = Telephony(tmp_path / "air.jsonl", submit_s=30.0)
    before.radio.start()
    before.radio.fates[ANN] = Fate(report=None)
    before.send("a", "one", "two", report=False)
    await before.radio.stop()
    for _ in range(2):
        after = Telephony(tmp_path / "air.jsonl")
        after.radio.start()
        if not after.radio.aired:
            await after.until(2)
        await after.radio.stop()
    assert [air["part"] for air in read_air(tmp_path / "air.jsonl")] == [1, 2]
    assert after.told == []


def test_the_journal_burns_what_it_is_asked_and_takes_nothing_twice(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.burn("asked", "run")
    assert not journal.take("asked", "run", 1)
    assert journal.take("new", "run", 2)
    assert not journal.take("new", "run", 2)
    journal.call("new", 5)
    for part in (1, 1, 2):
        state = journal.job("new")
        assert state is not None
        assert state.state == "called"
        journal.add({"kind": "sent", "job": "new", "part": part})
    settled = journal.job("new")
    assert settled is not None
    assert settled.state == "settled"
    assert [event["id"] for event in journal.uncommitted(0, 2)] == [1, 2]
    journal.commit([1, 2])
    assert journal.left() == 1
    journal.close()
