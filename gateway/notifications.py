"""Owns the work on notifications: one channel after the other until one of them reaches the person.

Knows no SQL and no channel's protocol. A text goes through admission like any other; a letter is written down as
being handed over before its first octet that can deliver it, so that a crash leaves doubt and never a second copy.
Source: W2 (the same order as on air); design, *Errors* (nothing in doubt is repeated silently).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

import structlog

from gateway.admission import Admission
from gateway.channels.letter import TAKEN_BACK, Letter, NotAccepted, Outcome, Outlet, Sent
from gateway.clock import Clock
from gateway.draft import VALID_MAX_S, VALID_MIN_S, Caller, MessageDraft
from gateway.errands import STORE_RETRY_S, ErrandKind, Errands, EventNames, write_outcome
from gateway.errors import GatewayError
from gateway.ids import new_id
from gateway.lifecycle import Conflict, Happening
from gateway.message import Message, MessageState
from gateway.notification_flow import (
    CHANNELS,
    Channel,
    Doubtful,
    NoRoom,
    Overdue,
    Reached,
    Refused,
    Verdict,
    verdict_of,
)
from gateway.store.notification_fate import error_of
from gateway.store.notification_rows import Due, Sender, Tried
from gateway.store.protocol import NotFound, Store, StoreUnavailable
from gateway.store.rows import IdempotencyKey, View

log = structlog.get_logger(__name__)

SLOTS: Mapping[Channel, int] = {"sms": 32, "email": 4, "slack": 1, "webhook": 8}
"""Tries at once: mail servers count connections, Slack takes one post a second; texts only go to the queue."""
EVENTS = EventNames(
    store_away="notifications.wait_for_store",
    waits="notification.waits_for_store",
    failed="notification.failed",
    outcome_waits="notification.outcome_waits",
)
FOLLOW_PAUSE_S = 0.05
"""Between two looks at what became of texts: a busy line moves hundreds a second, one read takes them all."""
FOLLOW_ROWS = 200
NOT_AROUND = (
    "No other channel says it instead: these words need a second person's yes, or a rule refuses them."
)


class NotificationLoop:
    """Carries accepted notifications out. ``outlets`` are the channels besides sms that are configured."""

    def __init__(
        self, store: Store, admission: Admission, clock: Clock, outlets: Mapping[Channel, Outlet]
    ) -> None:
        self._store = store
        self._room = store.notifications
        self._admission = admission
        self._clock = clock
        self._outlets = outlets
        self._channels = {
            channel: Errands(self._kind(channel), store.signal("notifications"), clock, SLOTS[channel])
            for channel in CHANNELS
        }
        self._events = store.signal("events")

    async def run(self) -> None:
        """Take up what the last run left, then work until cancelled."""
        doubtful = await self._room.recover()
        if doubtful:
            log.warning("notifications.in_doubt_after_restart", count=doubtful)
        async with asyncio.TaskGroup() as group:
            for channel, errands in self._channels.items():
                group.create_task(errands.run(), name=f"notifications {channel}")
            group.create_task(self._follow(), name="notifications follow texts")

    # ------------------------------------------------------------------ what is due

    def _kind(self, channel: Channel) -> ErrandKind[Due]:
        return ErrandKind(partial(self._due, channel), self._carry_out, EVENTS, _fields)

    async def _due(self, channel: Channel, limit: int) -> tuple[tuple[Due, ...], int | None]:
        due = await self._room.due(channel, limit)
        for notification_id in due.unreadable:
            log.error(
                "notification.damaged", notification_id=notification_id, hint="its stored words were changed"
            )
            await self._room.damaged(notification_id)
        return due.work, due.next_at_ms

    async def _carry_out(self, due: Due) -> None:
        if due.has_next and due.deadline_ms is not None and due.deadline_ms <= self._clock.now_ms():
            await self._overdue(due)
        elif due.channel == "sms":
            await self._text(due)
        else:
            await self._letter(due)

    async def _settle(self, due: Due, attempt_id: str, verdict: Verdict, detail: str | None = None) -> None:
        tried = Tried(detail)
        await write_outcome(lambda: self._room.settle(due, attempt_id, verdict, tried), EVENTS, _fields(due))

    # ------------------------------------------------------------------ a letter

    async def _letter(self, due: Due) -> None:
        attempt_id = due.attempt_id or new_id()
        outlet = self._outlets.get(due.channel)
        if outlet is None:
            gone = error_of("channel_unavailable", permanent=True)
            await self._settle(due, attempt_id, Refused(gone, permanent=True))
            return
        letter = self._written(due, attempt_id)
        outcome = await outlet.send(letter, lambda: self._room.begin(due, attempt_id))
        if outcome is TAKEN_BACK:
            return
        _log(due, outcome)
        detail = None if isinstance(outcome, Sent) else outcome.detail
        await self._settle(due, attempt_id, _verdict(outcome), detail)

    def _written(self, due: Due, attempt_id: str) -> Letter:
        recipient = due.recipient
        to = {"email": recipient.email, "slack": recipient.slack, "webhook": recipient.webhook}
        content = due.content
        return Letter(
            id=attempt_id,
            notification_id=due.id,
            to=to.get(due.channel) or "",
            subject=content.subject,
            body=content.body,
            html=content.html,
            at_ms=self._clock.now_ms(),
        )

    # ------------------------------------------------------------------ a text

    async def _text(self, due: Due) -> None:
        attempt_id = due.attempt_id or new_id()
        try:
            admitted = await self._admission.admit(_draft(due), _caller(due.sender), _once(due))
        except GatewayError as error:
            if error.code == "storage_unavailable":
                raise StoreUnavailable(error.detail) from None
            if error.code == "queue_full":
                await self._settle(due, attempt_id, NoRoom())
                return
            withheld = self._is_withheld(due)
            refusal = Refused(error_of(error.code, permanent=True), permanent=True, everywhere=withheld)
            detail = f"{error.detail} {NOT_AROUND}" if withheld else error.detail
            await self._settle(due, attempt_id, refusal, detail)
            return
        await self._room.carried(due, attempt_id, admitted.message.id)

    def _is_withheld(self, due: Due) -> bool:
        """Say whether a text that was never admitted is one that no other channel may go around (rules CNT-2)."""
        if not due.has_next:
            return False
        try:
            held = self._admission.composer.words(due.content.letter, due.sms.purpose, _caller(due.sender))
        except GatewayError:
            return True
        return held is not None

    async def _overdue(self, due: Due) -> None:
        """Go on to the next channel; a text that can still be taken back is taken back first."""
        attempt_id = due.attempt_id or new_id()
        once = _once(due)
        message_id = due.message_id
        if message_id is None and due.channel == "sms":
            message_id = await self._room.admitted_before(once.scope, once.key)
            if message_id is not None:
                # First of all: a text that is taken back ends what it is known to carry.
                await self._room.carried(due, attempt_id, message_id)
        error = error_of("expired")
        if message_id is None:
            out = due.status == "in_doubt"
            withheld = due.channel == "sms" and self._is_withheld(due)
            overdue = Overdue(None if out else error, everywhere=withheld)
            await self._settle(due, attempt_id, overdue, NOT_AROUND if withheld else None)
            return
        message = await self._taken_back(View(due.sender.tenant), message_id)
        if message is not None and verdict_of(message.state, None) == Reached("delivered"):
            await self._settle(due, attempt_id, Reached("delivered"))
            return
        ended = message is None or message.state is MessageState.CANCELLED
        await self._settle(due, attempt_id, Overdue(error if ended else None))

    async def _taken_back(self, view: View, message_id: str) -> Message | None:
        """Cancel a text if nothing of it can be on air; gives it as it then is, None when retention took it."""
        try:
            return await self._store.change(view, message_id, Happening.CANCEL, "gateway")
        except Conflict:
            return await self._store.message(view, message_id)
        except NotFound:
            return None

    async def _follow(self) -> None:
        """Take over what becomes of texts."""
        after: int | None = None
        while True:
            self._events.clear()
            try:
                moved = await self._room.follow_messages(after, FOLLOW_ROWS)
            except StoreUnavailable as error:
                log.warning("notifications.wait_for_store", reason=str(error))
                await asyncio.sleep(STORE_RETRY_S)
                continue
            except Exception:  # what one text meets must not take channels and letters along
                log.exception("notifications.follow_failed")
                await asyncio.sleep(STORE_RETRY_S)
                continue
            after = moved.up_to
            if not moved.more:
                await self._events.wait()
                await asyncio.sleep(FOLLOW_PAUSE_S)


def _draft(due: Due) -> MessageDraft:
    valid_for_s = None
    if due.has_next and due.fallback_after_s is not None:
        # The next channel takes over then: a text that arrives later would tell the person twice.
        valid_for_s = min(max(due.fallback_after_s, VALID_MIN_S), VALID_MAX_S)
    return MessageDraft(
        to=due.recipient.phone or "",
        text=due.content.body,
        valid_for_s=valid_for_s,
        priority=due.sms.priority,
        purpose=due.sms.purpose,
        reference=due.sms.reference,
        tags=due.sms.tags,
    )


def _caller(sender: Sender) -> Caller:
    return Caller(sender.key_id, sender.name, sender.tenant, frozenset(sender.scopes), sender.sandbox)


def _once(due: Due) -> IdempotencyKey:
    """The key under which admission knows this try again after a crash between its commit and ours."""
    return IdempotencyKey(f"{due.sender.tenant} notification", f"{due.id}:{due.step}", "")


def _verdict(outcome: Outcome) -> Verdict:
    if isinstance(outcome, Sent):
        return Reached("sent")
    if isinstance(outcome, NotAccepted):
        error = error_of(outcome.code, reply=outcome.reply, permanent=outcome.permanent)
        return Refused(error, permanent=outcome.permanent)
    return Doubtful(error_of("channel_in_doubt"))


def _fields(due: Due) -> Mapping[str, str]:
    return {"notification_id": due.id, "channel": due.channel}


def _log(due: Due, outcome: Outcome) -> None:
    said = {**_fields(due), "tries": due.tries + 1}
    if isinstance(outcome, Sent):
        log.info("notification.sent", **said)
    elif isinstance(outcome, NotAccepted):
        log.warning("notification.not_accepted", **said, permanent=outcome.permanent, reply=outcome.reply)
    else:
        log.warning("notification.in_doubt", **said)
