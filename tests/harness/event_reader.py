"""Owns a reader of event streams, over server-sent events or a WebSocket, that resumes with its cursor as programs do.

Refuses to look inside the gateway: it parses what comes by the standards.
Source: WHATWG HTML §9.2.6 (event stream interpretation); the HTTP interface.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

Kind = Literal["sse", "ws"]
LIMIT_S = 30.0


class Ended(Exception):
    """The stream is over. ``code`` is that of the close frame, None where none came."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


@dataclass
class EventReader:
    """One reader. ``cursor`` moves with what it reads; ``told`` is every event with the cursor it came with."""

    session: aiohttp.ClientSession
    base: str
    key: str | None
    kind: Kind = "sse"
    cursor: int | None = None
    narrowed: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    told: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    heartbeats: int = 0
    _response: aiohttp.ClientResponse | None = None
    _socket: aiohttp.ClientWebSocketResponse | None = None

    async def open(self) -> None:
        """Connect and wait for the first sign of life. Raises aiohttp.ClientError when it is refused."""
        sent = dict(self.headers)
        if self.key is not None:
            sent["Authorization"] = f"Bearer {self.key}"
        after = "" if self.cursor is None else f"after={self.cursor}"
        query = "?" + "&".join(part for part in (after, self.narrowed) if part)
        no_limit = aiohttp.ClientTimeout(total=None)
        if self.kind == "ws":
            self._socket = await self.session.ws_connect(
                f"{self.base}/api/v1/events/ws{query}",
                headers=sent,
                timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
            )
        else:
            if self.cursor is not None:
                sent["Last-Event-ID"] = str(self.cursor)
            self._response = await self.session.get(
                f"{self.base}/api/v1/events{query}", headers=sent, timeout=no_limit, raise_for_status=True
            )

    async def say(self, frame: Any) -> None:
        """Send a frame of JSON."""
        assert self._socket is not None
        await self._socket.send_str(json.dumps(frame))

    async def one(self, limit_s: float = LIMIT_S) -> dict[str, Any]:
        """Read the next event, past heartbeats. Raises Ended."""
        async with asyncio.timeout(limit_s):
            while True:
                before = len(self.told)
                await self.step()
                if len(self.told) > before:
                    return self.told[-1][1]

    async def many(self, count: int, limit_s: float = LIMIT_S) -> list[dict[str, Any]]:
        return [await self.one(limit_s) for _ in range(count)]

    async def beat(self, limit_s: float = LIMIT_S) -> int:
        """Read up to the next heartbeat; returns the cursor that it told."""
        before = self.heartbeats
        async with asyncio.timeout(limit_s):
            while self.heartbeats == before:
                await self.step()
        assert self.cursor is not None
        return self.cursor

    async def step(self) -> None:
        """Read one event or heartbeat. Raises Ended."""
        try:
            await (self._step_ws() if self.kind == "ws" else self._step_sse())
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Ended(None, repr(error)) from error

    async def _step_ws(self) -> None:
        assert self._socket is not None
        message = await self._socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise Ended(self._socket.close_code, str(message.extra or ""))
        said = json.loads(message.data)
        self.cursor = said.pop("cursor")
        if said["type"] == "heartbeat":
            self.heartbeats += 1
        else:
            self.told.append((self.cursor, said))

    async def _step_sse(self) -> None:
        assert self._response is not None
        fields: dict[str, str] = {}
        comment = False
        while True:
            line = await self._response.content.readuntil(b"\n")
            if not line.endswith(b"\n"):
                raise Ended(None, "the stream ended")
            name, colon, value = line[:-1].decode().partition(":")
            if not name and not colon:
                break
            comment = comment or not name
            fields[name] = value.removeprefix(" ")
        if "id" in fields:
            self.cursor = int(fields["id"])
        if "data" in fields:
            said = json.loads(fields["data"])
            assert said["type"] == fields["event"]
            assert self.cursor is not None
            self.told.append((self.cursor, said))
        elif comment:
            self.heartbeats += 1

    def cut(self) -> None:
        """Break the connection as a pulled cable does, whatever is on its way."""
        response = self._response
        if response is None and self._socket is not None:
            response = self._socket._response
        connection = response.connection if response is not None else None
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        self._response = self._socket = None

    async def close(self) -> None:
        """Leave politely."""
        if self._socket is not None:
            await self._socket.close()
        if self._response is not None:
            self._response.close()
        self._response = self._socket = None

    async def __aenter__(self) -> EventReader:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def steps(reader: EventReader) -> AsyncIterator[None]:
    """Read until the stream is over."""
    while True:
        try:
            await reader.step()
        except Ended:
            return
        yield
