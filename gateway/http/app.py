"""Owns how the HTTP surface is put together: the table of routes, the door before them, and nothing else.

Knows no configuration and no device; it is given its services.
Source: the HTTP interface.
"""

from __future__ import annotations

from aiohttp import web
from pydantic_core import to_json

from gateway.http import devices, hardware, inbound, keys, messages, open_routes, sandbox, webhooks
from gateway.http.call import Call, html
from gateway.http.door import Door
from gateway.http.openapi import describe, reference_page
from gateway.http.route import Endpoints, Route
from gateway.http.services import Services


async def _openapi(_call: Call) -> web.Response:
    """Describe every route for programs."""
    return web.Response(body=_DESCRIPTION, headers={"Content-Type": "application/json"})


async def _reference(_call: Call) -> web.Response:
    """Describe every route for people."""
    return html(_REFERENCE)


ROUTES: tuple[Route, ...] = (
    *messages.ROUTES,
    *inbound.ROUTES,
    *devices.ROUTES,
    *hardware.ROUTES,
    *webhooks.ROUTES,
    *keys.ROUTES,
    *sandbox.ROUTES,
    *open_routes.ROUTES,
    Route("GET", "/openapi.json", _openapi, None, "This description, for programs"),
    Route("GET", "/docs", _reference, None, "This description, for people", media_type="text/html"),
)
"""Every operation; the router and the description are both made of it."""

DESCRIPTION = describe(ROUTES)
_DESCRIPTION = to_json(DESCRIPTION)
_REFERENCE = reference_page(DESCRIPTION)


def build_app(services: Services) -> web.Application:
    """Make the application.

    Serve it with :func:`gateway.http.protocol.make_runner`, which keeps the limits of connections, heads and coding
    that an application cannot keep.
    """
    door = Door(services.settings)
    endpoints = Endpoints(services, door)
    app = web.Application(middlewares=[door.middleware()], client_max_size=services.settings.max_body_bytes)
    for route in ROUTES:
        handler = endpoints.bind(route)
        app.router.add_route(route.method, route.path, handler)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, handler)

    async def settle(_app: web.Application) -> None:
        await endpoints.credentials.settle()

    app.on_cleanup.append(settle)
    return app
