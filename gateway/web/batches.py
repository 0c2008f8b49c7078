"""Owns the list of batches and the page of one: how far it is, when it will be done and why, what failed, what to do.

Knows no rule. Figures come from counts that are kept anyway; what a person reads again and again costs no scan.
Source: the notes on what people see, *Batches*; rules PRV-4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web
from pydantic_core import from_json

from gateway.http.batch_intake import kept_answer
from gateway.http.batches import changed, resent
from gateway.http.call import Call
from gateway.http.csv_file import csv_file, pages
from gateway.http.models import ListQuery
from gateway.http.parsing import make_cursor
from gateway.http.route import Route, scope_of
from gateway.representation import rfc3339
from gateway.store.batch_rows import BatchRow
from gateway.store.protocol import NotFound
from gateway.store.rows import IdempotencyKey, MessageFilter
from gateway.web.batch_causes import causes_of
from gateway.web.batch_pace import paces_of
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.names import names_of
from gateway.web.once import FIELD, fresh, mark_of
from gateway.web.shown import Tone
from gateway.web.words import gettext as _
from gateway.web.words import mark

if TYPE_CHECKING:
    from gateway.message import Message

_HTML = "text/html"
_HERE = "/batches"
_LIST = "batches page"
_PAGE = 20
_REJECTED = 20

WAITING = ("held", "queued", "submitting")
FAILED = ("failed", "undelivered", "expired")
ENDED = ("completed", "cancelled", "expired", "rejected")

DONE = {
    "paused": mark("Paused. Nothing more of it is sent until it goes on; what is on air is let go."),
    "resumed": mark("It goes on."),
    "cancelled": mark("The rest is cancelled. What is on air is let go."),
    "again": mark("What failed is sent again, as this batch."),
}
"""What was done, as the page says it after the button."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the bar: how many, its colour and its word."""

    n: int
    tone: Tone
    word: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is. ``settled`` are messages that wait for nothing of ours any more."""

    row: BatchRow
    pieces: tuple[Piece, ...]
    waiting: int
    settled: int
    failed: int

    @property
    def percent(self) -> int:
        """Whole percent, and 100 only when nothing waits."""
        return 100 if not self.waiting else min(99, 100 * self.settled // max(self.row.accepted, 1))

    @property
    def is_over(self) -> bool:
        """Say whether nothing can be done to it as a whole."""
        return self.row.state in ENDED


def progress(row: BatchRow) -> Progress:
    """Lay the counts of a batch out as a bar: what arrived first, what waits is the empty rest."""
    counts = row.counts
    pieces = (
        Piece(counts.get("delivered", 0), "good", _("delivered")),
        Piece(counts.get("sent", 0), "busy", _("sent")),
        Piece(sum(counts.get(state, 0) for state in FAILED), "bad", _("failed")),
        Piece(counts.get("in_doubt", 0), "warn", _("in doubt")),
        Piece(counts.get("cancelled", 0), "quiet", _("cancelled")),
    )
    waiting = sum(counts.get(state, 0) for state in WAITING)
    failed = sum(counts.get(state, 0) for state in FAILED)
    return Progress(row, pieces, waiting, sum(piece.n for piece in pieces), failed)


# ------------------------------------------------------------------ the list


async def index(call: Call) -> web.Response:
    """List batches, newest first."""
    query = call.query(ListQuery)
    after = call.after(_LIST, query)

    async def batches() -> Mapping[str, object]:
        page = await call.services.store.batches.page(call.view, _PAGE, after)
        older = None if page.next is None else make_cursor(_LIST, call.caller.tenant, page.next)
        return {"batches": [progress(row) for row in page.items], "older": older}

    return await show(call, Page("batches.html", _("Batches"), {}, {"batches": batches}, _HERE))


# ------------------------------------------------------------------ one batch


async def one(call: Call) -> web.Response:
    """Show a batch; what moves is fetched again as it moves."""
    store, batch_id = call.services.store, call.id()
    row = await store.batches.one(call.view, batch_id, _REJECTED)
    template = await _template_name(call, row)
    query = call.request.rel_url.query
    values = {
        "batch": row,
        "text": await store.batches.text(call.view, batch_id),
        "template_name": template,
        "author": await _author(call, row),
        "done": _(DONE[query["done"]]) if query.get("done") in DONE else "",
        "once_field": FIELD,
        "once": fresh(),
    }

    async def moving() -> Mapping[str, object]:
        return await _moving(call, batch_id)

    async def failures() -> Mapping[str, object]:
        now = progress(await store.batches.one(call.view, batch_id))
        ended = now.failed + now.row.counts.get("cancelled", 0)
        if not ended:
            return {"causes": (), "failed": 0}
        read = partial(store.batches.failures, call.view, batch_id)
        causes = await causes_of(call).of(batch_id, ended, read, last=not now.waiting)
        return {"causes": causes, "failed": now.failed}

    title = row.name or _("Batch")
    return await show(
        call, Page("batch.html", title, values, {"progress": moving, "failures": failures}, _HERE)
    )


async def _moving(call: Call, batch_id: str) -> Mapping[str, object]:
    room = call.services.store.batches
    now = progress(await room.one(call.view, batch_id))
    parts = round(now.settled * now.row.parts / max(now.row.accepted, 1))
    pace = paces_of(call).seen(batch_id, call.services.clock.monotonic_s(), parts)
    return {"progress": now, "estimate": await room.estimate(call.view, batch_id), "pace": pace}


async def _template_name(call: Call, row: BatchRow) -> str:
    """Name the template of a batch; one that was deleted has no name any more."""
    if row.template_id is None:
        return ""
    try:
        found = await call.services.store.templates.get(call.view, row.template_id, row.template_version)
    except NotFound:
        return ""
    return found.content.name


async def _author(call: Call, row: BatchRow) -> str:
    return (await names_of(call)).actor(f"key:{row.key_id}")


async def pause(call: Call) -> web.Response:
    """Send nothing more until it is resumed."""
    return await _change(call, "pause", "paused")


async def resume(call: Call) -> web.Response:
    """Go on."""
    return await _change(call, "resume", "resumed")


async def cancel(call: Call) -> web.Response:
    """Cancel what was not sent yet."""
    return await _change(call, "cancel", "cancelled")


async def _change(call: Call, verb: str, done: str) -> web.Response:
    await read_form(call)
    await changed(call, verb)
    return see_other(call, f"/batches/{call.id()}", done=done)


async def resend(call: Call) -> web.Response:
    """Send what failed again, as a batch of its own; a second press of the same button leads to the same one."""
    fields = await read_form(call)
    key = IdempotencyKey(scope_of(call), mark_of(fields), "form")
    async with call.services.batches.once(key):
        kept = await kept_answer(call, key)
        if kept is not None:
            return see_other(call, f"/batches/{from_json(kept.text or '')['id']}")
        row, _answer = await resent(call, key)
    return see_other(call, f"/batches/{row.id}", done="again")


# ------------------------------------------------------------------ export

_COLUMNS = (
    "to", "state", "text", "parts", "error", "what_to_do", "sent_at", "delivered_at", "reference", "line", "id",
)  # fmt: skip


async def export(call: Call) -> web.StreamResponse:
    """Give all messages of a batch as a file, page by page."""
    row = await call.services.store.batches.one(call.view, call.id())
    now_ms = call.services.clock.now_ms()
    read = partial(call.services.store.messages, call.view, MessageFilter(batch_id=row.id))
    return await csv_file(
        call, f"batch-{row.id[:8]}.csv", _COLUMNS, pages(read, lambda one: _cells(one, now_ms))
    )


def _cells(one: Message, now_ms: int) -> tuple[str | int | None, ...]:
    return (
        one.to, one.shown_state(now_ms), one.text, one.parts, one.error.title if one.error else None,
        one.error.hint if one.error else None, rfc3339(one.sent_at_ms), rfc3339(one.delivered_at_ms),
        one.reference, one.line, one.id,
    )  # fmt: skip


_READ, _WRITE = "messages:read", "batches:write"
_ONE = "/batches/{id}"

ROUTES = (
    Route("GET", "/batches", index, _READ, "Batches", media_type=_HTML),
    Route("GET", _ONE, one, _READ, "One batch", media_type=_HTML),
    Route("POST", f"{_ONE}/pause", pause, _WRITE, "Pause", 303, media_type=_HTML),
    Route("POST", f"{_ONE}/resume", resume, _WRITE, "Resume", 303, media_type=_HTML),
    Route("POST", f"{_ONE}/cancel", cancel, _WRITE, "Cancel the rest", 303, media_type=_HTML),
    Route("POST", f"{_ONE}/resend", resend, _WRITE, "Send the failed again", 303, media_type=_HTML),
    Route(
        "GET",
        f"{_ONE}/messages.csv",
        export,
        _READ,
        "Messages of a batch",
        media_type="text/csv",
        audited="batch.exported",
    ),
)
