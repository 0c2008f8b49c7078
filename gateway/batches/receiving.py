"""Owns one batch while it comes in: composed in a thread, committed in pieces, let go or dropped as a whole.

Knows no format and no HTTP. Nothing of it is seen by a line before :meth:`Receiving.finish`, whatever ends the process.
Source: W1 (202 only after the last commit); rules API-3 (memory does not grow with the file).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from gateway.batches.asked import Addressee, AskedBatch, Problem, Texts
from gateway.channels.address import is_reserved, mail_address
from gateway.clock import Clock
from gateway.composition import Composer
from gateway.draft import Caller
from gateway.errors import GatewayError
from gateway.message import APPROVAL, CONTENT
from gateway.policy.placeholders import PlaceholderError
from gateway.store.batch_room import BatchRoom
from gateway.store.batch_rows import BatchRow, Fallback, Incoming, NewBatch, Rejection
from gateway.store.eta import STEM
from gateway.store.notification_rows import Sender
from gateway.store.rows import IdempotencyKey, LineRow, StoredAnswer

CHUNK_ROWS = 100
"""Rows in one commit: a claim never waits longer behind them than a few milliseconds."""

REJECTIONS_SHOWN = 1000
"""Rejected rows that an answer names; all of them can be read page by page."""

KEPT_CHARACTERS = 8 * 1024 * 1024
"""Of rejected rows that a dry run keeps, together: a row may be as long as 64 KiB."""


@dataclass(slots=True)
class DryRun:
    """What would be sent, found out by all rules, with nothing stored. Rejected rows are counted, the first kept."""

    keeps: int = REJECTIONS_SHOWN
    """Rejected rows that are kept at most: memory must not grow with the file."""
    accepted: int = 0
    parts: int = 0
    longest_parts: int = 0
    longest_text: str | None = None
    sample: list[str] = field(default_factory=list)
    rejected: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    """Rejected rows by their code."""
    rejections: list[Rejection] = field(default_factory=list)
    characters_left: int = KEPT_CHARACTERS
    loads: dict[tuple[str, str], int] = field(default_factory=dict)
    """Parts by route and beginning of the number, for what it will cost and how long it will take."""

    def reject(self, some: Sequence[Rejection]) -> None:
        """Count rows that come behind those before, and keep them while there is room."""
        for one in sorted(some, key=lambda each: each.number):
            self.rejected += 1
            self.causes[one.code] += 1
            if len(self.rejections) < self.keeps and self.characters_left > 0:
                self.rejections.append(one)
                self.characters_left -= len(one.detail) + sum(len(cell) for cell in (one.row or {}).values())

    def accept(self, some: Sequence[Incoming]) -> None:
        """Count rows that would be sent."""
        for one in some:
            text = one.new.text or ""
            self.accepted += 1
            self.parts += one.new.parts
            load = (one.new.route, one.new.to[:STEM])
            self.loads[load] = self.loads.get(load, 0) + one.new.parts
            if len(self.sample) < 3:
                self.sample.append(text)
            if one.new.parts > self.longest_parts or len(text) > len(self.longest_text or ""):
                self.longest_parts = max(one.new.parts, self.longest_parts)
                self.longest_text = one.new.text


@dataclass(frozen=True, slots=True)
class Ground:
    """What every batch stands on: who asks, how rows are composed, where they go."""

    caller: Caller
    composer: Composer
    lines: tuple[LineRow, ...]
    room: BatchRoom
    clock: Clock
    thread: Executor


class Receiving:
    """A batch that is being received. Add rows, then finish or drop it."""

    def __init__(
        self, new: NewBatch, asked: AskedBatch, texts: Texts, ground: Ground, *, dry: DryRun | None
    ) -> None:
        self.id = new.id
        self.dry = dry
        self._new = new
        self._asked = asked
        self._texts = texts
        self._ground = ground
        caller = ground.caller
        self._sender = Sender(
            caller.key_id, caller.name, caller.tenant, tuple(sorted(caller.scopes)), caller.sandbox
        )
        self._seen: dict[int, int] = {}
        """Digits of each number → its first row; as integers they take half the room."""
        self._commit: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Begin; nothing is stored of a dry run."""
        if self.dry is None:
            await self._ground.room.create(self._new)

    async def add(self, rows: Sequence[Addressee | Problem]) -> None:
        """Take the next rows; returns while they are still being committed.

        Raises:
            QueueFull, StoreUnavailable: from this or an earlier piece; the batch is to be dropped.
        """
        loop = asyncio.get_running_loop()
        for first in range(0, len(rows), CHUNK_ROWS):
            piece = rows[first : first + CHUNK_ROWS]
            incoming, rejections = await loop.run_in_executor(self._ground.thread, self._composed, piece)
            await self._committed()
            if self.dry is not None:
                judged = await self._ground.room.judge(incoming)
                self.dry.accept(judged.accepted)
                self.dry.reject([*rejections, *judged.rejections])
            else:
                self._commit = self._ground.room.add(self.id, incoming, rejections)

    async def finish(
        self, idempotency: IdempotencyKey | None, *, shown: int = REJECTIONS_SHOWN
    ) -> tuple[BatchRow, StoredAnswer]:
        """Let the batch go, or hold it for a second person; returns after the commit (W1).

        Raises:
            QueueFull, StoreUnavailable.
        """
        await self._committed()
        hold = APPROVAL if self._ground.caller.name in self._ground.composer.settings.approval_keys else None
        return await self._ground.room.finish(self.id, hold, idempotency, shown)

    async def drop(self) -> None:
        """Take back what was stored of a batch that is not to be."""
        if self._commit is not None:
            await asyncio.gather(self._commit, return_exceptions=True)
        if self.dry is None:
            await self._ground.room.discard(self.id, self._new.tenant)

    async def _committed(self) -> None:
        if self._commit is not None:
            await self._commit

    # ------------------------------------------------------------------ in the thread

    def _composed(self, piece: Sequence[Addressee | Problem]) -> tuple[list[Incoming], list[Rejection]]:
        incoming: list[Incoming] = []
        rejections: list[Rejection] = []
        now_ms = self._ground.clock.now_ms()
        for row in piece:
            if isinstance(row, Problem):
                rejections.append(Rejection(row.number, row.code, row.detail, row.row))
                continue
            one = self._one(row, now_ms)
            if isinstance(one, Incoming):
                incoming.append(one)
            else:
                rejections.append(one)
        return incoming, rejections

    def _one(self, row: Addressee, now_ms: int) -> Incoming | Rejection:
        ground = self._ground
        try:
            try:
                draft = self._texts.draft(self._asked, row, self.id)
            except PlaceholderError as error:
                ground.composer.recipient(row.to, ground.lines)  # a bad number is the row's first trouble
                return _rejected(row, "template_error", error.detail)
            new = ground.composer.compose(draft, ground.caller, ground.lines, now_ms)
        except GatewayError as error:
            return _rejected(row, error.code, error.detail)
        fallback = self._fallback(row)
        if isinstance(fallback, Rejection):
            return fallback
        first = self._seen.setdefault(int(new.to.removeprefix("+")), row.number)
        if first != row.number and not self._asked.allow_duplicates:
            counted = "" if row.first == 1 else ", counted from 1"
            place = first - row.first + 1
            detail = f"{new.to} is in this batch already (row {place}{counted}). Leave one out, or allow duplicates."
            return _rejected(row, "duplicate_recipient", detail)
        holds: frozenset[str] = frozenset()
        if new.held_reason is not None and (
            new.held_reason == APPROVAL or new.held_reason.startswith(CONTENT)
        ):
            holds = frozenset((new.held_reason,))
        return Incoming(row.number, new, row.shown(), holds, fallback, row.first)

    def _fallback(self, row: Addressee) -> Fallback | Rejection | None:
        """Say where else this person is told when the text does not arrive."""
        if not self._asked.fallback or row.email is None:
            return None
        try:
            email = mail_address(row.email)
        except ValueError as error:
            detail = f"The e-mail address {error}. Correct it, or leave it out."
            return _rejected(row, "recipient_field_missing", detail)
        if self._ground.caller.sandbox and not is_reserved(email):
            detail = "A sandbox key mails only to addresses of RFC 2606, like ann@example.org."
            return _rejected(row, "sandbox_only", detail)
        return Fallback(email, self._asked.fallback, self._asked.subject, self._sender)


def _rejected(row: Addressee, code: str, detail: str) -> Rejection:
    return Rejection(row.number, code, detail, row.shown(), row.first)
