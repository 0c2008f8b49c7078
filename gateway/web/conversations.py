"""Owns the inbox: who wrote, what was said with one number, and the answer from the line that they know.

Knows no rule: an answer goes through admission like every text, a wish through the suppression list. Opening a
conversation marks it as read.
Source: the notes on what people see, *Inbox*; rules OPT-4 (STOP), KEY-7.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress as suppress_refusal
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from gateway.draft import MessageDraft
from gateway.errors import CATALOGUE, GatewayError
from gateway.http.call import Call
from gateway.http.csv_file import Cells, csv_file
from gateway.http.models import SendMessage
from gateway.http.parsing import fingerprint
from gateway.http.people_numbers import read_number
from gateway.http.route import Route, forbidden, scope_of
from gateway.message import Inbound, Message
from gateway.representation import rfc3339
from gateway.store.conversations import Conversation, Said, Wanted
from gateway.store.people_rows import Wish
from gateway.store.protocol import NotFound
from gateway.store.rows import IdempotencyKey, LineRow
from gateway.web import once
from gateway.web.form_errors import by_field, judged
from gateway.web.forms import read_form
from gateway.web.frame import HIDDEN, Page, see_other, show
from gateway.web.names import Names, names_of
from gateway.web.shown import number as grouped
from gateway.web.words import gettext as _
from gateway.web.words import mark

LISTED = 30
SHOWN = 40
TRY_NUMBER = "+99900000009"
"""Answers STOP a second later (docs/sandbox.md)."""

_NUMBER = re.compile(r"\+?[0-9]{3,15}", re.ASCII)
_ASKED_MAX = 100

KINDS = {
    "data": mark("Data, not a text"),
    "mms": mark("Picture message (MMS)"),
    "push": mark("Message to the phone itself (WAP push)"),
    "call": mark("Call that nobody took"),
    "undecoded": mark("Could not be decoded; it is kept as it came"),
}
"""What a received message is that has no text."""

KEYWORDS = {
    "stop": mark("asked for no more texts."),
    "start": mark("may be texted again."),
    "help": mark("asked who is writing."),
}
"""What a keyword did."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the inbox."""

    row: Conversation
    name: str | None

    @property
    def path(self) -> str:
        return path_of(self.row.number)

    @property
    def who(self) -> str:
        return self.name or grouped(self.row.number) if self.row.number else _("unknown sender")


def path_of(number: str) -> str:
    """Write the path of a conversation; a sender may be a word with any characters."""
    return f"/conversations/{quote(number, safe='+') or '-'}"


# ------------------------------------------------------------------ the list


async def index(call: Call) -> web.Response:
    """List conversations, or those that a search finds."""
    query = call.request.rel_url.query
    words = query.get("q", "").strip()[:_ASKED_MAX]

    async def listed() -> Mapping[str, object]:
        if words:
            rows = await call.services.store.conversations.search(call.view, await _wanted(call, words))
            after = None
        else:
            page = await call.services.store.conversations.page(call.view, LISTED, query.get("after") or None)
            rows, after = page.items, page.next
        entries = await asyncio.gather(*(_entry(call, row) for row in rows))
        own = () if rows else tuple(line for line in await _lines(call) if line.number)
        return {"entries": entries, "after": after, "lines": own}

    values = {"q": words, "try_number": TRY_NUMBER, "KINDS": KINDS}
    return await show(
        call, Page("conversations.html", _("Inbox"), values, {"listed": listed}, "/conversations")
    )


async def _wanted(call: Call, words: str) -> Wanted:
    digits = re.sub(r"[\s().\-/]", "", words)
    prefixes = [digits, f"+{digits}"] if re.fullmatch(r"\+?[0-9]+", digits, re.ASCII) else []
    if prefixes:
        with suppress_refusal(GatewayError):  # the beginning of a number, or none that can be dialled
            prefixes.append((await call.services.admission.recipient(call.caller.tenant, words)).e164)
    return Wanted(words, tuple(prefixes))


async def _entry(call: Call, row: Conversation) -> Entry:
    return Entry(row, await _name(call, row.number))


async def _name(call: Call, number: str) -> str | None:
    """Find a contact's name, for those who may read contacts."""
    if not call.caller.may("messages:read"):
        return None
    known = await call.services.store.contacts.by_number(call.view, number)
    return None if known is None else known.card.name


async def _lines(call: Call) -> tuple[LineRow, ...]:
    rows = await call.services.store.known_lines(call.caller.tenant)
    return tuple(row for row in rows if row.emulated or not call.caller.sandbox)


# ------------------------------------------------------------------ one conversation


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody is writing. ``line`` "" = any, None = not chosen yet; ``problem`` is why it was refused."""

    once: str
    text: str = ""
    line: str | None = None
    problem: GatewayError | None = None


async def conversation(call: Call) -> web.Response:
    """Show what was said with a number; opening it marks it as read."""
    return await _page(call, _number(call), Answer(once.fresh()))


def _number(call: Call) -> str:
    number = call.request.match_info["number"]
    return "" if number == "-" else number


async def _page(call: Call, number: str, answer: Answer, status: int = 200) -> web.Response:
    before = call.request.rel_url.query.get("before") or None
    said, fact, name, lines = await asyncio.gather(
        _said(call, number, before),
        call.services.store.suppressions.fact(call.view, number),
        _name(call, number),
        _lines(call),
    )
    if not said.items and before is None and not _NUMBER.fullmatch(number):
        raise NotFound
    by_id = {line.id: line for line in lines}

    async def bubbles() -> Mapping[str, object]:
        return {"said": said, "labels": by_id, "suppressed": fact, "before": before}

    who = name or (grouped(number) if number else _("unknown sender"))
    refused = answer.problem
    values = {
        "number": number, "conversation_path": path_of(number), "name": name, "who": who,
        "KINDS": KINDS, "KEYWORDS": KEYWORDS, "is_received": lambda item: isinstance(item, Inbound),
        "answerable": bool(_NUMBER.fullmatch(number)), "suppressed_now": fact is not None, "before": before,
        "lines": lines, "answer": answer,
        "chosen": _known_line(said, by_id) if answer.line is None else answer.line,
        "errors": {} if refused is None else by_field(refused),
        "refused": None if refused is None else CATALOGUE[refused.code],
    }  # fmt: skip
    return await show(
        call,
        Page(
            "conversation.html",
            _("With %(who)s") % {"who": who},
            values,
            {"bubbles": bubbles},
            "/conversations",
        ),
        status,
    )


async def _said(call: Call, number: str, before: str | None) -> Said:
    room = call.services.store.conversations
    said = await room.said(call.view, number, (SHOWN, before), with_sent=call.caller.may("messages:read"))
    # A browser that only fetches ahead, or a tab in the background, shows nothing to anybody.
    headers = call.request.headers
    unseen = any(name in headers for name in ("Sec-Purpose", HIDDEN))
    shows = "bubbles" in headers.get("X-Regions", "bubbles").split(",")
    looked_at = before is None and call.request.method == "GET" and shows and not unseen
    if said.unread and said.newest_received and looked_at:
        await room.seen(call.view, number, said.newest_received)
    return said


def _known_line(said: Said, lines: Mapping[str, LineRow]) -> str:
    """Say which line this person knows: that of the newest word of either side, where it is still there."""
    known = (item.line for item in reversed(said.items) if item.line is not None)
    return next((line for line in known if line in lines), "")


async def answer(call: Call) -> web.Response:
    """Send an answer; pressed twice it is one text."""
    number, fields = _number(call), await read_form(call)
    given = Answer(once.mark_of(fields), fields.get("text", ""), fields.get("line", ""))
    # Another text from the same showing of the form is another answer: somebody went back and wrote on.
    pressed = f"{given.once}-{hashlib.sha256(given.text.encode()).hexdigest()[:16]}"
    try:
        asked = judged(SendMessage, {"to": number, "text": given.text, "line": given.line or None})
        draft = MessageDraft(to=asked.to, text=asked.text, line=asked.line)
        key = IdempotencyKey(scope_of(call), pressed, fingerprint(given.text.encode()))
        await call.services.admission.admit(draft, call.caller, key)
    except GatewayError as error:
        return await _page(
            call, number, Answer(given.once, given.text, given.line, error), max(error.status, 422)
        )
    return see_other(call, f"{path_of(number)}#end")


_COLUMNS = ("id", "direction", "at", "number", "line", "text", "parts", "state", "error", "cause")
_FILE_ROWS = 500


async def export(call: Call) -> web.StreamResponse:
    """Give all that was said with a number as a file, the newest first; whose it was does not stand in the trail."""
    number = _number(call)
    await call.record("conversation.exported")
    return await csv_file(call, "conversation.csv", _COLUMNS, _pieces(call, number))


async def _pieces(call: Call, number: str) -> AsyncIterator[Iterable[Cells]]:
    room, names, before = call.services.store.conversations, await names_of(call), None
    with_sent = call.caller.may("messages:read")
    while True:
        now_ms = call.services.clock.now_ms()
        said = await room.said(call.view, number, (_FILE_ROWS, before), with_sent=with_sent)
        yield [_cells(item, number, names, now_ms) for item in reversed(said.items)]
        before = said.older
        if before is None:
            return


def _cells(item: Inbound | Message, number: str, names: Names, now_ms: int) -> Cells:
    line = names.line(item.line)
    if isinstance(item, Inbound):
        text = item.text if item.text is not None else _(KINDS.get(item.type, ""))
        state = "received" if item.complete else "incomplete"
        return (
            item.id,
            "in",
            rfc3339(item.received_at_ms),
            number,
            line,
            text,
            item.parts,
            state,
            None,
            None,
        )
    error = item.error
    return (
        item.id, "out", rfc3339(item.created_at_ms), number, line, item.text, item.parts, item.shown_state(now_ms),
        error.code if error else None, _(error.title) if error else None,
    )  # fmt: skip


async def suppress(call: Call) -> web.Response:
    """Keep that this number wants no texts; what waits for it is cancelled."""
    await read_form(call)
    if not call.caller.may("inbound:read"):
        raise forbidden("inbound:read")
    number, caller = await read_number(call, _number(call), "number"), call.caller
    wish = Wish(caller.tenant, number, "person", caller.by, sandbox=caller.sandbox)
    await call.services.store.suppressions.add(wish)
    return see_other(call, f"{path_of(number)}#end")


async def try_it(call: Call) -> web.Response:
    """Let the sandbox's number that answers be written to, so that there is something in the inbox."""
    await read_form(call)
    draft = MessageDraft(to=TRY_NUMBER, text=_("Hello! Does the inbox work?"))
    await call.services.admission.admit(draft, call.caller, None)
    return see_other(call, path_of(TRY_NUMBER))


_HTML = "text/html"
_ONE = "/conversations/{number}"

ROUTES = (
    Route("GET", "/conversations", index, "inbound:read", "The inbox, by number", media_type=_HTML),
    Route("POST", "/conversations", try_it, "messages:send", "Write to the number that answers", 303, media_type=_HTML),
    Route("GET", _ONE, conversation, "inbound:read", "What was said with a number", media_type=_HTML),
    Route("POST", _ONE, answer, "messages:send", "Answer", 303, media_type=_HTML),
    Route("GET", f"{_ONE}/messages.csv", export, "inbound:read", "What was said, as CSV", media_type="text/csv"),
    Route(
        "POST", f"{_ONE}/suppress", suppress, "suppressions:manage", "Text this number no more", 303,
        media_type=_HTML,
    ),
)  # fmt: skip
