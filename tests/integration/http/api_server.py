"""Owns a real server for the tests of the HTTP surface: real sockets, real SQLite, two lines remembered.

Knows no device: lines are only rows here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from device_bridge.device import DeviceInfo, LineHealth, LineIdentity, LineState
from gateway.admission import Admission, AdmissionSettings
from gateway.clock import SystemClock
from gateway.http.app import build_app
from gateway.http.keys import new_key
from gateway.http.protocol import listen, make_runner
from gateway.http.services import ApiSettings, Services
from gateway.notification_desk import NotificationDesk, Offers
from gateway.store.crypto import KeyRing
from gateway.store.rows import KeyRow, LineRow, LineSettings, View
from gateway.store.sqlite import SqliteStore
from gateway.web import SITE
from tests.harness.empty_store import lay

TENANT = "default"


class MovableClock:
    """System time that a test can push forward."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self.ahead_s = 0.0

    def now_ms(self) -> int:
        return self._system.now_ms() + int(self.ahead_s * 1000)

    def monotonic_s(self) -> float:
        return self._system.monotonic_s() + self.ahead_s


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    octets: bytes
    json: Any

    @property
    def code(self) -> str | None:
        return self.json.get("code") if isinstance(self.json, dict) else None

    def pointers(self) -> list[str]:
        return [error["pointer"] for error in self.json["errors"]]


@dataclass
class Server:
    """A server that runs, with its store and a live and a sandbox key with every scope."""

    port: int
    store: SqliteStore
    services: Services
    clock: MovableClock
    session: aiohttp.ClientSession
    live: str = ""
    sandbox: str = ""
    real: LineRow | None = None
    emulated: LineRow | None = None
    rows: dict[str, KeyRow] = field(default_factory=dict)

    async def key(self, *scopes: str, sandbox: bool = False, tenant: str = TENANT, name: str = "test") -> str:
        """Make a key in the store, as the command line would."""
        row, key = new_key(tenant, name, scopes or ("*",), self.clock.now_ms(), sandbox=sandbox)
        await self.store.add_key(row)
        self.rows[key] = row
        return key

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        key: str | None = "",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request; ``key`` "" = the live key, None = none."""
        sent = dict(headers or {})
        if key is not None:
            sent.setdefault("Authorization", f"Bearer {key or self.live}")
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        content: dict[str, Any] = (
            {"data": body} if body is not None else {"json": json} if json is not None else {}
        )
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.request(
            method, url, headers=sent, allow_redirects=False, **content
        ) as response:
            octets = await response.read()
            kind = response.headers.get("Content-Type", "")
            parsed = await response.json(content_type=None) if "json" in kind and octets else None
            return Answer(response.status, response.headers, octets, parsed)

    async def send(self, json: dict[str, Any], **more: Any) -> Answer:
        return await self.call("POST", "/api/v1/messages", json, **more)

    async def raw(self, octets: bytes, *, half_close: bool = False, timeout_s: float = 5.0) -> bytes:
        """Send octets as they are; returns all that comes until the server closes or is silent for a moment."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(octets)
            if half_close:
                writer.write_eof()
            answer = b""
            try:
                async with asyncio.timeout(timeout_s):
                    while chunk := await reader.read(65_536):
                        answer += chunk
            except (TimeoutError, ConnectionError):
                pass
            return answer
        finally:
            writer.close()

    async def stored(self) -> int:
        """Count the messages of the tenant."""
        return sum((await self.store.counts(TENANT)).values())


ServerFactory = Callable[..., Awaitable[Server]]


@asynccontextmanager
async def running(
    data_dir: Path, admission: AdmissionSettings, changes: dict[str, Any]
) -> AsyncIterator[Server]:
    clock = changes.pop("clock", None) or MovableClock()
    max_queued = changes.pop("max_queued", 100_000)
    settings = replace(ApiSettings(), **changes.pop("settings", {}))
    ring = KeyRing.load(data_dir / "keys" / "data.json")
    rules = changes.pop("rules", None)
    store = SqliteStore(await lay(data_dir / "gateway.db"), ring, clock, max_queued=max_queued, rules=rules)
    await store.open()
    judged = Admission(store, admission, clock)
    desk = NotificationDesk(
        store,
        judged,
        clock,
        offers=changes.pop("offers", Offers()),
        refuse_target=changes.get("refuse_target") or (lambda _url: None),
    )
    services = Services(store, judged, clock, settings, notifications=desk, **changes)
    runner = make_runner(build_app(services, SITE), settings)
    _, port = await listen(runner, "127.0.0.1", 0)
    session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)
    server = Server(port, store, services, clock, session)
    try:
        server.live = await server.key()
        server.sandbox = await server.key(sandbox=True)
        yield server
    finally:
        await session.close()
        await runner.cleanup()
        await store.close()


async def see_line(
    store: SqliteStore,
    name: str,
    *,
    emulated: bool,
    number: str | None = None,
    label: str | None = None,
    imsi: str | None = None,
) -> LineRow:
    """Let the store remember a SIM and its device."""
    device = DeviceInfo(id=f"imei-{name}", kind="modem", address="test", emulated=emulated)
    await store.device_seen(device, True, None)
    identity = LineIdentity(key=f"8944{name}", iccid=f"8944{name}", imsi=imsi, number=number)
    health = LineHealth(state=LineState.UP)
    await store.line_seen(identity, device.id, health, LineSettings(label=label))
    return next(row for row in await store.lines(View(TENANT)) if row.iccid == identity.iccid)
