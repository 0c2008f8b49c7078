"""Owns how the HTTP surface is put together: the table of routes, the door before them, and nothing else.

Knows no configuration and no device; it is given its services.
Source: the HTTP interface.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from aiohttp import web
from pydantic_core import to_json

from gateway.http import (
    approvals,
    audit,
    batches,
    consents,
    contact_import,
    contacts,
    devices,
    doctor,
    events,
    groups,
    hardware,
    inbound,
    keys,
    messages,
    metrics,
    modem_restart,
    notifications,
    open_routes,
    reference,
    reports,
    sandbox,
    schedules,
    sign_in_links,
    suppressions,
    templates,
    webhooks,
)
from gateway.http.call import Call, html
from gateway.http.door import Door, RefusePage
from gateway.http.event_streams import STREAMS, Streams
from gateway.http.openapi import describe
from gateway.http.reference import reference_page
from gateway.http.route import Endpoints, Route
from gateway.http.services import SETTINGS, Services


async def _openapi(_call: Call) -> web.Response:
    """Describe every route for programs."""
    return web.Response(
        body=await asyncio.to_thread(_described), headers={"Content-Type": "application/json"}
    )


async def _reference(_call: Call) -> web.Response:
    """Describe every route for people."""
    return html(await asyncio.to_thread(_referred))


ROUTES: tuple[Route, ...] = (
    *messages.ROUTES,
    *inbound.ROUTES,
    *devices.ROUTES,
    *modem_restart.ROUTES,
    *hardware.ROUTES,
    *doctor.ROUTES,
    *batches.ROUTES,
    *approvals.ROUTES,
    *notifications.ROUTES,
    *reports.ROUTES,
    *templates.ROUTES,
    *schedules.ROUTES,
    *webhooks.ROUTES,
    *events.ROUTES,
    *keys.ROUTES,
    *sign_in_links.ROUTES,
    *contacts.ROUTES,
    *contact_import.ROUTES,
    *groups.ROUTES,
    *consents.ROUTES,
    *suppressions.ROUTES,
    *audit.ROUTES,
    *sandbox.ROUTES,
    *metrics.ROUTES,
    *open_routes.ROUTES,
    Route("GET", "/openapi.json", _openapi, None, "This description, for programs"),
    *reference.ROUTES,
    Route("GET", "/docs/plain", _reference, None, "The same without script", media_type="text/html"),
)
"""Every operation; the router and the description are both made of it."""


@cache
def description() -> dict[str, Any]:
    """Describe every route; made when it is first asked for, beside the loop, because a start does not need it."""
    return describe(ROUTES)


@cache
def _described() -> bytes:
    return to_json(description())


@cache
def _referred() -> str:
    return reference_page(description())


@dataclass(frozen=True, slots=True)
class Site:
    """Pages for people beside the API: their routes, how a refusal looks to a person, and what they need of the app."""

    routes: tuple[Route, ...]
    refuse: RefusePage
    begin: Callable[[web.Application], None] = lambda _app: None


def build_app(services: Services, site: Site | None = None) -> web.Application:
    """Make the application; without ``site`` it serves programs only.

    Serve it with :func:`gateway.http.protocol.make_runner`, which keeps the limits of connections, heads and coding
    that an application cannot keep.
    """
    door = Door(services.settings, site.refuse if site is not None else None)
    door.answered = services.figures.answered
    endpoints = Endpoints(services, door)
    door.key_shown = endpoints.key_shown
    door.recall = endpoints.recall
    app = web.Application(middlewares=[door.middleware()], client_max_size=services.settings.max_body_bytes)
    app[SETTINGS] = services.settings
    streams = app[STREAMS] = Streams(services)
    if site is not None:
        site.begin(app)
    for route in (*ROUTES, *(site.routes if site is not None else ())):
        handler = endpoints.bind(route)
        app.router.add_route(route.method, route.path, handler)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, handler)

    async def end_streams(_app: web.Application) -> None:
        streams.end_all()

    async def settle(_app: web.Application) -> None:
        await endpoints.credentials.settle()
        services.batches.close()
        services.self_tests.close()

    app.on_shutdown.append(end_streams)
    app.on_cleanup.append(settle)
    return app
