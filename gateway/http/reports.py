"""Owns the routes of reports: delivery, cost and usage, as JSON and as a file for spreadsheets.

Counts nothing itself.
Source: the HTTP interface; rules PRV-4 (cells that are no formulas).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

from aiohttp import web

from gateway.errors import field_error
from gateway.http import report_answers as answers
from gateway.http.call import Call
from gateway.http.report_models import ReportQuery
from gateway.http.route import Route
from gateway.intake.export import BOM, csv_line
from gateway.money import amount, money_json
from gateway.representation import rfc3339
from gateway.store.report_rows import (
    DAY_MS,
    Asked,
    Axis,
    Dimension,
    Figures,
    Report,
    ReportKind,
    ReportRow,
    median_s,
    midnight_ms,
)
from gateway.store.reporting import TooManyGroups

if TYPE_CHECKING:
    from gateway.representation import Json

_PATH = "/api/v1/reports"
DAYS_DEFAULT = 30
DAYS_MAX = 366
_NAMED = ("line", "key", "template", "batch")


async def delivery(call: Call) -> web.Response:
    """Count what has become of messages, and how long they took."""
    return await _report(call, "delivery")


async def cost(call: Call) -> web.Response:
    """Count what messages cost."""
    return await _report(call, "cost")


async def usage(call: Call) -> web.Response:
    """Count messages, whom they went to, and what came in."""
    return await _report(call, "usage")


async def _report(call: Call, kind: ReportKind) -> web.Response:
    query = call.query(ReportQuery)
    asked = _asked(call, kind, query)
    try:
        found = await call.services.store.reporting.report(call.view, asked)
    except TooManyGroups:
        raise field_error(
            "invalid_request",
            "This grouping makes more rows than can be counted. Choose another, or a shorter time.",
            "by",
        ) from None
    return _file(asked, found) if query.format == "csv" else call.json(_json(asked, found))


def _asked(call: Call, kind: ReportKind, query: ReportQuery) -> Asked:
    by = tuple(_axis(written) for written in query.by)
    if len(set(by)) < len(by):
        raise field_error("invalid_request", f"{by[0].name} stands twice; once is enough.", "by", 1)
    zone = query.timezone or call.services.settings.limits.zone
    # One more: a message of this very millisecond is there already.
    until_ms = call.services.clock.now_ms() + 1 if query.until is None else query.until
    if until_ms > call.services.clock.now_ms() + DAYS_MAX * DAY_MS:
        raise field_error(
            "invalid_request", "until is more than a year ahead. Leave it out for now.", "until"
        )
    since_ms = _days_ago_ms(until_ms, zone) if query.since is None else query.since
    if not 0 < until_ms - since_ms <= DAYS_MAX * DAY_MS:
        raise field_error(
            "invalid_request",
            f"until must be later than since, and at most {DAYS_MAX} days. Ask for a year at a time.",
            "until" if query.until is not None else "since",
        )
    return Asked(kind, by, since_ms, until_ms, zone, query.channel, query.limit)


def _axis(written: str) -> Axis:
    for dimension in get_args(Dimension):
        if written == dimension:
            return Axis(dimension)
    return Axis("tag", written.removeprefix("tag:"))


def _days_ago_ms(until_ms: int, zone_name: str) -> int:
    """Whole days: a first day that lacks its morning would look like a bad one."""
    zone = ZoneInfo(zone_name)
    today = datetime.fromtimestamp(until_ms / 1000, zone).date()
    return midnight_ms(today - timedelta(days=DAYS_DEFAULT), zone)


# ------------------------------------------------------------------ as JSON


def _json(asked: Asked, found: Report) -> Json:
    figures = _FIGURES[asked.kind]
    return {
        "report": asked.kind,
        "since": rfc3339(asked.since_ms),
        "until": rfc3339(asked.until_ms),
        "timezone": asked.zone,
        "truncated": found.truncated,
        "rows": [{**_head(asked, row), **figures(row.figures)} for row in found.rows],
        "totals": figures(found.totals),
    }


def _head(asked: Asked, row: ReportRow) -> Json:
    axes = [axis.name for axis in asked.by]
    names = zip(axes, row.names, strict=True)
    return {
        "by": dict(zip(axes, row.keys, strict=True)),
        "names": {axis: name for axis, name in names if axis in _NAMED},
    }


def _delivery(figures: Figures) -> Json:
    states = ("sent", "delivered", "undelivered", "failed", "expired", "cancelled", "in_doubt")
    return {
        "messages": figures.messages,
        "parts": figures.parts,
        **{state: figures.states[state] for state in states},
        "waiting": figures.waiting,
        "delivery_rate": figures.delivery_rate,
        "median_to_sent_s": median_s(figures.sent_after),
        "median_to_delivered_s": median_s(figures.delivered_after),
    }


def _cost(figures: Figures) -> Json:
    return {
        "messages": figures.messages,
        "parts": figures.parts,
        "cost": money_json(dict(sorted(figures.cost_micro.items()))),
    }


def _usage(figures: Figures) -> Json:
    return {
        "messages": figures.messages,
        "parts": figures.parts,
        "recipients": figures.recipients,
        "inbound": figures.inbound,
    }


_FIGURES: dict[ReportKind, Callable[[Figures], Json]] = {
    "delivery": _delivery,
    "cost": _cost,
    "usage": _usage,
}


# ------------------------------------------------------------------ as a file


def _file(asked: Asked, found: Report) -> web.Response:
    currencies = sorted(found.totals.cost_micro)
    named = [i for i, axis in enumerate(asked.by) if axis.name in _NAMED]
    heading = [axis.name for axis in asked.by] + [f"{asked.by[i].name}_name" for i in named]
    body = bytearray(BOM + csv_line([*heading, *_columns(asked.kind, found.totals, currencies)]))
    for row in found.rows:
        cells = _columns(asked.kind, row.figures, currencies).values()
        body += csv_line([*row.keys, *(row.names[i] for i in named), *cells])
    day = (rfc3339(asked.since_ms) or "")[:10]
    return web.Response(
        body=bytes(body),
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{asked.kind}-{day}.csv"',
        },
    )


def _columns(kind: ReportKind, figures: Figures, currencies: list[str]) -> dict[str, str | int | None]:
    """One cell for each figure; money in a column for each currency."""
    cells: dict[str, str | int | None] = {}
    for name, value in _FIGURES[kind](figures).items():
        if name == "cost":
            cells |= {f"cost_{each}": amount(figures.cost_micro[each]) for each in currencies}
        else:
            cells[name] = value if isinstance(value, int) or value is None else str(value)
    return cells


ROUTES = (
    Route(
        "GET", f"{_PATH}/delivery", delivery, "messages:read", "Count what has become of messages",
        query=ReportQuery, answer=answers.DeliveryReport, file="text/csv",
    ),
    Route(
        "GET", f"{_PATH}/cost", cost, "messages:read", "Count what messages cost", query=ReportQuery,
        answer=answers.CostReport, file="text/csv",
    ),
    Route(
        "GET", f"{_PATH}/usage", usage, "messages:read", "Count messages, recipients and received texts",
        query=ReportQuery, answer=answers.UsageReport, file="text/csv",
    ),
)  # fmt: skip
