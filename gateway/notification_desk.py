"""Owns the way of a notification from a request to the store: channels, words, judgement, one commit.

Knows no HTTP and sends nothing. What only time can tell (opt-outs, queues, lines) is left to the try itself, where the
next channel can take over.
Source: the HTTP interface; W1; rules API-8.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from pydantic_core import to_json

from gateway.admission import Admission, key_reused, storage_unavailable
from gateway.clock import Clock
from gateway.draft import Caller
from gateway.errors import field_error
from gateway.ids import new_id
from gateway.notification_content import Wording, Words
from gateway.notification_flow import CHANNELS, Channel
from gateway.notification_judgement import Judge, Judged, Order, RecipientDraft
from gateway.notification_representation import bulk_json
from gateway.store.notification_rows import Bulk, NewNotification, SmsChoices
from gateway.store.protocol import IdempotencyKeyReused, NotFound, Store, StoreUnavailable
from gateway.store.rows import IdempotencyKey, StoredAnswer

NamedChannel = Literal["sms", "email", "slack", "webhook", "whatsapp", "voice"]
NAMED: tuple[NamedChannel, ...] = get_args(NamedChannel)
NOT_OURS = "this gateway sends by SIM cards, e-mail, Slack and webhooks only"

BULK_CHUNK = 250
"""Rows in one transaction: about 10 ms of the writer, so that claims do not wait behind a bulk."""


@dataclass(frozen=True, slots=True)
class Offers:
    """Which channels can be used; ``missing`` says of the others what they lack."""

    missing: Mapping[Channel, str] = field(default_factory=dict)

    def reason(self, name: NamedChannel) -> str | None:
        """Say why a channel cannot be used; None: it can."""
        channel = channel_of(name)
        return NOT_OURS if channel is None else self.missing.get(channel)


def channel_of(name: NamedChannel) -> Channel | None:
    """Find the channel of a name; None: one that people ask for and this gateway does not have."""
    return next((channel for channel in CHANNELS if channel == name), None)


@dataclass(frozen=True, slots=True)
class NotificationDraft:
    """What is to be told, as asked for: ``template_id`` or ``wording``, and the channels in order."""

    channels: Sequence[NamedChannel]
    template_id: str | None
    wording: Wording | None
    fallback_after_s: int | None = None
    sms: SmsChoices = field(default_factory=SmsChoices)


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer of a request, new or as it was given the first time; ``id`` is that of what was made, if it was."""

    answer: StoredAnswer
    replayed: bool
    id: str | None


class NotificationDesk:
    """Judges notifications and stores them. ``refuse_target`` judges a URL: None = fine, else a sentence."""

    def __init__(
        self,
        store: Store,
        admission: Admission,
        clock: Clock,
        *,
        offers: Offers,
        refuse_target: Callable[[str], str | None],
    ) -> None:
        self.offers = offers
        self._store = store
        self._admission = admission
        self._clock = clock
        self._refuse_target = refuse_target

    async def can_text(self, caller: Caller) -> bool:
        """Say whether any line could carry a text of this caller, now or when it is back."""
        lines = await self._admission.line_book.lines(caller.tenant)
        return any(line.emulated or not caller.sandbox for line in lines)

    async def send(
        self, draft: NotificationDraft, to: RecipientDraft, caller: Caller, idempotency: IdempotencyKey | None
    ) -> Taken:
        """Judge one notification and commit it (W1), or give the first answer of a repeated request.

        Raises:
            GatewayError: why it was refused; nothing was stored.
        """
        known = await self._first_answer(idempotency)
        if known is not None:
            return Taken(known, replayed=True, id=None)
        judge = await self._judge(draft, caller, {to.language}, ("notification",))
        new = judge.one(to)
        answer = StoredAnswer(202, to_json({"notification_id": new.id, "status": "queued"}))
        first = await _stored(self._store.notifications.accept(new, idempotency, answer))
        return Taken(first or answer, first is not None, None if first else new.id)

    async def send_bulk(
        self,
        draft: NotificationDraft,
        recipients: Sequence[RecipientDraft],
        caller: Caller,
        idempotency: IdempotencyKey | None,
    ) -> Taken:
        """Judge many and commit those that can be reached, all or none; the answer names the others.

        Raises:
            GatewayError: why all of it was refused; nothing was stored.
        """
        known = await self._first_answer(idempotency)
        if known is not None:
            return Taken(known, replayed=True, id=None)
        judge = await self._judge(draft, caller, {to.language for to in recipients}, ())
        bulk_id = new_id()
        # Beside the loop: judging 10,000 numbers takes seconds.
        judged = await asyncio.to_thread(judge.many, recipients, bulk_id)
        bulk = self._bulk(bulk_id, caller, judged)
        answer = StoredAnswer(202, to_json(bulk_json(bulk)))
        first = await _stored(self._store_bulk(bulk, judged.rows, idempotency, answer))
        return Taken(first or answer, first is not None, None if first else bulk_id)

    async def _first_answer(self, idempotency: IdempotencyKey | None) -> StoredAnswer | None:
        """Find what a repeated request was answered, before what changed meanwhile refuses it (rules API-8)."""
        return await _stored(self._store.answered(idempotency)) if idempotency is not None else None

    def _bulk(self, bulk_id: str, caller: Caller, judged: Judged) -> Bulk:
        return Bulk(
            id=bulk_id,
            tenant=caller.tenant,
            key_id=caller.key_id,
            sandbox=caller.sandbox,
            total=len(judged.rows) + len(judged.rejected),
            accepted=len(judged.rows),
            rejected=tuple(judged.rejected),
            warnings=tuple(judged.warnings),
            created_at_ms=self._clock.now_ms(),
            counts={"queued": len(judged.rows)},
        )

    async def _store_bulk(
        self,
        bulk: Bulk,
        rows: Sequence[NewNotification],
        idempotency: IdempotencyKey | None,
        answer: StoredAnswer,
    ) -> StoredAnswer | None:
        # What breaks off in between stays unseen, and the next start puts it away.
        room = self._store.notifications
        await room.begin_bulk(bulk)
        for start in range(0, len(rows), BULK_CHUNK):
            await room.add_to_bulk(rows[start : start + BULK_CHUNK])
        return await room.finish_bulk(bulk, idempotency, answer)

    # ------------------------------------------------------------------ what holds for all recipients

    async def _judge(
        self, draft: NotificationDraft, caller: Caller, languages: set[str | None], where: tuple[str, ...]
    ) -> Judge:
        order = Order(
            caller=caller,
            channels=self._channels(draft, where),
            words=await self._words(draft, caller, languages, where),
            fallback_after_s=draft.fallback_after_s,
            sms=draft.sms,
            lines=await self._admission.line_book.lines(caller.tenant),
            now_ms=self._clock.now_ms(),
        )
        return Judge(order, self._admission, self._refuse_target)

    def _channels(self, draft: NotificationDraft, where: tuple[str, ...]) -> tuple[Channel, ...]:
        chosen: list[Channel] = []
        for number, name in enumerate(draft.channels):
            path: tuple[str | int, ...] = (*where, "channels", number)
            reason, channel = self.offers.reason(name), channel_of(name)
            if reason is not None or channel is None:
                detail = (
                    f"The channel {name} is not available: {reason or NOT_OURS}. Leave it out of channels."
                )
                raise field_error("channel_unavailable", detail, *path)
            if channel in chosen:
                detail = f"The channel {name} stands twice; each is tried once. Leave one out."
                raise field_error("invalid_request", detail, *path)
            chosen.append(channel)
        return tuple(chosen)

    async def _words(
        self, draft: NotificationDraft, caller: Caller, languages: set[str | None], where: tuple[str, ...]
    ) -> dict[str | None, Words]:
        """Cut the words of every language that is read, once."""
        if draft.wording is not None:
            return dict.fromkeys(languages, Words(draft.wording, *where))
        found: dict[str | None, Words] = {}
        for language in languages:
            try:
                text = await self._store.templates.text_for(
                    caller.view, draft.template_id or "", None, language
                )
            except NotFound:
                detail = f'There is no template "{(draft.template_id or "")[:64]}". GET /api/v1/templates lists them.'
                raise field_error("template_not_found", detail, *where, "template_id") from None
            found[language] = Words(Wording(text.subject, text.text, text.html))
        return found


async def _stored(storing: Awaitable[StoredAnswer | None]) -> StoredAnswer | None:
    try:
        return await storing
    except IdempotencyKeyReused:
        raise key_reused() from None
    except StoreUnavailable:
        raise storage_unavailable() from None
