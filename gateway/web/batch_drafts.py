"""Owns batches that are being prepared at a browser: whom, which words, what was found; one for each session.

Knows no page and no rule. Nothing of a draft is stored: its file is sealed and unnamed, and all of it is gone after an
hour, when its batch was sent, and when the process ends.
Source: the notes on what people see, *Batches* (nothing is sent before step 4); rules API-3, PRV-2.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web

from gateway.batches import Addressee, AskedBatch, DryRun, Problem
from gateway.batches.sealed_file import SealedFile
from gateway.errors import GatewayError
from gateway.http.batch_files import CSV, Columns, FileRows, ReadAs
from gateway.http.batch_intake import members
from gateway.http.batch_streams import refused_file
from gateway.http.call import Call
from gateway.ids import new_id
from gateway.intake.csv_rows import BLOCK_OCTETS
from gateway.intake.rows import IntakeRefused, Shape
from gateway.store.eta import Forecast
from gateway.store.protocol import Store
from gateway.store.rows import View

KEPT_S = 3600.0
"""Long enough for a lunch between two steps."""

DRAFTS_MOST = 8
"""Of 100 MiB each; the one that was touched longest ago makes room."""

FIRST_ROWS = 3
_AGAIN_S = 60.0

Rows = AsyncIterator[Sequence[Addressee | Problem]]


@dataclass(slots=True)
class Pasted:
    """A table that was uploaded or pasted, and how it is read. ``name`` is what its owner calls the file."""

    file: SealedFile
    name: str
    media: str = CSV
    columns: Columns = field(default_factory=Columns)
    read_as: ReadAs = field(default_factory=lambda: ReadAs(headed=None))
    shape: Shape | None = None
    """What it turned out to be."""

    def read_anew(self, read_as: ReadAs, number_column: str) -> None:
        """Read it in another way; a column that is not there then is guessed again."""
        self.read_as, self.shape = read_as, None
        self.columns = Columns(number=number_column or None)


@dataclass(slots=True)
class Job:
    """Work on all rows that goes on without its request. ``error`` says why it came to nothing."""

    kind: Literal["check", "send"]
    task: asyncio.Task[None] | None = None
    done: int = 0
    error: GatewayError | None = None
    checked: DryRun | None = None
    forecast: Forecast | None = None
    batch_id: str = ""

    @property
    def runs(self) -> bool:
        """Say whether it is still at work."""
        return self.task is not None and not self.task.done()


@dataclass(slots=True)
class Draft:
    """A batch in preparation. ``group`` is a name; else ``table`` has the rows. ``total`` counts them."""

    id: str
    owner: str
    table: Pasted | None = None
    group: str = ""
    total: int = 0
    first: list[Addressee] = field(default_factory=list)
    names: tuple[str, ...] = ()
    """Columns, or values of the people of a group, that a text can name."""
    words: dict[str, str] = field(default_factory=dict)
    """What was typed in step 2, by field."""
    asked: AskedBatch | None = None
    trouble: GatewayError | None = None
    """Why the file cannot be read as it is read now."""
    job: Job | None = None

    @property
    def is_sending(self) -> bool:
        """Say whether its batch is being stored."""
        return self.job is not None and self.job.kind == "send" and self.job.runs

    def forget_check(self) -> None:
        """Whom or what it says has changed: what was found does not count any more."""
        if self.job is not None and self.job.task is not None:
            self.job.task.cancel()
        self.job = None

    def close(self) -> None:
        """Be rid of the file and of what is still at work on it."""
        self.forget_check()
        if self.table is not None:
            self.table.file.close()

    async def rows(self, store: Store, view: View) -> Rows:
        """Read everybody, from the beginning.

        Raises:
            GatewayError: the file or group cannot be read; row and column are named.
        """
        if self.table is None:
            async for some in members(store.groups, view, self.group):
                yield some
            return
        table = self.table
        reader = FileRows(table.media, table.columns, table.read_as)
        try:
            async for some in reader.read(table.file.read(BLOCK_OCTETS)):
                yield some
        except IntakeRefused as refused:
            raise refused_file(refused) from None
        finally:
            table.shape = reader.shape or table.shape

    async def _rows_of_any_column(self, store: Store, view: View) -> Rows:
        """Read everybody; where the column of numbers that was named is not there, by the one that is guessed."""
        table = self.table
        try:
            async for some in self.rows(store, view):
                yield some
        except GatewayError:
            shape = table.shape if table is not None else None
            if table is None or shape is None or table.columns.number in (None, *shape.columns):
                raise
            table.columns = Columns()
            async for some in self.rows(store, view):
                yield some

    async def look(self, store: Store, view: View) -> None:
        """Count the rows, and find out their columns and the first few.

        Raises:
            GatewayError: as :meth:`rows`; ``table.shape`` is known where only the column of numbers is not.
        """
        self.total, self.first = 0, []
        try:
            async for some in self._rows_of_any_column(store, view):
                self.total += len(some)
                if len(self.first) < FIRST_ROWS:
                    people = [row for row in some if isinstance(row, Addressee)]
                    self.first += people[: FIRST_ROWS - len(self.first)]
        finally:
            shape = self.table.shape if self.table is not None else None
            self.names = (
                shape.columns if shape is not None else tuple(self.first[0].values) if self.first else ()
            )


class Drafts:
    """The drafts of all sessions of this process."""

    def __init__(self) -> None:
        self._drafts: dict[str, Draft] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def begin(self, call: Call, table: Pasted | None = None, group: str = "") -> Draft:
        """Begin a draft; the one that this session had before is given up."""
        owner = owner_of(call)
        idle = [each for each in self._drafts.values() if not each.is_sending]
        for known in idle:
            if known.owner == owner:
                self._give_up(known)
        if len(self._drafts) >= DRAFTS_MOST:
            for oldest in idle[:1]:
                self._give_up(oldest)
        draft = Draft(new_id(), owner, table, group)
        self._drafts[draft.id] = draft
        self._timers[draft.id] = asyncio.get_running_loop().call_later(KEPT_S, self._expire, draft.id)
        return draft

    def of(self, call: Call) -> Draft:
        """Find the draft that the address names, of this session only.

        Raises:
            GatewayError: ``not_found``: it is gone.
        """
        draft = self._drafts.get(call.id("draft"))
        if draft is None or draft.owner != owner_of(call):
            raise GatewayError(
                "not_found",
                "This list is no longer here: it was sent, replaced, or lay for an hour. Begin again.",
            )
        return draft

    def sent(self, draft: Draft) -> None:
        """Be rid of the file as soon as its batch is stored; where it went is remembered for the hour."""
        draft.first, draft.words = [], {}
        if draft.table is not None:
            draft.table.file.close()

    def _expire(self, draft_id: str) -> None:
        draft = self._drafts.get(draft_id)
        if draft is None:
            return
        if draft.is_sending:
            self._timers[draft_id] = asyncio.get_running_loop().call_later(_AGAIN_S, self._expire, draft_id)
            return
        self._give_up(draft)

    def _give_up(self, draft: Draft) -> None:
        timer = self._timers.pop(draft.id, None)
        if timer is not None and self._drafts.pop(draft.id, None) is not None:
            timer.cancel()
            draft.close()

    async def close(self) -> None:
        """End what is at work; a batch that is not stored whole yet is dropped."""
        tasks = [each.job.task for each in self._drafts.values() if each.job is not None and each.job.task]
        for draft in list(self._drafts.values()):
            self._give_up(draft)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)


def owner_of(call: Call) -> str:
    """Name the session, or the key of a program that asks for a page."""
    return call.session.form_token if call.session is not None else f"key {call.caller.key_id}"


DRAFTS = web.AppKey("drafts", Drafts)


def begin(app: web.Application) -> None:
    """Let an application have drafts; they end with it."""
    drafts = app[DRAFTS] = Drafts()

    async def close(_app: web.Application) -> None:
        await drafts.close()

    app.on_shutdown.append(close)


def drafts_of(call: Call) -> Drafts:
    """Find the drafts of the application that a request came to."""
    return call.request.app[DRAFTS]
