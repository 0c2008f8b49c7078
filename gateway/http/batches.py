"""Owns the routes of batches: create, list, show, pause, resume, cancel, send the failed again, rejected rows.

Knows no rule; how one is taken in stands in :mod:`gateway.http.batch_intake`.
Source: the HTTP interface; rules API-8, PRV-4.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.admission import not_admitted, queue_full
from gateway.http import batch_answers as answers
from gateway.http.batch_files import CSV, STREAMS
from gateway.http.batch_intake import (
    PATH,
    as_accepted,
    check_rights,
    create,
    kept_answer,
    rejection_json,
)
from gateway.http.batch_models import CreateBatch, RejectedQuery, StreamQuery
from gateway.http.call import Call
from gateway.http.csv_file import csv_file
from gateway.http.models import ListQuery
from gateway.http.route import Route, idempotency_of
from gateway.intake.rejected import RejectedRow, RejectedRows, fields_of
from gateway.money import money_json
from gateway.store.batch_rows import BatchRow, Rejection, batch_json
from gateway.store.protocol import (
    NotAdmitted,
    QueueFull,
)
from gateway.store.rows import IdempotencyKey, StoredAnswer

if TYPE_CHECKING:
    from gateway.representation import Json

_LIST = "batches"
_REJECTED_PAGE = 1000

Rejections = AsyncGenerator[Sequence[Rejection], None]
"""Rejected rows, piece by piece."""

# ------------------------------------------------------------------ one batch


async def index(call: Call) -> web.Response:
    """List batches, newest first."""
    query = call.query(ListQuery)
    page = await call.services.store.batches.page(call.view, query.limit, call.after(_LIST, query))
    return call.page(_LIST, page, batch_json)


async def get(call: Call) -> web.Response:
    """Show a batch: progress, when it will be done and why not sooner, cost, and causes of failure."""
    return call.json(await _shown(call, call.id()))


async def _shown(call: Call, batch_id: str) -> Json:
    room = call.services.store.batches
    row = await room.one(call.view, batch_id, _REJECTED_PAGE)
    outlook = await room.outlook(call.view, batch_id)
    return {
        **batch_json(row),
        "eta_s": outlook.eta_s,
        "eta_reason": outlook.reason,
        "cost": money_json(outlook.cost_micro),
        "failures": [
            {"code": one.code, "title": one.title, "hint": one.hint, "count": one.count}
            for one in outlook.failures
        ],
    }


async def pause(call: Call) -> web.Response:
    """Send nothing more of a batch until it is resumed."""
    return await _changed(call, "pause")


async def resume(call: Call) -> web.Response:
    """Go on with a paused batch."""
    return await _changed(call, "resume")


async def cancel(call: Call) -> web.Response:
    """Cancel what of a batch was not sent yet; what is on air is let go."""
    return await _changed(call, "cancel")


async def _changed(call: Call, verb: str) -> web.Response:
    return call.json(batch_json(await changed(call, verb)))


async def changed(call: Call, verb: str) -> BatchRow:
    """Do ``pause``, ``resume`` or ``cancel`` to the batch that the address names.

    Raises:
        NotFound; GatewayError: ``conflict``: it does not fit its state.
    """
    try:
        return await call.services.store.batches.change(call.view, call.id(), verb)
    except NotAdmitted as refused:
        raise not_admitted(refused) from None


async def resend(call: Call) -> web.Response:
    """Send what failed of a batch again, as a batch of its own."""
    key = await idempotency_of(call)
    async with call.services.batches.once(key):
        if key is not None and (kept := await kept_answer(call, key)) is not None:
            return kept
        row, answer = await resent(call, key)
    return as_accepted(answer, f"{PATH}/{row.id}")


async def resent(call: Call, key: IdempotencyKey | None) -> tuple[BatchRow, StoredAnswer]:
    """Make a batch of what failed of the one that the address names; its answer is kept under ``key``.

    Raises:
        NotFound; GatewayError: nothing of it failed, it was sent again already, this caller may not send such texts,
            or there is no room.
    """
    desk = call.services.batches
    asked = await desk.asked_again(call.caller, call.id())
    check_rights(call.caller, asked)
    try:
        return await desk.resend_failed(call.caller, call.id(), asked, key)
    except QueueFull:
        raise queue_full() from None
    except NotAdmitted as refused:
        raise not_admitted(refused) from None


async def rejected(call: Call) -> web.StreamResponse:
    """List the rows that became no message, as JSON or as a file with the reason in a column of its own."""
    query = call.query(RejectedQuery)
    room = call.services.store.batches
    if query.format == "csv":
        return await rejected_csv(call, f"rejected-{call.id()[:8]}.csv", lambda: _rejections(call))
    rows = await room.rejected(call.view, call.id(), query.after, query.limit + 1)
    shown, more = rows[: query.limit], len(rows) > query.limit
    items = [rejection_json(one) for one in shown]
    return call.json({"items": items, "next": shown[-1].number if more else None})


async def _rejections(call: Call) -> Rejections:
    room, after = call.services.store.batches, None
    while some := await room.rejected(call.view, call.id(), after, _REJECTED_PAGE):
        yield some
        after = some[-1].number


async def rejected_csv(call: Call, name: str, read: Callable[[], Rejections]) -> web.StreamResponse:
    """Answer rejected rows as a file: their own columns, then place, reason and code.

    ``name`` is plain ASCII; ``read`` gives the rows piece by piece, from the beginning each time.
    """
    columns = await _columns(read())
    file = RejectedRows(columns)
    pieces = ([file.line(_laid_out(columns, one)) for one in rows] async for rows in read())
    return await csv_file(call, name, file.heading(), pieces)


async def _columns(pieces: Rejections) -> tuple[str, ...]:
    """Find the columns of the upload: the first row that could be read has them."""
    async with aclosing(pieces):
        async for rows in pieces:
            for one in rows:
                if one.row and "to" in one.row:
                    return tuple(one.row)
    return ("to",)


def _laid_out(columns: Sequence[str], one: Rejection) -> RejectedRow:
    # A row that could not be read has its cells by their place alone.
    cells = one.row or {}
    fields = fields_of(columns, cells) if "to" in cells else ("", *cells.values())
    return RejectedRow(one.place, one.code, one.detail, fields)


_ADMISSION = (
    "invalid_number", "emergency_number", "premium_number", "text_too_long", "text_not_encodable", "template_error",
    "template_not_found", "csv_invalid", "send_at_invalid", "unknown_line", "sender_not_owned", "sandbox_only",
    "no_line_available", "queue_full", "unsupported_media_type", "channel_unavailable",
)  # fmt: skip

ROUTES = (
    Route(
        "POST", PATH, create, "batches:write", "Send one text to many", 202, CreateBatch, query=StreamQuery,
        answer=answers.AcceptedBatch, also=answers.BatchDryRun, streams=STREAMS, problems=_ADMISSION,
        own_idempotency=True,
    ),
    Route(
        "GET", PATH, index, "messages:read", "List batches", query=ListQuery, answer=answers.BatchPage,
        problems=("invalid_cursor",),
    ),
    Route(
        "GET", f"{PATH}/{{id}}", get, "messages:read", "Show a batch with its outlook",
        answer=answers.BatchWithOutlook, problems=("not_found",),
    ),
    Route(
        "GET", f"{PATH}/{{id}}/rejected", rejected, "messages:read", "List rows that became no message",
        query=RejectedQuery, answer=answers.RejectedRows, file=CSV, problems=("not_found",),
    ),
    Route(
        "POST", f"{PATH}/{{id}}/pause", pause, "batches:write", "Pause a batch", answer=answers.Batch,
        problems=("not_found", "conflict"),
    ),
    Route(
        "POST", f"{PATH}/{{id}}/resume", resume, "batches:write", "Resume a batch", answer=answers.Batch,
        problems=("not_found", "conflict"),
    ),
    Route(
        "DELETE", f"{PATH}/{{id}}", cancel, "batches:write", "Cancel the rest of a batch", answer=answers.Batch,
        problems=("not_found", "conflict"),
    ),
    Route(
        "POST", f"{PATH}/{{id}}/resend", resend, "batches:write", "Send the failed again", 202,
        answer=answers.AcceptedBatch, problems=("not_found", "conflict", "queue_full"), own_idempotency=True,
    ),
)  # fmt: skip
