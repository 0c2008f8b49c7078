"""Owns the telephony of the companion of the tests: a queue per SIM, the platform's limit, intents, the air ledger.

Refuses to know the link and the app's journal: it lives on when the app is killed, as a phone's telephony process does.
Source: the platform's SMS dispatcher as docs/link.md and the notes of the field describe it (30 parts in 60 s, dialog).
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from tests.peers.companion_pdus import status_report

OK = -1
RADIO_OFF, LIMIT_EXCEEDED, NO_SERVICE = 2, 5, 4
WAITING_AT_DIALOG = 5
"""Messages that wait for a finger; the next one fails at once."""


@dataclass(slots=True)
class RadioSettings:
    """Seconds are wall seconds of this machine; ``limit_parts`` in ``limit_s`` over all SIMs together."""

    submit_s: float = 0.01
    report_s: float = 0.01
    limit_parts: int = 30
    limit_s: float = 60.0


@dataclass(slots=True)
class Fate:
    """What the network and the platform do with the parts to one number."""

    results: dict[int, int] = field(default_factory=dict)
    """Part → result of its sent intent; such a part does not go on air."""
    silent: set[int] = field(default_factory=set)
    """Parts whose sent intent never comes."""
    silent_on_air: bool = True
    copies: int = 1
    """How often each intent comes."""
    report_first: bool = False
    report: int | None = 0
    """TP-ST of the report, None for none."""

    @classmethod
    def of(cls, given: dict[str, Any]) -> Fate:
        """Read what a control line says."""
        results = {int(part): result for part, result in given.get("results", {}).items()}
        return cls(**{**given, "results": results, "silent": set(given.get("silent", ()))})


@dataclass(frozen=True, slots=True)
class Handed:
    """One call of the platform: all parts of a job."""

    job: str
    sub: int
    to: str
    parts: tuple[str, ...]
    """Texts, or one part of octets in base64."""
    port: int | None
    report: bool
    at_ms: int


class CallFailedError(Exception):
    """The platform threw before it took anything."""


class Radio:
    """Telephony of one phone. ``tell`` gets each intent as the journal's event; ``refusal`` knows SIMs and airplane."""

    def __init__(
        self,
        path: Path,
        settings: RadioSettings,
        tell: Callable[[dict[str, Any]], None],
        refusal: Callable[[int], int | None],
        now_ms: Callable[[], int],
    ) -> None:
        self.settings = settings
        self.fates: dict[str, Fate] = {}
        self.dialog: list[Handed] = []
        self.throws = False
        self.aired: list[dict[str, Any]] = []
        self._tell, self._refusal, self._now_ms = tell, refusal, now_ms
        self._path = path
        self._ledger: TextIO | None = None
        self._counted: deque[int] = deque()
        self._mr: Counter[int] = Counter()
        self._queues: dict[int, asyncio.Queue[tuple[Handed, int]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------------ life

    def start(self, *, forgets: bool = False) -> None:
        """Go on where the ledger ends; ``forgets`` = the telephony process died too, and its intents with it."""
        lines = (
            [json.loads(line) for line in self._path.read_text().splitlines()] if self._path.exists() else []
        )
        self._ledger = self._path.open("a")
        handed: dict[str, Handed] = {}
        told: set[tuple[str, int, str]] = set()
        for line in lines:
            match line["line"]:
                case "handed":
                    one = Handed(*(line[name] for name in Handed.__slots__))
                    handed[one.job] = one
                    self._counted.extend([one.at_ms] * len(one.parts))
                case "air":
                    self.aired.append(line)
                    self._mr[line["sub"]] = line["mr"]
                case "told":
                    told.add((line["job"], line["part"], line["kind"]))
                case "reset":
                    handed.clear()
        if forgets:
            self._write({"line": "reset"})
            return
        air = {(line["job"], line["part"]): line for line in self.aired}
        for one in handed.values():
            for part in range(1, len(one.parts) + 1):
                self._take_up(
                    Handed(**_fields(one, parts=tuple(one.parts))), part, air.get((one.job, part)), told
                )

    def _take_up(
        self, one: Handed, part: int, air: dict[str, Any] | None, told: set[tuple[str, int, str]]
    ) -> None:
        sent = (one.job, part, "sent") in told
        if air is None and not sent:
            self._queue(one.sub).put_nowait((one, part))
        elif air is not None and not sent:
            self._intent(one, part, _sent(one.job, part, OK, self._now_ms()))
        if air is not None and one.report and (one.job, part, "report") not in told:
            self._later(self._report(one, part, air))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._ledger is not None:
            self._ledger.close()

    # ------------------------------------------------------------------ what the app calls

    def send(self, one: Handed) -> None:
        """Take the parts of a job, as one call of SmsManager does; raises CallFailedError when it throws."""
        if self.throws:
            raise CallFailedError("SecurityException: the test said so")
        now_ms = self._now_ms()
        while self._counted and self._counted[0] <= now_ms - self.settings.limit_s * 1000:
            self._counted.popleft()
        if len(self._counted) + len(one.parts) <= self.settings.limit_parts:
            self._counted.extend([now_ms] * len(one.parts))
            self._enter(one)
        elif len(self.dialog) < WAITING_AT_DIALOG:
            self.dialog.append(one)
        else:
            self._deny(one)

    def answer_dialog(self, *, allow: bool) -> None:
        """Tap on the dialog that lies on top."""
        one = self.dialog.pop(0)
        if allow:
            self._enter(one)
        else:
            self._deny(one)

    def _enter(self, one: Handed) -> None:
        self._write({"line": "handed", **_fields(one)})
        for part in range(1, len(one.parts) + 1):
            self._queue(one.sub).put_nowait((one, part))

    def _deny(self, one: Handed) -> None:
        for part in range(1, len(one.parts) + 1):
            self._intent(one, part, _sent(one.job, part, LIMIT_EXCEEDED, self._now_ms()))

    # ------------------------------------------------------------------ on air

    def _queue(self, sub: int) -> asyncio.Queue[tuple[Handed, int]]:
        if sub not in self._queues:
            self._queues[sub] = asyncio.Queue()
            self._later(self._work(sub))
        return self._queues[sub]

    async def _work(self, sub: int) -> None:
        """Put the parts of one SIM on air one after the other, in the order of the calls."""
        while True:
            one, part = await self._queues[sub].get()
            refused = self._refusal(sub)
            if refused is None:
                await asyncio.sleep(self.settings.submit_s)
                refused = self._refusal(sub)
            self._settle(one, part, refused)

    def _settle(self, one: Handed, part: int, refused: int | None) -> None:
        fate = self.fates.get(one.to, Fate())
        result = refused if refused is not None else fate.results.get(part, OK)
        sent = _sent(one.job, part, result, self._now_ms())
        if part in fate.silent and not fate.silent_on_air:
            return
        if result != OK:
            self._intent(one, part, sent)
            return
        air = self._put_on_air(one, part)
        if fate.report_first and one.report:
            self._tell_report(one, part, air)
        if part not in fate.silent:
            self._intent(one, part, sent)
        if one.report and not fate.report_first:
            self._later(self._report(one, part, air))

    def _put_on_air(self, one: Handed, part: int) -> dict[str, Any]:
        self._mr[one.sub] = (self._mr[one.sub] + 1) % 256
        content = one.parts[part - 1]
        air = {
            "line": "air",
            "job": one.job,
            "part": part,
            "sub": one.sub,
            "to": one.to,
            "mr": self._mr[one.sub],
        }
        air |= {"at_ms": self._now_ms(), "port": one.port}
        air |= {"text": content} if one.port is None else {"octets": content}
        self._write(air)
        self.aired.append(air)
        return air

    async def _report(self, one: Handed, part: int, air: dict[str, Any]) -> None:
        await asyncio.sleep(self.settings.report_s)
        self._tell_report(one, part, air)

    def _tell_report(self, one: Handed, part: int, air: dict[str, Any]) -> None:
        st = self.fates.get(one.to, Fate()).report
        if st is None:
            return
        pdu = status_report(one.to, air["mr"], (air["at_ms"], self._now_ms()), st)
        body = {"kind": "report", "job": one.job, "part": part, "pdu": pdu, "format": "3gpp"}
        self._intent(one, part, {**body, "at_ms": self._now_ms()})

    def _intent(self, one: Handed, part: int, body: dict[str, Any]) -> None:
        for _ in range(self.fates.get(one.to, Fate()).copies):
            self._tell(body)
        self._write({"line": "told", "job": one.job, "part": part, "kind": body["kind"]})

    # ------------------------------------------------------------------ the ledger

    def _write(self, line: dict[str, Any]) -> None:
        assert self._ledger is not None
        self._ledger.write(json.dumps(line) + "\n")
        self._ledger.flush()
        if line["line"] in {"handed", "air"}:
            os.fsync(self._ledger.fileno())

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _sent(job: str, part: int, result: int, at_ms: int) -> dict[str, Any]:
    body = {"kind": "sent", "job": job, "part": part, "result": result, "error": None, "no_default": False}
    return {**body, "at_ms": at_ms}


def _fields(one: Handed, **changed: Any) -> dict[str, Any]:
    return {name: changed.get(name, getattr(one, name)) for name in Handed.__slots__}


def read_air(path: Path) -> list[dict[str, Any]]:
    """Read what a phone put on air from its ledger, oldest first; a last line that is cut off is not there yet."""
    if not path.exists():
        return []
    whole = path.read_bytes().rpartition(b"\n")[0]
    return [line for line in map(json.loads, whole.decode().splitlines()) if line["line"] == "air"]


def text_of(air: dict[str, Any]) -> str | bytes:
    """Give what a part carried: its text, or its octets."""
    return base64.b64decode(air["octets"]) if "octets" in air else str(air["text"])
