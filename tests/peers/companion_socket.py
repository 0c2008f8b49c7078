"""Owns the bytes of the companion of the tests: HTTP POST and WebSocket client over TCP or TLS with one pinned key.

Refuses to know the messages. Frames are written by hand, so that a test can announce what it never sends.
Source: RFC 6455 §4.1, §5.2, §5.5; docs/link.md, *Where* and *Pairing*.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import ssl
import struct
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LARGEST = 1_048_576
CONNECT_S = 30.0
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


class WrongKeyError(Exception):
    """The certificate at the other end does not hold the pinned key."""


class HttpRefusalError(Exception):
    """The other end answered with another status than was asked for."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


class Stream:
    """One connection; ``pin`` is what its certificate says, empty without TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pin: str) -> None:
        self.reader = reader
        self.writer = writer
        self.pin = pin

    @classmethod
    async def open(cls, url: str, pin: str | None) -> Stream:
        """Connect; raises WrongKeyError before a single octet is sent when ``pin`` is not the one seen."""
        parts = urlsplit(url)
        secure = parts.scheme in {"wss", "https"}
        # Each pretend phone has a loopback address of its own, in place of a loopback of its own.
        if not secure and not (parts.hostname or "").startswith("127."):
            raise ValueError(f"{url}: cleartext is for 127.0.0.1 only")
        tls = _trust_nobody() if secure else None
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(
                parts.hostname, parts.port, ssl=tls, limit=2 * LARGEST
            )
        seen = _pin_of(writer) if secure else ""
        if pin and seen != pin:
            writer.transport.abort()
            raise WrongKeyError(f"{url}: pinned {pin}, seen {seen}")
        return cls(reader, writer, seen)

    async def request(self, method: str, url: str, headers: dict[str, str], body: bytes = b"") -> int:
        """Send a request and read the head of its answer; returns its status, ``self.headers`` has the rest."""
        parts = urlsplit(url)
        lines = [f"{method} {parts.path} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        self.headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        return int(head[0].split()[1])

    async def json(self) -> Any:
        octets = await self.reader.readexactly(int(self.headers.get("content-length", "0")))
        try:
            return json.loads(octets)
        except ValueError:
            return octets.decode("utf-8", "replace")


def _trust_nobody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _pin_of(writer: asyncio.StreamWriter) -> str:
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    key = x509.load_der_x509_certificate(der).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


async def post_json(url: str, make_body: Callable[[str], dict[str, Any]], pin: str | None) -> tuple[Any, str]:
    """POST what ``make_body`` makes of the pin that is seen; returns the answer's JSON and that pin.

    Raises HttpRefusalError for anything but 200.
    """
    stream = await Stream.open(url, pin)
    try:
        body = json.dumps(make_body(stream.pin)).encode()
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        async with asyncio.timeout(CONNECT_S):
            status = await stream.request("POST", url, headers, body)
            answer = await stream.json()
    finally:
        stream.writer.transport.abort()
    if status != 200:
        raise HttpRefusalError(status, answer)
    return answer, stream.pin


class Socket:
    """A WebSocket, client side."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.heard_s = asyncio.get_running_loop().time()
        self.deaf = False
        """Reads on and answers nothing, as a frozen process whose kernel still takes bytes."""

    @classmethod
    async def open(cls, url: str, key: str, pin: str | None) -> Socket:
        """Connect and upgrade; raises HttpRefusalError, WrongKeyError or OSError."""
        stream = await Stream.open(url, pin)
        nonce = base64.b64encode(os.urandom(16)).decode()
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": nonce,
            "Sec-WebSocket-Version": "13",
            "Authorization": f"Bearer {key}",
        }
        try:
            async with asyncio.timeout(CONNECT_S):
                await _upgraded(stream, url, headers)
        except BaseException:
            stream.writer.transport.abort()
            raise
        return cls(stream)

    # ------------------------------------------------------------------ out

    def send(self, text: str) -> None:
        self.frame(TEXT, text.encode())

    def ping(self) -> None:
        self.frame(PING, b"?")

    def frame(self, opcode: int, payload: bytes, announced: int | None = None) -> None:
        """Write one frame; ``announced`` is a length that is not the payload's."""
        if self._stream.writer.is_closing() or self.deaf:
            return
        mask = os.urandom(4)
        size = len(payload) if announced is None else announced
        head = bytes((0x80 | opcode,))
        if size < 126:
            head += bytes((0x80 | size,))
        elif size < 65_536:
            head += struct.pack(">BH", 0x80 | 126, size)
        else:
            head += struct.pack(">BQ", 0x80 | 127, size)
        self._stream.writer.write(head + mask + _masked(payload, mask))

    async def drain(self) -> None:
        await self._stream.writer.drain()

    # ------------------------------------------------------------------ in

    async def receive(self) -> str | None:
        """Wait for the next text message; None at the end of the connection."""
        gathered = b""
        try:
            while True:
                final, opcode, payload = await self._read()
                self.heard_s = asyncio.get_running_loop().time()
                if self.deaf:
                    continue
                if opcode == PING:
                    self.frame(PONG, payload)
                elif opcode == CLOSE:
                    self.close()
                    return None
                elif opcode in {TEXT, CONTINUATION}:
                    gathered += payload
                    if final:
                        return gathered.decode()
                elif opcode != PONG:
                    raise ConnectionError(f"opcode {opcode}")
        except (OSError, EOFError):
            self.abort()
            return None

    async def _read(self) -> tuple[bool, int, bytes]:
        first, second = await self._stream.reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", await self._stream.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", await self._stream.reader.readexactly(8))
        if second & 0x80 or size > LARGEST:
            raise ConnectionError("masked by the server, or over 1 MiB")
        return bool(first & 0x80), first & 0x0F, await self._stream.reader.readexactly(size)

    # ------------------------------------------------------------------ the end

    def close(self) -> None:
        """Say goodbye and let go."""
        self.frame(CLOSE, struct.pack(">H", 1000))
        self._stream.writer.close()

    def abort(self) -> None:
        """Let go without a word, as a cable does."""
        self._stream.writer.transport.abort()


async def _upgraded(stream: Stream, url: str, headers: dict[str, str]) -> None:
    status = await stream.request("GET", url, headers)
    if status != 101:
        raise HttpRefusalError(status, await stream.json())
    expected = base64.b64encode(hashlib.sha1((headers["Sec-WebSocket-Key"] + GUID).encode()).digest())
    if stream.headers.get("sec-websocket-accept") != expected.decode():
        raise HttpRefusalError(status, "not the answer to our key")


def _masked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    repeated = mask * (size // 4 + 1)
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated[:size], "big")).to_bytes(size, "big")
