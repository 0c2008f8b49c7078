"""Who may open an event stream, how it ends, and what hostile readers get: nobody else pays for them.

Source: rules USR-8, KEY-4, KEY-5; attack rows 12 and 17; RFC 6455.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import time
from pathlib import Path

import aiohttp
import pytest
import structlog

from gateway import keys
from gateway.http.services import StreamSettings
from gateway.store.sessions import Holder
from tests.harness.event_reader import Ended, EventReader, Kind
from tests.harness.gateway_process import until
from tests.integration.http.api_server import Server, ServerFactory
from tests.integration.http.event_streams import BOTH, SSE, WS, emit, reader, seqs

EVIL = "http://evil.example"
AT_ONCE_S = 8.0
"""Who is not told at once learns of it by a beat at the earliest: 15 s."""


async def ending(stream: EventReader, limit_s: float = 30.0) -> Ended:
    """Read a stream to its end."""
    async with asyncio.timeout(limit_s):
        while True:
            try:
                await stream.step()
            except Ended as ended:
                return ended


async def cookie(server: Server, key: str, token: str = "token") -> dict[str, str]:
    """Begin a session as the sign-in does; returns the header that a browser sends."""
    row = server.rows[key]
    holder = Holder(row.tenant, row.id, keys.digest(key))
    await server.store.sessions.begin(hashlib.sha256(token.encode()).digest(), holder, "127.0.0.1")
    return {"Cookie": f"gateway={token}"}


# ------------------------------------------------------------------ the first frame


async def test_a_reader_without_headers_says_in_its_first_frame_who_it_is(server: Server) -> None:
    async with reader(server, "ws", key=None, cursor=0) as stream:
        await stream.say({"type": "auth", "token": server.sandbox})
        await stream.beat()
        await server.send({"to": "+99900000001", "text": "Hello"}, key=server.sandbox)
        told = await stream.one()
        while told["type"] != "message.queued":
            told = await stream.one()
        assert told["data"]["text"] == "Hello"


@pytest.mark.parametrize(
    "frame",
    [
        "no json", "[]", "{}", '{"type":"auth"}', '{"type":"auth","token":7}', '{"type":"auth","token":""}',
        '{"type":"hello","token":"x"}', '{"type":"auth","token":"gwl_wrong"}',
    ],
)  # fmt: skip
async def test_a_first_frame_that_names_nobody_closes_the_socket(server: Server, frame: str) -> None:
    async with reader(server, "ws", key=None) as stream:
        assert stream._socket is not None
        await stream._socket.send_str(frame)
        ended = await ending(stream)
        assert (ended.code, ended.reason) == (1008, "unauthenticated")


async def test_a_first_frame_of_a_key_without_the_scope_closes_the_socket(server: Server) -> None:
    async with reader(server, "ws", key=None) as stream:
        await stream.say({"type": "auth", "token": await server.key("messages:send")})
        ended = await ending(stream)
        assert (ended.code, ended.reason) == (1008, "forbidden")


async def test_USR_8_who_never_says_who_it_is_is_closed_in_time(make_server: ServerFactory) -> None:
    assert StreamSettings().first_frame_s == 5
    server = await make_server(settings={"streams": StreamSettings(first_frame_s=0.2)})
    async with reader(server, "ws", key=None) as stream:
        assert (await ending(stream)).code == 1008
    silent = await connection(server, handshake(server, key=None))
    assert b" 101 " in await silent.head()
    assert close_code(await silent.rest()) == 1008
    silent.close()


async def test_wrong_first_frames_count_as_failures_of_the_address(server: Server) -> None:
    for _ in range(10):
        async with reader(server, "ws", key=None) as stream:
            await stream.say({"type": "auth", "token": "wrong"})
            assert (await ending(stream)).code == 1008
    async with reader(server, "ws", key=None) as stream:
        await stream.say({"type": "auth", "token": "wrong"})
        ended = await ending(stream)
        assert (ended.code, ended.reason) == (1013, "too_many_attempts")
    assert (await server.call("GET", "/api/v1/lines", key="wrong")).status == 429


async def test_cookies_of_others_on_this_host_do_not_take_the_first_frame_away(server: Server) -> None:
    stream = reader(server, "ws", key=None)
    stream.headers = {"Cookie": "theme=dark; sid=1234"}
    async with stream:
        await stream.say({"type": "auth", "token": server.live})
        await stream.beat()
    ours = {"Cookie": "gateway=over", **upgrade()}
    assert (await server.call("GET", WS, key=None, headers=ours)).status == 401


async def test_only_a_websocket_may_be_opened_by_nobody(server: Server) -> None:
    assert (await server.call("GET", WS, key=None)).status == 401
    assert (await server.call("GET", SSE, key=None)).status == 401
    plain = await server.call("GET", WS)
    assert (plain.status, plain.code) == (400, "malformed_http")


async def test_HEAD_says_what_it_is_and_opens_nothing(server: Server) -> None:
    answer = await server.call("HEAD", SSE)
    assert (answer.status, answer.octets) == (200, b"")
    assert answer.headers["Content-Type"] == "text/event-stream"


@pytest.mark.parametrize("path", [SSE, WS])
async def test_row_12_a_key_in_the_address_is_refused(server: Server, path: str) -> None:
    for name in ("token", "key", "after"):
        answer = await server.call("GET", f"{path}?{name}={server.live}", key=None)
        assert (answer.status, answer.code) == (400, "key_in_url")


# ------------------------------------------------------------------ whose page asks


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "http://127.0.0.1:1", "https://127.0.0.1:{port}", "file://"]
)
@BOTH
async def test_row_17_a_page_of_another_origin_gets_no_stream(
    server: Server, kind: Kind, origin: str
) -> None:
    for credential in ({"Authorization": f"Bearer {server.live}"}, await cookie(server, server.live)):
        stream = reader(server, kind, key=None)
        stream.headers = {**credential, "Origin": origin.format(port=server.port)}
        with pytest.raises(aiohttp.ClientResponseError) as refused:
            await stream.open()
        assert refused.value.status == 403
        answer = await server.call(
            "GET", SSE if kind == "sse" else WS, key=None, headers={**stream.headers, **upgrade()}
        )
        assert (answer.status, answer.code) == (403, "origin_not_allowed")


async def test_row_17_a_foreign_page_cannot_even_open_a_socket_for_its_first_frame(server: Server) -> None:
    answer = await server.call("GET", WS, key=None, headers={"Origin": EVIL, **upgrade()})
    assert (answer.status, answer.code) == (403, "origin_not_allowed")


@BOTH
async def test_our_own_pages_follow_with_their_session(make_server: ServerFactory, kind: Kind) -> None:
    server = await make_server(settings={"public_url": "https://sms.example.org/gateway"})
    for origin in (
        f"http://127.0.0.1:{server.port}",
        "https://sms.example.org",
        "HTTPS://SMS.example.org:443",
    ):
        stream = reader(server, kind, key=None)
        stream.headers = {
            **await cookie(server, await server.key("events:read"), origin[-3:]),
            "Origin": origin,
        }
        async with stream:
            await stream.beat()
            await emit(server, 1)
            await stream.one()


# ------------------------------------------------------------------ revoked


@BOTH
@pytest.mark.parametrize("how", ["api", "elsewhere", "expired", "rotated"])
async def test_KEY_5_a_key_that_ends_takes_its_streams_along(server: Server, kind: Kind, how: str) -> None:
    key = await server.key()
    row = server.rows[key]
    doomed = [reader(server, kind, key=key) for _ in range(3)]
    other = reader(server, kind)
    for stream in (*doomed, other):
        await stream.open()
        await stream.beat()
    if how == "api":
        await server.call("DELETE", f"/api/v1/keys/{row.id}")
    elif how == "elsewhere":
        await server.store.change_key(row.tenant, row.id, {"revoked_at_ms": server.clock.now_ms()})
    elif how == "expired":
        await server.store.change_key(row.tenant, row.id, {"expires_at_ms": server.clock.now_ms() + 10})
    else:
        await server.call("POST", f"/api/v1/keys/{row.id}/rotate", {"now": True})
    began_s = time.monotonic()
    for stream in doomed:
        ended = await ending(stream)
        assert ended.code == (1008 if kind == "ws" else None)
    assert time.monotonic() - began_s < AT_ONCE_S
    await emit(server, 1)
    assert (await other.one())["type"] == "policy.alert"
    await other.close()


@BOTH
async def test_KEY_5_a_session_that_ends_takes_its_streams_along(server: Server, kind: Kind) -> None:
    stream = reader(server, kind, key=None)
    stream.headers = await cookie(server, server.live)
    async with stream:
        await stream.beat()
        await server.store.sessions.end(hashlib.sha256(b"token").digest())
        await ending(stream, 2.0)


# ------------------------------------------------------------------ hostile frames and readers


def upgrade() -> dict[str, str]:
    return {
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }  # fmt: skip


def handshake(server: Server, path: str = WS, *, key: str | None = "") -> bytes:
    lines = {"Host": f"127.0.0.1:{server.port}", **(upgrade() if path.startswith(WS) else {})}
    if key is not None:
        lines["Authorization"] = f"Bearer {key or server.live}"
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"GET {path} HTTP/1.1\r\n{head}\r\n".encode()


class Raw:
    """A connection that reads only when it is told to."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.octets = b""

    async def _more(self) -> bool:
        try:
            more = await asyncio.get_running_loop().sock_recv(self._connection, 1 << 20)
        except ConnectionError:
            return False
        self.octets += more
        return bool(more)

    async def head(self) -> bytes:
        while b"\r\n\r\n" not in self.octets:
            assert await self._more()
        head, _, self.octets = self.octets.partition(b"\r\n\r\n")
        return head

    async def rest(self, limit_s: float = 30.0) -> bytes:
        """Read to the end of the connection, or to a close frame."""
        async with asyncio.timeout(limit_s):
            while close_code(self.octets) is None and await self._more():
                pass
        return self.octets

    async def send(self, octets: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._connection, octets)

    def close(self) -> None:
        self._connection.close()


async def connection(server: Server, request: bytes) -> Raw:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", server.port))
    raw = Raw(made)
    await raw.send(request)
    return raw


def frames(octets: bytes) -> list[tuple[int, bytes]]:
    """Split what a server sent into whole frames: opcode and payload (RFC 6455 §5.2)."""
    found = []
    while len(octets) >= 2:
        length, start = octets[1] & 0x7F, 2
        if length >= 126:
            size = 2 if length == 126 else 8
            length, start = int.from_bytes(octets[2 : 2 + size], "big"), 2 + size
        if len(octets) < start + length:
            break
        found.append((octets[0] & 0x0F, octets[start : start + length]))
        octets = octets[start + length :]
    return found


def close_code(octets: bytes) -> int | None:
    return next((int.from_bytes(p[:2], "big") for opcode, p in frames(octets) if opcode == 8), None)


async def test_row_17_a_frame_of_10_MB_closes_the_socket(server: Server) -> None:
    async with reader(server, "ws") as stream:
        await stream.beat()
        assert stream._socket is not None
        await stream._socket.send_bytes(b"x" * 10_000_000)
        assert (await ending(stream)).code == 1009
    raw = await connection(server, handshake(server))
    await raw.head()
    await raw.send(b"\x82\xff" + (10_000_000).to_bytes(8, "big") + b"mask" + b"x" * 1000)
    assert close_code(await raw.rest()) == 1009
    raw.close()


async def test_USR_8_frames_up_to_64_KiB_are_let_in_and_mean_nothing(server: Server) -> None:
    async with reader(server, "ws") as stream:
        await stream.beat()
        assert stream._socket is not None
        for frame in ("x" * 65_536, json.dumps({"type": "auth", "token": "wrong"})):
            await stream._socket.send_str(frame)
        await emit(server, 1)
        assert (await stream.one())["type"] == "policy.alert"
        await stream._socket.send_str("x" * 65_537)
        assert (await ending(stream)).code == 1009


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def test_row_17_a_reader_that_never_reads_is_cut_and_memory_stays_flat(server: Server) -> None:
    readers = [await connection(server, handshake(server, f"{WS}?after=0")) for _ in range(20)]
    readers += [await connection(server, handshake(server, f"{SSE}?after=0")) for _ in range(20)]
    for raw in readers:
        await raw.head()
    good = [reader(server, kind) for kind in ("sse", "ws")]
    for stream in good:
        await stream.open()
        await stream.beat()
    before_mib = resident_mib()
    with structlog.testing.capture_logs() as logs:
        for _ in range(15):
            await emit(server, 100, size=8_000)
            await asyncio.gather(*(stream.many(100) for stream in good))

        def cut() -> bool:
            return [line["event"] for line in logs].count("stream.cut") == len(readers)

        await until(cut, "every reader that reads nothing is cut", 10)
        # 40 readers would hold 12 MB each.
        assert resident_mib() - before_mib < 60
        assert {(line["reason"], line["key_id"]) for line in logs if line["event"] == "stream.cut"} == {
            ("slow", server.rows[server.live].id)
        }
    told = await readers[0].rest()
    assert close_code(told) == 1013
    last = json.loads([payload for opcode, payload in frames(told) if opcode == 1][-1])["cursor"]
    everything = await seqs(server)
    async with reader(server, "ws", cursor=last) as resumed:
        missed = [seq for seq in everything if seq > last]
        await resumed.many(len(missed))
        assert [cursor for cursor, _ in resumed.told] == missed
    for raw in readers:
        raw.close()
    for stream in good:
        await stream.close()


async def test_a_reader_that_takes_nothing_for_a_minute_is_cut_however_little_comes(server: Server) -> None:
    raw = await connection(server, handshake(server, SSE))
    await raw.head()
    for _ in range(4):
        await emit(server, 20, size=15_000)
    with structlog.testing.capture_logs() as logs:

        def cut() -> bool:
            server.clock.ahead_s += 61  # again and again: when it stalls nobody outside can see
            return any(line["event"] == "stream.cut" for line in logs)

        await until(cut, "it is cut", 5, 0.5)
    raw.close()


# ------------------------------------------------------------------ the end of the server


@BOTH
async def test_a_server_that_stops_says_so_to_every_stream_at_once(server: Server, kind: Kind) -> None:
    streams = [reader(server, kind) for _ in range(10)]
    for stream in streams:
        await stream.open()
        await stream.beat()
    server.services.stopping.set()
    began_s = time.monotonic()
    for stream in streams:
        ended = await ending(stream)
        assert ended.code == (1001 if kind == "ws" else None)
    assert time.monotonic() - began_s < AT_ONCE_S
    refused = await server.call("GET", SSE)
    assert (refused.status, refused.code) == (503, "shutting_down")
