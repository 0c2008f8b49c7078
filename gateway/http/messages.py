"""Owns the routes of outgoing messages: create, list, get, cancel, resolve, preview.

Knows no rule: admission decides about new ones, the store about changes.
Source: the HTTP interface; rules API-8, API-10.
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.draft import MessageDraft
from gateway.errors import field_error
from gateway.http import answers
from gateway.http.call import Call
from gateway.http.keys import visible
from gateway.http.models import MessageContent, MessagesQuery, PreviewMessage, Resolve, SendMessage
from gateway.http.notify import notify_of
from gateway.http.route import Route, forbidden, idempotency_of
from gateway.lifecycle import Happening
from gateway.message import Message, MessageState, PartDetail, TimelineEntry
from gateway.representation import error_json, message_json, rfc3339
from gateway.store.rows import MessageFilter, Page
from gateway.store.searching import Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.representation import Json

_PATH = "/api/v1/messages"
_LIST = "messages"
_DECISIONS = {"resend": Happening.RESEND, "sent": Happening.CONFIRM, "failed": Happening.GIVE_UP}


async def create(call: Call) -> web.Response:
    """Admit one message; 202 after its commit (W1)."""
    asked = await call.body(SendMessage)
    if asked.purpose == "urgent" and not call.caller.may("messages:urgent"):
        raise forbidden("messages:urgent")
    draft = replace(draft_of(asked), notify=notify_of(call, asked.notify))
    admitted = await call.services.admission.admit(draft, call.caller, await idempotency_of(call))
    message = admitted.message
    # The first answer said what was still ahead then.
    now_ms = message.created_at_ms if admitted.replayed else call.services.clock.now_ms()
    response = call.json(message_json(message, now_ms), 202, f"{_PATH}/{message.id}")
    if admitted.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


async def index(call: Call) -> web.Response:
    """List messages, newest first; what is looked for by key, tag or words comes in pages that may be short."""
    query = call.query(MessagesQuery)
    after = call.after(_LIST, query)
    wanted = await _wanted(call, query)
    found = await call.services.store.search.find(call.view, wanted, query.limit, after)
    messages = tuple(item for item in found.items if isinstance(item, Message))
    now_ms = call.services.clock.now_ms()
    return call.page(_LIST, Page(messages, found.next), lambda message: message_json(message, now_ms))


async def get(call: Call) -> web.Response:
    """Show one message with its parts and its history."""
    return call.json(await document_of(call, call.id()))


async def document_of(call: Call, message_id: str) -> Json:
    """Describe one message with its parts and its history.

    Raises:
        NotFound: it is not there for this caller.
    """
    store = call.services.store
    message = await store.message(call.view, message_id)
    document = message_json(message, call.services.clock.now_ms())
    document["parts_detail"] = [_part_json(part) for part in await store.parts(message.id)]
    document["timeline"] = [_hop_json(hop) for hop in await store.timeline(message.id)]
    eta = await store.message_eta(call.view, message.id)
    document["eta"] = None if eta is None else {"at": rfc3339(eta.at_ms), "reason": eta.reason}
    return document


async def cancel(call: Call) -> web.Response:
    """Cancel a message that is certainly not on air."""
    return await _change(call, Happening.CANCEL)


async def resolve(call: Call) -> web.Response:
    """Decide about a message in doubt."""
    return await _change(call, _DECISIONS[(await call.body(Resolve)).decision])


async def preview(call: Call) -> web.Response:
    """Measure a text; nothing is stored."""
    preview = call.services.admission.preview(_content(await call.body(PreviewMessage)))
    cut = preview.segmentation
    return call.json(
        {
            "encoding": cut.coding,
            "parts": cut.parts,
            "max_parts": preview.max_parts,
            "fits": cut.parts <= preview.max_parts,
            "units_used": sum(segment.units for segment in cut.segments),
            "units_left": cut.units_left,
            "segments": [
                {"text": segment.text, "units": segment.units, "start": segment.start}
                for segment in cut.segments
            ],
            "forces_ucs2": [
                {"index": index, "character": character, "name": unicodedata.name(character, "unnamed")}
                for index, character in cut.forces_ucs2[:100]
            ],
            "gsm7_text": preview.gsm7_text,
            "gsm7_parts": preview.gsm7_parts,
        }
    )


async def _change(call: Call, happening: Happening) -> web.Response:
    message = await decide(call, call.id(), happening)
    return call.json(message_json(message, call.services.clock.now_ms()))


async def decide(call: Call, message_id: str, happening: Happening) -> Message:
    """Carry out what the caller decided about a message.

    Raises:
        NotFound; Conflict: it does not fit the state.
    """
    return await call.services.store.change(call.view, message_id, happening, call.caller.by)


def _content(asked: MessageContent) -> MessageDraft:
    return MessageDraft(
        to="",
        text=asked.text,
        octets=asked.data_base64,
        port=asked.port,
        encoding=asked.encoding,
        max_parts=asked.max_parts,
    )


def draft_of(asked: SendMessage) -> MessageDraft:
    """Turn a checked request into a draft; who is notified is the caller's to add."""
    return MessageDraft(
        to=asked.to,
        text=asked.text,
        octets=asked.data_base64,
        port=asked.port,
        encoding=asked.encoding,
        max_parts=asked.max_parts,
        line=asked.line,
        pool=asked.pool,
        send_at_ms=asked.send_at,
        valid_for_s=asked.valid_for_s,
        priority=asked.priority,
        purpose=asked.purpose,
        reference=asked.reference,
        tags=asked.tags,
        delivery_report=asked.delivery_report,
        flash=asked.flash,
        on_doubt=asked.on_doubt,
        template_id=asked.template_id,
        data=asked.data,
        language=asked.language,
        override_opt_out=asked.override_opt_out,
    )


async def _wanted(call: Call, query: MessagesQuery) -> Wanted:
    to = query.to
    if to is not None:
        to = (await call.services.admission.recipient(call.caller.tenant, to)).e164
    line = query.line
    if line is not None:
        line = await call.services.admission.line_book.id_of(call.caller.tenant, line)
    states, scheduled = states_of(query.state)
    where = MessageFilter(
        states=states,
        scheduled=scheduled,
        to=to,
        line=line,
        reference=query.reference,
        batch_id=query.batch,
        since_ms=query.since,
        until_ms=query.until,
    )
    key_ids = () if query.key is None else await key_ids_of(call, query.key)
    tags = tuple(_tag(i, written) for i, written in enumerate(query.tag))
    words = () if query.q is None else tuple(query.q.split())
    return Wanted(where, "out", key_ids, tags, words)


def states_of(shown: Sequence[str]) -> tuple[tuple[MessageState, ...], bool | None]:
    """Turn states as people see them into those that are stored, and whether a time ahead is asked for."""
    states = {MessageState.QUEUED if state == "scheduled" else MessageState(state) for state in shown}
    both = {"scheduled", "queued"} <= set(shown)
    return tuple(states), None if both or MessageState.QUEUED not in states else "scheduled" in shown


async def key_ids_of(call: Call, written: str) -> tuple[str, ...]:
    """Find the ids of all keys with a name; what is no name of a key is an id."""
    return tuple(row.id for row in await visible(call) if row.name == written) or (written,)


def _tag(i: int, written: str) -> tuple[str, str]:
    name, equals, value = written.partition("=")
    if not (name and equals and value):
        raise field_error("invalid_request", 'Write a tag as name=value, like "class=5B".', "tag", i)
    return name, value


def _part_json(part: PartDetail) -> Json:
    return {
        "attempt": part.attempt,
        "number": part.number,
        "total": part.total,
        "state": part.state.value,
        "line": part.line,
        "mr": part.mr,
        "tpdu": part.tpdu_hex,
        "submitted_at": rfc3339(part.submitted_at_ms),
        "sent_at": rfc3339(part.sent_at_ms),
        "report_status": part.report_status,
        "reported_at": rfc3339(part.reported_at_ms),
        "error": error_json(part.error),
    }


def _hop_json(hop: TimelineEntry) -> Json:
    return {
        "id": hop.id,
        "at": rfc3339(hop.at_ms),
        "type": hop.type,
        "witness": hop.witness,
        "attempt": hop.attempt,
        "part": hop.part,
        "line": hop.line,
        "detail": hop.detail,
    }


_ADMISSION = (
    "invalid_number", "emergency_number", "text_too_long", "text_not_encodable", "send_at_invalid",
    "unknown_line", "sender_not_owned", "sandbox_only", "no_line_available", "queue_full",
    "channel_unavailable", "webhook_target_refused", "premium_number", "short_code_not_allowed",
    "destination_not_allowed", "recipient_opted_out", "consent_required", "consent_expired", "content_refused",
    "quiet_hours", "quota_exhausted", "recipient_limit", "template_not_found", "template_error",
)  # fmt: skip

ROUTES = (
    Route(
        "POST", _PATH, create, "messages:send", "Send one message", 202, SendMessage,
        answer=answers.Message, problems=_ADMISSION, own_idempotency=True,
    ),
    Route(
        "GET", _PATH, index, "messages:read", "List messages", query=MessagesQuery, answer=answers.MessagePage,
        problems=("invalid_cursor", "invalid_number", "emergency_number"),
    ),
    Route(
        "POST", f"{_PATH}/preview", preview, "messages:read", "Measure a text", body=PreviewMessage,
        answer=answers.Preview, problems=("text_not_encodable",),
    ),
    Route(
        "GET", f"{_PATH}/{{id}}", get, "messages:read", "Show a message with parts and timeline",
        answer=answers.MessageWithHistory, problems=("not_found",),
    ),
    Route(
        "DELETE", f"{_PATH}/{{id}}", cancel, "messages:cancel", "Cancel a message", answer=answers.Message,
        problems=("not_found", "conflict"),
    ),
    Route(
        "POST", f"{_PATH}/{{id}}/resolve", resolve, "messages:send", "Decide about a message in doubt",
        body=Resolve, answer=answers.Message, problems=("not_found", "conflict"),
    ),
)  # fmt: skip
