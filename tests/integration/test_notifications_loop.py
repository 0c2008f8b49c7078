"""Notifications carried out: a real store and admission, a real mail server and receivers, texts moved by hand.

Time stands still unless a test moves it; what is waited for is a state, never a while.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web

from gateway.admission import Admission, AdmissionSettings
from gateway.channels.letter import Cleared, Letter, Outcome, Outlet
from gateway.channels.posting import WebhookOutlet
from gateway.channels.slack import SlackOutlet
from gateway.channels.smtp import SmtpOutlet, SmtpSettings
from gateway.ids import new_id
from gateway.lifecycle import Happening
from gateway.message import Message
from gateway.notification_flow import Channel
from gateway.notifications import NotificationLoop
from gateway.policy.content import ContentRule, compile_rules
from gateway.store.approvals import Decision
from gateway.store.notification_rows import (
    NewNotification,
    Notification,
    NotificationContent,
    NotificationRecipient,
    Sender,
    SmsChoices,
)
from gateway.store.people_rows import Wish
from gateway.store.rows import IdempotencyKey, LineRow, MessageFilter, StoredAnswer, View
from gateway.webhooks.post import Poster
from gateway.webhooks.settings import WebhookSettings
from tests.integration.webhooks_bench import Receiver, listening, status
from tests.peers.looking import eventually
from tests.peers.mail_peer import MailPeer, mail_server
from tests.peers.store_away import TakesTheStoreAlong
from tests.peers.store_world import ALICE, LIVE, World, world

ANSWER = StoredAnswer(202, b"{}")


@dataclass
class Desk:
    """A world in which notifications are carried out; ``mail`` is the mail server, ``web`` a receiver of posts."""

    w: World
    line: LineRow
    mail: MailPeer
    web: Receiver
    outlets: dict[Channel, Outlet]
    settings: AdmissionSettings = field(default_factory=AdmissionSettings)

    async def accept(self, *channels: Channel, **changes: Any) -> str:
        new = NewNotification(
            id=new_id(),
            sender=Sender("key", "crm", "default", ("messages:send",), sandbox=False),
            sandbox=False,
            bulk_id=None,
            recipient=NotificationRecipient(ALICE, "ann@example.org", None, self.web.url),
            content=NotificationContent("Evening", "It moved to 18:30", None),
            channels=channels,
            fallback_after_s=None,
            sms=SmsChoices(tags={"class": "5B"}, reference="ref-1"),
            created_at_ms=self.w.now_ms,
        )
        new = replace(new, **changes)
        await self.w.store.notifications.accept(new, None, ANSWER)
        return new.id

    def loop(self) -> NotificationLoop:
        admission = Admission(self.w.store, self.settings, self.w.clock)
        return NotificationLoop(self.w.store, admission, self.w.clock, self.outlets)

    @asynccontextmanager
    async def carrying(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.loop().run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def get(self, notification_id: str) -> Notification:
        return await self.w.store.notifications.get(LIVE, notification_id)

    async def until(self, notification_id: str, holds: Callable[[Notification], bool]) -> Notification:
        """Wait until something is true of a notification."""

        async def look() -> Notification | None:
            one = await self.get(notification_id)
            return one if holds(one) else None

        return await eventually(look)

    async def ends(self, notification_id: str, *attempts: tuple[str, str]) -> Notification:
        return await self.until(
            notification_id, lambda one: tuple((a.channel, a.status) for a in one.attempts) == attempts
        )

    async def texts(self) -> tuple[Message, ...]:
        return (await self.w.store.messages(LIVE, MessageFilter(), 100, None)).items

    async def text(self) -> Message:
        """The one text that was admitted."""

        async def look() -> tuple[Message, ...] | None:
            return await self.texts() or None

        (one,) = await eventually(look)
        return one


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What falls due when a test moves the clock is noticed at once."""
    monkeypatch.setattr("gateway.errands.LOOK_MAX_S", 0.05)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with (
        world(tmp_path / "gateway.db") as w,
        mail_server(MailPeer()) as mail,
        listening(Receiver()) as web,
        Poster(WebhookSettings(request_timeout_s=2.0)) as poster,
    ):
        smtp = SmtpSettings("127.0.0.1", mail.port, "office@school.example", tls="none", timeout_s=5.0)
        outlets: dict[Channel, Outlet] = {
            "email": SmtpOutlet(smtp),
            "webhook": WebhookOutlet(poster),
            "slack": SlackOutlet(poster, web.url),
        }
        yield Desk(w, await w.line(), mail, web, outlets)


async def test_a_text_is_admitted_with_all_that_was_asked_for_and_its_delivery_ends_the_notification(
    desk: Desk,
) -> None:
    notification_id = await desk.accept("sms", "email")
    async with desk.carrying():
        text = await desk.text()
        assert (text.to, text.text, text.reference) == (ALICE, "It moved to 18:30", "ref-1")
        assert text.tags == {"class": "5B"}
        await desk.ends(notification_id, ("sms", "queued"))
        await desk.w.all_sent(await desk.w.take(desk.line))
        await desk.until(notification_id, lambda one: one.state == "sent")
        await desk.w.report(desk.line, 1)
        final = await desk.until(notification_id, lambda one: one.state == "delivered")
    assert final.attempts[0].message_id == text.id
    assert desk.mail.got == []


async def test_whom_the_text_does_not_reach_gets_an_e_mail(desk: Desk) -> None:
    notification_id = await desk.accept("sms", "email")
    async with desk.carrying():
        await desk.text()
        await desk.w.all_sent(await desk.w.take(desk.line))
        await desk.w.report(desk.line, 1, st=0x45)
        final = await desk.ends(notification_id, ("sms", "failed"), ("email", "sent"))
    assert final.state == "sent"
    assert final.attempts[0].error is not None
    (mail,) = desk.mail.got
    assert mail.recipients == ["ann@example.org"]
    assert mail.message["Message-ID"] == f"<{final.attempts[1].id}@school.example>"


async def test_a_number_that_admission_refuses_falls_back_at_once_and_says_why(desk: Desk) -> None:
    nobody = NotificationRecipient("+999000000001", "ann@example.org")
    notification_id = await desk.accept("sms", "email", recipient=nobody)
    async with desk.carrying():
        final = await desk.ends(notification_id, ("sms", "failed"), ("email", "sent"))
    assert final.attempts[0].error is not None
    assert final.attempts[0].error.code == "no_line_available"
    assert await desk.texts() == ()


async def test_a_text_that_is_not_delivered_in_time_is_taken_back_before_the_next_channel_begins(
    desk: Desk,
) -> None:
    notification_id = await desk.accept("sms", "email", fallback_after_s=600)
    async with desk.carrying():
        text = await desk.text()
        await desk.ends(notification_id, ("sms", "queued"))
        assert text.expires_at_ms == desk.w.now_ms + 600_000
        desk.w.clock.pass_s(601)
        final = await desk.ends(notification_id, ("sms", "failed"), ("email", "sent"))
    assert await desk.w.state(text.id) in ("cancelled", "expired")
    assert final.state == "sent"
    assert len(desk.mail.got) == 1


async def test_a_text_that_is_on_air_when_time_is_up_stays_sent_and_may_still_be_delivered(
    desk: Desk,
) -> None:
    notification_id = await desk.accept("sms", "email", fallback_after_s=600)
    async with desk.carrying():
        text = await desk.text()
        await desk.ends(notification_id, ("sms", "queued"))
        await desk.w.all_sent(await desk.w.take(desk.line))
        await desk.until(notification_id, lambda one: one.state == "sent")
        desk.w.clock.pass_s(601)
        await desk.ends(notification_id, ("sms", "sent"), ("email", "sent"))
        assert await desk.w.state(text.id) == "sent"
        await desk.w.report(desk.line, 1)
        final = await desk.until(notification_id, lambda one: one.state == "delivered")
    assert (final.channel, final.attempts[0].status) == ("sms", "delivered")


async def test_a_mail_server_that_says_later_is_asked_later_and_one_that_says_no_is_not(desk: Desk) -> None:
    desk.mail.rcpt = "450 greylisted"
    notification_id = await desk.accept("email")
    async with desk.carrying():
        waiting = await desk.until(notification_id, lambda one: bool(one.attempts))
        assert (waiting.state, waiting.attempts[0].status, waiting.attempts[0].tries) == (
            "queued",
            "queued",
            1,
        )
        assert waiting.attempts[0].error is not None
        assert waiting.attempts[0].error.network_code == "450"
        desk.mail.rcpt = "250 OK"
        desk.w.clock.pass_s(31)
        final = await desk.ends(notification_id, ("email", "sent"))
        assert (final.attempts[0].tries, final.attempts[0].error) == (2, None)
        desk.mail.answer = "554 spam"
        refused = await desk.accept("email", "webhook")
        final = await desk.ends(refused, ("email", "failed"), ("webhook", "sent"))
    assert final.attempts[0].error is not None
    assert final.attempts[0].error.code == "channel_refused"
    assert "554 spam" in (final.attempts[0].detail or "")


async def test_a_letter_whose_answer_got_lost_is_in_doubt_and_is_never_sent_again(desk: Desk) -> None:
    desk.mail.hangs_up = "data"
    notification_id = await desk.accept("email", "webhook")
    async with desk.carrying():
        final = await desk.ends(notification_id, ("email", "in_doubt"))
        assert final.state == "failed"
        desk.w.clock.pass_s(24 * 3600)
    async with desk.carrying():
        other = await desk.accept("webhook")
        await desk.ends(other, ("webhook", "sent"))
    assert desk.mail.read == 1
    assert len(desk.web.got) == 1


async def test_a_damaged_word_about_an_earlier_try_keeps_no_notification_from_its_end(desk: Desk) -> None:
    desk.mail.answer = "554 spam"
    notification_id = await desk.accept("email", "sms")
    async with desk.carrying():
        await desk.ends(notification_id, ("email", "failed"), ("sms", "queued"))
        with closing(sqlite3.connect(desk.w.path)) as db:
            db.execute("UPDATE notification_attempt SET detail = substr(detail, 1, 20)")
            db.commit()
        await desk.w.all_sent(await desk.w.take(desk.line))
        final = await desk.until(notification_id, lambda one: one.state == "sent")
    assert [attempt.detail for attempt in final.attempts] == ["\ufffd", None]


async def test_a_text_that_cannot_be_followed_keeps_no_channel_from_its_work(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_after: int | None, _limit: int) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(desk.w.store.notifications, "follow_messages", fails)
    notification_id = await desk.accept("email")
    with structlog.testing.capture_logs() as logs:
        async with desk.carrying():
            await desk.ends(notification_id, ("email", "sent"))
    assert "notifications.follow_failed" in [line["event"] for line in logs]


async def test_slack_and_webhook_are_tried_in_the_order_that_was_asked_for(desk: Desk) -> None:
    async def slack_is_down(request: web.Request) -> web.StreamResponse:
        return web.Response(status=404 if b'"text"' in await request.read() else 204)

    desk.web.answer = slack_is_down
    notification_id = await desk.accept("slack", "webhook", "email")
    async with desk.carrying():
        final = await desk.ends(notification_id, ("slack", "failed"), ("webhook", "sent"))
    assert final.state == "sent"
    assert desk.mail.got == []


async def test_a_channel_that_lost_its_configuration_is_refused_and_the_next_takes_over(desk: Desk) -> None:
    del desk.outlets["email"]
    notification_id = await desk.accept("email", "webhook")
    async with desk.carrying():
        final = await desk.ends(notification_id, ("email", "failed"), ("webhook", "sent"))
    assert final.attempts[0].error is not None
    assert final.attempts[0].error.code == "channel_unavailable"


async def test_one_channel_that_hangs_does_not_hold_the_others(desk: Desk) -> None:
    async def never(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    desk.web.answer = never
    for _ in range(10):
        await desk.accept("webhook")
    notification_id = await desk.accept("email")
    async with desk.carrying():
        await desk.web.next()
        await desk.ends(notification_id, ("email", "sent"))


async def test_a_full_queue_is_no_failure_of_the_text(tmp_path: Path) -> None:
    async with world(tmp_path / "gateway.db", max_queued=1) as w, mail_server(MailPeer()) as mail:
        line = await w.line()
        desk = Desk(w, line, mail, Receiver(), {})
        first = await w.admit()
        notification_id = await desk.accept("sms", "email")
        async with desk.carrying():

            async def put_off() -> bool | None:
                return (await w.store.notifications.due("sms", 1)).next_at_ms != w.now_ms or None

            await eventually(put_off)
            assert (await desk.get(notification_id)).attempts == ()
            await w.store.change(LIVE, first.id, Happening.CANCEL, "key:k")
            desk.w.clock.pass_s(31)
            await desk.ends(notification_id, ("sms", "queued"))


# ------------------------------------------------------------------ words that a second person has to approve

MONEY = AdmissionSettings(content=compile_rules([ContentRule("money", "18:30", "hold")]))
CRM = AdmissionSettings(approval_keys=frozenset({"crm"}))


@pytest.mark.parametrize("settings", [MONEY, CRM], ids=["rule", "key"])
async def test_CNT_2_words_that_need_a_yes_go_by_no_other_channel_when_their_text_is_refused(
    desk: Desk, settings: AdmissionSettings
) -> None:
    desk.settings = settings
    await desk.w.store.suppressions.add(Wish("default", ALICE, "letter"))
    notification_id = await desk.accept("sms", "email")
    async with desk.carrying():
        final = await desk.until(notification_id, lambda one: one.state == "failed")
    (attempt,) = final.attempts
    assert attempt.error is not None
    assert attempt.error.code == "recipient_opted_out"
    assert "second person" in (attempt.detail or "")
    assert desk.mail.got == []


@pytest.mark.parametrize("settings", [MONEY, CRM], ids=["rule", "key"])
async def test_CNT_2_words_that_need_a_yes_go_by_no_other_channel_when_their_text_had_no_room_in_time(
    desk: Desk, settings: AdmissionSettings
) -> None:
    desk.settings = settings
    notification_id = await desk.accept("sms", "email", fallback_after_s=30)
    desk.w.clock.pass_s(31)
    async with desk.carrying():
        final = await desk.until(notification_id, lambda one: one.state == "failed")
    (attempt,) = final.attempts
    assert attempt.error is not None
    assert (attempt.status, attempt.error.code, attempt.tries) == ("failed", "expired", 0)
    assert await desk.texts() == ()
    assert desk.mail.got == []


async def test_CNT_2_a_held_text_that_a_crash_left_unrecorded_goes_by_no_other_channel_either(
    desk: Desk,
) -> None:
    desk.settings = MONEY
    notification_id = await desk.accept("sms", "email", fallback_after_s=600)
    key = IdempotencyKey("default notification", f"{notification_id}:0", "")
    first = await desk.w.admit(key=key, text="It moved to 18:30", held_reason="content:money")
    desk.w.clock.pass_s(601)
    async with desk.carrying():
        await desk.until(notification_id, lambda one: one.state == "failed")
    assert await desk.w.state(first.id) == "cancelled"
    assert desk.mail.got == []


async def test_CNT_2_a_text_that_a_person_released_may_be_followed_by_a_letter(desk: Desk) -> None:
    desk.settings = MONEY
    notification_id = await desk.accept("sms", "email")
    async with desk.carrying():
        await desk.ends(notification_id, ("sms", "queued"))
        (asked,) = (await desk.w.store.approvals.page(LIVE, None, 10, None)).items
        await desk.w.store.approvals.decide(LIVE, asked.id, Decision(True, asked.digest, "head", "head"))
        await desk.w.rejected(await desk.w.take(desk.line))
        await desk.ends(notification_id, ("sms", "failed"), ("email", "sent"))


# ------------------------------------------------------------------ what a crash leaves


class Dies(Exception):
    """The process ended here."""


class DyingOutlet:
    """An outlet in which the process ends at a step; what comes after is another life."""

    def __init__(self, inner: Outlet, *, after_clearing: bool) -> None:
        self.inner = inner
        self.after_clearing = after_clearing
        self.died = asyncio.Event()

    async def send(self, letter: Letter, cleared: Cleared) -> Outcome:
        if self.after_clearing:
            assert await cleared()
        self.died.set()
        await asyncio.Event().wait()
        raise Dies


@pytest.mark.parametrize("after_clearing", [False, True])
async def test_a_crash_before_the_text_of_a_letter_goes_on_and_after_it_leaves_doubt(
    desk: Desk, after_clearing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.errands.STOP_GRACE_S", 0.01)
    good = desk.outlets["email"]
    dying = DyingOutlet(good, after_clearing=after_clearing)
    desk.outlets["email"] = dying
    notification_id = await desk.accept("email")
    async with desk.carrying():
        await dying.died.wait()
    desk.outlets["email"] = good
    async with desk.carrying():
        final = await desk.ends(notification_id, ("email", "in_doubt" if after_clearing else "sent"))
        assert final.state == ("failed" if after_clearing else "sent")
    assert len(desk.mail.got) == (0 if after_clearing else 1)


async def test_a_crash_between_the_admission_of_a_text_and_its_record_makes_no_second_text(
    desk: Desk,
) -> None:
    notification_id = await desk.accept("sms", "email")
    # What the last life did: admitted, and died before it could write down what carries it.
    key = IdempotencyKey("default notification", f"{notification_id}:0", "")
    first = await desk.w.admit(key=key, text="It moved to 18:30")
    async with desk.carrying():
        final = await desk.ends(notification_id, ("sms", "queued"))
    assert final.attempts[0].message_id == first.id
    assert len(await desk.texts()) == 1


async def test_a_text_that_a_crash_left_unrecorded_is_taken_back_when_its_time_is_up(desk: Desk) -> None:
    notification_id = await desk.accept("sms", "email", fallback_after_s=600)
    key = IdempotencyKey("default notification", f"{notification_id}:0", "")
    first = await desk.w.admit(key=key, text="It moved to 18:30")
    desk.w.clock.pass_s(601)
    async with desk.carrying():
        await desk.ends(notification_id, ("sms", "failed"), ("email", "sent"))
    assert await desk.w.state(first.id) == "cancelled"


async def test_what_was_accepted_before_a_restart_is_carried_out_after_it_once(desk: Desk) -> None:
    ids = [await desk.accept("email") for _ in range(5)]
    for _ in range(3):
        async with desk.carrying():
            await asyncio.gather(*(desk.ends(each, ("email", "sent")) for each in ids))
    assert len(desk.mail.got) == 5
    assert len({mail.message["Message-ID"] for mail in desk.mail.got}) == 5


async def test_a_store_that_is_away_when_a_letter_was_taken_costs_no_second_letter(desk: Desk) -> None:
    notification_id = await desk.accept("email")
    outlet = TakesTheStoreAlong(desk.outlets["email"], desk.w.path)
    desk.outlets["email"] = outlet
    with structlog.testing.capture_logs() as logs:
        async with desk.carrying():

            async def tried_in_vain() -> bool | None:
                return any(line["event"] == "notification.outcome_waits" for line in logs) or None

            await eventually(tried_in_vain)
            outlet.give_back()
            await desk.ends(notification_id, ("email", "sent"))
    assert desk.mail.read == 1


async def test_another_tenants_texts_are_not_touched_by_what_is_due(desk: Desk) -> None:
    sender = Sender("key", "crm", "other", ("messages:send",), sandbox=False)
    notification_id = await desk.accept("email", sender=sender)
    async with desk.carrying():
        mine = await desk.accept("email")
        await desk.ends(mine, ("email", "sent"))

        async def sent() -> bool | None:
            theirs = await desk.w.store.notifications.get(View("other"), notification_id)
            return theirs.state == "sent" or None

        await eventually(sent)
    assert len(desk.mail.got) == 2


async def test_an_answer_of_500_is_tried_again_under_the_same_id(desk: Desk) -> None:
    desk.web.answer = status(503)
    notification_id = await desk.accept("webhook")
    async with desk.carrying():
        first = await desk.web.next()
        await desk.until(
            notification_id, lambda one: bool(one.attempts) and one.attempts[0].status == "queued"
        )
        desk.web.answer = status(204)
        desk.w.clock.pass_s(31)
        second = await desk.web.next()
        await desk.ends(notification_id, ("webhook", "sent"))
    assert first.id == second.id
