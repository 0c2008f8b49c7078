"""Owns the loop that carries letters about alerts and messages out, each once.

Knows no SQL and no words. A letter is written down before the octet that can deliver it and never repeated after that;
a text goes through admission under a key of its own; a request to a URL repeats under the same id.
Source: W2 (the same order as on air); Standard Webhooks 1.0.0 (same id on every try).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from gateway.admission import Admission
from gateway.channels.apprise_outlet import AppriseOutlet
from gateway.channels.letter import TAKEN_BACK, Letter, Outlet, Sent, Unknown
from gateway.clock import Clock
from gateway.draft import Caller, MessageDraft
from gateway.errands import ErrandKind, Errands, EventNames, write_outcome
from gateway.errors import GatewayError
from gateway.policy.number import SANDBOX_PREFIX
from gateway.store.alert_rows import OWN_KEY, DueLetter, Ended, LetterContent, Way
from gateway.store.protocol import Store, StoreUnavailable
from gateway.store.rows import Event, IdempotencyKey, LineRow
from gateway.webhooks.body import body_of
from gateway.webhooks.post import Poster
from gateway.webhooks.schedule import GONE
from gateway.webhooks.signing import signed_headers

log = structlog.get_logger(__name__)

SLOTS = 16
LETTER_RETRY_S = (30, 120, 600, 1_800, 3_600, 3_600, 3_600, 3_600, 3_600)
"""Nearly the six hours for which an alert is worth a letter."""
RETRY_S: Mapping[Way, tuple[int, ...]] = {
    "email": LETTER_RETRY_S,
    "apprise": LETTER_RETRY_S,
    "webhook": (5, 60, 300, 1_800, 7_200, 18_000),
    "sms": (15, 30, 60),
}
"""Waits between tries; a text goes on with the last one until it is too late, the others end."""
PRIORITY = 9
TEXT_VALID_MIN_S = 60
EVENTS = EventNames(
    store_away="letters.wait_for_store",
    waits="letter.waits_for_store",
    failed="letter.failed",
    outcome_waits="letter.outcome_waits",
)

_NOT_NOW = frozenset({"queue_full", "no_line_available", "quota_exhausted", "recipient_limit"})


@dataclass(frozen=True, slots=True)
class LetterWays:
    """How letters go out. ``poster`` is open already; ``secrets`` sign requests about messages, () = not signed.

    ``email`` None: no mail server is configured. ``sms_line`` names the line that alerts go by: its id, ICCID, number
    or label.
    """

    poster: Poster
    secrets: tuple[str, ...] = ()
    email: Outlet | None = None
    sms_line: str | None = None


class LetterCarrier:
    """Carries out what the store has due. ``run`` until its task is cancelled."""

    def __init__(self, store: Store, admission: Admission, clock: Clock, ways: LetterWays) -> None:
        self._room = store.letters
        self._admission = admission
        self._clock = clock
        self._ways = ways
        kind = ErrandKind(self._due, self._carry_out, EVENTS, _fields)
        self._errands = Errands(kind, store.signal("letters"), clock, SLOTS)

    async def run(self) -> None:
        """Take up what the last run left, then work until cancelled."""
        doubtful = await self._room.recover()
        if doubtful:
            log.warning("letters.in_doubt_after_restart", count=doubtful)
        await self._errands.run()

    async def carry(self) -> None:
        """Carry out what is due now, and wait for its end."""
        await self._errands.run_due()

    async def _due(self, limit: int) -> tuple[tuple[DueLetter, ...], int | None]:
        return await self._room.due(limit), await self._room.next_at_ms()

    async def _carry_out(self, letter: DueLetter) -> None:
        content = letter.content
        if content is None:
            log.error("letter.damaged", letter_id=letter.id, hint="its stored words were changed")
            await self._end(letter, Ended("failed", "damaged"))
        elif self._clock.now_ms() > letter.until_ms:
            await self._end(letter, Ended("failed", "too_late"))
        elif letter.way == "sms":
            await self._text(letter, content)
        elif letter.way == "webhook":
            await self._request(letter, content)
        else:
            await self._hand_over(letter, content)

    async def _end(self, letter: DueLetter, ended: Ended) -> None:
        await write_outcome(lambda: self._room.end(letter, ended), EVENTS, _fields(letter))
        _log(letter, ended)

    async def _later(self, letter: DueLetter, reason: str) -> None:
        waits = RETRY_S[letter.way]
        if letter.attempts >= len(waits) and letter.way != "sms":
            await self._end(letter, Ended("failed", reason))
            return
        wait_s = waits[min(letter.attempts, len(waits) - 1)]
        log.info("letter.again", letter_id=letter.id, way=letter.way, reason=reason, wait_s=wait_s)
        due_at_ms = self._clock.now_ms() + wait_s * 1000
        await write_outcome(lambda: self._room.later(letter, reason, due_at_ms), EVENTS, _fields(letter))

    # ------------------------------------------------------------------ by SMS

    async def _text(self, letter: DueLetter, content: LetterContent) -> None:
        caller = Caller(OWN_KEY, OWN_KEY, letter.tenant, frozenset({"*"}))
        lines = await self._admission.line_book.lines(letter.tenant)
        line = _line_for(letter, content, lines, self._ways.sms_line)
        if line is None:
            await self._later(letter, "no_other_line")
            return
        draft = MessageDraft(
            to=content.to,
            text=content.body,
            line=line.id,
            max_parts=1,
            priority=PRIORITY,
            purpose="urgent",
            tags={"alert": letter.topic},
            valid_for_s=max((letter.until_ms - self._clock.now_ms()) // 1000, TEXT_VALID_MIN_S),
        )
        try:
            admitted = await self._admission.admit(draft, caller, _once(letter))
        except GatewayError as error:
            if error.code == "storage_unavailable":
                raise StoreUnavailable(error.detail) from None
            if error.code in _NOT_NOW:
                await self._later(letter, error.code)
                return
            log.warning("letter.text_refused", letter_id=letter.id, code=error.code, reason=error.detail)
            await self._end(letter, Ended("failed", error.code))
            return
        await self._end(letter, Ended("done", carried_by=admitted.message.id))

    # ------------------------------------------------------------------ by HTTP

    async def _request(self, letter: DueLetter, content: LetterContent) -> None:
        now_ms = self._clock.now_ms()
        body = body_of(_event(letter, content, now_ms))
        headers = {"webhook-id": letter.id}
        if self._ways.secrets:
            headers = signed_headers(self._ways.secrets, letter.id, now_ms, body)
        answer = await self._ways.poster.post(content.to, headers, body)
        if answer.delivered:
            await self._end(letter, Ended("done"))
        elif answer.refused or answer.status == GONE:
            reason = "webhook_target_refused" if answer.refused else "http_410"
            log.warning("letter.request_refused", letter_id=letter.id, reason=answer.error)
            await self._end(letter, Ended("failed", reason))
        else:
            await self._later(letter, f"http_{answer.status}" if answer.status else "no_answer")

    # ------------------------------------------------------------------ by e-mail and apprise

    async def _hand_over(self, letter: DueLetter, content: LetterContent) -> None:
        outlet = self._ways.email if letter.way == "email" else AppriseOutlet((content.to,))
        if outlet is None:
            await self._end(letter, Ended("failed", "channel_unavailable"))
            return
        written = _written(letter, content, self._clock.now_ms())
        outcome = await outlet.send(written, lambda: self._room.begin(letter))
        if outcome is TAKEN_BACK:
            return
        if isinstance(outcome, Sent):
            await self._end(letter, Ended("done"))
        elif isinstance(outcome, Unknown):
            log.warning("letter.in_doubt", letter_id=letter.id, way=letter.way, reason=outcome.detail)
            await self._end(letter, Ended("failed", "in_doubt"))
        else:
            log.warning("letter.not_accepted", letter_id=letter.id, way=letter.way, reason=outcome.detail)
            if outcome.permanent:
                await self._end(letter, Ended("failed", outcome.code))
            else:
                await self._later(letter, outcome.code)


def _fields(letter: DueLetter) -> Mapping[str, str]:
    return {"letter_id": letter.id, "way": letter.way}


def _line_for(
    letter: DueLetter, content: LetterContent, lines: tuple[LineRow, ...], wanted: str | None
) -> LineRow | None:
    """Choose the line that tells: the one that is set, else any other; never one that cannot, or the alert's own."""
    emulated = content.to.startswith(SANDBOX_PREFIX)
    able = [
        line
        for line in lines
        if line.id != letter.line
        and line.emulated == emulated
        and line.state == "up"
        and not line.paused
        and line.held_until_ms is None
    ]
    named = [line for line in able if wanted is not None and _is_called(line, wanted)]
    return next(iter((*named, *able)), None)


def _is_called(line: LineRow, name: str) -> bool:
    return name in (line.id, line.iccid, line.number) or (line.label or "").casefold() == name.casefold()


def _once(letter: DueLetter) -> IdempotencyKey:
    """The key under which admission knows this text again after a crash between its commit and ours."""
    return IdempotencyKey(f"{letter.tenant} alert", letter.id, "")


def _event(letter: DueLetter, content: LetterContent, now_ms: int) -> Event:
    return Event(
        seq=0,
        id=letter.id,
        tenant=letter.tenant,
        type=content.type or "policy.alert",
        at_ms=now_ms,
        message_id=None,
        sandbox=False,
        payload={**(content.payload or {}), "notice": content.body},
    )


def _written(letter: DueLetter, content: LetterContent, now_ms: int) -> Letter:
    return Letter(
        id=letter.id,
        notification_id=letter.id,
        to=content.to,
        subject=content.subject,
        body=content.body,
        html=None,
        at_ms=now_ms,
    )


def _log(letter: DueLetter, ended: Ended) -> None:
    said = {"letter_id": letter.id, "way": letter.way, "topic": letter.topic}
    if ended.state == "done":
        log.info("letter.done", **said, message=ended.carried_by)
    else:
        log.warning("letter.ended", **said, reason=ended.reason)
