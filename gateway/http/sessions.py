"""Owns the sessions of people: the cookie, its token, what lets a browser's request change things, and one-time links.

Knows no page. A session can do what its key can, and ends with it.
Source: rules USR-1, USR-5, USR-7; RFC 6265bis (the prefix ``__Host-``, SameSite); Fetch Metadata (``Sec-Fetch-Site``).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from gateway import keys
from gateway.errors import GatewayError
from gateway.http.access import ADMIN_KEY_ID, Credentials, Failures, caller_of
from gateway.http.origin import is_ours, public_asked
from gateway.http.services import SETTINGS
from gateway.store.sessions import ABSOLUTE_MS, Holder, NotSignedIn, SessionRow

if TYPE_CHECKING:
    from gateway.clock import Clock
    from gateway.draft import Caller
    from gateway.http.services import ApiSettings
    from gateway.store.protocol import Store

LINK_MS = 15 * 60_000
"""Long enough to walk from the terminal to the office PC."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

BY_ITSELF = "X-Regions"
"""Header of what a page asks for by itself, because something happened: it is no use of the session."""

_TOKEN_OCTETS = 32
_REMEMBERED_S = 1.0
_REMEMBERED_SESSIONS = 1024
_USED_EVERY_MS = 60_000


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in, and the token by which a form proves that one of our pages made it."""

    caller: Caller
    form_token: str = field(repr=False)


SESSION = web.RequestKey("session", Session)
"""Where a refusal finds who asked."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A new session; its token goes into the cookie and nowhere else."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Remembered:
    until_s: float
    row: SessionRow


class Sessions:
    """Signs people in and out, and finds out whose session a request belongs to."""

    def __init__(self, store: Store, clock: Clock, credentials: Credentials, failures: Failures) -> None:
        self._store = store
        self._clock = clock
        self._credentials = credentials
        self._failures = failures
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()

    async def of(self, request: web.Request, address: str) -> Session | None:
        """Find the session of a request; None without one, and when it is over, or its key is.

        Raises:
            StoreUnavailable: nobody can say now.
        """
        token = _token_of(request)
        if not token:
            return None
        digest = _digest(token)
        remembered = self._remembered.get(digest)
        if remembered is not None and remembered.until_s > self._clock.monotonic_s():
            row: SessionRow | None = remembered.row
        else:
            row = await self._read(digest)
        by_itself = BY_ITSELF in request.headers
        session = self._session(token, row, address, requests=0 if by_itself else 1)
        if session is not None and row is not None and not by_itself:
            await self._note_use(digest, row)
        return session

    async def still(self, request: web.Request, address: str) -> Session | None:
        """Find the session of a stream that is open, whatever was remembered. An open tab is no use of a session:
        somebody who went home is signed out.

        Raises:
            StoreUnavailable: nobody can say now.
        """
        token = _token_of(request)
        return self._session(token, await self._read(_digest(token)), address, requests=0)

    def _session(self, token: str, row: SessionRow | None, address: str, *, requests: int) -> Session | None:
        if row is None or row.over(self._clock.now_ms()):
            return None
        caller = self._caller(row, address, requests)
        return None if caller is None else Session(caller, form_token(token))

    async def _read(self, digest: bytes) -> SessionRow | None:
        row = await self._store.sessions.get(digest)
        if row is None:
            self._remembered.pop(digest, None)
            return None
        self._remembered[digest] = _Remembered(self._clock.monotonic_s() + _REMEMBERED_S, row)
        self._remembered.move_to_end(digest)
        while len(self._remembered) > _REMEMBERED_SESSIONS:
            self._remembered.popitem(last=False)
        return row

    async def _note_use(self, digest: bytes, row: SessionRow) -> None:
        if self._clock.now_ms() - row.used_at_ms >= _USED_EVERY_MS:
            await self._store.sessions.used(digest)

    def _caller(self, row: SessionRow, address: str, requests: int) -> Caller | None:
        if row.key is None:
            return self._credentials.admin(row.holder.digest) if row.holder.key_id == ADMIN_KEY_ID else None
        if not keys.same(row.key.digest, row.holder.digest):
            return None
        return self._credentials.in_force(row.key, caller_of(row.key), address, requests)

    # ------------------------------------------------------------------ in and out

    async def sign_in(self, secret: str, address: str) -> Begun | NotSignedIn:
        """Begin a session for whoever shows a key, or the token of a link, which it uses up; or say why not.

        Raises:
            GatewayError: ``too_many_attempts``.
        """
        token = secrets.token_urlsafe(_TOKEN_OCTETS)
        caller = await self._credentials.caller(secret, address)
        if caller is not None:
            holder = Holder(caller.tenant, caller.key_id, keys.digest(secret))
            await self._store.sessions.begin(_digest(token), holder, address)
            return Begun(token)
        answer = await self._store.sessions.redeem(_digest(secret), _digest(token), address)
        if isinstance(answer, Holder):
            return Begun(token)
        if answer == "unknown":
            await self._failures.failed(address, secret)
        return answer

    async def sign_out(self, request: web.Request) -> None:
        """End the session of a request."""
        token = _token_of(request)
        if token:
            self._remembered.pop(_digest(token), None)
            await self._store.sessions.end(_digest(token))

    def forget(self) -> None:
        """Believe no session without a read: a key was changed in this process."""
        self._remembered.clear()


async def make_link(store: Store, holder: Holder, base_url: str, now_ms: int) -> str:
    """Make a URL that signs in once within a quarter of an hour. Its token is a fragment: no server ever logs it."""
    token = secrets.token_urlsafe(_TOKEN_OCTETS)
    await store.sessions.add_link(_digest(token), holder, now_ms + LINK_MS)
    return f"{base_url.rstrip('/')}/sign-in#{token}"


def cookie_name(request: web.Request) -> str:
    """Name the cookie: one that only we can set where the connection is ours alone."""
    return "__Host-gateway" if is_private(request) else "gateway"


def is_private(request: web.Request) -> bool:
    """Say whether the browser's connection is encrypted: ours, or that of the proxy which ``public_url`` names."""
    public = public_asked(request, request.app[SETTINGS])
    return request.secure or (public is not None and public.scheme == "https")


def set_cookie(response: web.StreamResponse, request: web.Request, token: str) -> None:
    """Give the browser the token of a session."""
    response.set_cookie(
        cookie_name(request),
        token,
        max_age=ABSOLUTE_MS // 1000,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=is_private(request),
    )


def form_token(token: str) -> str:
    """Derive what forms of a session carry: it says nothing of the token itself."""
    return hmac.new(token.encode(), b"form", hashlib.sha256).hexdigest()


def refuse_forged(request: web.Request, settings: ApiSettings) -> None:
    """Let only requests of our own pages change anything with a session.

    SameSite is not enough: another port of this machine is the same site, and shares the cookies.

    Raises:
        GatewayError: ``csrf_failed``.
    """
    site = request.headers.get("Sec-Fetch-Site")
    allowed = site in ("same-origin", "none") if site is not None else is_ours(request, settings)
    if not allowed or ("Origin" in request.headers and not is_ours(request, settings)):
        raise GatewayError(
            "csrf_failed",
            "This request does not come from a page of this server. Open the page here and press the button again;"
            " programs send a key instead.",
        )


def shows_session(request: web.Request) -> bool:
    """Say whether our own cookie came with a request; those of others on the same host say nothing."""
    return "Cookie" in request.headers and bool(_token_of(request))


def _token_of(request: web.Request) -> str:
    """Take the token out of the cookie; "" without one, and when it can be none of ours."""
    token = request.cookies.get(cookie_name(request), "")
    return token if token.isascii() else ""


def _digest(token: str) -> bytes:
    return keys.digest(token)
