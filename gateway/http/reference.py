"""Owns the reference of the API for people: Swagger UI out of its package, and a plain page that needs no script.

Knows no route; both pages show the description. Nothing is loaded from elsewhere, and no page says what is installed.
Source: OpenAPI 3.1; rules API-16 (names with a hash are kept for ever), API-17 (no inline script or style), row 42.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from importlib import resources
from typing import Any, Final

from aiohttp import web

from gateway.errors import GatewayError, pages
from gateway.http.call import Call, html
from gateway.http.route import Route

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FOR_EVER: Final = "public, max-age=31536000, immutable"

_START: Final = b"""// Starts Swagger UI on the description of the server that gave this file.
window.addEventListener("load", () => {
  SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#reference",
    deepLinking: true,
    displayRequestDuration: true,
    validatorUrl: null,
  });
});
"""
"""An inline script would need a hole in the policy. No validator: it is a service of somebody else."""

_FILES: Final = (("swagger-ui.css", "text/css"), ("swagger-ui-bundle.js", "text/javascript"))


@dataclass(frozen=True, slots=True)
class _Asset:
    name: str
    media_type: str
    octets: bytes


@lru_cache(maxsize=1)
def _assets() -> dict[str, _Asset]:
    """Read what the page loads: two megabytes, at the first visit only."""
    vendor = resources.files("swagger_ui_bundle").joinpath("vendor")
    folder = next(each for each in vendor.iterdir() if each.name.startswith("swagger-ui-"))
    read = [(name, kind, folder.joinpath(name).read_bytes()) for name, kind in _FILES]
    return {
        asset.name: asset
        for asset in (_named(*each) for each in (*read, ("start.js", "text/javascript", _START)))
    }


def _named(name: str, media_type: str, octets: bytes) -> _Asset:
    stem, _, ending = name.rpartition(".")
    digest = hashlib.sha256(octets).hexdigest()[:12]
    return _Asset(f"{stem}.{digest}.{ending}", f"{media_type}; charset=utf-8", octets)


async def reference(_call: Call) -> web.Response:
    """Describe every route for people, to read and to try."""
    page = _page(await asyncio.to_thread(_assets))
    response = html(page)
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def _page(assets: dict[str, _Asset]) -> str:
    style, bundle, start = assets
    # Relative addresses: the gateway may stand below a path of somebody else's server.
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>API reference</title>'
        '<link rel="icon" href="data:,">'
        f'<link rel="stylesheet" href="docs/assets/{style}"></head><body>'
        '<noscript><p>This page needs JavaScript. <a href="docs/plain">The same without</a></p></noscript>'
        f'<main id="reference"></main><p><a href="docs/plain">As a plain page</a></p>'
        f'<script src="docs/assets/{bundle}"></script><script src="docs/assets/{start}"></script></body></html>'
    )


async def asset(call: Call) -> web.Response:
    """Give one file of the reference, to be kept for ever."""
    found = (await asyncio.to_thread(_assets)).get(call.id("name"))
    if found is None:
        raise GatewayError("not_found", "There is no such file. Load /docs again.")
    return web.Response(
        body=found.octets, headers={"Content-Type": found.media_type, "Cache-Control": _FOR_EVER}
    )


ROUTES: Final = (
    Route("GET", "/docs", reference, None, "This description, for people", media_type="text/html"),
    Route(
        "GET", "/docs/assets/{name}", asset, None, "A file of that page", media_type="text/javascript",
        problems=("not_found",),
    ),
)  # fmt: skip


# ------------------------------------------------------------------ without script


def reference_page(document: dict[str, Any]) -> str:
    """Write the description as one HTML page without script, style or anything from elsewhere."""
    sections = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            sections.append(_section(method.upper(), path, operation))
    return pages.page("API reference", f"{_INTRODUCTION}{''.join(sections)}")


_INTRODUCTION = (
    "<p>JSON over HTTP. Send a key as <code>Authorization: Bearer KEY</code> or <code>X-API-Key: KEY</code>."
    ' Errors are <a href="../problems">problem documents</a>; times are RFC 3339 in UTC; unknown fields are refused.'
    ' For programs: <a href="../openapi.json">openapi.json</a>.</p>'
)


def _section(method: str, path: str, operation: dict[str, Any]) -> str:
    scope = operation.get("x-scope")
    needs = f"scope <code>{escape(scope)}</code>" if scope else "no key"
    parameters = "".join(
        f"<li><code>{escape(p['name'])}</code> ({p['in']}) {escape(str(p['schema'].get('description', '')))}</li>"
        for p in operation["parameters"]
    )
    body = operation.get("requestBody")
    sends = ""
    if body is not None:
        kinds = ", ".join(f"<code>{_breakable(_kind(*each))}</code>" for each in body["content"].items())
        sends = f"<p>Body: {kinds}</p>"
    codes = "".join(
        f"<li>{status}: {', '.join(_code_link(code) for code in answer['x-problem-codes'])}</li>"
        for status, answer in operation["responses"].items()
        if "x-problem-codes" in answer
    )
    return (
        f"<section><h2><code>{method} {_breakable(path)}</code></h2><p>{escape(operation['summary'])}."
        f" {escape(operation['description'])} Needs {needs}.</p>{sends}<ul>{parameters}</ul>"
        f"<details><summary>Problems</summary><ul>{codes}</ul></details></section>"
    )


def _breakable(text: str) -> str:
    """Let a long word break on a phone: there is no style here that could."""
    return re.sub(r"([/.-])", r"\1<wbr>", escape(text))


def _kind(media_type: str, media: dict[str, Any]) -> str:
    """Name a body as people read it: its model, or what kind of file it is."""
    reference: str | None = media.get("schema", {}).get("$ref")
    return reference.rsplit("/", 1)[-1] if reference else media_type


def _code_link(code: str) -> str:
    return f'<a href="../problems/{code}">{code}</a>'
