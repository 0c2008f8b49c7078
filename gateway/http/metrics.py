"""Owns the route of metrics: what Prometheus reads.

Counts nothing itself. A key sees its tenant's messages and lines and the process's own figures; a sandbox key sees
the sandbox's.
Source: the HTTP interface; Prometheus text format 0.0.4, OpenMetrics 1.0.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from gateway.http.call import Call
from gateway.http.line_limits import pace_of
from gateway.http.route import Route
from gateway.measured import Scrape, families_of, write


async def metrics(call: Call) -> web.Response:
    """Give all figures in the format that the client asks for."""
    services = call.services
    readings = await services.store.metering.read(call.view)
    limits = services.settings.limits
    paces = {each.row.id: pace_of(each.row, limits) for each in readings.lines}
    scrape = Scrape(call.view, services.figures.snapshot(), readings, paces)
    # Beside the loop: writing thousands of numbers takes longer than a line may be kept waiting.
    accept = ",".join(call.request.headers.getall("Accept", []))
    octets, content_type = await asyncio.to_thread(lambda: write(families_of(scrape), accept))
    return web.Response(body=octets, headers={"Content-Type": content_type})


ROUTES = (
    Route(
        "GET", "/metrics", metrics, "metrics:read", "Figures for Prometheus", media_type="text/plain",
        problems=("storage_unavailable",),
    ),
)  # fmt: skip
