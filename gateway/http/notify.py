"""Owns the judgement of ``notify`` of a message: can its sender be told by this way?

Knows no channel's protocol; the letters are the store's and their carrier's.
Source: rules KEY-7, SSRF-1 to SSRF-5; the HTTP interface.
"""

from __future__ import annotations

from gateway.channels.address import is_reserved, mail_address
from gateway.errors import GatewayError, field_error
from gateway.http.call import Call
from gateway.http.models import NotifySender
from gateway.message import Notify


def notify_of(call: Call, asked: NotifySender | None) -> Notify | None:
    """Judge who is to be told.

    Raises:
        GatewayError: ``channel_unavailable``, ``invalid_request``, ``sandbox_only`` or ``webhook_target_refused``.
    """
    if asked is None:
        return None
    email = None if asked.email is None else _email(call, asked.email)
    if asked.url is not None:
        _refuse_url(call, asked.url)
    return Notify(email, asked.url, asked.late_after_s)


def _email(call: Call, written: str) -> str:
    desk = call.services.notifications
    reason = "this server was started without notifications" if desk is None else desk.offers.reason("email")
    if reason is not None:
        raise field_error(
            "channel_unavailable",
            f"The channel email is not available: {reason}. Leave notify.email out, or give notify.url.",
            "notify",
            "email",
        )
    try:
        address = mail_address(written)
    except ValueError as error:
        raise field_error("invalid_request", f"notify.email {error}.", "notify", "email") from None
    if call.caller.sandbox and not is_reserved(address):
        raise field_error(
            "sandbox_only",
            "A sandbox key writes only to addresses that reach nobody (RFC 2606), like ann@example.org.",
            "notify",
            "email",
        )
    return address


def _refuse_url(call: Call, url: str) -> None:
    refuse_target = call.services.refuse_target
    if refuse_target is None:
        raise GatewayError(
            "channel_unavailable", "This server was started without webhooks. Leave notify.url out."
        )
    refusal = refuse_target(url)
    if refusal is not None:
        raise field_error("webhook_target_refused", f"{refusal}.", "notify", "url")
