"""Owns a second companion, for tests and benches: the app of a phone, written from docs/link.md alone.

Refuses to share code with the gateway's side of the link. It is honest unless a test says otherwise: ``Faults``.
Source: docs/link.md.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.peers.companion_journal import Journal
from tests.peers.companion_pdus import deliver
from tests.peers.companion_radio import NO_SERVICE, RADIO_OFF, CallFailedError, Handed, Radio
from tests.peers.companion_session import Session
from tests.peers.companion_settings import (
    PROTOCOL,
    Faults,
    PairingRefusedError,
    PhoneSettings,
    Sim,
    now_ms,
    proof,
)
from tests.peers.companion_socket import HttpRefusalError, Socket, WrongKeyError, post_json

SETTLED_FOR_A_MINUTE = frozenset({"revoked", "version", "device_unknown"})


class CompanionPeer:
    """One phone with its app. Its folder outlives it: start another one there after a kill."""

    def __init__(self, folder: Path, settings: PhoneSettings | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.will = settings or PhoneSettings()
        self.faults = Faults()
        self.journal = Journal(folder / "journal.db")
        self.install: str = self.journal.fact("install") or self.will.install
        self.journal.remember(install=self.install)
        self.run = str(uuid.uuid4())
        self.sims = {sim.sub: sim for sim in self.will.sims}
        self.airplane = False
        self.usb: str | None = None
        """ws:// address at this end of the cable; None while no cable is in."""
        self.frames: deque[tuple[str, dict[str, Any]]] = deque(maxlen=20_000)
        """("in" | "out", message), oldest first."""
        self.counted = 0
        self.ended_with: list[str] = []
        """Codes of ``bye`` and of refusals before the upgrade."""
        self.changed = asyncio.Event()
        self.active: Session | None = None
        self.ledger = folder / "air.jsonl"
        self.radio = Radio(self.ledger, self.will.radio, self._intent, self._refusal, now_ms)
        self._nudged = asyncio.Event()
        self._refused = False
        self._tasks: list[asyncio.Task[None]] = []

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """Start the app's process: what an earlier one took and did not call is settled, then it dials."""
        for job_id in self.journal.taken_before(self.run):
            detail = "the app was restarted before the call"
            self.journal.add(_failed(job_id, "not_called", detail))
        self.radio.start(forgets=self.will.forgets)
        self._tasks = [asyncio.create_task(self._dial())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.active is not None:
            self.active.socket.abort()
            self.active = None
        await self.radio.stop()
        self.journal.close()

    async def until(self, condition: Callable[[], bool], limit_s: float = 30.0) -> None:
        """Wait until the phone has seen what a test waits for."""
        async with asyncio.timeout(limit_s):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def note(self) -> None:
        self.changed.set()

    # ------------------------------------------------------------------ pairing

    async def pair(self, url: str, code: str, pin: str | None = None) -> None:
        """Pair at ``url`` (a link's address or its ``/device/v1/pair``); raises PairingRefusedError.

        Nothing is kept unless the gateway proves that it holds the code as well.
        """
        if self.journal.fact("gateway"):
            raise PairingRefusedError(0, "paired", "unpair it on the phone first")
        nonce = os.urandom(16).hex()
        parts = urlsplit(url)
        scheme = "https" if parts.scheme in {"wss", "https"} else "http"
        where = f"{scheme}://{parts.netloc}/device/v1/pair"

        def body(seen: str) -> dict[str, Any]:
            mine = proof(code, nonce, "phone", self.install, seen)
            return {
                "v": PROTOCOL,
                "install": self.install,
                "nonce": nonce,
                "proof": mine,
                **self._app_and_phone(),
            }

        try:
            answer, seen = await post_json(where, body, pin)
        except HttpRefusalError as error:
            said = error.body if isinstance(error.body, dict) else {}
            raise PairingRefusedError(
                error.status, said.get("code", ""), said.get("hint", str(error.body))
            ) from None
        theirs = proof(code, nonce, "gateway", answer["gateway"], answer["key"], seen)
        if not hmac.compare_digest(theirs, answer["proof"]):
            raise PairingRefusedError(200, "proof", "the gateway does not hold the code")
        kept = {name: answer[name] for name in ("gateway", "key", "urls")}
        self.journal.remember(**kept, pin=seen or answer.get("pin"))
        self.nudge()

    def unpair(self) -> None:
        """A person at the phone takes the pairing back."""
        self.journal.forget("gateway", "key", "urls", "pin")
        self.hang_up()

    # ------------------------------------------------------------------ what people and networks do to it

    def nudge(self) -> None:
        """The service is started or the network has changed: dial at once."""
        self._refused = False
        self._nudged.set()

    def plug(self, url: str) -> None:
        """Put the cable in; adb starts the service."""
        self.usb = url
        self.nudge()

    def pull(self) -> None:
        """Pull the cable: what ran over it ends without a word."""
        self.usb = None
        if self.active is not None and self.active.way == "usb":
            self.active.socket.abort()

    def hang_up(self) -> None:
        """End the connection that is there."""
        if self.active is not None:
            self.active.socket.abort()

    def receive(self, sub: int, sender: str, text: str) -> None:
        """A text comes from the network and is broadcast to the app, part by part joined as the platform does."""
        pdus = deliver(sender, text, now_ms(), self.journal.left() & 0xFF)
        self.event({"kind": "inbound", "sub": sub, "pdus": pdus, "format": "3gpp", "at_ms": now_ms()})

    def sweep(self, sub: int, sender: str, text: str, row: int) -> None:
        """A text stands in the provider's inbox that no broadcast brought."""
        body = {"kind": "text", "sub": sub, "from": sender, "text": text, "sent_at_ms": now_ms(), "row": row}
        self.event({**body, "at_ms": now_ms()})

    def set_airplane(self, *, on: bool) -> None:
        self.airplane = on
        self.sims = {sub: replace(sim, registered=not on) for sub, sim in self.sims.items()}
        self._tell({"t": "sims", "sims": self._sims()})
        self._tell({"t": "health", "health": self._health()})

    def change_sims(self, *sims: Sim) -> None:
        """Take SIMs out and put others in: these are there from now on."""
        self.sims = {sim.sub: sim for sim in sims}
        self._tell({"t": "sims", "sims": self._sims()})

    def event(self, body: dict[str, Any]) -> None:
        """Write an event to the journal, then let the link carry it."""
        self.journal.add(body)
        self.point(f"after_{body['kind']}_event")
        if self.active is not None:
            self.active.pump()
        self.note()

    def point(self, name: str) -> None:
        self.faults.at_point(name)

    # ------------------------------------------------------------------ dialling

    async def _dial(self) -> None:
        """Go round the addresses until one welcomes us; beside a connection over the LAN, look for the cable."""
        waited = 0
        while True:
            self._nudged.clear()
            if self._refused:
                await self._wait(self.will.pace.refused_s)
                self._refused = False
            if self.journal.fact("key") and await self._round():
                waited = 0
            wait_s = self.will.pace.rounds_s[min(waited, len(self.will.pace.rounds_s) - 1)]
            waited += 1
            if not self._refused and await self._wait(None if self.active else wait_s):
                waited = 0

    async def _wait(self, seconds: float | None) -> bool:
        """Wait for a nudge; False when none came in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._nudged.wait()
        except TimeoutError:
            return False
        return True

    async def _round(self) -> bool:
        current = self.active
        if current is not None and (current.way == "usb" or self.usb is None):
            return True
        ways = [("usb", self.usb)] if self.usb else []
        if current is None and self.journal.fact("pin"):
            ways += [("lan", url) for url in self.journal.fact("urls") or ()]
        for way, url in ways:
            if await self._connect(way, url):
                return True
        return current is not None

    async def _connect(self, way: str, url: str) -> bool:
        pin = self.journal.fact("pin") if way == "lan" else None
        try:
            socket = await Socket.open(url, self.journal.fact("key"), pin)
        except HttpRefusalError as error:
            said = error.body if isinstance(error.body, dict) else {}
            self.ended(said.get("code", str(error.status)))
            return False
        except (OSError, EOFError, TimeoutError, WrongKeyError) as error:
            self.ended(type(error).__name__)
            return False
        session = Session(self, socket, way)
        if not await session.opened():
            return False
        before, self.active = self.active, session
        if before is not None:
            before.socket.close()
        self.ended("welcome")
        session.task = asyncio.create_task(self._carry(session))
        self._tasks = [task for task in self._tasks if not task.done()] + [session.task]
        self.note()
        return True

    async def _carry(self, session: Session) -> None:
        try:
            await session.carry()
        finally:
            session.socket.abort()
            if self.active is session:
                self.active = None
                self._nudged.set()
            self.note()

    def ended(self, code: str) -> None:
        """Remember how a connection ended, or that one began: ``welcome``."""
        self.ended_with.append(code)
        self._refused = code in SETTLED_FOR_A_MINUTE
        self.note()

    # ------------------------------------------------------------------ what it says of itself

    def hello(self, way: str) -> dict[str, Any]:
        head = {"t": "hello", "v": PROTOCOL, "install": self.install, "run": self.run, "way": way}
        head |= {"now_ms": now_ms(), **self._app_and_phone()}
        return {**head, "sims": self._sims(), "health": self._health()}

    def _app_and_phone(self) -> dict[str, Any]:
        phone = {"maker": "Google", "model": self.will.model, "android": "13", "sdk": 33}
        return {"app": {"code": self.will.app_code, "name": "1.0.0"}, "phone": phone}

    def _sims(self) -> list[dict[str, Any]]:
        return [asdict(sim) for sim in self.sims.values()]

    def _health(self) -> dict[str, Any]:
        limit = {"parts": self.will.radio.limit_parts, "window_s": round(self.will.radio.limit_s)}
        return {
            "battery": 81, "charging": True, "temperature_c": 29.5, "airplane": self.airplane,
            "free_bytes": 123_456_789, "bucket": "active", "doze_exempt": True, "default_sms_app": False,
            "missing_permissions": [], "limit": limit,
        }  # fmt: skip

    def _tell(self, message: dict[str, Any]) -> None:
        if self.active is not None:
            self.active.send(message)

    # ------------------------------------------------------------------ jobs

    def take(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Store a job and call the platform once; returns the refusal, or None when ``taken`` was the answer."""
        job_id, sub = message["job"], message["sub"]
        known = self.journal.job(job_id)
        if known is not None and known.state == "burned":
            return _refused(job_id, "burned", "this id was asked for before it came")
        if known is None and sub not in self.sims:
            self.journal.burn(job_id, self.run)
            return _refused(job_id, "no_sim", f"no subscription {sub}")
        parts = tuple(message.get("parts") or (message.get("octets") or "",))
        if known is None and not (message["to"] and all(parts)):
            self.journal.burn(job_id, self.run)
            return _refused(job_id, "bad_job", "no recipient or an empty part")
        if known is not None or not self.journal.take(job_id, self.run, len(parts)):
            self._tell({"t": "taken", "job": job_id})
            return None
        self.point("after_taken")
        self._tell({"t": "taken", "job": job_id})
        self._call(
            Handed(job_id, sub, message["to"], parts, message.get("port"), message["report"], now_ms())
        )
        return None

    def _call(self, handed: Handed) -> None:
        self.journal.call(handed.job, handed.at_ms)
        self.point("before_call")
        try:
            self.radio.send(handed)
        except CallFailedError as error:
            self.event(_failed(handed.job, "call_failed", str(error)))
            return
        self.point("after_call")

    def asked(self, job_ids: list[str]) -> dict[str, Any]:
        """Say what is known of jobs; what is not known is burned."""
        states: dict[str, Any] = {}
        for job_id in job_ids:
            job = self.journal.job(job_id)
            if job is None:
                self.journal.burn(job_id, self.run)
            if job is None or job.state == "burned":
                states[job_id] = {"state": "unknown"}
            elif job.state == "called":
                states[job_id] = {"state": "called", "called_at_ms": job.called_at_ms}
            else:
                states[job_id] = {"state": job.state}
        return states

    def _intent(self, body: dict[str, Any]) -> None:
        self.event(body)

    def _refusal(self, sub: int) -> int | None:
        if self.airplane:
            return RADIO_OFF
        return None if sub in self.sims and self.sims[sub].state == "ready" else NO_SERVICE


def _failed(job_id: str, code: str, detail: str) -> dict[str, Any]:
    return {"kind": "failed", "job": job_id, "code": code, "detail": detail, "at_ms": now_ms()}


def _refused(job_id: str, code: str, detail: str) -> dict[str, Any]:
    return {"t": "refused", "job": job_id, "code": code, "detail": detail}
