"""Owns one connection of the companion of the tests, from hello to its end: window, heartbeat, frames that are cut.

Refuses to know dialling and jobs: the peer keeps both.
Source: docs/link.md, *Opening*, *Alive*, *Events*, *Asking after a break*.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from tests.peers.companion_socket import Socket

if TYPE_CHECKING:
    from tests.peers.companion_peer import CompanionPeer

WINDOW = 200
WELCOME_S = 30.0


class Session:
    """One connection, from hello to its end."""

    def __init__(self, peer: CompanionPeer, socket: Socket, way: str) -> None:
        self.peer = peer
        self.socket = socket
        self.way = way
        self.task: asyncio.Task[None] | None = None
        self._last = 0
        self._flying: set[int] = set()

    # ------------------------------------------------------------------ opening

    async def opened(self) -> bool:
        """Say hello and wait for the welcome."""
        self.send(self.peer.hello(self.way))
        try:
            async with asyncio.timeout(WELCOME_S):
                text = await self.socket.receive()
        except TimeoutError:
            text = None
        message = self._heard(text) if text is not None else None
        if (
            message is None
            or message["t"] != "welcome"
            or message["gateway"] != self.peer.journal.fact("gateway")
        ):
            self.peer.ended(message.get("code", "foreign") if message else "lost")
            self.socket.abort()
            return False
        self.peer.journal.remember(urls=message["urls"])
        if self.way == "usb" and not self.peer.journal.fact("pin"):
            self.peer.journal.remember(pin=message.get("pin"))  # the cable vouches for what it names
        return True

    # ------------------------------------------------------------------ to and fro

    async def carry(self) -> None:
        """Send what is not committed, answer what comes, until the connection ends."""
        watch = asyncio.create_task(self._watch())
        try:
            self.pump()
            while (text := await self.socket.receive()) is not None:
                message = self._heard(text)
                if message is None:
                    break
                if message["t"] == "bye":
                    self.peer.ended(message["code"])
                    break
                self._answer(message)
                await self.socket.drain()
                self.peer.note()
        except ConnectionError:
            self.peer.ended("lost")
        finally:
            watch.cancel()

    def send(self, message: dict[str, Any]) -> None:
        if self._cut():
            return
        self.peer.frames.append(("out", message))
        self.socket.send(json.dumps(message, ensure_ascii=False))

    def pump(self) -> None:
        """Put as many events on their way as the window lets; ids ascend."""
        free = WINDOW - len(self._flying)
        for event in self.peer.journal.uncommitted(self._last, free) if free > 0 else ():
            self._last = event["id"]
            self._flying.add(event["id"])
            self.send(event)

    def _heard(self, text: str) -> dict[str, Any] | None:
        if self._cut():
            return None
        message: dict[str, Any] = json.loads(text)
        self.peer.frames.append(("in", message))
        return message

    def _cut(self) -> bool:
        """Count a frame; at the chosen one the link ends and the frame is lost."""
        self.peer.counted += 1
        if self.peer.counted != self.peer.faults.cut_at_frame:
            return False
        self.socket.abort()
        return True

    def _answer(self, message: dict[str, Any]) -> None:
        match message["t"]:
            case "job":
                refusal = None if self.peer.faults.silent_at_jobs else self.peer.take(message)
                if refusal is not None:
                    self.send(refusal)
            case "committed":
                self.peer.point("before_committed")
                self.peer.journal.commit(message["events"])
                self._flying.difference_update(message["events"])
                self.pump()
            case "ask":
                self.send({"t": "jobs", "re": message["re"], "jobs": self.peer.asked(message["jobs"])})
            case "ussd":
                answer = {"t": "answer", "re": message["re"], "ok": True, "text": "Credit 4.20"}
                self.send(answer)

    async def _watch(self) -> None:
        """Ping after silence, let go when silence goes on."""
        pace = self.peer.will.pace
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(max(0.0, self.socket.heard_s + pace.quiet_s - loop.time()))
            asked_s = loop.time()
            if asked_s - self.socket.heard_s < pace.quiet_s:
                continue
            self.socket.ping()
            await asyncio.sleep(pace.patience_s)
            if self.socket.heard_s < asked_s:
                self.socket.abort()
                return
