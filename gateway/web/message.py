"""Owns the page of one message: what is with it, what to do, its history with the proof behind each step, its parts.

Knows no rule: decisions are the store's, words :mod:`gateway.web.message_words`, rows
:mod:`gateway.web.message_timeline`.
Source: the notes on what people see, */messages/{id}*.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from pydantic_core import to_json

from gateway.http.call import Call
from gateway.http.messages import decide, document_of
from gateway.http.route import Route
from gateway.lifecycle import Conflict, Happening
from gateway.message import FINAL_STATES, Message, MessageState
from gateway.web import resending
from gateway.web.evidence import status_meaning
from gateway.web.evidence_file import attached
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.message_timeline import hops, who_cancelled
from gateway.web.message_words import Facts, cause_of, sentence
from gateway.web.names import names_of
from gateway.web.once import fresh
from gateway.web.shown import STATES, Look, number
from gateway.web.words import gettext as _
from gateway.web.words import mark

_HTML = "text/html"
_ONE = "/messages/{id}"
_DECISIONS = {"resend": Happening.RESEND, "sent": Happening.CONFIRM, "failed": Happening.GIVE_UP}

PART_STATES = {
    "waiting": Look(mark("Waiting"), "clock", "quiet"),
    "not_sent": Look(mark("Not sent"), "cross", "warn"),
    "rejected": Look(mark("Refused"), "cross", "bad"),
    **{state: STATES[state] for state in ("submitting", "in_doubt", "sent", "undelivered", "delivered")},
}
DELIVERY_STATES = {
    "pending": Look(mark("Waiting"), "clock", "busy"),
    "delivered": Look(mark("Taken"), "check", "good"),
    "dead": Look(mark("Given up"), "cross", "bad"),
}

DONE = {
    "sent": mark("Accepted. This page follows it."),
    "again": mark("Accepted as a new message. This page follows it."),
    "cancelled": mark("Taken back: it is not sent."),
    "decided": mark("Noted."),
    "late": mark("Something happened to it meanwhile, so nothing was changed. Look again and decide."),
}
"""What a button led to; said once above the page."""

_AGAIN = frozenset(
    {MessageState.FAILED, MessageState.UNDELIVERED, MessageState.EXPIRED, MessageState.CANCELLED}
)
"""Ended badly: sending it again is what helps."""


async def page(call: Call) -> web.Response:
    """Show one message; every part of it is live."""
    message = await call.services.store.message(call.view, call.id())

    async def story() -> Mapping[str, object]:
        return await _story(call, message.id)

    title = _("Text to %(number)s") % {"number": number(message.to)}
    values = {
        "message_id": message.id,
        "to": message.to,
        "done": DONE.get(call.request.rel_url.query.get("done", ""), ""),
    }
    return await show(call, Page("message.html", title, values, {"story": story}, "/messages"))


async def _story(call: Call, message_id: str) -> Mapping[str, object]:
    store, now_ms = call.services.store, call.services.clock.now_ms()
    message = await store.message(call.view, message_id)
    parts = await store.parts(message_id)
    entries = await store.timeline(message_id)
    eta = await store.message_eta(call.view, message_id)
    names = await names_of(call)
    facts = Facts(message, now_ms, parts, eta, names.line(message.line), who_cancelled(entries, names))
    told = call.caller.may("webhooks:manage")
    hooks = {hook.id: hook.url for hook in await store.webhooks(call.view)} if told else {}
    of_all = await store.deliveries_of(message_id) if told else ()
    deliveries = [each for each in of_all if each.webhook_id in hooks]
    return {
        "message": message,
        "facts": facts,
        "sentence": sentence(facts),
        "advice": _advice(message),
        "hops": hops(entries, parts, names, scheduled=message.send_at_ms is not None),
        "parts": parts,
        "PART_STATES": PART_STATES,
        "DELIVERY_STATES": DELIVERY_STATES,
        "names": names,
        "meaning": status_meaning,
        "cause_of": cause_of,
        "hooks": hooks,
        "deliveries": deliveries,
        # A wait before the next try, a part's report, a program that answers: no event tells of these.
        "moves": message.state not in FINAL_STATES or any(each.state == "pending" for each in deliveries),
        "again": resending.can_be_sent_again(message),
        "helps": message.state in _AGAIN,
        "expired": message.expires_at_ms <= now_ms,
        "once": fresh(),
        "json": to_json(await document_of(call, message_id), indent=2).decode(),
    }


def _advice(message: Message) -> str:
    """What a person does about it, in the words of the catalogue; what the buttons say already is left out."""
    error = message.error
    if error is None or message.state in (MessageState.IN_DOUBT, MessageState.DELIVERED):
        return ""
    return f"{_(error.hint).rstrip('.')}."


# ------------------------------------------------------------------ what a person decides


async def cancel(call: Call) -> web.Response:
    """Take a message back that is certainly not on air."""
    await read_form(call)
    return await _decided(call, Happening.CANCEL, "cancelled")


async def resolve(call: Call) -> web.Response:
    """Decide about a message in doubt."""
    happening = _DECISIONS.get((await read_form(call)).get("as", ""))
    return (
        see_other(call, f"/messages/{call.id()}")
        if happening is None
        else await _decided(call, happening, "decided")
    )


async def _decided(call: Call, happening: Happening, done: str) -> web.Response:
    try:
        await decide(call, call.id(), happening)
    except Conflict:
        done = "late"
    return see_other(call, f"/messages/{call.id()}", done=done)


async def again(call: Call) -> web.Response:
    """Send it again as a new message, and go there."""
    once = (await read_form(call)).get("once", "")
    message = await call.services.store.message(call.view, call.id())
    if not resending.can_be_sent_again(message):
        return see_other(call, f"/messages/{message.id}", done="late")
    new = await resending.send_again(call, message, once)
    return see_other(call, f"/messages/{new.id}", done="again")


# ------------------------------------------------------------------ to take along


async def as_json(call: Call) -> web.Response:
    """Give the message as the API does, as text that can be copied."""
    return call.json(await document_of(call, call.id()))


async def evidence(call: Call) -> web.Response:
    """Give everything that is known of a message as a file; numbers and texts only when asked for."""
    return await attached(call, await document_of(call, call.id()), f"message:{call.id()}")


_READ = "messages:read"

ROUTES = (
    Route("GET", _ONE, page, _READ, "A message", media_type=_HTML),
    Route("GET", f"{_ONE}/json", as_json, _READ, "A message as JSON"),
    Route("GET", f"{_ONE}/evidence", evidence, _READ, "What is known of a message, as a file"),
    Route("POST", f"{_ONE}/cancel", cancel, "messages:cancel", "Take a message back", 303, media_type=_HTML),
    Route(
        "POST",
        f"{_ONE}/resolve",
        resolve,
        "messages:send",
        "Decide about one in doubt",
        303,
        media_type=_HTML,
    ),
    Route("POST", f"{_ONE}/again", again, "messages:send", "Send it again as new", 303, media_type=_HTML),
)
