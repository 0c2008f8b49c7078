"""Owns how a batch is taken in over HTTP: from JSON, from a stream or for a group, whole or not at all.

Knows no rule: the desk receives rows, the store decides.
Source: the HTTP interface; rules API-3, API-8.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.admission import key_reused, queue_full, storage_unavailable
from gateway.batches import Addressee, AskedBatch, BatchDesk, DryRun, Problem, Receiving
from gateway.draft import Caller
from gateway.errors import field_error
from gateway.http.batch_models import CreateBatch, StreamQuery
from gateway.http.batch_streams import Stream, StreamEnded, is_stream
from gateway.http.call import Call
from gateway.http.models import NoQuery
from gateway.http.parsing import fingerprint, idempotency_key, parse_body
from gateway.http.route import forbidden, scope_of
from gateway.message import short_trouble
from gateway.store.batch_rows import Rejection
from gateway.store.groups import Groups
from gateway.store.protocol import IdempotencyKeyReused, NotFound, QueueFull, StoreUnavailable
from gateway.store.rows import IdempotencyKey, StoredAnswer, View

if TYPE_CHECKING:
    from gateway.representation import Json

PATH = "/api/v1/batches"
_MEMBERS = 500

Rows = AsyncIterator[Sequence[Addressee | Problem]]


async def create(call: Call) -> web.Response:
    """Take a batch whole: 202 after its last row is committed, or nothing of it."""
    if is_stream(call.request.headers.get("Content-Type")):
        return await _streamed(call)
    # A dry_run in the address, where streams have it, must not be passed over: the texts would go out.
    call.query(NoQuery)
    octets = await call.octets()
    # Ten thousand recipients take a while to check: not on the loop that serves everybody.
    asked = await asyncio.to_thread(parse_body, CreateBatch, octets)
    key = await _key(call, octets)
    if asked.group is not None:
        rows = members(call.services.store.groups, call.view, asked.group)
        batch = _asked(asked, surplus="ignore")
    else:
        rows = _given(asked)
        batch = _asked(asked, surplus="refuse")
    return await _received(call, batch, (rows, key), dry=asked.dry_run)


async def _streamed(call: Call) -> web.Response:
    query = call.query(StreamQuery)
    stream = Stream(call.request, query, call.services.settings.body_timeout_s)
    header = call.request.headers.get("Idempotency-Key")
    key: IdempotencyKey | None = None
    if header is not None:
        # The fingerprint of a stream is known at its end only.
        key = IdempotencyKey(scope_of(call), idempotency_key(header), "")
    batch = asked_of(query)
    return await _received(call, batch, (stream.rows(), key), dry=query.dry_run, stream=stream)


async def _received(
    call: Call,
    batch: AskedBatch,
    source: tuple[Rows, IdempotencyKey | None],
    *,
    dry: bool,
    stream: Stream | None = None,
) -> web.Response:
    rows, key = source
    check_rights(call.caller, batch)
    _can_fall_back(call, batch)
    desk = call.services.batches
    async with desk.once(key):
        # Asked within: a first request that ends right now is either still running here, or has its answer kept.
        if key is not None and (kept := await _repeated(call, key, stream)) is not None:
            return kept
        receiving = await desk.begin(batch, call.caller, dry=DryRun() if dry else None)
        async with whole(desk, receiving):
            await fill(receiving, rows)
            if receiving.dry is not None:
                return call.json(_dry_json(receiving))
            if key is not None and stream is not None:
                key = IdempotencyKey(key.scope, key.key, stream.fingerprint())
            row, answer = await receiving.finish(key)
    return as_accepted(answer, f"{PATH}/{row.id}")


@asynccontextmanager
async def whole(desk: BatchDesk, receiving: Receiving) -> AsyncIterator[None]:
    """Take a batch back when it does not come to its end, and say why as a problem.

    Raises:
        GatewayError: ``queue_full``, ``storage_unavailable``, or what the file was refused for.
    """
    try:
        yield
    except QueueFull:
        await desk.drop(receiving)
        raise queue_full() from None
    except StoreUnavailable:
        await desk.drop(receiving)
        raise storage_unavailable() from None
    except StreamEnded as ended:
        await desk.drop(receiving)
        raise ended.error from None
    except BaseException:
        await desk.drop(receiving)
        raise


def check_rights(caller: Caller, batch: AskedBatch) -> None:
    """Refuse a purpose that this caller may not use.

    Raises:
        GatewayError: ``forbidden``.
    """
    if batch.purpose == "urgent" and not caller.may("messages:urgent"):
        raise forbidden("messages:urgent")


def _can_fall_back(call: Call, batch: AskedBatch) -> None:
    """Refuse a fallback that this gateway cannot keep, before anything is stored."""
    desk = call.services.notifications
    for i, channel in enumerate(batch.fallback):
        reason = "Notifications are not running." if desk is None else desk.offers.reason(channel)
        if reason is not None:
            raise field_error("channel_unavailable", reason, "fallback", i)


async def fill(receiving: Receiving, rows: Rows) -> None:
    """Add all rows to a batch.

    Raises:
        GatewayError: ``invalid_request``: there are none.
    """
    count = 0
    async for some in rows:
        count += len(some)
        await receiving.add(some)
    if count == 0:
        raise field_error(
            "invalid_request", "There is nobody to send this to. Give at least one recipient.", "recipients"
        )


def as_accepted(answer: StoredAnswer, location: str | None = None, *, replayed: bool = False) -> web.Response:
    """Answer with the batch as it was accepted."""
    headers = {"Content-Type": "application/json"}
    if location is not None:
        headers["Location"] = location
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return web.Response(status=answer.status, body=answer.body, headers=headers)


async def _key(call: Call, octets: bytes) -> IdempotencyKey | None:
    header = call.request.headers.get("Idempotency-Key")
    if header is None:
        return None
    print_ = await asyncio.to_thread(fingerprint, octets)
    return IdempotencyKey(scope_of(call), idempotency_key(header), print_)


async def kept_answer(call: Call, key: IdempotencyKey) -> web.Response | None:
    """Give the answer of an earlier request with this key again; None: there was none."""
    try:
        kept = await call.services.store.answered(key)
    except IdempotencyKeyReused:
        raise key_reused() from None
    return None if kept is None else as_accepted(kept, replayed=True)


async def _repeated(call: Call, key: IdempotencyKey, stream: Stream | None) -> web.Response | None:
    if stream is None:
        return await kept_answer(call, key)
    if not await call.services.store.batches.is_known(key):
        return None
    # Read for its fingerprint only; it stores nothing.
    await stream.drain()
    kept = await kept_answer(call, IdempotencyKey(key.scope, key.key, stream.fingerprint()))
    if kept is None:
        raise key_reused()
    return kept


# ------------------------------------------------------------------ where rows come from


async def _given(asked: CreateBatch) -> Rows:
    rows = asked.recipients or []
    yield [
        Addressee(i, row.to, row.data, row.language, row.reference, row.email, first=0)
        for i, row in enumerate(rows)
    ]


async def members(groups: Groups, view: View, name: str) -> Rows:
    """Give the people of a group; their names, numbers, addresses and tags are values for the text.

    Raises:
        GatewayError: there is no such group, or nobody is in it.
    """
    try:
        group = await groups.called(view, name)
    except NotFound:
        raise field_error(
            "not_found", f'There is no group "{name}". GET /api/v1/groups lists them.', "group"
        ) from None
    after: str | None = None
    number = 0
    while True:
        page = await groups.members_page(view, group.id, _MEMBERS, after)
        some: list[Addressee | Problem] = []
        for contact in page.items:
            number += 1
            card = contact.card
            if card.number is None:
                detail = f"{card.name or card.email} has no number. Add one to the contact."
                some.append(Problem(number, "recipient_field_missing", detail, {"name": card.name or ""}))
                continue
            values = {"name": card.name or "", "number": card.number, "email": card.email or "", **card.tags}
            some.append(Addressee(number, card.number, values, card.language, None, card.email))
        yield some
        if page.next is None:
            break
        after = page.next
    if number == 0:
        raise field_error("invalid_request", f'Nobody is in the group "{name}". Add contacts to it.', "group")


def _asked(asked: CreateBatch, *, surplus: str) -> AskedBatch:
    return AskedBatch(
        text=asked.text,
        template_id=asked.template_id,
        name=asked.name,
        reference=asked.reference,
        purpose=asked.purpose,
        priority=asked.priority,
        send_at_ms=asked.send_at,
        valid_for_s=asked.valid_for_s,
        line=asked.line,
        pool=asked.pool,
        encoding=asked.encoding,
        max_parts=asked.max_parts,
        tags=asked.tags,
        delivery_report=asked.delivery_report,
        on_doubt=asked.on_doubt,
        allow_duplicates=asked.allow_duplicates,
        surplus="ignore" if surplus == "ignore" else "refuse",
        fallback=tuple(asked.fallback),
        subject=asked.subject,
    )


def asked_of(query: StreamQuery) -> AskedBatch:
    """Say what a batch is asked to be by the query of a file.

    Raises:
        GatewayError: a tag that is none.
    """
    tags: dict[str, str] = {}
    for i, tag in enumerate(query.tag):
        name, equals, value = tag.partition("=")
        if not (name and equals and value):
            raise field_error("invalid_request", 'Write a tag as name=value, like "class=5B".', "tag", i)
        trouble = short_trouble(name) or short_trouble(value)
        if trouble is not None:
            raise field_error("invalid_request", f"The name or value of a tag {trouble}.", "tag", i)
        tags[name] = value
    return AskedBatch(
        text=query.text,
        template_id=query.template_id,
        name=query.name,
        reference=query.reference,
        purpose=query.purpose,
        priority=query.priority,
        send_at_ms=query.send_at,
        valid_for_s=query.valid_for_s,
        line=query.line,
        pool=query.pool,
        encoding=query.encoding,
        max_parts=query.max_parts,
        tags=tags,
        delivery_report=query.delivery_report,
        allow_duplicates=query.allow_duplicates,
        surplus="ignore",
        fallback=tuple(query.fallback),
        subject=query.subject,
    )


def _dry_json(receiving: Receiving) -> Json:
    dry = receiving.dry
    if dry is None:
        raise AssertionError("only a dry run is shown as one")
    return {
        "dry_run": True,
        "total": dry.accepted + dry.rejected,
        "accepted": dry.accepted,
        "rejected_count": dry.rejected,
        "rejected": [rejection_json(one) for one in dry.rejections],
        "parts": dry.parts,
        "longest": {"parts": dry.longest_parts, "text": dry.longest_text},
        "sample": dry.sample,
    }


def rejection_json(one: Rejection) -> Json:
    return {"index": one.number, "to": (one.row or {}).get("to"), "code": one.code, "detail": one.detail}
