"""Owns the route that takes a file of contacts in: CSV as a stream, vCards and workbooks whole.

Knows no format and no SQL. Rows are kept in steps, so a file that breaks off has been taken in as far as it was good;
sent again, it changes nothing that is there.
Source: the HTTP interface; rules API-3, API-8; attack rows 22 and 41 (nothing lifts a suppression).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from aiohttp import web
from pydantic_core import to_json

from gateway.errors import GatewayError
from gateway.http import people_answers as answers
from gateway.http.call import Call
from gateway.http.contact_columns import Columns, Fields, fields_of_card
from gateway.http.parsing import parse_body
from gateway.http.people_models import CreateContact, ImportQuery
from gateway.http.people_numbers import no_real_people, read_number
from gateway.http.route import Route
from gateway.http.upload import Upload
from gateway.intake import vcard, xlsx_guard
from gateway.intake.csv_rows import CsvReader
from gateway.intake.encoding import Encoding
from gateway.intake.rows import IntakeRefused, Row, RowProblem
from gateway.intake.vcard import ContactRow, read_vcards
from gateway.intake.xlsx import XlsxReader
from gateway.store.people_rows import ContactCard, Upserted
from gateway.store.rows import StoredAnswer

if TYPE_CHECKING:
    from gateway.representation import Json

_PATH = "/api/v1/contacts/import"
CSV = "text/csv"
VCARD = "text/vcard"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
STREAMS = (CSV, VCARD, XLSX)

_KEPT_AT_ONCE = 500
_READ_AT_ONCE = 200
_JUDGED_AT_ONCE = 50
"""Rows after which others have their turn: a number costs 0.1 to 0.2 ms."""

_SHOWN_REJECTED = 1_000

_ENCODINGS: dict[str, Encoding] = {
    "utf-8": "utf-8", "utf-16": "utf-16", "windows-1252": "windows-1252", "iso-8859-1": "windows-1252",
}  # fmt: skip
"""What ISO 8859-1 adds to Windows-1252 are control characters, so browsers read it so, too (WHATWG Encoding)."""

Read = Row | ContactRow | RowProblem


async def take(call: Call) -> web.Response:
    """Take a file of contacts in; rows that cannot be used are named, the others are kept."""
    query = call.query(ImportQuery)
    upload = Upload(call, STREAMS)
    known = await upload.answered()
    if known is not None:
        return web.Response(
            status=known.status,
            body=known.body,
            headers={"Content-Type": "application/json", "Idempotency-Replayed": "true"},
        )
    book = _Import(call, query)
    try:
        async for rows in book.read(upload):
            await book.take(rows)
    except IntakeRefused as refused:
        await book.keep()
        raise GatewayError(refused.code, refused.detail + book.so_far()) from None
    await book.keep()
    body = to_json(book.json())
    await upload.keep_answer(StoredAnswer(200, body))
    return web.Response(body=body, headers={"Content-Type": "application/json"})


class _Import:
    """One file on its way in."""

    def __init__(self, call: Call, query: ImportQuery) -> None:
        self._call = call
        self._query = query
        self._columns = Columns()
        self._cards: list[ContactCard] = []
        self._seen: dict[str, int] = {}
        self._done = Upserted()
        self._total = 0
        self._rejected: list[Json] = []
        self._rejected_count = 0

    # ------------------------------------------------------------------ reading

    def read(self, upload: Upload) -> AsyncIterator[list[Read]]:
        """Give the rows of a file in small lists.

        Raises:
            IntakeRefused: it cannot be read, or not on.
        """
        if upload.media_type == CSV:
            return self._csv(upload)
        return self._vcards(upload) if upload.media_type == VCARD else self._workbook(upload)

    async def _csv(self, upload: Upload) -> AsyncIterator[list[Read]]:
        reader = CsvReader(encoding=_encoding(upload.charset))
        async for chunk in upload.chunks():
            # A block of 64 KiB is thousands of rows: beside the loop, so that it does not stand still for them.
            rows = await asyncio.to_thread(reader.feed, chunk)
            self._see(reader)
            yield [*rows]
        rows = await asyncio.to_thread(reader.end)
        self._see(reader)
        yield [*rows]

    async def _vcards(self, upload: Upload) -> AsyncIterator[list[Read]]:
        octets = await upload.whole(vcard.FILE_OCTETS)
        async for rows in _in_thread(read_vcards(octets)):
            yield rows

    async def _workbook(self, upload: Upload) -> AsyncIterator[list[Read]]:
        octets = await upload.whole(xlsx_guard.FILE_OCTETS)
        reader = await asyncio.to_thread(XlsxReader, octets)
        self._see(reader)
        async for rows in _in_thread(reader.rows()):
            yield rows

    def _see(self, reader: CsvReader | XlsxReader) -> None:
        if reader.shape is None or self._columns.number or self._columns.fields or self._columns.ignored:
            return
        self._columns = Columns.of(reader.shape)
        if self._columns.number is None and "email" not in self._columns.fields:
            raise IntakeRefused(
                "No column holds telephone numbers or e-mail addresses. Name one number or email.", 0
            )

    # ------------------------------------------------------------------ taking in

    async def take(self, rows: list[Read]) -> None:
        """Judge rows and keep what is enough for a step."""
        for row in rows:
            self._total += 1
            if self._total % _JUDGED_AT_ONCE == 0:
                await asyncio.sleep(0)
            if isinstance(row, RowProblem):
                self._reject(row.number, "csv_invalid", row.detail)
                continue
            try:
                self._cards.append(await self._card(row))
            except GatewayError as error:
                self._reject(row.number, error.code, error.detail)
            if len(self._cards) >= _KEPT_AT_ONCE:
                await self.keep()

    async def keep(self) -> None:
        """Store what was judged, or rehearse it."""
        contacts = self._call.services.store.contacts
        step = contacts.rehearse if self._query.dry_run else contacts.upsert
        cards, self._cards = self._cards, []
        if cards:
            self._done += await step(self._call.view, cards, update=self._query.update)

    async def _card(self, row: Row | ContactRow) -> ContactCard:
        fields: Fields = self._columns.fields_of(row) if isinstance(row, Row) else fields_of_card(row)
        if "number" not in fields and "email" not in fields:
            raise GatewayError("invalid_request", "There is neither a number nor an e-mail. Give one.")
        asked = parse_body(CreateContact, to_json(fields))
        if asked.number is None and self._call.caller.sandbox:
            raise no_real_people("number")
        number = None if asked.number is None else await read_number(self._call, asked.number, "number")
        self._check_new(number or (asked.email or "").casefold(), row.number)
        joined = [*asked.groups, *filter(None, [self._query.group])]
        return ContactCard(
            asked.name, number, asked.email, asked.language, asked.timezone, asked.channel, asked.tags,
            tuple(dict.fromkeys(joined)),
        )  # fmt: skip

    def _check_new(self, address: str, row: int) -> None:
        first = self._seen.setdefault(address, row)
        if first != row:
            raise GatewayError(
                "conflict", f"Row {first} has this number or e-mail already. Remove one of them."
            )

    def _reject(self, row: int, code: str, detail: str) -> None:
        self._rejected_count += 1
        if len(self._rejected) < _SHOWN_REJECTED:
            self._rejected.append({"row": row, "code": code, "detail": detail})

    # ------------------------------------------------------------------ telling

    def so_far(self) -> str:
        """Say what was kept before a file broke off."""
        kept = self._done.created + self._done.updated + self._done.unchanged
        if not kept or self._query.dry_run:
            return " Nothing was taken in."
        return f" {kept} rows before it were taken in; the corrected file can be sent whole."

    def json(self) -> Json:
        """Show what became of the file."""
        return {
            "total": self._total,
            "created": self._done.created,
            "updated": self._done.updated,
            "unchanged": self._done.unchanged,
            "rejected_count": self._rejected_count,
            "rejected": self._rejected,
            "columns_ignored": list(self._columns.ignored),
            "dry_run": self._query.dry_run,
        }


def _encoding(charset: str | None) -> Encoding | None:
    """Read the charset of a Content-Type; None: guess."""
    if charset is None:
        return None
    known = _ENCODINGS.get(charset.lower())
    if known is None:
        raise GatewayError(
            "unsupported_media_type",
            f"This charset is not read. Use {', '.join(_ENCODINGS)}, or leave it out.",
            headers={"Accept": CSV},
            hint="Save the file as CSV UTF-8.",
        )
    return known


async def _in_thread(rows: Iterator[Read]) -> AsyncIterator[list[Read]]:
    """Read in another thread, some rows at a time."""
    while some := await asyncio.to_thread(lambda: list(islice(rows, _READ_AT_ONCE))):
        yield some


ROUTES = (
    Route(
        "POST", _PATH, take, "batches:write", "Take a file of contacts in", query=ImportQuery,
        answer=answers.ImportedContacts, streams=STREAMS, problems=("csv_invalid",), own_idempotency=True,
    ),
)  # fmt: skip
