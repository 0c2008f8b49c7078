"""Owns what happens to every request: its id, the host check, errors as problems, headers, one line of log.

Knows no resource. One middleware, because each layer costs every request.
Source: rules API-6, API-7, API-12, API-14, API-16, KEY-4; RFC 9457.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from urllib.parse import unquote, urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware
from structlog.contextvars import bind_contextvars

from gateway.admission import storage_unavailable
from gateway.errors import GatewayError
from gateway.http.call import problem, wants_page
from gateway.http.event_asked import is_gone
from gateway.http.services import ApiSettings
from gateway.ids import new_id
from gateway.keys import KEY_PATTERN
from gateway.lifecycle import Conflict
from gateway.store.protocol import IdempotencyKeyReused, NotFound, StoreUnavailable

log = structlog.get_logger("gateway.http")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "gateway",
}
"""On every response, those to broken requests too."""

REQUEST_ID = web.RequestKey("request_id", str)
KEY_ID = web.RequestKey("key_id", str)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_LEFT = 499
"""Stands in the log where the client left before the end, as in nginx; no client ever sees it."""

_METHODS_ALLOWED = re.compile(r"[A-Z]+")


RefusePage = Callable[[web.Request, GatewayError, str], web.Response]
"""Shows a person why a page cannot be had: the request, the error, the request's id."""


Answered = Callable[[str, str, int, float], None]
"""Told of each answer: the template of its route, method, status and seconds."""


KeyShown = Callable[[str], Awaitable[None]]
"""Told of a key that stood in an address: by the address of the client. The key itself is not told."""


Recall = Callable[[web.Request], Awaitable[None]]
"""Finds out whose session a request has, where no route did; lets nobody in."""


class Door:
    """The middleware, with what it needs to know of the server's names."""

    def __init__(self, settings: ApiSettings, refuse_page: RefusePage | None = None) -> None:
        self._settings = settings
        self._refuse_page = refuse_page
        names = {*settings.own_names, "localhost", *(name.lower() for name in settings.allowed_hosts)}
        if settings.public_url is not None:
            names.add((urlsplit(settings.public_url).hostname or "").lower())
        self._names = frozenset(names - {""})
        self._host_allowed: Callable[[str], bool] = lru_cache(maxsize=1024)(self._is_ours)
        # Bound once: a lazy logger is assembled anew at each call, and this one is called for every request.
        self._log = log.bind()
        self.answered: Answered = lambda _route, _method, _status, _seconds: None
        self.key_shown: KeyShown = _nobody_asks
        self.recall: Recall = _nobody_knows

    def middleware(self) -> Middleware:
        """Make the aiohttp middleware."""

        @web.middleware
        async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
            started_s = time.monotonic()
            request_id = _request_id(request)
            request[REQUEST_ID] = request_id
            # What is logged further in carries it too. A connection's next request overwrites it.
            bind_contextvars(request=request_id)
            response = await self._answer(request, handler, request_id)
            headers = response.headers
            for name, value in HEADERS.items():
                # A file with a hash in its name says itself how long it is kept.
                headers.setdefault(name, value)
            headers["X-Request-Id"] = request_id
            seconds = time.monotonic() - started_s
            if isinstance(response, web.Response) and response.status != _LEFT:
                # A stream lasts as long as its reader: that is no time of an answer.
                self.answered(route_name(request), request.method, response.status, seconds)
            self._note(request, response, seconds)
            return response

        return door

    async def _answer(self, request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
        try:
            self._check(request)
            return await handler(request)
        except GatewayError as error:
            if error.code == "key_in_url":
                await self.key_shown(self.client_address(request))
            return self._refusal(request, error, request_id)
        except web.HTTPException as error:
            # No route looked up who asks, and the page that says so has the menu of whoever is signed in.
            if wants_page(request):
                await self.recall(request)
            return self._refusal(request, of_http(error), request_id)
        except (StoreUnavailable, NotFound, IdempotencyKeyReused, Conflict) as error:
            return self._refusal(request, _of_domain(error), request_id)
        except Exception as error:
            if isinstance(error, ConnectionError) and is_gone(request):
                # It left while a file was written to it: nobody waits for an answer, and nothing is broken.
                return web.Response(status=_LEFT)
            # The top of a request: whatever broke is logged, and the client gets an answer.
            log.exception("http.failed", request=request_id, route=route_name(request))
            return self._refusal(request, internal_error(request_id), request_id)

    def _refusal(self, request: web.Request, error: GatewayError, request_id: str) -> web.Response:
        if self._refuse_page is not None and wants_page(request):
            return self._refuse_page(request, error, request_id)
        return problem(error, request_id)

    def _note(self, request: web.Request, response: web.StreamResponse, seconds: float) -> None:
        """Write the line of the access log; what succeeds is only of interest while somebody debugs."""
        if response.status < 400 or response.status == _LEFT:
            if not self._log.is_enabled_for(logging.DEBUG):
                return
            note = self._log.debug
        else:
            note = self._log.info if response.status < 500 else self._log.warning
        note(
            "http.request",
            request=request[REQUEST_ID],
            method=request.method,
            route=route_name(request),
            http_status=response.status,
            ms=round(seconds * 1000, 1),
            length=response.content_length,
            key_id=request.get(KEY_ID),
        )

    def _check(self, request: web.Request) -> None:
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1:
            raise GatewayError(
                "malformed_http", "Send exactly one Host header.", headers={"Connection": "close"}
            )
        # aiohttp's own host is that of an address in absolute form, which goes before the header (RFC 9112 §3.2.2).
        if not (self._host_allowed(hosts[0]) and self._host_allowed(request.host)):
            raise GatewayError(
                "host_not_allowed",
                "This host name is not one of this server's. Add it to server.allowed_hosts, or use the address.",
            )
        # Cheap test first: only an address that could hold a key is searched.
        address = request.rel_url.raw_path_qs
        if "gw" in address or "%" in address:
            _refuse_key_in(address)

    def _is_ours(self, host: str) -> bool:
        name = _without_port(host).lower().rstrip(".")
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def client_address(self, request: web.Request) -> str:
        """Say where a request comes from: X-Forwarded-For counts only from a trusted proxy, from the right."""
        address = request.remote or ""
        proxies = self._settings.trusted_proxies
        if not proxies or not _in(address, proxies):
            return address
        hops = [hop.strip() for hop in ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")]
        for hop in reversed(hops):
            try:
                address = str(ipaddress.ip_address(hop))
            except ValueError:
                return address
            if not _in(address, proxies):
                return address
        return address


def _in(address: str, networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in networks)


async def _nobody_asks(_address: str) -> None:
    """Tell nobody."""


async def _nobody_knows(_request: web.Request) -> None:
    """Know nobody."""


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _request_id(request: web.Request) -> str:
    given = request.headers.get("X-Request-Id")
    return given if given is not None and _REQUEST_ID.fullmatch(given) else new_id()


def _refuse_key_in(address: str) -> None:
    if KEY_PATTERN.search(address) or KEY_PATTERN.search(unquote(address)):
        raise GatewayError(
            "key_in_url",
            "A key stands in the address. Send it as Authorization: Bearer KEY, and rotate this one.",
        )


def route_name(request: web.Request) -> str:
    """Name the route by its template, never by the address that was asked for."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


def internal_error(request_id: str) -> GatewayError:
    """A defect of ours."""
    return GatewayError(
        "internal_error", f"The fault is here. The log has it under the request id {request_id}."
    )


def of_http(error: web.HTTPException) -> GatewayError:
    """Turn what aiohttp raises (no route, wrong method, bad expectation) into our problems."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        # Named only when it is a word: a client chose it.
        method = error.method if _METHODS_ALLOWED.fullmatch(error.method) else "This method"
        return GatewayError(
            "method_not_allowed", f"{method} is not possible here; use {allowed}.", headers={"Allow": allowed}
        )
    if error.status == 404:
        return GatewayError("not_found", "There is no such path. /openapi.json lists all routes.")
    if error.status == 413:
        return GatewayError("body_too_large", "The body is too large. Send less at once.")
    if error.status == 417:
        return GatewayError("malformed_http", "The only expectation known is 100-continue. Leave Expect out.")
    return GatewayError("malformed_http", "The request cannot be understood. Use an HTTP library.")


def _of_domain(error: Exception) -> GatewayError:
    if isinstance(error, StoreUnavailable):
        return storage_unavailable()
    if isinstance(error, NotFound):
        return GatewayError("not_found", "There is nothing with this id. Check the id.")
    if isinstance(error, IdempotencyKeyReused):
        return GatewayError(
            "idempotency_key_reused", "This Idempotency-Key came before with another body. Use a new key."
        )
    return GatewayError(
        "conflict",
        f"{str(error)[:1].upper()}{str(error)[1:]}. GET the message and decide by its state.",
        hint="Read the message again and decide by its state.",
    )
