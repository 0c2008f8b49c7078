"""Owns one request as a handler sees it: who asks, its body and query as checked models, and how it is answered.

Knows no resource. Bodies are octets until a model reads them; answers are JSON octets.
Source: rules API-1 to API-3, API-10; RFC 8288 (Link).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from aiohttp import web
from multidict import MultiDictProxy
from pydantic import BaseModel
from pydantic_core import to_json

from gateway.draft import Caller
from gateway.errors import GatewayError
from gateway.http.access import Credentials, Failures, RateLimit, unauthenticated
from gateway.http.models import ListQuery, Query
from gateway.http.parsing import check_json_type, make_cursor, parse_body, parse_query, read_cursor
from gateway.http.services import Services
from gateway.http.sessions import Session, Sessions
from gateway.store.audit import Deed, Outcome
from gateway.store.rows import Page, View

if TYPE_CHECKING:
    from gateway.representation import Json

M = TypeVar("M", bound=BaseModel)
Q = TypeVar("Q", bound=Query)
L = TypeVar("L", bound=ListQuery)
T = TypeVar("T")

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_READ_ERRORS = (web.PayloadAccessError, web.RequestPayloadError, ConnectionError)
"""The last when the client is gone: nobody reads the answer, and it is no defect of ours."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where keys and sessions are known and forgotten."""

    credentials: Credentials
    sessions: Sessions
    failures: Failures
    limit: RateLimit

    async def whose(self, key: str, address: str) -> Caller:
        """Say who shows a key elsewhere than in a header; it counts as a request does.

        Raises:
            GatewayError: ``unauthenticated``, ``too_many_attempts``, ``rate_limited``.
        """
        caller = await self.credentials.caller(key, address)
        if caller is None:
            await self.failures.failed(address, key)
            raise unauthenticated(presented=True)
        self.limit.take(caller.key_id)
        return caller

    def forget(self) -> None:
        """Believe nobody without a read: a key was changed in this process."""
        self.credentials.forget()
        self.sessions.forget()


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``caller`` is nobody with no scope on open routes; ``address`` is that of the client; ``session``
    is there when a person's browser asks."""

    services: Services
    request: web.Request
    request_id: str
    caller: Caller
    address: str
    desk: Desk
    session: Session | None = None

    @property
    def view(self) -> View:
        """Whose rows this request may see."""
        return self.caller.view

    async def record(self, action: str, target: str = "", *, refused: bool = False, **detail: object) -> None:
        """Write down what the caller does that no verb of the store writes down itself (rules AUD-2)."""
        caller = self.caller
        outcome: Outcome = "refused" if refused else "done"
        deed = Deed(action, caller.by, caller.tenant, target, detail, caller.sandbox, outcome)
        await self.services.store.audit.record(deed)

    def id(self, name: str = "id") -> str:
        """Give an id out of the path."""
        return self.request.match_info[name]

    async def body(self, model: type[M]) -> M:
        """Read the JSON body as a model; an empty one is ``{}`` where the model needs nothing.

        Raises:
            GatewayError: 400, 413, 415 or 422.
        """
        optional = not _needs(model)
        octets = await self.octets(optional=optional)
        return parse_body(model, b"{}" if optional and not octets else octets)

    async def octets(self, *, optional: bool = False) -> bytes:
        """Read the body of a JSON route, within the limits of size and time."""
        request = self.request
        if not (optional and not request.body_exists):
            check_json_type(request.headers.get("Content-Type"))
        return await self._whole(_JSON)

    async def form(self) -> MultiDictProxy[str | bytes | bytearray | web.FileField]:
        """Read the body as the fields of a form, within the limits of size and time.

        Raises:
            GatewayError: 400, 413 or 415.
        """
        if self.request.content_type != _FORM:
            raise GatewayError(
                "unsupported_media_type", "This page takes forms only.", headers={"Accept": _FORM}
            )
        # Codecs of others (utf-7) make text that cannot be written again: half of a surrogate pair.
        if (self.request.charset or "utf-8").lower() != "utf-8":
            raise GatewayError(
                "unsupported_media_type",
                "Forms are read as UTF-8 only. Send the form in UTF-8, or leave charset out.",
                headers={"Accept": _FORM},
            )
        await self._whole(_FORM)
        try:
            return await self.request.post()
        except web.HTTPRequestEntityTooLarge:
            raise GatewayError(
                "body_too_large", "The form has too many fields. Send fewer at once."
            ) from None
        except ValueError:  # no UTF-8
            raise GatewayError("malformed_http", "The form cannot be read. Send it again.") from None

    async def _whole(self, accepted: str) -> bytes:
        request = self.request
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise GatewayError(
                "unsupported_media_type",
                "Content-Encoding is not accepted. Send the body uncompressed.",
                headers={"Accept": accepted},
            )
        limit = self.services.settings.max_body_bytes
        if (request.content_length or 0) > limit:
            raise _too_large(limit)
        try:
            if request.content.is_eof():
                return await request.read()
            async with asyncio.timeout(self.services.settings.body_timeout_s):
                return await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise _too_large(limit) from None
        except TimeoutError:
            raise GatewayError(
                "malformed_http",
                "The body did not arrive in time. Send the whole body at once.",
                headers={"Connection": "close"},
            ) from None
        except _READ_ERRORS:
            raise GatewayError(
                "malformed_http",
                "The body is not framed as HTTP says. Use an HTTP library.",
                headers={"Connection": "close"},
            ) from None

    def query(self, model: type[Q]) -> Q:
        """Read the query of the address as a model.

        Raises:
            GatewayError: ``invalid_request`` naming the parameter.
        """
        pairs = self.request.rel_url.query
        return parse_query(model, pairs, list(pairs.items()))

    def after(self, list_name: str, query: ListQuery) -> str | None:
        """Say after which id a page begins.

        Raises:
            GatewayError: ``invalid_cursor``.
        """
        return read_cursor(list_name, self.caller.tenant, query.cursor)

    def page(self, list_name: str, page: Page[T], show: Callable[[T], Json]) -> web.Response:
        """Answer one page of a list with ``next`` and a Link."""
        cursor = None if page.next is None else make_cursor(list_name, self.caller.tenant, page.next)
        response = self.json({"items": [show(item) for item in page.items], "next": cursor})
        if cursor is not None:
            kept = [(k, v) for k, v in self.request.rel_url.query.items() if k != "cursor"]
            pairs = "&".join(
                f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in [*kept, ("cursor", cursor)]
            )
            response.headers["Link"] = f'<{self.request.rel_url.raw_path}?{pairs}>; rel="next"'
        return response

    def all(self, rows: Sequence[T], show: Callable[[T], Json]) -> web.Response:
        """Answer a list that is always whole."""
        return self.json({"items": [show(row) for row in rows], "next": None})

    def json(self, document: Json, status: int = 200, location: str | None = None) -> web.Response:
        """Answer JSON."""
        headers = {"Content-Type": _JSON}
        if location is not None:
            headers["Location"] = location
        return web.Response(body=to_json(document), status=status, headers=headers)


_NO_PAGES = ("/api/", "/device/", "/oauth/", "/health/", "/openapi.json", "/metrics", "/static/")


def wants_page(request: web.Request) -> bool:
    """Say whether a person's browser asks for something that is no part of the API: it is answered with a page."""
    return not request.path.startswith(_NO_PAGES) and "text/html" in request.headers.get("Accept", "")


def problem(error: GatewayError, request_id: str) -> web.Response:
    """Answer a problem document."""
    response = web.Response(
        body=to_json(error.document(request_id)),
        status=error.status,
        headers={"Content-Type": "application/problem+json", **error.headers},
    )
    if error.headers.get("Connection") == "close":
        response.force_close()
    return response


def html(text: str) -> web.Response:
    """Answer a page of our own without script or style."""
    return web.Response(body=text.encode(), headers={"Content-Type": "text/html; charset=utf-8", **_PAGE})


_PAGE = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


@lru_cache(maxsize=64)
def _needs(model: type[BaseModel]) -> bool:
    return any(field.is_required() for field in model.model_fields.values())


def _too_large(limit: int) -> GatewayError:
    return GatewayError(
        "body_too_large",
        f"The body is larger than {limit} bytes (server.max_body_bytes). Send less at once.",
        headers={"Connection": "close"},
    )
