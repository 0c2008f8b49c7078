"""Owns the routes of webhooks: subscriptions, test events, deliveries and the rotation of secrets.

Knows no sender and no network rule; the URL is judged by a door of the services, and again where it is connected.
Source: Standard Webhooks 1.0.0 (secret); rules WHK-1, SSRF-1, SSRF-5.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

from aiohttp import web
from pydantic_core import to_json

from gateway.errors import GatewayError, field_error
from gateway.http import answers
from gateway.http.call import Call
from gateway.http.models import CreateWebhook, DeliveriesQuery, Empty, PatchWebhook
from gateway.http.route import KEPT_BODY, Route
from gateway.ids import new_id
from gateway.representation import rfc3339
from gateway.store.rows import DeliveryRow, WebhookRow

if TYPE_CHECKING:
    from gateway.representation import Json

_PATH = "/api/v1/webhooks"
_SECRET_OCTETS = 32


async def create(call: Call) -> web.Response:
    """Subscribe; the secret is shown this once."""
    return _with_secret(call, await subscribe(call, await call.body(CreateWebhook)), 201)


async def subscribe(call: Call, asked: CreateWebhook) -> WebhookRow:
    """Keep a subscription that was asked for.

    Raises:
        GatewayError: ``webhook_target_refused`` with the rule; ``invalid_request``, a test of one that is switched off.
    """
    _judge(call, asked.url)
    if asked.test and not asked.enabled:
        raise field_error(
            "invalid_request", "A disabled webhook sends no test. Enable it, or leave test out.", "test"
        )
    row = WebhookRow(
        id=new_id(),
        tenant=call.caller.tenant,
        url=asked.url,
        events=tuple(asked.events),
        secrets=(_new_secret(),),
        include_text=asked.include_text,
        sandbox=call.caller.sandbox,
        enabled=asked.enabled,
        created_at_ms=call.services.clock.now_ms(),
    )
    await call.services.store.add_webhook(row, call.caller.by)
    if asked.test:
        await emit_test(call, row)
    return row


async def index(call: Call) -> web.Response:
    """List subscriptions."""
    return call.all(await call.services.store.webhooks(call.view), _webhook_json)


async def get(call: Call) -> web.Response:
    """Show one subscription."""
    return call.json(_webhook_json(await call.services.store.webhook(call.view, call.id())))


async def patch(call: Call) -> web.Response:
    """Change a subscription."""
    return call.json(_webhook_json(await change(call, call.id(), await call.body(PatchWebhook))))


async def change(call: Call, webhook_id: str, asked: PatchWebhook) -> WebhookRow:
    """Change what was asked for; switched on, it also closes the circuit.

    Raises:
        NotFound.
        GatewayError: ``invalid_request``, ``webhook_target_refused``.
    """
    changes: dict[str, object] = {name: getattr(asked, name) for name in asked.model_fields_set}
    for name, value in changes.items():
        if value is None:
            raise field_error("invalid_request", f"{name} cannot be null. Leave it out to keep it.", name)
    if asked.url is not None:
        _judge(call, asked.url)
    if asked.events is not None:
        changes["events"] = tuple(asked.events)
    if asked.enabled:
        changes |= {"disabled_reason": None, "failures_in_row": 0, "open_until_ms": None}
    return await call.services.store.change_webhook(call.view, webhook_id, changes, call.caller.by)


async def delete(call: Call) -> web.Response:
    """End a subscription."""
    await call.services.store.delete_webhook(call.view, call.id(), call.caller.by)
    return web.Response(status=204)


async def test(call: Call) -> web.Response:
    """Send a test event to this subscription only."""
    await call.body(Empty)
    event_id = await emit_test(call, await call.services.store.webhook(call.view, call.id()))
    return call.json({"event_id": event_id, "type": "webhook.test"}, 202)


async def rotate(call: Call) -> web.Response:
    """Make a new secret; for a day the old one signs as well."""
    await call.body(Empty)
    return _with_secret(call, await new_secret(call, call.id()), 200)


async def new_secret(call: Call, webhook_id: str) -> WebhookRow:
    """Give a webhook a new secret beside its old one. Raises NotFound."""
    row = await call.services.store.webhook(call.view, webhook_id)
    changes: dict[str, object] = {
        "secrets": (_new_secret(), *row.secrets[:1]),
        "rotated_at_ms": call.services.clock.now_ms(),
    }
    return await call.services.store.change_webhook(call.view, row.id, changes, call.caller.by)


async def deliveries(call: Call) -> web.Response:
    """List what was sent to a subscription, newest first."""
    query = call.query(DeliveriesQuery)
    row = await call.services.store.webhook(call.view, call.id())
    name = f"deliveries {row.id}"
    page = await call.services.store.deliveries(row.id, query.state, query.limit, call.after(name, query))
    return call.page(name, page, _delivery_json)


async def redeliver(call: Call) -> web.Response:
    """Send one event again, with the same webhook-id."""
    await call.body(Empty)
    return call.json(_delivery_json(await redeliver_now(call, call.id(), call.id("delivery_id"))), 202)


async def redeliver_now(call: Call, webhook_id: str, delivery_id: str) -> DeliveryRow:
    """Try a delivery again at once, also where its endpoint is only probed. Raises NotFound."""
    row = await call.services.store.webhook(call.view, webhook_id)
    delivery = await call.services.store.redeliver(row.id, delivery_id)
    await lift_hold(call, row)
    return delivery


async def lift_hold(call: Call, row: WebhookRow) -> None:
    """Let an endpoint be asked now that would be asked later: a person says that it is back."""
    if row.open_until_ms is not None:
        await call.services.store.change_webhook(call.view, row.id, {"open_until_ms": None})


def _judge(call: Call, url: str) -> None:
    refuse = call.services.refuse_target
    reason = refuse(url) if refuse is not None else None
    if reason is not None:
        raise field_error("webhook_target_refused", reason, "url")
    if not url.lower().startswith(("http://", "https://")):
        raise field_error("webhook_target_refused", "A webhook needs an http or https URL.", "url")


async def emit_test(call: Call, row: WebhookRow) -> str:
    """Send a test event to one webhook; returns its id.

    Raises:
        GatewayError: ``conflict``, the webhook is switched off.
    """
    if not row.enabled:
        raise GatewayError("conflict", "This webhook is disabled. Enable it first.")
    payload: Json = {"webhook_id": row.id, "note": "A test of this webhook; nothing happened."}
    event = await call.services.store.emit(row.tenant, "webhook.test", payload, webhook_id=row.id)
    return event.id


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_OCTETS)).decode()


def _with_secret(call: Call, row: WebhookRow, status: int) -> web.Response:
    shown = _webhook_json(row)
    location = f"{_PATH}/{row.id}" if status == 201 else None
    response = call.json({**shown, "secret": row.secrets[0]}, status, location)
    response[KEPT_BODY] = to_json({**shown, "secret": None})
    return response


def _webhook_json(row: WebhookRow) -> Json:
    return {
        "id": row.id,
        "url": row.url,
        "events": list(row.events),
        "include_text": row.include_text,
        "enabled": row.enabled,
        "sandbox": row.sandbox,
        "disabled_reason": row.disabled_reason,
        "failures_in_row": row.failures_in_row,
        "last_success_at": rfc3339(row.last_success_ms),
        "created_at": rfc3339(row.created_at_ms),
    }


def _delivery_json(row: DeliveryRow) -> Json:
    return {
        "id": row.id,
        "event_id": row.event_id,
        "event_type": row.event_type,
        "message_id": row.message_id,
        "state": row.state,
        "attempt": row.attempt,
        "next_at": rfc3339(row.next_at_ms),
        "last_status": row.last_status,
        "last_error": row.last_error,
        "last_at": rfc3339(row.last_ms),
        "created_at": rfc3339(row.created_at_ms),
        "finished_at": rfc3339(row.finished_at_ms),
    }


_SCOPE = "webhooks:manage"
_ONE = f"{_PATH}/{{id}}"

ROUTES = (
    Route(
        "POST", _PATH, create, _SCOPE, "Subscribe to events", 201, CreateWebhook,
        answer=answers.WebhookWithSecret, problems=("webhook_target_refused",),
    ),
    Route("GET", _PATH, index, _SCOPE, "List webhooks", answer=answers.WebhookList),
    Route("GET", _ONE, get, _SCOPE, "Show a webhook", answer=answers.Webhook, problems=("not_found",)),
    Route(
        "PATCH", _ONE, patch, _SCOPE, "Change a webhook", body=PatchWebhook, answer=answers.Webhook,
        problems=("not_found", "webhook_target_refused"),
    ),
    Route("DELETE", _ONE, delete, _SCOPE, "End a webhook", 204, problems=("not_found",)),
    Route(
        "POST", f"{_ONE}/test", test, _SCOPE, "Send a test event", 202, Empty, answer=answers.TestSent,
        problems=("not_found", "conflict"),
    ),
    Route(
        "POST", f"{_ONE}/rotate", rotate, _SCOPE, "Make a new secret", body=Empty,
        answer=answers.WebhookWithSecret, problems=("not_found",),
    ),
    Route(
        "GET", f"{_ONE}/deliveries", deliveries, _SCOPE, "List deliveries", query=DeliveriesQuery,
        answer=answers.DeliveryPage, problems=("not_found", "invalid_cursor"),
    ),
    Route(
        "POST", f"{_ONE}/deliveries/{{delivery_id}}/redeliver", redeliver, _SCOPE, "Send an event again", 202,
        Empty, answer=answers.Delivery, problems=("not_found",),
    ),
)  # fmt: skip
