"""Owns the route that restarts a modem.

Knows no driver: modems are asked through the door that the services give.
Source: the notes on what people see, */devices/{id}* (*Restart*); rules KEY-7.
"""

from __future__ import annotations

from aiohttp import web

from gateway.errors import GatewayError
from gateway.http import hardware_answers
from gateway.http.call import Call
from gateway.http.models import Empty
from gateway.http.route import Route
from gateway.store.protocol import NotFound


async def restart(call: Call) -> web.Response:
    """Begin to restart a modem; its line is down until it is back."""
    await call.body(Empty)
    await restart_modem(call)
    return call.json({"id": call.id(), "restarting": True}, 202)


async def restart_modem(call: Call) -> None:
    """Begin to restart the modem that the path names.

    Raises:
        GatewayError: ``conflict``: a phone, a make that does not come back, a text on air; ``device_error``.
        NotFound: no such device for this caller.
    """
    row = next((row for row in await call.services.store.devices(call.view) if row.id == call.id()), None)
    if row is None:
        raise NotFound
    if row.kind == "phone":
        raise GatewayError(
            "conflict",
            "A phone is not restarted from here: it may be in use. Restart it by hand, or let the doctor see to the"
            " app: gateway doctor DEVICE --fix.",
        )
    restarts = call.services.modem_restarts
    if restarts is None:
        raise GatewayError(
            "device_error", "No devices run in this process. Start the server with its devices."
        )
    try:
        restarts.restart(row.id)
    except LookupError:
        raise GatewayError(
            "device_error", "This modem is not attached now. Plug it in, or unplug it for ten seconds."
        ) from None


ROUTES = (
    Route(
        "POST", "/api/v1/devices/{id}/restart", restart, "lines:manage", "Restart a modem", 202, Empty,
        answer=hardware_answers.Restarting, problems=("not_found", "conflict", "device_error"),
        audited="device.restarted",
    ),
)  # fmt: skip
