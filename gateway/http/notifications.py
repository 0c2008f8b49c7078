"""Owns the routes of notifications: send, bulk, status, and what each channel can do.

Knows no channel's protocol and no fallback rule: the desk judges, the loop carries out.
Source: the HTTP interface; rules API-8 (idempotency_key in the body means the same as the header).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from gateway.errors import GatewayError, field_error
from gateway.http import notification_answers as answers
from gateway.http.call import Call
from gateway.http.notification_models import (
    BODY_MAX,
    SUBJECT_MAX,
    NotificationsQuery,
    Recipient,
    SendNotification,
    SendNotifications,
    Wanted,
)
from gateway.http.parsing import fingerprint, idempotency_key
from gateway.http.route import Route, forbidden, scope_of
from gateway.http.template_models import HTML_MAX
from gateway.notification_content import Wording
from gateway.notification_desk import (
    NAMED,
    NamedChannel,
    NotificationDesk,
    NotificationDraft,
    Taken,
    channel_of,
)
from gateway.notification_judgement import FIELD_OF, RecipientDraft
from gateway.notification_representation import bulk_json, notification_json
from gateway.store.notification_rows import SmsChoices
from gateway.store.notifications import NotificationFilter
from gateway.store.rows import IdempotencyKey

if TYPE_CHECKING:
    from gateway.representation import Json

_PATH = "/api/v1/notifications"
_LIST = "notifications"


async def send(call: Call) -> web.Response:
    """Accept one notification; 202 after its commit (W1)."""
    asked = await call.body(SendNotification)
    _may_be_urgent(call, asked.notification)
    wanted = asked.notification
    draft = _draft(wanted, filled=wanted.data is not None)
    to = _recipient(asked.recipient, wanted.data or {})
    taken = await _desk(call).send(draft, to, call.caller, _once(call, asked))
    return _taken(taken, _PATH)


async def send_bulk(call: Call) -> web.Response:
    """Accept one notification for many; 202 after all of it is committed (W1)."""
    asked = await call.body(SendNotifications)
    _may_be_urgent(call, asked)
    recipients = [_recipient(each, each.data) for each in asked.recipients]
    taken = await _desk(call).send_bulk(
        _draft(asked, filled=True), recipients, call.caller, _once(call, asked)
    )
    return _taken(taken, f"{_PATH}/bulk")


async def index(call: Call) -> web.Response:
    """List notifications, newest first."""
    query = call.query(NotificationsQuery)
    where = NotificationFilter(bulk_id=query.bulk, state=query.status)
    page = await call.services.store.notifications.page(
        call.view, where, query.limit, call.after(_LIST, query)
    )
    return call.page(_LIST, page, notification_json)


async def get(call: Call) -> web.Response:
    """Show one notification with every channel that was tried."""
    return call.json(notification_json(await call.services.store.notifications.get(call.view, call.id())))


async def get_bulk(call: Call) -> web.Response:
    """Show how many of a bulk stand where."""
    return call.json(bulk_json(await call.services.store.notifications.bulk(call.view, call.id())))


async def capabilities(call: Call) -> web.Response:
    """Say of each channel whether it can be used, what it needs and what it can carry."""
    desk = _desk(call)
    can_text = await desk.can_text(call.caller)
    parts = call.services.admission.settings.max_parts
    return call.all(NAMED, lambda name: _capability(name, desk, parts, can_text=can_text))


def _capability(name: NamedChannel, desk: NotificationDesk, parts: int, *, can_text: bool) -> Json:
    reason, channel = desk.offers.reason(name), channel_of(name)
    if name == "sms" and reason is None and not can_text:
        reason = "no phone or modem was ever attached; gateway doctor shows why one is missing"
    mail = name == "email"
    limits: Json = {
        "body_characters": BODY_MAX,
        "parts": parts if name == "sms" else None,
        "subject_characters": SUBJECT_MAX if name in ("email", "slack", "webhook") else None,
        "html_characters": HTML_MAX if name in ("email", "webhook") else None,
    }
    return {
        "channel": name,
        "available": reason is None,
        "reason": reason,
        "recipient_field": None if channel is None else FIELD_OF[channel],
        "raw": channel is not None,
        "template": channel is not None,
        "subject": mail or name in ("slack", "webhook"),
        "html": mail or name == "webhook",
        "confirms_delivery": name == "sms",
        "limits": None if channel is None else limits,
    }


def _desk(call: Call) -> NotificationDesk:
    desk = call.services.notifications
    if desk is None:
        raise GatewayError("channel_unavailable", "This server was started without notifications.")
    return desk


def _may_be_urgent(call: Call, asked: Wanted) -> None:
    if asked.purpose == "urgent" and not call.caller.may("messages:urgent"):
        raise forbidden("messages:urgent")


def _once(call: Call, asked: SendNotification | SendNotifications) -> IdempotencyKey | None:
    """Read the key of header and body; they mean the same, so they must not differ."""
    header = call.request.headers.get("Idempotency-Key")
    keys = {idempotency_key(key) for key in (header, asked.idempotency_key) if key is not None}
    if len(keys) > 1:
        raise field_error(
            "invalid_request",
            "idempotency_key and the header Idempotency-Key differ. Send one of them, or both alike.",
            "idempotency_key",
        )
    if not keys:
        return None
    body = asked.model_dump_json(exclude={"idempotency_key"}).encode()
    return IdempotencyKey(scope_of(call), keys.pop(), fingerprint(body))


def _draft(asked: Wanted, *, filled: bool) -> NotificationDraft:
    return NotificationDraft(
        channels=asked.channels,
        template_id=asked.template_id,
        wording=None if asked.body is None else Wording(asked.subject, asked.body, asked.html, filled),
        fallback_after_s=asked.fallback_after_s,
        sms=SmsChoices(asked.purpose, asked.reference, asked.tags, asked.priority),
    )


def _recipient(asked: Recipient, values: dict[str, str]) -> RecipientDraft:
    return RecipientDraft(asked.phone, asked.email, asked.slack, asked.webhook, asked.language, values)


def _taken(taken: Taken, path: str) -> web.Response:
    headers = {"Content-Type": "application/json"}
    if taken.id is not None:
        headers["Location"] = f"{path}/{taken.id}"
    if taken.replayed:
        headers["Idempotency-Replayed"] = "true"
    return web.Response(body=taken.answer.body, status=taken.answer.status, headers=headers)


_REFUSALS = (
    "channel_unavailable", "recipient_field_missing", "template_not_found", "template_error", "sandbox_only",
    "content_refused",
)  # fmt: skip

ROUTES = (
    Route(
        "POST", f"{_PATH}/send", send, "messages:send", "Tell one person, by one channel after the other", 202,
        SendNotification, answer=answers.NotificationAccepted, own_idempotency=True,
        problems=(
            *_REFUSALS, "invalid_number", "premium_number", "short_code_not_allowed", "emergency_number",
            "text_too_long", "text_not_encodable", "webhook_target_refused",
        ),
    ),
    Route(
        "POST", f"{_PATH}/bulk", send_bulk, "messages:send", "Tell many, by one channel after the other", 202,
        SendNotifications, answer=answers.Bulk, own_idempotency=True, problems=_REFUSALS,
    ),
    Route(
        "GET", _PATH, index, "messages:read", "List notifications", query=NotificationsQuery,
        answer=answers.NotificationPage, problems=("invalid_cursor",),
    ),
    Route(
        "GET", f"{_PATH}/bulk/{{id}}", get_bulk, "messages:read", "Show how many of a bulk stand where",
        answer=answers.Bulk, problems=("not_found",),
    ),
    Route(
        "GET", f"{_PATH}/{{id}}", get, "messages:read", "Show a notification", answer=answers.Notification,
        problems=("not_found",),
    ),
    Route(
        "GET", "/api/v1/channels/capabilities", capabilities, "messages:read", "What each channel can do",
        answer=answers.Capabilities,
    ),
)  # fmt: skip
