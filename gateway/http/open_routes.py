"""Owns the routes of health, which need no key.

Knows nothing of messages; says no version, number or name to strangers.
Source: the HTTP interface.
"""

from __future__ import annotations

from aiohttp import web

from gateway.errors import GatewayError
from gateway.http import answers
from gateway.http.call import Call
from gateway.http.route import Route


async def live(call: Call) -> web.Response:
    """Say that the process answers."""
    return call.json({"status": "ok"})


async def ready(call: Call) -> web.Response:
    """Say that a message could be stored now."""
    if call.services.stopping.is_set():
        raise GatewayError("shutting_down", "The server is stopping. Try again in a few seconds.")
    await call.services.store.ping()
    return call.json({"status": "ok"})


ROUTES = (
    Route("GET", "/health/live", live, None, "Whether the process answers", answer=answers.Health),
    Route(
        "GET", "/health/ready", ready, None, "Whether a message could be stored", answer=answers.Health,
        problems=("storage_unavailable", "shutting_down"),
    ),
)  # fmt: skip
