"""Owns reports: how many messages became what, how long they took, what they cost and who was written to.

Knows no format. Reads in pieces of a bounded number of rows beside the writer; a range of times is a range of ids, so
neither other tenants nor other times are looked at.
Source: the HTTP interface (reports); rules TEN-1, KEY-7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from gateway.ids import lowest_id
from gateway.store.protocol import StoreError
from gateway.store.report_rows import (
    DAY_MS,
    Asked,
    Axis,
    Figures,
    Report,
    ReportRow,
    Run,
    runs_of,
)
from gateway.store.rows import View
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units

PIECE_ROWS = 10_000
"""Messages in one read: 50 to 90 ms."""

GROUPS_MAX = 50_000
"""More rows than this are no report, and would not fit in memory on a small board."""

SLACK_MS = DAY_MS
"""How far an id's time may be from its row's: a clock that steps moves one before the other."""

_NAMES = {
    "line": "figure_name_of_line",
    "key": "figure_name_of_key",
    "template": "figure_name_of_template",
    "batch": "figure_name_of_batch",
}

Keys = tuple[str | None, ...]


class TooManyGroups(StoreError):
    """The grouping tells more than ``GROUPS_MAX`` rows apart."""


@dataclass(slots=True)
class _Tally:
    """A report in the making."""

    view: View
    asked: Asked
    groups: dict[Keys, Figures]
    totals: Figures

    def of(self, row: Row, run: Run) -> Figures:
        """Find the figures of a row's group."""
        keys = tuple(
            _key(axis, row[column], run)
            for axis, column in zip(self.asked.by, ("key_1", "key_2"), strict=False)
        )
        known = self.groups.get(keys)
        if known is None:
            if len(self.groups) >= GROUPS_MAX:
                raise TooManyGroups
            known = self.groups[keys] = Figures()
        return known


def _key(axis: Axis, found: Any, run: Run) -> str | None:
    if found is None:
        return None
    return run.day(int(found)) if axis.dimension == "day" else str(found)


class Reporting:
    """The one verb about reports. May raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def report(self, view: View, asked: Asked) -> Report:
        """Count. Raises TooManyGroups."""
        tally = _Tally(view, asked, {}, Figures())
        for run in _runs(asked):
            await self._run(tally, run)
        if asked.kind == "usage" and asked.channel in (None, "sms"):
            everybody = _Tally(view, replace(asked, by=()), {}, Figures())
            await self._units.read(lambda tx: _recipients(tx, everybody, _whole(asked)))
            tally.totals.recipients = sum(each.recipients for each in everybody.groups.values())
        return await self._units.read(lambda tx: _finished(tx, tally))

    async def _run(self, tally: _Tally, run: Run) -> None:
        if tally.asked.channel in (None, "sms"):
            low: str | None = lowest_id(run.since_ms - SLACK_MS)
            while low is not None:
                low = await self._piece(tally, run, low)
            if tally.asked.kind == "usage":
                await self._units.read(lambda tx: _recipients(tx, tally, run))
                await self._units.read(lambda tx: _count(tx, tally, run, "figure_of_inbound"))
        if tally.asked.channel != "sms":
            await self._units.read(lambda tx: _count(tx, tally, run, "figure_of_attempts"))

    async def _piece(self, tally: _Tally, run: Run, low: str) -> str | None:
        """Count some messages; returns where the next piece begins."""

        def unit(tx: Tx) -> str | None:
            high = lowest_id(run.until_ms + SLACK_MS)
            cut = tx.one("figure_cut", tenant=tally.view.tenant, low=low, high=high, rows=PIECE_ROWS)
            ids = (low, high if cut is None else cut["id"])
            _count(tx, tally, run, "figure_of_messages", ids)
            if tally.asked.kind == "delivery":
                _times(tx, tally, run, ids)
            return None if cut is None else str(cut["id"])

        return await self._units.read(unit)


def _runs(asked: Asked) -> list[Run]:
    if any(axis.dimension == "day" for axis in asked.by):
        return runs_of(asked.since_ms, asked.until_ms, asked.zone)
    return [_whole(asked)]


def _whole(asked: Asked) -> Run:
    return Run(asked.since_ms, asked.until_ms, asked.since_ms)


# ------------------------------------------------------------------ what is read


def _rows(
    tx: Tx, tally: _Tally, run: Run, query: tuple[str, str], ids: tuple[str, str] | None = None
) -> list[Row]:
    head, tail = query
    low, high = ids or (lowest_id(run.since_ms - SLACK_MS), lowest_id(run.until_ms + SLACK_MS))
    first, second = (*tally.asked.by, None, None)[:2]
    values = {
        "tenant": tally.view.tenant,
        "sandbox_only": int(tally.view.sandbox_only),
        "low": low,
        "high": high,
        "since": run.since_ms,
        "until": run.until_ms,
        "start": run.start_ms,
        "day_ms": run.day_ms,
        "by_1": first.dimension if first else "",
        "tag_1": first.tag if first else None,
        "by_2": second.dimension if second else "",
        "tag_2": second.tag if second else None,
        "channel": tally.asked.channel or "",
    }
    return tx.composed(head, [], tail, values)


def _count(tx: Tx, tally: _Tally, run: Run, tail: str, ids: tuple[str, str] | None = None) -> None:
    for row in _rows(tx, tally, run, ("figure_counts", tail), ids):
        figures = tally.of(row, run)
        if row["kind_1"] == "received":
            figures.inbound += row["n"]
            continue
        figures.messages += row["n"]
        figures.parts += row["parts"]
        figures.states[row["kind_1"]] += row["n"]
        if row["kind_2"] is not None:
            figures.cost_micro[row["kind_2"]] += row["cost"]


def _times(tx: Tx, tally: _Tally, run: Run, ids: tuple[str, str]) -> None:
    for row in _rows(tx, tally, run, ("figure_sent_after", "figure_of_messages"), ids):
        if row["kind_1"] is not None:
            tally.of(row, run).sent_after[row["kind_1"]] += row["n"]
    for row in _rows(tx, tally, run, ("figure_delivered_after", "figure_of_messages"), ids):
        if row["kind_1"] is not None:
            tally.of(row, run).delivered_after[row["kind_1"]] += row["n"]


def _recipients(tx: Tx, tally: _Tally, run: Run) -> None:
    """Count different numbers; in one read, because a number of an earlier piece must not count again."""
    for row in _rows(tx, tally, run, ("figure_recipients", "figure_of_messages")):
        tally.of(row, run).recipients += row["n"]


# ------------------------------------------------------------------ what is shown


def _finished(tx: Tx, tally: _Tally) -> Report:
    for figures in tally.groups.values():
        tally.totals.add(figures)
    ordered = sorted(tally.groups.items(), key=lambda group: [(key is None, key or "") for key in group[0]])
    shown = ordered[: tally.asked.limit]
    names = _names(tx, tally, (keys for keys, _ in shown))
    rows = (
        ReportRow(
            keys,
            tuple(names.get((axis.dimension, key)) for axis, key in zip(tally.asked.by, keys, strict=True)),
            figures,
        )
        for keys, figures in shown
    )
    return Report(tuple(rows), tally.totals, truncated=len(ordered) > len(shown))


def _names(tx: Tx, tally: _Tally, shown: Iterable[Keys]) -> dict[tuple[str, str | None], str | None]:
    """Read what lines, keys, templates and batches are called, as far as the viewer may see them."""
    names: dict[tuple[str, str | None], str | None] = {}
    for keys in shown:
        for axis, key in zip(tally.asked.by, keys, strict=True):
            query = _NAMES.get(axis.dimension)
            if query is None or key is None or (axis.dimension, key) in names:
                continue
            view = tally.view
            row = tx.one(query, tenant=view.tenant, id=key, sandbox_only=int(view.sandbox_only))
            names[axis.dimension, key] = row["name"] if row is not None else None
    return names
