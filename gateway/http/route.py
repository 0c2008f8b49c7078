"""Owns what a route is: method, path, scope, shapes and handler in one value that router and openapi.json share.

Knows no resource; wraps each handler with authentication, scope, rate limit and idempotency.
Source: rules KEY-6, API-8, API-9; OpenAPI 3.1 (operation).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web
from pydantic import BaseModel

from gateway.draft import Caller
from gateway.errors import GatewayError
from gateway.http.access import Credentials, Failures, RateLimit, presented_key, unauthenticated
from gateway.http.call import Call, Desk, wants_page
from gateway.http.door import KEY_ID, REQUEST_ID, Door
from gateway.http.models import NoQuery, Query
from gateway.http.parsing import fingerprint, idempotency_key
from gateway.http.services import Services
from gateway.http.sessions import SAFE_METHODS, SESSION, Session, Sessions, refuse_forged, shows_session
from gateway.store.protocol import StoreUnavailable
from gateway.store.rows import IdempotencyKey, StoredAnswer

Method = Literal["GET", "POST", "PATCH", "DELETE"]
Handle = Callable[[Call], Awaitable[web.StreamResponse]]

NOBODY = Caller("", "", "", frozenset())

KEPT_BODY = web.ResponseKey("kept_body", bytes)
"""Key of a response under which a handler leaves the body to keep for a replay, where that is not the answer itself
(a secret is shown once and stored nowhere in clear)."""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. ``scope`` None = open to anyone, "" = to every key and session. ``answer`` None = no JSON body.

    ``streams`` are the media types of files that it takes as its body, beside or instead of JSON.
    ``also`` is what it answers with 200 where it did not do what ``status`` says, like a dry run.
    ``file`` is the media type of its answer as a file, where the query asks for one.
    ``problems`` are the codes that this operation adds to those that every operation can have.
    ``own_idempotency``: the handler brings the key into its own transaction.
    ``key_in_frame``: a WebSocket may be opened by nobody, who then says to the handler who it is.
    ``audited`` is the action that goes into the audit trail, where the store does not write it down itself: before the
    answer where something is read, else after it, as done or refused.
    """

    method: Method
    path: str
    handle: Handle
    scope: str | None
    summary: str
    status: int = 200
    body: type[BaseModel] | None = None
    query: type[Query] = NoQuery
    answer: type[BaseModel] | None = None
    streams: tuple[str, ...] = ()
    also: type[BaseModel] | None = None
    file: str | None = None
    problems: tuple[str, ...] = ()
    own_idempotency: bool = False
    key_in_frame: bool = False
    audited: str = ""
    media_type: str = field(default="application/json")


class Endpoints:
    """Turns routes into aiohttp handlers that let the right callers in."""

    def __init__(self, services: Services, door: Door) -> None:
        settings = services.settings
        self._services = services
        self._door = door
        self._in_progress: set[tuple[str, str]] = set()
        self._failures = Failures(
            settings.auth_failures_per_minute, services.clock, services.store.audit, settings.tenant
        )
        self._limit = RateLimit(settings.rate_limit, services.clock)
        self.credentials = Credentials(
            services.store, services.clock, settings.admin_key_digest, settings.tenant
        )
        self.sessions = Sessions(services.store, services.clock, self.credentials, self._failures)

    async def key_shown(self, address: str) -> None:
        """Note that a key stood in an address."""
        await self._failures.shown_openly(address)

    def bind(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Make the handler of one route."""
        if route.scope is None:
            return self._open(route)
        scope = route.scope
        generic_idempotency = route.method == "POST" and not route.own_idempotency

        async def endpoint(request: web.Request) -> web.StreamResponse:
            address = self._door.client_address(request)
            if route.key_in_frame and _shows_nothing(request):
                return await route.handle(self._call(request, NOBODY, address))
            caller, session = await self._caller(request, address)
            rate = self._limit.take(caller.key_id)
            try:
                response = await self._allowed(
                    self._call(request, caller, address, session),
                    route,
                    scope,
                    once=generic_idempotency and "Idempotency-Key" in request.headers,
                )
            except GatewayError as error:
                # A refusal tells the state of the limit as well as an answer does.
                if rate:
                    error.headers.setdefault("RateLimit-Policy", self._limit.policy)
                    error.headers.setdefault("RateLimit", rate)
                raise
            if rate:
                response.headers["RateLimit-Policy"] = self._limit.policy
                response.headers["RateLimit"] = rate
            return response

        return endpoint

    def _open(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def endpoint(request: web.Request) -> web.StreamResponse:
            address = self._door.client_address(request)
            # A page that is open to all still shows the way to the others to somebody who is signed in.
            session = await self.sessions.of(request, address) if wants_page(request) else None
            caller = session.caller if session is not None else NOBODY
            if session is not None:
                request[SESSION] = session
            return await route.handle(self._call(request, caller, address, session))

        return endpoint

    def _call(
        self, request: web.Request, caller: Caller, address: str, session: Session | None = None
    ) -> Call:
        desk = Desk(self.credentials, self.sessions, self._failures, self._limit)
        return Call(self._services, request, request[REQUEST_ID], caller, address, desk, session)

    async def recall(self, request: web.Request) -> None:
        """Find out whose session a request has that reached no route, for the frame of the page that says so."""
        if SESSION in request or not request.cookies:
            return
        # The page can be shown without: that the store is away is not what was asked.
        with suppress(StoreUnavailable):
            session = await self.sessions.of(request, self._door.client_address(request))
            if session is not None:
                request[SESSION] = session

    async def _caller(self, request: web.Request, address: str) -> tuple[Caller, Session | None]:
        """Say who asks: a key goes before a session, which may change things only from our own pages."""
        signed_in = shows_session(request)
        presented = presented_key(request.headers, beside_session=signed_in)
        if presented is None and signed_in:
            session = await self.sessions.of(request, address)
            if session is not None:
                if request.method not in SAFE_METHODS:
                    refuse_forged(request, self._services.settings)
                request[KEY_ID] = session.caller.key_id
                request[SESSION] = session
                return session.caller, session
        caller = await self.credentials.caller(presented, address) if presented else None
        if caller is None:
            # A page without a session is how everybody begins; it leads to the sign-in.
            if presented is not None or not wants_page(request):
                await self._failures.failed(address, presented)
            raise unauthenticated(presented=presented is not None)
        request[KEY_ID] = caller.key_id
        return caller, None

    async def _allowed(self, call: Call, route: Route, scope: str, *, once: bool) -> web.StreamResponse:
        if scope and not call.caller.may(scope):
            raise forbidden(scope)
        if route.method == "POST" and self._services.stopping.is_set():
            raise GatewayError("shutting_down", "The server is stopping. Try again in a few seconds.")
        if once:
            return await self._once(call, route)
        return await _carried_out(call, route)

    async def _once(self, call: Call, route: Route) -> web.StreamResponse:
        """Answer a repeated POST with its first answer; only answers 2xx are kept."""
        key = await idempotency_of(call)
        if key is None:
            return await _carried_out(call, route)
        running = (key.scope, key.key)
        if running in self._in_progress:
            raise GatewayError(
                "idempotency_in_progress",
                "The first request with this Idempotency-Key is still running.",
                headers={"Retry-After": "1"},
            )
        self._in_progress.add(running)
        try:
            kept = await self._services.store.answered(key)
            if kept is not None:
                return web.Response(
                    status=kept.status,
                    body=kept.body,
                    headers={"Content-Type": "application/json", "Idempotency-Replayed": "true"},
                )
            response = await _carried_out(call, route)
            if isinstance(response, web.Response) and response.status < 300:
                body = response.get(KEPT_BODY, response.body)
                await self._services.store.keep_answer(key, StoredAnswer(response.status, bytes(body or b"")))
            return response
        finally:
            self._in_progress.discard(running)


async def _carried_out(call: Call, route: Route) -> web.StreamResponse:
    if not route.audited:
        return await route.handle(call)
    target = f"{route.audited.partition('.')[0]}:{call.id()}" if "id" in call.request.match_info else ""
    if route.method == "GET":
        await call.record(route.audited, target)
        return await route.handle(call)
    try:
        response = await route.handle(call)
    except GatewayError as error:
        await call.record(route.audited, target, refused=True, code=error.code)
        raise
    await call.record(route.audited, target, refused=response.status >= 400)
    return response


def _shows_nothing(request: web.Request) -> bool:
    """Say whether a WebSocket is asked for without any credential."""
    upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
    return upgrade and presented_key(request.headers) is None and not shows_session(request)


async def idempotency_of(call: Call) -> IdempotencyKey | None:
    """Read the Idempotency-Key of a request with the fingerprint of its body; None without one.

    Raises:
        GatewayError: ``idempotency_key_invalid``.
    """
    header = call.request.headers.get("Idempotency-Key")
    if header is None:
        return None
    key = idempotency_key(header)
    body = await call.octets(optional=True)
    return IdempotencyKey(scope_of(call), key, fingerprint(body))


def scope_of(call: Call) -> str:
    """Say within what an Idempotency-Key stands for one request (rules API-8)."""
    caller = call.caller
    return f"{caller.tenant} {caller.key_id} {call.request.method} {call.request.rel_url.raw_path}"


def forbidden(scope: str) -> GatewayError:
    """The key lacks a scope."""
    return GatewayError(
        "forbidden", f"This key lacks the scope {scope}. Use one that has it, or make one with it."
    )
