"""Owns how a message is sent again as a new one: the same words to the same person, once for each form.

Knows no page; admission judges it as any other.
Source: rules API-8 (one form, one message), W1.
"""

from __future__ import annotations

from device_bridge.sms.segmentation import MAX_PARTS
from gateway.draft import MessageDraft, validity_s
from gateway.http.call import Call
from gateway.http.route import forbidden
from gateway.message import Message
from gateway.store.convert import DAMAGED
from gateway.store.rows import IdempotencyKey

"""What a message may ask for."""


async def send_again(call: Call, message: Message, once: str) -> Message:
    """Admit a copy of a message; ``once`` is the form's own word, so that pressing twice sends once.

    Raises:
        GatewayError: why it was refused; nothing was stored.
    """
    if message.purpose == "urgent" and not call.caller.may("messages:urgent"):
        raise forbidden("messages:urgent")
    scope = f"{call.caller.tenant} {call.caller.key_id} POST /messages/again"
    key = IdempotencyKey(scope, f"{once} {message.id}", message.id)
    return (await call.services.admission.admit(_again(message), call.caller, key)).message


def can_be_sent_again(message: Message) -> bool:
    """Say whether its words are still known."""
    return message.text not in (None, DAMAGED) or message.octets is not None


def _again(message: Message) -> MessageDraft:
    return MessageDraft(
        to=message.to,
        text=message.text,
        octets=message.octets,
        port=message.port,
        encoding=message.encoding,
        max_parts=MAX_PARTS,  # it was accepted once
        line=message.line_asked,
        pool=message.pool,
        valid_for_s=validity_s(message),
        priority=message.priority,
        purpose=message.purpose,
        reference=message.reference,
        tags=message.tags,
        delivery_report=message.delivery_report,
        flash=message.flash,
        on_doubt=message.on_doubt,
    )
