"""Owns whether a browser's page that asks is one of ours: the Origin of a request against our own address.

Knows no credential and no route; who asks without an Origin is a program, or a page that asked for a page.
Source: RFC 6454 §4 and §7 (origin of a URI, the header); rules USR-7, USR-8.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from gateway.errors import GatewayError

if TYPE_CHECKING:
    from aiohttp import web

    from gateway.http.services import ApiSettings

Origin = tuple[str, str, int]
"""Scheme, host and port, in lower case and with the port that the scheme implies."""

_PORTS = {"http": 80, "https": 443}


def is_ours(request: web.Request, settings: ApiSettings) -> bool:
    """Say whether a request carries an Origin, and it is our own scheme, host and port, or that of ``public_url``.

    Host is what the door let through, so a name that was rebound to this machine is none of ours. Without an Origin
    the answer is False: whoever may do without decides that for itself.
    """
    given = request.headers.getall("Origin", [])
    if len(given) != 1:
        return False
    origin = _origin(given[0])
    if origin is None:
        return False
    if origin == _origin(f"{request.scheme}://{request.host}"):
        return True
    return settings.public_url is not None and origin == _origin(_without_path(settings.public_url))


def public_asked(request: web.Request, settings: ApiSettings) -> SplitResult | None:
    """Give the parts of ``public_url`` when the browser asked for that host: it came through the proxy in front of us,
    which sets the scheme and path that the browser sees. None: it came straight to us."""
    public = urlsplit(settings.public_url or "")
    return public if public.netloc and public.netloc.lower() == request.host.lower() else None


def refuse_foreign(request: web.Request, settings: ApiSettings) -> None:
    """Let a program (no Origin) and our own pages pass.

    Raises:
        GatewayError: ``origin_not_allowed``.
    """
    if "Origin" in request.headers and not is_ours(request, settings):
        raise GatewayError(
            "origin_not_allowed",
            "This request comes from a page of another address. Open the page at the address of this server, or set"
            " server.public_url when it is behind a proxy; programs leave Origin out.",
        )


@lru_cache(maxsize=256)
def _origin(written: str) -> Origin | None:
    """Read ``scheme://host[:port]``; None for anything else (``null``, a path, another scheme)."""
    try:
        parts = urlsplit(written)
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    default = _PORTS.get(scheme)
    if default is None or parts.hostname is None or written.lower() != f"{scheme}://{parts.netloc}".lower():
        return None
    if "@" in parts.netloc or port == 0:
        return None
    return scheme, parts.hostname.lower().rstrip("."), port or default


def _without_path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
