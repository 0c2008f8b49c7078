"""Owns the verbs about batches.

Knows no SQL: each verb runs a unit of :mod:`gateway.store.batches`.
Source: design, *Store*.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.message import Message
from gateway.store import batches, eta, messages, notifications
from gateway.store.batch_rows import BatchRow, FailedText, Incoming, NewBatch, Rejection, rejected_rows
from gateway.store.convert import load_message, shown
from gateway.store.protocol import NotAdmitted
from gateway.store.rows import IdempotencyKey, Page, StoredAnswer, View
from gateway.store.transaction import Tx
from gateway.store.units import Units


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules say of rows that are not stored."""

    accepted: tuple[Incoming, ...]
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A batch that is being received, or was when a process ended."""

    id: str
    tenant: str


class _Tried(Exception):
    """Carries a verdict out of a unit that is to leave nothing behind."""

    def __init__(self, judged: Judged) -> None:
        super().__init__()
        self.judged = judged


class BatchRoom:
    """The verbs about batches. All may raise StoreUnavailable."""

    def __init__(self, units: Units, max_queued: int) -> None:
        self._units = units
        self._max_queued = max_queued

    async def create(self, new: NewBatch) -> None:
        """Begin to receive a batch. Raises NotAdmitted."""
        await self._units.write(lambda tx: batches.create(tx, new))

    def add(
        self, batch_id: str, incoming: Sequence[Incoming], rejections: Sequence[Rejection]
    ) -> asyncio.Future[None]:
        """Store the next rows. Raises QueueFull, NotFound."""
        return self._units.write(
            lambda tx: batches.add(tx, batch_id, incoming, rejections, self._max_queued), crowd=True
        )

    async def judge(self, incoming: Sequence[Incoming]) -> Judged:
        """Ask all rules about rows and leave nothing behind, not even in the guards' memory."""

        def unit(tx: Tx) -> None:
            accepted: list[Incoming] = []
            rejections: list[Rejection] = []
            for one in incoming:
                try:
                    messages.judged(tx, one.new)
                except NotAdmitted as refused:
                    rejections.append(Rejection(one.number, refused.code, refused.detail, one.row, one.first))
                else:
                    accepted.append(one)
            raise _Tried(Judged(tuple(accepted), tuple(rejections)))

        try:
            await self._units.write(unit)
        except _Tried as tried:
            return tried.judged
        raise AssertionError("a trial always ends with its verdict")

    async def finish(
        self, batch_id: str, hold: str | None, idempotency: IdempotencyKey | None, shown: int
    ) -> tuple[BatchRow, StoredAnswer]:
        """Let a batch go or hold it, and remember its answer. Raises NotFound."""
        return await self._units.write(lambda tx: batches.finish(tx, batch_id, hold, idempotency, shown))

    async def discard(self, batch_id: str, tenant: str) -> None:
        """Drop a batch that is not to be, a hundred rows at a time."""
        while await self._units.write(lambda tx: batches.discard(tx, batch_id, tenant), crowd=True):
            pass

    async def unfinished(self) -> tuple[Unfinished, ...]:
        """List batches that are being received; at start: those that were cut off."""
        return await self._units.read(
            lambda tx: tuple(Unfinished(row["id"], row["tenant"]) for row in tx.rows("batches_receiving"))
        )

    async def is_known(self, key: IdempotencyKey) -> bool:
        """Say whether a request with this key was answered before, whatever its body was."""
        found = await self._units.read(lambda tx: tx.one("idempotency_get", scope=key.scope, key=key.key))
        return found is not None

    async def change(self, view: View, batch_id: str, verb: str) -> BatchRow:
        """``pause``, ``resume`` or ``cancel``. Raises NotFound, NotAdmitted."""
        return await self._units.write(lambda tx: batches.change(tx, view, batch_id, verb))

    async def one(self, view: View, batch_id: str, rejections: int = 0) -> BatchRow:
        """Read a batch with its progress. Raises NotFound."""
        return await self._units.read(
            lambda tx: batches.load(tx, batches.viewed(tx, view, batch_id), rejections)
        )

    async def text(self, view: View, batch_id: str) -> str | None:
        """Read the text of a batch with its placeholders; None where it has a template or texts of its own.

        Raises:
            NotFound.
        """

        def read(tx: Tx) -> str | None:
            batch = batches.viewed(tx, view, batch_id)
            return shown(tx, f"batch|text|{batch_id}", batch["text"])

        return await self._units.read(read)

    async def page(self, view: View, limit: int, after: str | None) -> Page[BatchRow]:
        """List batches, newest first."""
        return await self._units.read(lambda tx: batches.page(tx, view, limit, after))

    async def rejected(
        self, view: View, batch_id: str, after: int | None, limit: int
    ) -> tuple[Rejection, ...]:
        """List rejected rows by their place, those behind ``after``. Raises NotFound."""

        def read(tx: Tx) -> tuple[Rejection, ...]:
            batches.viewed(tx, view, batch_id)
            return rejected_rows(tx, batch_id, after, limit)

        return await self._units.read(read)

    async def failed(self, view: View, batch_id: str, after: str, limit: int) -> tuple[FailedText, ...]:
        """List texts that failed, did not arrive or expired, oldest first. Raises NotFound."""
        return await self._units.read(lambda tx: batches.failed(tx, view, batch_id, after, limit))

    async def subject(self, view: View, batch_id: str) -> str | None:
        """Read the subject of the e-mails behind its texts. Raises NotFound."""

        def read(tx: Tx) -> str | None:
            batch = batches.viewed(tx, view, batch_id)
            return notifications.subject_of_bulk(tx, batch["tenant"], batch_id)

        return await self._units.read(read)

    async def outlook(self, view: View, batch_id: str) -> eta.Outlook:
        """Say when the last of a batch will be sent and what limits it, what it cost, and why some failed.

        Raises:
            NotFound.
        """
        return await self._units.read(lambda tx: eta.of_batch(tx, batches.viewed(tx, view, batch_id)))

    async def estimate(self, view: View, batch_id: str) -> eta.Left:
        """Say when the last of a batch will be sent and what limits it; costs the same whatever its size.

        Raises:
            NotFound.
        """
        return await self._units.read(lambda tx: eta.left_of(tx, batches.viewed(tx, view, batch_id)))

    async def failures(self, view: View, batch_id: str) -> tuple[eta.Failures, ...]:
        """Group what of a batch failed, or was refused at its line, by cause. Raises NotFound."""
        return await self._units.read(lambda tx: eta.failures_of(tx, batches.viewed(tx, view, batch_id)))

    async def forecast(self, view: View, loads: Mapping[tuple[str, str], int], accepted: int) -> eta.Forecast:
        """Say what it would take to send what is not stored; ``loads`` are parts by route and stem of the number."""
        return await self._units.read(lambda tx: eta.forecast(tx, view, loads, accepted))

    async def sample(self, view: View, batch_id: str, limit: int) -> tuple[Message, ...]:
        """Show some messages of a batch, the longest first. Raises NotFound."""

        def read(tx: Tx) -> tuple[Message, ...]:
            batch = batches.viewed(tx, view, batch_id)
            rows = tx.rows("batch_sample", tenant=batch["tenant"], batch_id=batch_id, limit=limit)
            return tuple(load_message(tx, row) for row in rows)

        return await self._units.read(read)
