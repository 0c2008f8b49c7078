"""Owns the loop that carries out what received texts made: answers, copies to others, requests to webhooks.

Knows no SQL and no rule. Every text goes through admission under a key of its own, so that a crash makes no second one;
a request repeats under the same id; a letter is written down before the octet that can deliver it, and never repeated.
Source: rules OPT-6; W2 (the same order as on air); Standard Webhooks 1.0.0 (same id on every try).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.admission import Admission
from gateway.channels.address import is_reserved
from gateway.channels.letter import TAKEN_BACK, Letter, Outlet, Sent, Unknown
from gateway.clock import Clock
from gateway.draft import Caller, MessageDraft
from gateway.errands import ErrandKind, Errands, EventNames, write_outcome
from gateway.errors import GatewayError
from gateway.policy.placeholders import PlaceholderError, parse
from gateway.representation import inbound_json, rfc3339
from gateway.store.inbound_effects import ANSWER_WITHIN_MS, answer_values
from gateway.store.inbound_rows import LANES, ActionDetail, DueAction, Finished, InboundLane, NewAction
from gateway.store.protocol import NotFound, Store, StoreUnavailable
from gateway.store.rows import Event, IdempotencyKey, View
from gateway.webhooks.body import body_of
from gateway.webhooks.post import Poster
from gateway.webhooks.schedule import GONE, Answer
from gateway.webhooks.signing import signed_headers

log = structlog.get_logger(__name__)

SLOTS: Mapping[InboundLane, int] = {"text": 16, "webhook": 8, "email": 2}
"""At once: a webhook may take 15 s to answer, and no confirmation waits for it."""
RETRY_S: Mapping[InboundLane, tuple[int, ...]] = {
    "text": (2, 5, 15, 30, 60),
    "webhook": (5, 60, 300, 1_800, 7_200, 18_000),
    "email": (30, 120, 600, 1_800, 7_200, 14_400),
}
"""Waits between tries; a text goes on with the last one until it is too late, the others end."""
EVENTS = EventNames(
    store_away="inbound.actions_wait_for_store",
    waits="inbound.action_waits_for_store",
    failed="inbound.action_failed",
    outcome_waits="inbound.outcome_waits",
)
PARTS_MAX = 255
REPLY_CHARACTERS_MAX = 1_600
CONFIRMATION_PRIORITY = 9
"""Whoever said STOP reads within minutes that we heard it: no batch goes before that (rules OPT-6)."""

_NOT_NOW = frozenset({"queue_full", "no_line_available", "quota_exhausted", "recipient_limit"})
"""Refusals that say nothing about the text: it is tried again while it is worth sending."""


@dataclass(frozen=True, slots=True)
class InboundWays:
    """How received texts go on beside SMS. ``poster`` is open already; ``secrets`` sign the requests to each URL.

    ``email`` None: no mail server is configured.
    """

    poster: Poster
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    email: Outlet | None = None


class WebhookReply(BaseModel):
    """What a webhook may answer; other members are its own business."""

    model_config = ConfigDict(strict=True, extra="ignore")

    reply: Annotated[str, Field(min_length=1, max_length=REPLY_CHARACTERS_MAX)] | None = None


class InboundActionLoop:
    """Carries out what the store has due. ``run`` until its task is cancelled."""

    def __init__(self, store: Store, admission: Admission, clock: Clock, ways: InboundWays) -> None:
        self._store = store
        self._room = store.inbound_actions
        self._admission = admission
        self._clock = clock
        self._ways = ways
        self._lanes = {
            lane: Errands(self._kind(lane), store.signal("inbound_actions"), clock, SLOTS[lane])
            for lane in LANES
        }

    async def run(self) -> None:
        """Take up what the last run left, then work until cancelled."""
        doubtful = await self._room.recover()
        if doubtful:
            log.warning("inbound.letters_in_doubt_after_restart", count=doubtful)
        async with asyncio.TaskGroup() as group:
            for lane, errands in self._lanes.items():
                group.create_task(errands.run(), name=f"inbound {lane}")

    # ------------------------------------------------------------------ what is due

    def _kind(self, lane: InboundLane) -> ErrandKind[DueAction]:
        return ErrandKind(partial(self._due, lane), partial(self._carry_out, lane), EVENTS, _fields)

    async def _due(self, lane: InboundLane, limit: int) -> tuple[tuple[DueAction, ...], int | None]:
        return await self._room.due(lane, limit), await self._room.next_at_ms(lane)

    async def _carry_out(self, lane: InboundLane, action: DueAction) -> None:
        detail = action.detail
        if detail is None:
            log.error("inbound.action_damaged", action_id=action.id, hint="its stored words were changed")
            await self._finish(action, Finished("failed", "damaged"))
        elif self._clock.now_ms() > action.until_ms:
            await self._too_late(action)
        elif lane == "text":
            await self._text(action, detail)
        elif lane == "webhook":
            await self._request(action, detail)
        else:
            await self._letter(action, detail)

    async def _too_late(self, action: DueAction) -> None:
        """End what is no longer worth doing; a text that a run which ended had admitted is found again."""
        once = _once(action)
        made = await self._room.admitted_before(once.scope, once.key)
        if made is not None:
            await self._finish(action, Finished("done", message_id=made))
        else:
            await self._finish(action, Finished("failed", "too_late"))

    async def _finish(self, action: DueAction, finished: Finished) -> None:
        await write_outcome(lambda: self._room.finish(action, finished), EVENTS, _fields(action))
        _log(action, finished)

    async def _later(self, lane: InboundLane, action: DueAction, reason: str) -> None:
        waits = RETRY_S[lane]
        if action.attempts >= len(waits) and lane != "text":
            await self._finish(action, Finished("failed", reason))
            return
        wait_s = waits[min(action.attempts, len(waits) - 1)]
        log.info("inbound.action_again", action_id=action.id, kind=action.kind, reason=reason, wait_s=wait_s)
        due_at_ms = self._clock.now_ms() + wait_s * 1000
        await write_outcome(lambda: self._room.later(action, reason, due_at_ms), EVENTS, _fields(action))

    # ------------------------------------------------------------------ texts

    async def _text(self, action: DueAction, detail: ActionDetail) -> None:
        caller = Caller("system", "system", action.tenant, frozenset({"*"}), sandbox=action.emulated)
        try:
            draft = await self._draft(action, detail)
            admitted = await self._admission.admit(draft, caller, _once(action))
        except GatewayError as error:
            if error.code == "storage_unavailable":
                raise StoreUnavailable(error.detail) from None
            if error.code in _NOT_NOW:
                await self._later("text", action, error.code)
                return
            log.warning("inbound.text_refused", action_id=action.id, code=error.code, reason=error.detail)
            await self._finish(action, Finished("failed", error.code))
            return
        await self._finish(action, Finished("done", message_id=admitted.message.id))

    async def _draft(self, action: DueAction, detail: ActionDetail) -> MessageDraft:
        inbound = action.inbound
        reference = f"inbound {inbound.id}"
        if action.kind == "forward":
            return MessageDraft(
                to=detail.to or "",
                text=f"{action.sender.known_as}: {inbound.text}",
                max_parts=min(inbound.parts + 1, PARTS_MAX),
                reference=reference,
            )
        text = detail.text
        if detail.template is not None:
            text = await self._from_template(action, detail.template, detail.language)
        return MessageDraft(
            to=action.sender.known_as,
            text=text,
            line=inbound.line,
            valid_for_s=max((action.until_ms - self._clock.now_ms()) // 1000, 1),
            reference=reference,
            priority=CONFIRMATION_PRIORITY if action.kind == "confirm" else 0,
            is_reply=action.kind == "confirm",
        )

    async def _from_template(self, action: DueAction, name: str, language: str | None) -> str:
        """Raises GatewayError: ``template_not_found`` or ``template_error``."""
        try:
            template_id = await self._room.template_named(action.tenant, name)
            found = await self._store.templates.text_for(View(action.tenant), template_id, None, language)
        except NotFound:
            raise GatewayError("template_not_found", f'There is no template "{name}". Make it.') from None
        values = answer_values(action.sender, action.inbound.text or "", action.line_name)
        try:
            return parse(found.text).render(values, surplus="ignore")
        except PlaceholderError as error:
            raise GatewayError("template_error", error.detail) from None

    # ------------------------------------------------------------------ requests

    async def _request(self, action: DueAction, detail: ActionDetail) -> None:
        url = detail.to or ""
        secrets = self._ways.secrets.get(url)
        if secrets is None:
            await self._finish(action, Finished("skipped", "rule_gone"))
            return
        body = body_of(_event(action))
        headers = signed_headers(secrets, action.id, self._clock.now_ms(), body)
        answer = await self._ways.poster.post(url, headers, body)
        if answer.delivered:
            await self._answered(action, answer, reply=detail.reply)
        elif answer.refused or answer.status == GONE:
            log.warning("inbound.webhook_refused", action_id=action.id, reason=answer.error)
            await self._finish(action, Finished("failed", "target_refused" if answer.refused else "http_410"))
        else:
            await self._later("webhook", action, f"http_{answer.status}" if answer.status else "no_answer")

    async def _answered(self, action: DueAction, answer: Answer, *, reply: bool) -> None:
        text = _reply_in(answer.said) if reply else None
        if text is None:
            await self._finish(action, Finished("done", "no_reply" if reply else None))
            return
        until_ms = self._clock.now_ms() + ANSWER_WITHIN_MS
        await self._room.replied(action, NewAction("answer", ActionDetail(text), until_ms, action.rule))

    # ------------------------------------------------------------------ letters

    async def _letter(self, action: DueAction, detail: ActionDetail) -> None:
        outlet, to = self._ways.email, detail.to or ""
        if outlet is None:
            await self._finish(action, Finished("failed", "channel_unavailable"))
            return
        if action.emulated and not is_reserved(to):
            # Whoever may try things out may not reach people by it (rules KEY-7).
            await self._finish(action, Finished("skipped", "sandbox_only"))
            return
        letter = _written(action, to, self._clock.now_ms())
        outcome = await outlet.send(letter, lambda: self._room.begin(action))
        if outcome is TAKEN_BACK:
            return
        if isinstance(outcome, Sent):
            await self._finish(action, Finished("done"))
        elif isinstance(outcome, Unknown):
            log.warning("inbound.letter_in_doubt", action_id=action.id, reason=outcome.detail)
            await self._finish(action, Finished("failed", "in_doubt"))
        else:
            log.warning("inbound.letter_not_accepted", action_id=action.id, reason=outcome.detail)
            if outcome.permanent:
                await self._finish(action, Finished("failed", outcome.code))
            else:
                await self._later("email", action, outcome.code)


def _fields(action: DueAction) -> Mapping[str, str]:
    return {"action_id": action.id, "kind": action.kind}


def _once(action: DueAction) -> IdempotencyKey:
    """The key under which admission knows this text again after a crash between its commit and ours."""
    return IdempotencyKey(f"{action.tenant} inbound", action.id, "")


def _event(action: DueAction) -> Event:
    inbound = action.inbound
    return Event(
        seq=0,
        id=action.id,
        tenant=action.tenant,
        type="message.received",
        at_ms=inbound.received_at_ms,
        message_id=inbound.id,
        sandbox=action.emulated,
        payload={**inbound_json(inbound), "rule": action.rule},
    )


def _reply_in(said: bytes | None) -> str | None:
    if not said:
        return None
    try:
        return WebhookReply.model_validate_json(said).reply
    except ValidationError:
        log.warning("inbound.reply_unreadable", hint='answer {"reply": "text"}, at most 1,600 characters')
        return None


def _written(action: DueAction, to: str, now_ms: int) -> Letter:
    inbound, sender = action.inbound, action.sender.known_as
    came = f"From {sender} to {action.line_name}, {rfc3339(inbound.received_at_ms)}"
    return Letter(
        id=action.id,
        notification_id=inbound.id,
        to=to,
        subject=f"SMS from {sender}",
        body=f"{inbound.text}\n\n-- \n{came}\n",
        html=None,
        at_ms=now_ms,
    )


def _log(action: DueAction, finished: Finished) -> None:
    said = {"action_id": action.id, "kind": action.kind, "rule": action.rule, "inbound_id": action.inbound.id}
    if finished.state == "done":
        log.info("inbound.action_done", **said, message=finished.message_id)
    else:
        log.warning("inbound.action_ended", **said, state=finished.state, reason=finished.reason)
