"""The dashboard: pages for people, made on the server, live by the events of the gateway.

Knows the HTTP surface that it stands on; no device, no database.
Source: the notes on what people see; docs/help.
"""

from __future__ import annotations

from aiohttp import web

from gateway.http.app import Site
from gateway.http.route import Route
from gateway.web import (
    approvals,
    assets,
    audit,
    batch_causes,
    batch_drafts,
    batch_new,
    batch_pace,
    batches,
    compose,
    consents,
    conversations,
    deliveries,
    devices,
    doctor,
    help,  # noqa: A004  the page has the name of its address
    ignored,
    inbound,
    keys,
    lines,
    message,
    message_choice,
    messages,
    overview,
    pairing,
    settings,
    sharing,
    sign_in,
    suppressions,
    template_pages,
    webhooks,
)
from gateway.web.frame import in_their_language, refuse

__all__ = ["PAGES", "SITE"]

PAGES: tuple[Route, ...] = (
    *assets.ROUTES,
    *sign_in.ROUTES,
    *overview.ROUTES,
    *pairing.ROUTES,
    *ignored.ROUTES,
    *devices.ROUTES,
    *lines.ROUTES,
    *doctor.ROUTES,
    *batch_new.ROUTES,
    *batches.ROUTES,
    *template_pages.ROUTES,
    *suppressions.ROUTES,
    *consents.ROUTES,
    *approvals.ROUTES,
    *compose.ROUTES,
    *messages.ROUTES,
    *message_choice.ROUTES,
    *message.ROUTES,
    *inbound.ROUTES,
    *conversations.ROUTES,
    *webhooks.ROUTES,
    *deliveries.ROUTES,
    *keys.ROUTES,
    *audit.ROUTES,
    *settings.ROUTES,
    *help.ROUTES,
)
"""Every page."""


def _begin(app: web.Application) -> None:
    batch_drafts.begin(app)
    batch_causes.begin(app)
    batch_pace.begin(app)
    sharing.begin(app)


SITE = Site(routes=tuple(in_their_language(route) for route in PAGES), refuse=refuse, begin=_begin)
"""What the server serves beside the API."""
