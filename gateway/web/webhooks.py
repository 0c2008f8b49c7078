"""Owns the pages of webhooks: which programs are told, how they are doing, and adding, changing and ending one.

Knows no rule: what is asked for is judged by the model and the functions of the API's own routes. A secret is in one
answer and in no page.
Source: the notes on what people see, *Webhooks*; rules WHK-1 to WHK-5, SSRF-1.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from multidict import MultiDict

from gateway.errors import GatewayError
from gateway.http.call import Call
from gateway.http.models import CreateWebhook, PatchWebhook
from gateway.http.parsing import make_cursor, read_cursor
from gateway.http.route import Route
from gateway.http.webhooks import change, new_secret, subscribe
from gateway.store.outbox import COUNTED_MAX, Backlog
from gateway.store.rows import DeliveryState, WebhookRow
from gateway.web import once
from gateway.web.event_words import EVERYTHING, FAMILIES, TITLES
from gateway.web.form_errors import WHOLE, by_field, judged
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.shown import Look
from gateway.web.verify_samples import RECEIVER, RECEIVER_URL, SAMPLES
from gateway.web.words import gettext as _
from gateway.web.words import mark

HERE = "/webhooks"
LISTED = 25

HEALTH = {
    "off": Look(mark("Switched off"), "pause", "quiet"),
    "failing": Look(mark("Failing"), "cross", "bad"),
    "well": Look(mark("Takes what it is sent"), "check", "good"),
    "new": Look(mark("Not asked yet"), "clock", "quiet"),
}
DELIVERIES = {
    "pending": Look(mark("Waiting"), "clock", "quiet"),
    "again": Look(mark("Tried, again later"), "clock", "warn"),
    "delivered": Look(mark("Delivered"), "check", "good"),
    "dead": Look(mark("Given up"), "cross", "bad"),
}
STATES: dict[str, DeliveryState] = {"pending": "pending", "delivered": "delivered", "dead": "dead"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A webhook as the list shows it."""

    row: WebhookRow
    backlog: Backlog

    @property
    def health(self) -> Look:
        row = self.row
        if not row.enabled:
            return HEALTH["off"]
        if row.failures_in_row:
            return HEALTH["failing"]
        return HEALTH["well" if row.last_success_ms else "new"]


@dataclass(frozen=True, slots=True)
class Form:
    """What somebody writes about a webhook; ``errors`` by field."""

    url: str
    events: tuple[str, ...]
    include_text: bool
    once: str
    errors: Mapping[str, str]


# ------------------------------------------------------------------ list and form


async def index(call: Call) -> web.Response:
    """List webhooks with their health."""

    async def listed() -> Mapping[str, object]:
        rows = await call.services.store.webhooks(call.view)
        backlog = await call.services.store.outbox.backlog(row.id for row in rows)
        return {"hooks": [Shown(row, backlog[row.id]) for row in rows]}

    values = {
        "receiver": RECEIVER,
        "receiver_url": RECEIVER_URL,
        "TITLES": TITLES,
        "counted_max": COUNTED_MAX,
    }
    return await show(call, Page("webhooks.html", _("Webhooks"), values, {"listed": listed}, HERE))


async def new(call: Call) -> web.Response:
    """Ask where events go."""
    form = Form("", ("message.*",), include_text=True, once=once.fresh(), errors={})
    return await _form(call, form, None)


async def create(call: Call) -> web.Response:
    """Subscribe, and show the secret this once; a reload leads to the webhook without it."""
    fields = await read_form(call)
    led_to = await once.already(call, fields)
    if led_to is not None:
        return see_other(call, led_to, done="shown")
    try:
        row = await subscribe(call, judged(CreateWebhook, _values(fields)))
    except GatewayError as error:
        return await _form(call, _written(fields, error), None, 422)
    await once.done(call, fields, f"{HERE}/{row.id}")
    return await _secret(call, row, _("Webhook added"))


async def edit(call: Call) -> web.Response:
    """Ask what is to be changed."""
    row = await call.services.store.webhook(call.view, call.id())
    return await _form(call, Form(row.url, row.events, row.include_text, "", {}), row)


async def save(call: Call) -> web.Response:
    """Change where events go, and which."""
    fields = await read_form(call)
    row = await call.services.store.webhook(call.view, call.id())
    try:
        await change(call, row.id, judged(PatchWebhook, _values(fields)))
    except GatewayError as error:
        return await _form(call, _written(fields, error), row, 422)
    return see_other(call, f"{HERE}/{row.id}", done="saved")


def _values(fields: MultiDict[str]) -> dict[str, object]:
    return {
        "url": fields.get("url", "").strip(),
        "events": fields.getall("events", []),
        "include_text": "include_text" in fields,
    }


def _written(fields: MultiDict[str], error: GatewayError) -> Form:
    errors = by_field(error)
    if not fields.get("url", "").strip():
        errors["url"] = _("Write where the events are sent, like https://example.org/hook.")
    if not fields.getall("events", []):
        errors["events"] = _("Choose at least one event.")
    return Form(
        fields.get("url", ""), tuple(fields.getall("events", [])), "include_text" in fields, once.mark_of(fields),
        errors,
    )  # fmt: skip


async def _form(call: Call, form: Form, row: WebhookRow | None, status: int = 200) -> web.Response:
    title = _("Add a webhook") if row is None else _("Change the webhook")
    values = {
        "form": form, "row": row, "families": FAMILIES, "EVERYTHING": EVERYTHING, "WHOLE": WHOLE,
        "configured": row is not None and _is_configured(call, row),
    }  # fmt: skip
    return await show(call, Page("webhook_form.html", title, values, {}, HERE), status)


def _is_configured(call: Call, row: WebhookRow) -> bool:
    """Say whether a webhook is one of the configuration, which has the last word at each start."""
    written = json.dumps(row.url, ensure_ascii=False)
    return any(
        (s.section, s.name, s.value) == ("webhook", "url", written) for s in call.services.settings_shown
    )


# ------------------------------------------------------------------ one webhook


async def one(call: Call) -> web.Response:
    """Show how a webhook is doing, and what was sent to it."""
    store, query = call.services.store, call.request.rel_url.query
    row = await store.webhook(call.view, call.id())
    state = STATES.get(query.get("state", ""))
    name = f"deliveries {row.id}"

    async def health() -> Mapping[str, object]:
        now, backlog = await asyncio.gather(store.webhook(call.view, row.id), store.outbox.backlog((row.id,)))
        return {"hook": Shown(now, backlog[row.id])}

    async def deliveries() -> Mapping[str, object]:
        after = read_cursor(name, call.caller.tenant, query.get("after") or None)
        page = await store.deliveries(row.id, state, LISTED, after)
        older = None if page.next is None else make_cursor(name, call.caller.tenant, page.next)
        return {"deliveries": page.items, "older": older}

    values = {
        "row": row, "state": state or "", "TITLES": TITLES, "LOOKS": DELIVERIES, "samples": SAMPLES,
        "counted_max": COUNTED_MAX, "path": f"{HERE}/{row.id}", "fresh": once.fresh(),
        "configured": _is_configured(call, row),
    }  # fmt: skip
    regions = {"health": health, "deliveries": deliveries}
    return await show(call, Page("webhook.html", _("Webhook"), values, regions, HERE))


async def rotate(call: Call) -> web.Response:
    """Make a new secret and show it this once; for a day the old one signs as well."""
    fields = await read_form(call)
    led_to = await once.already(call, fields)
    if led_to is not None:
        return see_other(call, led_to, done="shown")
    row = await new_secret(call, call.id())
    await once.done(call, fields, f"{HERE}/{row.id}")
    return await _secret(call, row, _("New secret"))


async def _secret(call: Call, row: WebhookRow, title: str) -> web.Response:
    values = {"row": row, "samples": SAMPLES, "rotated": row.rotated_at_ms is not None}
    return await show(call, Page("webhook_secret.html", title, values, {}, HERE))


async def switch(call: Call) -> web.Response:
    """Switch a webhook off, or on again: then it is asked at once."""
    fields = await read_form(call)
    row = await change(call, call.id(), PatchWebhook(enabled=fields.get("on") == "1"))
    return see_other(call, f"{HERE}/{row.id}", done="on" if row.enabled else "off")


async def delete(call: Call) -> web.Response:
    """End a webhook, with what waits for it."""
    await read_form(call)
    await call.services.store.delete_webhook(call.view, call.id(), call.caller.by)
    return see_other(call, HERE, done="deleted")


_SCOPE = "webhooks:manage"
_HTML = "text/html"
_ONE = f"{HERE}/{{id}}"

ROUTES = (
    Route("GET", HERE, index, _SCOPE, "Webhooks and their health", media_type=_HTML),
    Route("GET", f"{HERE}/new", new, _SCOPE, "The form for a webhook", media_type=_HTML),
    Route("POST", HERE, create, _SCOPE, "Add a webhook", media_type=_HTML),
    Route("GET", _ONE, one, _SCOPE, "A webhook and its deliveries", media_type=_HTML),
    Route("GET", f"{_ONE}/edit", edit, _SCOPE, "The form that changes a webhook", media_type=_HTML),
    Route("POST", f"{_ONE}/edit", save, _SCOPE, "Change a webhook", 303, media_type=_HTML),
    Route("POST", f"{_ONE}/rotate", rotate, _SCOPE, "Make a new secret", media_type=_HTML),
    # What a form answers is refreshed, and reloaded, at the form's own address.
    Route("GET", f"{_ONE}/rotate", one, _SCOPE, "The page of the webhook", media_type=_HTML),
    Route("POST", f"{_ONE}/switch", switch, _SCOPE, "Switch a webhook off or on", 303, media_type=_HTML),
    Route("POST", f"{_ONE}/delete", delete, _SCOPE, "End a webhook", 303, media_type=_HTML),
)
