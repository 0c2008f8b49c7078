"""Owns the route by which a text arrives at an emulated line.

Knows no emulator: the services give the door to it.
Source: the HTTP interface.
"""

from __future__ import annotations

from aiohttp import web

from gateway.errors import GatewayError, field_error
from gateway.http import answers
from gateway.http.call import Call
from gateway.http.models import SandboxText
from gateway.http.route import Route


async def inbound(call: Call) -> web.Response:
    """Let a text arrive; it goes the whole way that a real one goes."""
    asked = await call.body(SandboxText)
    deliver = call.services.sandbox_inbound
    if deliver is None:
        raise GatewayError(
            "no_line_available", "No emulated line is running. Start with --simulate 2, or set sandbox.lines."
        )
    try:
        await deliver(asked.sender, asked.to, asked.text)
    except LookupError:
        raise field_error(
            "unknown_line",
            f'No emulated line has the number "{asked.to}". GET /api/v1/lines shows their numbers.',
            "to",
        ) from None
    except ValueError as refused:
        raise field_error(
            "text_not_encodable", f"This text cannot arrive: {refused}. Change it.", "text"
        ) from None
    return call.json({"from": asked.sender, "to": asked.to, "text": asked.text}, 202)


ROUTES = (
    Route(
        "POST", "/api/v1/sandbox/inbound", inbound, "messages:send", "Let a text arrive at an emulated line", 202,
        SandboxText, answer=answers.SandboxTextTaken,
        problems=("unknown_line", "text_not_encodable", "no_line_available"),
    ),
)  # fmt: skip
