"""Owns the work on all rows of a draft: the preview of its texts, the check by all rules, and the sending.

Knows no page and no rule: rows are judged by the same code as those of the API. Check and sending go on without the
request that began them, so that a browser may go away and come back.
Source: the notes on what people see, *Batches* (steps 2 to 4); W1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace

import structlog

from gateway.admission import Preview
from gateway.batches import Addressee, AskedBatch, DryRun, Receiving
from gateway.draft import Caller, MessageDraft
from gateway.errors import GatewayError
from gateway.http.batch_intake import check_rights, fill, whole
from gateway.http.call import Call
from gateway.http.services import Services
from gateway.policy.placeholders import PlaceholderError
from gateway.templates import length_of
from gateway.web.batch_drafts import FIRST_ROWS, Draft, Drafts, Job, Rows

log = structlog.get_logger(__name__)

AT_ONCE_S = 1.5
"""So long a request waits for work to end: most lists are done by then, and nobody sees a page that waits."""

REJECTED_KEPT = 10_000
"""Rows not sent that a check keeps for their file: in memory for an hour, for each of the drafts."""

_BREATH_ROWS = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """One row as its person would read it. ``problem`` instead of ``text`` where it cannot be made."""

    to: str
    text: str
    preview: Preview | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Previewed:
    """The first rows, and the longest of all with its place."""

    first: tuple[Sample, ...]
    longest: Sample | None
    longest_row: int


async def previewed(call: Call, draft: Draft, asked: AskedBatch) -> Previewed:
    """Make the texts of all rows and show the first and the longest; stores nothing.

    Raises:
        GatewayError: the text or template, or the file, cannot be used.
    """
    services = call.services
    texts = await services.batches.texts(asked, call.caller)
    first: list[Sample] = []
    longest: tuple[tuple[int, int], Addressee, str] | None = None

    async for some in draft.rows(services.store, call.view):
        for at, row in enumerate(some):
            if at % _BREATH_ROWS == _BREATH_ROWS - 1:
                await asyncio.sleep(0)
            if not isinstance(row, Addressee):
                continue
            try:
                text = texts.draft(asked, row, None).text or ""
            except PlaceholderError as error:
                if len(first) < FIRST_ROWS:
                    first.append(Sample(row.to, "", None, error.detail))
                continue
            if len(first) < FIRST_ROWS:
                first.append(_sample(services, row.to, text))
            length = length_of(text)
            if longest is None or length > longest[0]:
                longest = (length, row, text)
    if longest is None:
        return Previewed(tuple(first), None, 0)
    return Previewed(tuple(first), _sample(services, longest[1].to, longest[2]), longest[1].number)


def _sample(services: Services, to: str, text: str) -> Sample:
    try:
        return Sample(to, text, services.admission.preview(MessageDraft(to=to, text=text)))
    except GatewayError as error:
        return Sample(to, "", None, error.detail)


# ------------------------------------------------------------------ check and send


async def check(call: Call, draft: Draft) -> None:
    """Ask all rules about every row; returns when it is done, or after a moment while it goes on."""
    draft.forget_check()
    job = draft.job = Job("check")
    await _begin(job, lambda: _checked(call, draft, job))


async def send(call: Call, draft: Draft, drafts: Drafts, send_at_ms: int | None) -> None:
    """Store the batch and let it go; as :func:`check`. A second call while it is at work, or done, changes nothing."""
    if draft.job is not None and draft.job.kind == "send" and (draft.job.runs or draft.job.batch_id):
        return
    draft.forget_check()
    job = draft.job = Job("send")
    await _begin(job, lambda: _sent(call, draft, job, (drafts, send_at_ms)))


async def _begin(job: Job, work: Callable[[], Coroutine[None, None, None]]) -> None:
    async def guarded() -> None:
        try:
            await work()
        except GatewayError as error:
            job.error = error
        except Exception:
            # The end of a task that nobody awaits: what broke is logged, and the page says that it did.
            log.exception("batch.draft_failed", kind=job.kind)
            job.error = GatewayError("internal_error", "The fault is here; the log has it. Nothing was sent.")

    job.task = asyncio.create_task(guarded())
    await wait(job)


async def wait(job: Job) -> None:
    """Give work a moment to end."""
    if job.task is not None and not job.task.done():
        await asyncio.wait({job.task}, timeout=AT_ONCE_S)


async def _checked(call: Call, draft: Draft, job: Job) -> None:
    services = call.services
    found = DryRun(keeps=REJECTED_KEPT)
    receiving = await _receiving(services, call.caller, draft, dry=found)
    async with whole(services.batches, receiving):
        await fill(receiving, _counted(draft.rows(services.store, call.view), job))
    job.forecast = await services.store.batches.forecast(call.view, found.loads, found.accepted)
    job.checked = found


async def _sent(call: Call, draft: Draft, job: Job, how: tuple[Drafts, int | None]) -> None:
    services = call.services
    drafts, send_at_ms = how
    receiving = await _receiving(services, call.caller, draft, send_at_ms=send_at_ms)
    async with whole(services.batches, receiving):
        await fill(receiving, _counted(draft.rows(services.store, call.view), job))
        row, _ = await receiving.finish(None)
    job.batch_id = row.id
    drafts.sent(draft)


async def _receiving(
    services: Services,
    caller: Caller,
    draft: Draft,
    *,
    dry: DryRun | None = None,
    send_at_ms: int | None = None,
) -> Receiving:
    if draft.asked is None:
        raise GatewayError("conflict", "There is no text yet. Write it in step 2.")
    asked = draft.asked if send_at_ms is None else replace(draft.asked, send_at_ms=send_at_ms)
    check_rights(caller, asked)
    return await services.batches.begin(asked, caller, dry=dry)


async def _counted(rows: Rows, job: Job) -> Rows:
    async for some in rows:
        yield some
        job.done += len(some)
