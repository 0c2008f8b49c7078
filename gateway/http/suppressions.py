"""Owns the routes of the suppression list: enter wishes, list, export, lift.

Knows no keyword. Lifting asks for a reason, because somebody said that they want no texts.
Source: rules OPT-3, OPT-4, OPT-8, KEY-7, PRV-4.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web
from pydantic_core import to_json

from gateway.errors import GatewayError, field_error
from gateway.http import people_answers as answers
from gateway.http.call import Call
from gateway.http.csv_file import csv_file, pages
from gateway.http.people_models import LiftQuery, LiftSuppression, Suppress, SuppressionsQuery
from gateway.http.people_numbers import number_filter, read_number, read_numbers
from gateway.http.route import Route
from gateway.representation import rfc3339
from gateway.store.people_rows import SuppressionFilter, SuppressionRow, Wish

if TYPE_CHECKING:
    from gateway.representation import Json

_PATH = "/api/v1/suppressions"
_LIST = "suppressions"
_KEPT_AT_ONCE = 500
"""Wishes in one transaction: some tens of milliseconds, so that claims do not wait."""


async def create(call: Call) -> web.Response:
    """Keep that somebody wants no texts; what waits for the number is cancelled in the same transaction."""
    asked = await call.body(Suppress)
    if asked.numbers is not None:
        kept = await keep_many(call, asked, asked.numbers)
        rejected = [_rejected(index, asked.numbers[index], why) for index, why in kept.rejected]
        return call.json(
            {"total": kept.total, "added": kept.added, "known": kept.known, "rejected": rejected}, 201
        )
    number = await read_number(call, asked.number or "", "number")
    row, new = await call.services.store.suppressions.add(_wish(call, asked, number))
    return call.json(_suppression_json(row), 201 if new else 200, f"{_PATH}/{row.id}")


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of many wishes; ``rejected`` names numbers by their index, with why."""

    total: int
    added: int
    known: int
    rejected: tuple[tuple[int, GatewayError], ...]


async def keep_many(call: Call, asked: Suppress, numbers: list[str]) -> Kept:
    """Keep that many people want no texts; numbers that are none are told, the others kept."""
    added, taken = 0, 0
    rejected: list[tuple[int, GatewayError]] = []
    waiting: list[Wish] = []
    async for index, read in read_numbers(call, numbers):
        if isinstance(read, GatewayError):
            rejected.append((index, read))
            continue
        taken += 1
        waiting.append(_wish(call, asked, read))
        if len(waiting) == _KEPT_AT_ONCE:
            added += await call.services.store.suppressions.add_all(waiting)
            waiting = []
    added += await call.services.store.suppressions.add_all(waiting)
    return Kept(len(numbers), added, taken - added, tuple(rejected))


async def index(call: Call) -> web.StreamResponse:
    """List wishes, newest first; as CSV the whole list."""
    query = call.query(SuppressionsQuery)
    where = SuppressionFilter(await number_filter(call, query.number), query.active)
    if query.format == "csv":
        return await _export(call, where)
    after = call.after(_LIST, query)
    page = await call.services.store.suppressions.page(call.view, where, query.limit, after)
    return call.page(_LIST, page, _suppression_json)


async def get(call: Call) -> web.Response:
    """Show one wish."""
    return call.json(_suppression_json(await call.services.store.suppressions.one(call.view, call.id())))


async def lift(call: Call) -> web.Response:
    """Let somebody be texted again, and say why; one that is lifted already stays as it is."""
    return await _lifted(call, (await call.body(LiftSuppression)).reason)


async def delete(call: Call) -> web.Response:
    """Let somebody be texted again; the record stays, with the reason."""
    reason = call.query(LiftQuery).reason
    if reason is None:
        raise field_error(
            "invalid_request", "reason is missing. Say why this person may be texted again.", "reason"
        )
    return await _lifted(call, reason)


async def _lifted(call: Call, reason: str) -> web.Response:
    return call.json(_suppression_json(await lifted(call, reason)))


async def lifted(call: Call, reason: str) -> SuppressionRow:
    """Lift the wish that the address names. Raises NotFound."""
    by = call.caller.by
    return await call.services.store.suppressions.lift(call.view, call.id(), by, reason)


async def _export(call: Call, where: SuppressionFilter) -> web.StreamResponse:
    await call.record("suppressions.exported")
    read = partial(call.services.store.suppressions.page, call.view, where)
    return await csv_file(
        call, "suppressions.csv", _EXPORTED, pages(read, lambda row: _cells(_suppression_json(row)))
    )


def _cells(shown: Json) -> list[str | None]:
    values = (shown[name] for name in _EXPORTED)
    return [value if value is None or isinstance(value, str) else to_json(value).decode() for value in values]


def _wish(call: Call, asked: Suppress, number: str) -> Wish:
    caller = call.caller
    return Wish(caller.tenant, number, asked.source, caller.by, sandbox=caller.sandbox, note=asked.note)


def _rejected(index: int, written: str, why: GatewayError) -> Json:
    return {"index": index, "number": written, "code": why.code, "detail": why.detail}


def _suppression_json(row: SuppressionRow) -> Json:
    return {
        "id": row.id,
        "number": row.number,
        "subject": row.subject,
        "source": row.source,
        "keyword": row.keyword,
        "inbound_id": row.inbound_id,
        "line": row.line,
        "note": row.note,
        "active": row.lifted_at_ms is None,
        "created_at": rfc3339(row.created_at_ms),
        "created_by": row.created_by,
        "lifted_at": rfc3339(row.lifted_at_ms),
        "lifted_by": row.lifted_by,
        "lift_reason": row.lift_reason,
    }


_EXPORTED = (
    "number", "source", "keyword", "note", "active", "created_at", "created_by", "lifted_at", "lifted_by",
    "lift_reason", "id", "subject",
)  # fmt: skip
_SCOPE = "suppressions:manage"
_ONE = f"{_PATH}/{{id}}"
_NUMBER = ("invalid_number", "emergency_number", "premium_number", "short_code_not_allowed")

ROUTES = (
    Route(
        "POST", _PATH, create, _SCOPE, "Keep that somebody wants no texts", 201, Suppress,
        answer=answers.OneOrManySuppressed, also=answers.Suppression, problems=(*_NUMBER, "sandbox_only"),
    ),
    Route(
        "GET", _PATH, index, _SCOPE, "List who wants no texts", query=SuppressionsQuery,
        answer=answers.SuppressionPage, file="text/csv", problems=("invalid_cursor", *_NUMBER),
    ),
    Route("GET", _ONE, get, _SCOPE, "Show a wish", answer=answers.Suppression, problems=("not_found",)),
    Route(
        "POST", f"{_ONE}/lift", lift, _SCOPE, "Let somebody be texted again", body=LiftSuppression,
        answer=answers.Suppression, problems=("not_found",),
    ),
    Route(
        "DELETE", _ONE, delete, _SCOPE, "Let somebody be texted again", query=LiftQuery,
        answer=answers.Suppression, problems=("not_found",),
    ),
)  # fmt: skip
