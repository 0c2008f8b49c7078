"""Owns the pages of what was sent to a webhook: one request with its answer, a test, and trying again.

Knows no sender: what a person asks for is written to the outbox, and the answer is waited for there, for a while.
Source: the notes on what people see, *Webhooks*; Standard Webhooks 1.0.0 (headers).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import web

from gateway.http.call import Call
from gateway.http.route import Route
from gateway.http.webhooks import emit_test, lift_hold, redeliver_now
from gateway.representation import event_octets, rfc3339
from gateway.store.protocol import NotFound
from gateway.store.rows import DeliveryRow, WebhookRow
from gateway.web.event_words import TITLES
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.webhooks import DELIVERIES, HERE
from gateway.web.words import gettext as _
from gateway.web.words import mark

ANSWERED_WITHIN_S = 5.0
"""How long a press of a button waits for the receiver; the request itself may take three times as long."""

_LOOK_S = 0.05
_DAY_MS = 86_400_000

SINCE = {
    "hour": (mark("the last hour"), 3_600_000),
    "day": (mark("the last 24 hours"), _DAY_MS),
    "week": (mark("the last 7 days"), 7 * _DAY_MS),
}
"""How far back given-up deliveries go again; else all of them."""


async def one(call: Call) -> web.Response:
    """Show one delivery: the request as it is sent, and the last answer."""
    store = call.services.store
    row = await store.webhook(call.view, call.id())

    async def delivery() -> Mapping[str, object]:
        found = await store.outbox.delivery(row.id, call.id("delivery_id"))
        return {"delivery": found, "body": await _body(call, row, found)}

    values = {"row": row, "path": f"{HERE}/{row.id}", "TITLES": TITLES, "LOOKS": DELIVERIES}
    return await show(call, Page("delivery.html", _("Delivery"), values, {"delivery": delivery}, HERE))


async def _body(call: Call, row: WebhookRow, delivery: DeliveryRow) -> str | None:
    """Write the body as the sender does; None when the event is no longer kept."""
    try:
        event = await call.services.store.event(delivery.event_id, with_text=row.include_text)
    except NotFound:
        return None
    return event_octets({"type": event.type, "timestamp": rfc3339(event.at_ms)}, event.payload).decode(
        "utf-8", "replace"
    )


async def test(call: Call) -> web.Response:
    """Send a test event and show what came of it."""
    await read_form(call)
    row = await call.services.store.webhook(call.view, call.id())
    event_id = await emit_test(call, row)
    await lift_hold(call, row)
    newest = await call.services.store.deliveries(row.id, None, 50, None)
    found = next((each for each in newest.items if each.event_id == event_id), None)
    if found is None:
        return see_other(call, f"{HERE}/{row.id}")
    return await _once_answered(call, row, found)


async def again(call: Call) -> web.Response:
    """Send one event again, with the same webhook-id, and show what came of it."""
    await read_form(call)
    hook = await call.services.store.webhook(call.view, call.id())
    return await _once_answered(call, hook, await redeliver_now(call, hook.id, call.id("delivery_id")))


async def _once_answered(call: Call, hook: WebhookRow, begun: DeliveryRow) -> web.Response:
    """Wait a while for the answer to what was just made due; the page tells the state either way."""
    read = call.services.store.outbox.delivery
    loop = asyncio.get_running_loop()
    until_s = loop.time() + ANSWERED_WITHIN_S
    while loop.time() < until_s and hook.enabled and not call.services.stopping.is_set():
        now = await read(begun.webhook_id, begun.id)
        if now.last_ms != begun.last_ms:
            break
        await asyncio.sleep(_LOOK_S)
    return see_other(call, f"{HERE}/{begun.webhook_id}/deliveries/{begun.id}")


async def all_again(call: Call) -> web.Response:
    """Send what was given up since a time again."""
    fields = await read_form(call)
    row = await call.services.store.webhook(call.view, call.id())
    _words, back_ms = SINCE.get(fields.get("since", ""), ("", None))
    since_ms = 0 if back_ms is None else call.services.clock.now_ms() - back_ms
    n = await call.services.store.outbox.redeliver_dead(row.id, since_ms)
    await lift_hold(call, row)
    return see_other(call, f"{HERE}/{row.id}", done="again", n=str(n))


_SCOPE = "webhooks:manage"
_HTML = "text/html"
_HOOK = f"{HERE}/{{id}}"
_ONE = f"{_HOOK}/deliveries/{{delivery_id}}"

ROUTES = (
    Route("POST", f"{_HOOK}/test", test, _SCOPE, "Send a test event", 303, media_type=_HTML),
    Route(
        "POST", f"{_HOOK}/redeliver", all_again, _SCOPE, "Send given-up events again", 303, media_type=_HTML
    ),
    Route("GET", _ONE, one, _SCOPE, "One delivery with its request and answer", media_type=_HTML),
    Route("POST", f"{_ONE}/redeliver", again, _SCOPE, "Send an event again", 303, media_type=_HTML),
)
