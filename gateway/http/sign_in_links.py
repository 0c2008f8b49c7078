"""Owns the route that makes a link for the dashboard: whoever has a key gives a person its sight, once.

Knows no page; the link leads to one.
Source: rules USR-1 (one use, a quarter of an hour, the token in the fragment).
"""

from __future__ import annotations

from aiohttp import web
from pydantic_core import to_json

from gateway.errors import GatewayError
from gateway.http import answers
from gateway.http.access import presented_key
from gateway.http.call import Call
from gateway.http.models import Empty
from gateway.http.route import KEPT_BODY, Route
from gateway.http.sessions import LINK_MS, make_link
from gateway.keys import digest
from gateway.representation import rfc3339
from gateway.store.sessions import Holder


async def create(call: Call) -> web.Response:
    """Make a link that opens the dashboard once, with exactly the rights of the key that asks."""
    await call.body(Empty)
    key = presented_key(call.request.headers)
    if key is None:
        raise GatewayError("forbidden", "A session makes no links. Ask with a key: gateway login.")
    now_ms, settings = call.services.clock.now_ms(), call.services.settings
    holder = Holder(call.caller.tenant, call.caller.key_id, digest(key))
    base_url = settings.public_url or f"{call.request.scheme}://{call.request.host}"
    url = await make_link(call.services.store, holder, base_url, now_ms)
    response = call.json({"url": url, "expires_at": rfc3339(now_ms + LINK_MS)}, 201)
    response[KEPT_BODY] = to_json({"url": None, "expires_at": rfc3339(now_ms + LINK_MS)})
    return response


ROUTES = (
    Route(
        "POST", "/api/v1/sign-in-links", create, "keys:manage", "Make a link that opens the dashboard once", 201,
        Empty, answer=answers.SignInLink,
    ),
)  # fmt: skip
