"""Owns a list that leaves as a CSV file while it is read: page after page, so that no list is too long for memory.

Knows no row. Who is gone in the middle has half a file and no answer; the next page is not read.
Source: rules PRV-4; RFC 4180.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

from aiohttp import web

from gateway.http.call import Call
from gateway.intake.export import BOM, csv_line
from gateway.store.rows import Page

T = TypeVar("T")
Cells = Iterable[str | int | None]

_ROWS = 500
"""Rows of one read: some milliseconds, so that claims come in between."""


async def csv_file(
    call: Call, name: str, columns: Cells, pieces: AsyncIterator[Iterable[Cells]]
) -> web.StreamResponse:
    """Answer a file to save: the heading, then each piece as it comes."""
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{name}"',
        }
    )
    await response.prepare(call.request)
    await response.write(BOM + csv_line(columns))
    async for rows in pieces:
        await response.write(b"".join(csv_line(cells) for cells in rows))
    await response.write_eof()
    return response


async def pages(
    read: Callable[[int, str | None], Awaitable[Page[T]]], cells: Callable[[T], Cells]
) -> AsyncIterator[Iterable[Cells]]:
    """Read a whole list; ``read`` takes (limit, id to continue after)."""
    after: str | None = None
    while True:
        page = await read(_ROWS, after)
        yield (cells(row) for row in page.items)
        after = page.next
        if after is None:
            return
