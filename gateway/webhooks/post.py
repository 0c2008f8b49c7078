"""Owns one signed POST: sessions of its own, the socket guard, and what the answer or its absence means in words.

Refuses to follow redirects, keep cookies, read proxies from the environment, skip TLS checks, or read more than
4 KiB of an answer. Source: rules WHK-3, WHK-4, SSRF-1.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from types import TracebackType

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from gateway.webhooks.networks import Scheme
from gateway.webhooks.resolver import SystemResolver
from gateway.webhooks.schedule import Answer
from gateway.webhooks.settings import WebhookSettings
from gateway.webhooks.target import TargetRefused, check_target, guarded

ANSWER_MAX_OCTETS = 4096
"""Read so that the connection can be used again; longer ones say nothing to us."""
DRAIN_S = 1.0
"""The status has decided already; a body that drips does not keep its place."""
CONNECT_SHARE = 2 / 3
"""Of the time for a request: a host whose name is not known and that has not taken the connection by then is not
there."""
KEEPALIVE_S = 4.0
"""Below the 5 s after which many servers close an idle connection: a POST must not meet that moment."""
HEADERS = {
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "sms-line-gateway",
}


class Poster:
    """Sends requests until it is closed; use it as an async context manager.

    ``resolver`` None: the system's. Two sessions, because what a socket may reach depends on the scheme.
    """

    def __init__(self, settings: WebhookSettings, resolver: AbstractResolver | None = None) -> None:
        self._settings = settings
        self._resolver = resolver
        self._sessions: dict[Scheme, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Poster:
        trust = ssl.create_default_context()
        if self._settings.ca_file is not None:
            try:
                trust.load_verify_locations(cafile=self._settings.ca_file)
            except OSError as error:  # ssl.SSLError is one too
                raise ValueError(
                    f"the certificates of {self._settings.ca_file} cannot be read; give a PEM file"
                ) from error
        resolver = self._resolver or SystemResolver()
        schemes: tuple[Scheme, ...] = ("http", "https")
        for scheme in schemes:
            connector = aiohttp.TCPConnector(
                socket_factory=guarded(scheme, self._settings.targets),
                use_dns_cache=False,
                resolver=resolver,
                ssl=trust,
                limit=0,
                keepalive_timeout=KEEPALIVE_S,
            )
            self._sessions[scheme] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                read_bufsize=ANSWER_MAX_OCTETS,
                timeout=aiohttp.ClientTimeout(
                    total=self._settings.request_timeout_s,
                    # Before the whole time is over, so that it is known whether anything can have arrived.
                    # Looking the name up is part of it.
                    connect=self._settings.request_timeout_s * CONNECT_SHARE,
                ),
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._sessions.values():
            await session.close()

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Send one request. Never raises for what a receiver or the network does; it says so in the answer."""
        refusal = check_target(url, self._settings.targets)
        if refusal is not None:
            return Answer(error=str(refusal), refused=True)
        target = URL(url)
        session = self._sessions["http" if target.scheme == "http" else "https"]
        try:
            async with session.post(
                target, data=body, headers={**HEADERS, **headers}, allow_redirects=False
            ) as response:
                return _answer(response, await _body(response))
        except aiohttp.ConnectionTimeoutError:
            connect_s = self._settings.request_timeout_s * CONNECT_SHARE
            return Answer(error=f"no connection within {connect_s:.3g} s")
        except TimeoutError:
            return Answer(error=f"no answer within {self._settings.request_timeout_s:g} s", maybe_taken=True)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _no_answer(error)


async def _body(response: aiohttp.ClientResponse) -> bytes | None:
    """Read a short answer to its end; None when there is more, or it does not come."""
    body = b""
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(DRAIN_S):
            while len(body) < ANSWER_MAX_OCTETS:
                chunk = await response.content.read(ANSWER_MAX_OCTETS - len(body))
                if not chunk:
                    return body
                body += chunk
    response.close()
    return None


def _answer(response: aiohttp.ClientResponse, body: bytes | None) -> Answer:
    status = response.status
    error = None
    if 300 <= status < 400:
        error = f"HTTP {status}: redirects are never followed; give the final URL"
    elif status == 410:
        error = "HTTP 410: the receiver is gone; the webhook was disabled"
    elif not 200 <= status < 300:
        error = f"HTTP {status}"
    return Answer(status=status, error=error, retry_after=response.headers.get("Retry-After"), said=body)


def _no_answer(error: Exception) -> Answer:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, TargetRefused):
        return Answer(error=str(cause.refusal), refused=True)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Answer(error="the host's name does not resolve")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "") or "not trusted"
        return Answer(error=f"the receiver's certificate is refused: {reason}")
    if isinstance(error, aiohttp.ClientSSLError):
        return Answer(error="TLS could not be set up with the receiver")
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return Answer(error=f"no connection: {os.strerror(number) if number else error.os_error}")
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError):
        return Answer(error="the receiver closed the connection without an answer", maybe_taken=True)
    if isinstance(error, aiohttp.ClientResponseError):
        return Answer(error="the answer is not HTTP, or its headers are too long", maybe_taken=True)
    return Answer(error=f"the request failed: {type(error).__name__}", maybe_taken=True)
