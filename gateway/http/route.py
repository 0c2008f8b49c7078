"""Owns what a route is: method, path, scope, shapes and handler in one value that router and openapi.json share.

Knows no resource; wraps each handler with authentication, scope, rate limit and idempotency.
Source: rules KEY-6, API-8, API-9; OpenAPI 3.1 (operation).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web
from pydantic import BaseModel

from gateway.draft import Caller
from gateway.errors import GatewayError
from gateway.http.access import Credentials, Failures, RateLimit, presented_key, unauthenticated
from gateway.http.call import Call
from gateway.http.door import KEY_ID, REQUEST_ID, Door
from gateway.http.models import NoQuery, Query
from gateway.http.parsing import fingerprint, idempotency_key
from gateway.http.services import Services
from gateway.store.rows import IdempotencyKey, StoredAnswer

Method = Literal["GET", "POST", "PATCH", "DELETE"]
Handle = Callable[[Call], Awaitable[web.StreamResponse]]

NOBODY = Caller("", "", "", frozenset())

KEPT_BODY = web.ResponseKey("kept_body", bytes)
"""Key of a response under which a handler leaves the body to keep for a replay, where that is not the answer itself
(a secret is shown once and stored nowhere in clear)."""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. ``scope`` None = open to anyone. ``answer`` None = no JSON body.

    ``problems`` are the codes that this operation adds to those that every operation can have.
    ``own_idempotency``: the handler brings the key into its own transaction.
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
    problems: tuple[str, ...] = ()
    own_idempotency: bool = False
    media_type: str = field(default="application/json")


class Endpoints:
    """Turns routes into aiohttp handlers that let the right callers in."""

    def __init__(self, services: Services, door: Door) -> None:
        settings = services.settings
        self._services = services
        self._door = door
        self._in_progress: set[tuple[str, str]] = set()
        self._failures = Failures(settings.auth_failures_per_minute, services.clock)
        self._limit = RateLimit(settings.rate_limit, services.clock)
        self.credentials = Credentials(
            services.store, services.clock, settings.admin_key_digest, settings.tenant
        )

    def bind(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Make the handler of one route."""
        if route.scope is None:
            return self._open(route)
        scope = route.scope
        generic_idempotency = route.method == "POST" and not route.own_idempotency

        async def endpoint(request: web.Request) -> web.StreamResponse:
            address = self._door.client_address(request)
            caller = await self._caller(request, address)
            rate = self._limit.take(caller.key_id)
            try:
                response = await self._allowed(
                    self._call(request, caller, address),
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
            return await route.handle(self._call(request, NOBODY, self._door.client_address(request)))

        return endpoint

    def _call(self, request: web.Request, caller: Caller, address: str) -> Call:
        return Call(self._services, request, request[REQUEST_ID], caller, address, self.credentials)

    async def _caller(self, request: web.Request, address: str) -> Caller:
        presented = presented_key(request.headers)
        caller = await self.credentials.caller(presented, address) if presented else None
        if caller is None:
            self._failures.failed(address)
            raise unauthenticated(presented=presented is not None)
        request[KEY_ID] = caller.key_id
        return caller

    async def _allowed(self, call: Call, route: Route, scope: str, *, once: bool) -> web.StreamResponse:
        if not call.caller.may(scope):
            raise forbidden(scope)
        if route.method == "POST" and self._services.stopping.is_set():
            raise GatewayError("shutting_down", "The server is stopping. Try again in a few seconds.")
        if once:
            return await self._once(call, route)
        return await route.handle(call)

    async def _once(self, call: Call, route: Route) -> web.StreamResponse:
        """Answer a repeated POST with its first answer; only answers 2xx are kept."""
        key = await idempotency_of(call)
        if key is None:
            return await route.handle(call)
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
            response = await route.handle(call)
            if isinstance(response, web.Response) and response.status < 300:
                body = response.get(KEPT_BODY, response.body)
                await self._services.store.keep_answer(key, StoredAnswer(response.status, bytes(body or b"")))
            return response
        finally:
            self._in_progress.discard(running)


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
    return IdempotencyKey(_scope(call), key, fingerprint(body))


def _scope(call: Call) -> str:
    caller = call.caller
    return f"{caller.tenant} {caller.key_id} {call.request.method} {call.request.rel_url.raw_path}"


def forbidden(scope: str) -> GatewayError:
    """The key lacks a scope."""
    return GatewayError(
        "forbidden", f"This key lacks the scope {scope}. Use one that has it, or make one with it."
    )
