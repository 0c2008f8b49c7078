"""Owns the query of reports.

Knows no rule beyond shape and range.
Source: the HTTP interface; rules API-5.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from gateway.http.models import Instant, Query
from gateway.message import NO_CONTROLS
from gateway.store.report_rows import Dimension, ReportChannel

_PLAIN = tuple(name for name in get_args(Dimension) if name != "tag")


def _axis(value: str) -> str:
    tag = value.removeprefix("tag:")
    if value not in _PLAIN and (tag == value or not tag):
        raise ValueError(f"rows are told apart by {', '.join(_PLAIN)} or tag:NAME")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("there is no such time zone; write it like Europe/London") from None
    return value


By = Annotated[str, Field(max_length=104, pattern=NO_CONTROLS), AfterValidator(_axis)]


class ReportQuery(Query):
    """Which time a report is about, and what its rows are told apart by."""

    since: Annotated[Instant | None, Field(description="From this time; default: the last 30 days.")] = None
    until: Annotated[Instant | None, Field(description="Before this time; default: now.")] = None
    by: Annotated[
        list[By],
        Field(
            min_length=1,
            max_length=2,
            description=f"One or two of {', '.join(_PLAIN)}, tag:NAME; default: day.",
        ),
    ] = Field(default_factory=lambda: ["day"])
    timezone: Annotated[
        str | None,
        Field(max_length=64, description="Where days begin; default: policy.timezone."),
        AfterValidator(lambda value: value if value is None else _zone(value)),
    ] = None
    channel: Annotated[ReportChannel | None, Field(description="Only this channel; default: all.")] = None
    limit: Annotated[int, Field(ge=1, le=10_000, description="Rows that are shown.")] = 1000
    format: Annotated[Literal["json", "csv"], Field(description="csv: a file for spreadsheets.")] = "json"
