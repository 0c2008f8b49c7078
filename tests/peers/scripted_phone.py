"""Owns a phone that does what a test says over a real WebSocket on loopback, and the gateway's side opened on it.

Written from docs/link.md; of the driver it knows only what the gateway calls.
Source: docs/link.md; RFC 6455.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import aiohttp
from aiohttp import web

from device_bridge.companion import AndroidPhone, PhoneLine, PhoneTimers
from device_bridge.device import DeviceEvent, LineChanged, Outgoing, OutgoingPart, PartOutcome
from device_bridge.link.websocket import (
    GatewayName,
    LinkTimers,
    PairAnswer,
    PairingRefused,
    PairRequest,
    link_app,
)

INSTALL = "3f2b8c1e-6a54-4d0b-9c57-0d6f1f2a7e11"
KEY = "gwd_key"
ICCID = "8944500612345678901"
LIMIT_S = 30.0
NOW_MS = 1_770_000_000_000

QUICK = PhoneTimers(
    hello_s=0.3, alive_s=0.2, taken_s=0.3, sent_within_s=0.3, per_part_s=0.05, asked_s=0.3, ussd_s=0.3,
)  # fmt: skip
PATIENT = PhoneTimers()
CLOSING_SOON = LinkTimers(close_s=0.5)

Frame = dict[str, Any]
E = TypeVar("E", bound=DeviceEvent)


def sim(sub: int = 3, iccid: str | None = ICCID, **changes: Any) -> Frame:
    known: Frame = {
        "sub": sub, "slot": 0, "iccid": iccid, "number": "+447700900123", "name": "SIM", "operator": "Example",
        "mccmnc": "23415", "state": "ready", "roaming": False, "signal_dbm": -85, "registered": True,
    }  # fmt: skip
    return known | changes


def health(**changes: Any) -> Frame:
    known: Frame = {
        "battery": 81, "charging": True, "temperature_c": 29.5, "airplane": False, "free_bytes": 123456789,
        "bucket": "active", "doze_exempt": True, "default_sms_app": False, "missing_permissions": [], "limit": None,
    }  # fmt: skip
    return known | changes


def hello(**changes: Any) -> Frame:
    known: Frame = {
        "t": "hello", "v": 1, "install": INSTALL, "run": "run-1", "way": "usb", "now_ms": NOW_MS,
        "app": {"code": 1, "name": "1.0.0"},
        "phone": {"maker": "Google", "model": "Pixel 4a", "android": "13", "sdk": 33},
        "sims": [sim()], "health": health(),
    }  # fmt: skip
    return known | changes


def event(number: int, kind: str, **members: Any) -> Frame:
    return {"t": "event", "id": number, "kind": kind, "at_ms": NOW_MS, **members}


def sent(number: int, job: str = "a1", part: int = 1, result: int = -1, **members: Any) -> Frame:
    return event(
        number, "sent", job=job, part=part, result=result, **{"error": None, "no_default": False, **members}
    )


class ScriptedPhone:
    """One connection of an app; what it hears is kept in order."""

    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._session = session
        self.socket = socket
        self.heard: list[Frame] = []
        self.heard_at_s: list[float] = []
        self.pongs = True
        self.close_code: int | None = None
        self.ended = asyncio.Event()
        self._came = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.heard_at_s.append(asyncio.get_running_loop().time())
                self.heard.append(json.loads(message.data))
                self._came.set()
            elif message.type is aiohttp.WSMsgType.PING and self.pongs:
                await self.socket.pong(message.data)
        self.close_code = self.socket.close_code
        self.ended.set()
        self._came.set()

    @property
    def transport(self) -> asyncio.Transport:
        """What is below the WebSocket."""
        connection = self.socket._response.connection
        assert connection is not None
        transport = connection.transport
        assert isinstance(transport, asyncio.Transport)
        return transport

    async def say(self, *frames: Frame | str) -> None:
        for frame in frames:
            await self.socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    async def hears(self, kind: str, matches: Callable[[Frame], bool] = lambda _: True) -> Frame:
        """Wait for a message, among those of before too."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                for frame in self.heard:
                    if frame["t"] == kind and matches(frame):
                        return frame
                assert not self.ended.is_set(), f"closed before {kind!r}; heard {self.heard}"
                self._came.clear()
                await self._came.wait()

    async def hears_job(self, name: str) -> Frame:
        """Wait for the job of an attempt."""
        return await self.hears("job", lambda frame: frame["job"] == name)

    async def committed(self, *numbers: int) -> None:
        """Wait until these entries of the journal were named by ``committed``."""
        async with asyncio.timeout(LIMIT_S):
            while not set(numbers) <= set(self.all_committed()):
                self._came.clear()
                await self._came.wait()

    def all_committed(self) -> list[int]:
        return [number for frame in self.heard if frame["t"] == "committed" for number in frame["events"]]

    def cut(self) -> None:
        """Pull the cable: no close frame, no FIN of the application."""
        self.transport.abort()

    async def end(self) -> None:
        await self.socket.close()
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader
        await self._session.close()


class Door:
    """Lets in whoever has a key of a phone, and pairs whoever brings the proof ``"0" * 64``."""

    def __init__(self) -> None:
        self.gateway = GatewayName("gateway-1", "Office", ("wss://192.168.1.5:8443/device/v1/link",))
        self.phones: dict[str, AndroidPhone] = {}
        self.asked: list[tuple[PairRequest, str, str]] = []

    async def admitted(self, key: str) -> AndroidPhone | None:
        return self.phones.get(key)

    async def pair(self, request: PairRequest, pin: str, remote: str) -> PairAnswer:
        self.asked.append((request, pin, remote))
        if request.proof != "0" * 64:
            raise PairingRefused("pairing_refused", "Make a new code.")
        return PairAnswer(self.gateway.id, self.gateway.name, KEY, "1" * 64, self.gateway.urls)


async def yes(_: OutgoingPart) -> bool:
    return True


def attempt(name: str = "a1", parts: int = 1, **changes: Any) -> Outgoing:
    made = tuple(OutgoingPart(number, b"", text=f"text {number}") for number in range(1, parts + 1))
    return Outgoing(name, "+447700900123", made, parts, **changes)


async def outcomes(line: PhoneLine, outgoing: Outgoing, cleared: Any = yes) -> list[PartOutcome]:
    """Submit and collect every verdict, with a bound on the time."""
    async with asyncio.timeout(LIMIT_S):
        return [outcome async for outcome in line.submit(outgoing, cleared)]


class Linked:
    """A gateway's side on loopback: a door, a phone's driver, and the events that came so far."""

    def __init__(self, door: Door, phone: AndroidPhone, runner: web.AppRunner) -> None:
        self.door = door
        self.phone = phone
        self.port: int = runner.addresses[0][1]
        self.stop_serving = runner.cleanup
        self.events: list[DeviceEvent] = []
        self.ended = asyncio.Event()
        self.acknowledging = False
        self._came = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._dialled: list[ScriptedPhone] = []

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/device/v1/link"

    @property
    def line(self) -> PhoneLine:
        return self.phone.lines()[0]

    async def dial(self, first: Frame | str | None = None, key: str = KEY, **changes: Any) -> ScriptedPhone:
        """Connect and say hello (or something else); returns at once."""
        session = aiohttp.ClientSession()
        try:
            socket = await session.ws_connect(
                self.url, headers={"Authorization": f"Bearer {key}"}, autoping=False, max_msg_size=0
            )
        except aiohttp.WSServerHandshakeError:
            await session.close()
            raise
        app = ScriptedPhone(session, socket)
        self._dialled.append(app)
        await app.say(hello(**changes) if first is None else first)
        return app

    async def connect(self, **changes: Any) -> ScriptedPhone:
        """Connect, be welcomed, and have the device opened."""
        app = await self.dial(**changes)
        await app.hears("welcome")
        await self.open()
        return app

    async def open(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            await self.phone.open()
        self.ended.clear()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for came in self.phone.events():
            self.events.append(came)
            self._came.set()
            event_id = getattr(came, "event_id", None)
            if self.acknowledging and event_id is not None:
                await self.phone.acknowledge(event_id)
        self.ended.set()

    async def lost(self) -> None:
        """Wait until the device's events have ended."""
        async with asyncio.timeout(LIMIT_S):
            await self.ended.wait()

    async def event(self, kind: type[E], matches: Callable[[E], bool] = lambda _: True) -> E:
        """Wait for an event, among those of before too."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                for came in self.events:
                    if isinstance(came, kind) and matches(came):
                        return came
                self._came.clear()
                await self._came.wait()

    def all(self, kind: type[E]) -> list[E]:
        return [came for came in self.events if isinstance(came, kind)]

    def changes(self, key: str) -> list[tuple[str, str | None]]:
        """State and reason of a line, as told so far."""
        told = [came.health for came in self.all(LineChanged) if came.line_key == key]
        return [(known.state.value, known.reason.code if known.reason else None) for known in told]

    async def end(self) -> None:
        for app in self._dialled:
            await app.end()
        await self.phone.close()
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader


@asynccontextmanager
async def linked(
    timers: PhoneTimers = PATIENT,
    now_ms: Callable[[], int] = lambda: NOW_MS,
    pin: str = "",
    link_timers: LinkTimers = CLOSING_SOON,
) -> AsyncIterator[Linked]:
    """Serve the link on loopback for one phone."""
    door, phone = Door(), AndroidPhone(INSTALL, now_ms, timers)
    door.phones[KEY] = phone
    runner = web.AppRunner(link_app(door, pin, link_timers))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one = Linked(door, phone, runner)
    try:
        yield one
    finally:
        await one.end()
        await runner.cleanup()
