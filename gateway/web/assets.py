"""Owns the files that pages load: style, script and the icon, each under a name that changes with its content.

Knows no page. Everything is read once, at import; nothing is built.
Source: rules API-16 (``immutable`` for names that hold a hash), API-17 (everything from here).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

from aiohttp import web

from gateway.errors import GatewayError
from gateway.http.call import Call
from gateway.http.route import Route

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its name with a hash in it, its media type and its octets."""

    name: str
    media_type: str
    octets: bytes


def _load() -> dict[str, Asset]:
    found = {}
    for file in resources.files("gateway.web").joinpath("static").iterdir():
        stem, dot, ending = file.name.rpartition(".")
        octets = file.read_bytes()
        name = f"{stem}.{hashlib.sha256(octets).hexdigest()[:12]}{dot}{ending}"
        found[file.name] = Asset(name, _TYPES[dot + ending], octets)
    return found


ASSETS = _load()
"""By plain name: ``style.css``."""

_BY_NAME = {asset.name: asset for asset in ASSETS.values()}


async def serve(call: Call) -> web.Response:
    """Give one file, to be kept for ever."""
    asset = _BY_NAME.get(call.id("name"))
    if asset is None:
        raise GatewayError("not_found", "There is no such file. Load the page again.")
    return web.Response(
        body=asset.octets, headers={"Content-Type": asset.media_type, "Cache-Control": FOR_EVER}
    )


ROUTES = (Route("GET", "/static/{name}", serve, None, "A file of the dashboard", media_type="text/css"),)
