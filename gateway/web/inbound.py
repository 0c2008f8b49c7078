"""Owns the page of one received text: from whom, what it says, what followed from it, and the proof.

Knows no conversation; answering and suppressing stand there.
Source: the notes on what people see, */messages/{id}*; 3GPP TS 23.040 §9.2.2.1 (DELIVER).
"""

from __future__ import annotations

from aiohttp import web
from markupsafe import Markup
from pydantic_core import to_json

from device_bridge.errors import DecodeError
from device_bridge.sms.tpdu import Deliver, decode_incoming
from gateway.errors import CATALOGUE
from gateway.http.call import Call
from gateway.http.inbound import document_of
from gateway.http.route import Route
from gateway.message import Inbound
from gateway.web.evidence import decode
from gateway.web.evidence_file import attached
from gateway.web.frame import Page, show
from gateway.web.message_words import say
from gateway.web.names import names_of
from gateway.web.shown import Look, foreign, number, span
from gateway.web.words import gettext as _
from gateway.web.words import mark

_READ = "inbound:read"

_WHAT: dict[str, str] = {
    "confirm": mark("Telling its sender that the keyword was understood"),
    "answer": mark("An answer by a rule"),
    "forward": mark("Passing it on to another number, by a rule"),
    "webhook": mark("Asking a program, by a rule"),
    "email": mark("Passing it on by e-mail, by a rule"),
}
_REASONS = {
    "own_line": mark("it came from a line of ours"),
    "loop": mark("two machines would answer each other"),
    "limit": mark("it was told already within a day"),
}
_KEYWORDS = {
    "stop": mark("It asks not to be texted again: the number is suppressed."),
    "start": mark("It asks to be texted again."),
    "help": mark("It asks who writes."),
}
ACTION_STATES = {
    "pending": Look(mark("Waiting"), "clock", "busy"),
    "sending": Look(mark("Under way"), "up", "busy"),
    "done": Look(mark("Done"), "check", "good"),
    "failed": Look(mark("Failed"), "cross", "bad"),
    "skipped": Look(mark("Left out"), "stop", "quiet"),
}


async def page(call: Call) -> web.Response:
    """Show one received text; it does not change any more, but what follows from it may."""
    store = call.services.store
    inbound = await store.inbound(call.view, call.id())

    async def actions() -> dict[str, object]:
        return {"actions": await store.inbound_actions.of(call.view, inbound.id)}

    sender = number(inbound.sender)
    values = {
        "inbound": inbound,
        "sentence": sentence(inbound),
        "is_number": inbound.sender.startswith("+"),
        "names": await names_of(call),
        "tpdus": [decode(pdu, "incoming") for pdu in inbound.pdus],
        "missing": missing(inbound),
        "what": _WHAT,
        "CATALOGUE": CATALOGUE,
        "reasons": {reason: _(words) for reason, words in _REASONS.items()},
        "ACTION_STATES": ACTION_STATES,
        "json": to_json(await document_of(call, inbound.id), indent=2).decode(),
    }
    title = _("Text from %(sender)s") % {"sender": sender}
    return await show(call, Page("inbound.html", title, values, {"actions": actions}, "/messages"))


def sentence(inbound: Inbound) -> Markup:
    """Say in one line what came, and whether all of it is here."""
    said = say(_("Received."))
    if inbound.sent_at_ms is not None:
        late_s = max(inbound.received_at_ms - inbound.sent_at_ms, 0) / 1000
        said = say(_("Received %(span)s after the network took it from its sender."), span=span(late_s))
    if inbound.keyword in _KEYWORDS:
        said += " " + say(_(_KEYWORDS[inbound.keyword]))
    elif inbound.keyword:
        said += " " + say(_("It is taken for the keyword %(word)s."), word=foreign(inbound.keyword, 40))
    gone = missing(inbound)
    if gone:
        said += " " + say(_("Part %(parts)s of %(total)d is missing: the network did not bring it."),
                          parts=", ".join(map(str, gone)), total=inbound.parts)  # fmt: skip
    elif not inbound.complete:
        said += " " + say(_("Not all of it has come."))
    return said


def missing(inbound: Inbound) -> tuple[int, ...]:
    """Say which parts of a long text have not come."""
    if inbound.complete:
        return ()
    here = set()
    for pdu in inbound.pdus:
        try:
            decoded = decode_incoming(bytes.fromhex(pdu))
        except (DecodeError, ValueError):
            continue
        if isinstance(decoded, Deliver) and decoded.concatenation is not None:
            here.add(decoded.concatenation.number)
    return tuple(n for n in range(1, inbound.parts + 1) if n not in here) if here else ()


async def as_json(call: Call) -> web.Response:
    """Give the text as the API does."""
    return call.json(await document_of(call, call.id()))


async def evidence(call: Call) -> web.Response:
    """Give everything that is known of it as a file; numbers and text only when asked for."""
    return await attached(call, await document_of(call, call.id()), f"inbound:{call.id()}")


_ONE = "/inbound/{id}"

ROUTES = (
    Route("GET", _ONE, page, _READ, "A received text", media_type="text/html"),
    Route("GET", f"{_ONE}/json", as_json, _READ, "A received text as JSON"),
    Route("GET", f"{_ONE}/evidence", evidence, _READ, "What is known of a received text, as a file"),
)
