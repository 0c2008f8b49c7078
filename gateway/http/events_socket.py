"""Owns event streams over WebSockets: who may open one, the key in the first frame, and how each of them ends.

Knows neither where events come from nor how they look. Frames are written as they stand: many in one write.
Source: RFC 6455 §5, §7.4 (close codes); RFC 6455 §10.2 (Origin); rules USR-8.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.errors import GatewayError
from gateway.http.access import unauthenticated
from gateway.http.door import KEY_ID
from gateway.http.event_asked import (
    SCOPE,
    EventsQuery,
    asked_of,
    credential_of,
    is_gone,
    key_credential,
)
from gateway.http.event_streams import STREAMS, Credential, Ending, Stream
from gateway.http.origin import refuse_foreign
from gateway.http.route import forbidden
from gateway.store.protocol import StoreUnavailable

if TYPE_CHECKING:
    from gateway.http.call import Call

_PING_S = 30.0
"""Without a pong within half of it the connection is taken for dead."""

_CLOSE_S = 1.0
_SLOW_CLOSE_S = 10.0
"""How long a reader may take to read up to the close frame. One that is too slow finds much before it."""

_REFUSED_LOOKS, _REFUSED_LOOK_S = 100, 0.02
"""For two seconds: what the sender of a large frame still sends is read and thrown away until it hangs up."""

_SEND_BUFFER_OCTETS = 256 * 1024
"""What the system may hold for a reader beside us: with its own choice (megabytes) nobody would look slow."""

_CODES: dict[Ending, int] = {
    "gone": WSCloseCode.OK,
    "slow": WSCloseCode.TRY_AGAIN_LATER,
    "revoked": WSCloseCode.POLICY_VIOLATION,
    "stopping": WSCloseCode.GOING_AWAY,
    "failed": WSCloseCode.INTERNAL_ERROR,
}
_LATER = frozenset({"rate_limited", "too_many_attempts", "shutting_down", "storage_unavailable"})


class _Shown(BaseModel):
    """The first frame of a reader that cannot set headers."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    type: Literal["auth"]
    token: str


async def follow(call: Call) -> web.StreamResponse:
    """Every event as it happens, one JSON object a frame: what webhooks get, with the id of the event and the cursor to
    resume with (after). A heartbeat comes at once and every 30 s when nothing else does. Who cannot set headers sends
    {"type":"auth","token":KEY} as the first frame within 5 s; a key never stands in the address."""
    request, settings = call.request, call.services.settings.streams
    refuse_foreign(request, call.services.settings)
    query = call.query(EventsQuery)
    # Judged before the upgrade, so that whoever asks reads the problem; texts are judged again for the key in a frame.
    asked_of(call, query, call.caller, "socket")
    opened = _Socket(request, settings.frame_max_octets)
    if not _is_handshake(opened, request):
        raise GatewayError(
            "malformed_http",
            "This route speaks WebSocket (RFC 6455). Use a WebSocket client, or GET /api/v1/events.",
        )
    reader = _Reader(call, query, opened)
    with suppress(ConnectionError):  # it left before the first octet
        if call.caller.key_id:
            await reader.admitted(credential_of(call))
        else:
            await reader.introduced()
    return opened


def _is_handshake(opened: web.WebSocketResponse, request: web.Request) -> bool:
    try:
        return bool(opened.can_prepare(request))
    except ValueError:  # aiohttp's own, of a header that is not ASCII
        return False


class _Socket(web.WebSocketResponse):
    """A WebSocket that tells of a frame that is too large so that it is heard.

    aiohttp closes the connection at once, and what the other side still sends is answered by a reset that overtakes the
    close frame.
    """

    has_refused = False

    def __init__(self, request: web.Request, frame_max_octets: int) -> None:
        # aiohttp refuses what is as large as its limit.
        super().__init__(
            timeout=_SLOW_CLOSE_S, heartbeat=_PING_S, compress=False, max_msg_size=frame_max_octets + 1
        )
        self._asked_by = request

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        if code == WSCloseCode.MESSAGE_TOO_BIG and not self.closed:
            self.has_refused = True
            await self.send_frame(code.to_bytes(2, "big"), WSMsgType.CLOSE)
            for _ in range(_REFUSED_LOOKS):
                if is_gone(self._asked_by):
                    break
                await asyncio.sleep(_REFUSED_LOOK_S)
        return await super().close(code=code, message=message, drain=drain)


class _Reader:
    """One WebSocket from the handshake to its close."""

    def __init__(self, call: Call, query: EventsQuery, opened: _Socket) -> None:
        self._call = call
        self._request = call.request
        self._query = query
        self._socket = opened

    async def admitted(self, credential: Credential) -> None:
        """Serve a reader whom the handshake told who it is; a refusal is still an HTTP answer."""
        asked = asked_of(self._call, self._query, credential.caller, "socket")
        async with self._request.app[STREAMS].opened(credential, asked) as stream:
            await self._prepare()
            await self._serve(stream)

    async def introduced(self) -> None:
        """Ask a reader in its first frame who it is, then serve it; a refusal closes with the problem's code."""
        streams = self._request.app[STREAMS]
        with streams.stranger():
            await self._prepare()
            try:
                credential = await self._shown()
            except (GatewayError, StoreUnavailable) as error:
                await self._refuse(error)
                return
        if credential is None:
            return
        asked = asked_of(self._call, self._query, credential.caller, "socket")
        try:
            async with streams.opened(credential, asked) as stream:
                await self._serve(stream)
        except (GatewayError, StoreUnavailable) as error:
            await self._refuse(error)

    async def _prepare(self) -> None:
        bound_buffer(self._request)
        await self._socket.prepare(self._request)

    async def _shown(self) -> Credential | None:
        """Read the key of the first frame; None when the reader has left.

        Raises:
            GatewayError: ``unauthenticated``, ``forbidden``, ``too_many_attempts``, ``rate_limited``.
        """
        call = self._call
        try:
            async with asyncio.timeout(call.services.settings.streams.first_frame_s):
                message = await self._socket.receive()
        except TimeoutError:
            raise unauthenticated(presented=False) from None
        if message.type in _OVER:
            return None
        key = _key_of(message)
        caller = await call.desk.whose(key, call.address)
        self._request[KEY_ID] = caller.key_id
        if not caller.may(SCOPE):
            raise forbidden(SCOPE)
        return key_credential(call, caller, key)

    async def _serve(self, stream: Stream) -> None:
        listening = asyncio.create_task(self._listen(stream))
        try:
            ending = await stream.run(self._write)
            if self._socket.closed or self._socket.has_refused:
                # The reader closed it, or sent a frame that is too large: let the two close frames pass each other.
                await asyncio.wait((listening,), timeout=_REFUSED_LOOKS * _REFUSED_LOOK_S)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        if not self._socket.closed:
            in_time_s = _SLOW_CLOSE_S if ending == "slow" else _CLOSE_S
            await self._close(_CODES[ending], ending, in_time_s)

    async def _listen(self, stream: Stream) -> None:
        """Answer pings and notice the end; nothing that a reader says later means anything."""
        try:
            while (await self._socket.receive()).type not in _OVER:
                pass
        finally:
            stream.end("gone")

    async def _write(self, octets: bytes) -> None:
        if self._socket.closed or self._socket.has_refused or is_gone(self._request):
            raise ConnectionResetError("the reader is gone")
        transport = self._request.transport
        assert transport is not None
        transport.write(octets)
        # aiohttp's own flow control; no public name, pinned by tests.
        await self._request.protocol._drain_helper()  # noqa: SLF001

    async def _refuse(self, error: GatewayError | StoreUnavailable) -> None:
        problem = error.code if isinstance(error, GatewayError) else "storage_unavailable"
        code = WSCloseCode.TRY_AGAIN_LATER if problem in _LATER else WSCloseCode.POLICY_VIOLATION
        await self._close(code, problem, _CLOSE_S)

    async def _close(self, code: int, reason: str, in_time_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(in_time_s):
                await self._socket.close(code=code, message=reason.encode(), drain=False)
        transport = self._request.transport
        if transport is not None and transport.get_write_buffer_size():
            # It takes nothing: what it was not told it asks for when it is back.
            transport.abort()


_OVER = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})


def _key_of(message: WSMessage) -> str:
    if message.type is WSMsgType.TEXT:
        with suppress(ValidationError):
            return _Shown.model_validate_json(message.data).token
    raise unauthenticated(presented=False)


def bound_buffer(request: web.Request) -> None:
    """Keep what the system holds for a reader small."""
    connection = request.get_extra_info("socket")
    if connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_OCTETS)
