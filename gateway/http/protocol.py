"""Owns the edge that aiohttp leaves open: a deadline for the request head, a limit of connections, and problem
documents for what is no HTTP at all.

Knows no route. Leans on hooks of aiohttp's server that are not public; tests pin each of them.
Source: rules API-4, API-6; RFC 9112 (framing).
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler
from pydantic_core import to_json

from gateway.errors import GatewayError
from gateway.http.call import problem
from gateway.http.door import HEADERS, internal_error, of_http
from gateway.http.services import ApiSettings
from gateway.ids import new_id

if TYPE_CHECKING:
    from aiohttp.web_request import BaseRequest

log = structlog.get_logger("gateway.http")

_LINGERING_S = 2.0
"""How long the rest of a refused body is read and thrown away, so that the client sees the answer."""

_KEEP_ALIVE_S = 120.0


@dataclass(slots=True)
class Connections:
    """Counts open connections, in all and by address; loopback has no limit of its own."""

    limit: int
    limit_per_address: int
    total: int = 0
    by_address: Counter[str] = field(default_factory=Counter)

    def enter(self, address: str) -> bool:
        """Count a connection; False when it is one too many."""
        self.total += 1
        self.by_address[address] += 1
        return self.total <= self.limit and (
            self.by_address[address] <= self.limit_per_address or _is_loopback(address)
        )

    def leave(self, address: str) -> None:
        """Count a connection out."""
        self.total -= 1
        self.by_address[address] -= 1
        if self.by_address[address] <= 0:
            del self.by_address[address]


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return True  # a unix socket


class Connection(RequestHandler):
    """One connection: aiohttp's own, with a deadline for each request head and our answers to broken ones."""

    __slots__ = ("_address", "_connections", "_head_timeout_s", "_head_timer")

    def __init__(
        self, manager: web.Server, connections: Connections, head_timeout_s: float, **kwargs: Any
    ) -> None:
        super().__init__(manager, **kwargs)
        self._connections = connections
        self._head_timeout_s = head_timeout_s
        self._head_timer: asyncio.TimerHandle | None = None
        self._address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if isinstance(peer, tuple) else ""
        welcome = self._connections.enter(self._address)
        super().connection_made(transport)
        self._expect_head()
        if not welcome:
            error = GatewayError(
                "overloaded",
                "Too many connections are open. Close some, or reuse them.",
                headers={"Retry-After": "5"},
            )
            self._say(error)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._forget_head()
        if self._manager is not None:
            self._connections.leave(self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._messages or self._current_request is not None:
            if self._head_timer is not None:
                self._forget_head()
        elif self._head_timer is None and data and not self._upgraded and not self._request_in_progress:
            # Octets came and no head is complete: a slow writer has the deadline from its first octet.
            self._expect_head()

    def _expect_head(self) -> None:
        self._head_timer = self._loop.call_later(self._head_timeout_s, self._head_is_late)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self._messages and not self._request_in_progress:
            self.force_close()

    def _say(self, error: GatewayError) -> None:
        """Answer without a request and close."""
        request_id = new_id()
        body = to_json(error.document(request_id))
        lines = {
            **HEADERS,
            **error.headers,
            "X-Request-Id": request_id,
            "Content-Type": "application/problem+json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        head = f"HTTP/1.1 {error.status} {error.entry.title}\r\n" + "".join(
            f"{k}: {v}\r\n" for k, v in lines.items()
        )
        if self.transport is not None:
            self.transport.write(head.encode() + b"\r\n" + body)
        self.force_close()

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's signature; its words may quote the request
    ) -> web.StreamResponse:
        """Answer what is no HTTP, and what broke outside the middleware, as a problem without any banner."""
        request_id = new_id()
        # aiohttp quotes an unknown expectation, and breaks at one that is not ASCII.
        is_odd = not request.headers.get("Expect", "").isascii()
        if isinstance(exc, HttpProcessingError) or status == 400 or is_odd:
            log.info("http.malformed", request=request_id, reason=type(exc).__name__)
            error = GatewayError("malformed_http", "The request is not valid HTTP/1.1. Use an HTTP library.")
        else:
            log.error("http.failed", request=request_id, exc_info=exc)
            error = internal_error(request_id)
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer is out; another cannot follow")
        return _closing(error, request_id)

    async def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if isinstance(resp, web.HTTPException):
            # Raised before the middleware (an expectation that is none): aiohttp would answer plain text.
            resp = _closing(of_http(resp), new_id())
        return await super().finish_response(request, resp, start_time)


def _closing(error: GatewayError, request_id: str) -> web.Response:
    response = problem(error, request_id)
    response.headers.update(HEADERS)
    response.headers["X-Request-Id"] = request_id
    response.force_close()
    return response


class _Server(web.Server):
    """Makes our connections; everything else is aiohttp's."""

    def __init__(self, plain: web.Server, settings: ApiSettings) -> None:
        super().__init__(
            plain.request_handler,
            request_factory=plain.request_factory,
            handler_cancellation=plain.handler_cancellation,
            loop=plain._loop,  # noqa: SLF001 - no public name; pinned by tests
            **plain._kwargs,  # noqa: SLF001
        )
        self._head_timeout_s = settings.head_timeout_s
        self._open = Connections(settings.max_connections, settings.max_connections_per_address)

    def __call__(self) -> RequestHandler:
        return Connection(self, self._open, self._head_timeout_s, loop=self._loop, **self._kwargs)


class ApiRunner(web.AppRunner):
    """aiohttp's runner with our connections."""

    __slots__ = ("_settings",)

    def __init__(self, app: web.Application, settings: ApiSettings) -> None:
        super().__init__(
            app,
            auto_decompress=False,
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE_S,
            lingering_time=_LINGERING_S,
            shutdown_timeout=1.0,
        )
        self._settings = settings

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), self._settings)


def make_runner(app: web.Application, settings: ApiSettings) -> ApiRunner:
    """Make the runner that serves an app with all limits; call ``setup`` and start a site with it."""
    return ApiRunner(app, settings)


async def listen(
    runner: ApiRunner, host: str, port: int, tls: ssl.SSLContext | None = None
) -> tuple[str, int]:
    """Start serving; ``port`` 0 takes a free one. Returns the address that is listened on.

    Raises:
        OSError: the address is in use or not ours.
    """
    if runner.server is None:
        await runner.setup()
    site = web.TCPSite(runner, host, port, ssl_context=tls, backlog=1024)
    await site.start()
    address = runner.addresses[-1]
    return str(address[0]), int(address[1])
