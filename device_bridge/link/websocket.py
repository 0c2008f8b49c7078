"""Owns the phones' door: the two routes of the link, and a WebSocket that notices when nobody is at the other end.

Refuses to know what the messages mean and who may come in: a door of the caller's decides. The only file with aiohttp.
Source: docs/link.md; RFC 6455 (§5.5.2 ping, §7.4 close codes), RFC 6750 (Bearer).
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from aiohttp import WSMsgType, web

from device_bridge.errors import DeviceBridgeError, LinkLost
from device_bridge.link.pair_request import (
    PROTOCOL,
    PairAnswer,
    PairingRefused,
    PairRequest,
    RateLimit,
    parse_pair_request,
)

if TYPE_CHECKING:
    from device_bridge.companion.phone import AndroidPhone

__all__ = [
    "BadMessage", "GatewayName", "LinkDoor", "LinkSocket", "LinkTimers", "PairAnswer", "PairRequest",
    "PairingRefused", "link_app",
]  # fmt: skip

_LOG = logging.getLogger(__name__)

LINK_PATH: Final = "/device/v1/link"
PAIR_PATH: Final = "/device/v1/pair"

MAX_MESSAGE: Final = 1_048_576
"""Octets of one message (docs/link.md)."""
MAX_BODY: Final = 16 * 1024
"""Octets of a request to pair; a real one has about 400."""
BODY_WITHIN_S: Final = 10.0

PAIRS_A_MINUTE: Final = 5
"""Requests to pair that one address on the LAN may make in a minute: a person types slower."""
PAIRS_A_MINUTE_OVER_USB: Final = 60
"""The same over USB, where all phones share 127.0.0.1 and a shelf of them may be plugged in at once."""

_HEADERS: Final = {"Cache-Control": "no-store", "Server": "gateway", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class LinkTimers:
    """Seconds. Tests make them shorter; nobody else should need to."""

    silence_s: float = 20.0
    """Without a word, after which a ping asks whether anybody is there; below the 30 s of the hastiest NAT."""
    pong_s: float = 15.0
    """For anything to come after that ping: a phone that wakes its radio needs seconds."""
    close_s: float = 2.0
    """For the other end's close frame; it has nothing more to say that the journal does not keep."""


@dataclass(frozen=True, slots=True)
class GatewayName:
    """Who the gateway says it is. ``urls`` are where it listens on the LAN, empty while it does not; ``pin`` is that
    listener's, for a phone that was paired over a cable and is to go on without it."""

    id: str
    name: str
    urls: tuple[str, ...] = ()
    pin: str = ""


class BadMessage(DeviceBridgeError):
    """What came is no text of at most 1 MiB. ``reason`` says what it is."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LinkDoor(Protocol):
    """Who decides which phones come in."""

    @property
    def gateway(self) -> GatewayName: ...

    async def admitted(self, key: str) -> AndroidPhone | None:
        """Find the phone of a device key; None for a key that is unknown or revoked."""
        ...

    async def pair(self, request: PairRequest, pin: str, remote: str) -> PairAnswer:
        """Pair a phone whose proof is right. ``pin`` is the certificate's, empty over USB.

        Raises:
            PairingRefused: anything else.
        """
        ...


# ------------------------------------------------------------------ one connection


class LinkSocket:
    """One WebSocket to a phone. One task reads; any may send. It closes itself when the other end falls silent."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request, timers: LinkTimers) -> None:
        self._ws = ws
        self._transport = request.transport
        self._timers = timers
        self._heard_s = asyncio.get_running_loop().time()
        self._came = asyncio.Event()
        self._watch = asyncio.create_task(self._watch_silence(), name="link heartbeat")
        self.remote = request.remote or ""

    @property
    def closed(self) -> bool:
        """Say whether nothing can be sent any more."""
        return self._ws.closed or self._transport is None or self._transport.is_closing()

    async def send(self, text: str) -> None:
        """Send one message; waits while the other end is slow to read.

        Raises:
            LinkLost: the connection is closed, or closed while waiting; it may or may not have been received.
        """
        try:
            await self._ws.send_str(text)
        except (OSError, RuntimeError) as error:
            raise LinkLost(f"the connection to the phone is closed: {error}") from error

    async def receive(self) -> str | None:
        """Wait for the next message; None when the connection has ended.

        Raises:
            BadMessage: it is binary, or longer than 1 MiB.
        """
        while True:
            message = await self._ws.receive()
            self._heard_s = asyncio.get_running_loop().time()
            self._came.set()
            if message.type is WSMsgType.TEXT:
                # A character has at most four octets: what is short is not counted twice.
                if len(message.data) > MAX_MESSAGE // 4 and len(message.data.encode()) > MAX_MESSAGE:
                    raise BadMessage("it is longer than 1 MiB")
                return str(message.data)
            if message.type is WSMsgType.BINARY:
                raise BadMessage("it is binary")
            if message.type is WSMsgType.PING:
                with suppress(OSError, RuntimeError):
                    await self._ws.pong(message.data)
            elif message.type is not WSMsgType.PONG:
                return None

    async def alive(self, within_s: float) -> bool:
        """Ask with a ping, and say whether anything came back; needs another task that reads."""
        self._came.clear()
        try:
            async with asyncio.timeout(within_s):
                await self._ws.ping()
                await self._came.wait()
        except (OSError, RuntimeError, TimeoutError):
            return False
        return not self.closed

    async def close(self, bye: str | None = None) -> None:
        """Send ``bye``, where there is one, and close; a second call does nothing."""
        try:
            async with asyncio.timeout(self._timers.close_s):
                if bye is not None and not self.closed:
                    await self.send(bye)
                await self._ws.close()
        except (LinkLost, OSError, RuntimeError, TimeoutError):
            self.abort()
        finally:
            self._watch.cancel()

    def abort(self) -> None:
        """Let go at once of a connection whose other end does not answer."""
        self._watch.cancel()
        if isinstance(self._transport, asyncio.Transport):
            self._transport.abort()

    async def _watch_silence(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            rest_s = self._heard_s + self._timers.silence_s - loop.time()
            if rest_s > 0:
                await asyncio.sleep(rest_s)
            elif not await self.alive(self._timers.pong_s):
                _LOG.warning("link silent: a phone said nothing for %.0f s", loop.time() - self._heard_s)
                self.abort()
                return


# ------------------------------------------------------------------ the two routes


def link_app(door: LinkDoor, pin: str, timers: LinkTimers = LinkTimers()) -> web.Application:
    """Make the application that phones connect to: ``GET /device/v1/link`` and ``POST /device/v1/pair``, nothing else.

    Args:
        door: Who decides which phones come in.
        pin: SHA-256 of the SubjectPublicKeyInfo of the certificate that this application is served with, in
            lower-case hex; empty where it is served in clear on loopback, for USB.
        timers: See :class:`LinkTimers`.
    """
    routes = _Routes(door, pin, timers)
    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_get(LINK_PATH, routes.link, allow_head=False)
    app.router.add_post(PAIR_PATH, routes.pair)
    app.on_shutdown.append(routes.shut)
    return app


class _Routes:
    def __init__(self, door: LinkDoor, pin: str, timers: LinkTimers) -> None:
        self._door = door
        self._pin = pin
        self._timers = timers
        self._limit = RateLimit(PAIRS_A_MINUTE if pin else PAIRS_A_MINUTE_OVER_USB)
        self._phones: dict[LinkSocket, AndroidPhone] = {}

    async def link(self, request: web.Request) -> web.StreamResponse:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        phone = await self._door.admitted(key.strip()) if scheme.lower() == "bearer" and key else None
        if phone is None:
            hint = "This gateway does not know the phone, or it was removed there. Unpair in the app, then pair again."
            return _refusal(401, "device_unknown", hint, {"WWW-Authenticate": 'Bearer realm="gateway"'})
        # No compression: texts are short, and a small frame must not unfold into a gigabyte. What is far too long is
        # refused by its announced length (close code 1009), what is a little too long gets a bye that says so.
        ws = web.WebSocketResponse(
            autoping=False, compress=False, max_msg_size=2 * MAX_MESSAGE, timeout=self._timers.close_s
        )
        if not ws.can_prepare(request).ok:
            return _refusal(400, "malformed", "This address speaks WebSocket only (RFC 6455, version 13).")
        await ws.prepare(request)
        socket = LinkSocket(ws, request, self._timers)
        self._phones[socket] = phone
        try:
            await phone.greet(socket, self._door.gateway)
        except LinkLost:
            _LOG.debug("link lost while a phone was greeted")
        finally:
            del self._phones[socket]
            await socket.close()
        return ws

    async def pair(self, request: web.Request) -> web.Response:
        remote = request.remote or ""
        wait_s = self._limit.wait_s(remote, asyncio.get_running_loop().time())
        if wait_s > 0:
            hint = f"Too many tries to pair from this address; wait {wait_s} s."
            return _refusal(429, "rate_limited", hint, {"Retry-After": str(wait_s)})
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await request.read()
            asked = parse_pair_request(body)
            answer = await self._door.pair(asked, self._pin, remote)
        except PairingRefused as refused:
            return _refusal(refused.status, refused.code, refused.hint)
        except web.HTTPRequestEntityTooLarge:
            return _refusal(413, "malformed", "A request to pair has at most 16 KiB.")
        except TimeoutError:
            return _refusal(408, "malformed", "The request did not come whole within 10 s.")
        return _json(200, {
            "gateway": answer.gateway, "name": answer.name, "key": answer.key, "proof": answer.proof,
            "urls": list(answer.urls), **({"pin": answer.pin} if answer.pin else {}),
        })  # fmt: skip

    async def shut(self, _: web.Application) -> None:
        """Tell the phones that the gateway stops; they connect again by themselves."""
        phones = {id(phone): phone for phone in self._phones.values()}
        await asyncio.gather(*(phone.drop("stopping") for phone in phones.values()), return_exceptions=True)
        for socket in tuple(self._phones):
            socket.abort()


def _refusal(status: int, code: str, hint: str, headers: dict[str, str] | None = None) -> web.Response:
    body: dict[str, object] = {"code": code, "hint": hint}
    if code == "version":
        body["wanted"] = PROTOCOL
    return _json(status, body, headers)


def _json(status: int, body: dict[str, object], headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(body, status=status, headers={**_HEADERS, **(headers or {})})
