"""What received texts make, carried out: a real store and admission, a real mail server and receiver.

Time stands still unless a test moves it; what is waited for is a state, never a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from standardwebhooks import Webhook

from gateway.admission import Admission, AdmissionSettings
from gateway.channels.smtp import SmtpOutlet, SmtpSettings
from gateway.clock import SystemClock
from gateway.draft import Caller
from gateway.inbound_actions import RETRY_S, InboundActionLoop, InboundWays
from gateway.lifecycle import Happening
from gateway.message import Inbound, Message
from gateway.policy.inbound_rules import Answer, Forward, InboundAction, InboundRule, InboundRules, Mail, Post
from gateway.policy.keywords import Keywords, KeywordSettings
from gateway.policy.rules import Rules
from gateway.store.inbound_rows import ActionTaken
from gateway.store.people_rows import ContactCard, Wish
from gateway.store.plan_rows import TemplateContent
from gateway.store.rows import IdempotencyKey, LineRow, MessageFilter
from gateway.webhooks.networks import TargetRules
from gateway.webhooks.post import Poster
from gateway.webhooks.settings import WebhookSettings
from tests.integration.webhooks_bench import Receiver, listening, status
from tests.peers.looking import eventually
from tests.peers.mail_peer import MailPeer, mail_server
from tests.peers.store_away import TakesTheStoreAlong
from tests.peers.store_world import ALICE, LIVE, HandClock, World, deliver, world

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # gitleaks:allow - a secret of tests
BOB = "+447700900456"
_seconds = itertools.count()


@dataclass
class Desk:
    """A world in which received texts are answered; ``mail`` is the mail server, ``web`` a receiver of posts."""

    w: World
    line: LineRow
    mail: MailPeer
    web: Receiver
    ways: InboundWays

    def loop(self) -> InboundActionLoop:
        admission = Admission(self.w.store, AdmissionSettings(), self.w.clock)
        return InboundActionLoop(self.w.store, admission, self.w.clock, self.ways)

    @asynccontextmanager
    async def carrying(self) -> AsyncIterator[Callable[[float], None]]:
        """Carry out; gives what moves the clock."""
        task = asyncio.create_task(self.loop().run())
        try:
            yield self.w.clock.pass_s
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def came(self, words: str, sender: str = ALICE, line: LineRow | None = None) -> Inbound:
        got = await self.w.receive(
            line or self.line, deliver(words, self.w.now_ms + next(_seconds) * 1000, sender=sender)
        )
        assert got is not None
        return got

    async def actions(self, inbound: Inbound) -> tuple[ActionTaken, ...]:
        return await self.w.store.inbound_actions.of(LIVE, inbound.id)

    async def ended(self, inbound: Inbound, count: int = 1) -> list[tuple[str, str, str | None]]:
        """Wait until so many pieces of work are over."""

        async def look() -> list[tuple[str, str, str | None]] | None:
            taken = await self.actions(inbound)
            over = [one for one in taken if one.state not in ("pending", "sending")]
            return [(one.kind, one.state, one.reason) for one in taken] if len(over) == count else None

        return await eventually(look)

    async def waits(self, inbound: Inbound, attempts: int) -> str | None:
        """Wait until the first piece of work was tried so often; returns why it is tried again."""

        async def look() -> ActionTaken | None:
            (one,) = await self.actions(inbound)
            return one if one.attempts == attempts and one.state == "pending" else None

        return (await eventually(look)).reason

    async def texts(self) -> tuple[Message, ...]:
        return (await self.w.store.messages(LIVE, MessageFilter(), 100, None)).items


Make = Callable[..., Awaitable[Desk]]


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What falls due when a test moves the clock is noticed at once."""
    monkeypatch.setattr("gateway.errands.LOOK_MAX_S", 0.05)


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Open a desk with one rule of these actions; the URL of a request becomes that of the desk's own receiver."""
    async with AsyncExitStack() as stack:

        async def opened(
            *actions: InboundAction, targets: TargetRules | None = None, max_queued: int = 1000
        ) -> Desk:
            mail = await stack.enter_async_context(mail_server(MailPeer()))
            receiver = await stack.enter_async_context(listening(Receiver()))
            settings = WebhookSettings(request_timeout_s=2.0, targets=targets or TargetRules())
            poster = await stack.enter_async_context(Poster(settings))
            own = [replace(a, url=receiver.url) if isinstance(a, Post) else a for a in actions]
            rules = Rules(
                keywords=Keywords(KeywordSettings()),
                confirm=True,
                sender_name="Hill School",
                inbound=InboundRules([InboundRule("the rule", tuple(own))]) if own else None,
            )
            # What receivers verify must be of now.
            clock = HandClock(SystemClock().now_ms())
            opening = world(tmp_path / "gateway.db", clock=clock, rules=rules, max_queued=max_queued)
            w = await stack.enter_async_context(opening)
            smtp = SmtpSettings("127.0.0.1", mail.port, "office@school.example", tls="none", timeout_s=5.0)
            ways = InboundWays(poster, {receiver.url: (SECRET,)}, SmtpOutlet(smtp))
            return Desk(w, await w.line(label="Office"), mail, receiver, ways)

        yield opened


# ------------------------------------------------------------------ answers


async def test_OPT_6_a_confirmation_goes_from_its_line_to_the_number_that_is_suppressed(make: Make) -> None:
    desk = await make()
    await desk.w.line("b")
    async with desk.carrying():
        inbound = await desk.came("STOP")
        assert await desk.ended(inbound) == [("confirm", "done", None)]
    (text,) = await desk.texts()
    assert (text.to, text.line, text.passes) == (ALICE, desk.line.id, "reply")
    assert text.text == "Hill School: You will get no more messages. To return, reply START."
    assert text.expires_at_ms == desk.w.now_ms + 300_000
    assert (await desk.actions(inbound))[0].message_id == text.id
    attempt = await desk.w.take(desk.line)
    assert attempt.work.message.id == text.id


async def test_OPT_6_a_confirmation_that_cannot_go_within_five_minutes_never_goes(make: Make) -> None:
    desk = await make()
    inbound = await desk.came("STOP")
    desk.w.clock.pass_s(301)
    async with desk.carrying():
        assert await desk.ended(inbound) == [("confirm", "failed", "too_late")]
    assert await desk.texts() == ()


async def test_OPT_6_what_was_admitted_before_a_crash_is_found_again_however_late(make: Make) -> None:
    desk = await make()
    inbound = await desk.came("STOP")
    loop = desk.loop()
    (due,) = await desk.w.store.inbound_actions.due("text", 1)
    assert due.detail is not None
    caller = Caller("system", "system", "default", frozenset({"*"}))
    draft = await loop._draft(due, due.detail)
    admission = Admission(desk.w.store, AdmissionSettings(), desk.w.clock)
    await admission.admit(draft, caller, IdempotencyKey("default inbound", due.id, ""))
    for late_s in (0, 600):
        desk.w.clock.pass_s(late_s)
        async with desk.carrying():
            assert await desk.ended(inbound) == [("confirm", "done", None)]
        assert len(await desk.texts()) == 1


async def test_an_answer_is_tried_again_while_the_queue_is_full(make: Make) -> None:
    desk = await make(Answer("We open at nine."), max_queued=1)
    waiting = await desk.w.admit(to=BOB)
    async with desk.carrying() as pass_s:
        inbound = await desk.came("hello")
        assert await desk.waits(inbound, 1) == "queue_full"
        await desk.w.store.change(LIVE, waiting.id, Happening.CANCEL, "key")
        pass_s(RETRY_S["text"][0])
        assert await desk.ended(inbound) == [("answer", "done", None)]
    text, _ = await desk.texts()
    assert (text.text, text.line, text.passes) == ("We open at nine.", desk.line.id, None)


async def test_an_answer_of_a_rule_does_not_pass_an_opt_out(make: Make) -> None:
    desk = await make(Answer("We open at nine."))
    await desk.w.store.suppressions.add(Wish("default", ALICE, "letter"))
    async with desk.carrying():
        assert await desk.ended(await desk.came("hello")) == [("answer", "failed", "recipient_opted_out")]


async def test_an_answer_comes_from_a_template_in_the_readers_language(make: Make) -> None:
    desk = await make(Answer(template="hours"))
    texts = {"en": "{line}: open at nine, {from}.", "fr": "{line} : ouvert à neuf heures, {from}."}
    content = TemplateContent(name="hours", texts=texts, default_language="en")
    await desk.w.store.templates.add("default", content, "key", sandbox=False)
    await desk.w.store.contacts.add(LIVE, ContactCard(number=BOB, language="fr"))
    async with desk.carrying():
        await desk.ended(await desk.came("hello"))
        await desk.ended(await desk.came("bonjour", BOB))
    assert {text.text for text in await desk.texts()} == {
        f"Office: open at nine, {ALICE}.",
        f"Office : ouvert à neuf heures, {BOB}.",
    }


async def test_an_answer_whose_template_is_gone_says_so(make: Make) -> None:
    desk = await make(Answer(template="hours"))
    async with desk.carrying():
        assert await desk.ended(await desk.came("hello")) == [("answer", "failed", "template_not_found")]


async def test_KEY_7_what_came_in_the_sandbox_texts_nobody_real(make: Make) -> None:
    desk = await make(Forward(BOB))
    emulated = await desk.w.line("e", emulated=True, pools=("sandbox",))
    async with desk.carrying():
        inbound = await desk.came("hello", "+99900000001", emulated)
        assert await desk.ended(inbound) == [("forward", "failed", "sandbox_only")]
    assert await desk.texts() == ()


# ------------------------------------------------------------------ forward


async def test_a_text_is_sent_on_with_the_number_of_who_wrote_it(make: Make) -> None:
    desk = await make(Forward(BOB))
    async with desk.carrying():
        assert await desk.ended(await desk.came("the gate is open")) == [("forward", "done", None)]
    (text,) = await desk.texts()
    assert (text.to, text.text, text.passes) == (BOB, f"{ALICE}: the gate is open", None)


async def test_a_long_text_is_sent_on_whole(make: Make) -> None:
    desk = await make(Forward(BOB))
    words = "part " * 12
    async with desk.carrying():
        for number in range(1, 10):
            got = await desk.w.receive(desk.line, deliver(words, desk.w.now_ms, concat=(5, 9, number)))
        assert got is not None
        assert await desk.ended(got) == [("forward", "done", None)]
    (text,) = await desk.texts()
    assert text.text == f"{ALICE}: {words * 9}"


# ------------------------------------------------------------------ requests


def replies(body: Any, code: int = 200) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        octets = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(status=code, body=octets, content_type="application/json")

    return answer


async def test_a_webhook_gets_the_text_signed_and_its_answer_is_sent_back(make: Make) -> None:
    desk = await make(Post("own", reply=True))
    desk.web.answer = replies({"reply": "Your table is booked.", "more": 1})
    async with desk.carrying():
        inbound = await desk.came("table for two")
        assert await desk.ended(inbound, 2) == [("webhook", "done", None), ("answer", "done", None)]
    received = await desk.web.next()
    payload = Webhook(SECRET).verify(received.body, dict(received.headers))
    assert payload["type"] == "message.received"
    assert payload["data"]["text"] == "table for two"
    assert (payload["data"]["from"], payload["data"]["id"]) == (ALICE, inbound.id)
    assert payload["data"]["rule"] == "the rule"
    (text,) = await desk.texts()
    assert (text.to, text.text, text.line) == (ALICE, "Your table is booked.", desk.line.id)


async def test_without_reply_nothing_that_a_webhook_says_is_sent(make: Make) -> None:
    desk = await make(Post("own"))
    desk.web.answer = replies({"reply": "no"})
    async with desk.carrying():
        assert await desk.ended(await desk.came("hello")) == [("webhook", "done", None)]
    assert await desk.texts() == ()


@pytest.mark.parametrize(
    "body",
    [b"", b"ok", b"[]", {"reply": 5}, {"reply": ""}, {"reply": "x" * 1601}, {"reply": None}, {}, b"x" * 5000,
     b'{"reply": "' + b"y" * 5000 + b'"}', b"\xff\xfe"],
)  # fmt: skip
async def test_an_answer_that_is_no_reply_is_none(make: Make, body: Any) -> None:
    desk = await make(Post("own", reply=True))
    desk.web.answer = replies(body)
    async with desk.carrying():
        assert await desk.ended(await desk.came("hello")) == [("webhook", "done", "no_reply")]
    assert await desk.texts() == ()


async def test_OPT_6_a_bot_and_an_auto_responder_stop_after_three_answers(make: Make) -> None:
    desk = await make(Post("own", reply=True))
    desk.web.answer = replies({"reply": "I am a machine."})
    async with desk.carrying():
        for _ in range(3):
            await desk.ended(await desk.came("So am I."), 2)
        last = await desk.ended(await desk.came("So am I."), 2)
    assert last == [("webhook", "done", None), ("answer", "skipped", "limit")]
    assert len(await desk.texts()) == 3


async def test_a_receiver_that_is_down_is_asked_again_under_the_same_id(make: Make) -> None:
    desk = await make(Post("own", reply=True))
    desk.web.answer = status(503)
    async with desk.carrying() as pass_s:
        inbound = await desk.came("hello")
        assert await desk.waits(inbound, 1) == "http_503"
        desk.web.answer = replies({"reply": "back again"})
        pass_s(RETRY_S["webhook"][0])
        assert len(await desk.ended(inbound, 2)) == 2
    assert len({received.headers["webhook-id"] for received in desk.web.got}) == 1
    assert len(desk.web.got) == 2


async def test_a_receiver_that_never_comes_back_is_given_up(make: Make) -> None:
    desk = await make(Post("own"))
    desk.web.answer = status(500)
    waits_s = RETRY_S["webhook"]
    async with desk.carrying() as pass_s:
        inbound = await desk.came("hello")
        for tried, wait_s in enumerate(waits_s, start=1):
            assert await desk.waits(inbound, tried) == "http_500"
            pass_s(wait_s)
        assert await desk.ended(inbound) == [("webhook", "failed", "http_500")]
    assert len(desk.web.got) == len(waits_s) + 1


async def test_SSRF_1_a_target_that_must_not_be_asked_is_not(make: Make) -> None:
    desk = await make(Post("own"), targets=TargetRules(own_ports=frozenset(range(1, 65536))))
    async with desk.carrying():
        assert await desk.ended(await desk.came("hello")) == [("webhook", "failed", "target_refused")]
    assert desk.web.got == []


async def test_a_url_that_no_rule_names_any_more_gets_nothing(make: Make) -> None:
    desk = await make(Post("own"))
    desk.ways = replace(desk.ways, secrets={})
    async with desk.carrying():
        assert await desk.ended(await desk.came("hello")) == [("webhook", "skipped", "rule_gone")]
    assert desk.web.got == []


# ------------------------------------------------------------------ letters


async def test_a_text_arrives_as_a_letter(make: Make) -> None:
    desk = await make(Mail("head@school.example"))
    async with desk.carrying():
        assert await desk.ended(await desk.came("Bcc: eve@example.net\nhello")) == [("email", "done", None)]
    (mail,) = desk.mail.got
    assert mail.recipients == ["head@school.example"]
    assert mail.message["Subject"] == f"SMS from {ALICE}"
    assert mail.message["Bcc"] is None
    body = mail.message.get_content().replace("\r\n", "\n")
    assert body.startswith("Bcc: eve@example.net\nhello\n")
    assert f"From {ALICE} to Office, " in body


async def test_a_letter_that_the_server_does_not_take_now_goes_later(make: Make) -> None:
    desk = await make(Mail("head@school.example"))
    desk.mail.rcpt = "450 try later"
    async with desk.carrying() as pass_s:
        inbound = await desk.came("hello")
        assert await desk.waits(inbound, 1) == "channel_unreachable"
        desk.mail.rcpt = "250 OK"
        pass_s(RETRY_S["email"][0])
        assert await desk.ended(inbound) == [("email", "done", None)]
    assert len(desk.mail.got) == 1


async def test_a_refusal_that_cannot_be_written_down_at_once_is_written_when_the_store_is_back(
    make: Make,
) -> None:
    desk = await make(Mail("head@school.example"))
    desk.mail.answer = "452 disk is full"
    assert desk.ways.email is not None
    outlet = TakesTheStoreAlong(desk.ways.email, desk.w.path)
    desk.ways = replace(desk.ways, email=outlet)
    inbound = await desk.came("hello")
    with structlog.testing.capture_logs() as logs:
        async with desk.carrying():

            async def tried_in_vain() -> bool | None:
                return any(line["event"] == "inbound.outcome_waits" for line in logs) or None

            await eventually(tried_in_vain)
            outlet.give_back()
            assert await desk.waits(inbound, 1) == "channel_unreachable"


async def test_a_letter_that_the_server_refuses_is_given_up(make: Make) -> None:
    desk = await make(Mail("head@school.example"))
    desk.mail.rcpt = "550 nobody here"
    async with desk.carrying():
        assert await desk.ended(await desk.came("hello")) == [("email", "failed", "channel_refused")]


async def test_a_letter_that_may_be_out_never_goes_again(make: Make) -> None:
    desk = await make(Mail("head@school.example"))
    desk.mail.hangs_up = "data"
    async with desk.carrying():
        assert await desk.ended(await desk.came("hello")) == [("email", "failed", "in_doubt")]
    assert desk.mail.read == 1


async def test_a_letter_that_was_on_its_way_at_a_crash_is_in_doubt(make: Make) -> None:
    desk = await make(Mail("head@school.example"))
    inbound = await desk.came("hello")
    (due,) = await desk.w.store.inbound_actions.due("email", 1)
    await desk.w.store.inbound_actions.begin(due)
    async with desk.carrying():
        assert await desk.ended(inbound) == [("email", "failed", "in_doubt")]
    assert desk.mail.read == 0


async def test_without_a_mail_server_a_letter_says_so(make: Make) -> None:
    desk = await make(Mail("head@school.example"))
    desk.ways = replace(desk.ways, email=None)
    async with desk.carrying():
        assert await desk.ended(await desk.came("hello")) == [("email", "failed", "channel_unavailable")]


async def test_KEY_7_the_sandbox_writes_to_addresses_for_trying_things_out_only(make: Make) -> None:
    desk = await make(Mail("head@school-of-hill.com"), Mail("head@example.org"))
    emulated = await desk.w.line("e", emulated=True)
    async with desk.carrying():
        inbound = await desk.came("hello", "+99900000001", emulated)
        assert await desk.ended(inbound, 2) == [("email", "skipped", "sandbox_only"), ("email", "done", None)]


# ------------------------------------------------------------------ together


async def test_a_webhook_that_hangs_keeps_no_confirmation_waiting(make: Make) -> None:
    desk = await make(Post("own"))
    held = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        with contextlib.suppress(asyncio.CancelledError):
            await held.wait()
        return web.Response()

    desk.web.answer = hang
    async with desk.carrying():
        for number in range(20):
            await desk.came("hello", f"+4477009{number:05d}")
        stop = await desk.came("STOP")

        async def confirmed() -> bool | None:
            taken = await desk.actions(stop)
            return True if taken[0].state == "done" else None

        await eventually(confirmed)
        held.set()


async def test_a_damaged_answer_is_not_sent(make: Make) -> None:
    desk = await make(Answer("hello"))
    inbound = await desk.came("hi")

    def damage(tx: Any) -> None:
        cut = "UPDATE inbound_action SET detail = substr(CAST(detail AS BLOB), 1, length(detail) - 1)"
        tx._conn.execute(cut)

    await desk.w.store._write(damage)
    async with desk.carrying():
        assert await desk.ended(inbound) == [("answer", "failed", "damaged")]
    assert await desk.texts() == ()
