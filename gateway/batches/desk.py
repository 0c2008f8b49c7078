"""Owns the desk where batches are begun, and what failed of one is sent again.

Knows no HTTP; one for the whole process.
Source: the HTTP interface.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog

from device_bridge.sms.segmentation import MAX_PARTS
from gateway.admission import Admission, template_not_found
from gateway.batches.asked import Addressee, AskedBatch, Texts
from gateway.batches.receiving import DryRun, Ground, Receiving
from gateway.clock import Clock
from gateway.composition import check_ahead
from gateway.draft import Caller, validity_s
from gateway.errors import GatewayError
from gateway.ids import new_id
from gateway.message import Message
from gateway.routing import check_pool, find_line
from gateway.store.batch_rows import BatchRow, FailedText, NewBatch
from gateway.store.convert import DAMAGED
from gateway.store.plan_rows import TemplateContent
from gateway.store.protocol import NotFound, Store, StoreUnavailable
from gateway.store.rows import IdempotencyKey, StoredAnswer

log = structlog.get_logger(__name__)

RESEND_PAGE = 500
DROP_RETRY_S = 1.0
"""The least that a batch may ask for (rules API-11)."""


class BatchDesk:
    """Begins batches. Close it when the process stops."""

    def __init__(self, store: Store, admission: Admission, clock: Clock) -> None:
        self._store = store
        self._admission = admission
        self._clock = clock
        self._running: set[tuple[str, str]] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch-composer")
        self._dropping: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """End the thread that composes; what could not be dropped yet is dropped at the next start."""
        for task in self._dropping:
            task.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def once(self, key: IdempotencyKey | None) -> AsyncIterator[None]:
        """Let one request with an Idempotency-Key run at a time.

        Raises:
            GatewayError: ``idempotency_in_progress``.
        """
        if key is None:
            yield
            return
        running = (key.scope, key.key)
        if running in self._running:
            raise GatewayError(
                "idempotency_in_progress",
                "The first request with this Idempotency-Key is still running.",
                headers={"Retry-After": "1"},
            )
        self._running.add(running)
        try:
            yield
        finally:
            self._running.discard(running)

    async def begin(self, asked: AskedBatch, caller: Caller, *, dry: DryRun | None = None) -> Receiving:
        """Begin to receive a batch; with ``dry`` only what would be sent is found out, and noted there.

        Raises:
            GatewayError: its text, template, line, pool or time cannot be used; nothing was stored.
            NotAdmitted: ``conflict``: what it would send again was sent again already.
        """
        texts = await self.texts(asked, caller)
        lines = await self._admission.line_book.lines(caller.tenant)
        if asked.line is not None:
            find_line(asked.line, caller, lines)
        if asked.pool is not None:
            check_pool(asked.pool, lines)
        now_ms = self._clock.now_ms()
        check_ahead(asked.send_at_ms, now_ms)
        new = NewBatch(
            id=new_id(),
            tenant=caller.tenant,
            key_id=caller.key_id,
            sandbox=caller.sandbox,
            purpose=asked.purpose,
            created_at_ms=now_ms,
            text=asked.text,
            template_id=asked.template_id,
            template_version=texts.version,
            name=asked.name,
            reference=asked.reference,
            tags=asked.tags,
            fallback=asked.fallback or None,
            resend_of=asked.resend_of,
            send_at_ms=asked.send_at_ms,
        )
        ground = Ground(
            caller, self._admission.composer, lines, self._store.batches, self._clock, self._thread
        )
        receiving = Receiving(new, asked, texts, ground, dry=dry)
        await receiving.open()
        return receiving

    async def texts(self, asked: AskedBatch, caller: Caller) -> Texts:
        """Find and cut the texts of a batch.

        Raises:
            GatewayError: ``template_not_found``, ``template_error``.
        """
        template, version = await self._template(asked, caller)
        return Texts(asked.text, template, version)

    async def _template(self, asked: AskedBatch, caller: Caller) -> tuple[TemplateContent | None, int | None]:
        if asked.template_id is None:
            return None, None
        try:
            row = await self._store.templates.get(caller.view, asked.template_id)
        except NotFound:
            raise template_not_found(asked.template_id) from None
        return row.content, row.version

    async def asked_again(self, caller: Caller, batch_id: str) -> AskedBatch:
        """Say what sending again what failed of a batch asks for, for :meth:`resend_failed`.

        Raises:
            NotFound: no such batch.
            GatewayError: nothing of it failed.
        """
        room = self._store.batches
        old = await room.one(caller.view, batch_id)
        failed = await room.failed(caller.view, batch_id, "", RESEND_PAGE)
        if not any(_is_known(one.message) for one in failed):
            raise GatewayError("conflict", "Nothing of this batch failed, so there is nothing to send again.")
        subject = await room.subject(caller.view, batch_id) if old.fallback else None
        return replace(_again(old, failed[0].message), subject=subject)

    async def resend_failed(
        self, caller: Caller, batch_id: str, asked: AskedBatch, idempotency: IdempotencyKey | None
    ) -> tuple[BatchRow, StoredAnswer]:
        """Send what failed of a batch again, as a batch of its own; its answer is kept with it (rules API-8).

        Raises:
            NotFound: no such batch.
            QueueFull, StoreUnavailable: nothing of it was stored.
            NotAdmitted: ``conflict``: it was sent again already.
        """
        receiving = await self.begin(asked, caller)
        try:
            number, after = 1, ""
            while failed := await self._store.batches.failed(caller.view, batch_id, after, RESEND_PAGE):
                await receiving.add(_addressees(failed, number))
                number += len(failed)
                after = failed[-1].message.id
            return await receiving.finish(idempotency)
        except BaseException:
            await self.drop(receiving)
            raise

    async def drop(self, receiving: Receiving) -> None:
        """Take back a batch that is not to be, whoever stopped asking; a store that is away is not waited for here."""
        try:
            await asyncio.shield(receiving.drop())
        except StoreUnavailable:
            task = asyncio.create_task(self._drop_later(receiving))
            self._dropping.add(task)
            task.add_done_callback(self._dropping.discard)

    async def _drop_later(self, receiving: Receiving) -> None:
        """Its rows would count as waiting until the next start, and refuse others their place."""
        while True:
            await asyncio.sleep(DROP_RETRY_S)
            try:
                await receiving.drop()
            except StoreUnavailable as error:
                log.warning("batch.drop_waits_for_store", batch_id=receiving.id, reason=str(error))
            else:
                return


def _is_known(message: Message) -> bool:
    return message.text not in (None, DAMAGED)


def _addressees(failed: Sequence[FailedText], number: int) -> list[Addressee]:
    """Make rows of texts that are still known, the first with this number."""
    return [
        Addressee(
            number + i,
            one.message.to,
            {},
            reference=one.message.reference,
            email=one.email,
            text=one.message.text,
        )
        for i, one in enumerate(failed)
        if _is_known(one.message)
    ]


def _again(old: BatchRow, failed: Message) -> AskedBatch:
    """Ask for what was asked for then; ``failed`` shows what is said of each message of a batch alike."""
    return AskedBatch(
        text=" ",
        name=old.name,
        reference=old.reference,
        purpose=old.purpose,
        tags=old.tags,
        priority=failed.priority,
        valid_for_s=validity_s(failed),
        line=failed.line_asked,
        pool=failed.pool,
        encoding=failed.encoding,
        max_parts=MAX_PARTS,  # they were accepted once
        delivery_report=failed.delivery_report,
        flash=failed.flash,
        on_doubt=failed.on_doubt,
        allow_duplicates=True,
        fallback=old.fallback,
        resend_of=old.id,
    )
