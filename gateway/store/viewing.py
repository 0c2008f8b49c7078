"""Owns how a reader is shown rows: one that they may see, and a page of a list.

Knows no table: the statements are named by the rooms of the store, and end at the viewer's tenant and sandbox.
Source: rules TEN-1, KEY-7: what a reader may not see is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from gateway.store.protocol import NotFound
from gateway.store.rows import Page, View
from gateway.store.transaction import Row, Tx

T = TypeVar("T")


def viewed(tx: Tx, view: View, query: str, row_id: str) -> Row:
    """Read the row that a viewer asks for by its id. Raises NotFound."""
    row = tx.one(query, id=row_id, tenant=view.tenant, sandbox_only=int(view.sandbox_only))
    if row is None:
        raise NotFound
    return row


def within(view: View, after: str | None) -> list[str]:
    """Name the conditions of a composed list that keep it to what a viewer may see, and continue it after a row."""
    sandbox = ["where_sandbox"] if view.sandbox_only else []
    return sandbox if after is None else [*sandbox, "where_after"]


def page_of(rows: Sequence[Row], limit: int, load: Callable[[Row], T], cursor: str = "id") -> Page[T]:
    """Load a page from rows that were read with ``limit + 1``; ``cursor`` names the column to continue after."""
    shown = rows[:limit]
    return Page(tuple(load(row) for row in shown), shown[-1][cursor] if len(rows) > limit else None)
